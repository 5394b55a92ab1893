"""kafka-verifiable-producer and kafka-verifiable-consumer against a real node, and the console consumer's formatters for
the topics of groups and transactions.

Usage: verifiable_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import pathlib
import signal
import sys
import time
import unittest

from node import LIMIT_S, Node

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
import raw_transactions  # noqa: E402

SERVER = "--bootstrap-server localhost:9092"


class Verifiable(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.remove)
        cls.node.start("kafka-server-start.sh server.properties --override group.initial.rebalance.delay.ms=0")

    def done(self, line):
        result = self.node.run(line)
        self.assertEqual(result.code, 0, f"{line}\n{result}")
        return result.out

    def events(self, line, code=0):
        result = self.node.run(line)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return self.parsed(result.out)

    def parsed(self, out):
        events = [json.loads(row) for row in out.splitlines()]
        for event in events:
            self.assertEqual(list(event)[:2], ["timestamp", "name"])
            self.assertAlmostEqual(event["timestamp"] / 1000, time.time(), delta=120)
        return events

    def produce(self, topic, count, more=""):
        return self.events(f"kafka-verifiable-producer.sh {SERVER} --topic {topic} --max-messages {count} {more}")

    @staticmethod
    def named(events, name):
        return [event for event in events if event["name"] == name]

    def test_what_is_produced_is_consumed(self):
        self.done("moldau topic create numbers -p 2")
        events = self.produce("numbers", 50, "--repeating-keys 10 --acks 1")
        self.assertEqual((events[0]["name"], events[-2]["name"], events[-1]["name"]), ("startup_complete", "shutdown_complete", "tool_data"))
        sent = self.named(events, "producer_send_success")
        self.assertEqual(sorted(int(event["value"]) for event in sent), list(range(50)))
        self.assertEqual((events[-1]["sent"], events[-1]["acked"]), (50, 50))

        line = f"kafka-verifiable-consumer.sh {SERVER} --topic numbers --group-id readers --max-messages 50 --verbose"
        events = self.events(line)
        self.assertEqual(events[0]["name"], "startup_complete")
        self.assertEqual([event["name"] for event in events[-2:]], ["shutdown_complete", "shutdown_requested"])
        [assigned] = self.named(events, "partitions_assigned")
        self.assertEqual(assigned["partitions"], [{"topic": "numbers", "partition": 0}, {"topic": "numbers", "partition": 1}])
        read = {(e["partition"], e["offset"]): (e["key"], e["value"]) for e in self.named(events, "record_data")}
        self.assertEqual(read, {(e["partition"], e["offset"]): (e["key"], e["value"]) for e in sent})
        self.assertEqual(sum(p["count"] for e in self.named(events, "records_consumed") for p in e["partitions"]), 50)
        commits = self.named(events, "offsets_committed")
        self.assertTrue(all(event["success"] for event in commits), commits)
        committed = {o["partition"]: o["offset"] for event in commits for o in event["offsets"]}
        self.assertEqual(sum(committed.values()), 50)

        # The next one goes on where it was; one record of the next lot is all that it wants.
        self.produce("numbers", 5, "--value-prefix 7")
        events = self.events(line.replace("--max-messages 50", "--max-messages 1"))
        [record] = self.named(events, "record_data")
        self.assertTrue(record["value"].startswith("7."), record)
        described = self.done(f"kafka-consumer-groups.sh {SERVER} --describe --group readers")
        self.assertEqual(sum(int(row.split()[5]) for row in described.splitlines()[2:]), 4, described)

    def test_members_tell_of_partitions_that_come_and_go(self):
        self.done("moldau topic create shared -p 2")
        line = f"kafka-verifiable-consumer.sh {SERVER} --topic shared --group-id shared-readers --enable-autocommit"
        first = self.node.popen(line, exec=True)
        self.addCleanup(first.kill)
        self.until(lambda: self.members("shared-readers") == 1)
        second = self.node.popen(line, exec=True)
        self.addCleanup(second.kill)
        early = b""
        while b"partitions_assigned" not in early:  # it has joined before it has been told what is its own
            line = second.stdout.readline()
            self.assertTrue(line, early)
            early += line
        second.send_signal(signal.SIGTERM)
        out, _ = second.communicate(timeout=LIMIT_S)
        self.assertEqual(second.returncode, 143)
        events = self.parsed((early + out).decode())
        self.assertEqual(events[-1]["name"], "shutdown_complete")
        self.assertEqual(len(self.named(events, "shutdown_requested")), 1)
        self.assertEqual([len(event["partitions"]) for event in self.named(events, "partitions_assigned")], [1])
        first.send_signal(signal.SIGINT)
        out, _ = first.communicate(timeout=LIMIT_S)
        self.assertEqual(first.returncode, 130)
        events = self.parsed(out.decode())
        counts = [len(event["partitions"]) for event in self.named(events, "partitions_assigned")]
        self.assertEqual(counts[:2], [2, 1], events)
        self.assertIn({"topic": "shared", "partition": 0}, self.named(events, "partitions_revoked")[0]["partitions"])

    def members(self, group):
        rows = self.node.run("moldau group list --format jsonl").out.splitlines()
        if not any(json.loads(row)["group"] == group and json.loads(row)["state"] == "Stable" for row in rows):
            return 0
        return len(json.loads(self.done(f"moldau group describe {group} --format json"))[0]["member_list"])

    def until(self, condition):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_end_without_an_end(self):
        self.done("moldau topic create endless -p 1")
        process = self.node.popen(f"kafka-verifiable-producer.sh {SERVER} --topic endless --throughput 200", exec=True)
        self.addCleanup(process.kill)
        self.until(lambda: int(json.loads(self.done("moldau topic offsets endless --format jsonl"))["end"]) > 20)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=LIMIT_S)
        self.assertEqual(process.returncode, 143)
        events = self.parsed(out.decode())
        self.assertEqual([event["name"] for event in events[-2:]], ["shutdown_complete", "tool_data"])
        self.assertEqual(events[-1]["acked"], len(self.named(events, "producer_send_success")))
        self.assertEqual(events[-1]["sent"], events[-1]["acked"], "all of it was flushed")

    def records(self, topic, formatter):
        out = self.done(f"kafka-console-consumer.sh {SERVER} --topic {topic} --from-beginning --timeout-ms 3000 "
                        f"--formatter org.apache.kafka.tools.consumer.{formatter}")
        return [json.loads(row) for row in out.splitlines()]

    def test_records_of_the_internal_topics(self):
        self.done("moldau topic create written -p 1")
        self.produce("written", 3)
        self.events(f"kafka-verifiable-consumer.sh {SERVER} --topic written --group-id writers --max-messages 3")
        offsets = [r for r in self.records("__consumer_offsets", "OffsetsMessageFormatter") if r["key"]["data"]["group"] == "writers"]
        self.assertEqual(offsets[-1]["key"]["data"], {"group": "writers", "topic": "written", "partition": 0})
        self.assertEqual(offsets[-1]["value"]["data"]["offset"], 3)
        groups = [r for r in self.records("__consumer_offsets", "GroupMetadataMessageFormatter") if r["key"]["data"]["group"] == "writers"]
        self.assertEqual(groups[0]["value"]["data"]["protocolType"], "consumer")
        self.assertEqual(groups[-1]["value"]["data"]["members"], [], "nobody is there any more")

        with raw_transactions.Producer(self.node.port, "written-id").begin() as producer:
            producer.add("written", 0).send("written")
            producer.commit()
        states = []
        def ended():
            states[:] = [r for r in self.records("__transaction_state", "TransactionLogMessageFormatter")
                         if r["key"]["data"]["transactionalId"] == "written-id"]
            return states[-1]["value"]["data"]["transactionStatus"] == 4
        self.until(ended)
        self.assertEqual([r["value"]["data"]["transactionStatus"] for r in states], [0, 1, 2, 4])
        self.assertEqual(states[1]["value"]["data"]["transactionPartitions"], [{"topic": "written", "partitionIds": [0]}])
        self.assertEqual(states[1]["value"]["data"]["producerId"], producer.id)


if __name__ == "__main__":
    unittest.main()
