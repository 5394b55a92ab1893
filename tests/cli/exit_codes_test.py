"""The exit codes that scripts rely on (src/cli/cli.h), each from the real binary.

Not here: 130 and 143 (tutorial_test.py), and 4, which no node of ours gives cause for (tests/unit/cli/cluster_test.cc).

Usage: exit_codes_test.py PATH_OF_MOLDAU [unittest options]
"""

import os
import unittest

from node import Node, free_ports

NOBODY = free_ports(1)[0]

MOLDAU = [
    (0, "moldau topic list"),
    (0, "moldau cluster health --wait 20s"),
    (0, "moldau topic create there"),
    (0, "moldau topic create there --if-not-exists"),
    (0, "moldau topic list | head -0"),
    (1, "moldau topic alter there -s segment.bytes=1"),
    (1, "moldau topic delete there missing -y --dry-run"),
    (0, "moldau quorum status"),
    (0, "moldau cluster brokers"),
    (0, "moldau topic describe --under-replicated"),
    (0, "moldau doctor"),
    (0, "moldau txn list"),
    (2, "moldau txn"),
    (2, "moldau txn abort"),
    (5, "moldau txn describe missing"),
    (1, f"moldau doctor localhost:{NOBODY}"),
    (2, "moldau"),
    (2, "moldau nonsense"),
    (2, "moldau topic"),
    (2, "moldau topic list --nonsense"),
    (2, "moldau topic create"),
    (2, "moldau topic create t -p many"),
    (2, "moldau topic list --format nonsense"),
    (2, "moldau topic delete there"),
    (2, "moldau topic list -b host:port"),
    (2, "moldau topic list --timeout soon"),
    (2, "moldau topic list -X nonsense=1"),
    (2, "moldau cluster reassign there"),
    (2, "moldau cluster elect --unclean -y"),
    (2, "moldau node drain"),
    (2, "moldau quorum remove-voter 1"),
    (2, "moldau dev -n 0"),
    (2, "moldau dev --topic :3"),
    (3, f"moldau topic list -b localhost:{NOBODY} --timeout 1s"),
    (3, f"moldau cluster health -b localhost:{NOBODY} --wait 1s --timeout 1s"),
    (3, "moldau topic list -b nowhere.invalid:9092 --timeout 1s"),
    (5, "moldau topic describe missing"),
    (5, "moldau topic delete missing missing-2 -y"),
    (5, "moldau consume missing --exit-at-end"),
    (5, "moldau explain NONSENSE_OF_MINE"),
    (5, "moldau cluster reassign missing --to 1"),
    (5, "moldau node drain 99"),
    (5, "moldau node restart-check 99"),
    (5, "moldau dev status --data-dir /nonexistent/moldau"),
    (5, "moldau dev stop --data-dir /nonexistent/moldau"),
    (5, "moldau stop --data-dir /nonexistent/moldau"),
    (5, "moldau status --data-dir /nonexistent/moldau"),
    (6, "moldau topic create there"),
    (10, "moldau node restart-check 1"),  # there is no other one
    (7, "moldau config check bad.yaml"),
    (7, "moldau config check missing.yaml"),
    (7, "moldau topic list --command-config missing.properties"),
    (7, "printf 'x y\\n' | moldau produce there -f '%p %v\\n'"),
]

# Of a daemon; systemd's unit tells by them what is worth another try.
START = [
    (2, "moldau start --nonsense"),
    (3, "moldau start -c bad.yaml"),
    (3, "moldau start -c missing.yaml"),
    (3, "moldau start --set num.partitions=none"),
    (3, "kafka-server-start.sh missing.properties"),
    (4, "moldau start --data-dir other {free} --kafka-addr 127.0.0.1:{port}"),
    (5, "moldau start --data-dir data {free}"),  # the running node's
    (5, "moldau start --data-dir bad.yaml {free}"),  # a file
    (6, "moldau start --data-dir stopped {free} --node-id 9"),
]

KAFKA = [
    (0, "kafka-topics.sh --list --bootstrap-server localhost:9092"),
    (0, "kafka-topics.sh --version"),
    (0, "kafka-topics.sh --create --topic theirs --bootstrap-server localhost:9092"),
    (1, "kafka-topics.sh"),
    (1, "kafka-topics.sh --nonsense --bootstrap-server localhost:9092"),
    (1, "kafka-topics.sh --create --topic theirs --bootstrap-server localhost:9092"),
    (1, "kafka-topics.sh --describe --topic missing --bootstrap-server localhost:9092"),
    (0, "kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --status"),
    (0, "kafka-cluster.sh list-endpoints --bootstrap-server localhost:9092"),
    (1, "kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe"),
    (1, "kafka-reassign-partitions.sh --bootstrap-server localhost:9092"),
    (1, "kafka-reassign-partitions.sh --bootstrap-server localhost:9092 --execute --reassignment-json-file missing.json"),
    (1, "kafka-leader-election.sh --bootstrap-server localhost:9092"),
    (0, "kafka-transactions.sh --bootstrap-server localhost:9092 list"),
    (1, "kafka-transactions.sh --bootstrap-server localhost:9092 describe --transactional-id missing"),
    (1, "kafka-storage.sh format"),
    (1, "kafka-acls.sh --list --bootstrap-server localhost:9092"),
]


class ExitCodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.remove)
        cls.node.write("bad.yaml", "nonsense: 1\n")
        cls.node.start()

    def check(self, rows):
        for code, line in rows:
            kafka, admin = free_ports(2)
            line = line.replace("{free}", f"--kafka-addr 127.0.0.1:{kafka} --admin-addr 127.0.0.1:{admin}")
            line = line.replace("{port}", str(self.node.port))
            with self.subTest(line):
                result = self.node.run("set -o pipefail; " + line)
                self.assertEqual(result.code, code, result)
                if code not in (0, 5, 10) and "doctor" not in line and not line.startswith("kafka-") and "config check" not in line:
                    self.assertNotEqual(result.err, "", "an error is told on stderr")

    def test_moldau(self):
        self.check(MOLDAU)

    def test_start(self):
        kafka, admin = free_ports(2)
        flags = f"--data-dir stopped --kafka-addr 127.0.0.1:{kafka} --admin-addr 127.0.0.1:{admin}"
        self.assertEqual(self.node.run(f"moldau start --daemon --node-id 1 {flags}").code, 0)
        self.assertEqual(self.node.run("moldau stop --data-dir stopped").code, 0)
        self.check(START)
        self.assertFalse(os.path.exists(f"{self.node.dir}/other/moldau.pid"))

    def test_kafka_names(self):
        self.check(KAFKA)


if __name__ == "__main__":
    unittest.main()
