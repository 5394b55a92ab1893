"""The scenarios that every Python client plays, by an adapter with these verbs:

  create(topic, partitions, configs)   delete(topic)   topics() -> names   partitions(topic) -> number
  produce(topic, records, codec, acks, idempotent)     waits until all is answered
  read(topic, start)                   records of partition 0 from an offset to the end
  produce_for(topic, seconds) -> number   records b"0", b"1", … to partition 0, idempotent, acks=all; all are answered
  offset_at(topic, millis)             first offset at or after this time, None when there is none
  end(topic)   delete_records(topic, before) -> low watermark   alter(topic, key, value)   config(topic, key)

and those of groups.py. Errors are raised; their text or type has Kafka's name for them."""

import random
import time
from dataclasses import dataclass
from typing import Optional, Tuple

import groups
from scenarios import (FAULT_SECONDS, HEARD_SECONDS, REPLICAS, end, equal, equal_lists, patiently, play, refused, soon,
                       soon_equal, that)

MIB = 1 << 20
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


@dataclass(frozen=True)
class Record:
    value: Optional[bytes]
    key: Optional[bytes] = None
    headers: Tuple[Tuple[str, Optional[bytes]], ...] = ()
    timestamp: Optional[int] = None


def some_records(count, seed):
    noise = random.Random(seed)
    return [Record(b"value %d" % place + noise.randbytes(60) + b"river " * 12, b"key %d" % place) for place in range(count)]


def without_times(records):
    return [Record(one.value, one.key, tuple(one.headers)) for one in records]


class Common:
    def __init__(self, client, prefix):
        self.client, self.prefix = client, prefix

    def name(self, topic):
        return self.prefix + topic

    def create(self, topic, partitions=1, **configs):
        name = self.name(topic)
        self.client.create(name, partitions, {key.replace("_", "."): value for key, value in configs.items()})
        time.sleep(HEARD_SECONDS if REPLICAS > 1 else 0)
        return name

    def check(self, topic, sent, start=0):
        equal_lists(without_times(sent), without_times(self.client.read(topic, start)), "records")

    def play_all(self):
        for codec in CODECS:
            for acks in ("0", "1", "all"):
                play(f"produce-{codec}-acks-{acks}", self.produce, codec, acks)
        for scenario in (self.idempotent, self.headers, self.nulls, self.one_mib_records, self.record_too_large,
                         self.fetch_from_beginning, self.fetch_by_offset, self.fetch_by_timestamp, self.create_topic,
                         self.delete_records, self.alter_configs, self.delete_topic):
            play(scenario.__name__.replace("_", "-"), scenario)
        if FAULT_SECONDS:
            play("leader-killed", self.leader_killed)

    def produce(self, codec, acks):
        topic, sent = self.create(f"produce-{codec}-{acks}"), some_records(300, 1)
        self.client.produce(topic, sent, codec, acks)
        for _ in range(500):  # acks=0: nothing tells when they have arrived
            if self.client.end(topic) == 300:
                break
            time.sleep(0.01)
        self.check(topic, sent)

    def idempotent(self):
        topic, sent = self.create("idempotent"), some_records(3000, 2)
        self.client.produce(topic, sent, "lz4", "all", idempotent=True)
        self.check(topic, sent)

    def headers(self):
        topic = self.create("headers")
        sent = [Record(b"v%d" % place, b"k", (("one", b"1"), ("one", b"2"), ("empty", b""), ("null", None),
                                              ("long", b"x" * (3000 + place)))) for place in range(20)]
        self.client.produce(topic, sent)
        self.check(topic, sent)

    def nulls(self):
        topic = self.create("nulls")
        sent = [Record(value, key) for key in (None, b"", b"text") for value in (None, b"", b"text")
                if (key, value) not in self.client.cannot_send]
        self.client.produce(topic, sent)
        self.check(topic, sent)

    def one_mib_records(self):
        topic, sent = self.create("one-mib", max_message_bytes=str(2 * MIB)), []
        for place, codec in enumerate(CODECS):
            part = [Record(random.Random(place).randbytes(MIB)), Record(bytes(MIB))]
            self.client.produce(topic, part, codec)
            sent += part
        self.check(topic, sent)

    def record_too_large(self):
        topic = self.create("too-large")
        refused("TooLarge", lambda: self.client.produce(topic, [Record(random.Random(1).randbytes(3 * MIB // 2))]),
                "1.5 MiB")
        self.client.produce(topic, [Record(b"small")])
        self.check(topic, [Record(b"small")])

    def fetch_from_beginning(self):
        topic, sent = self.create("beginning"), some_records(3000, 3)
        for part in range(0, 3000, 500):
            self.client.produce(topic, sent[part:part + 500], "snappy")
        self.check(topic, sent)

    def fetch_by_offset(self):
        topic, sent = self.create("offset"), some_records(400, 4)
        self.client.produce(topic, sent[:200])
        self.client.produce(topic, sent[200:])
        for start in (0, 1, 137, 200, 399, 400):
            self.check(topic, sent[start:], start)

    def fetch_by_timestamp(self):
        topic, base = self.create("timestamp"), int(time.time() * 1000) - 500_000
        sent = [Record(b"v%d" % place, None, (), base + 1000 * place) for place in range(200)]
        for part in range(0, 200, 50):
            self.client.produce(topic, sent[part:part + 50])
        for millis, wanted in ((0, 0), (120_000, 120), (120_001, 121), (199_000, 199), (199_001, None)):
            equal(wanted, self.client.offset_at(topic, base + millis), f"offset at +{millis}")
        equal_lists(sent[120:], self.client.read(topic, 120), "records with their times")

    def create_topic(self):
        topic = self.create("create", 3, retention_ms="3600000")
        soon(lambda: topic in self.client.topics(), "the topic is not listed")
        equal(3, self.client.partitions(topic), "partitions")
        soon_equal("3600000", lambda: self.client.config(topic, "retention.ms"), "retention.ms")
        refused("AlreadyExists", lambda: self.client.create(topic, 3, {}), "the same topic twice")
        refused("InvalidTopic|TopicException", lambda: self.client.create("what/is this", 1, {}), "an illegal name")

    def delete_records(self):
        topic, sent = self.create("delete-records"), some_records(100, 5)
        self.client.produce(topic, sent)
        equal(47, self.client.delete_records(topic, 47), "low watermark")
        self.check(topic, sent[47:], 47)
        refused("OffsetOutOfRange", lambda: self.client.delete_records(topic, 101), "beyond the end")

    def alter_configs(self):
        topic = self.create("alter")
        self.client.alter(topic, "retention.ms", "60000")
        soon_equal("60000", lambda: self.client.config(topic, "retention.ms"), "retention.ms")
        refused("InvalidConfig", lambda: self.client.alter(topic, "retention.ms", "soon"), "a bad value")

    def delete_topic(self):
        topic = self.create("delete")
        self.client.produce(topic, some_records(10, 6))
        self.client.delete(topic)
        soon(lambda: topic not in self.client.topics(), "the topic is still listed")
        refused("UnknownTopic", lambda: self.client.delete(topic), "the same topic twice")
        self.create("delete")
        equal(0, patiently(lambda: self.client.end(topic)), "end of the new topic of this name")

    def leader_killed(self):
        """An idempotent producer goes on while its leader dies, over and over: nothing lost, nothing there twice."""
        topic = self.create("leader-killed", min_insync_replicas="2")
        print(f"faults {topic}", flush=True)
        try:
            count = self.client.produce_for(topic, FAULT_SECONDS)
        finally:
            print("faults over", flush=True)
        that(count > 100, f"only {count} records were sent")
        equal_lists([b"%d" % place for place in range(count)], [one.value for one in self.client.read(topic, 0)], "values")


def main(client, prefix, more=()):
    """Plays the common scenarios, then the client's own: functions of (client, common)."""
    common = Common(client, prefix)
    common.play_all()
    groups.play_all(client, common)
    for scenario in more:
        play(scenario.__name__.replace("_", "-"), scenario, client, common)
    end()
