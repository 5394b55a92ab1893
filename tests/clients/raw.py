"""Kafka's protocol by hand, for requests that no client sends: primitives, frames, record batches, a plain socket. Only
old non-flexible versions, in which every byte is easy to place (kafka-protocol.md 2.1, 3.1)."""

import socket
import struct
import time

from kafka.record.util import calc_crc32c

from broker import HOST

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
CODEC_IDS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

NONE = 0
OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE, UNKNOWN_TOPIC_OR_PARTITION = 1, 2, 3
MESSAGE_TOO_LARGE, INVALID_TOPIC, INVALID_REQUIRED_ACKS, INVALID_TIMESTAMP = 10, 17, 21, 32
UNSUPPORTED_VERSION, INVALID_REQUEST, UNSUPPORTED_COMPRESSION_TYPE, INVALID_RECORD = 35, 42, 76, 87


def int8(value): return struct.pack(">b", value)
def int16(value): return struct.pack(">h", value)
def int32(value): return struct.pack(">i", value)
def int64(value): return struct.pack(">q", value)
def string(text): return int16(-1) if text is None else int16(len(text)) + text.encode()
def blob(value): return int32(-1) if value is None else int32(len(value)) + value
def array(items): return int32(len(items)) + b"".join(items)


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def header(api, version, correlation_id=1, client_id="raw"):
    return int16(api) + int16(version) + int32(correlation_id) + string(client_id)


def frame(content):
    return int32(len(content)) + content


def request(api, version, body, correlation_id=1, client_id="raw"):
    return frame(header(api, version, correlation_id, client_id) + body)


def metadata_request(topics=(), correlation_id=1):
    return request(METADATA, 1, array([string(t) for t in topics]), correlation_id)


# Records. ---------------------------------------------------------------------------------------------------------

def record(value=b"value", key=b"key", offset_delta=0, timestamp_delta=0, headers=b"\x00"):
    def field(content):
        return varint(-1) if content is None else varint(len(content)) + content
    body = int8(0) + varint(timestamp_delta) + varint(offset_delta) + field(key) + field(value) + headers
    return varint(len(body)) + body


def batch(records=None, count=None, *, base_offset=0, length=None, leader_epoch=-1, magic=2, crc=None, attributes=0,
          last_offset_delta=None, base_timestamp=None, max_timestamp=None, producer_id=-1, producer_epoch=-1,
          base_sequence=-1):
    """A record batch v2, right in everything that is not given otherwise; `records` are the bytes behind the header."""
    if records is None:
        records, count = record(), count or 1
    if last_offset_delta is None:
        last_offset_delta = count - 1
    now = int(time.time() * 1000)
    base_timestamp = now if base_timestamp is None else base_timestamp
    max_timestamp = base_timestamp if max_timestamp is None else max_timestamp
    checked = struct.pack(">hiqqqhii", attributes, last_offset_delta, base_timestamp, max_timestamp, producer_id,
                          producer_epoch, base_sequence, count) + records
    crc = calc_crc32c(checked) if crc is None else crc
    rest = struct.pack(">ibI", leader_epoch, magic, crc) + checked
    return int64(base_offset) + int32(len(rest) if length is None else length) + rest


# Requests with an answer that is read here. -----------------------------------------------------------------------

def produce_request(partitions, topic, acks=-1, version=8, correlation_id=1, timeout_ms=10000):
    """`partitions`: pairs of index and records."""
    data = array([int32(index) + blob(records) for index, records in partitions])
    return request(PRODUCE, version, string(None) + int16(acks) + int32(timeout_ms) + array([string(topic) + data]),
                   correlation_id)


def fetch_request(partitions, max_wait_ms=0, min_bytes=1, max_bytes=1 << 20, isolation=0, correlation_id=1):
    """`partitions`: topic, index, offset, maximum of bytes."""
    topics = [string(topic) + array([int32(index) + int64(offset) + int32(limit)])
              for topic, index, offset, limit in partitions]
    return request(FETCH, 4, int32(-1) + int32(max_wait_ms) + int32(min_bytes) + int32(max_bytes) + int8(isolation) +
                   array(topics), correlation_id)


def list_offsets_request(topic, partition, timestamp, correlation_id=1):
    return request(LIST_OFFSETS, 1, int32(-1) + array([string(topic) + array([int32(partition) + int64(timestamp)])]),
                   correlation_id)


class Reader:
    def __init__(self, content):
        self.content, self.at = content, 0

    def take(self, size):
        if self.at + size > len(self.content):
            raise AssertionError(f"the answer ends early: {self.content[:200]!r}")
        self.at += size
        return self.content[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def string(self):
        size = self.number("h")
        return None if size < 0 else self.take(size).decode()

    def blob(self):
        size = self.number("i")
        return None if size < 0 else self.take(size)

    def array(self, item):
        return [item() for _ in range(self.number("i"))]

    def end(self):
        if self.at != len(self.content):
            raise AssertionError(f"{len(self.content) - self.at} bytes are left over in an answer")


def produce_errors(content):
    """Error code by partition, in the order of the answer (Produce version 8); error messages beside them."""
    r = Reader(content)
    r.number("i")
    answers = []
    def record_error():
        return r.number("i"), r.string()
    def partition():
        index, error, *_ = r.number("i"), r.number("h"), r.number("q"), r.number("q"), r.number("q")
        r.array(record_error)
        answers.append((index, error, r.string()))
    def topic():
        r.string()
        r.array(partition)
    r.array(topic)
    r.number("i")
    r.end()
    return answers


def fetch_answers(content):
    """Error code, high watermark and records of each partition (Fetch version 4)."""
    r = Reader(content)
    r.number("i"), r.number("i")
    answers = []
    def partition():
        _, error, high_watermark, _ = r.number("i"), r.number("h"), r.number("q"), r.number("q")
        r.array(lambda: (r.number("q"), r.number("q")))
        answers.append((error, high_watermark, r.blob()))
    def topic():
        r.string()
        r.array(partition)
    r.array(topic)
    r.end()
    return answers


def list_offsets_answer(content):
    """Error code and offset of the only partition (ListOffsets version 1)."""
    r = Reader(content)
    r.number("i"), r.number("i"), r.string(), r.number("i"), r.number("i")
    error, _, offset = r.number("h"), r.number("q"), r.number("q")
    r.end()
    return error, offset


class Peer:
    """A plain connection."""

    def __init__(self, port, timeout=10.0, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        self.socket.connect((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, content):
        self.socket.sendall(content)

    def receive(self):
        """The next answer without its size."""
        return self._exactly(struct.unpack(">i", self._exactly(4))[0])

    def _exactly(self, size):
        content = bytearray()
        while len(content) < size:
            part = self.socket.recv(min(size - len(content), 1 << 20))
            if not part:
                raise ConnectionError(f"closed after {len(content)} of {size} bytes")
            content += part
        return bytes(content)

    def ask(self, content):
        self.send(content)
        return self.receive()

    def closed(self):
        """True once the node has closed the connection; AssertionError if it answers or stays silent instead."""
        try:
            got = self.socket.recv(1)
        except ConnectionError:
            return True
        except socket.timeout:
            raise AssertionError("the connection stayed open") from None
        if got:
            raise AssertionError("an answer came where the connection should have been closed")
        return True

    def reset(self):
        """Ends the connection with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
