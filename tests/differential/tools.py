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
import time

from compare import Intended
from sides import Moldau, java, kafka_classpath
import raw_transactions  # of tests/clients, where `sides` looks

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
    "kafka-consumer-groups": TOOLS + "consumer.group.ConsumerGroupCommand", "kafka-groups": TOOLS + "GroupsCommand",
    "kafka-transactions": TOOLS + "TransactionsCommand", "kafka-verifiable-producer": TOOLS + "VerifiableProducer",
    "kafka-verifiable-consumer": TOOLS + "VerifiableConsumer"}
# What Kafka prints in the order of a hash map: commands and how their arguments begin.
UNORDERED = {"kafka-consumer-groups": ("--list", "--reset-offsets", "--delete "), "kafka-groups": ("",),
             "kafka-console-consumer": ("--topic __",),
             "kafka-transactions": ("list", "describe-producers", "find-hanging"),
             "kafka-topics": ("--describe",), "kafka-delete-records": ("",), "kafka-broker-api-versions": ("",)}
# What no two commands, or no two producers, have alike.
OWN_COLUMNS = ("ProducerId", "CurrentTransactionStartTimeMs", "TransactionDurationMs")
HOUR_MS = 3_600_000
RECORDS = "".join(f"key{n}:value {n}\n" for n in range(20))


def open_transactions(node):
    """For each side a transaction that is open, and one that hangs behind it: its coordinator does not know of it."""
    for who in ("apache", "moldau"):
        known, unknown = (raw_transactions.Producer(node.port, f"{who}-{name}").begin() for name in ("open", "hangs"))
        known.add(f"{who}-txn", 0).send(f"{who}-txn")
        unknown.send(f"{who}-txn", timestamp=int(time.time() * 1000) - HOUR_MS)


# Command, arguments, standard input; or what is done to the node between two commands.
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
    ("kafka-transactions", "list"),
    ("kafka-topics", "--create --topic WHO-txn --partitions 1"),
    (open_transactions,),
    ("kafka-transactions", "list"),
    ("kafka-transactions", "list --duration-filter 3600000"),
    ("kafka-transactions", "list --duration-filter -1"),
    ("kafka-transactions", "list --transactional-id-pattern WHO-o.*"),
    ("kafka-transactions", "list --transactional-id-pattern ("),
    ("kafka-transactions", "describe --transactional-id WHO-open"),
    ("kafka-transactions", "describe --transactional-id WHO-hangs"),
    ("kafka-transactions", "describe --transactional-id WHO-none"),
    ("kafka-transactions", "describe"),
    ("kafka-transactions", "describe-producers --topic WHO-txn --partition 0"),
    ("kafka-transactions", "describe-producers --topic WHO-txn --partition 0 --broker-id 1"),
    ("kafka-transactions", "describe-producers --topic WHO-txn"),
    ("kafka-transactions", "find-hanging --topic WHO-txn"),
    ("kafka-transactions", "find-hanging --topic WHO-txn --partition 0 --max-transaction-timeout 59"),
    ("kafka-transactions", "find-hanging --topic WHO-txn --max-transaction-timeout 61"),
    ("kafka-transactions", "find-hanging --broker-id 1"),
    ("kafka-transactions", "find-hanging"),
    ("kafka-transactions", "find-hanging --broker-id 1 --partition 0"),
    ("kafka-transactions", "find-hanging --topic WHO-none"),
    ("kafka-transactions", "abort --topic WHO-txn --partition 0"),
    ("kafka-transactions", "abort --topic WHO-txn --partition 0 --producer-id 7"),
    ("kafka-transactions", "abort --topic WHO-txn --partition 0 --start-offset 999"),
    ("kafka-transactions", "abort --topic WHO-txn --partition 0 --start-offset 1"),
    ("kafka-transactions", "describe-producers --topic WHO-txn --partition 0"),
    ("kafka-transactions", "find-hanging --topic WHO-txn"),
    ("kafka-transactions", "forceTerminateTransaction --transactionalId WHO-open"),
    ("kafka-transactions", "forceTerminateTransaction"),
    ("kafka-transactions", "describe --transactional-id WHO-open"),
    ("kafka-transactions", "describe-producers --topic WHO-txn --partition 0"),
    ("kafka-transactions", "nonsense"),
    ("kafka-topics", "--create --topic WHO-verified --partitions 1"),
    ("kafka-verifiable-producer", "--topic WHO-verified --max-messages 5 --value-prefix 3 --repeating-keys 2 --acks -1"),
    ("kafka-verifiable-producer", "--topic WHO-verified --max-messages 2 --throughput 10 --message-create-time 1600000000000"),
    ("kafka-verifiable-producer", "--topic WHO-verified --acks 7"),
    ("kafka-verifiable-producer", "--max-messages 1"),
    ("kafka-verifiable-consumer", "--topic WHO-verified --group-id WHO-verifiers --max-messages 4 --verbose"),
    ("kafka-verifiable-consumer", "--topic WHO-verified --group-id WHO-verifiers --max-messages 3"),
    ("kafka-verifiable-consumer", "--topic WHO-verified --max-messages 3"),
    ("kafka-console-consumer", "--topic WHO-verified --partition 0 --offset earliest --max-messages 5 --formatter-property print.key=true "
                               "--formatter-property print.offset=true --formatter-property print.partition=true --formatter-property print.epoch=true "
                               "--formatter-property print.delivery=true --formatter-property print.headers=true --formatter-property key.separator=|"),
    ("kafka-console-consumer", "--topic WHO-verified --partition 0 --offset 5 --max-messages 2 --property print.timestamp=true "
                               "--property print.key=true --property null.literal=NONE --property print.value=false"),
    ("kafka-console-consumer", "--topic WHO-verified --partition 0 --offset earliest --max-messages 1 --formatter "
                               "org.apache.kafka.tools.consumer.LoggingMessageFormatter"),
    ("kafka-console-consumer", "--topic WHO-verified --partition 0 --offset earliest --max-messages 1 --property "
                               "value.deserializer=org.apache.kafka.common.serialization.LongDeserializer"),
    ("kafka-console-consumer", "--topic __consumer_offsets --from-beginning --timeout-ms 4000 --formatter "
                               "org.apache.kafka.tools.consumer.OffsetsMessageFormatter"),
    ("kafka-console-consumer", "--topic __consumer_offsets --from-beginning --timeout-ms 4000 --formatter "
                               "org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter"),
    ("kafka-console-consumer", "--topic __transaction_state --from-beginning --timeout-ms 4000 --formatter "
                               "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter"),
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
        # Kafka's formatters put one object of JSON right behind the other.
        lines = [line for line in done.stdout.replace("}{", "}\n{").splitlines() if line.strip()]
        if name == "kafka-transactions":
            lines = without_own_columns(lines)
        if text.startswith("--topic __"):       # groups that Kafka's readers make up
            lines = [line for line in lines if "console-consumer-" not in line]
        return done.returncode, [self.general(line) for line in lines]

    def general(self, line):
        line = re.sub(r"\b(apache|moldau)(?=[-/.]|$)", "WHO", line)
        if line.startswith("{") and line.endswith("}"):
            line = json.dumps(in_order(json.loads(line)), sort_keys=True)
        line = re.sub(r"(\(\d+\): .*),$", r"\1", line)     # of broker-api-versions
        line = re.sub(r"\s+", " ", line)     # columns are padded by Kafka here, tabbed there
        line = re.sub(r"TopicId: \S{22}", "TopicId: <id>", line)
        line = line.replace(str(self.node.folder), "<folder>").replace(str(self.node.port), "<port>")
        line = re.sub(r"\b1[0-9]{12}\b", "<now>", line)
        line = re.sub(r'"avg_throughput": [0-9.E]+', '"avg_throughput": <number>', line)
        return re.sub(r"(Lag|lag|Time|HighWatermark|Epoch)(:|Ms:)?\s+\d+", r"\1 <number>", line).rstrip()


def without_own_columns(lines):
    """Of a table with a tab behind each column."""
    rows = [line.split("\t") for line in lines]
    own = [place for place, heading in enumerate(rows[0] if rows else []) if heading.strip() in OWN_COLUMNS]
    for row in rows[1:]:
        for place in own:
            row[place] = "None" if row[place].strip() == "None" else "<own>"
    return ["\t".join(row) for row in rows]


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
    with Moldau("transaction.partition.verification.enable=false\n") as node:
        commands = Commands(classpath, node)
        for name, *rest in STEPS:
            if callable(name):
                name(node)
                continue
            text, *stdin = rest
            outputs = [commands.run(who, name, text, stdin[0] if stdin else "") for who in ("apache", "moldau")]
            count += sum(len(lines) for _, lines in outputs[:1])
            found = compare(intended, name, text, *outputs)
            if found:
                different += len(found)
                print(f"DIFFERENT: {name} {text}", *found, sep="\n    ", flush=True)
    print(f"{sum(not callable(step[0]) for step in STEPS)} commands, {count} lines compared: {different} unexpected differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
