"""What the harness asks a cluster by Kafka's protocol where Debian's clients cannot, or cost too much to be asked often:
metadata as one node knows it, the quorum, reassignments, elections, leaving brokers. One connection for each request, in
flexible versions only (kafka-protocol.md 2.1, appendix A)."""

import socket
import struct
from dataclasses import dataclass

METADATA = 3
ELECT_LEADERS, ALTER_REASSIGNMENTS, LIST_REASSIGNMENTS, DESCRIBE_QUORUM, UNREGISTER_BROKER = 43, 45, 46, 55, 64
ADD_RAFT_VOTER, REMOVE_RAFT_VOTER = 80, 81
NONE, NO_REASSIGNMENT_IN_PROGRESS, ELECTION_NOT_NEEDED = 0, 85, 84
METADATA_TOPIC = "__cluster_metadata"


class Refused(Exception):
    """The cluster answered with an error, or did not answer."""


def uvarint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


TAGS = b"\x00"  # none


def int16(value): return struct.pack(">h", value)
def int32(value): return struct.pack(">i", value)
def string(text): return b"\x00" if text is None else uvarint(len(text.encode()) + 1) + text.encode()
def array(items): return b"\x00" if items is None else uvarint(len(items) + 1) + b"".join(items)


class Answer:
    def __init__(self, content):
        self.content, self.at = content, 0

    def number(self, form):
        size = struct.calcsize(form)
        self.at += size
        return struct.unpack(">" + form, self.content[self.at - size:self.at])[0]

    def uvarint(self):
        value, shift = 0, 0
        while True:
            byte = self.number("B")
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def string(self):
        size = self.uvarint()
        if size == 0:
            return None
        self.at += size - 1
        return self.content[self.at - size + 1:self.at].decode()

    def uuid(self):
        self.at += 16
        return self.content[self.at - 16:self.at]

    def array(self, item):
        return [item() for _ in range(max(self.uvarint() - 1, 0))]

    def tags(self):
        for _ in range(self.uvarint()):
            self.uvarint()
            self.at += self.uvarint()


def ask(address, api, version, body, timeout=10.0):
    """The answer's body. `address`: host and port."""
    content = int16(api) + int16(version) + int32(7) + struct.pack(">h", 5) + b"chaos" + TAGS + body + TAGS
    try:
        with socket.create_connection(address, timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(int32(len(content)) + content)
            size = struct.unpack(">i", exactly(connection, 4))[0]
            answer = Answer(exactly(connection, size))
    except OSError as error:
        raise Refused(f"{address[0]}:{address[1]}: {error!r}") from error
    answer.number("i")
    answer.tags()
    return answer


def exactly(connection, size):
    content = bytearray()
    while len(content) < size:
        part = connection.recv(size - len(content))
        if not part:
            raise ConnectionError(f"closed after {len(content)} of {size} bytes")
        content += part
    return bytes(content)


def check(error, message, what):
    if error != NONE:
        raise Refused(f"{what}: error {error} {message or ''}")


@dataclass
class Partition:
    error: int
    leader: int
    epoch: int
    replicas: list
    isr: list


@dataclass
class Metadata:
    brokers: set  # ids of those that are not fenced
    topics: dict  # name: {index: Partition}


def metadata(address, timeout=5.0):
    """Of all topics, as this node knows them."""
    answer = ask(address, METADATA, 9, array(None) + bytes(3), timeout)
    answer.number("i")
    def broker():
        node = answer.number("i")
        answer.string(), answer.number("i"), answer.string(), answer.tags()
        return node
    brokers = set(answer.array(broker))
    answer.string(), answer.number("i")
    topics = {}
    def partition():
        error, index, leader, epoch = answer.number("h"), answer.number("i"), answer.number("i"), answer.number("i")
        replicas, isr, _ = (answer.array(lambda: answer.number("i")) for _ in range(3))
        answer.tags()
        return index, Partition(error, leader, epoch, replicas, isr)
    def topic():
        answer.number("h")
        name = answer.string()
        answer.number("b")
        topics[name] = dict(answer.array(partition))
        answer.number("i"), answer.tags()
    answer.array(topic)
    return Metadata(brokers, topics)


@dataclass
class Quorum:
    """What DescribeQuorum tells."""
    leader: int
    epoch: int
    high_watermark: int
    voters: dict  # id: (log end offset, directory id)
    observers: dict


def describe_quorum(address, timeout=5.0):
    partition = int32(0) + TAGS
    answer = ask(address, DESCRIBE_QUORUM, 2, array([string(METADATA_TOPIC) + array([partition]) + TAGS]), timeout)
    check(answer.number("h"), answer.string(), "DescribeQuorum")
    found = []
    def replica():
        node, directory, end = answer.number("i"), answer.uuid(), answer.number("q")
        answer.number("q"), answer.number("q"), answer.tags()
        return node, (end, directory)
    def one():
        answer.number("i")
        check(answer.number("h"), answer.string(), "DescribeQuorum")
        leader, epoch, high_watermark = answer.number("i"), answer.number("i"), answer.number("q")
        voters, observers = dict(answer.array(replica)), dict(answer.array(replica))
        answer.tags()
        found.append(Quorum(leader, epoch, high_watermark, voters, observers))
    def topic():
        answer.string()
        answer.array(one)
        answer.tags()
    answer.array(topic)
    if not found:
        raise Refused("DescribeQuorum tells nothing")
    return found[0]


def reassign(address, topic, replicas_by_partition, timeout=20.0):
    """Replicas of each partition; None cancels."""
    partitions = [int32(index) + array(None if replicas is None else list(map(int32, replicas))) + TAGS
                  for index, replicas in replicas_by_partition.items()]
    answer = ask(address, ALTER_REASSIGNMENTS, 0, int32(15000) + array([string(topic) + array(partitions) + TAGS]),
                 timeout)
    answer.number("i")
    check(answer.number("h"), answer.string(), "AlterPartitionReassignments")
    def partition():
        index, error, message = answer.number("i"), answer.number("h"), answer.string()
        answer.tags()
        check(error, message, f"reassignment of {topic}-{index}")
    def one():
        answer.string()
        answer.array(partition)
        answer.tags()
    answer.array(one)


def reassignments(address, timeout=10.0):
    """(topic, partition): (replicas, adding, removing) of those under way."""
    answer = ask(address, LIST_REASSIGNMENTS, 0, int32(15000) + array(None), timeout)
    answer.number("i")
    check(answer.number("h"), answer.string(), "ListPartitionReassignments")
    found = {}
    def topic():
        name = answer.string()
        def partition():
            index = answer.number("i")
            found[name, index] = tuple(answer.array(lambda: answer.number("i")) for _ in range(3))
            answer.tags()
        answer.array(partition)
        answer.tags()
    answer.array(topic)
    return found


def elect_preferred(address, topic, partitions, timeout=20.0):
    body = b"\x00" + array([string(topic) + array(list(map(int32, partitions))) + TAGS]) + int32(15000)
    answer = ask(address, ELECT_LEADERS, 2, body, timeout)
    answer.number("i")
    check(answer.number("h"), None, "ElectLeaders")
    def partition():
        index, error, message = answer.number("i"), answer.number("h"), answer.string()
        answer.tags()
        if error != ELECTION_NOT_NEEDED:
            check(error, message, f"election of {topic}-{index}")
    def one():
        answer.string()
        answer.array(partition)
        answer.tags()
    answer.array(one)


def unregister(address, node_id, timeout=20.0):
    answer = ask(address, UNREGISTER_BROKER, 0, int32(node_id), timeout)
    answer.number("i")
    check(answer.number("h"), answer.string(), f"UnregisterBroker {node_id}")


def add_voter(address, node_id, directory_id, controller_address, timeout=30.0):
    host, port = controller_address
    listener = string("CONTROLLER") + string(host) + struct.pack(">H", port) + TAGS
    answer = ask(address, ADD_RAFT_VOTER, 0, string(None) + int32(20000) + int32(node_id) + directory_id +
                 array([listener]), timeout)
    answer.number("i")
    check(answer.number("h"), answer.string(), f"AddRaftVoter {node_id}")


def remove_voter(address, node_id, directory_id, timeout=30.0):
    answer = ask(address, REMOVE_RAFT_VOTER, 0, string(None) + int32(node_id) + directory_id, timeout)
    answer.number("i")
    check(answer.number("h"), answer.string(), f"RemoveRaftVoter {node_id}")
