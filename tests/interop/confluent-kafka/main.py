"""main.py HOST:PORT PREFIX: confluent-kafka (librdkafka's newest release) against one broker."""

import sys
import time

from common import MIB, Record, main, some_records
from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition
from confluent_kafka.admin import (AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic,
                                   OffsetSpec, ResourceType)
from groups import BATCH
from scenarios import REPLICAS, equal, refused, soon_equal, that

SECONDS = 30


def retried(call):
    """What librdkafka calls retriable is tried again."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except KafkaException as error:
            if not error.args[0].retriable() or time.monotonic() > until:
                raise
            time.sleep(0.1)


class Member:
    def __init__(self, bootstrap, group, topic, protocol):
        classic = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 500}  # with the other protocol the group's say
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "group.protocol": protocol,
                                  "auto.offset.reset": "earliest", "enable.auto.commit": False,
                                  "isolation.level": "read_committed", "fetch.wait.max.ms": 50,
                                  "topic.metadata.refresh.interval.ms": 1000, "reconnect.backoff.max.ms": 200,
                                  **(classic if protocol == "classic" else {})})
        self.consumer.subscribe([topic])

    def poll(self, seconds):
        messages = self.consumer.consume(BATCH, seconds)
        for message in messages:
            if message.error() and message.error().fatal():
                raise KafkaException(message.error())
        return [int(message.value()) for message in messages if not message.error()]

    def assigned(self):
        return {at.partition for at in self.consumer.assignment()}

    def commit(self):
        self.consumer.commit(asynchronous=False)

    def close(self):
        self.consumer.close()


class Transactional:
    def __init__(self, bootstrap, name):
        self.producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": name, "linger.ms": 2,
                                  "transaction.timeout.ms": 30000, "socket.timeout.ms": 5000,
                                  "reconnect.backoff.max.ms": 200})
        retried(lambda: self.producer.init_transactions(10))

    def begin(self):
        self.producer.begin_transaction()

    def send(self, topic, value, partition):
        self.producer.produce(topic, b"%d" % value, partition=partition)

    def offsets(self, member):
        consumer = member.consumer
        retried(lambda: self.producer.send_offsets_to_transaction(
            consumer.position(consumer.assignment()), consumer.consumer_group_metadata(), 10))

    def commit(self):
        retried(lambda: self.producer.commit_transaction(10))

    def abort(self):
        self.producer.flush(10)  # partitions that are being added while a transaction ends would end the next one
        retried(lambda: self.producer.abort_transaction(10))

    def close(self):
        self.producer.purge()


class ConfluentKafka:
    cannot_send = ()
    protocols = ("classic", "consumer")
    movers = 2

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.admin = AdminClient({"bootstrap.servers": bootstrap})

    @staticmethod
    def one(futures):
        """The result of the only future."""
        (future,) = futures.values()
        return future.result(SECONDS)

    def create(self, topic, partitions, configs):
        self.one(self.admin.create_topics([NewTopic(topic, partitions, REPLICAS, config=configs)], operation_timeout=SECONDS))

    def delete(self, topic):
        self.one(self.admin.delete_topics([topic], operation_timeout=SECONDS))

    def topics(self):
        return set(self.admin.list_topics(timeout=SECONDS).topics)

    def partitions(self, topic):
        return len(self.admin.list_topics(topic, timeout=SECONDS).topics[topic].partitions)

    def produce(self, topic, records, codec="none", acks="all", idempotent=False):
        producer = Producer({"bootstrap.servers": self.bootstrap, "compression.type": codec, "acks": acks, "linger.ms": 5,
                             "enable.idempotence": idempotent, "message.max.bytes": 8 * MIB,
                             "message.timeout.ms": 30000})
        errors = []
        def answered(error, _):
            if error:
                errors.append(error)
        for one in records:
            producer.produce(topic, one.value, one.key, partition=0, on_delivery=answered, headers=list(one.headers),
                             timestamp=one.timestamp or 0)
        equal(0, producer.flush(SECONDS), "records without an answer")
        if errors:
            raise KafkaException(errors[0])

    def produce_for(self, topic, seconds):
        producer = Producer({"bootstrap.servers": self.bootstrap, "acks": "all", "enable.idempotence": True, "linger.ms": 5,
                             "message.timeout.ms": 120000, "socket.timeout.ms": 5000, "reconnect.backoff.max.ms": 200})
        errors, sent, until = [], 0, time.monotonic() + seconds
        while time.monotonic() < until:
            for _ in range(20):
                producer.produce(topic, b"%d" % sent, partition=0, on_delivery=lambda error, _: error and errors.append(error))
                sent += 1
            producer.poll(0.02)
        equal(0, producer.flush(60), "records without an answer")
        if errors:
            raise KafkaException(errors[0])
        return sent

    def read(self, topic, start, **settings):
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "unused", "enable.auto.commit": False,
                             "enable.partition.eof": True, "auto.offset.reset": "error", "check.crcs": True,
                             "fetch.wait.max.ms": 50, **settings})
        try:
            consumer.assign([TopicPartition(topic, 0, start)])
            return list(self._to_end(consumer))
        finally:
            consumer.close()

    @staticmethod
    def _to_end(consumer):
        while True:
            message = consumer.poll(SECONDS)
            that(message is not None, f"nothing came for {SECONDS} s")
            error = message.error()
            if error and error.code() == KafkaError._PARTITION_EOF:
                return
            if error:
                raise KafkaException(error)
            yield Record(message.value(), message.key(), tuple(message.headers() or ()), message.timestamp()[1])

    def member(self, group, topic, protocol):
        return Member(self.bootstrap, group, topic, protocol)

    mover = member

    def transactional(self, name):
        return Transactional(self.bootstrap, name)

    def committed(self, topic):
        return [int(one.value) for one in self.read(topic, 0, **{"isolation.level": "read_committed"})]

    def offset(self, topic, spec, **how):
        return self.one(self.admin.list_offsets({TopicPartition(topic, 0): spec}, request_timeout=SECONDS, **how)).offset

    def offset_at(self, topic, millis):
        found = self.offset(topic, OffsetSpec.for_timestamp(millis))
        return None if found == -1 else found

    def end(self, topic):
        return self.offset(topic, OffsetSpec.latest())

    def delete_records(self, topic, before):
        return self.one(self.admin.delete_records([TopicPartition(topic, 0, before)])).low_watermark

    def alter(self, topic, key, value, how=AlterConfigOpType.SET):
        entry = ConfigEntry(key, value, incremental_operation=how)
        self.one(self.admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])]))

    def config(self, topic, key):
        return self.one(self.admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]))[key].value


def alter_configs_whole(client, common):
    """The old AlterConfigs: what it does not name goes back to its default."""
    topic = common.create("alter-whole", segment_ms="600000")
    client.one(client.admin.alter_configs([ConfigResource(ResourceType.TOPIC, topic, set_config={"retention.ms": "60000"})]))
    soon_equal(("60000", "604800000"), lambda: (client.config(topic, "retention.ms"), client.config(topic, "segment.ms")),
               "configs")


def alter_configs_append(client, common):
    topic = common.create("alter-append")
    client.alter(topic, "cleanup.policy", "compact", AlterConfigOpType.APPEND)
    soon_equal("delete,compact", lambda: client.config(topic, "cleanup.policy"), "appended")
    client.alter(topic, "cleanup.policy", "delete", AlterConfigOpType.SUBTRACT)
    soon_equal("compact", lambda: client.config(topic, "cleanup.policy"), "subtracted")
    client.alter(topic, "cleanup.policy", None, AlterConfigOpType.DELETE)
    soon_equal("delete", lambda: client.config(topic, "cleanup.policy"), "deleted")


def create_partitions(client, common):
    topic = common.create("grow", 2)
    client.one(client.admin.create_partitions([NewPartitions(topic, 4)], operation_timeout=SECONDS))
    soon_equal(4, lambda: client.partitions(topic), "partitions")
    refused("InvalidPartitions", lambda: client.one(client.admin.create_partitions([NewPartitions(topic, 3)])), "fewer")


def describe_topics(client, common):
    topic = common.create("describe", 3)
    told = client.one(client.admin.describe_topics(TopicCollection([topic])))
    equal((topic, 3, False), (told.name, len(told.partitions), told.is_internal), "description")
    that(str(told.topic_id) not in ("", "AAAAAAAAAAAAAAAAAAAAAA"), f"topic id {told.topic_id}")


def describe_cluster(client, _):
    told = client.admin.describe_cluster(request_timeout=SECONDS).result(SECONDS)
    equal(REPLICAS, len(told.nodes), "nodes")
    that(f"{told.controller.host}:{told.controller.port}" in client.bootstrap.split(","), f"controller {told.controller}")
    that(told.cluster_id, "no cluster id")


def describe_broker_configs(client, _):
    node = client.admin.list_topics(timeout=SECONDS).controller_id
    configs = client.one(client.admin.describe_configs([ConfigResource(ResourceType.BROKER, str(node))]))
    equal("1048588", configs["message.max.bytes"].value, "message.max.bytes")


def list_offsets(client, common):
    topic = common.create("list-offsets")
    client.produce(topic, [Record(b"v", None, (), time) for time in (1000, 5000, 3000)])
    for spec, wanted in ((OffsetSpec.earliest(), 0), (OffsetSpec.latest(), 3), (OffsetSpec.max_timestamp(), 1),
                         (OffsetSpec.for_timestamp(1001), 1), (OffsetSpec.for_timestamp(5001), -1)):
        equal(wanted, client.offset(topic, spec, isolation_level=IsolationLevel.READ_COMMITTED), repr(spec))


def consumer_calls(client, common):
    topic = common.create("consumer-calls")
    client.produce(topic, some_records(10, 7))
    consumer = Consumer({"bootstrap.servers": client.bootstrap, "group.id": "unused", "enable.auto.commit": False})
    at = TopicPartition(topic, 0, 4)
    equal((0, 10), consumer.get_watermark_offsets(at, SECONDS), "watermarks")
    consumer.assign([at])
    equal(some_records(10, 7)[4].value, consumer.poll(SECONDS).value(), "value at 4")
    equal(5, consumer.position([at])[0].offset, "position")
    consumer.seek(TopicPartition(topic, 0, 1))
    equal(some_records(10, 7)[1].value, consumer.poll(SECONDS).value(), "value at 1 after seek")
    consumer.close()


def read_committed(client, common):
    topic, sent = common.create("committed"), some_records(100, 8)
    client.produce(topic, sent)
    equal(100, len(client.read(topic, 0, **{"isolation.level": "read_committed"})), "records")


if __name__ == "__main__":
    main(ConfluentKafka(sys.argv[1]), sys.argv[2],
         (alter_configs_whole, alter_configs_append, create_partitions, describe_topics, describe_cluster,
          describe_broker_configs, list_offsets, consumer_calls, read_committed))
