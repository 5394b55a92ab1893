"""main.py JAVA… HOST:PORT PREFIX: Apache Kafka's own commands against one broker, a line for each scenario."""

import json
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))
from scenarios import REPLICAS, end, equal, equal_lists, play, refused, soon, tell, tell_failure, that  # noqa: E402
from tool import TOOLS, Tools  # noqa: E402

MIB = 1 << 20
LEVEL = 30  # metadata.version of Apache Kafka 4.3
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


# Topics.

def create_topic(tools):
    topic = tools.name("create")
    words = ("--create", "--topic", topic, "--partitions", 3, "--config", "retention.ms=3600000")
    that(f"Created topic {topic}." in tools.topics(*words), "it does not say that the topic was created")
    refused("already exists", lambda: tools.topics(*words), "the same topic twice")
    tools.topics(*words, "--if-not-exists")
    soon(lambda: topic in tools.topics("--list").split(), "the topic is not listed")
    lines = tools.topics("--describe", "--topic", topic).splitlines()
    equal(4, len(lines), "lines of --describe")
    for text in ("PartitionCount: 3", f"ReplicationFactor: {REPLICAS}", "retention.ms=3600000"):
        that(text in lines[0], f"{text} is not in {lines[0]}")
    that("Leader: " in lines[3] and "Isr: " in lines[3], lines[3])


def describe_topics(tools):
    topic = tools.create("describe", "--config", "segment.ms=600000")
    overrides = tools.topics("--describe", "--topics-with-overrides")
    that(topic in overrides, "the topic is not among those with overrides")
    for filter in ("--under-replicated-partitions", "--unavailable-partitions", "--under-min-isr-partitions"):
        equal("", tools.topics("--describe", filter).strip(), f"topics that are {filter[2:]}")
    topic_id = next(word for line in overrides.splitlines() if f"Topic: {topic}\t" in line
                    for word in line.split("\t") if word.startswith("TopicId: "))[9:]
    that(topic in tools.topics("--describe", "--topic-id", topic_id), "the topic is not found by its id")
    refused("does not exist", lambda: tools.topics("--describe", "--topic", tools.name("none")), "an unknown topic")


def alter_partitions(tools):
    topic = tools.create("grow", "--partitions", 2)
    tools.topics("--alter", "--topic", topic, "--partitions", 4)
    soon(lambda: "PartitionCount: 4" in tools.topics("--describe", "--topic", topic), "the topic has not four partitions")
    refused("InvalidPartitions", lambda: tools.topics("--alter", "--topic", topic, "--partitions", 3), "fewer partitions")


def delete_topic(tools):
    topic = tools.create("delete")
    tools.topics("--delete", "--topic", topic)
    soon(lambda: topic not in tools.topics("--list").split(), "the topic is still listed")
    refused("does not exist", lambda: tools.topics("--delete", "--topic", topic), "the same topic twice")


# Producing and consuming.

def produce_all(tools):
    """One topic, twenty lines for each pair of codec and acks, read once. The topic is made by the first producer."""
    topic = tools.name("produce")
    sent = {}
    for codec in CODECS:
        for acks in ("0", "1", "all"):
            sent[codec, acks] = [f"{codec} {acks} {place} {'river ' * 20}" for place in range(20)]
            tools.produce(topic, "".join(line + "\n" for line in sent[codec, acks]), "--compression-codec", codec,
                          "--request-required-acks", acks)
    read = tools.consume(topic, 300, "--from-beginning").splitlines()
    for place, (codec, acks) in enumerate(sent):
        play(f"produce-{codec}-acks-{acks}", equal_lists, sent[codec, acks], read[20 * place:20 * place + 20], "lines")


def idempotent(tools):
    topic = tools.create("idempotent")
    lines = [f"line {place}" for place in range(3000)]
    tools.produce(topic, "\n".join(lines), "--command-property", "enable.idempotence=true", "--command-property",
                  "batch.size=2000")
    equal_lists(lines, tools.consume(topic, 3000, "--from-beginning").splitlines(), "lines")
    producers = tools.command(TOOLS + "TransactionsCommand", "describe-producers", "--topic", topic, "--partition", 0)
    that("2999" in producers.split(), f"the last sequence is not in {producers}")


def headers(tools):
    topic = tools.create("headers")
    tools.produce(topic, "one:1,two:2\tkey\tvalue\nnone\tkey\tvalue\n", "--reader-property", "parse.key=true",
                  "--reader-property", "parse.headers=true", "--reader-property", "null.marker=none")
    read = tools.consume(topic, 2, "--from-beginning", "--formatter-property", "print.headers=true",
                         "--formatter-property", "print.key=true", "--formatter-property", "print.offset=true")
    equal("Offset:0\tone:1,two:2\tkey\tvalue\nOffset:1\tNO_HEADERS\tkey\tvalue\n", read, "lines")


def nulls(tools):
    topic = tools.create("nulls")
    tools.produce(topic, "NIL\tvalue\nkey\tNIL\nNIL\tNIL\n\t\n", "--reader-property", "parse.key=true",
                  "--reader-property", "null.marker=NIL")
    read = tools.consume(topic, 4, "--from-beginning", "--formatter-property", "print.key=true",
                         "--formatter-property", "null.literal=NOTHING")
    equal("NOTHING\tvalue\nkey\tNOTHING\nNOTHING\tNOTHING\n\t\n", read, "lines")


def one_mib_records(tools):
    topic = tools.create("one-mib", "--config", f"max.message.bytes={2 * MIB}")
    lines = [f"{place}" + "x" * (MIB - 1) for place in range(3)]
    for line, codec in zip(lines, ("none", "gzip", "zstd")):
        tools.produce(topic, line, "--compression-codec", codec, "--command-property", f"max.request.size={4 * MIB}")
    that(lines == tools.consume(topic, 3, "--from-beginning").splitlines(), "what was read is not what was sent")


def fetch(tools):
    """Three scenarios on one topic whose records are half a second apart in two parts."""
    topic = tools.create("fetch")
    lines = [f"line {place}" for place in range(200)]
    tools.produce(topic, "\n".join(lines[:120]))
    between = int(time.time() * 1000)
    time.sleep(0.1)
    tools.produce(topic, "\n".join(lines[120:]))
    def read(count, *words):
        return tools.consume(topic, count, *words).splitlines()
    play("fetch-from-beginning", lambda: equal_lists(lines, read(200, "--from-beginning"), "lines"))
    play("fetch-by-offset", lambda: equal_lists(lines[137:], read(63, "--offset", 137), "lines"))
    def by_timestamp():
        offset = tools.offsets(topic, between)[0]
        equal(120, offset, "the first offset of the second part")
        equal_lists(lines[120:], read(80, "--offset", offset), "lines")
    play("fetch-by-timestamp", by_timestamp)


def perf_tests(tools):
    topic = tools.create("perf")
    printed = tools.run(TOOLS + "ProducerPerformance", "--bootstrap-server", tools.bootstrap, "--topic", topic,
                        "--num-records", 50000, "--record-size", 100, "--throughput", -1)
    that("50000 records sent" in printed, printed)
    equal({0: 50000}, tools.offsets(topic, "latest"), "end offset")
    printed = tools.command(TOOLS + "ConsumerPerformance", "--topic", topic, "--num-records", 50000, "--hide-header")
    equal("50000", printed.splitlines()[-1].split(", ")[4], "records that a group's member has read")


# Offsets and records.

def get_offsets(tools):
    topic = tools.create("offsets", "--partitions", 2)
    tools.run(TOOLS + "ProducerPerformance", "--bootstrap-server", tools.bootstrap, "--topic", topic,
              "--num-records", 100, "--record-size", 10, "--throughput", -1)
    ends = tools.offsets(topic, "latest")
    equal(100, sum(ends.values()), "sum of the end offsets")
    for time_word, wanted in (("-1", ends), ("earliest", {0: 0, 1: 0}), ("-2", {0: 0, 1: 0}),
                              ("earliest-local", {0: 0, 1: 0}), ("-4", {0: 0, 1: 0})):
        equal(wanted, tools.offsets(topic, time_word), f"offsets at {time_word}")
    most = tools.offsets(topic, "max-timestamp")
    that(all(0 <= offset < ends[partition] for partition, offset in most.items()), f"max-timestamp {most}")
    equal({}, tools.offsets(topic, int(time.time() * 1000) + 60000), "offsets at a time to come")


def delete_records(tools):
    topic = tools.create("delete-records")
    tools.produce(topic, "\n".join(map(str, range(100))))
    def delete_before(offset):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as wish:
            json.dump({"partitions": [{"topic": topic, "partition": 0, "offset": offset}], "version": 1}, wish)
            wish.flush()
            return tools.command(TOOLS + "DeleteRecordsCommand", "--offset-json-file", wish.name)
    that("low_watermark: 47" in delete_before(47), "no low_watermark: 47")
    equal({0: 47}, tools.offsets(topic, "earliest"), "earliest offset")
    equal_lists(list(map(str, range(47, 100))), tools.consume(topic, 53, "--from-beginning").splitlines(), "lines")
    that("OffsetOutOfRange" in delete_before(101), "an offset beyond the end was taken")


# Configurations.

def alter_configs(tools):
    topic = tools.create("alter")
    entity = ("--entity-type", "topics", "--entity-name", topic)
    tools.configs("--alter", *entity, "--add-config", "retention.ms=60000,cleanup.policy=[compact,delete]")
    printed = tools.configs("--describe", *entity)
    that("retention.ms=60000" in printed and "cleanup.policy=compact,delete" in printed, printed)
    that("max.message.bytes=" in tools.configs("--describe", "--all", *entity), "--all lacks max.message.bytes")
    tools.configs("--alter", *entity, "--delete-config", "retention.ms")
    soon(lambda: "retention.ms=" not in tools.configs("--describe", *entity), "retention.ms was not deleted")
    refused("retention.ms", lambda: tools.configs("--alter", *entity, "--add-config", "retention.ms=soon"), "bad value")
    refused("no.such.key", lambda: tools.configs("--alter", *entity, "--add-config", "no.such.key=1"), "unknown key")


def broker_configs(tools):
    for entity in (("--broker", broker_id(tools)), ("--broker-defaults",)):
        tools.configs("--alter", *entity, "--add-config", "log.cleaner.threads=2")
        soon(lambda: "log.cleaner.threads=2" in tools.configs("--describe", *entity), f"{entity}: not set")
        tools.configs("--alter", *entity, "--delete-config", "log.cleaner.threads")
        soon(lambda: "log.cleaner.threads=2" not in tools.configs("--describe", *entity), f"{entity}: not deleted")
    that("listeners=" in tools.configs("--describe", "--all", "--broker", broker_id(tools)), "--all lacks listeners")


# The broker and the cluster.

def broker_id(tools):
    return tools.cluster("list-endpoints").splitlines()[1].split()[0]


def broker_api_versions(tools):
    printed = tools.command(TOOLS + "BrokerApiVersionsCommand")
    for address in tools.bootstrap.split(","):
        that(f"{address} (id: " in printed, f"{address} is not in {printed[:200]}")
    that(f"(id: {broker_id(tools)} " in printed, printed[:200])
    for text in ("Produce(0): 0 to 13 [usable: 13]", "Fetch(1): 4 to 18 [usable: 18]", "CreateTopics(19): 2 to 7"):
        that(text in printed, f"{text} is not in the list")


def cluster(tools):
    that(tools.cluster("cluster-id").startswith("Cluster ID: "), "no cluster id")
    lines = tools.cluster("list-endpoints").splitlines()
    equal(sorted(tools.bootstrap.split(",")), sorted(":".join(line.split()[1:3]) for line in lines[1:]), "endpoints")


def features(tools):
    printed = tools.command(TOOLS + "FeatureCommand", "describe")
    that("Feature: metadata.version" in printed and "FinalizedVersionLevel:" in printed, printed)
    printed = tools.command(TOOLS + "FeatureCommand", "upgrade", "--feature", f"metadata.version={LEVEL}", "--dry-run")
    that(f"metadata.version can be upgraded to {LEVEL}" in printed, printed)
    refused("metadata.version", lambda: tools.command(TOOLS + "FeatureCommand", "upgrade", "--feature",
                                                      "metadata.version=99"), "a level that nobody knows")


def metadata_quorum(tools):
    status = tools.command(TOOLS + "MetadataQuorumCommand", "describe", "--status")
    for text in ("ClusterId:", "LeaderId:", "HighWatermark:", "CurrentVoters:"):
        that(text in status, f"{text} is not in {status}")
    lines = tools.command(TOOLS + "MetadataQuorumCommand", "describe", "--replication").splitlines()
    that(len(lines) == 1 + REPLICAS and lines[1].split()[-1] == "Leader", str(lines))


def log_dirs(tools):
    topic = tools.create("log-dirs", "--partitions", 2)
    tools.produce(topic, "\n".join(map(str, range(100))))
    printed = tools.command(TOOLS + "LogDirsCommand", "--describe", "--topic-list", topic)
    told = json.loads(printed.splitlines()[-1])
    partitions = [one for folder in told["brokers"][0]["logDirs"] for one in folder["partitions"]]
    equal([f"{topic}-0", f"{topic}-1"], sorted(one["partition"] for one in partitions), "partitions")
    that(sum(one["size"] for one in partitions) > 100, f"sizes {partitions}")


def client_metrics(tools):
    equal("", tools.command(TOOLS + "ClientMetricsCommand", "--list").strip(), "client metrics subscriptions")


SCENARIOS = {
    "create-topic": create_topic, "describe-topics": describe_topics, "alter-partitions": alter_partitions,
    "delete-topic": delete_topic, "idempotent": idempotent, "headers": headers, "nulls": nulls,
    "one-mib-records": one_mib_records, "perf-tests": perf_tests, "get-offsets": get_offsets,
    "delete-records": delete_records, "alter-configs": alter_configs, "broker-configs": broker_configs,
    "broker-api-versions": broker_api_versions, "cluster": cluster, "features": features,
    "metadata-quorum": metadata_quorum, "log-dirs": log_dirs, "client-metrics": client_metrics,
}


def play_several(scenario, tools):
    """For scenarios that tell several lines themselves."""
    try:
        scenario(tools)
    except Exception as error:
        tell_failure(scenario.__name__, error)


def play_all(tools):
    with ThreadPoolExecutor(2) as pool:
        for scenario in (produce_all, fetch):
            pool.submit(play_several, scenario, tools)
        for name, scenario in SCENARIOS.items():
            pool.submit(play, name, scenario, tools)
    end()


def main(words):
    *java, bootstrap, prefix = words
    with tempfile.TemporaryDirectory(prefix="moldau-tools-") as scratch:
        play_all(Tools(java, bootstrap, prefix, scratch))


if __name__ == "__main__":
    main(sys.argv[1:])
