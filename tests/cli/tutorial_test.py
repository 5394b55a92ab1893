"""The command lines of tutorials, against the real binary and a real node on free ports.

Usage: tutorial_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
import unittest

from node import LIMIT_S, Node, free_ports

CITIES = ["New York", "Berlin", "Paris", "London", "Sydney"]


class CliTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.remove)
        cls.node.start()

    def done(self, line, stdin=None, limit=LIMIT_S):
        result = self.node.run(line, stdin, limit)
        self.assertEqual(result.code, 0, f"{line}\n{result}")
        return result.out

    def fails(self, line, code, stdin=None):
        result = self.node.run(line, stdin)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return result


class Tutorial(unittest.TestCase):
    """The walk of the introductions to Kafka, from an empty folder to the deleted topic."""

    def test_walk(self):
        node = Node()
        self.addCleanup(node.remove)
        formatted = node.run(
            'KAFKA_CLUSTER_ID="$(kafka-storage.sh random-uuid)"\n'
            "echo $KAFKA_CLUSTER_ID\n"
            "kafka-storage.sh format --standalone -t $KAFKA_CLUSTER_ID -c server.properties\n"
        )
        self.assertEqual(formatted.code, 0, formatted)
        cluster_id, line = formatted.out.splitlines()
        self.assertRegex(cluster_id, r"^[A-Za-z0-9_][A-Za-z0-9_-]{21}$")
        self.assertRegex(line, r"^Formatting .*data with metadata.version \d+\.\d+-IV\d+\.$")
        again = node.run(f"kafka-storage.sh format --standalone -t {cluster_id} -c server.properties")
        self.assertEqual(again.code, 1)
        self.assertIn("is already formatted. Use --ignore-formatted", again.err)
        info = node.run("kafka-storage.sh info -c server.properties")
        self.assertIn(f"cluster.id={cluster_id}", info.out)

        node.start("kafka-server-start.sh server.properties")
        self.assertIn(f"cluster {cluster_id}", node.log_text())

        created = node.run("kafka-topics.sh --create --bootstrap-server localhost:9092 --topic cities")
        self.assertEqual((created.code, created.out), (0, "Created topic cities.\n"), created)
        self.assertEqual(node.run("kafka-topics.sh --list --bootstrap-server localhost:9092").out, "cities\n")
        described = node.run("kafka-topics.sh --describe --topic cities --bootstrap-server localhost:9092")
        self.assertRegex(
            described.out,
            r"\ATopic: cities\tTopicId: [\w-]{22}\tPartitionCount: 1\tReplicationFactor: 1\tConfigs: .*\n"
            r"\tTopic: cities\tPartition: 0\tLeader: 1\tReplicas: 1\tIsr: 1\tElr: .*\tLastKnownElr: .*\n\Z",
        )

        from_now = node.popen(
            "kafka-console-consumer.sh --topic cities --bootstrap-server localhost:9092 --max-messages 2", exec=True
        )
        self.addCleanup(lambda: (from_now.kill(), from_now.communicate()))
        produced = node.run(
            "kafka-console-producer.sh --topic cities --bootstrap-server localhost:9092", "\n".join(CITIES[:3]) + "\n"
        )
        self.assertEqual((produced.code, produced.out), (0, ""), produced)
        # The consumer without --from-beginning may have begun before or after these three; it is there for the rest.
        first = node.run(
            "kafka-console-consumer.sh --topic cities --from-beginning --bootstrap-server localhost:9092 --max-messages 3"
        )
        self.assertEqual(first.out.splitlines(), CITIES[:3])
        self.assertEqual(first.err, "Processed a total of 3 messages\n")
        both = node.popen(
            "kafka-console-consumer.sh --topic cities --from-beginning --bootstrap-server localhost:9092 --max-messages 5",
            exec=True,
        )
        node.run("kafka-console-producer.sh --topic cities --bootstrap-server localhost:9092", "London\nSydney\n")
        out, _ = both.communicate(timeout=LIMIT_S)
        self.assertEqual(out.decode().splitlines(), CITIES)
        out, _ = from_now.communicate(timeout=LIMIT_S)
        self.assertTrue(set(out.decode().splitlines()) <= set(CITIES), out)

        keyed = node.run(
            "kafka-console-consumer.sh --topic cities --from-beginning --bootstrap-server localhost:9092 "
            '--property print.key=true --property key.separator="|" --timeout-ms 1500'
        )
        self.assertEqual(keyed.code, 0)
        self.assertEqual(keyed.out.splitlines(), ["null|" + city for city in CITIES])

        offsets = node.run("kafka-run-class.sh kafka.tools.GetOffsetShell --topic cities --bootstrap-server localhost:9092")
        self.assertEqual(offsets.out, "cities:0:5\n")
        versions = node.run("kafka-broker-api-versions.sh --bootstrap-server localhost:9092")
        self.assertEqual(versions.code, 0)
        self.assertRegex(versions.out, r"\Alocalhost:\d+ \(id: 1 rack: null isFenced: false\) -> \(\n\tProduce\(0\): 0 to \d+ \[usable: \d+\],\n")
        self.assertTrue(versions.out.endswith("\n)\n"))
        deleted = node.run("kafka-topics.sh --delete --topic cities --bootstrap-server localhost:9092")
        self.assertEqual((deleted.code, deleted.out), (0, ""), deleted)
        self.assertEqual(node.run("kafka-topics.sh --list --bootstrap-server localhost:9092").out, "")

        stopped = node.process
        self.assertEqual(node.run(f"moldau stop --data-dir {node.dir}/data").code, 0)
        self.assertEqual(stopped.wait(LIMIT_S), 0)


class KafkaNames(CliTest):
    """The lines of the acceptance list that concern these tools, and what their output is relied on for."""

    def test_strimzi_format(self):
        shutil.copy(os.path.join(self.node.dir, "server.properties"), os.path.join(self.node.dir, "x.properties"))
        with open(os.path.join(self.node.dir, "x.properties"), "a", encoding="utf-8") as file:
            file.write(f"log.dirs={self.node.dir}/other\n")
        line = f"kafka-storage.sh format -t=$ID -r=4.3-IV0 -c={self.node.dir}/x.properties -g"
        for expected in ("Formatting", "All of the log directories are already formatted."):
            self.assertIn(expected, self.done("ID=$(kafka-storage.sh random-uuid); " + line))

    def test_bad_cluster_id(self):
        result = self.fails("kafka-storage.sh format -t nonsense -c server.properties", 1)
        self.assertIn("does not appear to be a valid UUID", result.err)

    def test_topics(self):
        self.done("kafka-topics.sh --create --topic quickstart-events --bootstrap-server localhost:9092")
        line = (
            "kafka-topics --create --if-not-exists --bootstrap-server kafka:9092 --partitions 6 --replication-factor 1 "
            "--config cleanup.policy=compact --topic t"
        )
        self.assertEqual(self.done(line), "Created topic t.\n")
        self.assertEqual(self.done(line), "")
        listed = self.done("kafka-topics --bootstrap-server=localhost:9092 --list").splitlines()
        self.assertIn("quickstart-events", listed)
        self.assertIn("t", listed)
        self.assertEqual(
            self.done("kafka-topics --bootstrap-server localhost:9092 --describe --under-replicated-partitions"), ""
        )
        described = self.done("kafka-topics --bootstrap-server localhost:9092 --describe --topic t")
        self.assertIn("PartitionCount: 6", described)
        self.assertIn("cleanup.policy=compact", described)
        again = self.fails("kafka-topics --create --bootstrap-server localhost:9092 --topic t", 1)
        self.assertIn("Error while executing topic command : Topic 't' already exists.", again.out)
        missing = self.fails("kafka-topics --describe --bootstrap-server localhost:9092 --topic none", 1)
        self.assertIn("Topic 'none' does not exist as expected", missing.out)
        self.done("kafka-topics --delete --if-exists --bootstrap-server localhost:9092 --topic none")
        self.done("kafka-topics --alter --bootstrap-server localhost:9092 --topic quickstart-events --partitions 4")
        self.assertIn(
            "PartitionCount: 4", self.done("kafka-topics --describe --bootstrap-server localhost:9092 --topic quickstart-events")
        )

    def test_console_key_value(self):
        self.done(
            'echo "k:v" | kafka-console-producer.sh --bootstrap-server localhost:9092 --topic kv --property parse.key=true '
            "--property key.separator=:"
        )
        out = self.done(
            "kafka-console-consumer --bootstrap-server localhost:9092 --topic kv --from-beginning --max-messages 1 "
            "--timeout-ms 10000 --property print.key=true"
        )
        self.assertEqual(out, "k\tv\n")
        wrong = self.fails(
            'echo "kv" | kafka-console-producer.sh --bootstrap-server localhost:9092 --topic kv --property parse.key=true', 1
        )
        self.assertIn("No key separator found on line number 1", wrong.err)

    def test_console_timeout_is_no_failure(self):
        self.done("kafka-topics --create --bootstrap-server localhost:9092 --topic silent")
        result = self.node.run(
            "kafka-console-consumer --bootstrap-server localhost:9092 --topic silent --from-beginning --max-messages 10 "
            "--timeout-ms 1000"
        )
        self.assertEqual((result.code, result.out, result.err), (0, "", "Processed a total of 0 messages\n"))

    def test_word_count_deserializers(self):
        self.done(
            "moldau produce streams-wordcount-output --create -f '%k:%v{hex}\\n' -o ''", "kafka:0000000000000102\n"
        )
        out = self.done(
            "kafka-console-consumer.sh --topic streams-wordcount-output --from-beginning --property print.key=true "
            "--property key.deserializer=org.apache.kafka.common.serialization.StringDeserializer "
            "--property value.deserializer=org.apache.kafka.common.serialization.LongDeserializer "
            "--bootstrap-server localhost:9092 --max-messages 1"
        )
        self.assertEqual(out, "kafka\t258\n")

    def test_console_offset_of_partition(self):
        self.done("kafka-topics --create --bootstrap-server localhost:9092 --topic numbers --partitions 1")
        self.done("kafka-console-producer --bootstrap-server localhost:9092 --topic numbers --sync", "0\n1\n2\n3\n")
        out = self.done(
            "kafka-console-consumer --bootstrap-server localhost:9092 --topic numbers --partition 0 --offset 2 --max-messages 2 "
            "--property print.offset=true --property print.partition=true"
        )
        self.assertEqual(out, "Partition:0\tOffset:2\t2\nPartition:0\tOffset:3\t3\n")
        self.fails("kafka-console-consumer --bootstrap-server localhost:9092 --topic numbers --offset 2", 1)
        self.assertEqual(self.done("kafka-get-offsets.sh --bootstrap-server localhost:9092 --topic numbers --time -1"), "numbers:0:4\n")
        self.assertEqual(self.done("kafka-get-offsets.sh --bootstrap-server localhost:9092 --topic numbers --time -2"), "numbers:0:0\n")
        self.node.write("delete.json", '{"partitions":[{"topic":"numbers","partition":0,"offset":3}],"version":1}')
        out = self.done("kafka-delete-records.sh --bootstrap-server localhost:9092 --offset-json-file delete.json")
        self.assertEqual(
            out,
            "Executing records delete operation\nRecords delete operation completed:\npartition: numbers-0\tlow_watermark: 3\n",
        )
        self.assertEqual(
            self.done("kafka-get-offsets.sh --bootstrap-server localhost:9092 --topic numbers --time earliest"), "numbers:0:3\n"
        )

    def test_console_compression(self):
        for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
            self.done(
                f"kafka-console-producer --bootstrap-server localhost:9092 --topic c-{codec} --compression-codec {codec}",
                "one\ntwo\n",
            )
            out = self.done(
                f"kafka-console-consumer --bootstrap-server localhost:9092 --topic c-{codec} --from-beginning --max-messages 2"
            )
            self.assertEqual(out, "one\ntwo\n", codec)

    def test_missing_security_is_told(self):
        self.node.write("client-ssl.properties", "security.protocol=SSL\nssl.truststore.location=/t.jks\n")
        result = self.fails(
            "kafka-console-producer.sh --bootstrap-server localhost:9093 --topic test --producer.config client-ssl.properties", 1
        )
        self.assertIn("security.protocol=SSL", result.err)

    def test_configs(self):
        self.done("kafka-topics --create --bootstrap-server localhost:9092 --topic configured")
        out = self.done(
            "kafka-configs.sh --bootstrap-server localhost:9092 --entity-type topics --entity-name configured --alter "
            "--add-config max.message.bytes=128000"
        )
        self.assertEqual(out, "Completed updating config for topic configured.\n")
        out = self.done("kafka-configs.sh --bootstrap-server localhost:9092 --entity-type topics --entity-name configured --describe")
        self.assertIn("Dynamic configs for topic configured are:\n  max.message.bytes=128000 sensitive=false synonyms={", out)
        wrong = self.fails(
            "kafka-configs.sh --bootstrap-server localhost:9092 --topic configured --alter --add-config max.message.bytes=-5", 1
        )
        self.assertIn("INVALID_CONFIG", wrong.err)
        self.done("kafka-configs.sh --bootstrap-server localhost:9092 --topic configured --alter --delete-config max.message.bytes")
        self.assertNotIn(
            "128000", self.done("kafka-configs.sh --bootstrap-server localhost:9092 --topic configured --describe")
        )
        self.done("kafka-configs --bootstrap-server localhost:9092 --broker-defaults --alter --add-config log.retention.ms=7200000")
        out = self.done("kafka-configs --bootstrap-server localhost:9092 --broker-defaults --describe")
        self.assertIn("Default configs for brokers in the cluster are:\n  log.retention.ms=7200000", out)

    def test_cluster_tools(self):
        status = self.done("kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --status")
        names = [line.split(":")[0] for line in status.splitlines()]
        self.assertEqual(
            names,
            ["ClusterId", "LeaderId", "LeaderEpoch", "HighWatermark", "MaxFollowerLag", "MaxFollowerLagTimeMs",
             "CurrentVoters", "CurrentObservers"],
        )
        self.assertIn("LeaderId:               1\n", status)
        replication = self.done("kafka-metadata-quorum.sh --bootstrap-server localhost:9092 describe --replication")
        self.assertTrue(replication.startswith("NodeId"))
        cluster_id = self.done("kafka-cluster.sh cluster-id --bootstrap-server localhost:9092")
        self.assertEqual(cluster_id.split(": ")[0], "Cluster ID")
        self.assertIn("localhost", self.done("kafka-cluster.sh list-endpoints --bootstrap-server localhost:9092"))
        features = self.done("kafka-features.sh --bootstrap-server localhost:9092 describe")
        self.assertRegex(features, r"Feature: metadata.version +SupportedMinVersion: .* FinalizedVersionLevel: \S+ +Epoch: \d+\n")
        self.done("kafka-topics --create --bootstrap-server localhost:9092 --topic dirs")
        out = self.done("kafka-log-dirs.sh --bootstrap-server localhost:9092 --describe --topic-list dirs | grep '^{'")
        dirs = json.loads(out)
        self.assertEqual(dirs["brokers"][0]["broker"], 1)
        self.assertTrue(dirs["brokers"][0]["logDirs"][0]["partitions"][0]["partition"].startswith("dirs-"))
        self.assertIn("metadata.version=30 (4.3-IV0)", self.done("kafka-storage.sh version-mapping -r 4.3"))

    def test_perf(self):
        self.done("kafka-topics --create --bootstrap-server localhost:9092 --topic perf --partitions 1")
        out = self.done(
            "kafka-producer-perf-test.sh --topic perf --num-records 20000 --record-size 100 --throughput -1 "
            "--producer-props bootstrap.servers=localhost:9092 acks=all linger.ms=5"
        )
        self.assertRegex(
            out.splitlines()[-1],
            r"^20000 records sent, [\d.]+ records/sec \([\d.]+ MB/sec\), [\d.]+ ms avg latency, [\d.]+ ms max latency, "
            r"\d+ ms 50th, \d+ ms 95th, \d+ ms 99th, \d+ ms 99.9th\.$",
        )
        header, row = self.done(
            "kafka-consumer-perf-test.sh --bootstrap-server localhost:9092 --topic perf --messages 20000"
        ).splitlines()
        self.assertTrue(header.startswith("start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg"))
        self.assertEqual(row.split(", ")[4], "20000")

    def test_dump_log(self):
        node = Node()
        self.addCleanup(node.remove)
        node.start()
        node.run("kafka-topics --create --bootstrap-server localhost:9092 --topic dumped --partitions 1")
        node.run("kafka-console-producer --bootstrap-server localhost:9092 --topic dumped", "hello\nworld\n")
        segment = f"{node.dir}/data/dumped-0/00000000000000000000.log"
        # While the node runs, recent records are in the files after some seconds.
        deadline = time.monotonic() + LIMIT_S
        while "payload: world" not in node.run(f"kafka-dump-log.sh --print-data-log --files {segment}").out:
            self.assertLess(time.monotonic(), deadline, "the records did not reach the segment file")
            time.sleep(0.1)
        self.assertLess(time.monotonic(), deadline - LIMIT_S + 10)
        node.stop()
        out = node.run(f"kafka-dump-log.sh --print-data-log --files {segment}").out
        self.assertRegex(
            out,
            rf"\ADumping {segment}\nLog starting offset: 0\nbaseOffset: 0 lastOffset: 1 count: 2 baseSequence: 0 lastSequence: 1 "
            r"producerId: \d+ producerEpoch: 0 partitionLeaderEpoch: \d+ isTransactional: false isControl: false "
            r"deleteHorizonMs: OptionalLong.empty position: 0 CreateTime: \d+ size: \d+ magic: 2 compresscodec: none crc: \d+ "
            r"isvalid: true\n"
            r"\| offset: 0 CreateTime: \d+ keySize: -1 valueSize: 5 sequence: 0 headerKeys: \[\] payload: hello\n"
            r"\| offset: 1 CreateTime: \d+ keySize: -1 valueSize: 5 sequence: 1 headerKeys: \[\] payload: world\n\Z",
        )
        broken = os.path.join(node.dir, "00000000000000000007.log")
        with open(segment, "rb") as file:
            bytes_ = bytearray(file.read())
        bytes_[-1] ^= 1
        with open(broken, "wb") as file:
            file.write(bytes_ + b"tail")
        both = node.run(f"kafka-dump-log.sh --files {segment} {segment}").out
        self.assertEqual(both.count("Log starting offset: 0"), 2)
        result = node.run(f"kafka-dump-log.sh --files {broken}")
        self.assertEqual(result.code, 1)
        self.assertIn("isvalid: false", result.out)
        self.assertIn("Found 4 invalid bytes at the end of 00000000000000000007.log", result.out)
        metadata = node.run(
            f"kafka-dump-log.sh --cluster-metadata-decoder --files {node.dir}/data/__cluster_metadata-0/00000000000000000000.log"
        ).out
        self.assertIn('{"type":"TopicRecord","data":{"name":"dumped"', metadata)

    def test_consumer_groups(self):
        self.done("kafka-topics.sh --bootstrap-server localhost:9092 --create --topic grouped --partitions 2")
        self.done("kafka-console-producer.sh --bootstrap-server localhost:9092 --topic grouped",
                  "".join(f"line {n}\n" for n in range(10)))
        consume = "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic grouped --group readers"
        first = self.done(f"{consume} --from-beginning --max-messages 4").splitlines()
        rest = self.done(f"{consume} --from-beginning --max-messages 6 --timeout-ms 20000").splitlines()
        self.assertEqual(len(first), 4)
        self.assertEqual(sorted(first + rest), sorted(f"line {n}" for n in range(10)), "each once, by who came first and who came after")
        groups = "kafka-consumer-groups.sh --bootstrap-server localhost:9092"
        self.assertIn("readers\n", self.done(f"{groups} --list"))
        self.assertRegex(self.done(f"{groups} --list --state"), r"readers +Empty")
        rows = [line.split() for line in self.done(f"{groups} --describe --group readers").splitlines() if line.startswith("readers")]
        self.assertEqual([(row[1], row[2], row[5]) for row in rows], [("grouped", "0", "0"), ("grouped", "1", "0")])
        self.done(f"{groups} --reset-offsets --group readers --topic grouped:0 --to-earliest --execute")
        plan = self.done(f"{groups} --reset-offsets --group readers --topic grouped --to-current --export --dry-run")
        self.assertRegex(plan, r"grouped,0,0\ngrouped,1,\d+\n")
        self.fails(f"{groups} --describe --group nobody", 1)
        self.assertIn("'readers'", self.done(f"{groups} --delete --group readers"))
        self.assertNotIn("readers", self.done("kafka-groups.sh --bootstrap-server localhost:9092 --list"))

    def test_tools_of_later_versions(self):
        for line in (
            "kafka-share-groups.sh --bootstrap-server localhost:9092 --describe --group g",
            "kafka-acls.sh --bootstrap-server localhost:9092 --add --allow-principal User:Bob --consumer --topic T --group G",
        ):
            result = self.fails(line, 1)
            self.assertEqual(result.err.count("\n"), 1, result)
            self.assertIn("not available", result.err)

    def test_nobody_listens(self):
        port = free_ports(1)[0]
        result = self.fails(f"timeout 20 kafka-topics --list --bootstrap-server localhost:{port} --command-config fast.properties", 1)
        self.assertIn("cannot read fast.properties", result.err)
        self.node.write("fast.properties", "default.api.timeout.ms=1000\n")
        result = self.fails(f"kafka-topics --list --bootstrap-server localhost:{port} --command-config fast.properties", 1)
        self.assertIn(f"localhost:{port}", result.err)


class MoldauCommands(CliTest):
    def test_topics(self):
        self.assertEqual(self.done("moldau topic create m1 m2 -p 2 -c retention.ms=3600000 --wait"),
                         "TOPIC  STATUS\nm1     OK\nm2     OK\n")
        self.fails("moldau topic create m1", 6)
        self.done("moldau topic create m1 --if-not-exists")
        names = self.done("moldau topics ls -r 'm[12]' --format name").split()
        self.assertEqual(names, ["m1", "m2"])
        described = json.loads(self.done("moldau topic describe m1 -a --format json"))
        self.assertEqual(len(described[0]["partition_list"]), 2)
        self.assertIn({"key": "retention.ms", "value": "3600000", "source": "DYNAMIC_TOPIC_CONFIG"},
                      [{k: c[k] for k in ("key", "value", "source")} for c in described[0]["configs"]])
        self.done("moldau topic alter m1 -s retention.ms=7200000")
        self.fails("moldau topic alter m1 -s segment.bytes=1", 1)
        self.done("moldau topic add-partitions m1 -n 1")
        self.assertEqual(len(self.done("moldau topic offsets m1 --format jsonl").splitlines()), 3)
        self.fails("moldau topic delete m1", 2)
        self.assertEqual(self.done("moldau topic delete m1 --dry-run"), "TOPIC  STATUS\nm1     OK\n")
        self.fails("moldau topic delete m7 --dry-run", 5)
        self.done("moldau topic delete m1 m2 -y")
        self.fails("moldau topic describe m1", 5)

    def test_groups(self):
        self.done("moldau topic create seen -p 3")
        self.done("moldau produce seen", "".join(f"{n}\n" for n in range(30)))
        some = self.done("moldau consume seen -g watchers -n 12 -f '%v\\n'").split()
        rest = self.done("moldau consume seen -g watchers --exit-at-end -f '%v\\n'").split()
        self.assertEqual(len(some), 12)
        self.assertEqual(sorted(map(int, some + rest)), list(range(30)))
        self.assertEqual(self.done("moldau group list --format name").split(), ["watchers"])
        described = json.loads(self.done("moldau group describe watchers --format json"))[0]
        self.assertEqual(described["total_lag"], 0)
        self.assertEqual(described["state"], "Empty")
        self.done("moldau group seek watchers --to start -y")
        described = json.loads(self.done("moldau group describe watchers --format json"))[0]
        self.assertEqual(described["total_lag"], 30)
        self.assertEqual({row["why"] for row in described["partition_list"] if row["lag"]}, {"the group has no members"})
        both = [subprocess.Popen(["moldau", "consume", "seen", "-g", "pair", "--idle-exit", "6s", "-f", "%v\\n",
                                  "--balancer", "cooperative-sticky"], env=self.node.env, text=True,
                                 stdout=subprocess.PIPE) for _ in range(2)]
        lines = [process.communicate(timeout=LIMIT_S)[0].split() for process in both]
        self.assertEqual(sorted(map(int, lines[0] + lines[1])), list(range(30)), "two share, nobody reads twice")
        self.fails("moldau consume seen -g watchers -p 0", 2)
        self.fails("moldau group describe nobody", 5)
        self.done("moldau group delete watchers pair -y")
        self.assertEqual(self.done("moldau group list --format name"), "")

    def test_lines_round_trip(self):
        text = "".join(f"line {i} \u00e9\n" for i in range(5000))
        self.done("moldau topic create lines -p 1")
        self.done("moldau produce lines -z zstd -o ''", text)
        self.assertEqual(self.done("moldau consume lines --exit-at-end -f '%v\\n'"), text)
        self.assertEqual(self.done("moldau consume lines -o 10:12 -f '%o:%v\\n'"), "10:line 10 \u00e9\n11:line 11 \u00e9\n")
        self.assertEqual(self.done("moldau consume lines -o -2 -n 2 -f '%o\\n'"), "4998\n4999\n")
        self.assertEqual(self.done("moldau consume lines -o @-1h:end --grep 'line 4242 ' -f '%o\\n'"), "4242\n")
        self.assertEqual(self.done("moldau consume lines -n 3 -f '%o\\n' | head -1"), "0\n")

    def test_json_round_trip(self):
        self.done("moldau topic create one two -p 1")
        records = [
            {"key": None, "value": "plain", "headers": []},
            {"key": "k", "value": None, "headers": [{"key": "h", "value": "x"}]},
            {"key": "\u00e9", "value": "/w==", "value_encoding": "base64", "headers": []},
        ]
        self.done("moldau produce one --input jsonl -o ''", "".join(json.dumps(r) + "\n" for r in records))
        first = self.done("moldau consume one --exit-at-end")
        self.done("moldau produce two --input jsonl -o ''", first)
        second = self.done("moldau consume two --exit-at-end")
        without_producer = [re.sub(r',"producer_id":\d+', "", lines) for lines in (first, second)]
        self.assertEqual(without_producer[0].replace('"topic":"one"', '"topic":"two"'), without_producer[1])
        for wanted, line in zip(records, first.splitlines()):
            got = json.loads(line)
            self.assertEqual({name: got.get(name) for name in wanted}, wanted)

    def test_produce_says_what_became_of_each(self):
        self.done("moldau topic create told -p 1")
        out = self.done("printf 'a\\nb\\n' | moldau produce told -k key -o '%t %p %o %k=%v\\n'")
        self.assertEqual(out, "told 0 0 key=a\ntold 0 1 key=b\n")
        self.assertRegex(self.done("echo c | moldau produce told"), r"^Produced to partition 0 at offset 2 with timestamp \d{13}\.\n$")
        missing = self.fails("moldau produce no-such-topic", 5, "x\n")
        self.assertIn("moldau topic create no-such-topic", missing.err)
        bad = self.fails("moldau produce told -f '%p %v\\n'", 7, "x y\n")
        self.assertIn("expected a number", bad.err)
        large = self.fails("head -c 3000000 /dev/zero | tr '\\0' x | moldau produce told --max-message-bytes 4000000", 1)
        self.assertIn("MESSAGE_TOO_LARGE", large.err)

    def test_cluster(self):
        self.assertIn("controller", self.done("moldau cluster info --format json"))
        health = json.loads(self.done("moldau cluster health --wait 10s --format jsonl"))
        self.assertTrue(health["healthy"])
        self.assertEqual(self.done("moldau cluster config get num.partitions"), "3\n")
        self.done("moldau cluster config set log.retention.ms 7200001")
        self.assertEqual(self.done("moldau cluster config get log.retention.ms"), "7200001\n")
        self.done("moldau cluster config reset log.retention.ms")
        self.assertIn("leader", self.done("moldau cluster quorum"))
        self.assertIn("metadata.version", self.done("moldau cluster features"))
        self.assertIn("SIZE-BYTES", self.done("moldau cluster logdirs --by-dir"))

    def test_unreachable(self):
        port = free_ports(1)[0]
        result = self.fails(f"moldau topic list -b localhost:{port} --timeout 1s", 3)
        self.assertRegex(result.err, rf"error: cannot reach broker at .*{port}\n  cause: .*\n  hint: ")

    def test_interrupt(self):
        self.done("moldau topic create forever -p 1")
        process = self.node.popen("moldau consume forever -f '%v\\n'", exec=True)
        self.done("moldau produce forever -o ''", "x\n")
        self.assertEqual(process.stdout.readline(), b"x\n")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 130)
        typing = self.node.popen("moldau produce forever -o ''", exec=True, stdin=subprocess.PIPE)
        typing.stdin.write(b"typed\n")
        typing.stdin.flush()
        self.assertEqual(self.done("moldau consume forever -o 1 -n 1 -f '%v\\n'"), "typed\n")
        typing.send_signal(signal.SIGTERM)
        typing.communicate(timeout=LIMIT_S)
        self.assertEqual(typing.returncode, 143)

    def test_status_and_second_start(self):
        status = json.loads(
            self.done(f"moldau status -c server.properties --set admin.bind=127.0.0.1:{self.node.admin} --format jsonl")
        )
        self.assertEqual(status["pid"], self.node.process.pid)
        self.assertEqual(status["state"], "ready")
        self.fails("moldau status --data-dir /nonexistent/moldau", 5)
        second = self.node.run(
            f"moldau start --data-dir {self.node.dir}/data --kafka-addr 127.0.0.1:{free_ports(1)[0]} "
            f"--admin-addr 127.0.0.1:{free_ports(1)[0]}"
        )
        self.assertEqual(second.code, 5, second)
        taken = self.node.run(
            f"moldau start --data-dir {self.node.dir}/third --kafka-addr 127.0.0.1:{self.node.port} "
            f"--admin-addr 127.0.0.1:{free_ports(1)[0]}"
        )
        self.assertEqual(taken.code, 4, taken)

    def test_daemon(self):
        data = f"{self.node.dir}/deep/daemon"
        kafka, admin = free_ports(2)
        flags = f"--data-dir {data} --set admin.bind=127.0.0.1:{admin}"
        self.addCleanup(self.node.run, f"moldau stop {flags} --wait 10s")
        self.done(f"moldau start --daemon --kafka-addr 127.0.0.1:{kafka} {flags}")
        self.done(f"moldau topic create t -b 127.0.0.1:{kafka}")
        self.assertEqual(json.loads(self.done(f"moldau status {flags} --format jsonl"))["state"], "ready")
        self.done(f"moldau stop {flags}")
        self.fails(f"moldau status {flags}", 5)
        with open(data + ".out", encoding="utf-8") as file:
            self.assertIn("Kafka Server started", file.read())
        self.node.write(
            "daemon.properties", f"node.id=987654\nlisteners=PLAINTEXT://127.0.0.1:{kafka}\nlog.dirs={data}-2\n"
        )
        second = flags.replace(data, data + "-2")
        self.addCleanup(self.node.run, f"moldau stop {second} --wait 10s")
        self.done(f"kafka-server-start.sh -daemon daemon.properties --override admin.bind=127.0.0.1:{admin}")
        self.assertEqual(json.loads(self.done(f"moldau status {second} --format jsonl"))["state"], "ready")
        self.done("kafka-server-stop.sh --node-id=987654")
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline and self.node.run(f"moldau status {second}").code == 0:
            time.sleep(0.1)
        self.fails(f"moldau status {second}", 5)

    def test_perf(self):
        self.done("moldau topic create speed -p 1")
        produced = json.loads(self.done("moldau perf produce speed --num-records 5000 --rate 5000 --json"))
        self.assertEqual(produced["records"], 5000)
        shared = json.loads(
            self.done("moldau perf produce speed --num-records 900 --producers 3 --warmup 300 --hdr out.hgrm --json")
        )
        self.assertEqual(shared["records"], 600)
        with open(os.path.join(self.node.dir, "out.hgrm"), encoding="utf-8") as file:
            self.assertIn("Total count    =          600]", file.read())
        self.fails("moldau perf produce speed --num-records 1 --hdr /nonexistent/out.hgrm", 1)
        consumed = json.loads(self.done("moldau perf consume speed --num-records 5000 --json"))
        self.assertEqual(consumed["records"], 5000)

    def test_completion_asks_the_cluster(self):
        self.done("moldau topic create completed-topic")
        self.assertEqual(self.done("moldau __complete -- consume completed-"), "completed-topic\n")
        self.done("moldau topic create completed-later")
        self.assertEqual(self.done("moldau __complete -- consume completed-"), "completed-topic\n", "kept for 5 seconds")
        deadline = time.monotonic() + LIMIT_S
        while "completed-later" not in self.done("moldau __complete -- consume completed-"):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.2)
        self.assertEqual(self.done(f"moldau __complete -- -b localhost:{free_ports(1)[0]} consume compl"), "")
        self.assertEqual(self.done("bash -n <(moldau completion bash)"), "")


class Watching(CliTest):
    """What goes on for a while: new partitions, silence, --watch."""

    def typed(self, process, line, count, limit=LIMIT_S):
        """The lines of a process's stdout, until there are so many."""
        os.set_blocking(process.stdout.fileno(), False)
        text, deadline = b"", time.monotonic() + limit
        while text.count(b"\n") < count and time.monotonic() < deadline:
            text += process.stdout.read() or b""
            time.sleep(0.02)
        self.assertGreaterEqual(text.count(b"\n"), count, f"{line}: {text}")
        return text.decode().splitlines()

    def started(self, line, **more):
        process = self.node.popen(line, exec=True, **more)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def test_partitions_that_are_added_are_read(self):
        self.done("moldau topic create growing grows -p 1")
        console = self.started(
            "kafka-console-consumer --bootstrap-server localhost:9092 --include 'grow.*' "
            "--consumer-property metadata.max.age.ms=200 --from-beginning"
        )
        consume = self.started("moldau consume growing -X metadata.max.age.ms=200 -f '%p:%v\\n'")
        self.done("moldau produce growing -p 0 -o ''", "old\n")
        self.assertEqual(self.typed(console, "console", 1), ["old"])
        self.assertEqual(self.typed(consume, "consume", 1), ["0:old"])
        self.done("moldau topic add-partitions growing -n 1")
        self.done("moldau produce growing -p 1 -o ''", "new\n")
        self.assertEqual(self.typed(console, "console", 1), ["new"])
        self.assertEqual(self.typed(consume, "consume", 1), ["1:new"])
        self.done("moldau topic create grown -p 1")
        self.done("moldau produce grown -o ''", "other\n")
        self.assertEqual(self.typed(console, "console", 1), ["other"])

    def test_hint_after_silence(self):
        self.done("moldau topic create quiet -p 1")
        self.done("moldau produce quiet -o ''", "old\nolder\n")
        for line, hint in (
            ("kafka-console-consumer --bootstrap-server localhost:9092 --topic quiet", "--from-beginning shows them"),
            ("moldau tail quiet -o end", "-o start shows them"),
        ):
            ours, theirs = pty.openpty()
            process = subprocess.Popen(
                ["/bin/bash", "-c", "exec " + self.node.line(line)],
                cwd=self.node.dir, env=self.node.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=theirs,
            )
            os.close(theirs)
            with os.fdopen(ours, "rb", 0) as terminal:
                started = time.monotonic()
                told = terminal.read(300).decode()
                waited = time.monotonic() - started
                process.terminate()
                process.communicate(timeout=LIMIT_S)
            self.assertIn("hint: waiting for new records; 2 older ones are there: " + hint, told)
            self.assertGreater(waited, 2)

    def test_no_hint_where_nobody_reads_it(self):
        self.done("moldau topic create unread -p 1")
        self.done("moldau produce unread -o ''", "old\n")
        silent = self.node.run(
            "kafka-console-consumer --bootstrap-server localhost:9092 --topic unread --timeout-ms 4000"
        )
        self.assertEqual(silent.err, "Processed a total of 0 messages\n")

    def test_watch(self):
        self.done("moldau topic create seen-1")
        process = self.started("moldau topic list -r 'seen.*' --watch=200ms --fields name,partitions")
        first = json.loads(self.typed(process, "watch", 1)[0])
        self.assertEqual(first, {"event": "added", "item": {"name": "seen-1", "partitions": 3}})
        self.done("moldau topic create seen-2 -p 1")
        second = json.loads(self.typed(process, "watch", 1)[0])
        self.assertEqual(second, {"event": "added", "item": {"name": "seen-2", "partitions": 1}})
        self.done("moldau topic add-partitions seen-2 -n 1")
        self.assertEqual(json.loads(self.typed(process, "watch", 1)[0])["event"], "changed")
        self.done("moldau topic delete seen-2 -y")
        self.assertEqual(json.loads(self.typed(process, "watch", 1)[0])["event"], "removed")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 143)
        refused = self.fails("moldau topic create t --watch", 2)
        self.assertIn("cannot be watched", refused.err)
        self.fails("moldau topic list --watch=fast", 2)


class Choosing(CliTest):
    """Which rows and records, and in what form."""

    def test_filter_sort_and_fields(self):
        self.done("moldau topic create chosen-a -p 1")
        self.done("moldau topic create chosen-b -p 4")
        names = self.done("moldau topic list --filter 'name = \"chosen-*\" AND partitions > 2' --format name")
        self.assertEqual(names, "chosen-b\n")
        ordered = self.done("moldau topic list --filter 'name:chosen' --sort partitions:desc --fields name,partitions --format csv")
        self.assertEqual(ordered, "name,partitions\nchosen-b,4\nchosen-a,1\n")
        wrong = self.fails("moldau topic list --filter 'nmae = x'", 2)
        self.assertIn("the fields are: name, partitions", wrong.err)
        schema = self.done("moldau topic list --format schema")
        self.assertIn("name: string\npartitions: integer\n", schema)
        self.assertIn("TOPIC-ID", self.done("moldau topic list --detail"))

    def test_color(self):
        self.done("moldau topic create plain --color auto")
        self.assertIn("\x1b[32mOK\x1b[0m", self.done("moldau topic create green --color always"))
        self.assertIn("\x1b[32mOK", self.done("CLICOLOR_FORCE=1 moldau topic create forced"))
        self.assertNotIn("\x1b", self.done("CLICOLOR_FORCE=1 NO_COLOR=1 moldau topic create none"))

    def test_where(self):
        self.done("moldau topic create events -p 1")
        lines = [
            {"key": "a", "value": json.dumps({"level": "error", "code": 7})},
            {"key": "b", "value": json.dumps({"level": "info", "code": 12})},
            {"key": "c", "value": "no JSON", "headers": [{"key": "h", "value": "x"}]},
        ]
        self.done("moldau produce events --input jsonl -o ''", "".join(json.dumps(line) + "\n" for line in lines))

        def keys(condition):
            return self.done(f"moldau consume events --exit-at-end -f '%k' --where '{condition}'")

        self.assertEqual(keys('value.level == "error"'), "a")
        self.assertEqual(keys("value.code > 8 OR headers.h = x"), "bc")
        self.assertEqual(keys("NOT value.level:*"), "c")
        self.assertEqual(keys("offset >= 1 AND key != c"), "b")
        wrong = self.fails("moldau consume events --where 'level = x'", 2)
        self.assertIn("value, headers", wrong.err.replace(",", ", "))
        self.fails("moldau consume events --where 'value ='", 2)

    def test_everything_of_a_record(self):
        self.done("moldau topic create told-all -p 1 -c message.timestamp.type=LogAppendTime")
        self.done("moldau produce told-all -z lz4 -o ''", "x\ny\n")
        out = self.done(
            "moldau consume told-all --exit-at-end -f '%v %x %y %a{compression} %a{timestamp-type} %[ %| %] %e\\n'"
        )
        self.assertRegex(out, r"\Ax \d+ 0 lz4 1 0 2 2 0\ny \d+ 0 lz4 1 0 2 2 0\n\Z")
        shown = json.loads(self.done("moldau consume told-all -n 1"))
        self.assertEqual(shown["timestamp_type"], "LogAppendTime")
        self.assertGreaterEqual(shown["producer_id"], 0)
        wrong = self.fails("moldau consume told-all --format table", 2)
        self.assertIn("json, jsonl, raw, hex", wrong.err)

    def test_verbose_and_json_of_errors(self):
        some = self.node.run("moldau topic list -v")
        self.assertRegex(some.err, r"localhost:\d+: connected in [\d.]+ ms\n")
        self.assertNotIn("Metadata", some.err)
        more = self.node.run("moldau topic list -vv --log-json")
        lines = [json.loads(line) for line in more.err.splitlines()]
        self.assertTrue(any("Metadata v" in line["message"] for line in lines), more.err)
        failed = self.fails("moldau topic describe nothing-here --log-json", 5)
        self.assertEqual(json.loads(failed.err)["exit"], 5)
        self.assertEqual(json.loads(failed.err)["level"], "error")

    def test_a_topic_that_is_nearly_there(self):
        self.done("moldau topic create measurements")
        for line in ("moldau consume mesurements", "moldau topic describe mesurements"):
            self.assertIn("did you mean measurements?", self.fails(line, 5).err)
        told = self.fails("moldau consume nothing-like-it", 5).err
        self.assertIn("cause: UNKNOWN_TOPIC_OR_PARTITION (3): ", told)
        self.assertEqual(told.count("UNKNOWN_TOPIC_OR_PARTITION"), 1)

    def test_describe_in_every_form(self):
        self.done("moldau topic create formed -p 2")
        self.assertEqual(self.done("moldau topic describe formed --format name"), "formed\n")
        rows = self.done("moldau topic describe formed --format csv").splitlines()
        self.assertTrue(rows[0].startswith("topic,partition,leader"))
        self.assertEqual(len(rows), 3)
        self.assertEqual(self.done("moldau topic describe formed --under-min-isr -p --format csv").count("\n"), 1)
        self.assertEqual(self.done("moldau topic describe formed --at-min-isr -p --format csv").count("\n"), 3)

    def test_sections_are_chosen_from_too(self):
        self.done("moldau topic create parted -p 3")
        described = json.loads(self.done("moldau topic describe parted --filter 'partition >= 1' --sort partition:desc --format json"))
        self.assertEqual([row["partition"] for row in described[0]["partition_list"]], [2, 1])
        fields = self.done("moldau topic describe parted --fields partition,leader --sort partition:desc")
        self.assertEqual(fields, "PARTITIONS\n==========\nPARTITION  LEADER\n        2       1\n        1       1\n        0       1\n\n")
        self.assertEqual(self.done("moldau topic describe parted --filter 'partitions > 3' --format jsonl"), "")
        rows = self.done("moldau cluster info -t --filter 'name = parted' --fields name,partitions --format csv")
        self.assertEqual(rows, "name,partitions\nparted,3\n")
        whole = json.loads(self.done("moldau cluster info --filter 'name = parted' --format json"))
        self.assertEqual((list(whole), len(whole["topics"])), (["cluster", "brokers", "controllers", "topics"], 1))
        wrong = self.fails("moldau cluster info --sort size", 2)
        self.assertIn("of TOPICS: name, partitions, replicas", wrong.err)
        self.assertIn("one section at a time", self.fails("moldau cluster info --format csv", 2).err)

    def test_nobody_there_is_told_soon(self):
        port = free_ports(1)[0]
        started = time.monotonic()
        result = self.fails(f"moldau topic list -b localhost:{port}", 3)
        self.assertLess(time.monotonic() - started, 10)
        self.assertIn("still trying", result.err)


class Dpkg(CliTest):
    """The machine's own log, line by line, written and read by each of our two producers and consumers."""

    def test_bytes_are_the_same(self):
        path = "/var/log/dpkg.log"
        if not os.path.exists(path) or os.path.getsize(path) == 0:
            path = __file__
        with open(path, "rb") as file:
            wanted = file.read().decode()
        writers = {
            "moldau": f"moldau produce TOPIC -o '' < {path}",
            "console": f"kafka-console-producer.sh --bootstrap-server localhost:9092 --topic TOPIC < {path}",
        }
        readers = [
            "moldau consume TOPIC --exit-at-end -f '%v\\n'",
            "kafka-console-consumer.sh --bootstrap-server localhost:9092 --topic TOPIC --from-beginning "
            f"--max-messages {wanted.count(chr(10))}",
        ]
        for name, writer in writers.items():
            self.done(f"moldau topic create dpkg-{name} -p 1")
            self.done(writer.replace("TOPIC", f"dpkg-{name}"))
            for reader in readers:
                self.assertEqual(self.done(reader.replace("TOPIC", f"dpkg-{name}")), wanted, f"{name}: {reader}")


if __name__ == "__main__":
    unittest.main()
