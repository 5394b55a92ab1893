"""Transactions on the command line, against a real node on which some are open and one hangs: `moldau txn …` and
kafka-transactions. The node does not verify partitions, so that a producer can write to one that its coordinator does not
know: that is how transactions hang.

Usage: transactions_test.py PATH_OF_MOLDAU [unittest options]
"""

import json
import os
import pathlib
import sys
import time
import unittest

from node import LIMIT_S, Node

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
import raw_transactions  # noqa: E402

SERVER = "--bootstrap-server localhost:9092"
HOUR_MS = 3_600_000


class Transactions(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.node = Node()
        cls.addClassCleanup(cls.node.remove)
        cls.node.start("kafka-server-start.sh server.properties --override transaction.partition.verification.enable=false "
                       "--override group.initial.rebalance.delay.ms=0")

    def done(self, line, stdin=None):
        result = self.node.run(line, stdin)
        self.assertEqual(result.code, 0, f"{line}\n{result}")
        return result.out

    def rows(self, line):
        return [json.loads(row) for row in self.done(line + " --format jsonl").splitlines()]

    def fails(self, line, code):
        result = self.node.run(line)
        self.assertEqual(result.code, code, f"{line}\n{result}")
        return result

    def table(self, line):
        """Of one of Kafka's names: what each row has under each heading."""
        heading, *rows = [[cell.strip() for cell in line.split("\t")][:-1] for line in self.done(f"{line} {SERVER}").splitlines()]
        return [dict(zip(heading, row)) for row in rows]

    def until(self, condition, what):
        deadline = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def producer(self, name):
        producer = raw_transactions.Producer(self.node.port, name)
        self.addCleanup(producer.__exit__)
        return producer.begin()

    def values(self, topic):
        return self.done(f"moldau consume {topic} --read-committed --exit-at-end -f '%v\\n'").splitlines()

    def state(self, name):
        return next((row["state"] for row in self.rows("moldau txn list") if row["transactional_id"] == name), None)

    def test_what_is_open_is_shown_and_aborted_by_its_id(self):
        self.done("moldau topic create shown -p 2")
        producer = self.producer("shown-id").add("shown", 0, 1)
        producer.send("shown", 1, [b"before"])
        producer.commit()
        self.until(lambda: self.state("shown-id") == "CompleteCommit", "the commit is complete")
        producer.add("shown", 0, 1)
        first = producer.send("shown", 1, [b"open"])
        self.assertEqual(self.state("shown-id"), "Ongoing")
        self.assertIn("shown-id", self.done("moldau txn list --state ongoing -r 'sho.*'"))
        self.assertNotIn("shown-id", self.done("moldau txn list --longer-than 1h"))
        [found] = self.rows("moldau txn describe shown-id")
        self.assertEqual((found["producer_id"], found["epoch"], found["state"]), (producer.id, producer.epoch, "Ongoing"))
        self.assertEqual([(row["partition"], row["start_offset"]) for row in found["partition_list"]], [(0, None), (1, first)])
        [writer] = self.rows("moldau txn producers shown --open")
        self.assertEqual((writer["partition"], writer["open_from"], writer["producer_id"]), (1, first, producer.id))

        [row] = self.table("kafka-transactions.sh describe --transactional-id shown-id")
        self.assertEqual((row["CoordinatorId"], row["TransactionState"], row["TopicPartitions"]), ("1", "Ongoing", "shown-0,shown-1"))
        self.assertLess(int(row["TransactionDurationMs"]), 1000 * LIMIT_S)
        [row] = self.table("kafka-transactions.sh describe-producers --topic shown --partition 1")
        self.assertEqual((row["ProducerId"], row["CurrentTransactionStartOffset"]), (str(producer.id), str(first)))
        self.assertIn({"TransactionalId": "shown-id", "Coordinator": "1", "ProducerId": str(producer.id), "TransactionState": "Ongoing"},
                      self.table("kafka-transactions.sh list"))

        self.assertIn("OK", self.done("moldau txn abort shown-id --dry-run"))
        self.assertEqual(self.state("shown-id"), "Ongoing")
        self.assertIn("OK", self.done("moldau txn abort shown-id --yes"))
        self.until(lambda: not self.rows("moldau txn producers shown --open"), "it is aborted")
        self.assertEqual(self.values("shown"), ["before"])
        with self.assertRaises(raw_transactions.Refused, msg="its producer is fenced"):
            producer.commit()

    def test_an_id_is_forced_to_end(self):
        self.done("moldau topic create forced -p 1")
        producer = self.producer("forced-id").add("forced", 0)
        producer.send("forced")
        self.done(f"kafka-transactions.sh {SERVER} forceTerminateTransaction --transactionalId forced-id")
        self.until(lambda: not self.rows("moldau txn producers forced --open"), "it is aborted")
        with self.assertRaises(raw_transactions.Refused):
            producer.add("forced", 0)

    def test_what_hangs_is_found_and_aborted_where_it_is(self):
        self.done("moldau topic create hanging -p 2")
        producer = self.producer("hanging-id")
        old = int(time.time() * 1000) - HOUR_MS
        start = producer.send("hanging", 1, [b"lost"], timestamp=old)     # its coordinator knows nothing of it
        producer.add("hanging", 0)
        producer.send("hanging", 0, [b"kept"], timestamp=old)     # as old, but known
        self.done("moldau produce hanging -p 1 -o ''", "behind\n")
        self.assertEqual(self.values("hanging"), [], "readers are held up")

        found = self.rows("moldau txn find-hanging")
        self.assertEqual([(row["topic"], row["partition"], row["start_offset"], row["producer_id"]) for row in found],
                         [("hanging", 1, start, producer.id)])
        self.assertGreaterEqual(found[0]["silent_ms"], HOUR_MS)
        self.assertEqual(self.rows("moldau txn find-hanging --longer-than 2h"), [])
        for where in ("--topic hanging", "--broker-id 1", "--topic hanging --partition 1"):
            [row] = self.table(f"kafka-transactions.sh find-hanging {where}")
            self.assertEqual((row["Topic"], row["Partition"], row["StartOffset"], row["Duration(min)"]), ("hanging", "1", str(start), "60"))
        self.assertEqual(self.table("kafka-transactions.sh find-hanging --topic hanging --max-transaction-timeout 100"), [])

        self.fails("moldau txn abort --topic hanging -p 1 --start-offset 999 -y", 5)
        self.fails(f"kafka-transactions.sh abort --topic hanging --partition 1 --start-offset 999 {SERVER}", 1)
        self.done(f"kafka-transactions.sh abort --topic hanging --partition 1 --start-offset {start} {SERVER}")
        self.assertEqual(self.values("hanging"), ["behind"])
        self.assertEqual(self.rows("moldau txn find-hanging"), [])
        producer.commit()
        self.until(lambda: sorted(self.values("hanging")) == ["behind", "kept"], "what was known is committed")

        again = producer.send("hanging", 1, [b"lost again"])
        self.done(f"moldau txn abort --topic hanging -p 1 --start-offset {again} -y")
        self.assertEqual(self.rows("moldau txn producers hanging --open"), [])

    def test_mistakes(self):
        self.assertIn("nobody-of-mine", self.fails("moldau txn describe nobody-of-mine", 5).err)
        self.fails("moldau txn abort nobody-of-mine -y", 5)
        self.assertNotIn("nobody-of-mine", self.done("moldau txn list"), "asking makes no id")
        self.fails("moldau txn list --state open", 2)
        self.fails("moldau txn producers no-such-topic", 5)
        self.fails(f"kafka-transactions.sh {SERVER} describe --transactional-id nobody-of-mine", 1)
        self.fails(f"kafka-transactions.sh {SERVER} find-hanging", 1)
        self.fails(f"kafka-transactions.sh {SERVER} list --transactional-id-pattern '('", 1)
        self.fails(f"kafka-transactions.sh {SERVER}", 1)


if __name__ == "__main__":
    unittest.main()
