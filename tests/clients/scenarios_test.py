"""The same scenarios with each real client: scenarios_test.py CLIENT [three-nodes] (a name of adapters.CLIENTS). With
three nodes every topic has three replicas; the node that leads most partitions is what is killed and stopped.

Every scenario has a topic of its own. All of them run on a fresh node; then the node is killed with -9, started again,
everything that was left in it is read again and compared; then all scenarios run once more on the recovered node. What
a client cannot do, the librdkafka program does in its place, and the test prints that."""

import random
import re
import sys
import time

if "three-nodes" in sys.argv:
    from three_nodes import ThreeNodes  # before adapters.py: topics get three replicas
from adapters import At, CLIENTS, CODECS, REPLICAS, RdkafkaC, Refused
from broker import wait_for
from live_test import LiveTest, main
from records import Record, differences, with_offsets

MIB = 1 << 20
CLOCK_SLACK_MS = 5


def some_records(count, seed=1, value_size=120):
    """Keys and values of every byte but the two that kcat's command line uses as delimiters; a part compresses well."""
    rng = random.Random(seed)
    alphabet = bytes(set(range(256)) - {0x1e, 0x1f})
    def blob(size):
        return bytes(rng.choices(alphabet, k=size))
    return [Record(b"value %d " % i + blob(value_size // 2) + b"river " * (value_size // 12), b"key %d " % i + blob(4))
            for i in range(count)]


class Scenario:
    """One scenario's topic and the client under test. Remembers what the topic must hold, for after a restart."""

    def __init__(self, test, client, helper, topic):
        self.test, self.client, self.helper, self.topic = test, client, helper, topic
        self.expected = {}  # partition: records
        self.sent_between = None
        self.gone = False

    def able(self, ability):
        if ability in self.client.can:
            return self.client
        print(f"  {self.client.name} cannot do \"{ability}\": {self.helper.name} does it", file=sys.stderr)
        return self.helper

    def create(self, partitions=1, *configs):
        self.able("create topic").create_topic(self.topic, partitions, configs)

    def produce(self, records, partition=0, by=None, **how):
        began = now_ms()
        (by or self.client).produce(self.topic, records, partition=partition, **how)
        known = self.expected.setdefault(partition, [])
        known += with_offsets(records, known[-1].offset + 1 if known else 0)
        self.sent_between = (self.sent_between[0] if self.sent_between else began - CLOCK_SLACK_MS,
                             now_ms() + CLOCK_SLACK_MS)

    def read(self, start=0, partition=0):
        return self.client.read(self.topic, start, partition)

    def compare(self, expected, got):
        lines = differences(expected, got, self.sent_between)
        self.test.assertFalse(lines, f"{self.topic}:\n" + "\n".join(lines))

    def check_all(self):
        for partition, records in self.expected.items():
            start = records[0].offset if records else 0
            self.compare(records, self.read(start, partition))


def now_ms():
    return int(time.time() * 1000)


# The scenarios. Each is called with a Scenario whose topic does not exist yet.

def create_topic(s):
    s.create(3)
    for partition in range(3):
        s.produce(some_records(5, seed=partition), partition)
    s.check_all()
    try:
        s.create(3)
    except Refused as refused:
        s.test.assertRegex(str(refused).upper(), "ALREADY.?EXISTS")
    else:
        s.test.fail("a topic was created twice")


def ends_at(s, offset):
    try:
        return s.helper.end_offset(s.topic) == offset
    except Refused:  # by a node that has not heard of the topic yet
        return False


def produce_with(codec, acks):
    def scenario(s):
        if codec not in s.client.can:
            s.test.skipTest(f"{s.client.name} does not do {codec}")
        s.create()
        s.produce(some_records(200), codec=codec, acks=acks)
        if acks == "0" or acks == "1" and REPLICAS > 1:  # nothing says when consumers may see the records
            wait_for(lambda: ends_at(s, 200), 10, f"all records of acks={acks} are there")
        s.check_all()
    return scenario


def idempotent(s):
    s.create()
    by = s.able("idempotence")
    for seed in range(3):
        s.produce(some_records(500, seed), by=by, codec="lz4", idempotent=True)
    s.check_all()


def headers(s):
    s.create()
    sets = ((), (("one", b"1"),), (("trace", b"a"), ("trace", b"b"), ("empty", b"")),
            (("long", b"x" * 3000), ("n" * 300, b"y")))
    s.produce([Record(b"value %d" % i, b"key", sets[i // 3]) for i in range(12)])
    s.produce([Record(b"value", b"key", (("null", None), ("one", b"1")))], by=s.able("null headers"))
    s.check_all()


def null_keys_and_values(s):
    s.create()
    s.produce([Record(b"value", None), Record(None, b"key"), Record(b"value", b"key")])
    s.produce([Record(None, None), Record(b"value", b"key")], by=s.able("records without key and value"))
    s.produce([Record(b"", b""), Record(b"", None), Record(None, b"")], by=s.able("empty values"))
    s.check_all()


def records_of_one_mib(s):
    s.create(1, f"max.message.bytes={2 * MIB}")
    rng = random.Random(7)
    for codec in ("none", "lz4", "gzip"):
        values = [rng.randbytes(MIB).replace(b"\x1e", b".").replace(b"\x1f", b"."), b"river " * (MIB // 6) + b"dark"]
        s.produce([Record(value, b"key") for value in values], codec=codec)
    s.check_all()


def record_over_max_message_bytes(s):
    s.create()
    with s.test.assertRaisesRegex(Refused, re.compile("Size.?Too.?Large", re.I)):
        s.produce([Record(random.Random(3).randbytes(3 * MIB // 2).replace(b"\x1e", b".").replace(b"\x1f", b"."), b"key")])
    s.produce([Record(b"small", b"key")])
    s.check_all()


def read_from_an_offset(s):
    s.create()
    s.produce(some_records(300, value_size=600))
    for start in (0, 1, 137, 299):
        s.compare(s.expected[0][start:], s.read(start))
    s.compare([], s.read(300))


def read_from_a_timestamp(s):
    s.create()
    base = now_ms() - 500_000
    by = s.able("timestamps")
    for part in range(4):  # a batch each, and records of one batch far apart in time
        s.produce([Record(b"value %d" % i, b"key", (), base + 1000 * i) for i in range(part * 50, part * 50 + 50)], by=by)
    for millis, first in ((0, 0), (1000 * 120, 120), (1000 * 120 + 1, 121), (1000 * 199, 199), (1000 * 199 + 1, 200)):
        s.compare(s.expected[0][first:], s.read(At(base + millis)))
    s.check_all()


def delete_records(s):
    s.create()
    for part in range(5):
        s.produce(some_records(20, seed=part))
    by = s.able("delete records")
    s.test.assertEqual(by.delete_records(s.topic, 47), 47)
    s.expected[0] = s.expected[0][47:]
    s.check_all()
    with s.test.assertRaises(Refused, msg="an offset beyond the end"):
        by.delete_records(s.topic, 101)
    s.test.assertEqual(by.delete_records(s.topic, 100), 100)
    s.expected[0] = []
    s.produce([Record(b"after", b"key")], by=None)
    s.expected[0] = [Record(b"after", b"key", (), None, 100)]
    s.check_all()


def delete_topic(s):
    s.create()
    s.produce(some_records(50))
    s.able("delete topic").delete_topic(s.topic)
    s.create()  # the same name again: a new topic, empty
    s.expected = {}
    s.compare([], s.read(0))
    s.produce(some_records(10, seed=9))
    s.check_all()
    s.able("delete topic").delete_topic(s.topic)
    s.expected, s.gone = {}, True


SCENARIOS = {
    "create_topic": create_topic,
    **{f"produce_{codec}_acks_{acks}": produce_with(codec, acks) for codec in CODECS for acks in ("0", "1", "all")},
    "idempotent": idempotent,
    "headers": headers,
    "null_keys_and_values": null_keys_and_values,
    "records_of_one_mib": records_of_one_mib,
    "record_over_max_message_bytes": record_over_max_message_bytes,
    "read_from_an_offset": read_from_an_offset,
    "read_from_a_timestamp": read_from_a_timestamp,
    "delete_records": delete_records,
    "delete_topic": delete_topic,
}


class Scenarios(LiveTest):
    settings = ("auto.create.topics.enable=false",)
    client_name = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = CLIENTS[cls.client_name](cls.broker.bootstrap)
        cls.helper = RdkafkaC(cls.broker.bootstrap)
        cls.done = []

    def play(self, name, suffix):
        scenario = Scenario(self, self.client, self.helper, f"{name}.{suffix}")
        SCENARIOS[name](scenario)
        self.done.append(scenario)

    def test_2_all_is_there_after_kill_9_and_restart(self):
        self.broker.kill()
        self.broker.restart()
        self.reread()

    def test_4_all_is_there_after_an_orderly_stop_and_restart(self):
        self.assertEqual(self.broker.stop(), 0)
        self.broker.restart()
        self.reread()

    def reread(self):
        self.assertGreater(len(self.done), 0)
        for scenario in self.done:
            with self.subTest(topic=scenario.topic):
                scenario.test = self
                scenario.check_all()
                if scenario.gone:
                    with self.assertRaises(Exception, msg=f"{scenario.topic} was deleted and is back"):
                        self.helper.end_offset(scenario.topic)


def add_tests():
    for place, name in enumerate(SCENARIOS):
        for phase, suffix in (("1", "first"), ("3", "after_kill_9")):
            def test(self, name=name, suffix=suffix):
                self.play(name, suffix)
            setattr(Scenarios, f"test_{phase}_{place:02}_{name}_{suffix}", test)


if __name__ == "__main__":
    Scenarios.client_name = sys.argv.pop(1)
    if "three-nodes" in sys.argv:
        sys.argv.remove("three-nodes")
        Scenarios.kind_of_broker = ThreeNodes
    add_tests()
    main(seconds=200)
