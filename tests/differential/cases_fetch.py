"""Fetch, its sessions, offsets by time and by epoch, and the deletion of records."""

import uuid

from batches import T0, batch
from cases import case, topic_ref

UNKNOWN_ID = uuid.UUID("11111111-2222-3333-4444-555555555555")


def three_batches(s, **configs):
    """Offsets 0..5 in three batches, the middle one compressed; timestamps T0 + 10 * offset but for offset 4."""
    name, topic_id = s.create(**configs)
    s.produce(name, batch([b"a", b"b"], timestamps=[T0, T0 + 10]))
    s.produce(name, batch([b"c", b"d"], "gzip", timestamps=[T0 + 20, T0 + 30]))
    s.produce(name, batch([b"e", b"f"], timestamps=[T0 + 45, T0 + 44]))
    return name, topic_id


class Fetcher:
    def __init__(self, script, version, name, topic_id):
        self.script, self.version, self.name, self.topic_id = script, version, name, topic_id

    def topic(self, partitions, name=None, topic_id=None):
        ref = topic_ref(self.version, 13, name if name is not None else self.name, topic_id or self.topic_id, "topic")
        return {**ref, "partitions": partitions}

    def fetch(self, offset=0, partition=0, most=1 << 20, topics=None, **more):
        fields = {key: more.pop(key) for key in list(more) if key in (
            "currentLeaderEpoch", "lastFetchedEpoch", "logStartOffset", "highWatermark")}
        if topics is None:
            topics = [self.topic([{"partition": partition, "fetchOffset": offset, "partitionMaxBytes": most, **fields}])]
        return self.script.ask("Fetch", self.version, **{"maxWaitMs": 0, "minBytes": 1, "topics": topics, **more})


@case("Fetch")
def fetch(s, version):
    f = Fetcher(s, version, *three_batches(s, partitions=2))
    for offset in (0, 1, 2, 3, 5, 6, 7, 100, -1, -2, 2**62):
        f.fetch(offset)
    for partition in (1, 2, -1):
        f.fetch(partition=partition)
    for most in (0, 1, 70, 150, 220, -1):
        f.fetch(most=most)
        f.fetch(maxBytes=most)
    f.fetch(isolationLevel=1)
    f.fetch(isolationLevel=7)
    f.fetch(maxWaitMs=10, minBytes=1 << 20)
    f.fetch(topics=[])
    f.fetch(topics=[f.topic([])])
    if version >= 13:
        f.fetch(topics=[f.topic([{"partition": 0, "partitionMaxBytes": 1000}], topic_id=UNKNOWN_ID)])
        f.fetch(topics=[f.topic([{"partition": 0, "partitionMaxBytes": 1000}], topic_id=uuid.UUID(int=1))])
    else:
        for name in (s.named("-unknown"), "a b", ""):
            f.fetch(topics=[f.topic([{"partition": 0, "partitionMaxBytes": 1000}], name=name)])
    both = [{"partition": n, "fetchOffset": 0, "partitionMaxBytes": 1 << 20} for n in (1, 0)]
    f.fetch(topics=[f.topic(both)])
    f.fetch(topics=[f.topic(both + [{"partition": 9, "partitionMaxBytes": 5}])])
    f.fetch(topics=[f.topic([both[1], {**both[1], "fetchOffset": 3}])])
    if version >= 9:
        for epoch in (0, 1, -2, 100):
            f.fetch(currentLeaderEpoch=epoch)
    if version >= 12:
        for epoch, offset in ((0, 6), (0, 3), (1, 3), (-2, 3), (0, 7), (5, 6)):
            f.fetch(offset, lastFetchedEpoch=epoch)
    if version >= 5:
        f.fetch(logStartOffset=3)
    if version <= 14:
        f.fetch(replicaId=-2)
        f.fetch(replicaId=7)
    else:
        f.fetch(replicaState={"replicaId": 7, "replicaEpoch": 1})
        f.fetch(replicaState={"replicaId": 7, "replicaEpoch": -1})
    if version >= 12:
        f.fetch(clusterId="wrong")
    if version >= 11:
        f.fetch(rackId="somewhere")


@case("Fetch", range(7, 19))
def fetch_sessions(s, version):
    f = Fetcher(s, version, *three_batches(s, partitions=2))
    whole = f.topic([{"partition": n, "fetchOffset": 0, "partitionMaxBytes": 1 << 20} for n in (0, 1)])
    f.fetch(topics=[whole], sessionId=0, sessionEpoch=-1)
    session = f.fetch(topics=[whole], sessionId=0, sessionEpoch=0)["sessionId"]

    def go_on(epoch, topics=(), session_id=None, **more):
        return f.fetch(topics=list(topics), sessionId=session if session_id is None else session_id, sessionEpoch=epoch, **more)

    def at(partition, offset):
        return f.topic([{"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20}])

    go_on(1), go_on(1), go_on(3)
    go_on(2, [at(0, 6)]), go_on(3), go_on(4, [at(0, 4)]), go_on(5)
    s.produce(f.name, batch([b"g"]), partition=1)
    go_on(6), go_on(7, [at(1, 1), at(0, 6)])
    go_on(8, [at(5, 0)]), go_on(9)
    go_on(10, [at(0, 100)])
    ref = topic_ref(version, 13, f.name, f.topic_id, "topic")
    go_on(11, forgottenTopicsData=[{**ref, "partitions": [0, 5]}])
    go_on(12), go_on(13, [at(0, 0)]), go_on(14, forgottenTopicsData=[{**ref, "partitions": [0, 1, 5]}]), go_on(15)
    go_on(1, session_id=session + 12345)
    go_on(0, session_id=session + 12345)
    go_on(-1, [whole], session_id=session + 54321)
    go_on(-1, [whole])
    go_on(16)
    go_on(5, session_id=0)
    go_on(-2, session_id=0), go_on(-2)


@case("ListOffsets")
def list_offsets(s, version):
    name, _ = three_batches(s, partitions=2)

    def look_up(*partitions, topic=name, **more):
        return s.ask("ListOffsets", version, **{"replicaId": -1, **more}, topics=[{"name": topic, "partitions": [
            {"partitionIndex": index, "timestamp": timestamp, **rest} for index, timestamp, rest in partitions]}])

    for timestamp in (-1, -2, -3, -4, -5, -6, -7, -100, 0, T0, T0 + 1, T0 + 10, T0 + 11, T0 + 25, T0 + 30, T0 + 31, T0 + 44,
                      T0 + 45, T0 + 46, 2**62, 2**63 - 1, -2**63):
        look_up((0, timestamp, {}))
    for timestamp in (-1, -2, -3, -4, 5):
        look_up((1, timestamp, {}))
    look_up((2, -1, {}))
    look_up((-1, -1, {}))
    look_up((0, -1, {}), (1, -2, {}), (7, -2, {}))
    look_up((0, -1, {}), (0, -2, {}))
    look_up((0, -1, {}), (0, -1, {}))
    look_up()
    for unknown in (s.named("-unknown"), "", "a b"):
        look_up((0, -1, {}), topic=unknown)
    s.ask("ListOffsets", version, replicaId=-1, topics=[])
    for replica in (-2, 1, 7):
        look_up((0, -1, {}), replicaId=replica)
        look_up((0, T0 + 11, {}), replicaId=replica)
    if version >= 2:
        look_up((0, -1, {}), isolationLevel=1)
        look_up((0, T0 + 11, {}), isolationLevel=1)
        look_up((0, -1, {}), isolationLevel=5)
    if version >= 4:
        for epoch in (0, 1, -2):
            look_up((0, -1, {"currentLeaderEpoch": epoch}))
            look_up((0, -2, {"currentLeaderEpoch": epoch}))
    s.side.ask("DeleteRecords", 2, timeoutMs=30000, topics=[{"name": name, "partitions": [{"partitionIndex": 0, "offset": 3}]}])
    for timestamp in (-2, -4, T0, T0 + 30, T0 + 31):
        look_up((0, timestamp, {}))


@case("OffsetForLeaderEpoch")
def offset_for_leader_epoch(s, version):
    name, _ = three_batches(s)

    def look_up(epoch, current=-1, partition=0, topic=name, replica=-2):
        more = {"replicaId": replica} if version >= 3 else {}
        s.ask("OffsetForLeaderEpoch", version, **more, topics=[{"topic": topic, "partitions": [
            {"partition": partition, "currentLeaderEpoch": current, "leaderEpoch": epoch}]}])

    for epoch in (0, 1, 5, -1, -2):
        look_up(epoch)
    for current in (0, 1, -2):
        look_up(0, current)
    look_up(0, partition=3)
    look_up(0, topic=s.named("-unknown"))
    look_up(0, topic="a b")
    look_up(0, replica=7), look_up(0, replica=-1)
    s.ask("OffsetForLeaderEpoch", version, topics=[])
    s.ask("OffsetForLeaderEpoch", version, topics=[{"topic": name, "partitions": []}])


@case("DeleteRecords")
def delete_records(s, version):
    name, _ = three_batches(s, partitions=2)
    compact, _ = s.create("-compact", cleanup_policy="compact")
    both, _ = s.create("-both", cleanup_policy="compact,delete")

    def delete(*offsets, topic=name):
        s.ask("DeleteRecords", version, timeoutMs=30000, topics=[{"name": topic, "partitions": [
            {"partitionIndex": index, "offset": offset} for index, offset in offsets]}])

    for offset in (7, 100, -2, -100, 0, 1, 3, 2, 0, 6, -1, 5):
        delete((0, offset))
    delete((1, 0)), delete((1, -1)), delete((1, 1))
    delete((2, 0)), delete((-1, 0))
    delete((0, 0), (1, 0), (5, 0))
    delete((0, 6), (0, 5))
    delete()
    for topic in (compact, both, s.named("-unknown"), "", "a b"):
        delete((0, 0), topic=topic)
    s.ask("DeleteRecords", version, timeoutMs=30000, topics=[])
    for offset in (0, 5, 6):
        s.ask("Fetch", 12, maxWaitMs=0, minBytes=1, topics=[{"topic": name, "partitions": [
            {"partition": 0, "fetchOffset": offset, "partitionMaxBytes": 1 << 20}]}])


@case("DescribeLogDirs")
def describe_log_dirs(s, version):
    name, _ = three_batches(s, partitions=2)
    for topics in ([{"topic": name, "partitions": [0, 1]}], [{"topic": name, "partitions": [0]}],
                   [{"topic": name, "partitions": [7]}], [{"topic": name, "partitions": []}],
                   [{"topic": s.named("-unknown"), "partitions": [0]}], [{"topic": "a b", "partitions": [0]}], []):
        s.ask("DescribeLogDirs", version, topics=topics)
    s.ask("DescribeLogDirs", version, topics=None)
