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
from ledger_comparison import LedgerComparison
from ledger_producers import (PARTITIONS, TOPIC, ConfluentProducer, KafkaPythonProducer, KcatProducer, RdkafkaProducer)
from live_test import LiveTest, main

KILLS = int(os.environ.get("MOLDAU_KILLS", "50"))
SEED = int(os.environ.get("MOLDAU_SEED", str(random.SystemRandom().randrange(1 << 32))))
PRODUCERS = {"a": (RdkafkaProducer, "none"), "b": (RdkafkaProducer, "lz4"), "c": (ConfluentProducer, "zstd"),
             "d": (KafkaPythonProducer, "gzip"), "e": (KcatProducer, "snappy")}


class Kill9Ledger(LedgerComparison, LiveTest):
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


if __name__ == "__main__":
    Kill9Ledger.settings = (f"storage.durability={sys.argv.pop(1)}",)
    main(seconds=160 + 4 * KILLS)
