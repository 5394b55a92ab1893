"""The C++ client in processes of its own (examples/exactly_once): members of a group of either protocol take records from
one topic to another, each once, while members and nodes are killed. What has arrived is read by librdkafka.

    embedded_client_test.py [three-nodes] [version-1] [TEST…]

On one node, or on three, of which it is the leader of most that dies; with version-1 the cluster has transaction.version=1:
an epoch for a producer and not for each transaction, partitions that are added before they are written to."""

import collections
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import PATIENCE, Broker, binary
from live_test import LiveTest, main

ON_THREE = sys.argv[1:2] == ["three-nodes"]
if ON_THREE:
    sys.argv.pop(1)
    from three_nodes import ThreeNodes
VERSION_1 = sys.argv[1:2] == ["version-1"]
if VERSION_1:
    sys.argv.pop(1)
REPLICAS = int(os.environ.get("MOLDAU_TEST_REPLICAS", "1"))
PROGRAM = os.environ["MOLDAU_EXACTLY_ONCE"]
PARTITIONS = 4
RECORDS = 4000
WAIT = 90 * PATIENCE
SILENCE = int(20 * PATIENCE)


class Member:
    """A process of exactly_once and what it says."""

    def __init__(self, bootstrap, source, target, group, transactional_id, protocol):
        self.lines = []
        self.process = subprocess.Popen(
            [PROGRAM, bootstrap, source, target, group, transactional_id, protocol, str(SILENCE)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def said(self, word):
        return [line for line in self.lines if line.startswith(word)]

    def assigned(self):
        """Partitions, as its hooks told."""
        now = set()
        for line in list(self.lines):
            words = line.split()
            if words[:1] == ["assigned"]:
                now |= set(words[1:])
            elif words[:1] in (["revoked"], ["lost"]):
                now -= set(words[1:])
        return now

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.wait(WAIT)
        self._thread.join(10)
        return self.process.returncode

    def tail(self):
        return "\n".join(self.lines[-8:])


class EmbeddedClient(LiveTest):
    kind_of_broker = ThreeNodes if ON_THREE else Broker
    settings = ("group.initial.rebalance.delay.ms=0", "group.consumer.session.timeout.ms=10000",
                "group.consumer.heartbeat.interval.ms=1000", "group.consumer.min.session.timeout.ms=5000",
                "group.consumer.min.heartbeat.interval.ms=500")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if VERSION_1:
            cls.features("downgrade", "--feature", "transaction.version=1")
            finalized = re.search(r"Feature: transaction.version .*FinalizedVersionLevel: (\d+)", cls.features("describe"))
            assert finalized and finalized.group(1) == "1", "transaction.version is 1"
            time.sleep(1)  # all nodes have heard of it

    @classmethod
    def features(cls, *words):
        """kafka-features.sh, which is the binary under that name."""
        with tempfile.TemporaryDirectory() as folder:
            tool = os.path.join(folder, "kafka-features.sh")
            os.symlink(os.path.abspath(binary()), tool)
            done = subprocess.run([tool, "--bootstrap-server", cls.broker.bootstrap, *words], capture_output=True, text=True,
                                  timeout=60 * PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def topic(self, suffix):
        name = self.id().rsplit(".", 1)[-1].replace("_", "-") + suffix
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        for future in admin.create_topics([NewTopic(name, PARTITIONS, REPLICAS)]).values():
            future.result(20)
        return name

    def member(self, source, target, group, number, protocol):
        member = Member(self.broker.bootstrap, source, target, group, f"{group}-{number}", protocol)
        self.addCleanup(lambda: member.process.poll() is None and member.kill())
        return member

    def until(self, condition, what, members=()):
        deadline = time.monotonic() + WAIT
        while not condition():
            if time.monotonic() > deadline:
                self.fail(f"not in time: {what}\n" + "\n---\n".join(m.tail() for m in members))
            time.sleep(0.05)

    def producing(self, topic):
        """A thread that writes RECORDS numbers, in a while."""
        def write():
            producer = Producer({"bootstrap.servers": self.broker.bootstrap, "enable.idempotence": True,
                                 "delivery.timeout.ms": 120000})
            for number in range(RECORDS):
                producer.produce(topic, value=str(number), partition=number % PARTITIONS)
                producer.poll(0)
                if number % 100 == 99:
                    time.sleep(0.1)
            self.unsent = producer.flush(WAIT)
        self.unsent = None
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        return thread

    def arrived(self, topic):
        """All committed values of the topic, up to its end."""
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": "audit",
                             "isolation.level": "read_committed", "enable.auto.commit": False,
                             "auto.offset.reset": "earliest", "enable.partition.eof": True})
        consumer.assign([TopicPartition(topic, p, 0) for p in range(PARTITIONS)])
        values, ended, deadline = collections.Counter(), set(), time.monotonic() + WAIT
        while len(ended) < PARTITIONS and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is None:
                continue
            if message.error():
                ended.add(message.partition())
                continue
            ended.discard(message.partition())
            values[int(message.value())] += 1
        consumer.close()
        self.assertEqual(len(ended), PARTITIONS, "the end of every partition is reached")
        return values

    def check_exactly_once(self, target):
        values = self.arrived(target)
        lost = sorted(set(range(RECORDS)) - set(values))
        twice = sorted(value for value, count in values.items() if count > 1)
        self.assertEqual((lost[:10], twice[:10]), ([], []), f"{len(lost)} lost, {len(twice)} twice")

    def take_over(self, protocol, disturb):
        source, target = self.topic("-from"), self.topic("-to")
        group = source + "-group"
        members = [self.member(source, target, group, number, protocol) for number in range(2)]
        self.until(lambda: sorted(len(m.assigned()) for m in members) == [2, 2], "two partitions each", members)
        writer = self.producing(source)
        members = disturb(members, lambda number: self.member(source, target, group, number, protocol)) or members
        writer.join(WAIT)
        self.assertEqual(self.unsent, 0, "all records are written")
        codes = [member.end() for member in members]
        self.assertEqual(codes, [0] * len(members), "\n---\n".join(m.tail() for m in members))
        for member in members:
            self.assertTrue(member.said("assigned"), "the hooks are called")
            self.assertTrue(member.said("revoked"), "the hooks are called")
        self.check_exactly_once(target)

    def kill_members(self, members, start):
        """One dies in the middle of it, and another takes its transactional id."""
        rng = random.Random(7)
        for number in (0, 1):
            time.sleep(0.5 + rng.random())
            members[number].kill()
            members[number] = start(number)
        return members

    def kill_nodes(self, members, _start):
        for _ in range(2):
            time.sleep(1)
            self.broker.kill()
            if not ON_THREE:
                time.sleep(0.5)
            else:
                time.sleep(3)
            self.broker.restart()
            time.sleep(2)
        return members

    def test_members_die_classic(self):
        self.take_over("classic", self.kill_members)

    def test_members_die_consumer(self):
        self.take_over("consumer", self.kill_members)

    def test_nodes_die_classic(self):
        self.take_over("classic", self.kill_nodes)

    def test_nodes_die_consumer(self):
        self.take_over("consumer", self.kill_nodes)

    def test_a_member_leaves_and_the_other_is_told(self):
        source, target = self.topic("-from"), self.topic("-to")
        for protocol in ("classic", "consumer"):
            group = f"{source}-{protocol}"
            first = self.member(source, target, group, 0, protocol)
            self.until(lambda: len(first.assigned()) == PARTITIONS, "all partitions", [first])
            second = self.member(source, target, group, 1, protocol)
            self.until(lambda: len(second.assigned()) == 2 and len(first.assigned()) == 2, "two each", [first, second])
            self.assertTrue(first.said("revoked"), first.tail())
            second.kill()
            self.until(lambda: len(first.assigned()) == PARTITIONS, "all of them again", [first])
            first.kill()


if __name__ == "__main__":
    main(560)
