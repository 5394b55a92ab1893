#!/usr/bin/env python3
"""The kafka-* names of our binary beside Apache Kafka's own commands: the same arguments against the same Moldau node, line
by line. Each side has topics of its own, named alike but for `apache` and `moldau`. Lines that differ must be listed in
intended.tsv (case "tools", path: the command's name). Needs MOLDAU_BINARY. Exit code 3: Kafka cannot be had here."""

import difflib
import json
import os
import pathlib
import re
import subprocess
import sys

from compare import Intended
from sides import Moldau, java, kafka_classpath

TOOLS = "org.apache.kafka.tools."
CLASSES = {
    "kafka-topics": TOOLS + "TopicCommand", "kafka-configs": "kafka.admin.ConfigCommand",
    "kafka-get-offsets": TOOLS + "GetOffsetShell", "kafka-delete-records": TOOLS + "DeleteRecordsCommand",
    "kafka-log-dirs": TOOLS + "LogDirsCommand", "kafka-metadata-quorum": TOOLS + "MetadataQuorumCommand",
    "kafka-features": TOOLS + "FeatureCommand", "kafka-cluster": TOOLS + "ClusterTool",
    "kafka-reassign-partitions": TOOLS + "reassign.ReassignPartitionsCommand",
    "kafka-leader-election": TOOLS + "LeaderElectionCommand",
    "kafka-broker-api-versions": TOOLS + "BrokerApiVersionsCommand", "kafka-console-producer": TOOLS + "ConsoleProducer",
    "kafka-console-consumer": TOOLS + "consumer.ConsoleConsumer",
    "kafka-consumer-groups": TOOLS + "consumer.group.ConsumerGroupCommand", "kafka-groups": TOOLS + "GroupsCommand"}
# What Kafka prints in the order of a hash map: commands and how their arguments begin.
UNORDERED = {"kafka-consumer-groups": ("--list", "--reset-offsets", "--delete "), "kafka-groups": ("",),
             "kafka-topics": ("--describe",), "kafka-delete-records": ("",), "kafka-broker-api-versions": ("",)}
RECORDS = "".join(f"key{n}:value {n}\n" for n in range(20))

# Command, arguments, standard input.
STEPS = [
    ("kafka-topics", "--create --topic WHO-one --partitions 2 --replication-factor 1"),
    ("kafka-topics", "--create --topic WHO-two --config retention.ms=1000 --config cleanup.policy=compact"),
    ("kafka-topics", "--create --topic WHO-three --replica-assignment 1,1"),
    ("kafka-topics", "--create --topic WHO-one"),
    ("kafka-topics", "--create --if-not-exists --topic WHO-one"),
    ("kafka-topics", "--create --topic WHO/one"),
    ("kafka-topics", "--create --topic WHO-bad --config no.such=1"),
    ("kafka-topics", "--list --topic WHO.*"),
    ("kafka-topics", "--list --topic WHO-none"),
    ("kafka-topics", "--describe --topic WHO-one"),
    ("kafka-topics", "--describe --topic WHO.*"),
    ("kafka-topics", "--describe --topic WHO-none"),
    ("kafka-topics", "--describe --if-exists --topic WHO-none"),
    ("kafka-topics", "--describe --topic WHO.* --topics-with-overrides"),
    ("kafka-topics", "--describe --topic WHO.* --under-replicated-partitions"),
    ("kafka-topics", "--describe --topic WHO.* --unavailable-partitions"),
    ("kafka-topics", "--alter --topic WHO-one --partitions 3"),
    ("kafka-topics", "--alter --topic WHO-one --partitions 1"),
    ("kafka-topics", "--alter --topic WHO-none --partitions 3"),
    ("kafka-console-producer", "--topic WHO-one --property parse.key=true --property key.separator=:", RECORDS),
    ("kafka-get-offsets", "--topic WHO-one"),
    ("kafka-get-offsets", "--topic WHO-one --time -2"),
    ("kafka-get-offsets", "--topic WHO-one --time earliest --partitions 0,2"),
    ("kafka-get-offsets", "--topic-partitions WHO-one:1-2,WHO-two:0"),
    ("kafka-get-offsets", "--topic WHO-none"),
    ("kafka-console-consumer", "--topic WHO-one --partition 0 --offset earliest --timeout-ms 4000 --property print.key=true"),
    ("kafka-console-consumer", "--topic WHO-one --partition 1 --offset 2 --max-messages 2 --property print.offset=true "
                               "--property print.partition=true --property print.headers=true"),
    ("kafka-delete-records", "--offset-json-file OFFSETS"),
    ("kafka-get-offsets", "--topic WHO-one --time -2"),
    ("kafka-configs", "--describe --entity-type topics --entity-name WHO-two"),
    ("kafka-configs", "--describe --all --entity-type topics --entity-name WHO-two"),
    ("kafka-configs", "--describe --topic WHO-one"),
    ("kafka-configs", "--alter --entity-type topics --entity-name WHO-two --add-config retention.ms=5000,segment.ms=60000"),
    ("kafka-configs", "--alter --entity-type topics --entity-name WHO-two --delete-config retention.ms"),
    ("kafka-configs", "--alter --entity-type topics --entity-name WHO-two --add-config cleanup.policy=[compact,delete]"),
    ("kafka-configs", "--alter --entity-type topics --entity-name WHO-two --add-config retention.ms=soon"),
    ("kafka-configs", "--describe --entity-type topics --entity-name WHO-two"),
    ("kafka-configs", "--describe --entity-type topics --entity-name WHO-none"),
    ("kafka-configs", "--alter --entity-type brokers --entity-default --add-config log.retention.ms=77000000"),
    ("kafka-configs", "--describe --entity-type brokers --entity-default"),
    ("kafka-configs", "--describe --entity-type brokers --entity-name 1"),
    ("kafka-configs", "--alter --entity-type brokers --entity-default --delete-config log.retention.ms"),
    ("kafka-log-dirs", "--describe --topic-list WHO-one"),
    ("kafka-metadata-quorum", "describe --status"),
    ("kafka-metadata-quorum", "describe --replication"),
    ("kafka-metadata-quorum", "describe"),
    ("kafka-metadata-quorum", "remove-controller -i 1 -d AAAAAAAAAAAAAAAAAAAAAQ --dry-run"),
    ("kafka-features", "describe"),
    ("kafka-features", "upgrade --feature metadata.version=99"),
    ("kafka-features", "upgrade --feature metadata.version=99 --dry-run"),
    ("kafka-features", "disable --feature no.such"),
    ("kafka-cluster", "cluster-id"),
    ("kafka-cluster", "list-endpoints"),
    ("kafka-cluster", "list-endpoints --include-fenced-brokers"),
    ("kafka-cluster", "unregister --id 99"),
    ("kafka-reassign-partitions", "--list"),
    ("kafka-reassign-partitions", "--generate --topics-to-move-json-file TOPICS --broker-list 1"),
    ("kafka-reassign-partitions", "--generate --topics-to-move-json-file TOPICS --broker-list 1,1"),
    ("kafka-reassign-partitions", "--verify --reassignment-json-file MOVE --preserve-throttles"),
    ("kafka-reassign-partitions", "--execute --reassignment-json-file MOVE"),
    ("kafka-reassign-partitions", "--execute --reassignment-json-file MOVE --throttle 100000 --additional"),
    ("kafka-reassign-partitions", "--verify --reassignment-json-file MOVE"),
    ("kafka-reassign-partitions", "--cancel --reassignment-json-file MOVE"),
    ("kafka-reassign-partitions", "--execute --reassignment-json-file AWAY"),
    ("kafka-reassign-partitions", "--verify --reassignment-json-file AWAY --preserve-throttles"),
    ("kafka-leader-election", "--election-type preferred --all-topic-partitions"),
    ("kafka-leader-election", "--election-type preferred --topic WHO-one --partition 0"),
    ("kafka-leader-election", "--election-type unclean --path-to-json-file MOVE"),
    ("kafka-leader-election", "--election-type preferred --topic WHO-none --partition 0"),
    ("kafka-consumer-groups", "--list"),
    ("kafka-consumer-groups", "--describe --group WHO-g"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-g --topic WHO-one --to-earliest"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-g --topic WHO-one:0,1 --to-latest --execute"),
    ("kafka-console-consumer", "--topic WHO-one --group WHO-reader --from-beginning --timeout-ms 6000"),
    ("kafka-console-consumer", "--topic WHO-one --group WHO-reader --from-beginning --timeout-ms 6000"),
    ("kafka-consumer-groups", "--list --state"),
    ("kafka-consumer-groups", "--list --type --state empty"),
    ("kafka-consumer-groups", "--list --state nonsense"),
    ("kafka-consumer-groups", "--describe --group WHO-reader"),
    ("kafka-consumer-groups", "--describe --group WHO-reader --offsets --verbose"),
    ("kafka-consumer-groups", "--describe --group WHO-reader --members"),
    ("kafka-consumer-groups", "--describe --group WHO-reader --members --verbose"),
    ("kafka-consumer-groups", "--describe --group WHO-reader --state"),
    ("kafka-consumer-groups", "--describe --group WHO-g --group WHO-reader --state --verbose"),
    ("kafka-consumer-groups", "--describe --group WHO-none"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --all-topics --shift-by -3 --execute"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one --shift-by -100 --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --all-topics --to-offset 5 --export"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --group WHO-g --all-topics --to-offset 4 --export"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --all-topics --to-current --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one --to-datetime 2024-01-01T00:00:00.000 --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one --to-datetime 2094-01-01T00:00:00.000 --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one --by-duration PT1H --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one:9 --to-latest --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-none --to-latest --dry-run"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --topic WHO-one"),
    ("kafka-consumer-groups", "--reset-offsets --group WHO-reader --from-file PLAN --execute"),
    ("kafka-consumer-groups", "--delete-offsets --group WHO-reader --topic WHO-one:0"),
    ("kafka-consumer-groups", "--delete-offsets --group WHO-reader --topic WHO-one --topic WHO-none"),
    ("kafka-consumer-groups", "--delete-offsets --group WHO-none --topic WHO-one"),
    ("kafka-groups", "--list"),
    ("kafka-groups", "--list --consumer"),
    ("kafka-groups", "--list --group-type classic --protocol consumer"),
    ("kafka-groups", "--list --group-type nonsense"),
    ("kafka-consumer-groups", "--delete --group WHO-g"),
    ("kafka-consumer-groups", "--delete --group WHO-none"),
    ("kafka-consumer-groups", "--delete --group WHO-reader --group WHO-none"),
    ("kafka-consumer-groups", "--validate-regex a.*b"),
    ("kafka-consumer-groups", "--validate-regex ["),
    ("kafka-consumer-groups", "--describe"),
    ("kafka-broker-api-versions", ""),
    ("kafka-topics", "--delete --topic WHO-one"),
    ("kafka-topics", "--delete --topic WHO-none"),
    ("kafka-topics", "--delete --if-exists --topic WHO-none"),
    ("kafka-topics", "--list --topic WHO.*"),
]


class Commands:
    def __init__(self, classpath, node):
        self.node = node
        archive = node.folder / "classes.jsa"
        self.java = ["nice", *java(classpath, "256m")[:-2], f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-cp", classpath]
        subprocess.run([*java(classpath, "256m")[:-2], f"-XX:ArchiveClassesAtExit={archive}", "-cp", classpath,
                        CLASSES["kafka-topics"], "--bootstrap-server", node.bootstrap, "--list"],
                       capture_output=True, timeout=120)

    def arguments(self, who, name, text):
        offsets = self.node.folder / f"{who}.json"
        offsets.write_text(json.dumps({"version": 1, "partitions": [
            {"topic": f"{who}-one", "partition": 0, "offset": 3}, {"topic": f"{who}-one", "partition": 1, "offset": -1}]}))
        plan = self.node.folder / f"{who}.csv"
        plan.write_text(f"{who}-one,0,2\n{who}-one,1,1\n")
        words = text.replace("WHO", who).replace("OFFSETS", str(offsets)).replace("PLAN", str(plan))
        for word, contents in self.files(who).items():
            file = self.node.folder / f"{who}-{word}.json"
            file.write_text(json.dumps({"version": 1, **contents}))
            words = words.replace(word, str(file))
        words = words.split()
        address = ["--bootstrap-server", self.node.bootstrap]
        if name == "kafka-cluster":
            return words + address
        return address + words

    @staticmethod
    def files(who):
        """What reassignments and elections are told in: moves to where everything is, and to a broker that is not there."""
        partitions = [{"topic": f"{who}-one", "partition": partition} for partition in (0, 1, 2)]
        return {"TOPICS": {"topics": [{"topic": f"{who}-one"}]},
                "MOVE": {"partitions": [{**one, "replicas": [1]} for one in partitions]},
                "AWAY": {"partitions": [{**one, "replicas": [9]} for one in partitions]}}

    def run(self, who, name, text, stdin):
        program = [*self.java, CLASSES[name]] if who == "apache" else [os.environ["MOLDAU_BINARY"], name]
        done = subprocess.run(program + self.arguments(who, name, text), input=stdin, capture_output=True, text=True,
                              errors="replace", timeout=120)
        return done.returncode, [self.general(line) for line in done.stdout.splitlines() if line.strip()]

    def general(self, line):
        line = re.sub(r"\b(apache|moldau)(?=[-/.]|$)", "WHO", line)
        if line.startswith('{"brokers"'):
            line = json.dumps(in_order(json.loads(line)))
        line = re.sub(r"(\(\d+\): .*),$", r"\1", line)     # of broker-api-versions
        line = re.sub(r"\s+", " ", line)     # columns are padded by Kafka here, tabbed there
        line = re.sub(r"TopicId: \S{22}", "TopicId: <id>", line)
        line = line.replace(str(self.node.folder), "<folder>").replace(str(self.node.port), "<port>")
        line = re.sub(r"\b1[0-9]{12}\b", "<now>", line)
        return re.sub(r"(Lag|lag|Time|HighWatermark|Epoch)(:|Ms:)?\s+\d+", r"\1 <number>", line).rstrip()


def in_order(value):
    """JSON with its lists sorted: Kafka's come from hash maps."""
    if isinstance(value, dict):
        return {key: in_order(inner) for key, inner in value.items()}
    return sorted(map(in_order, value), key=str) if isinstance(value, list) else value


def compare(intended, name, text, apache, moldau):
    """Lines that differ and are not listed."""
    (apache_code, one), (moldau_code, other) = apache, moldau
    lines = []
    if (apache_code == 0) != (moldau_code == 0) and not intended.covers("tools", name, f"exit {apache_code}", f"exit {moldau_code}"):
        lines.append(f"exit code {apache_code} | {moldau_code}")
    if apache_code != 0 and moldau_code != 0:
        return lines        # the words of a refusal are our own
    if any(text.startswith(words) for words in UNORDERED.get(name, ())):
        one, other = sorted(one), sorted(other)
    for tag, a, b, c, d in difflib.SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        left, right = one[a:b], other[c:d]
        for place in range(max(len(left), len(right))):
            kafka = left[place] if place < len(left) else "<absent>"
            ours = right[place] if place < len(right) else "<absent>"
            if not intended.covers("tools", f"{name} {text}", kafka, ours):
                lines.append(f"Kafka  {kafka[:300]}\n    Moldau {ours[:300]}")
    return lines


def main():
    classpath = kafka_classpath()
    if classpath is None:
        return 3
    intended = Intended(pathlib.Path(__file__).resolve().parent / "intended.tsv")
    different = count = 0
    with Moldau() as node:
        commands = Commands(classpath, node)
        for name, text, *stdin in STEPS:
            outputs = [commands.run(who, name, text, stdin[0] if stdin else "") for who in ("apache", "moldau")]
            count += sum(len(lines) for _, lines in outputs[:1])
            found = compare(intended, name, text, *outputs)
            if found:
                different += len(found)
                print(f"DIFFERENT: {name} {text}", *found, sep="\n    ", flush=True)
    print(f"{len(STEPS)} commands, {count} lines compared: {different} unexpected differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
