#!/usr/bin/env python3
"""The same keyed batches written to Moldau and to Apache Kafka, compacted by each: what is left of the closed segments is the
same, batch by batch, tombstones and what idempotent producers are remembered by included. Both dump programs read what each
left. Then Kafka's own commands write a compacted topic of Moldau's and read it back, and Moldau serves what Kafka has
compacted. Needs MOLDAU_BINARY. Exit code 3: Kafka cannot be had here."""

import base64
import pathlib
import random
import subprocess
import sys
import time

import batches
import files
from batches import CODECS, T0, batch
from cases import Script
from compare import Intended
from files import Dumps, fail, failures
from sides import Kafka, Moldau, java, kafka_classpath

SEGMENT_BYTES = 1 << 20     # the least that Kafka takes
PROPERTIES = "log.cleaner.backoff.ms=100\n"
KEYS = 60
PATIENCE_S = 60


def create(side, topic, **configs):
    script = Script(side, topic)
    _, topic_id = script.create("", cleanup_policy="compact", segment_bytes=SEGMENT_BYTES, **configs)
    return script, topic_id


def history(seed):
    """Batches of keyed records, some without a value, some of two idempotent producers: about seven segments."""
    rng = random.Random(seed)
    sequences = {None: 0, 7001: 0, 7002: 0}
    for number in range(900):
        # After a while nothing comes from the second one any more: its last batch is what tells its sequence.
        producer = rng.choice((None, 7001, 7002 if number < 300 else None))
        count = rng.randint(1, 6)
        keys = [b"key-%d" % (rng.randrange(KEYS) if rng.random() < 0.9 else 1000 + number) for _ in range(count)]
        values = [None if rng.random() < 0.15 else rng.randbytes(rng.randint(100, 4000)) for _ in range(count)]
        header = {} if producer is None else {
            "producer_id": producer, "producer_epoch": 0, "base_sequence": sequences[producer]}
        sequences[producer] += count
        stamps = [T0 + 100 * number + i for i in range(count)]
        yield batch(values, rng.choice(CODECS), keys=keys, timestamps=stamps, **header)


def last_segment(side, topic):
    return max(int(file.stem) for file in (side.data / f"{topic}-0").glob("*.log"))


def clean_up_to(side, topic):
    try:
        lines = (side.data / "cleaner-offset-checkpoint").read_text().split("\n")[2:]
    except OSError:
        return 0
    return next((int(line.split()[2]) for line in lines if line.startswith(f"{topic} 0 ")), 0)


def await_clean(script, topic):
    """Until all but the active segment is clean; where that begins."""
    script.wait(lambda: clean_up_to(script.side, topic) >= last_segment(script.side, topic) > 0, f"{topic} is clean", PATIENCE_S)
    return last_segment(script.side, topic)


# What is served.

def varint(content, at):
    value, shift = 0, 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value >> 1) ^ -(value & 1), at


def records_of(one):
    """(offset, timestamp, key, value) of a batch of read_all()."""
    at, content, found = 0, one["payload"], []
    for _ in range(one["count"]):
        _, at = varint(content, at)
        stamp, at = varint(content, at + 1)
        delta, at = varint(content, at)
        fields = []
        for _ in range(2):
            size, at = varint(content, at)
            fields.append(None if size < 0 else content[at:at + size])
            at += max(size, 0)
        headers, at = varint(content, at)
        assert headers == 0
        found.append((one["baseOffset"] + delta, one["baseTimestamp"] + stamp, *fields))
    return found


def served(side, topic, below):
    """The batches below an offset, as what they mean: where a batch that holds nothing stands in for what is gone, and how
    it is compressed, is each broker's own affair."""
    found = []
    for one in files.batches_from(side, 0, 0, topic):
        if one["baseOffset"] >= below:
            break
        if one["crc"] != "right":
            fail(f"{side.name}: {topic} at {one['baseOffset']}: wrong checksum")
        if one["count"] == 0 and one["producerId"] < 0:
            continue
        found.append({key: one[key] for key in ("baseOffset", "lastOffsetDelta", "producerId", "producerEpoch",
                                                "baseSequence", "count", "maxTimestamp")} | {"records": records_of(one)})
    return found


def kept_markers(kafka, moldau):
    """Where Moldau has the markers of transactions of which it has batches without records that Kafka has not."""
    theirs = {one["baseOffset"] for one in kafka}
    found, kept_for = set(), set()      # producers of which such a batch was seen, and no marker since
    for one in moldau:
        if one.get("control"):
            if one["producerId"] in kept_for:
                found.add(one["baseOffset"])
            kept_for.discard(one["producerId"])
        elif one["count"] == 0 and one["baseOffset"] not in theirs:
            kept_for.add(one["producerId"])
    return found


def compare(what, kafka, moldau, before=()):
    """Batch by batch; how many there are. Moldau keeps more of a producer (src/README.md): up to five of its batches, and one
    at the end of a segment, without their records; and with them the marker of their transaction. `before`: what both had
    after the two passes before, since a marker outlives its batches by two: the pass that lets the last of them go has still
    seen it, the next one gives the marker its time, the one after that lets it go."""
    ours = {one["baseOffset"]: one for one in moldau}
    theirs = {one["baseOffset"]: one for one in kafka}
    markers = set().union(*(kept_markers(*state) for state in (*before, (kafka, moldau))))
    for offset in sorted(ours.keys() | theirs.keys()):
        one = ours.get(offset)
        is_more = offset not in theirs and (one["count"] == 0 or one.get("control") and offset in markers)
        if not is_more and one != theirs.get(offset):
            fail(f"{what}: the batch at {offset}:\n  Kafka  {str(theirs.get(offset))[:300]}\n  Moldau {str(ours.get(offset))[:300]}")
    return len(ours)


# The parts.

def compact_both(kafka, moldau):
    """One topic keeps tombstones, the other lets them go as soon as a second pass comes."""
    compared = 0
    for topic, configs in (("keeps", {"min_cleanable_dirty_ratio": 1}),
                           ("forgets", {"min_cleanable_dirty_ratio": 1, "delete_retention_ms": 1})):
        found = []
        for side in (kafka, moldau):
            script, _ = create(side, topic, **configs)
            for one in history(11):
                script.produce(topic, one)
            rounds = 2 if topic == "forgets" else 1
            for number in range(rounds):
                if number > 0:
                    set_ratio(side, topic, 1)
                    for one in history(12 + number):
                        script.produce(topic, without_producer(one))
                files_settle(script, topic)
                set_ratio(side, topic, 0.01)
                end = await_clean(script, topic)
            found.append((end, served(side, topic, end)))
        if found[0][0] != found[1][0]:
            fail(f"{topic}: the active segment begins at {found[0][0]} with Kafka, at {found[1][0]} with Moldau")
        compared += compare(topic, found[0][1], found[1][1])
        if sum(len(one["records"]) for one in found[1][1]) > 1500:
            fail(f"{topic}: hardly anything was compacted")
    retries(kafka, moldau, "keeps")
    return compared


def without_producer(one):
    """The same records from nobody: sequences of another history would be refused."""
    (read,) = batches.read_all(one)
    stamps, keys, values = zip(*[record[1:] for record in records_of(read)])
    return batch(list(values), keys=list(keys), timestamps=list(stamps))


def set_ratio(side, topic, ratio):
    answer = side.ask("IncrementalAlterConfigs", 1, validateOnly=False, resources=[{
        "resourceType": 2, "resourceName": topic, "configs": [
            {"name": "min.cleanable.dirty.ratio", "configOperation": 0, "value": str(ratio)}]}])
    if answer["responses"][0]["errorCode"] != 0:
        raise AssertionError(answer)


def files_settle(script, topic):
    """Moldau writes segments behind its commit log: the last one is there when it has not grown for a while."""
    seen = []
    def still():
        sizes = sorted((file.name, file.stat().st_size) for file in (script.side.data / f"{topic}-0").glob("*.log"))
        seen.append(sizes)
        return len(seen) > 40 and seen[-1] == seen[-40]
    script.wait(still, f"the files of {topic} rest", PATIENCE_S)


def retries(kafka, moldau, topic):
    """What idempotent producers have sent last is known after compaction."""
    last = {}
    for one in history(11):
        (read,) = batches.read_all(one)
        if read["producerId"] >= 0:
            last[read["producerId"]] = one
    answers = []
    for side in (kafka, moldau):
        for one in last.values():
            answers.append((side.name, side.ask("Produce", 8, acks=-1, timeoutMs=30000, topicData=[
                {"name": topic, "partitionData": [{"index": 0, "records": one}]}])["responses"][0]["partitionResponses"][0]))
    count = len(last)
    for (_, theirs), (_, ours) in zip(answers[:count], answers[count:]):
        if (theirs["errorCode"], theirs["baseOffset"]) != (ours["errorCode"], ours["baseOffset"]):
            fail(f"a retry after compaction: Kafka {theirs} | Moldau {ours}")


class Transactional:
    """A producer of the first version of transactions: its epoch stays."""

    def __init__(self, script, topic, name):
        self.script, self.side, self.topic, self.name = script, script.side, topic, name
        self.sequence, self.open, self.id, self.epoch = 0, False, -1, -1
        script.wait(self.begun, f"the producer {name}", PATIENCE_S)

    def begun(self):
        self.side.ask("FindCoordinator", 4, keyType=1, coordinatorKeys=[self.name])
        answer = self.side.ask("InitProducerId", 4, transactionalId=self.name, transactionTimeoutMs=600000, producerId=-1,
                               producerEpoch=-1)
        self.id, self.epoch = answer["producerId"], answer["producerEpoch"]
        return answer["errorCode"] == 0

    def added(self):
        answer = self.side.ask("AddPartitionsToTxn", 3, v3AndBelowTransactionalId=self.name, v3AndBelowProducerId=self.id,
                               v3AndBelowProducerEpoch=self.epoch, v3AndBelowTopics=[{"name": self.topic, "partitions": [0]}])
        return answer["resultsByTopicV3AndBelow"][0]["resultsByPartition"][0]["partitionErrorCode"] == 0

    def send(self, keys, values, stamps, codec_name):
        if not self.open:
            self.script.wait(self.added, f"{self.name} has added the partition")
        self.open = True
        records = batch(values, codec_name, keys=keys, timestamps=stamps, attributes=CODECS.index(codec_name) | 0x10,
                        producer_id=self.id, producer_epoch=self.epoch, base_sequence=self.sequence)
        answer = self.side.ask("Produce", 8, transactionalId=self.name, acks=-1, timeoutMs=30000, topicData=[
            {"name": self.topic, "partitionData": [{"index": 0, "records": records}]}])
        if answer["responses"][0]["partitionResponses"][0]["errorCode"] != 0:
            raise AssertionError(f"{self.side.name}: {answer}")
        self.sequence += len(values)

    def end(self, committed):
        """Until its marker is there, so that both sides have it at the same offset."""
        if not self.open:
            return
        answer = self.side.ask("EndTxn", 3, transactionalId=self.name, producerId=self.id, producerEpoch=self.epoch,
                               committed=committed)
        if answer["errorCode"] != 0:
            raise AssertionError(f"{self.side.name}: {answer}")
        self.open = False
        self.script.wait(self.is_over, f"{self.name}'s transaction is over")

    def is_over(self):
        (found,) = self.side.ask("DescribeTransactions", 0, transactionalIds=[self.name])["transactionStates"]
        return found["transactionState"].startswith("Complete")


def write_transactions(script, topic, producers, seed, steps, stamps):
    """Committed and aborted ones, some open at once, and records of nobody between; all of them end."""
    rng = random.Random(seed)
    for number in range(steps):
        # After a while nothing comes from the last producer any more.
        producer = rng.choice([None, *producers[:None if number < steps // 3 else -1]])
        count = rng.randint(1, 4)
        keys = [b"key-%d" % rng.randrange(KEYS) for _ in range(count)]
        values = [None if rng.random() < 0.15 else rng.randbytes(rng.randint(100, 16000)) for _ in range(count)]
        times = [next(stamps) for _ in range(count)]
        codec_name = rng.choice(CODECS)
        if producer is None:
            script.produce(topic, batch(values, codec_name, keys=keys, timestamps=times))
        else:
            producer.send(keys, values, times, codec_name)
        for each in producers:
            if rng.random() < 0.2:
                each.end(rng.random() < 0.5)
    for each in producers:
        each.end(True)


def served_transactions(side, topic, below, producers):
    """As served(), with producers by their names, and markers by what they say: their times are the clock's."""
    names = {each.id: each.name for each in producers}
    found = []
    for one in files.batches_from(side, 0, 0, topic):
        if one["baseOffset"] >= below:
            break
        if one["count"] == 0 and one["producerId"] < 0:
            continue
        control = bool(one["attributes"] & 0x20)
        kept = {key: one[key] for key in ("baseOffset", "lastOffsetDelta", "producerEpoch", "baseSequence", "count")}
        records = records_of(one)
        found.append(kept | {"producerId": names.get(one["producerId"]), "control": control,
                             "transactional": bool(one["attributes"] & 0x10),
                             "records": [(record[0], record[2]) for record in records] if control else records})
    return found


def compact_transactions(kafka, moldau):
    """Aborted records go, markers stay while anything of their transaction does, and go after their time."""
    topic, found = "transactions", []
    began = int(time.time() * 1000)     # a marker that is much younger than what lies before it begins a segment
    for side in (kafka, moldau):
        script, _ = create(side, topic, min_cleanable_dirty_ratio=1, delete_retention_ms=1)
        stamps = iter(range(began, began + 1000000))
        producers = [Transactional(script, topic, name) for name in ("one", "two", "three")]
        states = []
        for number in range(3):
            set_ratio(side, topic, 1)
            write_transactions(script, topic, producers, 21 + number, 160, stamps)
            files_settle(script, topic)
            set_ratio(side, topic, 0.01)
            end = await_clean(script, topic)
            states.append((end, served_transactions(side, topic, end, producers)))
        found.append(states)
    compared, before = 0, []
    for number, ((end, theirs), (our_end, ours)) in enumerate(zip(*found)):
        if end != our_end:
            fail(f"{topic} {number}: the active segment begins at {end} with Kafka, at {our_end} with Moldau")
        compared += compare(f"{topic} {number}", theirs, ours, before[-2:])
        before.append((theirs, ours))
    if not any(one["control"] for one in found[1][2][1]):
        fail(f"{topic}: no marker is left to compare")
    return compared


def check_files(dumps, side, topics):
    for suffix, flag_sets in ((".log", (["--deep-iteration", "--print-data-log"], [])),
                              (".index", ([], ["--index-sanity-check"])), (".timeindex", ([], ["--index-sanity-check"])),
                              (".snapshot", ([],))):
        found = [file for topic in topics for file in sorted((side.data / f"{topic}-0").glob("*" + suffix))]
        for flags in flag_sets if found else []:
            dumps.check(f"{side.name} (compacted)", found, *flags)


def tool(classpath, name, *words, stdin=""):
    done = subprocess.run([*java(classpath), f"org.apache.kafka.tools.{name}", *map(str, words)], input=stdin, text=True,
                          capture_output=True, timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{name} ended with {done.returncode}: {done.stderr[-800:]}")
    return done.stdout


def through_kafkas_commands(classpath, moldau):
    """The console producer writes four versions of each key, each in batches and with a codec of its own."""
    topic = "console"
    script, _ = create(moldau, topic, min_cleanable_dirty_ratio=0.01)
    written, total = {}, 0
    for version, codec_name in enumerate(("none", "lz4", "zstd", "gzip")):
        noise = random.Random(version)
        lines = {f"key-{n}": f"{version}-{noise.randbytes(600).hex()}" for n in range(900)}
        tool(classpath, "ConsoleProducer", "--bootstrap-server", moldau.bootstrap, "--topic", topic, "--compression-codec", codec_name,
             "--reader-property", "parse.key=true", stdin="".join(f"{key}\t{value}\n" for key, value in lines.items()))
        written |= lines
        total += len(lines)
    files_settle(script, topic)
    end = await_clean(script, topic)
    printed = tool(classpath, "consumer.ConsoleConsumer", "--bootstrap-server", moldau.bootstrap, "--topic", topic, "--partition", 0,
                   "--offset", "earliest", "--timeout-ms", 8000, "--formatter-property", "print.key=true",
                   "--formatter-property", "print.offset=true")
    read = [line.split("\t") for line in printed.splitlines()]
    offsets = [int(line[0].removeprefix("Offset:")) for line in read]
    if offsets != sorted(set(offsets)):
        fail("the console consumer's offsets do not rise")
    if len(read) >= total or end == 0:
        fail(f"the console consumer reads {len(read)} of {total} records: nothing was compacted")
    if {key: value for _, key, value in read} != written:
        fail("the console consumer does not read the last version of each key")
    clean = [key for (_, key, _), offset in zip(read, offsets) if offset < end]
    if len(clean) != len(set(clean)):
        fail("the console consumer reads a key twice from the clean part")
    return len(read)


def serve_kafkas(kafka_data, topic, expected):
    """What Kafka has compacted becomes a topic of Moldau's, and stays as it is through one more compaction."""
    with Moldau(PROPERTIES) as node:
        script, topic_id = create(node, topic, min_cleanable_dirty_ratio=0.01)
        if node.stop() != 0:
            fail("Moldau did not stop in order")
        files.copy_folders(kafka_data, node.data, base64.urlsafe_b64encode(topic_id.bytes).decode().rstrip("="), topic)
        node.start()
        script.await_topic(topic)
        end = await_clean(script, topic)
        compare(f"Kafka's {topic}, served by Moldau", expected, served(node, topic, end))


def main():
    classpath = kafka_classpath()
    if classpath is None:
        return 3
    dumps = Dumps(classpath, Intended(pathlib.Path(__file__).resolve().parent / "intended.tsv"))
    with Kafka(classpath, PROPERTIES) as kafka, Moldau(PROPERTIES) as moldau:
        compared = compact_both(kafka, moldau) + compact_transactions(kafka, moldau)
        read = through_kafkas_commands(classpath, moldau)
        expected = served(kafka, "keeps", last_segment(kafka, "keeps"))
        for side in (kafka, moldau):
            side.stop()
        check_files(dumps, moldau, ("keeps", "forgets", "transactions", "console"))
        check_files(dumps, kafka, ("keeps", "forgets", "transactions"))
        serve_kafkas(kafka.data, "keeps", expected)
    print(f"{compared} compacted batches and {dumps.compared} lines about files compared, {read} records read by Kafka's consumer, "
          f"{sum(failures.values())} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
