"""What people run beside the daily commands: sizes on the disks, measuring, copying. Against the real binary.

Usage: tools_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
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
        self.assertEqual(rows[0]["records"], 150)
        for row in rows:
            self.assertLessEqual(row["p50_ms"], row["p999_ms"])
            self.assertGreater(row["max_ms"], 0)
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
        headers = self.done("moldau consume latencies --exit-at-end -f '%K %H\\n'").splitlines()
        self.assertEqual((headers[0], headers[-1]), ("0 0", "4 2"))
        refused = self.fails("kafka-e2e-latency localhost:9092 latencies 20 0 100", 1)
        self.assertIn("requires synchronous acknowledgement", refused.err)
        self.fails("kafka-e2e-latency localhost:9092 latencies", 1)


if __name__ == "__main__":
    unittest.main()
