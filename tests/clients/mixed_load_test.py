"""Everything at once on two shards: producers, readers from the beginning, retention, changes of topics and
configs, metrics pages; meanwhile the node is stopped, killed and started again, so that readers come to logs whose
indexes are not in memory. What was acknowledged is all there at the end. Above all food for the thread sanitizer:
each pair of these meets on some shard or pool thread.

MOLDAU_SECONDS is the length of each of the three lives of the node (4)."""

import os
import random
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic

from broker import wait_for
from live_test import LiveTest, main

SECONDS = float(os.environ.get("MOLDAU_SECONDS", "4"))
TOPIC, PARTITIONS, CODECS = "mixed", 6, ("none", "lz4", "zstd", "gzip", "snappy")
SHORT_LIVED = "short-lived"  # retention deletes most of its records
VALUE = random.Random(5).randbytes(500) + b"river " * 80
QUICK = {"reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 200, "log_level": 0}


class Worker:
    """A thread that does its turn again and again until the end; the node may be away during a turn."""

    def __init__(self, turn):
        self.turn, self.ending, self.trouble, self.turns = turn, threading.Event(), None, 0
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self):
        try:
            while not self.ending.is_set():
                self.turn()
                self.turns += 1
        except Exception as error:  # told by finish()
            self.trouble = error

    def finish(self):
        self.ending.set()
        self.thread.join(100)
        assert not self.thread.is_alive(), "a worker did not end"
        if self.trouble:
            raise self.trouble


class ProducerTurns:
    """Batches to every partition; counts what was acknowledged in each."""

    def __init__(self, bootstrap, codec, topic=TOPIC):
        self.topic = topic
        self.acked = [0] * PARTITIONS
        self.producer = Producer({**QUICK, "bootstrap.servers": bootstrap, "enable.idempotence": True,
                                  "compression.codec": codec, "linger.ms": 2, "message.timeout.ms": 300000})

    def __call__(self):
        for partition in range(PARTITIONS):
            for _ in range(10):
                self.producer.produce(self.topic, VALUE, partition=partition, on_delivery=self._answered)
        self.producer.poll(0)
        time.sleep(0.02)
        if len(self.producer) > 5000:
            self.producer.poll(0.5)

    def _answered(self, error, message):
        if error is None:
            self.acked[message.partition()] += 1

    def finish(self):
        assert self.producer.flush(100) == 0, "records were never answered"


def read_from_the_beginning(bootstrap):
    """All partitions up to their ends as of now; how many records each has."""
    consumer = Consumer({**QUICK, "bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "enable.partition.eof": True, "auto.offset.reset": "earliest", "check.crcs": True,
                         "fetch.wait.max.ms": 20, "fetch.message.max.bytes": 50000})
    counts, ended = [0] * PARTITIONS, set()
    try:
        consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
        for _ in range(1000):
            for message in consumer.consume(2000, 0.1):
                if message.error():
                    ended.add(message.partition())
                else:
                    counts[message.partition()] += 1
            if len(ended) == PARTITIONS:
                break
        return counts
    finally:
        consumer.close()


class AdminTurns:
    """Changes of all kinds. The node may be away: then a turn fails, and that is all."""

    def __init__(self, bootstrap):
        self.admin = AdminClient({**QUICK, "bootstrap.servers": bootstrap, "socket.timeout.ms": 3000})
        self.number = self.done = 0

    def __call__(self):
        self.number += 1
        name = f"passing-{self.number}"
        try:
            self._all(self.admin.create_topics([NewTopic(name, 3, 1)], request_timeout=3))
            self._all(self.admin.alter_configs([self._configs()], request_timeout=3))
            self._all(self.admin.create_partitions([NewPartitions(name, 5)], request_timeout=3))
            self._all(self.admin.describe_configs([ConfigResource("topic", TOPIC)], request_timeout=3))
            self._all(self.admin.delete_topics([name], request_timeout=3))
            self.done += 1
        except KafkaException:
            time.sleep(0.05)

    def _configs(self):
        interval = 4096 if self.number % 2 else 65536
        return ConfigResource("topic", TOPIC, set_config={"segment.bytes": str(1 << 20),
                                                          "index.interval.bytes": str(interval)})

    @staticmethod
    def _all(answers):
        for answer in answers.values():
            answer.result(4)


class MixedLoad(LiveTest):
    settings = ("storage.shards=2", "log.retention.check.interval.ms=300")

    def test_all_at_once(self):
        admin = AdminClient({**QUICK, "bootstrap.servers": self.broker.bootstrap})
        for topic, more in ((TOPIC, {}), (SHORT_LIVED, {"retention.bytes": str(1 << 20)})):
            wish = NewTopic(topic, PARTITIONS, 1, config={"segment.bytes": str(1 << 20), **more})
            admin.create_topics([wish])[topic].result(20)
        producers = [ProducerTurns(self.broker.bootstrap, codec) for codec in CODECS]
        readers = [Worker(lambda: read_from_the_beginning(self.broker.bootstrap)) for _ in range(2)]
        changes = AdminTurns(self.broker.bootstrap)
        passing = ProducerTurns(self.broker.bootstrap, "none", SHORT_LIVED)
        workers = readers + [Worker(turn) for turn in [*producers, passing, changes, self.look]]
        self.three_lives()
        for worker in workers:
            worker.finish()
        for producer in [*producers, passing]:
            producer.finish()
        self.assertTrue(all(worker.turns for worker in workers), [worker.turns for worker in workers])
        self.assertGreater(changes.done, 0)
        acked = [sum(producer.acked[partition] for producer in producers) for partition in range(PARTITIONS)]
        counts = wait_for(lambda: self.complete(acked), 100, f"{acked} records are there")
        print(f"{sum(counts)} records, {[worker.turns for worker in workers]} turns, {changes.done} changes")

    def complete(self, acked):
        counts = read_from_the_beginning(self.broker.bootstrap)
        return counts if all(there >= sent for there, sent in zip(counts, acked)) else None

    def look(self):
        for page in ("/metrics", "/v1/health", "/v1/ready"):
            self.broker.admin(page)
        time.sleep(0.02)

    def three_lives(self):
        time.sleep(SECONDS)
        self.assertEqual(self.broker.stop(), 0)
        self.broker.restart()
        time.sleep(SECONDS)
        self.broker.kill()
        self.broker.restart()
        time.sleep(SECONDS)
        self.assertTrue(self.broker.running(), "the node died in its third life")


if __name__ == "__main__":
    main(seconds=150)
