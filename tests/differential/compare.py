"""Answers made comparable, and what differs between two of them. What is each broker's own (ids, ports, clocks) becomes a
name; arrays of named things become dicts, so that one more or one less is one difference."""

import fnmatch
import pathlib
import re
import time
import uuid

import batches

NAMING = ("name", "groupId", "apiKey", "feature", "topicName", "topic", "brokerId", "nodeId", "replicaId", "partitionIndex",
          "partition", "index", "resourceName", "key", "logDir", "transactionalId")
UNORDERED = ("partitions",)     # numbers that are a set: Kafka's come from a hash set
JAVA_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # at the end of member ids
CLOCK_SLACK_MS = 3_600_000
MIN_CLOCK_MS = 1_500_000_000_000


class Normaliser:
    """One for each side and case: what is new gets the next number, on both sides in the same order."""

    def __init__(self, side, started_ms):
        self.side, self.started_ms = side, started_ms
        self.names = {}

    def number(self, kind, value):
        known = self.names.setdefault(kind, {})
        return f"<{kind} {known.setdefault(value, len(known) + 1)}>"

    def value(self, value, name=""):
        if isinstance(value, dict):
            return {key: self.value(inner, key) for key, inner in value.items()}
        if isinstance(value, list) and name in UNORDERED and all(isinstance(item, int) for item in value):
            return sorted(value)
        if isinstance(value, list):
            return self.array([self.value(inner, name) for inner in in_order(value)], name)
        if isinstance(value, uuid.UUID):
            return str(value) if value.int < 4 else self.number("uuid", value)
        if isinstance(value, (bytes, bytearray)):
            return self.records(bytes(value)) if name == "records" else value.hex()
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool) or value is None:
            return value
        return self.integer(value, name)

    def integer(self, value, name):
        if value == self.side.port:
            return "<port>"
        if value == self.side.controller_port:
            return "<controller port>"
        if name in ("producerId", "sessionId") and value > 0 or name == "producerId" and value == 0:
            return self.number(name, value)
        now = int(time.time() * 1000)
        if self.started_ms - CLOCK_SLACK_MS <= value <= now + CLOCK_SLACK_MS:
            return "<now>"
        if name in ("usableBytes", "totalBytes"):
            return "<size of the disk>"
        return value

    def text(self, value):
        for own, general in ((str(self.side.data), "<data>"), (str(self.side.controller_port), "<controller port>"),
                             (str(self.side.port), "<port>")):
            value = value.replace(own, general)
        return JAVA_UUID.sub(lambda found: self.number("member", found[0]), value)

    def array(self, items, name):
        if not items or not all(isinstance(item, dict) for item in items):
            return items
        for key in NAMING:
            names = [str(item.get(key)) for item in items]
            if key in items[0] and len(set(names)) == len(names):
                return {f"{key}={n}": item for n, item in zip(names, items)}
        return items

    def records(self, content):
        return [self.value(batch) for batch in batches.read_all(content)]


def in_order(items):
    """What has a name by its name, so that ids are numbered in the same order on both sides."""
    for key in (*NAMING, "producerId"):
        if items and all(isinstance(item, dict) and isinstance(item.get(key), (str, int)) for item in items):
            return sorted(items, key=lambda item: (isinstance(item[key], str), item[key], item.get("resourceType", 0)))
    return items


def differences(kafka, moldau, path=""):
    """(path, Kafka's value, Moldau's value) of every field that differs."""
    if isinstance(kafka, dict) and isinstance(moldau, dict):
        for key in [*kafka, *(key for key in moldau if key not in kafka)]:
            inner = f"{path}.{key}" if path else key
            if key not in moldau:
                yield inner, kafka[key], "<absent>"
            elif key not in kafka:
                yield inner, "<absent>", moldau[key]
            else:
                yield from differences(kafka[key], moldau[key], inner)
    elif isinstance(kafka, list) and isinstance(moldau, list) and len(kafka) == len(moldau):
        for place, (one, other) in enumerate(zip(kafka, moldau)):
            yield from differences(one, other, f"{path}.{place}")
    elif path.rsplit(".", 1)[-1] in ("errorMessage", "batchIndexErrorMessage") and kafka and moldau:
        return      # our texts are our own; that there is one is what is compared
    elif kafka != moldau:
        yield path, kafka, moldau


class Intended:
    """intended.tsv: case, path, Kafka's value, Moldau's value (patterns of fnmatch) and the reason."""

    def __init__(self, path):
        self.rows = []
        for line in pathlib.Path(path).read_text().splitlines():
            if line and not line.startswith("#"):
                self.rows.append([*line.split("\t"), 0])

    def covers(self, case, path, kafka, moldau):
        for row in self.rows:
            if all(matches(text, pattern) for text, pattern in
                   zip((case, path, str(kafka), str(moldau)), row)):
                row[-1] += 1
                return True
        return False

    def unused(self):
        return [row for row in self.rows if row[-1] == 0 and row[0] not in ("tools", "dump-log")]


def matches(text, pattern):
    return pattern == "*" or text == pattern or fnmatch.fnmatchcase(text, pattern)
