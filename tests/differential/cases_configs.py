"""Configs: described, replaced, altered, and what is refused."""

from cases import case

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32


def describe(s, version, kind, name, keys=None, **more):
    s.ask("DescribeConfigs", version, resources=[{"resourceType": kind, "resourceName": name, "configurationKeys": keys}], **more)


@case("DescribeConfigs")
def describe_configs(s, version):
    name, _ = s.create(retention_ms=5000, cleanup_policy="compact,delete")
    describe(s, version, TOPIC, name)
    describe(s, version, TOPIC, name, includeSynonyms=True)
    if version >= 3:
        describe(s, version, TOPIC, name, includeDocumentation=True)
        describe(s, version, BROKER, "1", includeDocumentation=True, includeSynonyms=True)
    describe(s, version, TOPIC, name, ["retention.ms", "segment.bytes", "no.such.config", ""])
    describe(s, version, TOPIC, name, [])
    for unknown in (s.named("-unknown"), "", "a b"):
        describe(s, version, TOPIC, unknown)
    describe(s, version, BROKER, "1")
    describe(s, version, BROKER, "1", ["log.retention.hours", "num.partitions", "log.dirs", "no.such.config"], includeSynonyms=True)
    describe(s, version, BROKER, "1", [])
    for broker in ("", "2", "x", "-1"):
        describe(s, version, BROKER, broker)
    for kind, resource in ((LOGGER, "1"), (LOGGER, ""), (LOGGER, "2"), (LOGGER, "x"), (METRICS, "m"), (METRICS, ""), (GROUP, "g"), (GROUP, ""),
                           (0, "x"), (1, "x"), (3, "x"), (99, "x")):
        describe(s, version, kind, resource)
    s.ask("DescribeConfigs", version, resources=[])
    s.ask("DescribeConfigs", version, resources=[
        {"resourceType": TOPIC, "resourceName": name, "configurationKeys": ["retention.ms"]},
        {"resourceType": TOPIC, "resourceName": name, "configurationKeys": ["retention.bytes"]},
        {"resourceType": BROKER, "resourceName": "1", "configurationKeys": ["num.partitions"]}])


TOPIC_CHANGES = (("retention.ms", "7000"), ("retention.ms", "-1"), ("retention.ms", "-2"), ("retention.ms", "x"), ("retention.ms", " 8000 "),
                 ("retention.ms", ""), ("retention.ms", None), ("no.such.config", "1"), ("", "1"), ("cleanup.policy", "compact"),
                 ("cleanup.policy", "compact, delete"), ("cleanup.policy", "delete,delete"), ("cleanup.policy", ""),
                 ("cleanup.policy", "none"), ("compression.type", "zstd"), ("compression.type", "ZSTD"), ("compression.gzip.level", "10"),
                 ("compression.gzip.level", "0"), ("compression.lz4.level", "17"), ("compression.zstd.level", "3"),
                 ("min.cleanable.dirty.ratio", "0.7"), ("min.cleanable.dirty.ratio", "1.1"), ("min.insync.replicas", "2"),
                 ("message.timestamp.type", "LogAppendTime"), ("preallocate", "true"), ("preallocate", "yes"), ("segment.bytes", "1048576"),
                 ("segment.bytes", "1000"), ("segment.ms", "0"), ("segment.ms", "1"), ("max.message.bytes", "99999999999"),
                 ("unclean.leader.election.enable", "TRUE"), ("leader.replication.throttled.replicas", "*"),
                 ("leader.replication.throttled.replicas", "0:1,1:1"), ("leader.replication.throttled.replicas", "zero"),
                 ("remote.storage.enable", "true"), ("local.retention.ms", "5"), ("flush.messages", "0"), ("flush.ms", "1000"),
                 ("index.interval.bytes", "-1"), ("segment.index.bytes", "3"), ("delete.retention.ms", "-1"), ("file.delete.delay.ms", "0"),
                 ("max.compaction.lag.ms", "0"), ("min.compaction.lag.ms", "5"), ("message.timestamp.before.max.ms", "-1"),
                 ("message.format.version", "3.0"), ("message.downconversion.enable", "true"), ("segment.jitter.ms", "-1"))


@case("IncrementalAlterConfigs")
def incremental_alter_configs(s, version):
    name, _ = s.create()

    def alter(*changes, kind=TOPIC, resource=name, validate_only=False):
        s.ask("IncrementalAlterConfigs", version, validateOnly=validate_only, resources=[
            {"resourceType": kind, "resourceName": resource, "configs": [
                {"name": key, "configOperation": operation, "value": value} for key, operation, value in changes]}])
        s.settle()

    for key, value in TOPIC_CHANGES:
        alter((key, 0, value))
    describe(s, 4, TOPIC, name, includeSynonyms=True)
    alter(("retention.ms", 0, "1234"), validate_only=True)
    alter(("retention.ms", 1, None)), alter(("retention.ms", 1, None)), alter(("no.such.config", 1, None))
    alter(("cleanup.policy", 0, "delete")), alter(("cleanup.policy", 2, "compact")), alter(("cleanup.policy", 2, "compact"))
    describe(s, 4, TOPIC, name, ["cleanup.policy"])
    alter(("cleanup.policy", 3, "delete")), alter(("cleanup.policy", 3, "delete")), alter(("cleanup.policy", 3, "compact"))
    describe(s, 4, TOPIC, name, ["cleanup.policy"])
    alter(("retention.ms", 2, "5")), alter(("retention.ms", 3, "5")), alter(("retention.ms", 9, "5")), alter(("retention.ms", -1, "5"))
    alter(("retention.ms", 0, "5"), ("retention.ms", 0, "6"))
    alter(("retention.ms", 0, "5"), ("retention.bytes", 0, "x"))
    alter()
    describe(s, 4, TOPIC, name, ["retention.ms"])
    for resource in (s.named("-unknown"), "", "a b"):
        alter(("retention.ms", 0, "5"), resource=resource)
    for kind, resource in ((0, "x"), (1, "x"), (99, "x"), (LOGGER, "2"), (LOGGER, "x")):
        alter(("retention.ms", 0, "5"), kind=kind, resource=resource)
    s.ask("IncrementalAlterConfigs", version, resources=[])
    s.ask("IncrementalAlterConfigs", version, resources=[{"resourceType": TOPIC, "resourceName": name, "configs": [
        {"name": "retention.ms", "configOperation": 0, "value": value}]} for value in ("1", "2")])


BROKER_CHANGES = (("log.retention.ms", "7000000"), ("log.retention.ms", "x"), ("log.cleaner.threads", "2"), ("log.cleaner.threads", "0"),
                  ("num.io.threads", "8"), ("max.connections", "1000"), ("log.dirs", "/nowhere"), ("node.id", "3"), ("broker.id", "3"),
                  ("num.partitions", "3"), ("no.such.config", "1"), ("listeners", "PLAINTEXT://:1"), ("message.max.bytes", "2000000"),
                  ("log.segment.bytes", "2000000"), ("compression.type", "gzip"), ("min.insync.replicas", "1"),
                  ("unclean.leader.election.enable", "true"), ("log.cleanup.policy", "compact"), ("log.message.timestamp.type", "Never"))


@case("IncrementalAlterConfigs", (1,))
def alter_broker_configs(s, version):
    def alter(resource, key, value, operation=0):
        s.ask("IncrementalAlterConfigs", version, resources=[{"resourceType": BROKER, "resourceName": resource, "configs": [
            {"name": key, "configOperation": operation, "value": value}]}])
        s.settle()

    name, _ = s.create()
    for resource in ("", "1"):
        for key, value in BROKER_CHANGES:
            alter(resource, key, value)
        keys = [key for key, _ in BROKER_CHANGES]
        describe(s, 4, BROKER, resource)
        describe(s, 4, BROKER, "1", keys, includeSynonyms=True)
        describe(s, 4, TOPIC, name, ["retention.ms", "max.message.bytes", "compression.type"], includeSynonyms=True)
        for key in keys:
            alter(resource, key, None, 1)
        describe(s, 4, BROKER, resource, keys)
    for resource in ("2", "x", "-1"):
        alter(resource, "log.retention.ms", "5")


@case("AlterConfigs")
def alter_configs(s, version):
    name, _ = s.create()

    def alter(*configs, kind=TOPIC, resource=name, validate_only=False):
        s.ask("AlterConfigs", version, validateOnly=validate_only, resources=[
            {"resourceType": kind, "resourceName": resource, "configs": [{"name": k, "value": v} for k, v in configs]}])
        s.settle()

    alter(("retention.ms", "5000"), ("segment.bytes", "2000000"))
    describe(s, 4, TOPIC, name, ["retention.ms", "segment.bytes"])
    alter(("retention.ms", "6000"), validate_only=True)
    alter(("retention.ms", "6000"))
    describe(s, 4, TOPIC, name, ["retention.ms", "segment.bytes"])
    for key, value in TOPIC_CHANGES[:12]:
        alter((key, value))
    alter(("retention.ms", "1"), ("retention.ms", "2"))
    alter()
    describe(s, 4, TOPIC, name, ["retention.ms", "segment.bytes"])
    for resource in (s.named("-unknown"), "", "a b"):
        alter(("retention.ms", "5"), resource=resource)
    for kind, resource in ((0, "x"), (1, "x"), (99, "x"), (LOGGER, "1")):
        alter(("retention.ms", "5"), kind=kind, resource=resource)
    s.ask("AlterConfigs", version, resources=[])
    alter(kind=BROKER, resource="1")
    alter(("log.dirs", "/nowhere"), kind=BROKER, resource="1")
    alter(("no.such.config", "1"), kind=BROKER, resource="")


@case("ListConfigResources")
def list_config_resources(s, version):
    if version == 0:
        s.ask("ListConfigResources", version)
        return
    for kinds in ([], [TOPIC], [BROKER], [LOGGER], [METRICS], [GROUP], [BROKER, LOGGER], [BROKER, BROKER], [99], [0], [-1]):
        s.ask("ListConfigResources", version, resourceTypes=kinds)
