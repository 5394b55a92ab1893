#!/usr/bin/env python3
"""Files of one broker read by the other's programs. Apache Kafka's DumpLogSegments reads what Moldau left after an orderly
stop, in both modes of durability; kafka-dump-log of Moldau reads what Kafka left; each prints the same lines about the same
files. Then a partition's folder is copied from Kafka's data to Moldau's, as README.md says, and served. Needs MOLDAU_BINARY.
Exit code 3: Kafka cannot be had here."""

import base64
import collections
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import batches
from batches import CODECS, T0, batch
from cases import Script
from compare import Intended
from sides import Kafka, Moldau, java, kafka_classpath

TOPIC = "files"
SEGMENT_BYTES = 1048576
RECORD = bytes(range(32, 127)) * 11
# What DumpLogSegments says of files that are not right.
COMPLAINTS = ("Found", "corrupt", "Exception", "invalid", "mismatch", "non monotonic", "out of order")
failures = collections.Counter()


def fail(text):
    failures[text[:60]] += 1
    print("FAILED:", text, flush=True)


def fill(side):
    """Three partitions: all codecs; idempotent producers over several segments; records deleted from the front."""
    script = Script(side, TOPIC)
    answer = side.ask("CreateTopics", 7, timeoutMs=30000, topics=[{
        "name": TOPIC, "numPartitions": 3, "replicationFactor": 1,
        "configs": [{"name": "segment.bytes", "value": str(SEGMENT_BYTES)}, {"name": "index.interval.bytes", "value": "1000"}]}])
    if answer["topics"][0]["errorCode"] != 0:
        raise AssertionError(answer)
    script.await_topic(TOPIC, 3)
    for n in range(10):
        for number, codec_name in enumerate(CODECS):
            stamps = [T0 + 1000 * (5 * n + number) + i for i in range(3)]
            script.produce(TOPIC, batch([RECORD, b"", None], codec_name, timestamps=stamps, keys=[b"k", None, b""]))
    for n in range(700):
        records = batch([RECORD * 2, RECORD * 2], timestamps=[T0 + 10 * n, T0 + 10 * n + 1], producer_id=5000 + n % 3,
                        producer_epoch=n % 3, base_sequence=n // 3 * 2)
        script.produce(TOPIC, records, partition=1)
    for n in range(100):
        script.produce(TOPIC, batch([RECORD * 20], "lz4" if n % 2 else "none", timestamps=[T0 + n]), partition=2)
    side.ask("DeleteRecords", 2, timeoutMs=30000, topics=[{"name": TOPIC, "partitions": [{"partitionIndex": 2, "offset": 50}]}])


def served(side):
    """Every batch of every partition, and offsets by time."""
    found = {}
    for partition in range(3):
        start = side.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": TOPIC, "partitions": [
            {"partitionIndex": partition, "timestamp": -2}]}])["topics"][0]["partitions"][0]["offset"]
        found[partition] = list(batches_from(side, partition, start))
        for stamp in (0, T0 + 5, T0 + 900, T0 + 4001, T0 + 6990):
            found[partition, stamp] = side.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": TOPIC, "partitions": [
                {"partitionIndex": partition, "timestamp": stamp}]}])["topics"][0]["partitions"][0]
    return found


def batches_from(side, partition, offset, topic=TOPIC):
    while True:
        answer = side.ask("Fetch", 11, maxWaitMs=0, minBytes=1, topics=[{"topic": topic, "partitions": [
            {"partition": partition, "fetchOffset": offset, "partitionMaxBytes": 1 << 20}]}])
        part = answer["responses"][0]["partitions"][0]
        if part["errorCode"] != 0:
            raise AssertionError(f"{side.name} does not serve {partition} at {offset}: {part}")
        whole = [b for b in batches.read_all(part["records"] or b"") if "cutOff" not in b]
        if not whole:
            return
        yield from whole
        offset = whole[-1]["baseOffset"] + whole[-1]["lastOffsetDelta"] + 1


# What Kafka's program says of files that are right.

MISMATCH = "Found timestamp mismatch in :"
WITHOUT_RECORDS = re.compile(r"  Index timestamp: (\d+), log timestamp: -1")
NOT_CONSECUTIVE = "Non-consecutive offsets in "
GAP = re.compile(r"  (-?\d+) is followed by (\d+)")


def stamps_of_empty_batches(segment):
    """The greatest timestamps of the batches that compaction has left without records."""
    content, at, found = segment.read_bytes(), 0, set()
    while at + batches.HEADER_SIZE <= len(content):
        _, length, *_, max_timestamp, _, _, _, count = struct.unpack_from(batches.HEADER, content, at)
        if count == 0:
            found.add(max_timestamp)
        at += 12 + length
    return found


def without_empty_batches(lines):
    """Without the time index entries of such batches: the program looks for the greatest timestamp among the records,
    where there are none, and takes the one of the batch for wrong."""
    kept, heading, stamps = [], None, set()
    for line in lines:
        if line.startswith(MISMATCH):
            heading, stamps = line, stamps_of_empty_batches(pathlib.Path(line.removeprefix(MISMATCH)).with_suffix(".log"))
            continue
        if not line.startswith("  "):
            heading = None
        entry = WITHOUT_RECORDS.fullmatch(line)
        if heading and entry and int(entry[1]) in stamps:
            continue
        kept += [heading, line] if heading else [line]
    return kept


def without_gaps(lines):
    """The lines without those that tell, at the end and for each file, which offsets do not follow each other; and these
    pairs by file. There are such offsets wherever something was compacted, and where a segment does not begin at 0."""
    kept, told, path = [], {}, None
    for line in lines:
        gap = GAP.fullmatch(line)
        if line.startswith(NOT_CONSECUTIVE):
            path = line.removeprefix(NOT_CONSECUTIVE)
        elif path and gap:
            told.setdefault(path, set()).add((int(gap[1]), int(gap[2])))
        else:
            kept.append(line)
    return kept, told


def gaps_between(lines):
    """The same pairs, from the lines of the records."""
    found, path, last = {}, None, -1
    for line in lines:
        if line.startswith("Dumping "):
            path, last = line.removeprefix("Dumping "), -1
        elif line.startswith("| offset: "):
            offset = int(line.split(" ", 3)[2])
            if offset != last + 1:
                found.setdefault(path, set()).add((last, offset))
            last = offset
    return found


# The two programs.

UTF8 = ("-Dfile.encoding=UTF-8", "-Dstdout.encoding=UTF-8")


class Dumps:
    def __init__(self, classpath, intended):
        self.classpath, self.intended = classpath, intended
        self.compared = 0

    def kafka(self, *words):
        done = subprocess.run([*java(self.classpath), *UTF8, "org.apache.kafka.tools.DumpLogSegments", *words],
                              capture_output=True, encoding="utf-8", errors="replace", timeout=300)
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def moldau(*words):
        done = subprocess.run([os.environ["MOLDAU_BINARY"], "kafka-dump-log", *words], capture_output=True, encoding="utf-8",
                              errors="replace", timeout=300)
        return done.returncode, done.stdout + done.stderr

    def check(self, who, files, *flags):
        words = ["--files", ",".join(map(str, files)), *flags]
        kafka, moldau = self.kafka(*words), self.moldau(*words)
        what = f"{who}'s files {' '.join(flags)}"
        theirs, ours = without_empty_batches(kafka[1].splitlines()), moldau[1].splitlines()
        for name, code, lines in (("Kafka", kafka[0], theirs), ("Moldau", moldau[0], ours)):
            if code != 0:
                fail(f"{name}'s program ends with {code} for {what}: {lines[-8:]}")
            for line in lines:
                if any(word.lower() in line.lower() for word in COMPLAINTS):
                    fail(f"{name}'s program says of {what}: {line[:300]}")
                    break
        if any(file.suffix == ".snapshot" for file in files):
            theirs, ours = sorted(theirs), sorted(ours)     # Kafka goes through a hash map
        theirs, told = without_gaps(theirs)
        if told != gaps_between(ours):
            fail(f"{what}: Kafka tells of the gaps {str(told)[:400]}, Moldau shows {str(gaps_between(ours))[:400]}")
        self.compare(what, theirs, ours)

    def compare(self, what, kafka, moldau):
        self.compared += len(kafka)
        if len(kafka) != len(moldau):
            fail(f"{what}: Kafka prints {len(kafka)} lines, Moldau {len(moldau)}")
        shown = 0
        for number, (one, other) in enumerate(zip(kafka, moldau)):
            if one.rstrip() == other.rstrip() or self.intended.covers("dump-log", "line", one, other):
                continue
            shown += 1
            if shown <= 3:
                fail(f"{what}: line {number}:\n  Kafka  {one[:400]}\n  Moldau {other[:400]}")
        if shown > 3:
            fail(f"{what}: {shown} lines differ")


def check_folder(dumps, who, data):
    folders = sorted(data.glob(f"{TOPIC}-*"))
    for suffix, flag_sets in ((".log", (["--deep-iteration", "--print-data-log"], ["--deep-iteration"], [])),
                              (".index", ([], ["--index-sanity-check"], ["--verify-index-only"])),
                              (".timeindex", ([], ["--index-sanity-check"], ["--verify-index-only"])),
                              (".snapshot", ([],))):
        files = [file for folder in folders for file in sorted(folder.glob("*" + suffix))]
        if not files:
            fail(f"{who} left no {suffix}")
            continue
        for flags in flag_sets:
            dumps.check(who, files, *flags)


def copy_folders(source, target, topic_id, topic=TOPIC):
    """As README.md says: the folders of a stopped broker become those of a stopped node, under its topic's id."""
    for folder in sorted(source.glob(f"{topic}-*")):
        to = target / folder.name
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(folder, to)
        (to / "partition.metadata").write_text(f"version: 0\ntopic_id: {topic_id}\n")


def check_copy(kafka_data, expected):
    with Moldau() as node:
        script = Script(node, TOPIC)
        _, topic_id = script.create("", partitions=3, segment_bytes=SEGMENT_BYTES)
        if node.stop() != 0:
            fail("Moldau did not stop in order")
        copy_folders(kafka_data, node.data, base64.urlsafe_b64encode(topic_id.bytes).decode().rstrip("="))
        node.start()
        script.await_topic(TOPIC, 3)
        # Where the log begins is not in its folder: what was deleted within a segment is there again.
        node.ask("DeleteRecords", 2, timeoutMs=30000, topics=[{"name": TOPIC, "partitions": [{"partitionIndex": 2, "offset": 50}]}])
        for what, want in expected.items():
            got = served_of(node, what)
            if got != want:
                fail(f"the copied partitions: {what}: Kafka {str(want)[:300]} | Moldau {str(got)[:300]}")
        for partition, at_end in ((0, expected[0]), (1, expected[1]), (2, expected[2])):
            end = at_end[-1]["baseOffset"] + at_end[-1]["lastOffsetDelta"] + 1
            answer = node.ask("Produce", 8, acks=-1, timeoutMs=30000, topicData=[{"name": TOPIC, "partitionData": [
                {"index": partition, "records": batch()}]}])["responses"][0]["partitionResponses"][0]
            if (answer["errorCode"], answer["baseOffset"]) != (0, end):
                fail(f"a record behind the copied ones of partition {partition}: {answer}, not offset {end}")
        # The producers' state came along: the last batch again is a duplicate, one with a gap is refused.
        last = 699
        again = batch([RECORD * 2, RECORD * 2], timestamps=[T0 + 10 * last, T0 + 10 * last + 1], producer_id=5000 + last % 3,
                      producer_epoch=last % 3, base_sequence=last // 3 * 2)
        answer = node.ask("Produce", 8, acks=-1, timeoutMs=30000, topicData=[{"name": TOPIC, "partitionData": [
            {"index": 1, "records": again}]}])["responses"][0]["partitionResponses"][0]
        if (answer["errorCode"], answer["baseOffset"]) != (0, 2 * last):
            fail(f"a batch repeated after the copy is not known: {answer}")


def served_of(side, what):
    if isinstance(what, int):
        start = side.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": TOPIC, "partitions": [
            {"partitionIndex": what, "timestamp": -2}]}])["topics"][0]["partitions"][0]["offset"]
        return list(batches_from(side, what, start))
    return side.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": TOPIC, "partitions": [
        {"partitionIndex": what[0], "timestamp": what[1]}]}])["topics"][0]["partitions"][0]


def main():
    classpath = kafka_classpath()
    if classpath is None:
        return 3
    dumps = Dumps(classpath, Intended(pathlib.Path(__file__).resolve().parent / "intended.tsv"))
    for durability in ("synced", "page-cache"):
        with Moldau(f"moldau.durability={durability}\n") as node:
            fill(node)
            if node.stop() != 0:
                fail(f"Moldau did not stop in order with {durability}")
            check_folder(dumps, f"Moldau ({durability})", node.data)
    with Kafka(classpath) as kafka:
        fill(kafka)
        expected = served(kafka)
        kafka.stop()
        check_folder(dumps, "Kafka", kafka.data)
        check_copy(kafka.data, expected)
    print(f"{dumps.compared} lines about files compared, {sum(failures.values())} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
