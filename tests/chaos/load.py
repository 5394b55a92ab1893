"""The processes of workload.py around a cluster, and what their histories say at the end. Start them on the main thread."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field

import checker
import figures
import history
from broker import PATIENCE, die_with_parent
from cluster import wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
FINISH_SECONDS = 150 * PATIENCE
CATCH_UP_SECONDS = 1.0 * PATIENCE  # for consumers, once nothing is sent any more
READ_SECONDS = 90 * PATIENCE
COPIERS = 2
ACKS_1_MAY = ("lost-write", "unseen", "duplicate", "inconsistent-offsets", "nonmonotonic-send", "int-nonmonotonic-send")


class Client:
    """`more`: records a second, or where copies go."""

    def __init__(self, folder, role, kind, bootstrap, topic, partitions, name, more=None,
                 key_bytes=0):
        self.role, self.kind, self.name, self.topic = role, kind, name, topic
        self.acked = self.counted_up_to = 0
        self.history = os.path.join(folder, f"{name}.jsonl")
        self.troubles_path = os.path.join(folder, f"{name}.err")
        words = [role, kind, bootstrap, topic, str(partitions), name, self.history]
        if more:
            words += [str(more), str(key_bytes)]
        with open(self.troubles_path, "wb") as troubles:
            self.process = subprocess.Popen([sys.executable, os.path.join(HERE, "workload.py"), *words],
                                            stdin=subprocess.PIPE, stdout=troubles, stderr=troubles,
                                            preexec_fn=die_with_parent)

    def count_acked(self):
        """Of its history, each part of which is read once."""
        if os.path.exists(self.history):
            with open(self.history, "rb") as file:
                file.seek(self.counted_up_to)
                content = file.read()
            whole = content.rfind(b"\n") + 1
            self.acked += content.count(b'{"type":"ok"', 0, whole)
            self.counted_up_to += whole
        return self.acked

    def ask_to_end(self):
        if not self.process.stdin.closed:
            self.process.stdin.close()

    def wait(self, seconds):
        """What went wrong; nothing: None."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return f"{self.name} did not end within {seconds:.0f} s"
        return None if code == 0 else f"{self.name} ended with {code}: {self.troubles()}"

    def troubles(self):
        with open(self.troubles_path, encoding="utf-8", errors="replace") as file:
            return " | ".join(file.read().splitlines()[-3:])

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.ask_to_end()


@dataclass
class Result:
    """What a run has shown."""
    sent: int = 0
    acked: int = 0
    lost: int = 0          # acknowledged and not there, where that must not be
    repeated: int = 0
    forbidden: dict = field(default_factory=dict)
    troubles: list = field(default_factory=list)
    longest_silence: float = 0.0   # seconds without any acknowledgement
    fail_overs: list = field(default_factory=list)  # seconds from each fault until all partitions acknowledge what was sent later
    worst_lag: float = 0.0
    lines: list = field(default_factory=list)  # the checker's

    def failed(self):
        return bool(self.forbidden or self.troubles)


class Load:
    """Producers and consumers of one topic. `kinds`: how many producers of each kind of workload.py. `copies`: a second
    topic, to which two copiers take all records."""

    def __init__(self, cluster, topic="ledger", partitions=6, per_second=1000, kinds=("confluent",),
                 consumers=("confluent",), configs=None, acks_1=False, key_bytes=0, copies=None):
        self.cluster, self.topic, self.partitions = cluster, topic, partitions
        self.per_second, self.kinds, self.consumer_kinds = per_second, kinds, consumers
        self.acks_1 = acks_1
        self.key_bytes = key_bytes
        self.copies = copies
        self.folder = os.path.join(cluster.folder, f"histories-{topic}")
        os.makedirs(self.folder)
        self.clients = []
        self.fault_times = []
        self.configs = configs

    def start(self):
        self.cluster.create_topic(self.topic, self.partitions, configs=self.configs)
        for number, kind in enumerate(self.kinds):
            self._add("produce", kind, f"{kind}-{number}", self.per_second // len(self.kinds))
        for number, kind in enumerate(self.consumer_kinds):
            self._add("consume", kind, f"reader-{kind}-{number}")
        if self.copies:
            self.cluster.create_topic(self.copies, self.partitions, configs=self.configs)
            for number in range(COPIERS):
                self._add("copy", "confluent", f"copier-{number}", self.copies)
        wait_for(lambda: self.acked() > 0, 30 * PATIENCE, lambda: "the first acknowledgement; " + self.state(), 0.1)
        return self

    def _add(self, role, kind, name, more=None, topic=None):
        client = Client(self.folder, role, kind, self.cluster.bootstrap, topic or self.topic, self.partitions, name, more,
                        self.key_bytes)
        self.clients.append(client)
        return client

    def producers(self):
        return [client for client in self.clients if client.role == "produce"]

    def acked(self):
        """Ops that were acknowledged so far; to see whether there are more."""
        return sum(client.count_acked() for client in self.producers())

    def progress(self, seconds=60.0):
        """Waits until something that is sent from now on is acknowledged."""
        before = self.acked() + 5
        wait_for(lambda: self.acked() > before, seconds * PATIENCE, lambda: "an acknowledgement; " + self.state(), 0.1)

    def state(self):
        return "; ".join(f"{client.name}: {client.process.poll()} {client.troubles()}" for client in self.clients)

    def finish(self):
        """Ends the clients, reads everything and checks; faults must be over. A Result."""
        for client in self.producers():
            client.ask_to_end()
        troubles = [client.wait(FINISH_SECONDS) for client in self.producers()]
        copiers = [client for client in self.clients if client.role == "copy"]
        for client in copiers:
            client.ask_to_end()
        troubles += [client.wait(FINISH_SECONDS) for client in copiers]
        troubles.append(self._add("read", "confluent", "final").wait(READ_SECONDS))
        if self.copies:
            troubles.append(self._add("read", "confluent", "final-copies", topic=self.copies).wait(READ_SECONDS))
        time.sleep(CATCH_UP_SECONDS)
        for client in self.clients:
            if client.role == "consume":
                client.ask_to_end()
                troubles.append(client.wait(30 * PATIENCE))
        return self.judge([trouble for trouble in troubles if trouble])

    def judge(self, troubles):
        ops = history.ops_of(history.read(client.history for client in self.clients))
        report = checker.check(ops)
        if self.copies:
            checker.check_copies(ops, self.topic, self.copies, report)
        forbidden = report.forbidden({self.topic: ACKS_1_MAY} if self.acks_1 else None)
        sends = [op for op in ops if op.f == "send" or op.f == "txn" and not any(op.polls())]
        return Result(
            sent=sum(len(op.mops) for op in sends), acked=figures.acked_records(sends),
            lost=sum(forbidden.get(name, 0) for name in ("lost-write", "unseen", "not-copied")),
            repeated=sum(forbidden.get(name, 0) for name in ("duplicate", "copied-twice")),
            forbidden=forbidden, troubles=troubles + figures.left_behind(ops),
            longest_silence=figures.longest_silence(sends),
            fail_overs=figures.fail_overs([op for op in sends if op.f == "send"], self.fault_times, self.partitions),
            worst_lag=report.worst_realtime_lag, lines=list(report.lines()))

    def end(self):
        for client in self.clients:
            client.end()
