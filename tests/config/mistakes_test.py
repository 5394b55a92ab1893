#!/usr/bin/env python3
"""mistakes_test.py BINARY: what beginners get wrong about a node's configuration, each told in plain words by the real
binary: a port that is taken, another node's or cluster's folder, an id that is there twice, a peer of another cluster,
two voters, names that nobody knows. On loopback addresses; every process has a time limit."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MOLDAU = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
PATIENCE = float(os.environ.get("MOLDAU_TEST_PATIENCE", "1"))
LIMIT_S = 30 * PATIENCE
BAD_CONFIG, ADDRESS_IN_USE, IDENTITY_MISMATCH = 3, 4, 6


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Mistakes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="moldau-mistakes-")
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT_S)
        shutil.rmtree(self.folder)

    def start(self, *settings, name="data", port=None, admin=None):
        """A node on a free port. Its words go to a file: see words_of()."""
        free = free_ports(2)
        port, admin = port or free[0], admin or free[1]
        words = [MOLDAU, "start", "--data-dir", os.path.join(self.folder, name)]
        for setting in (f"listeners.plaintext.bind=127.0.0.1:{port}", f"admin.bind=127.0.0.1:{admin}",
                        "storage.commit_log_size=16MiB", *settings):
            words += ["--set", setting]
        log = os.path.join(self.folder, f"log.{len(self.processes)}")
        with open(log, "wb") as out:
            process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       env={"PATH": "/usr/bin:/bin", "HOME": self.folder})
        process.log, process.port = log, port
        self.processes.append(process)
        return process

    def words_of(self, process):
        with open(process.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def serving(self, *settings, **where):
        process = self.start(*settings, **where)
        end = time.monotonic() + LIMIT_S
        while "Transitioning from RECOVERY to RUNNING" not in self.words_of(process):
            self.assertIsNone(process.poll(), self.words_of(process))
            self.assertLess(time.monotonic(), end, self.words_of(process))
            time.sleep(0.02)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LIMIT_S), 0, self.words_of(process))

    def refused(self, code, *settings, **where):
        """What a start says that ends with this code."""
        process = self.start(*settings, **where)
        self.assertEqual(process.wait(LIMIT_S), code, self.words_of(process))
        return self.words_of(process)

    def assert_words(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)

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
        end = time.monotonic() + LIMIT_S
        while "a name that this machine does not know" not in self.words_of(node):
            self.assertLess(time.monotonic(), end, self.words_of(node))
            time.sleep(0.05)
        self.assertRegex(self.words_of(node), r"no-such-host\.invalid:9092.*listeners\.plaintext\.advertise")

    def test_two_voters(self):
        ports = free_ports(2)
        node = self.start("node.id=1", f"controller.quorum.voters=1@127.0.0.1:{ports[0]},2@127.0.0.1:{ports[1]}",
                          f"listeners.controller.bind=127.0.0.1:{ports[0]}")
        end = time.monotonic() + LIMIT_S
        while "two voters tolerate no failure" not in self.words_of(node):
            self.assertIsNone(node.poll(), self.words_of(node))
            self.assertLess(time.monotonic(), end, self.words_of(node))
            time.sleep(0.05)

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
