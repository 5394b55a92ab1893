"""The table "Beside Apache Kafka" of bench/results.md, from the raw figures in bench/kafka-results.json."""
import json
import statistics

from harness import ROOT, number
from kafka_rows import CASES, KAFKA, MOLDAU, PAGE_CACHE, TUNED

RAW = ROOT / "bench/kafka-results.json"
RESULTS = ROOT / "bench/results.md"
HEADING = "## Beside Apache Kafka"
REASONS = ROOT / "bench/kafka-reasons.md"  # written by hand: what is left of an aim that is missed, and why
NAMES = {MOLDAU: "Moldau, synced", PAGE_CACHE: "Moldau, page cache", KAFKA: "Kafka", TUNED: "Kafka, tuned"}


def load():
    return json.loads(RAW.read_text()) if RAW.exists() else {}


def keep(case, record):
    records = load()
    records[case.name] = record
    RAW.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")


def values(figure, lines):
    return [line[figure.key] / figure.scale for line in lines or []]


def better_kafka(figure, lines):
    """Kafka as it comes or tuned, whichever is better in this figure."""
    found = [values(figure, lines.get(system)) for system in (KAFKA, TUNED)]
    found = [those for those in found if those]
    return (max if figure.more_is_better() else min)(found, key=statistics.median) if found else []


def times(value):
    """A ratio with two figures that mean something, however small."""
    return number(value) if value >= 0.1 else f"{value:.2g}"


def ratio(mine, theirs):
    """Median of the ratios of runs of the same round, with least and most."""
    pairs = [a / b for a, b in zip(mine, theirs) if b > 0]
    if not pairs:
        return None, ""
    text = times(statistics.median(pairs))
    if len(pairs) > 1:
        text += f" ({times(min(pairs))}–{times(max(pairs))})"
    return statistics.median(pairs), text + " ×"


def verdict(figure, system, value):
    at_least, at_most = figure.aims(system)
    if value is None or (at_least is None and at_most is None):
        return ""
    met = value >= at_least if at_least is not None else value <= at_most
    aim = f"≥ {times(at_least)}" if at_least is not None else f"≤ {times(at_most)}"
    return f" [{aim}: {'met' if met else '**missed**'}]"


def own_verdict(figure, those):
    """Of an aim that Kafka has no part in."""
    if figure.most is None or not those:
        return ""
    return f" [≤ {number(figure.most)}: {'met' if statistics.median(those) <= figure.most else '**missed**'}]"


def middle(those):
    return number(statistics.median(those)) if those else ""


def cells(case, figure, lines):
    kafka = better_kafka(figure, lines)
    row = [figure.unit, *(middle(values(figure, lines.get(system))) for system in (MOLDAU, PAGE_CACHE, KAFKA, TUNED))]
    for system in (MOLDAU, PAGE_CACHE):
        value, text = ratio(values(figure, lines.get(system)), kafka)
        # The aims are those of page cache against page cache, except where only one mode takes part.
        judged = system == PAGE_CACHE or PAGE_CACHE not in case.systems or figure.aims(system) != (figure.at_least, figure.at_most)
        row.append((text + (verdict(figure, system, value) if judged else "") +
                    own_verdict(figure, values(figure, lines.get(system)))).strip())
    return row


def lines_of(case, record):
    if "failed" in record:
        return [f"{case.name}: FAILED: {record['failed']}"]
    return [f"{case.name}: " + " | ".join(cells(case, figure, record["lines"])) for figure in case.figures]


def table(records):
    for case in CASES:
        record = records.get(case.name)
        if record is None:
            continue
        what = f"{case.row}. {case.title}"
        if "failed" in record:
            yield f"| {what} | failed: {record['failed']} | | | | | | | {record['commit']} |"
            continue
        rounds = max(len(lines) for lines in record["lines"].values())
        for i, figure in enumerate(case.figures):
            first = (what, f"{record['commit']}, {rounds} × {record['seconds']:g} s") if i == 0 else ("", "")
            yield f"| {first[0]} | {' | '.join(cells(case, figure, record['lines']))} | {first[1]} |"


def section():
    records = load()
    if not records:
        return []
    versions = sorted({record["kafka"] for record in records.values()})
    return [HEADING, "",
            f"Written by `bench/kafka` (`./dev bench kafka`) against Apache Kafka {', '.join(versions)}: one node, KRaft in combined "
            "mode, 1 GiB heap, as it comes (3 network and 8 I/O threads) and tuned (2 and 2); the better one counts. Numbers of rows "
            "are those of the matrix. Medians; ratios are Moldau's figure to Kafka's, round by round, least and most in "
            "parentheses. Aims are for page cache on both sides unless Moldau's sync before each acknowledgement is named. "
            "Both brokers and the load program share the same cores; raw figures are in `kafka-results.json`. Rows of number 10 "
            "are three brokers of each, every one a controller, too, min.insync.replicas=2; their figures are sums of all three.", "",
            "| what | figure | Moldau, synced | Moldau, page cache | Kafka | Kafka, tuned | synced to Kafka | page cache to Kafka | "
            "commit, runs |", "|---|---|---|---|---|---|---|---|---|", *table(records),
            *(["", REASONS.read_text().rstrip()] if REASONS.exists() else [])]


def write_into_results():
    kept = RESULTS.read_text().split(HEADING)[0].rstrip() if RESULTS.exists() else ""
    RESULTS.write_text(kept + "\n\n" + "\n".join(section()) + "\n")
