"""Figures of a history: what was acknowledged, how long nothing was, how long a fault was felt, who fell behind. Pure, of
history.Op."""

from collections import defaultdict


def acked_records(sends):
    """A record of a transaction counts once that is committed."""
    return sum(1 for op in sends if op.f != "txn" or op.outcome == "ok"
               for mop in op.mops if len(mop) > 3 and isinstance(mop[3], int))


def longest_silence(sends):
    """Seconds between two acknowledgements that follow each other."""
    times = sorted(op.ended for op in sends if op.outcome == "ok")
    return max((after - before for before, after in zip(times, times[1:])), default=0.0)


def fail_overs(sends, faults, partitions):
    """For each fault the seconds until all partitions have acknowledged something that was sent after it. A fault is left
    out when the next came earlier. `sends`: with one partition each; `faults`: times."""
    out = []
    for fault, until in zip(faults, [*faults[1:], float("inf")]):
        first = {}
        for op in sends:
            key = op.mops[0][1]
            if op.outcome == "ok" and fault <= op.began and op.ended < first.get(key, until):
                first[key] = op.ended
        if len(first) == partitions:
            out.append(max(first.values()) - fault)
    return out


def left_behind(ops):
    """One line for each consumer and partition of its topics that had not got, at its end, what readers of everything got."""
    ends = defaultdict(lambda: defaultdict(lambda: -1))  # by process and key
    followers = defaultdict(set)  # their topics
    complete = defaultdict(lambda: -1)
    for op in ops:
        if op.f == "assign":
            followers[op.process].update(map(topic_of, op.positions))
        for key, records in op.polls():
            for offset, _ in records[-1:]:
                ends[op.process][key] = max(ends[op.process][key], offset)
                if op.f == "read":
                    complete[key] = max(complete[key], offset)
                if op.f == "poll":
                    followers[op.process].add(topic_of(key))
    return [f"{process} got {key} up to {ends[process][key]} of {end}" for process, topics in sorted(followers.items())
            for key, end in sorted(complete.items()) if topic_of(key) in topics and ends[process][key] < end]


def topic_of(key):
    return key.rpartition("/")[0]
