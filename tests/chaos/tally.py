"""What runs add up to, and the lines of campaigns.md. Pure, but for who is asked for the commit and the date."""

import datetime
import os
import random
import subprocess

MOST_REASONS = 3
MOST_WORDS = 200


class Tally:
    """Runs of one scenario, summed up. `goals`: the rows of reliability.md 4.2 that its faults count for."""

    def __init__(self, name, goals=()):
        self.name, self.goals = name, goals
        self.runs = self.failed = self.faults = self.sent = self.acked = self.lost = self.repeated = 0
        self.seconds = self.silence = self.lag = 0.0
        self.fail_overs, self.failures = [], []

    def add(self, faults, result, failures, seconds):
        """`result`: None when the run did not come that far."""
        self.runs += 1
        self.failed += bool(failures)
        self.faults += faults
        self.seconds += seconds
        self.failures += failures
        if result:
            self.sent += result.sent
            self.acked += result.acked
            self.lost += result.lost
            self.repeated += result.repeated
            self.silence = max(self.silence, result.longest_silence)
            self.lag = max(self.lag, result.worst_lag)
            self.fail_overs += result.fail_overs

    def line(self):
        words = [f"{'failed' if self.failed else 'passed'} {self.name}: " +
                 (f"{self.runs} runs, {self.failed} failed, " if self.runs > 1 else "") +
                 f"{self.faults} faults in {self.seconds:.0f} s",
                 f"{self.sent} sent, {self.acked} acknowledged, {self.lost} lost, {self.repeated} repeated",
                 f"longest silence {self.silence:.2f} s, readers at most {self.lag:.2f} s behind"]
        if self.fail_overs:
            times = sorted(self.fail_overs)
            words.append(f"all partitions acknowledge again after {times[len(times) // 2]:.2f} s (median), "
                         f"{times[-1]:.2f} s (longest of {len(times)})")
        return "; ".join(words)

    def reasons(self):
        return [failure.splitlines()[0][:MOST_WORDS] for failure in self.failures[:MOST_REASONS]]


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


def towards(tallies):
    """Faults of runs that passed, by the goal that they count for, in the order of the goals."""
    sums = {}
    for tally in tallies:
        for goal in tally.goals if not tally.failed else ():
            sums[goal] = sums.get(goal, 0) + tally.faults
    return dict(sorted(sums.items(), key=lambda item: int(item[0][1:])))


def plan(names, repeat, seed):
    """(name, seed of the run) for each run of a campaign, in random order, the same for the same seed."""
    rng = random.Random(seed)
    runs = [name for name in names for _ in range(repeat)]
    rng.shuffle(runs)
    return [(name, rng.randrange(1 << 32)) for name in runs]


class Campaign:
    """A block at the end of a file, written anew after each run, so that what was played is there however it ends."""

    def __init__(self, path, names, repeat, seed, commit):
        self.path = path
        self.planned = len(names) * repeat
        self.repeat, self.seed, self.commit = repeat, seed, commit
        with open(path, encoding="utf-8") as file:
            self.before = file.read().rstrip("\n")

    def lines(self, tallies):
        played = [tally for tally in tallies if tally.runs]
        runs, failed = sum(tally.runs for tally in played), sum(tally.failed for tally in played)
        yield f"## {datetime.date.today().isoformat()}, seed {self.seed}, each {self.repeat} times"
        yield ""
        yield (f"Commit `{self.commit}`; {runs} of {self.planned} runs in {sum(t.seconds for t in played) / 60:.0f} min, "
               f"{failed} failed; {sum(t.acked for t in played):,} acknowledged, {sum(t.lost for t in played)} lost, "
               f"{sum(t.repeated for t in played)} repeated.")
        goals = ", ".join(f"{goal} {count}" for goal, count in towards(played).items())
        if goals:
            yield f"Faults towards the goals of reliability.md 4.2 in runs that passed: {goals}."
        leaders = [time for tally in played if "P13" in tally.goals for time in tally.fail_overs]
        if leaders:
            yield (f"P13, from the death of a leader to acknowledgements by all partitions: median "
                   f"{percentile(leaders, 0.5):.2f} s, p99 {percentile(leaders, 0.99):.2f} s of {len(leaders)}.")
        yield ""
        for tally in played:
            yield f"- {tally.line()}"
            yield from (f"  - {reason}" for reason in tally.reasons())

    def write(self, tallies):
        part = self.path + ".part"
        with open(part, "w", encoding="utf-8") as file:
            file.write(self.before + "\n\n" + "\n".join(self.lines(tallies)) + "\n")
        os.replace(part, self.path)


def commit_of(folder):
    done = subprocess.run(["git", "-C", folder, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "-"


def record(path, tally, commit):
    """One line for one scenario."""
    today = datetime.date.today().isoformat()
    reasons = "".join(f"; {reason}" for reason in tally.reasons())
    with open(path, "a", encoding="utf-8") as table:
        table.write(f"- {today} `{commit}` {tally.line()}{reasons}\n")
