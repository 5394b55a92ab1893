"""Clients under load, each a process that keeps its history in a file (history.py) until its stdin ends:

  workload.py produce KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE PER_SECOND [KEY_BYTES]
  workload.py consume KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE
  workload.py read    KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE      once, from the start to the end of every partition

KIND: confluent (producing: idempotent, acks=all), acks1 (confluent_kafka with acks=1 and without idempotence) or
kafka-python (acks=all; it knows no idempotence, so it sends nothing twice). Exit code 0: everything was answered; 3: the
client itself gave up; its reason is the last line of stderr. load.py starts and ends them."""

import os
import sys
import threading
import time

from history import FAILED, Writer

TICK_SECONDS = 0.02
MOST_OUTSTANDING = 4000     # records without an answer; then nothing is sent
FLUSH_SECONDS = 120
GAVE_UP = 3
CLIENT_TIMEOUT_MS = 4000    # after which a silent broker is given up
PATIENCE_MS = 600_000       # a record is given up only after all faults

COMMON = {"log.connection.close": False, "socket.timeout.ms": CLIENT_TIMEOUT_MS, "reconnect.backoff.ms": 20,
          "reconnect.backoff.max.ms": 200, "topic.metadata.refresh.fast.interval.ms": 50}
PRODUCER = {**COMMON, "message.timeout.ms": PATIENCE_MS, "request.timeout.ms": CLIENT_TIMEOUT_MS, "linger.ms": 2,
            "retry.backoff.ms": 20}
IDEMPOTENT = {**PRODUCER, "enable.idempotence": True, "acks": "all"}
ACKS_1 = {**PRODUCER, "enable.idempotence": False, "acks": "1"}
CONSUMER = {**COMMON, "group.id": "chaos", "enable.auto.commit": False, "auto.offset.reset": "error",
            "check.crcs": True, "fetch.wait.max.ms": 50, "fetch.error.backoff.ms": 20, "enable.partition.eof": True}


class GaveUp(Exception):
    pass


class Group:
    """Records that were handed to a client together: one op of the history."""

    def __init__(self, writer, key, values):
        self.writer, self.key = writer, key
        self.mops = [["send", key, value] for value in values]
        self.missing = len(values)
        self.all_done = True
        self.op = writer.invoke("send", self.mops)

    def answered(self, place, offset, done=True):
        """`offset`: None when it is not known; FAILED when the record was definitely not written."""
        self.mops[place] = [*self.mops[place][:3], offset]
        self.all_done = self.all_done and done
        self.missing -= 1
        if self.missing == 0:
            self.writer.complete(self.op, "ok" if self.all_done else "info", self.mops)


class Producer:
    """Sends at an even rate to all partitions in turn, until the event `ending`."""

    def __init__(self, topic, partitions, name, file, per_second, key_bytes):
        self.key = bytes(key_bytes) or None  # fills the log; the history has no use for it
        self.topic, self.name, self.per_second = topic, name, per_second
        self.writer = Writer(file, name)
        self.lock = threading.Lock()  # kafka-python calls back on a thread of its own
        self.next_sequence = [0] * partitions
        self.outstanding = 0
        self.turn = 0

    def run(self, ending):
        began, handed = time.monotonic(), 0
        while not ending.is_set():
            due = int((time.monotonic() - began) * self.per_second) - handed
            count = min(due, MOST_OUTSTANDING - self.outstanding)
            if due > self.per_second:  # an outage is not made up for
                began, handed = time.monotonic(), 0
            if count > 0:
                self.send(count)
                handed += count
            self.wait(TICK_SECONDS)
            with self.lock:
                self.writer.flush()
        self.finish()
        self.writer.close()

    def send(self, count):
        """Spread over the partitions, going on behind the last."""
        partitions = len(self.next_sequence)
        for i in range(min(count, partitions)):
            self.send_group(self.turn, count // partitions + (i < count % partitions))
            self.turn = (self.turn + 1) % partitions

    def send_group(self, partition, count):
        first = self.next_sequence[partition]
        self.next_sequence[partition] += count
        values = [f"{self.name}:{partition}:{i}" for i in range(first, first + count)]
        with self.lock:
            group = Group(self.writer, f"{self.topic}/{partition}", values)
            self.outstanding += count
        for place, value in enumerate(values):
            self.send_one(partition, value, group, place)

    def answered(self, group, place, offset, done):
        with self.lock:
            self.outstanding -= 1
            group.answered(place, offset, done)


class ConfluentProducer(Producer):
    def __init__(self, settings, bootstrap, *rest):
        super().__init__(*rest)
        from confluent_kafka import Producer as Client
        self.client = Client({**settings, "bootstrap.servers": bootstrap, "error_cb": self.on_error})
        self.fatal = None

    def on_error(self, error):
        print(f"{time.monotonic():.3f} {self.name}: {error.name()} {error.str()}", file=sys.stderr, flush=True)
        if error.fatal():
            self.fatal = error

    def send_one(self, partition, value, group, place):
        from confluent_kafka import KafkaException
        def told(error, message):
            if error:
                print(f"{time.monotonic():.3f} {value}: {error.name()} {error.str()}", file=sys.stderr, flush=True)
            self.answered(group, place, None if error else message.offset(), not error)
        try:
            self.client.produce(self.topic, value, self.key, partition=partition, on_delivery=told)
        except BufferError:
            self.answered(group, place, FAILED, False)
        except KafkaException as error:
            raise GaveUp(f"{self.name}: {error}") from error

    def wait(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.client.poll(max(end - time.monotonic(), 0))
        if self.fatal:
            raise GaveUp(f"{self.name}: {self.fatal.name()} {self.fatal.str()}")

    def finish(self):
        if self.client.flush(FLUSH_SECONDS):
            raise GaveUp(f"{self.name}: {self.outstanding} records were not answered within {FLUSH_SECONDS} s")


class KafkaPythonProducer(Producer):
    def __init__(self, bootstrap, *rest):
        super().__init__(*rest)
        self.configuration = {"bootstrap_servers": bootstrap.split(","), "acks": "all", "retries": 0, "linger_ms": 2,
                              "max_in_flight_requests_per_connection": 1, "request_timeout_ms": CLIENT_TIMEOUT_MS,
                              "max_block_ms": 200, "reconnect_backoff_ms": 20, "reconnect_backoff_max_ms": 200,
                              "retry_backoff_ms": 20, "metadata_max_age_ms": 2000}
        self.client = None

    def connect(self):
        from kafka import KafkaProducer
        from kafka.errors import NoBrokersAvailable
        try:
            self.client = self.client or KafkaProducer(**self.configuration)
        except NoBrokersAvailable:
            pass
        return self.client

    def send_one(self, partition, value, group, place):
        from kafka.errors import KafkaTimeoutError, NotEnoughReplicasError
        if not self.connect():
            return self.answered(group, place, FAILED, False)
        def failed(error):
            print(f"{time.monotonic():.3f} {value}: {error!r}", file=sys.stderr, flush=True)
            self.answered(group, place, FAILED if isinstance(error, NotEnoughReplicasError) else None, False)
        try:
            sent = self.client.send(self.topic, value.encode(), self.key, partition=partition)
        except KafkaTimeoutError as error:  # no metadata, or it has the record and could not wake its sender
            return failed(error)
        sent.add_callback(lambda answer: self.answered(group, place, answer.offset, True))
        sent.add_errback(failed)

    def wait(self, seconds):
        time.sleep(seconds)

    def finish(self):
        if self.client:
            self.client.flush(FLUSH_SECONDS)
            self.client.close(10)


class Consumer:
    """Reads all partitions from the start, each poll with its time, until the event `ending`."""

    def __init__(self, topic, partitions, name, file):
        self.topic, self.partitions = topic, partitions
        self.writer = Writer(file, name)
        self.at_end = set()

    def run(self, ending, once=False):
        self.open()
        self.writer.assign({f"{self.topic}/{p}": 0 for p in range(self.partitions)})
        while not ending.is_set() and not (once and len(self.at_end) == self.partitions):
            began = time.monotonic()
            got = {}
            for partition, offset, value in self.poll():
                got.setdefault(f"{self.topic}/{partition}", []).append([offset, value.decode()])
            self.writer.poll(began, got, "read" if once else "poll")
            self.writer.flush()
        self.close()
        self.writer.close()


class ConfluentConsumer(Consumer):
    def __init__(self, bootstrap, *rest):
        super().__init__(*rest)
        from confluent_kafka import Consumer as Client
        self.client = Client({**CONSUMER, "bootstrap.servers": bootstrap})

    def open(self):
        from confluent_kafka import TopicPartition
        self.client.assign([TopicPartition(self.topic, p, 0) for p in range(self.partitions)])

    def poll(self):
        from confluent_kafka import KafkaError
        for message in self.client.consume(1000, 0.1):
            error = message.error()
            if not error:
                self.at_end.discard(message.partition())
                yield message.partition(), message.offset(), message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                self.at_end.add(message.partition())
            elif error.code() == KafkaError._AUTO_OFFSET_RESET or error.fatal():
                raise GaveUp(f"{self.writer.process}: {message.partition()}: {error.str()}")
            else:
                print(f"{time.monotonic():.3f} {error.name()} {error.str()}", file=sys.stderr, flush=True)

    def close(self):
        self.client.close()


class KafkaPythonConsumer(Consumer):
    def __init__(self, bootstrap, *rest):
        super().__init__(*rest)
        self.bootstrap = bootstrap.split(",")

    def open(self):
        from kafka import KafkaConsumer, TopicPartition
        self.client = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False,
                                    auto_offset_reset="none", check_crcs=True, fetch_max_wait_ms=50,
                                    request_timeout_ms=CLIENT_TIMEOUT_MS, reconnect_backoff_ms=20,
                                    reconnect_backoff_max_ms=200, retry_backoff_ms=20, metadata_max_age_ms=2000)
        places = [TopicPartition(self.topic, p) for p in range(self.partitions)]
        self.client.assign(places)
        for place in places:
            self.client.seek(place, 0)

    def poll(self):
        from kafka.errors import OffsetOutOfRangeError
        try:
            for records in self.client.poll(timeout_ms=100, max_records=1000).values():
                for record in records:
                    yield record.partition, record.offset, record.value
        except OffsetOutOfRangeError as error:
            raise GaveUp(f"{self.writer.process}: {error!r}") from error

    def close(self):
        self.client.close(autocommit=False)


def make(role, kind, bootstrap, topic, partitions, name, file, per_second="0", key_bytes="0"):
    if role == "produce":
        rest = topic, int(partitions), name, file, int(per_second), int(key_bytes)
        if kind == "kafka-python":
            return KafkaPythonProducer(bootstrap, *rest)
        return ConfluentProducer({"confluent": IDEMPOTENT, "acks1": ACKS_1}[kind], bootstrap, *rest)
    consumer = {"confluent": ConfluentConsumer, "kafka-python": KafkaPythonConsumer}[kind]
    return consumer(bootstrap, topic, int(partitions), name, file)


def main(words):
    ending = threading.Event()
    def wait_for_end():
        sys.stdin.read()
        ending.set()
    role = words[0]
    client = make(*words)
    threading.Thread(target=wait_for_end, daemon=True).start()
    try:
        client.run(ending, **({"once": True} if role == "read" else {}))
    except GaveUp as reason:
        print(f"gave up: {reason}", file=sys.stderr, flush=True)
        client.writer.close()
        os._exit(GAVE_UP)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
