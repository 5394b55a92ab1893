#!/usr/bin/env python3
"""formation_test.py BINARY: the ways in which several nodes become a cluster, with the real binary on loopback: seeds,
static voters, kafka-storage format with first voters, and nodes that join."""

import os
import re
import time
import unittest

from nodes import SERVES, NodesCase, free_ports

CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
DIRECTORIES = ("K90IZ-0DRNazJ49kCZ1EMQ", "aUARLskQTCW4qCZDtS_cwA", "2ggvsS4kQb-fSJ_-zC_Ang")


class Formation(NodesCase):
    def cluster_of(self, process):
        return re.search(r"node (\d+) of cluster (\S+)", self.words_of(process)).groups()

    def assert_replicates(self, processes):
        """A topic on all of them takes a record at one and gives it at another."""
        brokers = ",".join(f"127.0.0.1:{process.port}" for process in processes)
        created = self.run_words("topic", "create", "t", "-p", "3", "-r", str(len(processes)), "-b", brokers)
        self.assertEqual(created.returncode, 0, created.stderr)
        made = self.run_words("produce", "t", "-b", f"127.0.0.1:{processes[0].port}", stdin="one\n")
        self.assertEqual(made.returncode, 0, made.stderr)
        read = self.run_words("consume", "t", "-n", "1", "-f", "%v", "-b", f"127.0.0.1:{processes[-1].port}")
        self.assertEqual(read.stdout, "one", read.stderr)

    def wait_all(self, processes):
        for process in processes:
            self.wait_for(process, SERVES)

    def test_seeds_alone_form_a_cluster_and_number_its_nodes(self):
        ports = free_ports(3)
        seeds = "cluster.seeds=" + ",".join(f"127.0.0.1:{port}" for port in ports)
        nodes = [self.start(seeds, "cluster.initial_size=3", f"listeners.controller.bind=127.0.0.1:{port}",
                            name=f"node-{port}") for port in ports]
        self.wait_all(nodes)
        identities = [self.cluster_of(node) for node in nodes]
        self.assertEqual([node_id for node_id, _ in identities], ["1", "2", "3"])
        self.assertEqual(len({cluster for _, cluster in identities}), 1)
        self.assert_replicates(nodes)
        # A broker that has only heard of the seeds joins.
        fourth = self.serving(seeds, "node.id=4", "process.roles=broker", name="fourth")
        self.assertEqual(self.cluster_of(fourth), ("4", identities[0][1]))

    def properties(self, node_id, controllers, ports):
        name = os.path.join(self.folder, f"{node_id}.properties")
        with open(name, "w", encoding="utf-8") as file:
            file.write(f"process.roles=broker,controller\nnode.id={node_id}\n"
                       f"listeners=PLAINTEXT://127.0.0.1:{ports[0]},CONTROLLER://127.0.0.1:{controllers[node_id - 1]}\n"
                       "controller.listener.names=CONTROLLER\ncontroller.quorum.bootstrap.servers="
                       + ",".join(f"127.0.0.1:{port}" for port in controllers)
                       + f"\nlog.dirs={self.folder}/kafka-{node_id}\n")
        return name

    def test_first_voters_of_kafka_storage(self):
        controllers = free_ports(3)
        spec = ",".join(f"{i + 1}@127.0.0.1:{controllers[i]}:{DIRECTORIES[i]}" for i in range(3))
        ports = free_ports(6)
        nodes = []
        for i in range(3):
            file = self.properties(i + 1, controllers, ports[2 * i:])
            missing = self.run_words("kafka-storage", "format", "-t", CLUSTER_ID, "-c", file)
            self.assertEqual(missing.returncode, 1)
            self.assertIn("you must specify one of the following: --standalone, --initial-controllers, or "
                          "--no-initial-controllers.", missing.stderr)
            formatted = self.run_words("kafka-storage", "format", "-t", CLUSTER_ID, "-c", file, "-I", spec)
            self.assertEqual(formatted.returncode, 0, formatted.stderr)
            self.assertIn("Formatting dynamic metadata voter directory", formatted.stdout)
            with open(f"{self.folder}/kafka-{i + 1}/meta.properties", encoding="utf-8") as meta:
                self.assertIn(f"directory.id={DIRECTORIES[i]}", meta.read())
        for i in range(3):
            nodes.append(self.start("process.roles=broker,controller", f"node.id={i + 1}",
                                    f"listeners.controller.bind=127.0.0.1:{controllers[i]}", "cluster.seeds="
                                    + ",".join(f"127.0.0.1:{port}" for port in controllers), name=f"kafka-{i + 1}",
                                    port=ports[2 * i], admin=ports[2 * i + 1]))
        self.wait_all(nodes)
        self.assertEqual({self.cluster_of(node)[1] for node in nodes}, {CLUSTER_ID})
        self.assert_replicates(nodes)

    def test_one_that_stands_alone(self):
        (controller,) = free_ports(1)
        file = self.properties(1, [controller], free_ports(1))
        formatted = self.run_words("kafka-storage", "format", "--standalone", "-t", CLUSTER_ID, "-c", file)
        self.assertEqual(formatted.returncode, 0, formatted.stderr)
        node = self.serving("node.id=1", f"cluster.seeds=127.0.0.1:{controller}",
                            f"listeners.controller.bind=127.0.0.1:{controller}", name="kafka-1")
        self.assertEqual(self.cluster_of(node), ("1", CLUSTER_ID))
        self.assert_replicates([node])
        self.stop(node)

    def test_one_that_waits_for_the_others_stops_when_told(self):
        ports = free_ports(3)
        node = self.start("cluster.seeds=" + ",".join(f"127.0.0.1:{port}" for port in ports),
                          "cluster.initial_size=3", f"listeners.controller.bind=127.0.0.1:{ports[0]}")
        self.wait_for(node, "data folder formatted")
        time.sleep(0.5)
        self.stop(node)
        self.assertNotIn(SERVES, self.words_of(node))


if __name__ == "__main__":
    unittest.main()
