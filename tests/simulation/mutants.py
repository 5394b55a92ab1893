#!/usr/bin/env python3
"""Shows that the simulator sees: every mutant of caught.tsv has to be caught.

  mutants.py MOLDAU_SIM            all of the table
  mutants.py MOLDAU_SIM --quick    those that were caught within a few seeds
  mutants.py MOLDAU_SIM --search   every mutant of every scenario that has them; writes the table anew
  mutants.py … NAME…               only these

A line of the table is a scenario, a mutant, at which seed from 1 on it was caught, and by what (reliability.md, part 3
and appendix D). What a seed means changes with the code, so that a mutant is looked for from seed 1 on, within the
10,000 that are allowed.
"""
import argparse
import pathlib
import re
import subprocess
import sys

TABLE = pathlib.Path(__file__).with_name("caught.tsv")
SEEDS = 10_000
QUICK = 40  # seeds


def run(sim, scenario, mutant, timeout):
    """(seed, finding), or None when nothing was caught."""
    command = [sim, "--scenario", scenario, "--mutant", mutant, "--seeds", str(SEEDS), "--failures-max", "1",
               "--timeout-seconds", "20", "--repeat-one-in", "0"]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return None
    found = re.search(r"^FAILED seed (\d+).*\n\s*(.*)", done.stdout, re.MULTILINE)
    return (int(found.group(1)), found.group(2).strip()) if found else None


def read_table():
    rows = []
    for line in TABLE.read_text().splitlines():
        if line and not line.startswith("#"):
            scenario, mutant, seed, finding = line.split("\t")
            rows.append((scenario, mutant, seed, finding))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sim")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--search", action="store_true")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for each mutant")
    arguments = parser.parse_args()
    head = [line for line in TABLE.read_text().splitlines() if line.startswith("#")]
    missed, rows = [], []
    for scenario, mutant, seed, finding in read_table():
        chosen = not arguments.names or mutant in arguments.names
        soon = seed.isdigit() and int(seed) <= QUICK
        if not chosen or (arguments.quick and not soon):
            rows.append((scenario, mutant, seed, finding))
            continue
        found = run(arguments.sim, scenario, mutant, arguments.timeout)
        print(f"{scenario} {mutant}: " + (f"seed {found[0]}: {found[1]}" if found else "NOT CAUGHT"), flush=True)
        if found is None and seed != "-":
            missed.append(mutant)
        rows.append((scenario, mutant, str(found[0]), found[1]) if found else (scenario, mutant, "-", "not caught"))
    if arguments.search:
        TABLE.write_text("\n".join(head + ["\t".join(row) for row in rows]) + "\n")
    if missed:
        sys.exit("not caught: " + " ".join(missed))


main()
