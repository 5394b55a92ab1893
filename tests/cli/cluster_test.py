"""moldau dev -n 3: three real nodes, and the commands that look after a cluster: health, moves, elections, drains, the quorum,
a node that is killed and comes back, and Kafka's own names for all of it.

Usage: cluster_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
import re
import signal
import time
import unittest

from node import LIMIT_S, Node, free_cluster_port

NODES = 3


class ClusterTest(unittest.TestCase):
    """Each test begins and ends with a healthy cluster."""

    @classmethod
    def setUpClass(cls):
        cls.node = Node()  # its folder and tools; it is not started itself
        cls.addClassCleanup(cls.node.remove)
        cls.node.env.pop("MOLDAU_BROKERS")
        cls.port = free_cluster_port()
        cls.folder = os.path.join(cls.node.dir, "cluster")
        cls.addClassCleanup(cls.node.run, f"moldau dev stop --data-dir {cls.folder} --wait 20s")
        started = cls.node.run(f"moldau dev -n {NODES} -d --port {cls.port} --data-dir {cls.folder} --topic orders:6", limit=3 * LIMIT_S)
        if started.code != 0:
            raise AssertionError(f"{started}\n{cls.logs()}")
        cls.started = started

    @classmethod
    def logs(cls):
        text = ""
        for node in range(1, NODES + 1):
            path = f"{cls.folder}/node-{node}.log"
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as file:
                    text += f"--- node {node}\n" + "".join(file.readlines()[-30:])
        return text

    def setUp(self):
        self.addCleanup(self.done, "moldau cluster health --wait 60s", limit=3 * LIMIT_S)

    def done(self, line, stdin=None, limit=2 * LIMIT_S):
        result = self.node.run("set -o pipefail; " + self.own(line), stdin, limit)
        if result.code != 0:
            raise AssertionError(f"{line}\n{result}\n{self.logs()}")
        return result.out

    def fails(self, line, code):
        result = self.node.run(self.own(line), limit=2 * LIMIT_S)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return result

    def own(self, line):
        return line.replace("localhost:9092", f"localhost:{self.port}")

    def rows(self, line):
        return [json.loads(row) for row in self.done(line + " --format jsonl").splitlines()]

    def pid(self, node):
        with open(f"{self.folder}/node-{node}/moldau.pid", encoding="utf-8") as file:
            return int(file.read())

    def controller(self):
        return self.rows("moldau cluster health")[0]["controller"]

    def eventually(self, check, what, limit=2 * LIMIT_S):
        deadline = time.monotonic() + limit
        while not check():
            self.assertLess(time.monotonic(), deadline, f"{what}\n{self.logs()}")
            time.sleep(0.1)

    def kill(self, node):
        os.kill(self.pid(node), signal.SIGKILL)
        self.eventually(lambda: node in [int(down) for row in [self.health()] for down in row["nodes_down"]], f"node {node} is down")

    def health(self):
        result = self.node.run("moldau cluster health --format jsonl", limit=2 * LIMIT_S)
        return json.loads(result.out) if result.out else {"nodes_down": []}

    def start_again(self, node):
        self.done(f"moldau start --daemon -c {self.folder}/node-{node}.yaml")
        self.done("moldau cluster health --wait 60s", limit=3 * LIMIT_S)


class Together(ClusterTest):
    def test_what_dev_says(self):
        brokers = ",".join(f"localhost:{self.port + i}" for i in range(NODES))
        self.assertEqual(self.started.out, f"BROKERS={brokers}\n")
        self.assertIn("node-2.log", self.started.err)
        self.assertIn(brokers, self.done("moldau profile print dev").replace(" ", "").replace("[", "").replace("]", ""))
        rows = self.rows(f"moldau dev status --data-dir {self.folder}")
        self.assertEqual([(row["node"], row["state"]) for row in rows], [(1, "ready"), (2, "ready"), (3, "ready")])
        again = self.fails(f"moldau dev -n {NODES} -d --port {self.port} --data-dir {self.folder}", 6)
        self.assertIn("runs already", again.err)

    def test_the_whole(self):
        health = self.rows("moldau cluster health --strict --wait 30s")[0]
        self.assertEqual((health["healthy"], health["brokers"], health["voters"]), (True, NODES, NODES))
        brokers = self.rows("moldau cluster brokers")
        self.assertEqual([row["state"] for row in brokers], ["up"] * NODES)
        self.assertEqual(sum(row["leads"] for row in brokers if row["leads"]), sum(row["preferred"] for row in brokers))
        quorum = self.rows("moldau quorum status")
        self.assertEqual(sorted(row["status"] for row in quorum), ["follower", "follower", "leader"])
        self.assertIn("CONTROLLERS", self.done("moldau cluster info"))
        described = self.done("kafka-topics.sh --bootstrap-server localhost:9092 --describe --topic orders")
        self.assertIn("PartitionCount: 6\tReplicationFactor: 3", described)
        self.assertEqual(self.done("kafka-topics.sh --bootstrap-server localhost:9092 --describe --under-replicated-partitions"), "")

    def test_quorum_by_kafkas_name(self):
        status = self.done("kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --status")
        self.assertRegex(status, r"\AClusterId:              \S{22}\nLeaderId:               [123]\nLeaderEpoch:            \d+\n"
                                 r"HighWatermark:          \d+\nMaxFollowerLag:         \d+\nMaxFollowerLagTimeMs:   -?\d+\nCurrentVoters:          \[")
        self.assertEqual(status.count('"id": '), NODES)
        table = self.done("kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --replication --human-readable")
        self.assertEqual([len(re.findall(word, table)) for word in ("Leader", "Follower")], [1, NODES - 1])
        controllers = f"localhost:{self.port + 100}"
        endpoints = self.done(f"kafka-cluster.sh list-endpoints --bootstrap-controller {controllers}")
        self.assertEqual(endpoints.count("controller "), NODES)
        self.assertEqual(self.done("kafka-cluster.sh list-endpoints --bootstrap-server localhost:9092").count("unfenced"), NODES)
        self.assertIn("metadata.version", self.done("kafka-features.sh --bootstrap-server localhost:9092 describe"))

    def test_doctor(self):
        rows = self.rows(f"moldau doctor localhost:{self.port}")
        # This test's folders are under /tmp, of which doctor warns.
        self.assertEqual({row["result"] for row in rows if "in /tmp" not in row["detail"]}, {"ok"}, rows)
        self.assertEqual(len([row for row in rows if row["check"] == "advertised"]), NODES)
        controller = self.fails(f"moldau doctor localhost:{self.port + 100}", 1)
        self.assertIn("controller's port", controller.out)
        admin = self.fails(f"moldau doctor localhost:{self.port + 552}", 1)
        self.assertIn("answers in HTTP", admin.out)


class Losing(ClusterTest):
    def lose(self, node):
        self.done("moldau produce orders -o ''", "".join(f"before {i}\n" for i in range(500)))
        check = self.node.run(f"moldau node restart-check {node} --format jsonl")
        self.assertEqual(check.code, 0, check)
        self.kill(node)
        self.fails("moldau cluster health", 10)
        self.done("moldau produce orders -o ''", "".join(f"during {i}\n" for i in range(500)))
        lines = self.done("moldau consume orders --exit-at-end -f '%v\\n'").splitlines()
        for word in ("before", "during"):
            self.assertEqual({line for line in lines if line.startswith(word)}, {f"{word} {i}" for i in range(500)})
        other = next(one for one in range(1, NODES + 1) if one != node)
        self.fails(f"moldau node restart-check {other}", 10)
        under = self.done("kafka-topics.sh --bootstrap-server " + self.bootstrap_without(node) + " --describe --under-replicated-partitions")
        self.assertGreaterEqual(under.count("Topic: orders"), 6)
        self.fails(f"moldau doctor {self.bootstrap_without(node)}", 1)
        self.start_again(node)

    def bootstrap_without(self, node):
        return ",".join(f"localhost:{self.port + i - 1}" for i in range(1, NODES + 1) if i != node)

    def test_a_broker(self):
        self.lose(next(node for node in range(1, NODES + 1) if node != self.controller()))

    def test_the_controller(self):
        before = self.controller()
        self.lose(before)

    def quorum_leader(self):
        """The active controller itself; brokers name one of themselves as the controller, as Kafka's do."""
        return next(row["node"] for row in self.rows("moldau quorum status") if row["status"] == "leader")

    def test_a_metadata_log_that_fails(self):
        """The node ends by itself, names what failed, and a start without the cause has it back."""
        controller = self.quorum_leader()
        failed = next(node for node in range(1, NODES + 1) if node != controller)
        self.done(f"moldau stop --data-dir {self.folder}/node-{failed}")
        process = self.node.popen(f"moldau start -c {self.folder}/node-{failed}.yaml", exec=True)
        try:
            self.done("moldau cluster health --wait 60s", limit=3 * LIMIT_S)
            in_the_way = f"{self.folder}/node-{failed}/__cluster_metadata-0/quorum-state.tmp"
            os.mkdir(in_the_way)
            self.done(f"moldau stop --data-dir {self.folder}/node-{controller}")  # a new epoch, and a vote to be written
            _, err = process.communicate(timeout=LIMIT_S)
            self.assertEqual(process.returncode, 1, err)
            line = err.decode()[err.decode().index("error: the node ends: its metadata log has failed"):]
            self.assertIn(in_the_way, line.splitlines()[1])
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
        os.rmdir(in_the_way)
        self.done(f"moldau start --daemon -c {self.folder}/node-{failed}.yaml & moldau start --daemon -c {self.folder}/node-{controller}.yaml; wait")
        self.done("moldau cluster health --wait 60s", limit=3 * LIMIT_S)


class Moving(ClusterTest):
    def replicas(self, topic):
        described = json.loads(self.done(f"moldau topic describe {topic} --format json"))[0]
        return {row["partition"]: row["replicas"] for row in described["partition_list"]}

    def leaders(self, topic):
        described = json.loads(self.done(f"moldau topic describe {topic} --format json"))[0]
        return {row["partition"]: row["leader"] for row in described["partition_list"]}

    def test_reassign(self):
        self.done("moldau topic create moved --assign 1:2,2:1")
        self.done("moldau produce moved -o ''", "x\n" * 1000)
        rows = self.rows("moldau cluster reassign moved --to 2,3 --wait=60s")
        self.assertEqual({row["status"] for row in rows}, {"OK"})
        self.assertEqual({frozenset(nodes) for nodes in self.replicas("moved").values()}, {frozenset((2, 3))})
        self.assertEqual(len(self.done("moldau consume moved --exit-at-end -f '%v\\n'").splitlines()), 1000)
        self.rows("moldau cluster reassign moved --replicas 3 --wait=60s")
        self.assertEqual({len(nodes) for nodes in self.replicas("moved").values()}, {3})

    def test_reassign_by_kafkas_name(self):
        self.done("moldau topic create theirs --assign 1:2,2:1")
        self.node.write("topics.json", '{"version":1,"topics":[{"topic":"theirs"}]}')
        tool = "kafka-reassign-partitions.sh --bootstrap-server localhost:9092"
        generated = self.done(f'{tool} --topics-to-move-json-file topics.json --broker-list "2,3" --generate')
        self.assertTrue(generated.startswith("Current partition replica assignment\n"), generated)
        self.node.write("move.json", generated.splitlines()[-1])
        executed = self.done(f"{tool} --execute --reassignment-json-file move.json --throttle 10000000")
        self.assertIn("The inter-broker throttle limit was set to 10000000 B/s\n", executed)
        self.assertTrue(executed.endswith("Successfully started partition reassignments for theirs-0,theirs-1\n"), executed)
        completed = "Reassignment of partition theirs-0 is completed.\nReassignment of partition theirs-1 is completed.\n"
        self.eventually(lambda: completed in self.done(f"{tool} --verify --reassignment-json-file move.json"), "both partitions arrive")
        self.assertIn("Clearing topic-level throttles on topic theirs", self.done(f"{tool} --verify --reassignment-json-file move.json"))
        self.assertEqual(self.done(f"{tool} --list"), "No partition reassignments found.\n")
        self.assertEqual({frozenset(nodes) for nodes in self.replicas("theirs").values()}, {frozenset((2, 3))})

    def test_drain_and_resume(self):
        self.done("moldau node drain 2")
        self.assertNotIn(2, self.leaders("orders").values())
        self.done("moldau node resume 2")
        self.eventually(lambda: 2 in self.leaders("orders").values(), "node 2 leads again")
        self.done("moldau cluster health --strict --wait 30s")

    def test_elections(self):
        self.done("moldau topic create elected --assign 3:1:2")
        elect = "kafka-leader-election.sh --bootstrap-server localhost:9092 --election-type preferred"
        self.assertEqual(self.done(f"{elect} --topic elected --partition 0"), "Valid replica already elected for partitions elected-0\n")
        self.rows("moldau cluster reassign elected/0 --to 1,2,3")  # nothing to move
        self.done("moldau cluster elect")

    def test_balance(self):
        self.done("moldau topic create uneven --assign 1:2,1:2,1:2,1:2,1:2,1:2")
        self.rows("moldau cluster balance --wait=60s")
        counts = [row["replicas"] for row in self.rows("moldau cluster brokers")]
        self.assertLessEqual(max(counts) - min(counts), 1, counts)


class Foreground(unittest.TestCase):
    def test_interrupt_stops_all(self):
        node = Node()
        self.addCleanup(node.remove)
        port = free_cluster_port()
        process = node.popen(f"moldau dev -n {NODES} --tmp --port {port}", exec=True)
        try:
            first = process.stdout.readline().decode()
            self.assertTrue(first.startswith("BROKERS="), first or process.stderr.read().decode())
            folder = f"/tmp/moldau-dev-{port}"
            self.assertTrue(os.path.exists(f"{folder}/node-1/moldau.pid"))
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=3 * LIMIT_S)
            self.assertEqual(process.returncode, 0, err)
            self.assertFalse(os.path.exists(folder), "it was a temporary one")
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()
                node.run(f"moldau dev stop --tmp --port {port}", limit=2 * LIMIT_S)


if __name__ == "__main__":
    unittest.main()
