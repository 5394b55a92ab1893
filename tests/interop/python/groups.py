"""Groups and transactions that every Python client plays, by an adapter with these verbs:

  protocols                          of groups, that it speaks
  movers                             how many of its members may move records of one group at once
  member(group, topic, protocol)     -> .poll(seconds) -> values, .assigned() -> partitions, .commit(), .close()
  mover(group, topic, protocol)      a member whose offsets a transactional producer commits
  transactional(name)                -> .begin(), .send(topic, value, partition), .offsets(member), .commit(), .abort(), .close()
  committed(topic)                   -> values of partition 0 for who reads what is committed

Values are numbers here."""

import threading
import time
from contextlib import suppress

from scenarios import FAULT_SECONDS, equal, play, refused, that

PARTITIONS = 4
SECONDS = 60
BATCH = 10  # records of a transaction
FAULT_RECORDS = 1200


def until(met, demand, seconds=SECONDS):
    deadline = time.monotonic() + seconds
    while not met():
        that(time.monotonic() < deadline, f"{demand}: not within {seconds} s")


def fill(client, topic, numbers, partitions=PARTITIONS):
    producer = client.transactional(f"fill-{topic}")
    producer.begin()
    for number in numbers:
        producer.send(topic, number, number % partitions)
    producer.commit()
    producer.close()


def read(members, count):
    """They poll in turn until so many values have come."""
    values = []
    def more():
        for member in members:
            values.extend(member.poll(0.2))
        return len(values) >= count
    until(more, f"{count} values")
    return sorted(values)


def committed_soon(client, topic, wanted, what, order=list):
    """A commit is answered before its markers are written."""
    deadline = time.monotonic() + 10
    while (values := order(client.committed(topic))) != wanted and time.monotonic() < deadline:
        time.sleep(0.05)
    equal(wanted, values, what)


def shares_and_resumes(client, common, protocol):
    topic = common.create(f"shared-{protocol}", PARTITIONS)
    group = common.name(f"g-{protocol}")
    fill(client, topic, range(100))
    first = client.member(group, topic, protocol)
    equal(list(range(100)), read([first], 100), "values of one member")
    first.commit()
    second = client.member(group, topic, protocol)
    members = (first, second)
    def shared():
        that([] == [value for member in members for value in member.poll(0.2)], "values come again")
        return all(len(member.assigned()) == PARTITIONS // 2 for member in members)
    until(shared, "half of the partitions for each")
    equal(set(range(PARTITIONS)), first.assigned() | second.assigned(), "partitions")
    fill(client, topic, range(100, 140))
    equal(list(range(100, 140)), read(members, 40), "values of two members")
    for member in members:
        member.commit()
        member.close()
    fill(client, topic, range(140, 144))
    third = client.member(group, topic, protocol)
    equal(list(range(140, 144)), read([third], 4), "values since the last commit")
    third.close()


def transactions(client, common):
    topic, expected = common.create("transactions"), []
    producer = client.transactional(common.name("transactions"))
    for turn in range(6):
        producer.begin()
        values = range(100 * turn, 100 * turn + 20)
        for value in values:
            producer.send(topic, value, 0)
        if turn % 3 == 1:
            producer.abort()
        else:
            producer.commit()
            expected += values
    committed_soon(client, topic, expected, "committed values")
    successor = client.transactional(common.name("transactions"))
    def late():
        producer.begin()
        producer.send(topic, 1000, 0)
        producer.commit()
    refused("Fenced|InvalidProducerEpoch", late, "a producer that another has replaced")
    successor.begin()
    successor.send(topic, 2000, 0)
    successor.commit()
    committed_soon(client, topic, [*expected, 2000], "committed values")
    successor.close()
    with suppress(Exception):
        producer.close()


class Move:
    """Every record of one topic goes into two others, in transactions that commit the group's offsets. Movers begin anew
    after every error, and after each abort."""

    def __init__(self, client, common, name, protocol, count, pace=0.0):
        self.client, self.protocol, self.count, self.pace = client, protocol, count, pace
        self.source, self.group = common.create(f"{name}-in", PARTITIONS), common.name(name)
        self.sinks = [common.create(f"{name}-{sink}") for sink in ("out", "copy")]
        fill(client, self.source, range(count))
        self.done, self.moved, self.errors = threading.Event(), 0, []
        self.deadline = time.monotonic() + SECONDS + FAULT_SECONDS
        self.threads = [threading.Thread(target=self.run, args=(f"{self.group}-{number}",), daemon=True)
                        for number in range(client.movers)]
        for thread in self.threads:
            thread.start()

    def run(self, transactional_id):
        while not self.done.is_set() and time.monotonic() < self.deadline:
            opened = []
            try:
                self.move(transactional_id, opened)
            except Exception as error:  # what it was that failed is told when not all are moved in time
                self.errors.append(error)
            for each in reversed(opened):
                with suppress(Exception):
                    each.close()
            time.sleep(0.1)

    def move(self, transactional_id, opened):
        producer = self.client.transactional(transactional_id)
        opened.append(producer)
        member = self.client.mover(self.group, self.source, self.protocol)
        opened.append(member)
        turn = idle = 0
        while not self.done.is_set() and time.monotonic() < self.deadline:
            values = member.poll(0.2)
            if not values:
                idle += 1
                if idle % 5 == 0:  # a commit whose answer was lost is not counted
                    self.finish(len(self.client.committed(self.sinks[0])))
                continue
            turn, idle = turn + 1, 0
            producer.begin()
            for value in values:
                for sink in self.sinks:
                    producer.send(sink, value, 0)
            producer.offsets(member)
            if turn % 7 == 6:
                return producer.abort()
            producer.commit()
            self.finish(self.moved + len(values))
            time.sleep(self.pace)

    def finish(self, moved):
        self.moved = moved
        if moved >= self.count and self.client.movers == 1:
            self.done.set()
        elif moved >= self.count and len(self.client.committed(self.sinks[0])) >= self.count:
            self.done.set()

    def check(self):
        for thread in self.threads:
            thread.join(SECONDS + FAULT_SECONDS + 30)
        that(self.done.is_set(), f"{self.moved} of {self.count} are moved; {len(self.errors)} errors: {self.errors[-3:]!r}")
        for sink in self.sinks:
            committed_soon(self.client, sink, list(range(self.count)), f"each number, once, in {sink}", sorted)


def exactly_once(client, common, protocol):
    Move(client, common, f"eos-{protocol}", protocol, 300).check()


def exactly_once_leader_killed(client, common):
    """With every protocol at once."""
    moves = [Move(client, common, f"eos-killed-{protocol}", protocol, FAULT_RECORDS, 0.05) for protocol in client.protocols]
    print(f"faults {moves[0].source} {PARTITIONS}", flush=True)
    time.sleep(FAULT_SECONDS)
    print("faults over", flush=True)
    for move in moves:
        move.pace = 0.0
    for move in moves:
        move.check()


def play_all(client, common):
    for protocol in client.protocols:
        play(f"group-shares-and-resumes-{protocol}", shares_and_resumes, client, common, protocol)
    play("transactions", transactions, client, common)
    for protocol in client.protocols:
        play(f"exactly-once-{protocol}", exactly_once, client, common, protocol)
    if FAULT_SECONDS:
        play("exactly-once-leader-killed", exactly_once_leader_killed, client, common)
