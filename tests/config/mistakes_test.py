#!/usr/bin/env python3
"""mistakes_test.py BINARY: what beginners get wrong about a node's configuration, each told in plain words by the real
binary: a port that is taken, another node's or cluster's folder, an id that is there twice, a peer of another cluster,
two voters, names that nobody knows. On loopback addresses; every process has a time limit."""

import os
import re
import socket
import unittest

from nodes import LIMIT_S, NodesCase, free_ports

BAD_CONFIG, ADDRESS_IN_USE, IDENTITY_MISMATCH = 3, 4, 6


class Mistakes(NodesCase):
    def test_a_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            said = self.refused(ADDRESS_IN_USE, port=port)
            self.assert_words(said, "listener PLAINTEXT", f"listeners.plaintext.bind is 127.0.0.1:{port}",
                              f"where process {os.getpid()} (python3")
            said = self.refused(ADDRESS_IN_USE, admin=port)
            self.assert_words(said, "admin", f"admin.bind is 127.0.0.1:{port}", f"process {os.getpid()}")

    def test_the_folder_of_another_node_or_cluster(self):
        first = "4L6g3nShT-eMCtK--X86sw"
        self.stop(self.serving("node.id=1001", f"cluster.id={first}"))
        folder = os.path.join(self.folder, "data")
        said = self.refused(IDENTITY_MISMATCH, "node.id=1389", f"cluster.id={first}")
        self.assert_words(said, f"{folder} belongs to node 1001 of cluster '{first}'", "configured as node 1389",
                          "set node.id to 1001", "name another folder that is empty")
        said = self.refused(IDENTITY_MISMATCH, "node.id=1001", "cluster.id=brno")
        self.assert_words(said, f"of cluster '{first}'", "of cluster 'brno'", f"set cluster.id to {first}")
        self.stop(self.serving())  # auto takes both

    def test_a_folder_that_holds_something_else(self):
        folder = os.path.join(self.folder, "data")
        os.mkdir(folder)
        with open(os.path.join(folder, "thesis.tex"), "w", encoding="utf-8") as file:
            file.write("mine")
        self.assert_words(self.refused(BAD_CONFIG), folder, "thesis.tex", "name an empty folder")
        self.assertEqual(os.listdir(folder), ["thesis.tex"])

    def test_addresses_that_mean_nothing(self):
        said = self.refused(BAD_CONFIG, "listeners.plaintext.advertise=0.0.0.0:9092")
        self.assert_words(said, "clients cannot connect to 0.0.0.0:9092")
        node = self.serving("listeners.plaintext.advertise=4c01db0b339c:9092")
        self.assert_words(self.words_of(node), "which looks like the id of a container")
        try:
            socket.getaddrinfo("no-such-host.invalid", 9092)
        except socket.gaierror as error:
            if error.errno != socket.EAI_NONAME:
                return  # nobody could be asked, so nothing is known
        node = self.serving("listeners.plaintext.advertise=no-such-host.invalid:9092", name="other")
        self.wait_for(node, "a name that this machine does not know")
        self.assertRegex(self.words_of(node), r"no-such-host\.invalid:9092.*listeners\.plaintext\.advertise")

    def test_two_voters(self):
        ports = free_ports(2)
        node = self.start("node.id=1", f"controller.quorum.voters=1@127.0.0.1:{ports[0]},2@127.0.0.1:{ports[1]}",
                          f"listeners.controller.bind=127.0.0.1:{ports[0]}")
        self.wait_for(node, "two voters tolerate no failure")

    def test_a_member_without_a_number(self):
        said = self.refused(BAD_CONFIG, "process.roles=broker", "controller.quorum.voters=1@127.0.0.1:1")
        self.assert_words(said, "node.id is not set")

    def cluster_of_one(self):
        controller = free_ports(1)[0]
        voters = f"controller.quorum.voters=1@127.0.0.1:{controller}"
        self.serving("node.id=1", voters, f"listeners.controller.bind=127.0.0.1:{controller}", name="one")
        return voters

    def test_the_same_node_id_twice(self):
        broker = ("node.id=2", "process.roles=broker", self.cluster_of_one())
        self.serving(*broker, name="two")
        second = self.start(*broker, "initial.broker.registration.timeout.ms=3000", name="again")
        self.assertNotEqual(second.wait(LIMIT_S), 0)
        self.assert_words(self.words_of(second), "another live broker is registered with node id 2", "node.id")

    def test_a_peer_of_another_cluster(self):
        voters = self.cluster_of_one()
        said = self.refused(IDENTITY_MISMATCH, "node.id=3", "process.roles=broker", "cluster.id=brno", voters,
                            "initial.broker.registration.timeout.ms=5000", name="three")
        self.assert_words(said, "belongs to cluster", "to cluster 'brno'", "controller.quorum.voters")

    def test_a_broker_that_joins_is_told_its_cluster(self):
        voters = self.cluster_of_one()
        one = re.search(r"node 1 of cluster (\S+)", self.words_of(self.processes[0])).group(1)
        joined = self.serving("node.id=4", "process.roles=broker", voters, name="four")
        self.assertIn(f"node 4 of cluster {one}", self.words_of(joined))


if __name__ == "__main__":
    unittest.main()
