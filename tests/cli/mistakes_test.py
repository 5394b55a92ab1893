"""What beginners get wrong, and the words in which the node or `moldau doctor` tells them: reference/ecosystem.md part 10,
whose numbers the tests' names carry. Settings of which no process is needed are in tests/unit/config.

Usage: mistakes_test.py PATH_OF_MOLDAU [unittest options]
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from node import LIMIT_S, MOLDAU, free_ports

QUORUM = """controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
"""
BOTH = QUORUM + """process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
"""
BROKER = QUORUM + """process.roles=broker
node.id={id}
listeners=PLAINTEXT://127.0.0.1:{port}
"""
EXIT_ADDRESS_IN_USE, EXIT_OTHER_IDENTITY = 4, 6


class Mistakes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="moldau-mistakes-")
        self.processes = {}
        self.addCleanup(self.clean)
        self.given = set()
        self.port, self.controller = self.free_port(), self.free_port()

    def free_port(self):
        """One that was not given to another node of this test either."""
        while (port := free_ports(1)[0]) in self.given:
            pass
        self.given.add(port)
        return port

    def clean(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, name, text, *flags, **values):
        """A node with the properties `text` in the folder `name`; whether it comes up is the test's affair."""
        values = {"port": self.port, "controller": self.controller, **values}
        with open(self.path(name + ".properties"), "w", encoding="utf-8") as file:
            file.write(text.format(**values) + f"log.dirs={self.path(name)}\n")
        admin = self.free_port()
        with open(self.path(name + ".log"), "wb") as log:
            self.processes[name] = subprocess.Popen(
                [MOLDAU, "start", "--config", self.path(name + ".properties"), "--admin-addr", f"127.0.0.1:{admin}",
                 "--set", "storage.commit_log_size=16MiB", *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.processes[name]

    def log(self, name):
        with open(self.path(name + ".log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for_words(self, name, *words):
        """Until its log has them all."""
        deadline = time.monotonic() + LIMIT_S
        while not all(word in self.log(name) for word in words):
            self.assertLess(time.monotonic(), deadline, f"{words} are not in\n{self.log(name)}")
            time.sleep(0.02)

    def started(self, name, text, *flags, **values):
        self.start(name, text, *flags, **values)
        self.wait_for_words(name, "Kafka Server started")

    def stop(self, name):
        self.processes[name].send_signal(signal.SIGTERM)
        self.assertEqual(self.processes[name].wait(LIMIT_S), 0, self.log(name))

    def ended(self, name):
        code = self.processes[name].wait(LIMIT_S)
        return code, self.log(name)

    def moldau(self, *words):
        done = subprocess.run([MOLDAU, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False)
        return done.returncode, done.stdout + done.stderr

    def doctor(self):
        return self.moldau("doctor", f"127.0.0.1:{self.port}")

    # --- addresses

    def test_01_an_advertised_address_that_nobody_reaches(self):
        self.started("node", BOTH + "advertised.listeners=PLAINTEXT://4c01db0b339c:{port}\n")
        self.wait_for_words("node", "looks like the id of a container", "set advertised.listeners",
                            "a name that this machine does not know")
        code, told = self.doctor()
        self.assertEqual(code, 1)
        self.assertIn(f"fail    advertised  4c01db0b339c:{self.port}", told)
        self.assertIn("have the broker advertise an address that this machine reaches", told)

    def test_01_a_wildcard_as_the_advertised_address(self):
        self.start("node", BOTH + "advertised.listeners=PLAINTEXT://0.0.0.0:{port}\n")
        code, told = self.ended("node")
        self.assertNotEqual(code, 0)
        self.assertIn(f"clients cannot connect to 0.0.0.0:{self.port}: advertise the name or address by which they reach",
                      told)

    def test_06_a_listener_that_is_not_there(self):
        self.start("node", BOTH + "inter.broker.listener.name=PLAINTXT\n")
        code, told = self.ended("node")
        self.assertNotEqual(code, 0)
        self.assertIn("inter.broker.listener.name: there is no listener PLAINTXT", told)
        self.assertIn("did you mean PLAINTEXT?", told)

    def test_08_and_09_another_protocol_on_a_brokers_port(self):
        self.started("node", BOTH)
        for protocol, first in (("TLS", bytes.fromhex("16030100c8010000c40303")), ("HTTP", b"GET / HTTP/1.1\r\n\r\n")):
            with socket.create_connection(("127.0.0.1", self.port), LIMIT_S) as peer:
                peer.sendall(first)
                peer.recv(100)
            self.wait_for_words("node", f"the peer speaks {protocol}, not Kafka's protocol")

    def test_09_the_admin_port_is_no_broker(self):
        self.started("node", BOTH)
        ports = [line.rsplit(":", 1)[1].strip(" /") for line in self.log("node").splitlines() if "admin on http://" in line]
        code, told = self.moldau("doctor", f"127.0.0.1:{ports[0]}")
        self.assertEqual(code, 1)
        self.assertIn("answers in HTTP", told)
        self.assertIn("brokers listen on another port, often 9092", told)

    def test_10_a_port_that_is_taken(self):
        self.started("one", BOTH)
        self.start("other", BOTH, controller=self.free_port())
        code, told = self.ended("other")
        self.assertEqual(code, EXIT_ADDRESS_IN_USE)
        self.assertIn(f"listeners.plaintext.bind is 127.0.0.1:{self.port}, where process {self.processes['one'].pid} (", told)

    # --- who a node is

    def test_03_another_cluster_id_than_the_folders(self):
        self.started("node", BOTH, "--set", "cluster.id=prague")
        self.stop("node")
        self.start("node", BOTH, "--set", "cluster.id=brno")
        code, told = self.ended("node")
        self.assertEqual(code, EXIT_OTHER_IDENTITY)
        self.assertIn("belongs to node 1 of cluster 'prague', but this is configured as node 1 of cluster 'brno'", told)
        self.assertIn("set cluster.id to prague", told)

    def test_03_another_cluster_id_than_the_controllers(self):
        self.started("controller", BOTH, "--set", "cluster.id=prague")
        self.start("broker", BROKER, "--set", "cluster.id=brno", id=2, port=self.free_port())
        self.wait_for_words("broker", "another cluster")

    def test_04_another_node_id_than_the_folders(self):
        self.started("node", BOTH)
        self.stop("node")
        self.start("node", BOTH.replace("node.id=1", "node.id=9").replace("voters=1@", "voters=9@"))
        code, told = self.ended("node")
        self.assertEqual(code, EXIT_OTHER_IDENTITY)
        self.assertIn("to go on with its data, set node.id to 1 (auto takes what the folder says)", told)

    def test_the_same_node_id_twice(self):
        self.started("controller", BOTH)
        self.started("one", BROKER, id=2, port=self.free_port())
        self.start("other", BROKER, id=2, port=self.free_port())
        self.wait_for_words("other", "another live broker is registered with node id 2",
                            "each node of a cluster needs an id of its own (node.id)")
        self.assertIsNone(self.processes["one"].poll(), "the first of them goes on")

    # --- how many there are

    def test_28_two_voters(self):
        other = self.free_port()
        voters = f"controller.quorum.voters=1@127.0.0.1:{self.controller},2@127.0.0.1:{other}\n"
        self.start("node", voters + BOTH.split("\n", 1)[1])
        self.wait_for_words("node", "two voters tolerate no failure: when one is down, so is the cluster; have one or three")

    def test_07_more_copies_than_brokers(self):
        self.started("node", BOTH + "default.replication.factor=3\nmin.insync.replicas=3\n")
        _, told = self.doctor()
        self.assertIn("default.replication.factor=3, min.insync.replicas=3: the loss of one replica stops acks=all", told)

    # --- settings

    def test_11_data_in_the_folder_for_temporary_files(self):
        self.started("node", BOTH)
        self.wait_for_words("node", "log.dirs: data under /tmp may be gone after a reboot")
        self.assertIn(f"its data is in {self.path('node')}, which may be gone after a reboot", self.doctor()[1])

    def test_26_a_key_that_does_not_exist(self):
        self.started("node", BOTH + "num.partitons=3\n")  # a file of Kafka's may have keys of its plugins
        self.wait_for_words("node", "num.partitons: unknown key; did you mean num.partitions? (ignored)")
        self.start("other", BOTH, "--set", "storage.durabilty=page-cache")
        code, told = self.ended("other")
        self.assertNotEqual(code, 0)
        self.assertIn("storage.durabilty: unknown key; did you mean storage.durability?", told)

    def test_all_problems_are_told_at_once(self):
        self.start("node", BOTH + "default.replication.factor=many\nnum.partitions=-3\n")
        code, told = self.ended("node")
        self.assertNotEqual(code, 0)
        self.assertIn("default.replication.factor: Invalid value many", told)
        self.assertIn("num.partitions: Invalid value -3", told)


if __name__ == "__main__":
    unittest.main()
