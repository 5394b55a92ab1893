"""Producers that work on while the node is killed and started again, and what each was told: for kill9_ledger_test.py.

A producer begins to send when it is made; ended() tells that its own client has given up; finish() ends it and asserts
that everything it was responsible for has been answered. Its records are NAME:PARTITION:SEQUENCE:0."""

import os
import subprocess
import threading
import time

from broker import die_with_parent

TOPIC = "ledger"
PARTITIONS = 4
PER_SECOND = 1500  # of each producer
PATIENCE_MS = "300000"  # a record is given up only after all kills
FATAL = 3  # exit code of the load command
IDEMPOTENT = {"enable.idempotence": "true", "acks": "all", "message.timeout.ms": PATIENCE_MS, "linger.ms": "2",
              "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "200", "retry.backoff.ms": "20"}


class Ledger:
    """What one producer was told: offset of each acknowledged record (None: it does not tell), by partition and
    sequence. One that does not send again may leave records out: nobody knows what became of them."""

    def __init__(self, name, leaves_out=False):
        self.name = name
        self.leaves_out = leaves_out
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


class KafkaPythonProducer:
    """python3-kafka on a thread. It knows no idempotence, so it sends nothing twice: what fails stays unknown."""

    def __init__(self, name, bootstrap, codec):
        self.ledger = Ledger(name, leaves_out=True)
        self.ending = threading.Event()
        self.problem = None
        self.configuration = {"bootstrap_servers": bootstrap, "compression_type": codec, "acks": "all", "retries": 0,
                              "linger_ms": 2, "request_timeout_ms": 20_000, "max_block_ms": 100,
                              "reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 200}
        self.thread = threading.Thread(target=self._produce, daemon=True)
        self.thread.start()

    def _produce(self):
        from kafka import KafkaProducer
        from kafka.errors import NoBrokersAvailable
        producer, turn = None, 0
        while not self.ending.is_set():
            try:
                producer = producer or KafkaProducer(**self.configuration)
            except NoBrokersAvailable:  # just killed
                continue
            for _ in range(PER_SECOND // 100):
                self._send(producer, turn)
                turn = (turn + 1) % PARTITIONS
            time.sleep(0.01)
        if producer:
            producer.flush(60)
            producer.close(60)

    def _send(self, producer, partition):
        from kafka.errors import KafkaTimeoutError
        sequence = self.ledger.sent[partition]
        self.ledger.sent[partition] += 1
        try:
            sent = producer.send(TOPIC, f"{self.ledger.name}:{partition}:{sequence}:0".encode(), partition=partition)
        except KafkaTimeoutError:  # it does not know the topic, or has the record but could not wake its sender
            return
        sent.add_callback(lambda answer: self.ledger.acked[partition].__setitem__(sequence, answer.offset))
        sent.add_errback(lambda _: None)

    def ended(self):
        return not self.thread.is_alive()

    def finish(self):
        self.ending.set()
        self.thread.join(150)
        assert not self.thread.is_alive(), f"producer {self.ledger.name} does not end"


class KcatProducer:
    """kcat, a record for each line, into one partition. It tells by its exit code that all was acknowledged."""

    PARTITION = 1

    def __init__(self, name, bootstrap, codec):
        self.ledger = Ledger(name)
        properties = [word for key, value in IDEMPOTENT.items() for word in ("-X", f"{key}={value}")]
        self.process = subprocess.Popen(
            ["kcat", "-P", "-E", "-b", bootstrap, "-t", TOPIC, "-p", str(self.PARTITION), "-z", codec, *properties],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self.ending = threading.Event()
        self.troubles = ""
        self.threads = [threading.Thread(target=self._write, daemon=True),
                        threading.Thread(target=self._read_troubles, daemon=True)]
        for thread in self.threads:
            thread.start()

    def _write(self):
        while not self.ending.wait(0.02):
            sequence = self.ledger.sent[self.PARTITION]
            end = sequence + PER_SECOND // 50
            try:
                self.process.stdin.writelines(f"{self.ledger.name}:{self.PARTITION}:{i}:0\n" for i in range(sequence, end))
                self.process.stdin.flush()
            except BrokenPipeError:
                return
            self.ledger.sent[self.PARTITION] = end

    def _read_troubles(self):
        for line in self.process.stderr:
            self.troubles = (self.troubles + line)[-1000:]

    def ended(self):
        return self.process.poll() is not None

    def finish(self):
        self.ending.set()
        self.threads[0].join(60)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        code = self.process.wait(150)
        self.threads[1].join(10)
        self.process.stderr.close()
        assert code == 0, f"producer {self.ledger.name} ended with {code}:\n{self.troubles}"
        self.ledger.acked[self.PARTITION] = dict.fromkeys(range(self.ledger.sent[self.PARTITION]))
