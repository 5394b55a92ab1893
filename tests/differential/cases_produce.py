"""Produce, producer ids, and what becomes of batches that are not right."""

import time
import uuid

from batches import CODECS, T0, batch, legacy_message
from cases import case, topic_ref
import raw

MS_OF_A_DAY = 86_400_000


class Producer:
    def __init__(self, script, version, topic, topic_id):
        self.script, self.version, self.topic, self.topic_id = script, version, topic, topic_id

    def send(self, records, partition=0, acks=-1, transactional_id=None, **topic):
        topic = topic or topic_ref(self.version, 13, self.topic, self.topic_id)
        return self.script.ask("Produce", self.version, acks=acks, timeoutMs=30000, transactionalId=transactional_id,
                               topicData=[{**topic, "partitionData": [{"index": partition, "records": records}]}])


def producer(s, version, **configs):
    return Producer(s, version, *s.create(**configs))


@case("Produce")
def produce(s, version):
    p = producer(s, version, partitions=2)
    for name in CODECS if version >= 7 else CODECS[:4]:
        p.send(batch([b"a", b"b", b"c"], name))
    p.send(batch([b"x"], "zstd"))
    p.send(batch(), acks=1)
    p.send(batch(), acks=2)
    p.send(batch(), acks=-2)
    p.send(batch(), partition=1)
    p.send(batch(), partition=2)
    p.send(batch(), partition=-1)
    p.send(b"")     # not null: Kafka never answers it
    if version >= 13:
        p.send(batch(), topicId=uuid.UUID("11111111-2222-3333-4444-555555555555"))
        p.send(batch(), topicId=uuid.UUID(int=0))
    else:
        for name in (s.named("-unknown"), "", "a b", ".."):
            p.send(batch(), name=name)
    s.ask("Produce", version, acks=-1, timeoutMs=30000, topicData=[])
    topic = topic_ref(version, 13, p.topic, p.topic_id)
    s.ask("Produce", version, acks=-1, timeoutMs=30000, topicData=[{**topic, "partitionData": []}])
    s.ask("Produce", version, acks=-1, timeoutMs=30000, topicData=[{**topic, "partitionData": [
        {"index": 0, "records": batch()}, {"index": 1, "records": batch(crc=1)}, {"index": 5, "records": batch()}]}])


@case("Produce", (3, 8, 9, 13))
def produce_bad_batches(s, version):
    right = batch([b"a", b"b"])
    bad = (
            batch(crc=1), batch(magic=0), batch(magic=1), batch(magic=3), batch(magic=-1), right + right, right + b"\x00" * 5,
            right[:-1], right[:40], right[:12], right[:5], batch(length=1), batch(length=-1), batch(length=1 << 30),
            batch(base_offset=5), batch(base_offset=-1), batch([b"a", b"b"], count=1), batch([b"a", b"b"], count=3),
            batch([b"a", b"b"], last_offset_delta=5), batch([b"a", b"b"], last_offset_delta=0),
            batch([b"a", b"b"], last_offset_delta=-1), batch([], timestamps=[T0], count=0), batch(count=-1), batch(count=0),
            batch(leader_epoch=7), batch(attributes=8), batch(attributes=16), batch(attributes=32), batch(attributes=64),
            batch(attributes=128), batch(attributes=5), batch(attributes=7), batch(attributes=1), batch(attributes=4),
            legacy_message(0), legacy_message(1), legacy_message(0) + right, right + legacy_message(1),
            raw.batch(raw.record(offset_delta=3), 1, base_timestamp=T0),
            raw.batch(raw.record(offset_delta=1) + raw.record(offset_delta=0), 2, base_timestamp=T0),
            raw.batch(b"\x00", 1, base_timestamp=T0), raw.batch(b"\x7f" + raw.record(), 1, base_timestamp=T0),
            raw.batch(raw.record() + b"\x00", 1, base_timestamp=T0),
            raw.batch(raw.record(headers=b"\x7f"), 1, base_timestamp=T0),
            raw.batch(raw.record(headers=b"\x01"), 1, base_timestamp=T0),
            raw.batch(raw.record(headers=b"\x02\x01"), 1, base_timestamp=T0),
            batch(max_timestamp=T0 - 1), batch(base_timestamp=-1, max_timestamp=-1), batch([b""]), batch([None]),
            batch(keys=[None]), batch(keys=[b""]))
    p = producer(s, version, partitions=len(bad))   # each into a partition of its own
    for partition, records in enumerate(bad):
        p.send(records, partition)
    s.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": p.topic, "partitions": [
        {"partitionIndex": partition, "timestamp": -1} for partition in range(len(bad))]}])


@case("Produce", (3, 8, 12))
def produce_timestamps(s, version):
    now = int(time.time() * 1000)
    for suffix, configs in (("-default", {}), ("-before", {"message_timestamp_before_max_ms": MS_OF_A_DAY}),
                            ("-after", {"message_timestamp_after_max_ms": 2 * MS_OF_A_DAY}),
                            ("-append", {"message_timestamp_type": "LogAppendTime"})):
        p = producer(s, version, suffix=suffix, **configs)
        for stamps in ([T0], [now], [now + MS_OF_A_DAY], [now - 2 * MS_OF_A_DAY], [now, now + MS_OF_A_DAY], [0], [-1],
                       [now, T0], [now + 3 * MS_OF_A_DAY]):
            for name in ("none", "gzip"):
                p.send(batch([b"v"] * len(stamps), name, timestamps=stamps))


@case("Produce", (3, 8, 13))
def produce_settings_of_topics(s, version):
    small = producer(s, version, suffix="-small", max_message_bytes=300)
    for size in (100, 220, 228, 229, 230, 231, 232, 233, 240, 400, 3000):
        small.send(batch([b"x" * size]))
        small.send(batch([b"x" * size], "gzip"))
    segment = producer(s, version, suffix="-segment", segment_bytes=1048576, max_message_bytes=4_000_000)
    segment.send(batch([b"x" * 1_048_000]))
    segment.send(batch([b"x" * 1_049_000]))
    compact = producer(s, version, suffix="-compact", cleanup_policy="compact")
    compact.send(batch([b"a", b"b"]))
    compact.send(batch([b"a", b"b", b"c"], keys=[b"k", None, None]))
    compact.send(batch([b"a"], "gzip", keys=[None]))
    for codec_name in ("uncompressed", "gzip", "snappy", "lz4", "zstd"):
        topic = producer(s, version, suffix=f"-{codec_name}", compression_type=codec_name)
        for sent in CODECS if version >= 7 else CODECS[:4]:
            topic.send(batch([b"a" * 50, b"b" * 50], sent))
        s.ask("Fetch", 11 if codec_name != "zstd" else 12, maxWaitMs=0, minBytes=1, topics=[{"topic": topic.topic, "partitions": [
            {"partition": 0, "fetchOffset": 0, "partitionMaxBytes": 1 << 20}]}])


@case("Produce", (3, 8, 11, 12, 13))
def produce_idempotent(s, version):
    p = producer(s, version)
    producer_id = s.producer_id()

    def send(sequence, epoch=0, values=(b"a", b"b"), producer_id=producer_id, **more):
        p.send(batch(values, producer_id=producer_id, producer_epoch=epoch, base_sequence=sequence, **more))

    send(0), send(2), send(2), send(0)                  # duplicates answer the same offset
    send(5), send(3), send(2, values=[b"a"])            # a gap, an overlap, a part of a batch
    for first in range(4, 18, 2):
        send(first)
    send(0), send(6), send(8)                           # out of the window, its edge
    send(1, epoch=1), send(0, epoch=1), send(18), send(2, epoch=0)
    send(-1), send(-2, epoch=1), send(2, epoch=-1), send(2, epoch=1)
    send(7, producer_id=producer_id + 700_000)          # nobody knows it: any sequence
    send(9, producer_id=producer_id + 700_000)
    send(2**31 - 2, producer_id=producer_id + 700_001)
    send(0, producer_id=producer_id + 700_001)          # wraps
    send(0, producer_id=-2), send(0, producer_id=-1)
    p.send(batch([b"a", b"b"], producer_id=-1, producer_epoch=0, base_sequence=0))
    p.send(batch(producer_id=producer_id, producer_epoch=2, base_sequence=0, attributes=32))
    p.send(batch(producer_id=producer_id, producer_epoch=1, base_sequence=4) + batch(producer_id=producer_id, producer_epoch=1, base_sequence=5))
    s.ask("DescribeProducers", 0, topics=[{"name": p.topic, "partitionIndexes": [0, 1]}, {"name": "unknown", "partitionIndexes": [0]}])
    s.ask("Fetch", 12, maxWaitMs=0, minBytes=1, topics=[{"topic": p.topic, "partitions": [
        {"partition": 0, "fetchOffset": 0, "partitionMaxBytes": 1 << 20}]}])


@case("Produce", (3, 9, 13))
def produce_without_answer(s, version):
    p = producer(s, version)
    topic = topic_ref(version, 13, p.topic, p.topic_id)

    def send(records):
        s.side.send_only("Produce", version, acks=0, timeoutMs=1000, topicData=[
            {**topic, "partitionData": [{"index": 0, "records": records}]}])

    send(batch())
    s.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": p.topic, "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])
    send(batch(crc=1))
    s.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": p.topic, "partitions": [{"partitionIndex": 0, "timestamp": -1}]}])


@case("InitProducerId")
def init_producer_id(s, version):
    s.producer_id()
    for fields in ({}, {}, {"transactionTimeoutMs": 0}, {"transactionTimeoutMs": -1}, {"transactionTimeoutMs": 2**31 - 1}):
        s.ask("InitProducerId", version, **{"transactionalId": None, "transactionTimeoutMs": 60000, **fields})
    s.ask("InitProducerId", version, transactionalId="", transactionTimeoutMs=60000)
    if version >= 3:
        for producer_id, epoch in ((5, 0), (5, -1), (-1, 0), (10_000_000, 3)):
            s.ask("InitProducerId", version, transactionalId=None, transactionTimeoutMs=60000, producerId=producer_id,
                  producerEpoch=epoch)


@case("DescribeProducers")
def describe_producers(s, version):
    name, _ = s.create(partitions=2)
    for sequence in (0, 1):
        s.produce(name, batch([b"v"], producer_id=4_000_000, producer_epoch=3, base_sequence=sequence))
    s.produce(name, batch([b"v"], producer_id=4_000_001, producer_epoch=0, base_sequence=0))
    for topics in ([{"name": name, "partitionIndexes": [0, 1, 2]}], [{"name": s.named("-unknown"), "partitionIndexes": [0]}],
                   [{"name": "a b", "partitionIndexes": [0]}], [{"name": name, "partitionIndexes": []}], [],
                   [{"name": name, "partitionIndexes": [0, 0]}], [{"name": name, "partitionIndexes": [-1]}]):
        s.ask("DescribeProducers", version, topics=topics)
