"""Producers of every client under load on three nodes, three replicas and min.insync.replicas=2, while the node that leads
most partitions is killed with -9 and started again, over and over. Then ledger_comparison.py: none lost, none repeated.

MOLDAU_KILLS is the number of kills (4)."""

import os
import random
import sys
import time
import unittest

import three_nodes
from adapters import RdkafkaC
from broker import PATIENCE
from ledger_comparison import LedgerComparison
from ledger_producers import (PARTITIONS, TOPIC, ConfluentProducer, KafkaPythonProducer, KcatProducer, RdkafkaProducer)
from live_test import main

KILLS = int(os.environ.get("MOLDAU_KILLS", "4"))
SEED = int(os.environ.get("MOLDAU_SEED", str(random.SystemRandom().randrange(1 << 32))))
PRODUCERS = {"a": (RdkafkaProducer, "lz4"), "b": (ConfluentProducer, "zstd"), "c": (KafkaPythonProducer, "gzip"),
             "d": (KcatProducer, "none")}
SILENCE_SECONDS = 20.0 * PATIENCE  # a kill never holds up everybody for longer


class ClusterLedger(LedgerComparison, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = three_nodes.ThreeNodes()
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.create_topic(TOPIC, PARTITIONS, configs={"segment.bytes": 1048576})
        cls.client = RdkafkaC(cls.cluster.bootstrap)

    def test_nothing_lost_nothing_repeated(self):
        print(f"  MOLDAU_SEED={SEED} MOLDAU_KILLS={KILLS}", file=sys.stderr)
        rng = random.Random(SEED)
        producers = [kind(name, self.cluster.bootstrap, codec) for name, (kind, codec) in PRODUCERS.items()]
        for _ in range(KILLS):
            self.wait_for_acks(producers)
            self.cluster.kill()
            time.sleep(rng.uniform(0, 2))
            self.wait_for_acks(producers)
            self.cluster.restart()
            self.cluster.wait_healthy()
        for producer in producers:
            producer.finish()
        self.compare([producer.ledger for producer in producers])

    def wait_for_acks(self, producers):
        """Everybody who tells it gets acknowledgements, also with one node down."""
        before = [producer.ledger.count() for producer in producers]
        deadline = time.monotonic() + SILENCE_SECONDS
        def waiting():
            return [p.ledger.name for p, count in zip(producers, before)
                    if not isinstance(p, KcatProducer) and p.ledger.count() <= count]
        while waiting():
            self.assertLess(time.monotonic(), deadline, f"no acknowledgement for {waiting()}\n{self.cluster.log()}")
            self.assertFalse([p.ledger.name for p in producers if p.ended()], "producers that gave up")
            time.sleep(0.05)


if __name__ == "__main__":
    main(seconds=120 + 15 * KILLS)
