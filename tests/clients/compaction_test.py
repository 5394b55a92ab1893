"""A compacted topic under load while nodes are killed with -9 in the middle of compaction: the last record of each key is
there, at its offset, from whoever leads; deleted keys do not come back; most of the rest has gone. `compaction_test.py
three-nodes` plays it with three replicas and kills the leader each time."""

import os
import pathlib
import random
import sys
import threading
import time
import unittest

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from adapters import RdkafkaC
from broker import PATIENCE, Broker, wait_for
from live_test import main

TOPIC = "table"
KEYS = 300
KILLS = 4
SEED = int(os.environ.get("MOLDAU_SEED", str(random.SystemRandom().randrange(1 << 32))))
SETTINGS = ("log.cleaner.backoff.ms=100", "offsets.topic.num.partitions=1", "offsets.topic.segment.bytes=1048576")
CONFIGS = {"cleanup.policy": "compact", "segment.ms": 300, "min.cleanable.dirty.ratio": 0.01, "delete.retention.ms": 500}
MANY, PARTITIONS = "many", 50   # a commit is a batch with a record for each of them
SEGMENT_BYTES = 1 << 20
THREE_NODES = "three-nodes" in sys.argv


def node_or_nodes():
    if not THREE_NODES:
        return Broker(SETTINGS)
    import three_nodes
    return three_nodes.ThreeNodes(SETTINGS)


class Writer(threading.Thread):
    """Writes numbers under random keys until it is told to stop; afterwards all of it is acknowledged."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True)
        self.producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                                  "message.timeout.ms": 120000, "compression.type": "lz4"})
        self.last = {}       # by key: (offset, value) of what was acknowledged last
        self.count = 0
        self.errors = []
        self.stopping = threading.Event()
        self.rng = random.Random(SEED)

    def run(self):
        while not self.stopping.is_set():
            key = f"key-{self.rng.randrange(KEYS)}"
            value = None if self.rng.random() < 0.1 else f"{self.count} " + "x" * self.rng.randrange(300)
            self.producer.produce(TOPIC, key=key, value=value, on_delivery=self.delivered)
            self.count += 1
            self.producer.poll(0)
            if self.count % 20 == 0:
                time.sleep(0.01)

    def delivered(self, error, message):
        if error:
            self.errors.append(str(error))
            return
        key, value = message.key().decode(), message.value()
        self.last[key] = max(self.last.get(key, (-1, None)), (message.offset(), value), key=lambda one: one[0])

    def finish(self):
        self.stopping.set()
        self.join()
        left = self.producer.flush(120)
        assert left == 0 and not self.errors, f"{left} records were not acknowledged: {self.errors[:3]}"


class Committer(threading.Thread):
    """Commits rising offsets of a group until it is told to stop, again when it is not known whether they are."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True)
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "committer", "enable.auto.commit": False})
        self.acknowledged = self.asked = 0
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self.asked += 1
            offsets = [TopicPartition(MANY, partition, self.asked) for partition in range(PARTITIONS)]
            try:
                answers = self.consumer.commit(offsets=offsets, asynchronous=False)
                if all(answer.error is None for answer in answers):
                    self.acknowledged = self.asked
            except KafkaException:
                time.sleep(0.05)

    def committed(self):
        deadline = time.monotonic() + 60 * PATIENCE
        while True:
            try:
                found = self.consumer.committed([TopicPartition(MANY, p) for p in range(PARTITIONS)], timeout=20)
                return {one.offset for one in found}
            except KafkaException:
                if time.monotonic() > deadline:
                    raise


class Compaction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.node = node_or_nodes()
        cls.addClassCleanup(cls.node.close)
        cls.node.start()
        if THREE_NODES:
            cls.node.create_topic(TOPIC, 1, configs=CONFIGS)
            cls.node.create_topic(MANY, PARTITIONS)
        else:
            RdkafkaC(cls.node.bootstrap).create_topic(TOPIC, 1, [f"{key}={value}" for key, value in CONFIGS.items()])
            RdkafkaC(cls.node.bootstrap).create_topic(MANY, PARTITIONS, [])

    def read(self):
        """(offset, key, value) of everything, in the order in which it comes."""
        consumer = Consumer({"bootstrap.servers": self.node.bootstrap, "group.id": "nobody", "enable.auto.commit": False,
                             "enable.partition.eof": True, "auto.offset.reset": "earliest"})
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        found, deadline = [], time.monotonic() + 60 * PATIENCE
        try:
            while True:
                self.assertLess(time.monotonic(), deadline, f"the topic cannot be read to its end: {len(found)} records")
                for message in consumer.consume(1000, 0.5):
                    if not message.error():
                        found.append((message.offset(), message.key().decode(), message.value()))
                    elif message.error().code() == KafkaError._PARTITION_EOF:
                        return found
        finally:
            consumer.close()

    def check(self, found, last):
        offsets = [offset for offset, _, _ in found]
        self.assertEqual(offsets, sorted(set(offsets)))
        seen = {key: (offset, value) for offset, key, value in found}
        for key, (offset, value) in last.items():
            if value is not None or key in seen:
                self.assertEqual(seen.get(key), (offset, value), key)

    def test_1_records_without_a_key_are_refused(self):
        errors = []
        producer = Producer({"bootstrap.servers": self.node.bootstrap, "enable.idempotence": False})
        producer.produce(TOPIC, value="no key", on_delivery=lambda error, _: errors.append(error))
        producer.flush(30)
        self.assertEqual([error.code() for error in errors], [KafkaError.INVALID_RECORD])

    def test_2_the_last_record_of_each_key_survives(self):
        print(f"  MOLDAU_SEED={SEED}", file=sys.stderr)
        rng = random.Random(SEED)
        writer = Writer(self.node.bootstrap)
        writer.start()
        for _ in range(KILLS):
            time.sleep(rng.uniform(1, 2.5))
            self.node.kill()
            time.sleep(rng.uniform(0, 1))
            self.node.restart()
            if THREE_NODES:
                self.node.wait_healthy()
        time.sleep(1)
        writer.finish()
        found = self.read()
        self.check(found, writer.last)
        # Something young closes the segments, so that the rest can be compacted.
        last = dict(writer.last)
        deadline = time.monotonic() + 60 * PATIENCE
        while len(found) > 2 * KEYS:
            self.assertLess(time.monotonic(), deadline, f"{len(found)} of {writer.count} records are still there")
            time.sleep(0.5)
            closer = Writer(self.node.bootstrap)
            closer.producer.produce(TOPIC, key="closer", value="x", on_delivery=closer.delivered)
            closer.start()
            closer.stopping.set()
            closer.finish()
            last |= closer.last
            found = self.read()
            self.check(found, last)
        # Whoever leads tells the same, and so does who starts again.
        for _ in range(3 if THREE_NODES else 1):
            self.node.kill()
            self.node.restart()
            if THREE_NODES:
                self.node.wait_healthy()
            self.check(self.read(), last)

    def offsets_bytes(self):
        folder = pathlib.Path(self.node.data_dir) / "__consumer_offsets-0"
        return sum(file.stat().st_size for file in folder.glob("*.log"))

    def test_3_committed_offsets_survive_compaction(self):
        committer = Committer(self.node.bootstrap)
        committer.start()
        for _ in range(2):
            asked = committer.asked
            while committer.asked < asked + 700:
                time.sleep(0.02)
            self.node.kill()
            self.node.restart()
            if THREE_NODES:
                self.node.wait_healthy()
        time.sleep(1)
        committer.stopping.set()
        committer.join(120 * PATIENCE)
        self.assertFalse(committer.is_alive())
        for restarted in (False, True):
            found = committer.committed()
            self.assertEqual(len(found), 1, f"a commit is there as a whole: {found}")
            self.assertGreaterEqual(min(found), committer.acknowledged)
            self.assertLessEqual(max(found), committer.asked)
            if restarted:
                break
            if not THREE_NODES:
                wait_for(lambda: self.offsets_bytes() < 2 * SEGMENT_BYTES, 60 * PATIENCE, "the offsets are compacted")
                self.assertGreater(committer.acknowledged * PARTITIONS * 60, 3 * SEGMENT_BYTES, "it was more than that")
            self.node.kill()
            self.node.restart()
            if THREE_NODES:
                self.node.wait_healthy()


if __name__ == "__main__":
    sys.argv = [word for word in sys.argv if word != "three-nodes"]
    main(seconds=200)
