"""How a Python program tells run.py about its scenarios, and what a scenario may demand."""

import os
import sys
import time
import traceback

FAULT_SECONDS = float(os.environ.get("MOLDAU_TEST_FAULT_SECONDS", "0"))  # how long leaders are killed; 0: they are not
ONLY = os.environ.get("MOLDAU_TEST_ONLY", "")  # names of the scenarios to play, with commas; empty: all
SOON_SECONDS = 10  # several nodes do not hear of a change at the same moment
HEARD_SECONDS = 0.2  # by then all have heard of a topic
REPLICAS = int(os.environ.get("MOLDAU_TEST_REPLICAS", "1"))  # of each topic: as many as there are nodes


def play(name, scenario, *arguments):
    """Runs one scenario and prints its line; the trace of a failure goes to stderr."""
    if ONLY and name not in ONLY.split(","):
        return
    try:
        scenario(*arguments)
    except Exception as error:  # every kind of failure is one line; the next scenario still runs
        tell_failure(name, error)
    else:
        tell("pass", name)


def tell(verdict, name, reason=""):
    sys.stdout.write(f"{verdict} {name}" + (f": {reason}" if reason else "") + "\n")  # in one piece: threads play too
    sys.stdout.flush()


def tell_failure(name, error):
    traceback.print_exception(error, file=sys.stderr)
    tell("fail", name, " ".join(f"{type(error).__name__}: {error}".split())[:400])


def soon(met, demand):
    """met() holds within some time, at once with one node."""
    until = time.monotonic() + (SOON_SECONDS if REPLICAS > 1 else 0)
    while not met() and time.monotonic() < until:
        time.sleep(0.05)
    that(met(), demand)


def soon_equal(wanted, get, what):
    until = time.monotonic() + (SOON_SECONDS if REPLICAS > 1 else 0)
    while get() != wanted and time.monotonic() < until:
        time.sleep(0.05)
    equal(wanted, get(), what)


def patiently(call):
    """The answer, when it comes within some time: a client may ask a node that was a topic's leader before."""
    until = time.monotonic() + (SOON_SECONDS if REPLICAS > 1 else 0)
    while True:
        try:
            return call()
        except Exception:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def end():
    print("end", flush=True)


def that(met, demand):
    if not met:
        raise AssertionError(demand)


def equal(wanted, got, what):
    that(wanted == got, f"{what}: {shortly(got)} instead of {shortly(wanted)}")


def shortly(value):
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:120]}…{text[-60:]} ({len(text)} characters)"


def equal_lists(wanted, got, what):
    equal(len(wanted), len(got), f"number of {what}")
    for place, (one, other) in enumerate(zip(wanted, got)):
        equal(one, other, f"{what}[{place}]")


def refused(names, call, what):
    """call() must raise an error whose text or type has one of the words, in any case and without underscores."""
    def plain(text):
        return text.replace("_", "").replace(" ", "").lower()
    try:
        answer = call()
    except Exception as error:
        told = plain(f"{type(error).__name__} {error!r} {error}")
        that(any(plain(name) in told for name in names.split("|")), f"{what}: {error!r} instead of {names}")
    else:
        raise AssertionError(f"{what}: {shortly(answer)} instead of {names}")
