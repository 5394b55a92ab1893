#!/usr/bin/env python3
"""Runs the fuzz targets that were built and keeps the count in campaigns.md. Started by `./dev fuzz`.

fuzz.py BUILD [TARGET…] [--runs N]        N executions of each (default 200000)
fuzz.py BUILD [TARGET…] --campaign        goes on until each has --goal (default 10000000) executions in all
fuzz.py BUILD [TARGET…] --minimise        what the runs found, minimised, becomes tests/fuzz/corpus

Inputs that were found grow in BUILD/fuzz-work/<target>/corpus; an input that breaks a target is kept beside it.
"""
import argparse
import datetime
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE / "campaigns.md"
TABLE_LOCK = threading.Lock()
HEAD = """# Fuzzing: how much has been run

`./dev fuzz --campaign` goes on from these counts until every target has ten million executions. Edges and features
are libFuzzer's coverage of the code that is linked into the target, at the end of the last run. AddressSanitizer and
UndefinedBehaviorSanitizer are on in all of them.

| target | executions | edges | features | executions/s | last run | commit |
|---|--:|--:|--:|--:|---|---|
"""
INTERRUPTED = 72  # libFuzzer's exit code after SIGTERM
ENVIRONMENT = {
    "ASAN_OPTIONS": "malloc_context_size=4:quarantine_size_mb=8:handle_abort=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def read_table():
    rows = {}
    if TABLE.exists():
        for line in TABLE.read_text().splitlines():
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if len(cells) == 7 and cells[1].replace(",", "").isdigit():
                rows[cells[0]] = cells
    return rows


def executions(rows, name):
    return int(rows[name][1].replace(",", "")) if name in rows else 0


def write_table(rows, tail):
    lines = ["| " + " | ".join(rows[name]) + " |\n" for name in sorted(rows)]
    TABLE.write_text(HEAD + "".join(lines) + tail)


def tail_of_table():
    """What a person wrote below the table."""
    text = TABLE.read_text() if TABLE.exists() else ""
    at = text.find("\n\n", text.find("|---|"))
    return text[at + 1:] if "|---|" in text and at >= 0 else ""


def commit():
    done = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "-"


class Target:
    def __init__(self, binary, build):
        self.binary = binary
        self.name = binary.name.removeprefix("fuzz_")
        self.work = build / "fuzz-work" / self.name
        self.grown = self.work / "corpus"
        self.kept = HERE / "corpus" / self.name
        self.grown.mkdir(parents=True, exist_ok=True)

        self.process = None

    def call(self, words):
        self.process = subprocess.Popen(
            ["nice", "-n", "19", self.binary, *words], cwd=self.work, text=True, errors="replace",
            env={**os.environ, **ENVIRONMENT}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = self.process.communicate()
        return subprocess.CompletedProcess(words, self.process.returncode, output)

    def folders(self):
        return [self.grown] + ([self.kept] if self.kept.exists() else [])

    def run(self, runs):
        """(executions, edges, features, executions per second, ended well)"""
        began = datetime.datetime.now()
        done = self.call([f"-runs={runs}", "-print_final_stats=1", "-timeout=120", "-rss_limit_mb=2048",
                          "-malloc_limit_mb=256", "-artifact_prefix=./", *self.folders()])
        seconds = max((datetime.datetime.now() - began).total_seconds(), 0.01)
        (self.work / "log").write_text(done.stdout)
        counted = re.search(r"number_of_executed_units:\s*(\d+)", done.stdout)
        counted = int(counted[1]) if counted else 0
        coverage = re.findall(r"cov: (\d+) ft: (\d+)", done.stdout)
        edges, features = coverage[-1] if coverage else ("0", "0")
        return counted, edges, features, int(counted / seconds), done.returncode in (0, INTERRUPTED)

    def minimise(self):
        merged = self.work / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        done = self.call(["-set_cover_merge=1", "-use_counters=0", "-timeout=10", merged, *self.folders()])
        if done.returncode != 0:
            sys.exit(f"{self.name}: the merge failed\n{done.stdout[-2000:]}")
        self.kept.mkdir(parents=True, exist_ok=True)
        regressions = {file.name for file in self.kept.glob("regression-*")}
        for file in self.kept.iterdir():
            if file.name not in regressions:
                file.unlink()
        for file in merged.iterdir():
            shutil.move(file, self.kept / file.name[:16])


def tell(target, counted, edges, features, speed, total, well):
    print(f"{target.name:36} {counted:>10,} executions  {speed:>7,}/s  {edges:>6} edges  {features:>6} features  "
          f"{total:>11,} in all{'' if well else '   BROKEN, see ' + str(target.work / 'log')}", flush=True)


def run_once(target, runs):
    counted, edges, features, speed, well = target.run(runs)
    with TABLE_LOCK:
        rows, tail = read_table(), tail_of_table()
        total = executions(rows, target.name) + counted
        rows[target.name] = [target.name, f"{total:,}", edges, features, f"{speed:,}",
                             datetime.date.today().isoformat(), commit()]
        write_table(rows, tail)
        tell(target, counted, edges, features, speed, total, well)
    return well


class Campaign:
    """In rounds, those with the fewest executions first, so that nobody is left behind. SIGTERM ends the runs, what they
    have done is counted."""

    def __init__(self, targets, goal, step):
        self.targets, self.goal, self.step = targets, goal, step
        self.busy, self.broken = set(), set()
        self.stopped = False

    def take(self):
        """The next target and how often to run it; None: nothing is left for this worker."""
        with TABLE_LOCK:
            if self.stopped:
                return None
            rows = read_table()
            due = [t for t in self.targets
                   if t.name not in self.busy | self.broken and executions(rows, t.name) < self.goal]
            if not due:
                return None
            target = min(due, key=lambda t: executions(rows, t.name))
            self.busy.add(target.name)
            return target, min(self.step, self.goal - executions(rows, target.name))

    def work(self):
        while taken := self.take():
            well = run_once(*taken)
            self.busy.discard(taken[0].name)
            if not well:
                self.broken.add(taken[0].name)

    def stop(self, *_):
        self.stopped = True
        for target in self.targets:
            if target.name in self.busy:
                target.process.terminate()

    def run(self, workers):
        signal.signal(signal.SIGTERM, self.stop)
        with ThreadPoolExecutor(workers) as pool:
            for done in [pool.submit(self.work) for _ in range(workers)]:
                done.result()
        return not self.broken


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("build", type=pathlib.Path)
    words.add_argument("targets", nargs="*")
    words.add_argument("--runs", type=int, default=200_000)
    words.add_argument("--campaign", action="store_true")
    words.add_argument("--goal", type=int, default=10_000_000)
    words.add_argument("--step", type=int, default=1_000_000, help="executions of one run of a campaign")
    words.add_argument("--jobs", type=int, default=os.cpu_count(), help="of a campaign, at the same time")
    words.add_argument("--minimise", action="store_true")
    options = words.parse_intermixed_args()
    build = options.build.resolve()
    names = options.targets or sorted(file.stem for file in (HERE / "targets").glob("*.cc"))
    binaries = [build / "tests" / "fuzz" / f"fuzz_{name}" for name in names]
    missing = [binary.name for binary in binaries if not binary.exists()]
    if missing:
        sys.exit("not built: " + " ".join(missing))
    targets = [Target(binary, build) for binary in binaries]
    if options.minimise:
        for target in targets:
            target.minimise()
    elif options.campaign:
        sys.exit(0 if Campaign(targets, options.goal, options.step).run(options.jobs) else 1)
    else:
        sys.exit(0 if all([run_once(target, options.runs) for target in targets]) else 1)


if __name__ == "__main__":
    main()
