"""Consumer groups with real clients: librdkafka (python3-confluent-kafka, kcat) and python3-kafka, which bring their own
assignors. They subscribe, share partitions, commit, close, come back, and lose their node meanwhile.

    groups_test.py [three-nodes] [TEST…]    on one node, or on three, of which it is the leader of most that dies"""

import collections
import os
import shutil
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import PATIENCE, Broker
from live_test import LiveTest, main

ON_THREE = sys.argv[1:2] == ["three-nodes"]
if ON_THREE:
    sys.argv.pop(1)
    from three_nodes import ThreeNodes
REPLICAS = int(os.environ.get("MOLDAU_TEST_REPLICAS", "1"))
PARTITIONS = 6
WAIT = 40 * PATIENCE


def create(broker, topic, partitions=PARTITIONS):
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})  # answers do not outlive it
    for future in admin.create_topics([NewTopic(topic, partitions, REPLICAS)]).values():
        future.result(20)


def produce(broker, topic, numbers, partitions=PARTITIONS):
    producer = Producer({"bootstrap.servers": broker.bootstrap, "enable.idempotence": True})
    for number in numbers:
        producer.produce(topic, value=str(number), partition=number % partitions)
    assert producer.flush(20 * PATIENCE) == 0


class Member:
    """A consumer of a group on a thread of its own: notes what it reads, and commits it."""

    def __init__(self, broker, group, topic, **settings):
        self.values, self.assigned, self.errors, self.revocations = [], set(), [], 0
        self._stop = threading.Event()
        self.consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": group, "session.timeout.ms": 6000,
                                  "heartbeat.interval.ms": 500, "auto.offset.reset": "earliest",
                                  "enable.auto.commit": False, "topic.metadata.refresh.interval.ms": 1000,
                                  **{key.replace("_", "."): value for key, value in settings.items()}})
        self.consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _on_assign(self, consumer, partitions):
        self.assigned |= {p.partition for p in partitions}

    def _on_revoke(self, consumer, partitions):
        self.assigned -= {p.partition for p in partitions}
        self.revocations += 1

    def _read(self):
        while not self._stop.is_set():
            message = self.consumer.poll(0.1)
            if message is None:
                continue
            if message.error():
                if message.error().code() != KafkaError._ALL_BROKERS_DOWN:
                    self.errors.append(str(message.error()))
                continue
            self.values.append(int(message.value()))
            try:
                self.consumer.commit(message, asynchronous=False)
            except Exception as error:  # a rebalance under way: the record is read again
                self.errors.append(str(error))
        self.consumer.close()

    def close(self):
        self._stop.set()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()


class Groups(LiveTest):
    kind_of_broker = ThreeNodes if ON_THREE else Broker
    settings = ("group.initial.rebalance.delay.ms=300",)

    def until(self, condition, what):
        deadline = time.monotonic() + WAIT
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not in time: {what}")
            time.sleep(0.05)

    def topic(self):
        topic = self.id().rsplit(".", 1)[-1].replace("_", "-")
        create(self.broker, topic)
        return topic

    def committed(self, group, topic):
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": group})
        try:
            found = consumer.committed([TopicPartition(topic, p) for p in range(PARTITIONS)], timeout=20)
            return {p.partition: p.offset for p in found if p.offset >= 0}
        finally:
            consumer.close()

    def test_a_member_reads_commits_and_comes_back(self):
        topic = self.topic()
        produce(self.broker, topic, range(60))
        first = Member(self.broker, "resume", topic)
        self.until(lambda: len(first.values) == 60, "all records")
        first.close()
        self.assertEqual(sorted(first.values), list(range(60)))
        self.assertEqual(self.committed("resume", topic), {p: 10 for p in range(PARTITIONS)})
        produce(self.broker, topic, range(60, 90))
        second = Member(self.broker, "resume", topic)
        self.until(lambda: len(second.values) == 30, "the new records")
        second.close()
        self.assertEqual(sorted(second.values), list(range(60, 90)), "what was committed is not read again")

    def test_members_share_the_partitions(self):
        topic = self.topic()
        members = [Member(self.broker, "share", topic) for _ in range(3)]
        self.until(lambda: sorted(len(m.assigned) for m in members) == [2, 2, 2], "two partitions each")
        self.assertEqual(set().union(*(m.assigned for m in members)), set(range(PARTITIONS)))
        produce(self.broker, topic, range(120))
        self.until(lambda: sum(len(m.values) for m in members) >= 120, "all records")
        members[0].close()
        self.until(lambda: sorted(len(m.assigned) for m in members[1:]) == [3, 3], "who stays takes over")
        members[1].close()
        self.until(lambda: members[2].assigned == set(range(PARTITIONS)), "the last one has them all")
        produce(self.broker, topic, range(120, 180))
        self.until(lambda: set(members[2].values) >= set(range(120, 180)), "it reads on")
        members[2].close()
        read = collections.Counter(value for m in members for value in m.values)
        self.assertEqual(set(read), set(range(180)))

    def test_a_member_that_dies_is_missed(self):
        kcat = shutil.which("kcat")
        if kcat is None:
            self.skipTest("kcat is not installed")
        topic = self.topic()
        member = Member(self.broker, "missed", topic)
        self.until(lambda: len(member.assigned) == PARTITIONS, "all partitions")
        doomed = subprocess.Popen([kcat, "-b", self.broker.bootstrap, "-G", "missed", "-X", "session.timeout.ms=6000", topic],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(doomed.kill)
        self.until(lambda: len(member.assigned) == PARTITIONS // 2, "half of them")
        doomed.kill()
        doomed.wait()
        self.until(lambda: len(member.assigned) == PARTITIONS, "all partitions again")
        produce(self.broker, topic, range(60))
        self.until(lambda: set(member.values) == set(range(60)), "all records")
        member.close()

    def test_cooperative_members_share_the_partitions(self):
        topic = self.topic()
        settings = {"partition_assignment_strategy": "cooperative-sticky"}
        first = Member(self.broker, "cooperative", topic, **settings)
        self.until(lambda: len(first.assigned) == PARTITIONS, "all partitions")
        second = Member(self.broker, "cooperative", topic, **settings)
        self.until(lambda: (len(first.assigned), len(second.assigned)) == (3, 3), "half of them each")
        self.assertFalse(first.assigned & second.assigned)
        produce(self.broker, topic, range(60))
        self.until(lambda: len(first.values) + len(second.values) >= 60, "all records")
        first.close()
        second.close()

    def test_a_static_member_restarts_without_a_rebalance(self):
        topic = self.topic()
        static = Member(self.broker, "static", topic, group_instance_id="one", session_timeout_ms=30000)
        other = Member(self.broker, "static", topic, group_instance_id="two", session_timeout_ms=30000)
        self.until(lambda: (len(static.assigned), len(other.assigned)) == (3, 3), "half of them each")
        before, revocations = set(static.assigned), other.revocations
        static.close()  # librdkafka leaves no group as a static member
        again = Member(self.broker, "static", topic, group_instance_id="one", session_timeout_ms=30000)
        self.until(lambda: again.assigned == before, "what it had before")
        self.assertEqual(other.revocations, revocations, "the other one has not noticed")
        again.close()
        other.close()

    def test_a_group_outlives_its_node(self):
        topic = self.topic()
        produce(self.broker, topic, range(60))
        member = Member(self.broker, "outlive", topic)
        self.until(lambda: len(member.values) == 60, "all records")
        self.until(lambda: len(self.committed("outlive", topic)) == PARTITIONS, "commits")
        self.broker.kill()
        if ON_THREE:
            self.assertEqual(self.committed("outlive", topic), {p: 10 for p in range(PARTITIONS)})
        self.broker.restart()
        self.assertEqual(self.committed("outlive", topic), {p: 10 for p in range(PARTITIONS)})
        produce(self.broker, topic, range(60, 120))
        self.until(lambda: set(member.values) == set(range(120)), "it goes on")
        member.close()
        self.assertEqual(self.committed("outlive", topic), {p: 20 for p in range(PARTITIONS)})

    def test_kafka_python(self):
        from kafka import KafkaConsumer
        from kafka.admin import KafkaAdminClient
        topic = self.topic()
        produce(self.broker, topic, range(60))

        def read(count):
            consumer = KafkaConsumer(topic, bootstrap_servers=self.broker.bootstrap, group_id="python",
                                     auto_offset_reset="earliest", enable_auto_commit=False,
                                     session_timeout_ms=6000, heartbeat_interval_ms=500)
            values, deadline = [], time.monotonic() + WAIT
            while len(values) < count and time.monotonic() < deadline:
                for messages in consumer.poll(timeout_ms=500).values():
                    values += [int(m.value) for m in messages]
            consumer.commit()
            consumer.close()
            return sorted(values)

        self.assertEqual(read(60), list(range(60)))
        produce(self.broker, topic, range(60, 70))
        self.assertEqual(read(10), list(range(60, 70)))
        admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        try:
            self.assertIn(("python", "consumer"), admin.list_consumer_groups())
            described = admin.describe_consumer_groups(["python"])[0]
            self.assertEqual((described.error_code, described.state), (0, "Empty"))
            offsets = admin.list_consumer_group_offsets("python")
            self.assertEqual(sum(o.offset for o in offsets.values()), 70)
            deleted = admin.delete_consumer_groups(["python"])
            self.assertEqual([error.errno for _, error in deleted], [0])
            self.assertNotIn(("python", "consumer"), admin.list_consumer_groups())
        finally:
            admin.close()

    def test_kcat(self):
        kcat = shutil.which("kcat")
        if kcat is None:
            self.skipTest("kcat is not installed")
        topic = self.topic()
        produce(self.broker, topic, range(30))
        command = [kcat, "-b", self.broker.bootstrap, "-G", "kcat", "-X", "auto.offset.reset=earliest", "-e", "-q", topic]
        first = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
        self.assertEqual(sorted(map(int, first.stdout.split())), list(range(30)), first.stderr)
        produce(self.broker, topic, range(30, 40))
        second = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
        self.assertEqual(sorted(map(int, second.stdout.split())), list(range(30, 40)), second.stderr)


if __name__ == "__main__":
    main(380 if ON_THREE else 280)
