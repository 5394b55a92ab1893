"""Histories: what each process of a workload asked for and what it was told, one JSON object a line, in one file for each
process. Times are seconds of the machine's monotonic clock, so the files of one machine can be merged.

  {"type": "invoke", "process": P, "op": N, "time": T, "f": "send", "mops": [["send", KEY, VALUE], …]}
  {"type": "ok" | "info" | "fail", "process": P, "op": N, "time": T, "mops": [["send", KEY, VALUE, OFFSET], …]}
  {"type": "ok", "process": P, "op": N, "time": T, "began": T, "f": "poll", "mops": [["poll", {KEY: [[OFFSET, VALUE], …]}]]}
  {"type": "commit", "process": P, "op": N, "time": T}
  {"type": "assign", "process": P, "time": T, "positions": {KEY: OFFSET or null}}

KEY is TOPIC/PARTITION. A value is sent once. `f` is send, poll, read (a poll that need not keep up) or txn; a txn has
mops of both kinds, its commit is asked for by a commit line. ok: it was done; fail: it was not and never will be; info: nobody knows. OFFSET of a send is a
number, null (done at an offset that was not told, or not known to be done when the op is info) or "failed" (this one was
definitely not done). A completion may carry `began` and `f` in place of an invoke line. An op without a completion is info.
assign: the consumer goes on at these offsets (null: anywhere), whatever it had read before."""

import json
import time
from dataclasses import dataclass, field

FAILED = "failed"


@dataclass
class Op:
    process: str
    number: int
    f: str
    began: float
    mops: list
    outcome: str = "info"
    ended: float = float("inf")
    commit: float = None  # when the commit of a txn was asked for
    positions: dict = None  # of an assign
    place: int = field(default=0)  # in the order of invocation

    def sends(self):
        """Key, value and offset (number, None or FAILED) of each."""
        for mop in self.mops:
            if mop[0] == "send":
                yield mop[1], mop[2], mop[3] if len(mop) > 3 else None

    def polls(self):
        """Key and pairs of offset and value."""
        for mop in self.mops:
            if mop[0] == "poll":
                yield from mop[1].items()


def ops_of(events):
    """The ops of events, in the order of invocation, each with the outcome that was told last."""
    ops, running = [], {}
    for event in events:
        key = event["process"], event.get("op")
        kind = event["type"]
        if kind == "invoke":
            running[key] = Op(event["process"], event["op"], event["f"], event["time"], event["mops"])
            ops.append(running[key])
        elif kind == "assign":
            ops.append(Op(event["process"], -1, "assign", event["time"], [], "ok", event["time"],
                          positions=event["positions"]))
        elif kind == "commit":
            running[key].commit = event["time"]
        elif "began" in event:
            ops.append(Op(event["process"], event["op"], event["f"], event["began"], event["mops"], kind, event["time"]))
        else:
            op = running.pop(key)
            op.outcome, op.ended = kind, event["time"]
            op.mops = event.get("mops", op.mops)
    ops.sort(key=lambda op: op.began)
    for place, op in enumerate(ops):
        op.place = place
    return ops


def read(paths):
    """Events of files. The last line may be cut where its process was killed."""
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    yield json.loads(line)


class Writer:
    """The file of one process. Not for several threads at once."""

    def __init__(self, path, process):
        self.file = open(path, "a", encoding="utf-8")
        self.process = process
        self.ops = 0

    def invoke(self, f, mops):
        self.ops += 1
        self._write({"type": "invoke", "op": self.ops, "f": f, "mops": mops})
        return self.ops

    def complete(self, op, outcome, mops):
        self._write({"type": outcome, "op": op, "mops": mops})

    def commit(self, op):
        """The commit of this txn is asked for from here on."""
        self._write({"type": "commit", "op": op})

    def poll(self, began, got, f="poll"):
        self.ops += 1
        self._write({"type": "ok", "op": self.ops, "f": f, "began": round(began, 6), "mops": [["poll", got]]})

    def assign(self, positions):
        self._write({"type": "assign", "positions": positions})

    def _write(self, event):
        event.update(process=self.process, time=round(time.monotonic(), 6))
        self.file.write(json.dumps(event, separators=(",", ":")) + "\n")

    def flush(self):
        self.file.flush()

    def close(self):
        self.file.close()
