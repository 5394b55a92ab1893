"""A transactional producer by hand, which stops wherever a test wants it to: it leaves transactions open, and writes what
no coordinator knows of. One node; the first versions of all requests."""

import time

import raw
from raw import array, blob, int16, int32, int64, int8, string

ADD_PARTITIONS, ADD_OFFSETS, END, FIND_COORDINATOR, INIT, OFFSET_COMMIT = 24, 25, 26, 10, 22, 28
NONE, COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT = 0, 14, 15, 16, 51
PASSING = (COORDINATOR_LOADING, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR, CONCURRENT)
TRANSACTIONAL = 0x10
SECONDS = 30.0


class Refused(Exception):
    """The node's error code."""

    @property
    def code(self):
        return self.args[0]


class Producer:
    def __init__(self, port, transactional_id, timeout_ms=60000):
        self.peer = raw.Peer(port)
        self.name, self.timeout_ms = transactional_id, timeout_ms
        self.id, self.epoch, self.sequences = -1, -1, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.peer.socket.close()

    def _ask(self, api, version, body):
        reader = raw.Reader(self.peer.ask(raw.request(api, version, body)))
        reader.number("i")
        return reader

    def _again(self, attempt):
        """Until what passes has passed."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                return attempt()
            except Refused as refused:
                if refused.code not in PASSING or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _coordinator(self):
        reader = self._ask(FIND_COORDINATOR, 1, string(self.name) + int8(1))
        reader.number("i")
        check(reader.number("h"))

    def _init(self):
        reader = self._ask(INIT, 0, string(self.name) + int32(self.timeout_ms))
        reader.number("i")
        check(reader.number("h"))
        self.id, self.epoch, self.sequences = reader.number("q"), reader.number("h"), {}

    def _mine(self):
        return string(self.name) + int64(self.id) + int16(self.epoch)

    def begin(self):
        """A new epoch; whatever was open is aborted."""
        self._again(self._coordinator)
        self._again(self._init)
        return self

    def _add(self, topic, partitions):
        reader = self._ask(ADD_PARTITIONS, 0, self._mine() + array([string(topic) + array(map_int32(partitions))]))
        reader.number("i")
        for _, codes in reader.array(lambda: (reader.string(), reader.array(lambda: (reader.number("i"), reader.number("h"))))):
            for _, code in codes:
                check(code)

    def add(self, topic, *partitions):
        self._again(lambda: self._add(topic, partitions))
        return self

    def send(self, topic, partition=0, values=(b"value",), timestamp=None):
        """Nobody has to have added the partition, as far as this producer is concerned."""
        sequence = self.sequences.get((topic, partition), 0)
        records = b"".join(raw.record(value, None, place) for place, value in enumerate(values))
        content = raw.batch(records, len(values), attributes=TRANSACTIONAL, producer_id=self.id, producer_epoch=self.epoch,
                            base_sequence=sequence, base_timestamp=timestamp)
        reader = self._ask(raw.PRODUCE, 3, string(self.name) + int16(-1) + int32(10000) + array(
            [string(topic) + array([int32(partition) + blob(content)])]))
        offsets = []

        def answer():
            reader.number("i")
            code, offset, _ = reader.number("h"), reader.number("q"), reader.number("q")
            check(code)
            offsets.append(offset)
        reader.array(lambda: (reader.string(), reader.array(answer)))
        self.sequences[topic, partition] = sequence + len(values)
        return offsets[0]

    def _end(self, commit):
        reader = self._ask(END, 0, self._mine() + int8(commit))
        reader.number("i")
        check(reader.number("h"))

    def commit(self):
        self._again(lambda: self._end(True))

    def abort(self):
        self._again(lambda: self._end(False))

    def commit_offset(self, group, topic, partition, offset):
        """Visible once the transaction has ended."""
        reader = self._ask(ADD_OFFSETS, 0, self._mine() + string(group))
        reader.number("i")
        check(reader.number("h"))
        reader = self._ask(OFFSET_COMMIT, 0, string(self.name) + string(group) + int64(self.id) + int16(self.epoch) + array(
            [string(topic) + array([int32(partition) + int64(offset) + string("of a transaction")])]))
        reader.number("i")
        for _, codes in reader.array(lambda: (reader.string(), reader.array(lambda: (reader.number("i"), reader.number("h"))))):
            for _, code in codes:
                check(code)


def map_int32(numbers):
    return [int32(number) for number in numbers]


def check(code):
    if code != NONE:
        raise Refused(code)
