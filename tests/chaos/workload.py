"""Clients under load, each a process that keeps its history in a file (history.py) until its stdin ends:

  workload.py produce KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE PER_SECOND [KEY_BYTES]
  workload.py consume KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE
  workload.py read    KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE      once, from the start to the end of every partition
  workload.py copy    KIND BOOTSTRAP TOPIC PARTITIONS NAME FILE TO   each record once to the topic TO, until the end of TOPIC

KIND: confluent (producing: idempotent, acks=all), acks1 (confluent_kafka with acks=1 and without idempotence) or
kafka-python (acks=all; it knows no idempotence, so it sends nothing twice); producing: transactional (confluent_kafka, transactions over
several partitions, some of which it aborts). A copier takes records and their offsets in transactions. Exit code 0: everything was answered; 3: the
client itself gave up; its reason is the last line of stderr. load.py starts and ends them."""

import os
import random
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

TRANSACTION_SECONDS = 60    # and of what its records and offsets wait for
TRANSACTIONAL = {**COMMON, "acks": "all", "transaction.timeout.ms": TRANSACTION_SECONDS * 1000,
                 "message.timeout.ms": TRANSACTION_SECONDS * 1000, "request.timeout.ms": CLIENT_TIMEOUT_MS, "linger.ms": 2,
                 "retry.backoff.ms": 20}
COPIER = {**CONSUMER, "group.id": "copiers", "auto.offset.reset": "earliest", "isolation.level": "read_committed",
          "session.timeout.ms": 10000, "partition.assignment.strategy": "range"}
RECORDS_OF_A_TRANSACTION = 12
ABORTED_ONE_IN = 8
MEMBERS_SECONDS = 20        # for members of a group to come together, at the end
CALL_SECONDS = 10           # then the client is asked again, while that may help


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
        if self.client is not None:
            self.client.flush(FLUSH_SECONDS)
            self.client.close(10)


class Transactions:
    """librdkafka's transactional producer as its manual has it: what is retriable is tried again, what requires an abort is
    aborted, and after what is fatal there is a new one, which ends whatever the last one has left."""

    def __init__(self, bootstrap, name, writer):
        self.configuration = {**TRANSACTIONAL, "bootstrap.servers": bootstrap, "transactional.id": f"chaos-{name}"}
        self.writer = writer
        self.client = None

    def run(self, mops, fill, commits=True):
        """One op of the history; `fill` produces what its mops say, through told(). True: it is committed."""
        self.connect()
        op = self.writer.invoke("txn", mops)
        try:
            self.client.begin_transaction()
            fill(self.client)
            if commits:
                self.writer.commit(op)
                self.writer.flush()
                self.again(self.client.commit_transaction)
            else:
                self.again(self.client.abort_transaction)
            outcome = "ok" if commits else "fail"
        except Exception as error:     # KafkaException, or BufferError of a full queue
            outcome = self.undo(error)
        self.writer.complete(op, outcome, mops)
        self.writer.flush()
        return outcome == "ok"

    @staticmethod
    def told(mops, place):
        """For on_delivery."""
        def note(error, message):
            mops[place] = [*mops[place][:3], None if error else message.offset()]
        return note

    def connect(self):
        from confluent_kafka import Producer as Client
        while self.client is None:  # a client without records in its queue is false
            client = Client({**self.configuration, "error_cb": self.on_error})
            try:
                self.again(client.init_transactions)
                self.client = client
            except Exception as error:
                self.complain("init_transactions", error)
                time.sleep(0.2)

    def undo(self, error):
        """Its outcome: fail when it is certain."""
        self.complain("transaction", error)
        try:
            if not isinstance(error, BufferError) and not error.args[0].txn_requires_abort():
                raise error
            self.again(self.client.abort_transaction)
            return "fail"
        except Exception as fatal:
            self.complain("abort_transaction", fatal)
            self.client = None
            return "info"

    def again(self, call):
        from confluent_kafka import KafkaException
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            try:
                return call(CALL_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
                if time.monotonic() > deadline:
                    raise GaveUp(f"{self.writer.process}: {error}") from error
                time.sleep(0.05)

    def on_error(self, error):
        self.complain(error.name(), error.str())

    def complain(self, what, error):
        if isinstance(error, GaveUp):
            raise error
        print(f"{time.monotonic():.3f} {self.writer.process}: {what}: {error}", file=sys.stderr, flush=True)


class TransactionalProducer:
    """Transactions over some of the partitions at an even rate, until the event `ending`."""

    def __init__(self, bootstrap, topic, partitions, name, file, per_second, key_bytes):
        self.topic, self.partitions, self.name, self.per_second = topic, partitions, name, per_second
        self.key = bytes(key_bytes) or None
        self.writer = Writer(file, name)
        self.transactions = Transactions(bootstrap, name, self.writer)
        self.random = random.Random(name)
        self.sequence = 0

    def run(self, ending):
        while not ending.is_set():
            began = time.monotonic()
            self.one()
            time.sleep(max(began + RECORDS_OF_A_TRANSACTION / self.per_second - time.monotonic(), 0))
        self.writer.close()

    def one(self):
        chosen = self.random.sample(range(self.partitions), self.random.randint(1, self.partitions))
        mops = []
        for partition in sorted(self.random.choice(chosen) for _ in range(RECORDS_OF_A_TRANSACTION)):
            mops.append(["send", f"{self.topic}/{partition}", f"{self.name}:{self.sequence}"])
            self.sequence += 1

        def fill(client):
            for place, (_, key, value) in enumerate(list(mops)):
                client.produce(self.topic, value, self.key, partition=int(key.rpartition("/")[2]),
                               on_delivery=Transactions.told(mops, place))
        self.transactions.run(mops, fill, commits=self.random.randrange(ABORTED_ONE_IN) != 0)


class Copier:
    """A member of a group that takes each record to another topic, its copy and its offset in one transaction. After the
    event `ending` it goes on until it has read all that there is."""

    def __init__(self, bootstrap, topic, partitions, name, file, to):
        from confluent_kafka import Consumer as Client
        self.topic, self.partitions, self.name, self.to = topic, partitions, name, to
        self.writer = Writer(file, name)
        self.transactions = Transactions(bootstrap, name, self.writer)
        self.client = Client({**COPIER, "bootstrap.servers": bootstrap})
        self.at_end = set()
        self.copies = 0

    def run(self, ending):
        self.client.subscribe([self.topic], on_assign=self.moved, on_revoke=self.moved, on_lost=self.moved)
        quiet_since = time.monotonic()
        while not (ending.is_set() and self.has_read_all(quiet_since)):
            messages = self.poll()
            if messages or not ending.is_set():
                quiet_since = time.monotonic()
            if messages and not self.copy(messages):
                self.go_back()
        self.client.close()
        self.writer.close()

    def moved(self, _client, _partitions):
        """Whatever is read next is read by whoever has committed before."""
        self.at_end.clear()
        self.writer.assign({})

    def has_read_all(self, quiet_since):
        assigned = {place.partition for place in self.client.assignment()}
        quiet = time.monotonic() - quiet_since
        return quiet > 2 and assigned <= self.at_end if assigned else quiet > MEMBERS_SECONDS

    def poll(self):
        from confluent_kafka import KafkaError
        messages = []
        for message in self.client.consume(50, 0.2):
            error = message.error()
            if not error:
                self.at_end.discard(message.partition())
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self.at_end.add(message.partition())
            elif error.fatal():
                raise GaveUp(f"{self.name}: {error.str()}")
            else:
                print(f"{time.monotonic():.3f} {error.name()} {error.str()}", file=sys.stderr, flush=True)
        return messages

    def copy(self, messages):
        from confluent_kafka import TopicPartition
        got, mops, next_offsets = {}, [["poll", {}]], {}
        for message in messages:
            value, partition = message.value().decode(), message.partition()
            got.setdefault(f"{self.topic}/{partition}", []).append([message.offset(), value])
            self.copies += 1
            mops.append(["send", f"{self.to}/{partition}", f"{value}#{self.name}.{self.copies}"])
            next_offsets[partition] = message.offset() + 1
        mops[0][1] = got

        def fill(client):
            for place, mop in enumerate(list(mops)):
                if mop[0] == "send":
                    client.produce(self.to, mop[2], partition=int(mop[1].rpartition("/")[2]),
                                   on_delivery=Transactions.told(mops, place))
            offsets = [TopicPartition(self.topic, partition, offset) for partition, offset in next_offsets.items()]
            group = self.client.consumer_group_metadata()
            self.transactions.again(lambda seconds: client.send_offsets_to_transaction(offsets, group, seconds))
        return self.transactions.run(mops, fill)

    def go_back(self):
        """To where the group has committed: who joins it anew begins there."""
        self.client.unsubscribe()
        self.moved(None, None)
        self.client.subscribe([self.topic], on_assign=self.moved, on_revoke=self.moved, on_lost=self.moved)


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


def make(role, kind, bootstrap, topic, partitions, name, file, more="0", key_bytes="0"):
    """`more`: records a second of a producer, the other topic of a copier."""
    if role == "copy":
        return Copier(bootstrap, topic, int(partitions), name, file, more)
    per_second = more
    if role == "produce":
        rest = topic, int(partitions), name, file, int(per_second), int(key_bytes)
        if kind == "transactional":
            return TransactionalProducer(bootstrap, *rest)
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
