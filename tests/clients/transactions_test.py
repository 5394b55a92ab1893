"""Transactions with real clients: librdkafka's transactional producer (python3-confluent-kafka) and its consumer that reads
what is committed; records are taken from one topic to another, each once, while producers and nodes die.

    transactions_test.py [three-nodes] [TEST…]    on one node, or on three, of which it is the leader of most that dies"""

import os
import random
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import PATIENCE, Broker
from live_test import LiveTest, main

ON_THREE = sys.argv[1:2] == ["three-nodes"]
if ON_THREE:
    sys.argv.pop(1)
    from three_nodes import ThreeNodes
REPLICAS = int(os.environ.get("MOLDAU_TEST_REPLICAS", "1"))
PARTITIONS = 3
WAIT = 60 * PATIENCE


class Transactions(LiveTest):
    kind_of_broker = ThreeNodes if ON_THREE else Broker
    settings = ("group.initial.rebalance.delay.ms=0",)

    def topic(self, suffix=""):
        name = self.id().rsplit(".", 1)[-1].replace("_", "-") + suffix
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        for future in admin.create_topics([NewTopic(name, PARTITIONS, REPLICAS)]).values():
            future.result(20)
        return name

    def producer(self, transactional_id, **settings):
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "transactional.id": transactional_id,
                             "transaction.timeout.ms": 30000,
                             **{key.replace("_", "."): value for key, value in settings.items()}})
        self.again(lambda: producer.init_transactions(30))
        return producer

    def again(self, attempt):
        """As librdkafka wants it: what it calls retriable is tried again."""
        deadline = time.monotonic() + WAIT
        while True:
            try:
                return attempt()
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def consumer(self, group, topics=(), **settings):
        consumer = Consumer({"bootstrap.servers": self.broker.bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                             "enable.auto.commit": False, "isolation.level": "read_committed", "session.timeout.ms": 10000,
                             "enable.partition.eof": False,
                             **{key.replace("_", "."): value for key, value in settings.items()}})
        self.addCleanup(consumer.close)
        if topics:
            consumer.subscribe(list(topics))
        return consumer

    def read_all(self, topic, isolation="read_committed"):
        """All that there is now for who reads so, in the order of each partition."""
        consumer = self.consumer("reader", isolation_level=isolation)
        values = []
        for partition in range(PARTITIONS):
            low, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=20)
            consumer.assign([TopicPartition(topic, partition, low)])
            deadline = time.monotonic() + WAIT
            while time.monotonic() < deadline and end > low:
                message = consumer.poll(0.2)
                if message is not None and message.error() is None:
                    values.append(message.value().decode())
                position = consumer.position([TopicPartition(topic, partition)])[0].offset
                if message is None and position >= 0 and position >= end:
                    break
        return values

    def send(self, producer, topic, values):
        for number, value in enumerate(values):
            producer.produce(topic, value=str(value), partition=number % PARTITIONS)

    def test_what_is_committed_is_read_and_nothing_else(self):
        topic = self.topic()
        producer = self.producer("committed")
        expected = []
        for turn in range(10):
            producer.begin_transaction()
            values = [f"{turn}-{n}" for n in range(30)]
            self.send(producer, topic, values)
            if turn % 3 == 2:
                # Aborted while the partitions are being added, and the last transaction is still ending, it would end that
                # one once more: INVALID_TXN_STATE, as of any broker of the first version.
                self.assertEqual(producer.flush(30), 0)
                self.again(lambda: producer.abort_transaction(30))
            else:
                self.again(lambda: producer.commit_transaction(30))
                expected += values
        self.assertEqual(sorted(self.read_all(topic)), sorted(expected))
        # librdkafka purges what it has not sent when it aborts: there is at least what was committed.
        self.assertGreaterEqual(len(self.read_all(topic, "read_uncommitted")), len(expected))

    def test_an_open_transaction_is_not_read(self):
        topic = self.topic()
        producer = self.producer("open")
        producer.begin_transaction()
        self.send(producer, topic, ["a", "b", "c"])
        self.assertEqual(producer.flush(30), 0)
        self.assertEqual(sorted(self.read_all(topic, "read_uncommitted")), ["a", "b", "c"])
        consumer = self.consumer("open-reader", [topic])
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            self.assertIsNone(consumer.poll(0.2))
        self.again(lambda: producer.commit_transaction(30))
        self.assertEqual(sorted(self.read_all(topic)), ["a", "b", "c"])

    def test_a_second_producer_fences_the_first(self):
        topic = self.topic()
        first = self.producer("fenced")
        first.begin_transaction()
        self.send(first, topic, ["zombie"])
        self.assertEqual(first.flush(30), 0)
        second = self.producer("fenced")
        second.begin_transaction()
        self.send(second, topic, ["newer"])
        self.again(lambda: second.commit_transaction(30))
        with self.assertRaises(KafkaException) as caught:
            self.send(first, topic, ["late"])
            self.again(lambda: first.commit_transaction(30))
        self.assertTrue(caught.exception.args[0].fatal(), str(caught.exception))
        self.assertEqual(self.read_all(topic), ["newer"])

    def test_a_producer_that_dies_holds_nobody_up(self):
        topic = self.topic()
        doomed = self.producer("doomed", transaction_timeout_ms=2000)
        doomed.begin_transaction()
        self.send(doomed, topic, ["lost"])
        self.assertEqual(doomed.flush(30), 0)
        other = self.producer("other")
        other.begin_transaction()
        self.send(other, topic, ["kept"])
        self.again(lambda: other.commit_transaction(30))
        # The first is aborted when its time is over; what came behind it is read then.
        consumer = self.consumer("doomed-reader", [topic])
        message, deadline = None, time.monotonic() + WAIT
        while message is None and time.monotonic() < deadline:
            message = consumer.poll(0.5)
        self.assertIsNotNone(message)
        self.assertEqual(message.value(), b"kept")

    def move(self, source, sink, count, disturb):
        """Takes every record from one topic to the other, each once; `disturb(n)` after the n-th transaction."""
        rng = random.Random(7)
        moved, transactions = 0, 0
        deadline = time.monotonic() + 3 * WAIT
        while moved < count and time.monotonic() < deadline:
            producer = self.producer("mover")
            consumer = self.consumer("movers", [source])
            try:
                while moved < count and time.monotonic() < deadline:
                    messages = [m for m in consumer.consume(num_messages=20, timeout=1.0) if m.error() is None]
                    if not messages:
                        moved = len(set(self.read_all(sink)))
                        continue
                    producer.begin_transaction()
                    for message in messages:
                        producer.produce(sink, value=message.value(), partition=message.partition())
                    self.again(lambda: producer.send_offsets_to_transaction(
                        consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 30))
                    transactions += 1
                    if rng.random() < 0.2:
                        self.again(lambda: producer.abort_transaction(30))
                        break  # the consumer's position is ahead of what is committed: both begin anew
                    self.again(lambda: producer.commit_transaction(30))
                    moved += len(messages)
                    disturb(transactions)
            except KafkaException as error:
                if not (error.args[0].txn_requires_abort() or error.args[0].fatal() or error.args[0].retriable()):
                    raise
            finally:
                consumer.close()
        self.assertGreaterEqual(moved, count, "not in time")

    def fill(self, topic, count):
        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "enable.idempotence": True})
        self.send(producer, topic, range(count))
        self.assertEqual(producer.flush(30 * PATIENCE), 0)

    def test_records_are_moved_exactly_once(self):
        source, sink = self.topic("-in"), self.topic("-out")
        self.fill(source, 300)
        self.move(source, sink, 300, lambda n: None)
        self.assertEqual(sorted(map(int, self.read_all(sink))), list(range(300)))

    def test_records_are_moved_exactly_once_while_nodes_die(self):
        source, sink = self.topic("-in"), self.topic("-out")
        self.fill(source, 400)

        def disturb(transactions):
            if transactions % 5 == 3 and transactions < 15:
                self.broker.kill()
                if ON_THREE:
                    time.sleep(1)
                self.broker.restart()

        self.move(source, sink, 400, disturb)
        self.assertEqual(sorted(map(int, self.read_all(sink))), list(range(400)))


if __name__ == "__main__":
    main(480 if ON_THREE else 380)
