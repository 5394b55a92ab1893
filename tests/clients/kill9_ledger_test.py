"""Producers under load while the node is killed with -9 and started again, over and over: kill9_ledger_test.py
synced|page-cache. A ledger of every acknowledgement is compared with the log at the end: nothing acknowledged is lost or
at another offset, nothing is there twice, each producer's records of a partition are there in the order sent.

MOLDAU_KILLS is the number of kills (8). The page cache outlives kill -9, so both durability modes must hold.

An idempotent producer that gets OUT_OF_ORDER_SEQUENCE_NUMBER for a batch that it sent again ends with librdkafka's
"fatal error": the node has forgotten a batch of the five that it must remember. That is a failure; another producer
takes over, so that the ledger is whole all the same."""

import os
import random
import subprocess
import sys
import threading
import time

from adapters import RdkafkaC
from broker import die_with_parent
from live_test import LiveTest, main

KILLS = int(os.environ.get("MOLDAU_KILLS", "8"))
SEED = int(os.environ.get("MOLDAU_SEED", str(random.SystemRandom().randrange(1 << 32))))
TOPIC = "ledger"
PARTITIONS = 4
PER_SECOND = 1500  # of each producer
PATIENCE_MS = "300000"  # a record is given up only after all kills
FATAL = 3  # exit code of the load command
IDEMPOTENT = {"enable.idempotence": "true", "acks": "all", "message.timeout.ms": PATIENCE_MS, "linger.ms": "2",
              "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "200", "retry.backoff.ms": "20"}


class Ledger:
    """What one producer was told: offset of each acknowledged record, by partition and sequence."""

    def __init__(self, name):
        self.name = name
        self.acked = {p: {} for p in range(PARTITIONS)}
        self.sent = {p: 0 for p in range(PARTITIONS)}
        self.failed = []
        self.fatal = None  # why its own client ended it

    def count(self):
        return sum(map(len, self.acked.values()))


class RdkafkaProducer:
    """The load command of rdkafka_client."""

    def __init__(self, name, bootstrap, codec):
        self.ledger = Ledger(name)
        properties = [f"{key}={value}" for key, value in {**IDEMPOTENT, "compression.codec": codec}.items()]
        self.process = subprocess.Popen(
            [os.environ["MOLDAU_RDKAFKA_CLIENT"], "load", bootstrap, TOPIC, str(PARTITIONS), name, str(PER_SECOND),
             *properties], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self.troubles = []
        self.readers = [threading.Thread(target=self._read_answers, daemon=True),
                        threading.Thread(target=self._read_troubles, daemon=True)]
        for reader in self.readers:
            reader.start()

    def _read_answers(self):
        for line in self.process.stdout:
            what, partition, sequence, *rest = line.split()
            if what == "acked":
                self.ledger.acked[int(partition)][int(sequence)] = int(rest[0])
            elif what == "sent":
                self.ledger.sent[int(partition)] = int(sequence)
            else:
                self.ledger.failed.append(line.strip())

    def _read_troubles(self):
        self.troubles = self.process.stderr.read().splitlines()[-6:]

    def ended(self):
        return self.process.poll() is not None

    def finish(self):
        self.process.stdin.close()
        code = self.process.wait(130)
        for reader in self.readers:
            reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        if code == FATAL:
            self.ledger.fatal = self.troubles[-1]
            return
        lines = "\n".join(self.troubles[::-1] + self.ledger.failed[:3])
        assert code == 0, f"producer {self.ledger.name} ended with {code}:\n{lines}"


class ConfluentProducer:
    """python3-confluent-kafka on a thread."""

    def __init__(self, name, bootstrap, codec):
        self.ledger = Ledger(name)
        self.ending = threading.Event()
        self.unfinished = None
        self.configuration = {**IDEMPOTENT, "bootstrap.servers": bootstrap, "compression.codec": codec}
        self.thread = threading.Thread(target=self._produce, daemon=True)
        self.thread.start()

    def _produce(self):
        from confluent_kafka import KafkaException, Producer
        producer = Producer(self.configuration)
        turn = 0
        try:
            while not self.ending.is_set():
                for _ in range(PER_SECOND // 100):
                    self._send(producer, turn)
                    turn = (turn + 1) % PARTITIONS
                producer.poll(0.01)
        except KafkaException as error:
            self.ledger.fatal = str(error)
        self.unfinished = producer.flush(120)

    def ended(self):
        return not self.thread.is_alive()

    def _send(self, producer, partition):
        sequence = self.ledger.sent[partition]
        def answered(error, message):
            if error:
                self.ledger.failed.append(f"failed {partition} {sequence} {error}")
            else:
                self.ledger.acked[partition][sequence] = message.offset()
        try:
            producer.produce(TOPIC, f"{self.ledger.name}:{partition}:{sequence}:0", partition=partition,
                             on_delivery=answered)
        except BufferError:
            return
        self.ledger.sent[partition] += 1

    def finish(self):
        self.ending.set()
        self.thread.join(150)
        if self.ledger.fatal:
            return
        assert self.unfinished == 0, f"producer {self.ledger.name}: {self.unfinished} records were never answered"


PRODUCERS = {"a": (RdkafkaProducer, "none"), "b": (RdkafkaProducer, "lz4"), "c": (ConfluentProducer, "zstd")}


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
                elif sequence != latest[name] + 1 or int(of_partition) != partition:
                    disordered += 1
                    examples.append(f"{name} {partition} {sequence}: behind {latest[name]}, at {record.offset}")
                places[name][sequence] = record.offset
                latest[name] = sequence
            for name, ledger in by_name.items():
                for sequence, offset in ledger.acked[partition].items():
                    if sequence not in places[name]:
                        lost += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, not there")
                    elif places[name][sequence] != offset:
                        moved += 1
                        examples.append(f"{name} {partition} {sequence}: acknowledged at {offset}, is at "
                                        f"{places[name][sequence]}")
        failed = [line for ledger in ledgers if not ledger.fatal for line in ledger.failed]
        acked = sum(ledger.count() for ledger in ledgers)
        sent = sum(sum(ledger.sent.values()) for ledger in ledgers)
        unsure = sum(sum(ledger.sent.values()) - ledger.count() for ledger in ledgers if ledger.fatal)
        for ledger in ledgers:
            if ledger.fatal:
                print(f"  producer {ledger.name} was ended by its own client: {ledger.fatal}", file=sys.stderr)
        print(f"  {sent} sent, {acked} acknowledged, {len(failed)} given up, {stored} stored; {lost} lost, "
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
