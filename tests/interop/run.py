#!/usr/bin/env python3
"""run.py [CLIENT…] [--nodes 1|3] [--fault-seconds N] [--second-try]: every client of clients.py, or those named, against one
node, then their scenarios with faults against three; with --nodes all scenarios against so many. A client's program prints
on stdout
  pass SCENARIO | fail SCENARIO: REASON | lacks SCENARIO: REASON (the client has no such ability) … end
A scenario that clients.py requires and a program does not tell about, and a program that does not reach its end, are
failures. The last line counts; exit code 0 when nothing failed. MOLDAU_BINARY is the node's binary.

With three nodes every topic has three replicas. Between a program's lines `faults TOPIC [COUNT]` and `faults over`, the
leader of that topic's first partition, or of COUNT partitions in turn, is killed and started again, over and over, which
the program goes on with for so many seconds (12): more find more.

With --second-try a scenario with faults that ran out of time is played once more, against other nodes: clients have ways of
their own to hang when nodes die. It is told, with the logs of the first try, and counted when it passes then: a record that is
missing may look like that, too, so long runs are made without. What ends with wrong records is never played again."""

import argparse
import os
import queue
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "clients"))
from broker import Broker  # noqa: E402
from clients import CLIENTS, WITH_A_SECOND, Broken, Unavailable, faulty, required  # noqa: E402

CLIENT_SECONDS = 400  # and the time of faults
FAULT_SECONDS = 12
LEAST_KILLS = 2
OUT_OF_TIME = re.compile(r"\bwithin \d+ s\b| took \d+ s\b|\d+ of \d+ are moved|time-?d? ?out", re.IGNORECASE)
SHOWN_LINES = 80
# Groups wait shortly for others, hear of changes soon, and miss the dead soon.
SETTINGS = ("group.initial.rebalance.delay.ms=100", "group.consumer.heartbeat.interval.ms=500",
            "group.consumer.session.timeout.ms=6000")


class Tally:
    def __init__(self):
        self.passed, self.failed, self.skipped = [], [], []
        self.late = {}  # client to the scenarios that ran out of time

    def add(self, client, verdict, scenario, reason=""):
        {"pass": self.passed, "fail": self.failed}[verdict].append(f"{client} {scenario}")
        if verdict == "fail" and scenario in faulty(client) and OUT_OF_TIME.search(reason):
            self.late.setdefault(client, []).append(scenario)
        say(client, verdict, scenario, reason)

    def take_late(self):
        """What ran out of time, by client: it counts as failed no more, for it is played once more."""
        late, self.late = self.late, {}
        for client, scenarios in late.items():
            for scenario in scenarios:
                self.failed.remove(f"{client} {scenario}")
                say(client, "again", scenario, "it ran out of time")
        return late

    def skip(self, client, reason):
        self.skipped.append(client)
        say(client, "skipped", "all", reason)

    def close(self):
        for name in self.failed:
            print(f"failed: {name}")
        for name in self.skipped:
            print(f"skipped: {name}")
        print(f"{len(self.passed)} passed, {len(self.failed)} failed, {len(self.skipped)} skipped", flush=True)
        return 1 if self.failed else 0


def say(client, verdict, scenario, reason=""):
    print(f"{verdict:5} {client} {scenario}" + (f": {reason}" if reason else ""), flush=True)


def lines_of(words, errors, meanwhile):
    """Its lines of stdout as they come; the whole process group is ended when the time is up. `meanwhile` is called now
    and then, on this thread: nodes end with the thread that has started them."""
    process = subprocess.Popen(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
                               text=True, errors="replace", start_new_session=True)
    seconds = CLIENT_SECONDS + float(os.environ.get("MOLDAU_TEST_FAULT_SECONDS", "0"))
    timer = threading.Timer(seconds, os.killpg, (process.pid, signal.SIGKILL))
    timer.start()
    lines = queue.Queue()
    def read():
        for line in process.stdout:
            lines.put(line.rstrip("\n"))
        lines.put(None)
    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            try:
                line = lines.get(timeout=0.1)
            except queue.Empty:
                meanwhile()
                continue
            if line is None:
                return
            yield line
    finally:
        process.wait()
        timer.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # what it has started and not ended


class Faults:
    """Who leads a topic's partitions, one after the other, is killed and started again, from the line `faults TOPIC [COUNT]`
    to `faults over`."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.topic = self.down = None
        self.partitions = 1
        self.next_at = 0.0
        self.kills = None  # since the last line `faults`, until the scenario's verdict

    def heard(self, line):
        if line == "faults over":
            self.topic = None
            self.restart()
        elif line.startswith("faults "):
            _, self.topic, *count = line.split()
            self.partitions, self.kills = int(count[0]) if count else 1, 0
            self.next_at = time.monotonic() + 1

    def kills_of_scenario(self):
        """How many until now; None without faults. Those of the next scenario are counted anew."""
        kills, self.kills = self.kills, None
        return kills

    def step(self):
        if self.topic is None or time.monotonic() < self.next_at:
            return
        if self.down:
            self.restart()
            self.next_at = time.monotonic() + 1
        else:
            self.down = self.cluster.leader(self.topic, self.kills % self.partitions)
            self.down.kill()
            self.kills += 1
            self.next_at = time.monotonic() + random.uniform(0.2, 1.5)

    def restart(self):
        if self.down:
            self.down.start()
            self.down = None
            self.cluster.wait_healthy(topics=[self.topic] if self.topic else [])


class NoFaults:
    """One node: nobody is killed."""

    def heard(self, line):
        pass

    def kills_of_scenario(self):
        return None

    def step(self):
        pass


def play(client, command, broker, tally, demanded):
    seen, ended = set(), False
    faults = NoFaults() if isinstance(broker, Broker) else Faults(broker)
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        mark, before = broker.log_mark(), len(tally.failed)
        for line in lines_of([*command, broker.bootstrap, f"{client}."], errors, faults.step):
            faults.heard(line)
            verdict, _, rest = line.partition(" ")
            scenario, _, reason = rest.partition(": ")
            ended = ended or line == "end"
            if verdict in ("pass", "fail"):
                kills = faults.kills_of_scenario()
                if verdict == "pass" and kills is not None and kills < LEAST_KILLS:
                    verdict, reason = "fail", f"only {kills} kills meanwhile"
                tally.add(client, verdict, scenario, reason)
            elif verdict == "lacks":
                say(client, verdict, scenario, reason)
            seen.add(scenario)
        for scenario in demanded:
            if not any(name.startswith(scenario) for name in seen):
                tally.add(client, "fail", scenario, "the program told nothing about it")
        if not ended:
            tally.add(client, "fail", "end", f"the program did not reach its end within {CLIENT_SECONDS} s")
        if not broker.running():
            tally.add(client, "fail", "node", f"the node died with exit code {broker.process.poll()}")
        if len(tally.failed) > before:
            errors.seek(0)
            show(f"what {client}'s program wrote to stderr", errors.read())
            show(f"what the node logged during {client}", broker.log(mark))


def demanded(client, broker):
    return required(client) if isinstance(broker, Broker) else (*required(client), *faulty(client))


def show(what, text):
    print(f"--- {what}", *text.splitlines()[-SHOWN_LINES:], "---", sep="\n", file=sys.stderr, flush=True)


def run_client(client, preparation, broker, tally, only):
    """Plays it as soon as the client is there: scenarios `only`, or all when it is None."""
    began = time.monotonic()
    try:
        command = preparation.result()
    except (Unavailable, Broken) as reason:
        return miss(client, reason, tally) if only is None else None  # told already when there is only one
    ready = time.monotonic()
    os.environ["MOLDAU_TEST_ONLY"] = ",".join(only or ())
    with a_second() if client in WITH_A_SECOND else nullcontext():
        play(client, command, broker, tally, demanded(client, broker) if only is None else only)
    say(client, "time", f"waited {ready - began:.1f} s for the client, {time.monotonic() - ready:.1f} s to run")


def miss(client, reason, tally):
    if isinstance(reason, Unavailable):
        tally.skip(client, str(reason).replace("\n", " | "))
    else:
        tally.add(client, "fail", "build", str(reason))


def prepare(client, folder):
    folder.mkdir(parents=True)
    return CLIENTS[client](folder)


@contextmanager
def a_second():
    """Another node, which is no part of the cluster."""
    with Broker(SETTINGS) as second:
        os.environ["MOLDAU_TEST_SECOND"] = second.bootstrap
        yield


def brokers(count, fault_seconds):
    """`count` is 1 or 3."""
    if count == 1:
        return Broker(SETTINGS)
    from three_nodes import ThreeNodes
    os.environ["MOLDAU_TEST_FAULT_SECONDS"] = str(fault_seconds)
    return ThreeNodes(SETTINGS)


def play_against(nodes, fault_seconds, preparations, tally, only=None):
    """`only`: the scenarios of each client that is played; None plays all of all."""
    with brokers(nodes, fault_seconds) as broker:
        for client, preparation in preparations.items():
            if only is not None and not only.get(client):
                continue
            if not broker.running():
                broker.restart()
            run_client(client, preparation, broker, tally, only and only[client])


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--nodes", type=int, choices=(1, 3))
    parser.add_argument("--fault-seconds", type=int, default=FAULT_SECONDS)
    parser.add_argument("--second-try", action="store_true")
    options = parser.parse_intermixed_args(words)
    names = options.names
    unknown = [name for name in names if name not in CLIENTS]
    if unknown:
        sys.exit(f"error: no client {', '.join(unknown)}; there are {', '.join(CLIENTS)}")
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="moldau-interop-") as scratch, \
            ThreadPoolExecutor(1) as pool:  # clients are fetched and built in turn while earlier ones play
        preparations = {name: pool.submit(prepare, name, Path(scratch) / name) for name in names or CLIENTS}
        play_against(options.nodes or 1, options.fault_seconds, preparations, tally)
        if options.nodes is None:
            only = {client: faulty(client) for client in preparations}
            play_against(3, options.fault_seconds, preparations, tally, only)
            if options.second_try and tally.late:
                play_against(3, options.fault_seconds, preparations, tally, tally.take_late())
    return tally.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
