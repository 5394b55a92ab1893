"""One adapter for each real client, all with the same few verbs. What a client cannot do is missing from its `can`;
scenarios then let the librdkafka program do it and say so.

  create_topic(topic, partitions, configs)       delete_topic(topic)
  produce(topic, records, codec, acks, idempotent, partition)   waits until all is answered; Refused on an error
  read(topic, start, partition)                  all records from start to the end; start: an offset or At(ms)
  delete_records(topic, before, partition)       the new log start offset
"""

import os
import subprocess
from dataclasses import dataclass

from records import Record

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
EVERYTHING = {"create topic", "delete topic", "delete records", "timestamps", "empty values", "null headers",
              "records without key and value", "idempotence", *CODECS}
COMMAND_SECONDS = 120
REPLICAS = int(os.environ.get("MOLDAU_TEST_REPLICAS", "1"))
FETCH_WAIT_MS = 20  # so that the end of a partition is told soon
MAX_REQUEST_BYTES = 8 << 20


@dataclass(frozen=True)
class At:
    timestamp: int


class Refused(Exception):
    """The broker or the client refused; the text has Kafka's name of the error."""


def run(words, stdin=b""):
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=COMMAND_SECONDS)
    if done.returncode != 0:
        raise Refused(f"{words[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}"
                      f"{done.stdout.decode(errors='replace')[-200:]}")
    return done.stdout


class RdkafkaC:
    """librdkafka by rdkafka_client.c."""

    name = "librdkafka"
    can = EVERYTHING

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.program = os.environ["MOLDAU_RDKAFKA_CLIENT"]

    def _run(self, command, *arguments, stdin=b""):
        return run([self.program, command, self.bootstrap, *map(str, arguments)], stdin)

    def create_topic(self, topic, partitions=1, configs=()):
        self._run("create-topic", topic, partitions, *configs)

    def delete_topic(self, topic):
        self._run("delete-topic", topic)

    def delete_records(self, topic, before, partition=0):
        return int(self._run("delete-records", topic, partition, before))

    def end_offset(self, topic, partition=0):
        return int(self._run("end-offset", topic, partition))

    def produce(self, topic, records, codec="none", acks="all", idempotent=False, partition=0):
        lines = "".join(map(to_line, records)).encode()
        answers = self._run("produce", topic, partition, f"compression.codec={codec}", f"acks={acks}",
                            f"enable.idempotence={str(idempotent).lower()}", f"message.max.bytes={MAX_REQUEST_BYTES}",
                            "linger.ms=5", stdin=lines).decode().splitlines()
        if len(answers) != len(records):
            raise Refused(f"{len(answers)} answers for {len(records)} records")

    def read(self, topic, start=0, partition=0):
        at = f"@{start.timestamp}" if isinstance(start, At) else start
        out = self._run("consume", topic, partition, at, f"fetch.wait.max.ms={FETCH_WAIT_MS}")
        return list(map(from_line, out.decode().splitlines()))


def to_line(record):
    headers = ",".join(f"{name}={to_word(value)}" for name, value in record.headers) or "."
    return f"0 {record.timestamp or 0} {to_word(record.key)} {to_word(record.value)} {headers}\n"


def to_word(value):
    return "-" if value is None else value.hex() or "."


def from_word(word):
    return {"-": None, ".": b""}[word] if word in "-." else bytes.fromhex(word)


def from_line(line):
    offset, timestamp, key, value, headers = line.split(" ")
    pairs = [] if headers == "." else [item.split("=") for item in headers.split(",")]
    return Record(from_word(value), from_word(key), tuple((name, from_word(word)) for name, word in pairs),
                  int(timestamp), int(offset))


class Kcat:
    """kcat has no admin commands, stamps records by itself and cannot tell an empty value from null."""

    name = "kcat"
    can = {"idempotence", "null headers", "records without key and value", *CODECS}
    KEY_END, RECORD_END = b"\x1f", b"\x1e"
    FORMAT = "%p %o %T %K %S %h\\n%k%s\\n"

    def __init__(self, bootstrap):
        self.command = ["kcat", "-b", bootstrap, "-m", "20"]

    def produce(self, topic, records, codec="none", acks="all", idempotent=False, partition=0):
        """One run for each stretch of records with the same headers: kcat has headers for a run only."""
        at = 0
        while at < len(records):
            end = at
            while end < len(records) and records[end].headers == records[at].headers:
                end += 1
            self._produce(topic, records[at:end], codec, acks, idempotent, partition)
            at = end

    def _produce(self, topic, records, codec, acks, idempotent, partition):
        headers = []
        for name, value in records[0].headers:
            headers += ["-H", name if value is None else f"{name}={value.decode()}"]
        stdin = b"".join((r.key or b"") + self.KEY_END + (r.value or b"") + self.RECORD_END for r in records)
        run([*self.command, "-P", "-t", topic, "-p", str(partition), "-K", "\\x1f", "-D", "\\x1e", "-Z", *headers,
             "-z", codec, "-X", f"topic.acks={acks}", "-X", f"enable.idempotence={str(idempotent).lower()}",
             "-X", f"message.max.bytes={MAX_REQUEST_BYTES}"], stdin)

    def read(self, topic, start=0, partition=0):
        at = f"s@{start.timestamp}" if isinstance(start, At) else str(start)
        out = run([*self.command, "-C", "-t", topic, "-p", str(partition), "-o", at, "-e", "-q", "-f", self.FORMAT,
                   "-X", "check.crcs=true", "-X", "topic.auto.offset.reset=error",
                   "-X", f"fetch.wait.max.ms={FETCH_WAIT_MS}"])
        return list(self._parse(out))

    def _parse(self, out):
        while out:
            head, _, out = out.partition(b"\n")
            _, offset, timestamp, key_size, value_size, headers = head.decode().split(" ", 5)
            key, out = self._take(out, int(key_size))
            value, out = self._take(out, int(value_size))
            assert out.startswith(b"\n"), out[:40]
            out = out[1:]
            yield Record(value, key, self._headers(headers), int(timestamp), int(offset))

    @staticmethod
    def _take(out, size):
        return (None, out) if size < 0 else (out[:size], out[size:])

    @staticmethod
    def _headers(text):
        pairs = [item.split("=", 1) for item in text.split(",")] if text else []
        return tuple((name, None if value == "NULL" else value.encode()) for name, value in pairs)


class KafkaPython:
    """python3-kafka 2.0.2 knows neither idempotence nor DeleteRecords, and refuses to send some nulls."""

    name = "kafka-python"
    can = EVERYTHING - {"idempotence", "delete records", "null headers", "records without key and value"}

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def create_topic(self, topic, partitions=1, configs=()):
        from kafka.admin import NewTopic
        wish = NewTopic(topic, partitions, REPLICAS, topic_configs=dict(c.split("=", 1) for c in configs))
        self._admin(lambda admin: admin.create_topics([wish], timeout_ms=15000))

    def delete_topic(self, topic):
        self._admin(lambda admin: admin.delete_topics([topic], timeout_ms=15000))

    def _admin(self, call):
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            call(admin)
        except KafkaError as error:
            raise Refused(repr(error)) from error
        finally:
            admin.close()

    def produce(self, topic, records, codec="none", acks="all", idempotent=False, partition=0):
        from kafka import KafkaProducer
        from kafka.errors import KafkaError
        assert not idempotent
        producer = KafkaProducer(bootstrap_servers=self.bootstrap, acks=acks if acks == "all" else int(acks),
                                 compression_type=None if codec == "none" else codec, linger_ms=5,
                                 max_request_size=MAX_REQUEST_BYTES, max_in_flight_requests_per_connection=1)
        try:
            sent = [producer.send(topic, r.value, r.key, list(r.headers), partition, r.timestamp) for r in records]
            for answer in sent:
                answer.get(timeout=60)
        except KafkaError as error:
            raise Refused(repr(error)) from error
        finally:
            producer.close(timeout=20)

    def read(self, topic, start=0, partition=0):
        from kafka import KafkaConsumer, TopicPartition
        consumer = KafkaConsumer(bootstrap_servers=self.bootstrap, group_id=None, enable_auto_commit=False,
                                 auto_offset_reset="none", check_crcs=True, fetch_max_wait_ms=FETCH_WAIT_MS)
        try:
            at = TopicPartition(topic, partition)
            consumer.assign([at])
            end = consumer.end_offsets([at])[at]
            consumer.seek(at, self._offset(consumer, at, start, end))
            return self._read_to(consumer, at, end)
        finally:
            consumer.close()

    @staticmethod
    def _offset(consumer, at, start, end):
        if not isinstance(start, At):
            return start
        found = consumer.offsets_for_times({at: start.timestamp})[at]
        return found.offset if found else end

    @staticmethod
    def _read_to(consumer, at, end):
        records = []
        while consumer.position(at) < end:
            for message in consumer.poll(timeout_ms=30000).get(at, ()):
                records.append(Record(message.value, message.key, tuple(message.headers), message.timestamp,
                                      message.offset))
        return records


class ConfluentKafka:
    """python3-confluent-kafka 1.7.0 has no DeleteRecords."""

    name = "confluent-kafka"
    can = EVERYTHING - {"delete records"}

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap

    def create_topic(self, topic, partitions=1, configs=()):
        from confluent_kafka.admin import NewTopic
        wish = NewTopic(topic, partitions, REPLICAS, config=dict(c.split("=", 1) for c in configs))
        self._admin(lambda admin: admin.create_topics([wish], operation_timeout=15))

    def delete_topic(self, topic):
        self._admin(lambda admin: admin.delete_topics([topic], operation_timeout=15))

    def _admin(self, call):
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient
        admin = AdminClient({"bootstrap.servers": self.bootstrap})  # answers do not outlive it
        try:
            for answer in call(admin).values():
                answer.result(30)
        except KafkaException as error:
            raise Refused(repr(error)) from error

    def produce(self, topic, records, codec="none", acks="all", idempotent=False, partition=0):
        from confluent_kafka import Producer
        producer = Producer({"bootstrap.servers": self.bootstrap, "compression.codec": codec, "acks": acks,
                             "enable.idempotence": idempotent, "linger.ms": 5,
                             "message.max.bytes": MAX_REQUEST_BYTES})
        errors = []
        for record in records:
            producer.produce(topic, record.value, record.key, partition, timestamp=record.timestamp or 0,
                             headers=list(record.headers),
                             on_delivery=lambda error, _: errors.append(error.name()) if error else None)
            producer.poll(0)
        if producer.flush(60):
            raise Refused("not all records were answered within 60 s")
        if errors:
            raise Refused(f"{len(errors)} records failed: {errors[0]}")

    def read(self, topic, start=0, partition=0):
        from confluent_kafka import Consumer, TopicPartition
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False,
                             "enable.partition.eof": True, "auto.offset.reset": "error", "check.crcs": True,
                             "fetch.wait.max.ms": FETCH_WAIT_MS})
        try:
            at = TopicPartition(topic, partition, start.timestamp if isinstance(start, At) else start)
            if isinstance(start, At):
                at = consumer.offsets_for_times([at], timeout=20)[0]
            consumer.assign([at])
            return list(self._read_to_end(consumer))
        finally:
            consumer.close()

    @staticmethod
    def _read_to_end(consumer):
        from confluent_kafka import KafkaError
        while True:
            message = consumer.poll(30)
            if message is None:
                raise Refused("nothing came for 30 s")
            if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                return
            if message.error():
                raise Refused(str(message.error()))
            yield Record(message.value(), message.key(), tuple(message.headers() or ()), message.timestamp()[1],
                         message.offset())


CLIENTS = {client.name: client for client in (Kcat, KafkaPython, ConfluentKafka, RdkafkaC)}
