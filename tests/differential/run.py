#!/usr/bin/env python3
"""run.py [CASE…]: asks Apache Kafka and Moldau the same, and compares what they answer, field by field. Every difference
must be listed in intended.tsv with its reason. CASE: names or beginnings of names. Needs MOLDAU_BINARY. Exit code 3: Kafka
cannot be had here."""

import collections
import pathlib
import socket
import sys
import time

import cases_topics  # noqa: F401  a case registers itself
import cases_produce  # noqa: F401
import cases_fetch  # noqa: F401
import cases_configs  # noqa: F401
import cases_cluster  # noqa: F401
import cases_groups  # noqa: F401
import cases_transactions  # noqa: F401
from cases import CASES, Script
from compare import Intended, Normaliser, differences
from sides import Kafka, Moldau, kafka_classpath

HERE = pathlib.Path(__file__).resolve().parent


def play(side, name, function, arguments):
    """The steps of a case on one side, made comparable."""
    script = Script(side, name)
    started = int(time.time() * 1000)
    failure = None
    try:
        function(script, *arguments)
    except (AssertionError, ValueError, KeyError, IndexError, socket.timeout) as error:
        failure = f"{type(error).__name__}: {error}"
        side.disconnect()
    normaliser = Normaliser(side, started)
    return [(label, normaliser.value(answer)) for label, answer in script.steps], failure


def short(value):
    text = str(value)
    return text if len(text) < 300 else f"{text[:300]}…"


class Report:
    def __init__(self, intended):
        self.intended = intended
        self.requests = self.unexpected = 0
        self.expected = collections.Counter()

    def compare(self, name, kafka, moldau):
        (kafka_steps, kafka_failure), (moldau_steps, moldau_failure) = kafka, moldau
        self.requests += len(kafka_steps)
        lines = []
        for step, ((label, one), (_, other)) in enumerate(zip(kafka_steps, moldau_steps)):
            found = [d for d in differences(one, other) if not self.intended.covers(name, *d)]
            if found:
                lines.append(f"  step {step}: {short(label)}")
                lines += [f"    {path}: Kafka {short(a)} | Moldau {short(b)}" for path, a, b in found]
                self.unexpected += len(found)
        for who, failure in (("Kafka", kafka_failure), ("Moldau", moldau_failure)):
            if failure:
                self.unexpected += 1
                lines.append(f"  the case failed with {who}: {failure}")
        if lines:
            print(f"DIFFERENT: {name}", *lines, sep="\n", flush=True)


def main():
    wanted = sys.argv[1:]
    chosen = [c for c in CASES if not wanted or any(c[0].startswith(w) for w in wanted)]
    classpath = kafka_classpath()
    if classpath is None:
        return 3
    report = Report(Intended(HERE / "intended.tsv"))
    with Moldau() as moldau, Kafka(classpath) as kafka:
        for name, function, arguments in chosen:
            report.compare(name, play(kafka, name, function, arguments), play(moldau, name, function, arguments))
    unused = report.intended.unused() if not wanted else []
    for row in unused:
        print("this intended difference was not seen:", "\t".join(row[:4]))
    covered = sum(row[-1] for row in report.intended.rows)
    print(f"{len(chosen)} cases, {report.requests} requests compared: {report.unexpected} unexpected differences, "
          f"{covered} intended ones")
    return 1 if report.unexpected else 0


if __name__ == "__main__":
    sys.exit(main())
