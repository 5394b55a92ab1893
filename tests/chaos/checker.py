"""What a history must not show: the anomalies that Jepsen's queue checker names (reliability.md 1.4), found by our own
means. check(ops) gives a Report; run as a program it checks history files and prints what it found:
checker.py FILE… [--topic-allows TOPIC=ANOMALY,…] [--copies FROM=TO]

  lost-write              acknowledged below the highest offset that anybody read of its partition, and read by nobody
  unseen                  acknowledged, and not read up to the end of the final reads
  duplicate               one value at two offsets
  inconsistent-offsets    one offset with two values
  unwritten-read          a value that nobody sent
  G1a                     a value was read whose send failed or whose transaction was aborted
  precommitted-read       a value was read before its send, or its transaction's commit, was asked for
  G1c, G0                 cycles of transactions: by what they read and wrote, by writes alone; -process and -realtime:
                          only together with the order in one process, or of real time
  poll-skip, nonmonotonic-poll    from one poll of a consumer to its next: over a known record; back
  nonmonotonic-send               offsets of successive sends of one process go back
  int-…                           the same within one poll, or within one transaction or group of sends
  int-send-skip                   somebody else's record lies between two sends of one op

Kafka's protocol allows G0 and int-send-skip: they are counted only."""

import sys
from bisect import bisect_right
from collections import defaultdict

import cycles
import history

ALLOWED = frozenset({"int-send-skip", "G0", "G0-process", "G0-realtime"})
MOST_EXAMPLES = 10


class Report:
    """Found anomalies by name: how many, and the first examples in words."""

    def __init__(self):
        self.counts = defaultdict(int)
        self.examples = defaultdict(list)
        self.by_topic = defaultdict(lambda: defaultdict(int))
        self.worst_realtime_lag = 0.0  # seconds that an acknowledged record waited for a consumer that polled
        self.worst_realtime_lag_of = ""

    def add(self, anomaly, key, text):
        self.counts[anomaly] += 1
        self.by_topic[key.rpartition("/")[0]][anomaly] += 1
        if len(self.examples[anomaly]) < MOST_EXAMPLES:
            self.examples[anomaly].append(f"{key}: {text}" if key else text)

    def forbidden(self, topic_allows=None):
        """Counts of what must not be; `topic_allows`: what is allowed beyond that in a topic."""
        out = defaultdict(int)
        for topic, counts in self.by_topic.items():
            allowed = ALLOWED | set((topic_allows or {}).get(topic, ()))
            for anomaly, count in counts.items():
                if anomaly not in allowed:
                    out[anomaly] += count
        return dict(out)

    def lines(self):
        for anomaly in sorted(self.counts):
            yield f"{anomaly}: {self.counts[anomaly]}"
            yield from (f"  {example}" for example in self.examples[anomaly])
        yield f"worst realtime lag: {self.worst_realtime_lag:.2f} s {self.worst_realtime_lag_of}"


class Send:
    """One value on its way: who sent it, and whether it counts as written."""

    __slots__ = ("op", "key", "value", "offset", "status")

    def __init__(self, op, key, value, offset):
        self.op, self.key, self.value = op, key, value
        self.offset = offset if isinstance(offset, int) else None
        if op.outcome == "fail" or offset == history.FAILED:
            self.status = "failed"
        elif op.outcome == "ok" or self.offset is not None and op.f != "txn":
            self.status = "acked"
        else:
            self.status = "unknown"


class Partition:
    """All that is known of one partition."""

    def __init__(self):
        self.values = defaultdict(set)   # offset: values
        self.offsets = defaultdict(set)  # value: offsets
        self.sends = {}                  # value: Send
        self.read = {}                   # value: the op that read it first
        self.highest_read = -1
        self.known = []                  # offsets at which a reader must find something, sorted
        self.acked = []                  # offset and time of acknowledgement, by offset

    def note(self, offset, value):
        self.values[offset].add(value)
        self.offsets[value].add(offset)


class Checker:
    def __init__(self, ops, ww_edges=False):
        self.ops = ops
        self.ww_edges = ww_edges
        self.report = Report()
        self.partitions = defaultdict(Partition)
        self.read_by_somebody = set()  # ops of which some value was read

    def run(self):
        self.collect()
        for key, partition in sorted(self.partitions.items()):
            self.check_offsets(key, partition)
            self.check_reads(key, partition)
            self.check_written(key, partition)
        self.check_processes()
        if any(op.f == "txn" for op in self.ops):
            self.check_cycles()
        return self.report

    # What the history says. ------------------------------------------------------------------------------------

    def collect(self):
        for op in self.ops:
            for key, value, offset in op.sends():
                self.partitions[key].sends[value] = Send(op, key, value, offset)
        for op in self.ops:
            for key, records in op.polls():
                self.collect_records(op, self.partitions[key], records)
        for partition in self.partitions.values():
            self.collect_sends(partition)

    def collect_records(self, op, partition, records):
        for offset, value in records:
            partition.note(offset, value)
            before = partition.read.get(value)
            if before is None or op.ended < before.ended:
                partition.read[value] = op
            partition.highest_read = max(partition.highest_read, offset)
            if value in partition.sends:
                self.read_by_somebody.add(partition.sends[value].op.place)

    def collect_sends(self, partition):
        must_be_there = {offset for value in partition.read for offset in partition.offsets[value]}
        for send in partition.sends.values():
            # A transaction of which something was read is committed, though its process does not know.
            if send.status == "unknown" and send.op.f == "txn" and send.op.place in self.read_by_somebody \
                    and send.offset is not None:
                send.status = "acked"
            if send.offset is not None and send.status != "failed":
                partition.note(send.offset, send.value)
            if send.status == "acked" and send.offset is not None:
                must_be_there.add(send.offset)
                partition.acked.append((send.offset, send.op.ended))
        partition.known = sorted(must_be_there)
        partition.acked.sort()

    # Partition by partition. ------------------------------------------------------------------------------------

    def check_offsets(self, key, partition):
        for offset, values in partition.values.items():
            if len(values) > 1:
                self.report.add("inconsistent-offsets", key, f"offset {offset} holds {sorted(values)}")
        for value, offsets in partition.offsets.items():
            if len(offsets) > 1:
                self.report.add("duplicate", key, f"{value} at {sorted(offsets)}")

    def check_reads(self, key, partition):
        for value, reader in partition.read.items():
            send = partition.sends.get(value)
            by = f"read by {reader.process} at {reader.ended:.3f}"
            if send is None:
                self.report.add("unwritten-read", key, f"{value} {by}, sent by nobody")
            elif send.status == "failed":
                self.report.add("G1a", key, f"{value} {by}, but {send.op.process} was told that it failed")
            elif reader.ended < self.asked_for(send.op):
                self.report.add("precommitted-read", key, f"{value} {by}, {send.op.process} asked for it later")

    @staticmethod
    def asked_for(op):
        if op.f != "txn":
            return op.began
        return float("inf") if op.commit is None and op.outcome != "ok" else op.commit or op.began

    def check_written(self, key, partition):
        for value, send in partition.sends.items():
            if send.status != "acked" or value in partition.read:
                continue
            told = f"{value} of {send.op.process}, acknowledged at {send.offset} and {send.op.ended:.3f}"
            if send.offset is not None and send.offset < partition.highest_read:
                self.report.add("lost-write", key, f"{told}; read up to {partition.highest_read}")
            else:
                self.report.add("unseen", key, f"{told}; read up to {partition.highest_read}")

    # Process by process. ----------------------------------------------------------------------------------------

    def check_processes(self):
        by_process = defaultdict(list)
        for op in self.ops:
            by_process[op.process].append(op)
        for process, ops in by_process.items():
            self.check_sends(process, ops)
            self.check_polls(process, ops)

    def check_sends(self, process, ops):
        last = {}
        for op in ops:
            inside = {}
            for key, value, offset in op.sends():
                if op.outcome == "fail" or not isinstance(offset, int):
                    continue
                if key in inside:
                    self.check_step(key, f"{process} sent {value}", inside[key], offset, "send", True)
                elif key in last and offset <= last[key]:
                    self.report.add("nonmonotonic-send", key, f"{process}: {value} at {offset} after one at {last[key]}")
                inside[key] = offset
            last.update(inside)

    def check_polls(self, process, ops):
        last, first = {}, {}
        for op in ops:
            if op.f == "assign":
                last = {key: offset - 1 for key, offset in op.positions.items() if offset is not None}
                continue
            inside = {}
            for key, records in op.polls():
                for offset, value in records:
                    what = f"{process} polled {value}"
                    if key in inside:
                        self.check_step(key, what, inside[key], offset, "poll", True)
                    elif key in last:
                        self.check_step(key, what, last[key], offset, "poll", False)
                    inside[key] = offset
            last.update(inside)
            if op.f == "poll":
                self.note_lag(op, last)

    def check_step(self, key, what, before, offset, kind, inside):
        """From one offset to the next of the same process."""
        prefix = "int-" if inside else ""
        if offset <= before:
            self.report.add(f"{prefix}nonmonotonic-{kind}", key, f"{what}: {offset} after {before}")
            return
        known = self.partitions[key].known
        at = bisect_right(known, before)
        if at < len(known) and known[at] < offset:
            self.report.add(f"{prefix}{kind}-skip", key, f"{what}: {offset} after {before}, but there is {known[at]}")

    def note_lag(self, op, last):
        """How long the next record that this consumer has not got had been acknowledged when it asked."""
        for key, position in last.items():
            acked = self.partitions[key].acked
            at = bisect_right(acked, (position, float("inf")))
            if at < len(acked) and op.began - acked[at][1] > self.report.worst_realtime_lag:
                self.report.worst_realtime_lag = op.began - acked[at][1]
                self.report.worst_realtime_lag_of = (f"({op.process} without {key} at {acked[at][0]}, asking at "
                                                     f"{op.began:.3f})")

    # Transactions. ----------------------------------------------------------------------------------------------

    def check_cycles(self):
        taking_part = [op for op in self.ops if op.outcome != "fail" and op.f != "assign"]
        ww, wr = self.ww(), self.wr()
        for name, edges in (("G0", ww), ("G1c", wr | ww if self.ww_edges else wr)):
            for strength, cycle in cycles.find(taking_part, edges, wr if name == "G1c" else ww):
                text = " -> ".join(f"{op.process}#{op.number}" for op in cycle)
                self.report.add(name + strength, "", text)

    def ww(self):
        """From the writer of each record to the writer of the next of its partition."""
        edges = set()
        for partition in self.partitions.values():
            before = None
            for offset in sorted(partition.values):
                for value in partition.values[offset]:
                    send = partition.sends.get(value)
                    if send is None or send.status == "failed":
                        continue
                    if before is not None and before is not send.op:
                        edges.add((before.place, send.op.place))
                    before = send.op
        return edges

    def wr(self):
        """From each writer to those who read what it wrote."""
        edges = set()
        for op in self.ops:
            for key, records in op.polls():
                for _, value in records:
                    send = self.partitions[key].sends.get(value)
                    if send is not None and send.op is not op:
                        edges.add((send.op.place, op.place))
        return edges


def check(ops, ww_edges=False):
    """`ops` as history.ops_of makes them. `ww_edges`: cycles that need the order of writes are G1c as well; the protocol
    allows those."""
    return Checker(ops, ww_edges).run()


def check_copies(ops, source, copies, report):
    """Each record of one topic has one copy in the other, as the final reads of both show: "VALUE#…" is one of VALUE."""
    seen = defaultdict(set)
    for op in ops:
        if op.f == "read":
            for key, records in op.polls():
                seen[key.rpartition("/")[0]].update(value for _, value in records)
    copied = defaultdict(list)
    for value in seen[copies]:
        copied[value.rpartition("#")[0]].append(value)
    for origin, values in sorted(copied.items()):
        if len(values) > 1:
            report.add("copied-twice", f"{copies}/", f"{origin} as {sorted(values)}")
        if origin not in seen[source]:
            report.add("copied-from-nothing", f"{copies}/", f"{values[0]}, but {origin} was not read")
    for value in sorted(seen[source] - set(copied)):
        report.add("not-copied", f"{copies}/", f"{value} has no copy")
    return report


def check_files(paths, copied=()):
    """`copied`: pairs of topics, from and to."""
    ops = history.ops_of(history.read(paths))
    report = check(ops)
    for source, copies in copied:
        check_copies(ops, source, copies, report)
    return report


def main(words):
    allows, paths, copied = {}, [], []
    while words:
        word = words.pop(0)
        if word == "--topic-allows":
            topic, _, anomalies = words.pop(0).partition("=")
            allows[topic] = anomalies.split(",")
        elif word == "--copies":
            copied.append(tuple(words.pop(0).split("=")))
        else:
            paths.append(word)
    report = check_files(paths, copied)
    print("\n".join(report.lines()))
    return 1 if report.forbidden(allows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
