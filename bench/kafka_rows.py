"""The rows of the comparison with Apache Kafka: what is asked of both brokers, and which ratio is the aim."""
from dataclasses import dataclass, field

MOLDAU, PAGE_CACHE, KAFKA, TUNED = "moldau", "moldau-page-cache", "kafka", "kafka-tuned"
SYSTEMS = [MOLDAU, PAGE_CACHE, KAFKA, TUNED]


@dataclass
class Compared:
    """A figure of both: `key` of the load program's line divided by `scale`; the ratio is Moldau's to Kafka's."""
    key: str
    unit: str
    scale: float = 1
    at_least: float | None = None    # the ratio's aim, page cache on both sides
    at_most: float | None = None
    synced_at_least: float | None = None  # the aim of Moldau that syncs against Kafka that does not
    synced_at_most: float | None = None
    most: float | None = None             # Moldau's own figure, whatever Kafka's is

    def more_is_better(self):
        aims_low = any(aim is not None for aim in (self.at_most, self.synced_at_most, self.most))
        return not aims_low and not self.key.endswith(("_us", "_ms", "_mib"))

    def aims(self, system):
        if system == MOLDAU and (self.synced_at_least or self.synced_at_most):
            return self.synced_at_least, self.synced_at_most
        return self.at_least, self.at_most


@dataclass
class Case:
    name: str
    title: str
    row: int                # of the matrix
    mode: str               # of the load program, or a method of the script
    arguments: dict
    figures: list
    kafka_arguments: dict = field(default_factory=dict)  # beside or instead of `arguments`
    systems: list = field(default_factory=lambda: list(SYSTEMS))
    timed: bool = True
    warm: bool = True       # brokers stay up and are warmed; else each run has a fresh one


    clustered: bool = False  # on three brokers; then they stay up and are warmed, unless `warm` says no
    properties: list = field(default_factory=list)  # of the brokers that stay up

    def kind_of_brokers(self):
        """Cases with the same brokers share them."""
        kind = "cluster" if self.clustered else "single"
        return "-".join([kind, *(line.replace(".", "_").replace("=", "_") for line in self.properties)])


K, M = 1e3, 1e6
BULK = {"connections": 4, "depth": 5, "partitions": 4, "idempotent": "true"}
SINGLE = {"connections": 50, "depth": 5, "bytes": 100}
TAIL = {"connections": 8, "bytes": 1024}
SYNCED = {"connections": 50, "depth": 5, "bytes": 1024}


def bulk_case(name, title, **shape):
    return Case(name, title, 1, "produce", BULK | shape, [
        Compared("records_per_cpu_s", "k records / CPU s", K, at_least=4),
        Compared("records_per_s", "k records/s", K, at_least=1.3, synced_at_least=1),
        Compared("mb_per_s", "MB/s")])


def single_case(partitions):
    return Case(f"single-{partitions}", f"One record of 100 B a request, 50 connections × 5, {partitions} partitions", 2,
                "produce", SINGLE | {"partitions": partitions}, [
                    Compared("requests_per_cpu_s", "k requests / CPU s", K, at_least=5),
                    Compared("requests_per_s", "k requests/s", K, at_least=3, synced_at_least=1),
                    Compared("p99_us", "µs p99")])


def tail_case(rate, partitions):
    return Case(f"tail-{rate // 1000}k-{partitions}",
                f"Producer to consumer, {rate:,}/s × 1 KiB, {partitions} partition{'s' * (partitions > 1)}", 3, "end-to-end",
                TAIL | {"rate": rate, "partitions": partitions}, [
                    Compared("p50_us", "µs p50", at_most=0.5), Compared("p99_us", "µs p99", at_most=0.33, synced_at_most=1),
                    Compared("p999_us", "µs p99.9", at_most=0.2), Compared("broker_cpus", "CPUs", at_most=1)])


def synced_case(partitions, acks):
    return Case(f"fsync-{partitions}",
                f"fsync before each ack (Kafka: flush.messages=1), 1 KiB, 50 connections × 5, {partitions} partitions", 4,
                "produce", SYNCED | {"partitions": partitions}, [
                    Compared("requests_per_s", "k acks/s", K, at_least=acks), Compared("p50_us", "µs p50"),
                    Compared("p99_us", "µs p99", at_most=0.2)],
                kafka_arguments={"topic-config": "flush.messages=1"}, systems=[MOLDAU, KAFKA, TUNED])


def fan_out_case(groups):
    return Case(f"fan-out-{groups}", f"50 MB/s in batches of 16 × 1 KiB, 16 partitions, {groups} groups at the tail", 5,
                "end-to-end", TAIL | {"rate": 3052, "records": 16, "partitions": 16, "groups": groups}, [
                    Compared("mb_out_per_cpu_s", "MB out / CPU s", at_least=2), Compared("mb_out_per_s", "MB/s out"),
                    Compared("p99_us", "µs p99", at_most=0.33)])


def density_case(partitions):
    return Case(f"density-{partitions}", f"{partitions:,} partitions", 7, "density", {"partitions": partitions, "topics": 10}, [
        Compared("create_s", "s to create", at_most=0.2), Compared("rss_mib", "MiB resident", at_most=0.1),
        Compared("rss_with_a_record_each_mib", "MiB with a record in each", at_most=0.1),
        Compared("idle_cpus", "CPUs idle", at_most=1)], systems=[MOLDAU, KAFKA], timed=False, warm=False)


REPLICATED = {"replicas": 3, "topic-config": "min.insync.replicas=2"}
# As in a test of Kafka's own that wants short fail-overs; heartbeats, elections and fetches by Kafka's defaults otherwise.
EQUAL_TIMEOUTS = ["broker.session.timeout.ms=3000", "broker.heartbeat.interval.ms=500",
                  "controller.quorum.election.timeout.ms=1000", "controller.quorum.fetch.timeout.ms=2000"]


def replicated_case(name, title, figures, mode, **shape):
    return Case(name, title, 10, mode, REPLICATED | shape, figures, clustered=True)


def fail_over_case(name, title, controller, properties, at_most, most=None):
    return Case(name, title, 10, "fail_over",
                {"replicas": 3, "partitions": 12, "bytes": 1024, "rate": 1000, "seconds": 3, "warmup": 2,
                 "topic-config": "min.insync.replicas=2", "kill-controller": controller}, [
                    Compared("fail_over_ms", "ms until all that it led acknowledge", at_most=at_most, most=most),
                    Compared("first_ack_ms", "ms until the first does"),
                    Compared("all_acknowledge_ms", "ms until all partitions do"),
                    Compared("lost_records", "acknowledged records lost", most=0),
                    Compared("repeated_records", "records repeated", most=0),
                    Compared("before_p99_us", "µs p99 before")],
                systems=[MOLDAU, PAGE_CACHE, KAFKA], timed=False, clustered=True, properties=properties)


def cluster_density_case(partitions):
    return Case(f"cluster-density-{partitions}", f"{partitions:,} partitions with three replicas on three brokers, in sum", 10,
                "cluster_density", {"partitions": partitions, "topics": 10, "replicas": 3}, [
                    Compared("create_s", "s to create", at_most=0.2), Compared("rss_mib", "MiB resident", at_most=0.1),
                    Compared("rss_with_a_record_each_mib", "MiB with a record in each", at_most=0.1),
                    Compared("idle_cpus", "CPUs idle", at_most=1)],
                systems=[MOLDAU, KAFKA], timed=False, warm=False, clustered=True)


# Members of the classic protocol say how often they send heartbeats, those of the other are told so.
HEARTBEAT_MS = 500
GROUPS = ["group.initial.rebalance.delay.ms=1000", f"group.consumer.heartbeat.interval.ms={HEARTBEAT_MS}",
          f"group.consumer.min.heartbeat.interval.ms={HEARTBEAT_MS}"]


def rebalance_case(members, protocol):
    what = "classic protocol, cooperative-sticky" if protocol == "classic" else "KIP-848, uniform"
    return Case(f"rebalance-{members}-{protocol}",
                f"{members:,} members × 1,000 partitions, 10 % more come, then the 10 % oldest leave; {what}; on both sides "
                f"heartbeats every {HEARTBEAT_MS} ms, initial delay 1 s", 11, "rebalance",
                {"members": members, "protocol": protocol, "heartbeat-ms": HEARTBEAT_MS}, [
                    Compared("stable_s", "s to stable, of coming and going", at_most=1 / 2),
                    Compared("add_s", "s to stable when they come", at_most=1 / 2),
                    Compared("remove_s", "s to stable when they leave", at_most=1 / 2),
                    Compared("all_waited_s", "s of that in which all waited for the broker", at_most=1),
                    Compared("cpu_s", "broker CPU s, of one coming and one going", at_most=1 / 3),
                    Compared("pause_max_ms", "ms that a partition had no owner, the longest"),
                    Compared("untouched_pause_ms", "ms of those that stay with their owner", most=0),
                    Compared("needless_moves", "partitions moved without need", most=0),
                    Compared("join_s", "s until all have joined and it is stable", at_most=1),
                    Compared("join_cpu_s", "broker CPU s of that", at_most=1 / 3),
                    Compared("heartbeat_p99_us", "µs p99 of a heartbeat")], timed=False, properties=GROUPS)


START = [Compared("listening_ms", "ms to listening"), Compared("first_ack_ms", "ms to the first ack")]

CASES = [
    bulk_case("bulk-100", "Bulk, idempotent, 100 B × 1,000 a batch, 4 partitions", records=1000, bytes=100),
    bulk_case("bulk-100-lz4", "The same, lz4", records=1000, bytes=100, codec="lz4"),
    bulk_case("bulk-100-16k", "The same in batches of 16 KiB, the default of Kafka's producer", records=140, bytes=100),
    bulk_case("bulk-1k", "Bulk, idempotent, 1 KiB × 100 a batch, 4 partitions", records=100, bytes=1024),
    bulk_case("bulk-1k-lz4", "The same, lz4", records=100, bytes=1024, codec="lz4"),
    single_case(16), single_case(100),
    *[tail_case(rate, partitions) for rate in (1000, 10000, 50000) for partitions in (1, 16)],
    synced_case(1, 1.5), synced_case(16, None), synced_case(100, 5),
    fan_out_case(1), fan_out_case(4), fan_out_case(16),
    Case("catch-up", "8 GiB dropped from the cache, drained while 20 MB/s is produced and read at the tail", 6, "catch_up",
         TAIL | {"rate": 1221, "records": 16, "partitions": 4}, [
             Compared("drain_mb_per_s", "MB/s drained", at_least=1.5), Compared("p99_us", "µs p99 ack meanwhile", at_most=0.2),
             Compared("before_p99_us", "µs p99 ack before"), Compared("tail_p99_us", "µs p99 at the tail meanwhile")],
         systems=[MOLDAU, PAGE_CACHE, KAFKA], warm=False),
    density_case(1000), density_case(10000),
    Case("connections", "10,000 connections, ApiVersions and Metadata on each, then idle beside 1,000/s", 8, "connections",
         {"count": 10000, "rate": 1000}, [
             Compared("connections_per_s", "k connections/s", K, at_least=3), Compared("kib_per_connection", "KiB a connection"),
             Compared("before_p99_us", "µs p99 before"), Compared("p99_us", "µs p99 meanwhile")],
         systems=[MOLDAU, PAGE_CACHE, KAFKA], warm=False),
    Case("start-empty", "From exec on an empty folder", 9, "start_empty", {},
         [START[0], Compared("first_ack_ms", "ms to the first ack", at_most=1 / 40), Compared("rss_mib", "MiB resident")],
         systems=[MOLDAU, KAFKA], timed=False, warm=False),
    Case("start-10000", "Restart in order with 10,000 partitions", 9, "start_dense", {},
         [START[0], Compared("first_ack_ms", "ms to the first ack", at_most=0.1)],
         systems=[MOLDAU, KAFKA], timed=False, warm=False),
    Case("start-killed", "kill -9 under load with 8 GiB in 100 partitions", 9, "start_killed", {},
         [START[0], Compared("first_ack_ms", "ms to the first ack", at_most=0.2),
          Compared("lost_records", "acknowledged records lost")],
         systems=[MOLDAU, PAGE_CACHE, KAFKA], timed=False, warm=False),
    replicated_case("replicated-bulk", "Three brokers, three replicas, acks=all, idempotent, 1 KiB × 16 a batch, 6 partitions", [
        Compared("cpu_s_per_gb", "CPU s / GB, all three", at_most=1 / 3), Compared("mb_per_s", "MB/s", at_least=1),
        Compared("p99_us", "µs p99"), Compared("rss_mib", "MiB resident, all three", at_most=1)], "produce",
        connections=6, depth=5, partitions=6, records=16, bytes=1024, idempotent="true"),
    replicated_case("replicated-single", "The same, one record of 100 B a request, 48 connections × 5, 24 partitions", [
        Compared("requests_per_cpu_s", "k requests / CPU s", K, at_least=3), Compared("requests_per_s", "k requests/s", K),
        Compared("p99_us", "µs p99")], "produce", connections=48, depth=5, partitions=24, bytes=100),
    replicated_case("replicated-latency", "The same at a fixed rate: 1,000/s × 1 KiB, 12 partitions", [
        Compared("p50_us", "µs p50"), Compared("p99_us", "µs p99", at_most=0.33), Compared("p999_us", "µs p99.9"),
        Compared("broker_cpus", "CPUs, all three", at_most=1 / 3)], "latency",
        connections=6, partitions=12, bytes=1024, rate=1000),
    fail_over_case("fail-over", "kill -9 of a leader under 1,000/s × 1 KiB, 12 partitions; each system's time-outs", "false",
                   [], 0.2, 1500),
    fail_over_case("fail-over-controller", "The same of a leader that is the active controller, too", "true", [], 0.2, 1500),
    fail_over_case("fail-over-equal", "kill -9 of a leader, equal time-outs (session 3 s, election 1 s)", "false",
                   EQUAL_TIMEOUTS, 1 / 1.5),
    fail_over_case("fail-over-controller-equal", "The same of the active controller, equal time-outs", "true",
                   EQUAL_TIMEOUTS, 1 / 1.5),
    cluster_density_case(1000), cluster_density_case(5000),
    *[rebalance_case(members, protocol) for members in (100, 1000) for protocol in ("classic", "consumer")],
    Case("compaction", "4 GiB in 4 compacted partitions, 10 M keys × 4 versions, 100 B, beside 1,000/s × 1 KiB", 12, "compaction",
         {"connections": 8, "bytes": 1024, "rate": 1000}, [
             Compared("compacted_mb_per_s", "MB/s compacted", at_least=3),
             Compared("records_per_cpu_s", "k records / CPU s", K, at_least=3),
             Compared("p99_us", "µs p99 ack meanwhile", at_most=0.5), Compared("before_p99_us", "µs p99 ack before"),
             Compared("left_mib", "MiB left")],
         warm=False),
]
