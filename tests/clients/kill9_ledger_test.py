"""Producers under load while the node is killed with -9 and started again, over and over: kill9_ledger_test.py
synced|page-cache. A ledger of every acknowledgement is compared with the log at the end: nothing acknowledged is lost or
at another offset, nothing is there twice, each producer's records of a partition are there in the order sent.

MOLDAU_KILLS is the number of kills (50). The page cache outlives kill -9, so both durability modes must hold.

An idempotent producer that gets OUT_OF_ORDER_SEQUENCE_NUMBER for a batch that it sent again ends with librdkafka's
"fatal error": the node has forgotten a batch of the five that it must remember. That is a failure; another producer
takes over, so that the ledger is whole all the same."""

import os
import random
import subprocess
import sys
import time

from adapters import RdkafkaC
from broker import die_with_parent
from ledger_producers import (PARTITIONS, TOPIC, ConfluentProducer, KafkaPythonProducer, KcatProducer, RdkafkaProducer)
from live_test import LiveTest, main

KILLS = int(os.environ.get("MOLDAU_KILLS", "50"))
SEED = int(os.environ.get("MOLDAU_SEED", str(random.SystemRandom().randrange(1 << 32))))
PRODUCERS = {"a": (RdkafkaProducer, "none"), "b": (RdkafkaProducer, "lz4"), "c": (ConfluentProducer, "zstd"),
             "d": (KafkaPythonProducer, "gzip"), "e": (KcatProducer, "snappy")}


class Kill9Ledger(LiveTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = RdkafkaC(cls.broker.bootstrap)
        cls.client.create_topic(TOPIC, PARTITIONS, ["segment.bytes=1048576"])

    def test_nothing_lost_nothing_repeated(self):
        print(f"  MOLDAU_SEED={SEED} MOLDAU_KILLS={KILLS}", file=sys.stderr)
        self.started = []
        self.working = {}
        for name in PRODUCERS:
            self.start_producer(name)
        self.kill_again_and_again(random.Random(SEED))
        for producer in self.started:
            producer.finish()
        self.compare([producer.ledger for producer in self.started])

    def start_producer(self, name):
        kind, codec = PRODUCERS[name]
        self.working[name] = kind(f"{name}{len(self.started)}", self.broker.bootstrap, codec)
        self.started.append(self.working[name])

    def replace_producers_that_failed(self):
        for name, producer in list(self.working.items()):
            if producer.ended():
                self.start_producer(name)

    def acked(self):
        return sum(producer.ledger.count() for producer in self.started)

    def kill_again_and_again(self, rng):
        downtime = 0.0
        while self.broker.kills < KILLS:
            acked = self.acked()
            self.replace_producers_that_failed()
            time.sleep(rng.uniform(0.2, 1.2))
            self.wait_for_acks(acked)
            began = time.monotonic()
            self.broker.kill()
            if rng.random() < 0.2:  # and once more while it recovers
                self.start_and_kill(rng.uniform(0, 0.1))
            if rng.random() < 0.1:
                self.broker.restart()
                self.assertEqual(self.broker.stop(), 0)
            self.broker.restart()
            downtime += time.monotonic() - began
        print(f"  {self.broker.kills} kills, {downtime:.1f} s without a node", file=sys.stderr)

    def start_and_kill(self, after):
        with open(self.broker.log_path, "ab") as log:
            self.broker.process = subprocess.Popen(self.broker.command(), stdout=log, stderr=log,
                                                   preexec_fn=die_with_parent)
        time.sleep(after)
        self.broker.kill()

    def wait_for_acks(self, before):
        """Each life of the node acknowledges something, or kills would not be tested under load."""
        deadline = time.monotonic() + 30
        while self.acked() <= before:
            self.assertLess(time.monotonic(), deadline, "nothing was acknowledged for 30 s")
            time.sleep(0.05)

    def compare(self, ledgers):
        by_name = {ledger.name: ledger for ledger in ledgers}
        stored = lost = moved = repeated = disordered = 0
        examples = []
        for partition in range(PARTITIONS):
            places = {name: {} for name in by_name}
            latest = dict.fromkeys(by_name, -1)
            for record in self.client.read(TOPIC, 0, partition):
                name, of_partition, sequence, _ = record.value.decode().split(":")
                sequence = int(sequence)
                stored += 1
                if sequence in places[name]:
                    repeated += 1
                    examples.append(f"{name} {partition} {sequence}: at {places[name][sequence]} and {record.offset}")
                elif (sequence <= latest[name] or int(of_partition) != partition or
                      sequence != latest[name] + 1 and not by_name[name].leaves_out):
                    disordered += 1
                    examples.append(f"{name} {partition} {sequence}: behind {latest[name]}, at {record.offset}")
                places[name][sequence] = record.offset
                latest[name] = sequence
            for name, ledger in by_name.items():
                for sequence, offset in ledger.acked[partition].items():
                    if sequence not in places[name]:
                        lost += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, not there")
                    elif offset not in (None, places[name][sequence]):
                        moved += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, is at "
                                        f"{places[name][sequence]}")
        failed = [line for ledger in ledgers if not ledger.fatal for line in ledger.failed]
        acked = sum(ledger.count() for ledger in ledgers)
        sent = sum(sum(ledger.sent.values()) for ledger in ledgers)
        unsure = sum(sum(ledger.sent.values()) - ledger.count() for ledger in ledgers
                     if ledger.fatal or ledger.leaves_out)
        for ledger in ledgers:
            if ledger.fatal:
                print(f"  producer {ledger.name} was ended by its own client: {ledger.fatal}", file=sys.stderr)
        print(f"  {sent} sent, {acked} acknowledged, {unsure} unknown, {len(failed)} given up, {stored} stored; {lost} lost, "
              f"{repeated} repeated, {disordered} out of order, {moved} at another offset", file=sys.stderr)
        self.assertEqual((lost, repeated, disordered, moved), (0, 0, 0, 0),
                         "lost, repeated, out of order, moved:\n" + "\n".join(examples[:20]))
        self.assertFalse(failed, "records that the clients gave up")
        self.assertEqual(acked, sent - unsure, "sent, but neither acknowledged nor given up")
        self.assertTrue(acked <= stored <= sent, f"{acked} acknowledged, {stored} stored, {sent} sent")
        self.assertFalse([ledger.fatal for ledger in ledgers if ledger.fatal], "producers that could not go on")


if __name__ == "__main__":
    Kill9Ledger.settings = (f"storage.durability={sys.argv.pop(1)}",)
    main(seconds=160 + 4 * KILLS)
