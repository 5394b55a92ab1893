"""main.py HOST:PORT PREFIX: aiokafka against one broker. Each verb is one run of an event loop."""

import asyncio
import logging
import sys
import threading
import time
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code
from common import MIB, Record, main, some_records
from groups import BATCH, PARTITIONS
from scenarios import REPLICAS, equal, soon_equal, that

SECONDS = 30


@asynccontextmanager
async def started(client):
    await client.start()
    try:
        yield client
    finally:
        await (client.close() if hasattr(client, "close") else client.stop())


def run(coroutine, seconds=SECONDS):
    return asyncio.run(asyncio.wait_for(coroutine, seconds))


def check(code, message=""):
    if code:
        raise for_code(code)(message)


class Loop:
    """For what lives through many verbs: its heartbeats go on between them."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine, seconds=SECONDS):
        return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, seconds), self.loop).result()


class Member:
    def __init__(self, loop, topic, group, subscribes, **settings):
        self.loop, self.group = loop, group
        self.next = {}  # offsets behind what was polled
        async def open_one():
            consumer = AIOKafkaConsumer(group_id=group, enable_auto_commit=False, auto_offset_reset="earliest",
                                        isolation_level="read_committed", fetch_max_wait_ms=50, session_timeout_ms=6000,
                                        heartbeat_interval_ms=500, metadata_max_age_ms=1000, retry_backoff_ms=50,
                                        **settings)
            if subscribes:
                consumer.subscribe([topic])
            await consumer.start()
            if not subscribes:
                consumer.assign([TopicPartition(topic, partition) for partition in range(PARTITIONS)])
            return consumer
        self.consumer = loop.run(open_one())

    def poll(self, seconds):
        records = self.loop.run(self.consumer.getmany(timeout_ms=int(seconds * 1000), max_records=BATCH))
        self.next.update({at: some[-1].offset + 1 for at, some in records.items()})
        return [int(one.value) for some in records.values() for one in some]

    def assigned(self):
        return {at.partition for at in self.consumer.assignment()}

    def commit(self):
        self.loop.run(self.consumer.commit())

    def close(self):
        self.loop.run(self.consumer.stop())


class Transactional:
    def __init__(self, loop, bootstrap, name):
        self.loop = loop
        self.sent = []
        async def open_one():
            producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=name, linger_ms=2,
                                        transaction_timeout_ms=30000, request_timeout_ms=5000, retry_backoff_ms=50)
            await producer.start()
            return producer
        self.producer = loop.run(open_one())

    def begin(self):
        self.loop.run(self.producer.begin_transaction())

    def send(self, topic, value, partition):
        self.sent.append(self.loop.run(self.producer.send(topic, b"%d" % value, partition=partition)))

    def offsets(self, member):
        self.loop.run(self.producer.send_offsets_to_transaction(dict(member.next), member.group))

    def commit(self):
        self.loop.run(self.producer.commit_transaction())
        self.answered()

    def abort(self):
        self.loop.run(self.producer.abort_transaction())
        self.sent.clear()

    def answered(self):
        sent, self.sent = self.sent, []
        async def gather():
            await asyncio.gather(*sent)
        self.loop.run(gather())

    def close(self):
        self.loop.run(self.producer.stop())


class Aiokafka:
    cannot_send = ((None, None),)  # a record without key and value: its send() asks for one of them
    protocols = ("classic",)
    # Its producer commits offsets by the group's name alone: only the transactional id keeps one off that has lost its
    # partitions. So there is one, and it takes its partitions without joining.
    movers = 1

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = Loop()

    def member(self, group, topic, _protocol, subscribes=True):
        return Member(self.loop, topic, group, subscribes, bootstrap_servers=self.bootstrap)

    def mover(self, group, topic, protocol):
        return self.member(group, topic, protocol, subscribes=False)

    def transactional(self, name):
        return Transactional(self.loop, self.bootstrap, name)

    def committed(self, topic):
        return [int(one.value) for one in self.read(topic, 0, isolation_level="read_committed")]

    def admin(self, call):
        async def ask():
            async with started(AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
                return await call(admin)
        return run(ask())

    def create(self, topic, partitions, configs):
        wish = NewTopic(topic, partitions, REPLICAS, topic_configs=configs)
        answer = self.admin(lambda admin: admin.create_topics([wish]))
        _, code, message, *_ = answer.topic_errors[0]
        check(code, message)

    def delete(self, topic):
        answer = self.admin(lambda admin: admin.delete_topics([topic]))
        check(answer.topic_error_codes[0][1])

    def topics(self):
        return set(self.admin(lambda admin: admin.list_topics()))

    def partitions(self, topic):
        (told,) = self.admin(lambda admin: admin.describe_topics([topic]))
        check(told["error_code"])
        return len(told["partitions"])

    def produce(self, topic, records, codec="none", acks="all", idempotent=False):
        async def send():
            producer = AIOKafkaProducer(
                bootstrap_servers=self.bootstrap, acks=acks if acks == "all" else int(acks), linger_ms=5,
                compression_type=None if codec == "none" else codec, enable_idempotence=idempotent,
                max_request_size=8 * MIB)
            async with started(producer):
                sent = [await producer.send(topic, one.value, one.key, 0, one.timestamp, list(one.headers))
                        for one in records]
                await asyncio.gather(*sent)
        run(send())

    def produce_for(self, topic, seconds):
        async def send():
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, acks="all", enable_idempotence=True, linger_ms=5,
                                        request_timeout_ms=5000, retry_backoff_ms=50)
            async with started(producer):
                sent, until = [], time.monotonic() + seconds
                while time.monotonic() < until:
                    for _ in range(20):
                        sent.append(await producer.send(topic, b"%d" % len(sent), partition=0))
                    await asyncio.sleep(0.02)
                await asyncio.gather(*sent)
                return len(sent)
        return run(send(), SECONDS + seconds)

    def consume(self, topic, call, **settings):
        async def ask():
            async with started(AIOKafkaConsumer(bootstrap_servers=self.bootstrap, enable_auto_commit=False,
                                                fetch_max_wait_ms=50, auto_offset_reset="earliest",
                                                **settings)) as consumer:
                at = TopicPartition(topic, 0)
                consumer.assign([at])
                return await call(consumer, at)
        return run(ask())

    def read(self, topic, start, **settings):
        async def to_end(consumer, at):
            end = (await consumer.end_offsets([at]))[at]
            consumer.seek(at, start)
            records = []
            while await consumer.position(at) < end:
                for one in (await consumer.getmany(at, timeout_ms=1000)).get(at, ()):
                    records.append(Record(one.value, one.key, one.headers, one.timestamp))
            return records
        return self.consume(topic, to_end, **settings)

    def offset_at(self, topic, millis):
        async def ask(consumer, at):
            return (await consumer.offsets_for_times({at: millis}))[at]
        found = self.consume(topic, ask)
        return found.offset if found else None

    def end(self, topic):
        async def ask(consumer, at):
            return (await consumer.end_offsets([at]))[at]
        return self.consume(topic, ask)

    def delete_records(self, topic, before):
        at = TopicPartition(topic, 0)
        return self.admin(lambda admin: admin.delete_records({at: RecordsToDelete(before)}))[at]

    def alter(self, topic, key, value):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {key: value})
        (answer,) = self.admin(lambda admin: admin.alter_configs([resource]))
        code, message, *_ = answer.resources[0]
        check(code, message)

    def config(self, topic, key):
        return self.configs(ConfigResource(ConfigResourceType.TOPIC, topic))[key]

    def configs(self, resource):
        (answer,) = self.admin(lambda admin: admin.describe_configs([resource]))
        code, message, _, _, entries, *_ = answer.resources[0]
        check(code, message)
        return {entry[0]: entry[1] for entry in entries}


def create_partitions(client, common):
    topic = common.create("grow", 2)
    client.admin(lambda admin: admin.create_partitions({topic: NewPartitions(4)}))
    soon_equal(4, lambda: client.partitions(topic), "partitions")


def describe_cluster(client, _):
    told = client.admin(lambda admin: admin.describe_cluster())
    equal(sorted(client.bootstrap.split(",")), sorted(f"{one['host']}:{one['port']}" for one in told["brokers"]), "brokers")


def describe_broker_configs(client, _):
    node = client.admin(lambda admin: admin.describe_cluster())["controller_id"]
    equal("1048588", client.configs(ConfigResource(ConfigResourceType.BROKER, str(node)))["message.max.bytes"],
          "message.max.bytes")


def consumer_calls(client, common):
    topic, sent = common.create("consumer-calls"), some_records(10, 7)
    client.produce(topic, sent)
    async def calls(consumer, at):
        equal({at: 0}, await consumer.beginning_offsets([at]), "beginning")
        await consumer.seek_to_beginning(at)
        equal(sent[0].value, (await consumer.getone(at)).value, "first value")
        await consumer.seek_to_end(at)
        equal(10, await consumer.position(at), "position at the end")
        that(topic in await consumer.topics(), "the topic is not listed")
    client.consume(topic, calls)


def read_committed(client, common):
    topic, sent = common.create("committed"), some_records(100, 8)
    client.produce(topic, sent)
    equal(100, len(client.read(topic, 0, isolation_level="read_committed")), "records")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    main(Aiokafka(sys.argv[1]), sys.argv[2],
         (create_partitions, describe_cluster, describe_broker_configs, consumer_calls, read_committed))
