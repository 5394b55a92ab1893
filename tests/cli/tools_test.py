"""What people run beside the daily commands: sizes on the disks, measuring, copying. Against the real binary.

Usage: tools_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
import re
import signal
import time
import unittest

from node import LIMIT_S, Node, free_ports


class ToolsTest(unittest.TestCase):
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

    def rows(self, line, stdin=None):
        return [json.loads(row) for row in self.done(line + " --format jsonl", stdin).splitlines()]

    def fails(self, line, code, stdin=None):
        result = self.node.run(line, stdin)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return result

    def second_node(self):
        other = Node()
        self.addCleanup(other.remove)
        other.start()
        return other, f"localhost:{other.port}"


class Storage(ToolsTest):
    def test_sizes_shares_and_offsets(self):
        self.done("moldau topic create stored -p 2")
        self.done("moldau topic create stored-more -p 1")
        self.done("moldau produce stored -p 1 -o ''", "".join(f"line {i}\n" for i in range(100)))
        deadline = time.monotonic() + LIMIT_S
        while True:  # the log's tail is in memory for a moment before it is in the files
            rows = self.rows("moldau topic storage stored")
            if rows[1]["size_bytes"] > 0 or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        self.assertEqual([(row["partition"], row["records"], row["role"]) for row in rows], [(0, 0, "leader"), (1, 100, "leader")])
        self.assertGreater(rows[1]["size_bytes"], 1000)
        self.assertGreater(rows[1]["share_percent"], 50)
        self.assertEqual((rows[1]["start"], rows[1]["end"], rows[1]["offset_lag"]), (0, 100, 0))
        self.assertTrue(os.path.isdir(rows[1]["dir"]), rows[1]["dir"])
        topics = self.rows("moldau topic storage -r 'stored.*' --by-topic --sort topic")
        self.assertEqual([(row["topic"], row["partitions"], row["records"]) for row in topics], [("stored", 2, 100), ("stored-more", 1, 0)])
        self.assertEqual(topics[0]["largest_partition"], 1)
        self.assertIn("stored", [row["topic"] for row in self.rows("moldau topic storage")])
        self.assertEqual(len(self.rows("moldau topic storage stored -p 1")), 1)
        self.assertIn("it has 2 partitions", self.fails("moldau topic storage stored -p 7", 5).err)
        self.assertIn("did you mean stored?", self.fails("moldau topic storage storde", 5).err)


class Measuring(ToolsTest):
    def test_end_to_end(self):
        self.done("moldau topic create trips -p 2")
        self.done("moldau produce trips -o ''", "older\n")
        rows = [json.loads(row) for row in self.done("moldau perf e2e trips --num-records 200 --rate 500 --warmup 50 --hdr e2e.hgrm --json").splitlines()]
        self.assertEqual([row["until"] for row in rows], ["acknowledged", "consumed"])
        self.assertEqual([row["records"] for row in rows], [150, 150])
        for row in rows:
            self.assertLessEqual(row["p50_ms"], row["p999_ms"])
            self.assertGreater(row["max_ms"], 0)
            self.assertLess(row["p50_ms"], 250, "a record does not wait for a consumer's long poll")
        with open(os.path.join(self.node.dir, "e2e.hgrm"), encoding="utf-8") as file:
            self.assertIn("Total count    =          150]", file.read())
        self.assertIn("at least 16", self.fails("moldau perf e2e trips --record-size 15", 2).err)
        self.fails("moldau perf e2e no-such-trips --num-records 1", 5)
        self.fails("moldau perf e2e", 2)

    def test_mix(self):
        self.done("moldau topic create mixed -p 3")
        line = "moldau perf mix mixed --duration 1s --rate 1000 --producers 2 --consumers 3 --json"
        producers, consumers = [json.loads(row) for row in self.done(line).splitlines()]
        self.assertEqual((producers["side"], producers["clients"]), ("producers", 2))
        self.assertGreater(producers["records"], 300)
        self.assertEqual(consumers["records"], 3 * producers["records"])
        both = [json.loads(row) for row in self.done("moldau perf mix mixed --num-records 100 --rate 1000 --from-start --json").splitlines()]
        self.assertEqual(both[0]["records"], 100)
        slow = self.node.run("moldau perf mix mixed --num-records 100 --rate 100 --consume-rate 10 --json")
        self.assertEqual(slow.code, 0, slow)
        self.assertRegex(slow.err, r"\A\d+ acknowledged records did not reach a consumer before the load ended\n\Z")
        self.assertLess(json.loads(slow.out.splitlines()[1])["records"], 20)

    def test_interrupt(self):
        self.done("moldau topic create cut-short -p 1")
        process = self.node.popen("moldau perf mix cut-short --duration 1h --json", exec=True)
        deadline = time.monotonic() + LIMIT_S
        while self.rows("moldau topic offsets cut-short")[0]["end"] == 0:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT_S)
        self.assertEqual((process.returncode, len(out.splitlines())), (130, 2))

    def test_compare(self):
        other, address = self.second_node()
        self.done("moldau topic create compared -p 1")
        self.assertEqual(other.run("moldau topic create compared -p 1").code, 0)
        rows = self.rows(f"moldau perf compare compared --with {address} --rounds 2 --num-records 500")
        figures = {row["figure"]: row for row in rows}
        self.assertEqual(list(figures)[:3], ["records_per_s", "mib_per_s", "mean_ms"])
        rate = figures["records_per_s"]
        self.assertAlmostEqual(rate["ratio"], rate["second"] / rate["first"], delta=0.02)
        self.assertLessEqual(rate["ratio_least"], rate["ratio_most"])
        for end in (self.rows("moldau topic offsets compared"), [json.loads(other.run("moldau topic offsets compared --format jsonl").out)]):
            self.assertEqual(end[0]["end"], 1000, "each cluster gets every round")
        self.assertIn("--with", self.fails("moldau perf compare compared", 2).err)
        nobody = self.fails(f"moldau perf compare compared --with localhost:{free_ports(1)[0]}", 3)
        self.assertIn("cannot reach broker", nobody.err)

    def test_kafka_e2e_latency(self):
        form = r"0\t[\d.]+\nAvg latency: [\d.]+ ms\nPercentiles: 50th = \d+, 99th = \d+, 99.9th = \d+\n\Z"
        created = self.done("kafka-e2e-latency localhost:9092 latencies 20 all 100")
        self.assertRegex(created, r'\ATopic "latencies" does not exist. Will create topic with 1 partition\(s\) and replication factor = 1\n' + form)
        again = self.done(
            "kafka-e2e-latency.sh --bootstrap-server localhost:9092 --topic latencies --num-records 5 --producer-acks 1 "
            "--record-size 20 --record-key-size 4 --num-headers 2"
        )
        self.assertRegex(again, r"\A" + form)
        self.assertLess(float(re.search("Avg latency: ([0-9.]+)", again).group(1)), 250)
        headers = self.done("moldau consume latencies --exit-at-end -f '%K %H\\n'").splitlines()
        self.assertEqual((headers[0], headers[-1]), ("0 0", "4 2"))
        refused = self.fails("kafka-e2e-latency localhost:9092 latencies 20 0 100", 1)
        self.assertIn("requires synchronous acknowledgement", refused.err)
        self.fails("kafka-e2e-latency localhost:9092 latencies", 1)


class Analysing(ToolsTest):
    def test_batches_tell_who_writes(self):
        self.done("moldau topic create watched -p 2")
        keyed = "".join(f'{{"key":"user-{i % 50}","value":"{"x" * 200}"}}\n' for i in range(400))
        self.done("moldau produce watched -p 0 --input jsonl -z zstd -o ''", keyed)
        self.done("moldau produce watched -p 1 -z none -o '' -X enable.idempotence=false", "plain\nplain\n")
        found = json.loads(self.done("moldau topic analyze watched --format json"))[0]
        self.assertEqual((found["topic"], found["records"], found["null_keys"]), ("watched", 402, 2))
        self.assertAlmostEqual(found["keys_estimate"], 50, delta=1)
        self.assertEqual(found["producers"], 1)
        self.assertGreater(found["compression_ratio"], 3)
        self.assertAlmostEqual(found["seconds"], 60, delta=1)
        self.assertAlmostEqual(found["records_per_s"], 402 / 60, delta=0.2)
        self.assertEqual({row["codec"]: row["records"] for row in found["codecs"]}, {"zstd": 400, "none": 2})
        self.assertEqual([row["records"] for row in found["partition_list"]], [400, 2])
        self.assertEqual(found["partition_list"][0]["last_offset"], 399)
        self.assertEqual(sorted(row["producer_id"] is None for row in found["producer_list"]), [False, True])
        sizes = {row["size"]: row for row in found["sizes"]}
        self.assertEqual((sizes["record_bytes"]["count"], sizes["value_bytes"]["most"], sizes["value_bytes"]["p50"]), (402, 200, 200))

        text = self.done("moldau topic analyze watched -t start:end -p 1")
        self.assertEqual([line for line in text.splitlines() if line.isupper() and "=" not in line and " " not in line],
                         ["SUMMARY", "SIZES", "CODECS", "PARTITIONS", "PRODUCERS"])
        rows = self.done("moldau topic analyze watched -t 10:20 --by-partition --fields partition,records --format csv")
        self.assertTrue(rows.startswith("partition,records\n0,"), rows)
        one = self.node.run("moldau topic analyze watched -t start:end --batches 1 --summary --format jsonl")
        self.assertLessEqual(json.loads(one.out)["batches"], 2)
        none = self.node.run("moldau topic analyze watched -t @-2h:-1h --summary --format jsonl")
        self.assertEqual((none.code, json.loads(none.out)["batches"]), (0, 0), none)
        self.assertIn("-24h:end", none.err)

    def test_what_cannot_be_analysed(self):
        self.done("moldau topic create silent -p 1")
        self.assertIn("-1m:end", self.fails("moldau topic analyze silent -t yesterday", 2).err)
        self.assertIn("did you mean silent?", self.fails("moldau topic analyze silnet", 5).err)
        self.fails("moldau topic analyze silent -p 3", 5)
        self.fails("moldau topic analyze", 2)


class Copying(ToolsTest):
    RECORDS = [
        {"partition": 0, "key": "a", "value": "1", "timestamp": 1700000000000, "headers": [{"key": "h", "value": "x"}, {"key": "n", "value": None}]},
        {"partition": 0, "key": None, "value": None, "timestamp": 1700000000001, "headers": []},
        {"partition": 2, "key": "", "value": "\u00e9", "timestamp": 1700000000002, "headers": []},
    ]

    def contents(self, node, topic):
        lines = node.run(f"moldau consume {topic} --exit-at-end").out.splitlines()
        records = [json.loads(line) for line in lines]
        return sorted([{name: record[name] for name in ("partition", "offset", "key", "value", "timestamp", "headers")} for record in records],
                      key=lambda record: (record["partition"], record["offset"]))

    def source(self, name):
        self.done(f"moldau topic create {name} -p 3 -c retention.ms=-1 -c max.message.bytes=2000000")
        self.done(f"moldau produce {name} --input jsonl -o ''", "".join(json.dumps(record) + "\n" for record in self.RECORDS))

    def test_to_another_topic(self):
        self.source("original")
        missing = self.fails("moldau topic copy original duplicate", 5)
        self.assertIn("--create", missing.err)
        plan = self.rows("moldau topic copy original duplicate --create --dry-run")
        self.assertEqual([row["records_at_most"] for row in plan], [2, 0, 1])
        self.fails("moldau topic describe duplicate", 5)
        rows = self.rows("moldau topic copy original duplicate --create")
        self.assertEqual([(row["partition"], row["records"], row["status"]) for row in rows], [(0, 2, "OK"), (1, 0, "OK"), (2, 1, "OK")])
        self.assertEqual(self.contents(self.node, "duplicate"), self.contents(self.node, "original"))
        configs = json.loads(self.done("moldau topic describe duplicate -c --format json"))[0]["configs"]
        own = {row["key"]: row["value"] for row in configs if row["source"] == "DYNAMIC_TOPIC_CONFIG"}
        self.assertEqual(own, {"retention.ms": "-1", "max.message.bytes": "2000000"})
        more = self.rows("moldau topic copy original duplicate -o -1 -p 0")
        self.assertEqual([(row["records"], row["to_first_offset"], row["to_end"]) for row in more], [(1, 2, 3)])

    def test_to_another_cluster(self):
        other, address = self.second_node()
        self.source("moving")
        self.done("moldau produce moving -p 1 -o '' -z lz4", "".join(f"line {i} {'x' * 300}\n" for i in range(30000)))
        rows = self.rows(f"moldau topic copy moving moving --to-brokers {address} --create -z zstd")
        self.assertEqual([(row["records"], row["status"]) for row in rows], [(2, "OK"), (30000, "OK"), (1, "OK")])
        self.assertEqual(self.contents(other, "moving"), self.contents(self.node, "moving"))
        nobody = self.fails(f"moldau topic copy moving moving --to-brokers localhost:{free_ports(1)[0]}", 3)
        self.assertIn("cannot reach broker", nobody.err)
        same = self.fails(f"moldau topic copy moving moving --to-brokers localhost:{self.node.port}", 2)
        self.assertIn("into itself", same.err)

    def test_what_is_refused(self):
        self.source("wide")
        self.done("moldau topic create narrow -p 1")
        narrow = self.fails("moldau topic copy wide narrow", 6)
        self.assertIn("moldau topic add-partitions narrow -n 2", narrow.err)
        self.fails("moldau topic copy wide wide", 2)
        self.fails("moldau topic copy wide", 2)
        self.assertIn("did you mean wide?", self.fails("moldau topic copy widee narrow", 5).err)
        self.done("moldau topic create small -p 3 -c max.message.bytes=1000")
        self.done("moldau produce wide -p 1 -o ''", "x" * 5000 + "\n")
        large = self.fails("moldau topic copy wide small", 1)
        self.assertIn("MESSAGE_TOO_LARGE", large.err)

    def test_a_range(self):
        self.done("moldau topic create endless endless-copy -p 1")
        self.done("moldau produce endless -o ''", "x\n" * 10)
        done = self.rows("moldau topic copy endless endless-copy -o 3:7")
        self.assertEqual([(row["from"], row["until"], row["records"]) for row in done], [(3, 7, 4)])


class Kcat(ToolsTest):
    FORMATS = ["%k|%s|%K|%S|%h|%t|%p|%o|%T\\n", "[%R]%s", "\\x41B\\q\\101%%\\t%o\\r\\n", "Topic %t [%p] at offset %o: key %k: %s\\n"]

    def test_prints_what_kcat_prints(self):
        self.done("moldau topic create cats -p 1")
        records = [
            {"key": "a", "value": "v", "headers": [{"key": "h", "value": "x"}, {"key": "i", "value": None}, {"key": "j", "value": ""}]},
            {"key": None, "value": None, "headers": []},
            {"key": "", "value": "", "headers": [{"key": "only", "value": "y"}]},
        ]
        self.done("moldau produce cats --input jsonl -o ''", "".join(json.dumps(record) + "\n" for record in records))
        self.assertEqual(self.done("moldau consume cats --exit-at-end --kcat-format '%k:%S:%h\\n'"), "a:1:h=x,i=NULL,j=\n:-1:\n:0:only=y\n")
        if not os.path.exists("/usr/bin/kcat"):
            self.skipTest("kcat is not installed")
        for form in self.FORMATS:
            ours = self.done(f"moldau consume cats --exit-at-end --kcat-format '{form}' | od -c")
            theirs = self.done(f"kcat -b localhost:9092 -C -t cats -e -q -f '{form}' | od -c")
            self.assertEqual(ours, theirs, form)

    def test_round_trip(self):
        self.done("moldau topic create cats-in cats-out -p 1")
        self.done("moldau produce cats-in --kcat-format '%K %k %S %s %T %h\\n' -o ''", "1 a 1 v 1700000000000 h=x,i=NULL\n-1  -1  1700000000001 \n")
        form = "%K %k %S %s %T %h\\n"
        first = self.done(f"moldau consume cats-in --exit-at-end --kcat-format '{form}'")
        self.assertEqual(first, "1 a 1 v 1700000000000 h=x,i=NULL\n-1  -1  1700000000001 \n")
        self.done(f"moldau produce cats-out --kcat-format '{form}' -o ''", first)
        self.assertEqual(self.done(f"moldau consume cats-out --exit-at-end --kcat-format '{form}'"), first)
        self.assertIn("%v", self.fails("moldau consume cats-in --kcat-format %v", 2).err)
        self.fails("moldau consume cats-in --kcat-format %s -f %v", 2)
        self.fails("moldau produce cats-in --kcat-format %k%s", 2, "x")


if __name__ == "__main__":
    unittest.main()
