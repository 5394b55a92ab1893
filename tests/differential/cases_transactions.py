"""Transactions: what their producers, the consumers of what they commit, operators and brokers are answered, in both versions
(KIP-98, KIP-890), zombies and mistakes included. Records have the clock's time: Kafka begins a segment for a marker that
is much younger than the records before it."""

import time

from batches import batch
from cases import case, topic_ref
from cases_groups import ready as ready_group

NONE, CONCURRENT = 0, 51
FIRST, SECOND = 4, 5        # EndTxn of the first and of the second version of transactions


def ready(s, transactional_id):
    """Unrecorded: the topic of transactions is there, and this id's coordinator has loaded."""
    def found():
        answer = s.side.ask("FindCoordinator", 4, keyType=1, coordinatorKeys=[transactional_id])
        if answer["coordinators"][0]["errorCode"] != NONE:
            return False
        s.producer_id()
        error = s.side.ask("DescribeTransactions", 0, transactionalIds=[transactional_id])["transactionStates"][0]["errorCode"]
        return error in (NONE, 105) and s.side.ask("ListTransactions", 0)["errorCode"] == NONE
    s.wait(found, f"the coordinator of {transactional_id}")


def attributes(transactional=True):
    return 0x10 if transactional else 0


class Producer:
    """One that speaks these versions; unrecorded unless `ask` is the script's."""

    def __init__(self, s, transactional_id=None, produce=12, end=SECOND):
        self.s, self.transactional_id = s, transactional_id or s.named()
        self.produce_version, self.end_version = produce, end
        self.id, self.epoch, self.sequence = -1, -1, 0

    def init(self, version=5, ask=None, **changes):
        fields = {"transactionalId": self.transactional_id, "transactionTimeoutMs": 60000,
                  **({"producerId": -1, "producerEpoch": -1} if version >= 3 else {}), **changes}
        answer = (ask or self.s.ask)("InitProducerId", version, **fields)
        if answer.get("errorCode") == NONE:
            self.id, self.epoch, self.sequence = answer["producerId"], answer["producerEpoch"], 0
        return answer

    def ready(self):
        ready(self.s, self.transactional_id)
        self.s.wait(lambda: self.init(ask=self.s.side.ask)["errorCode"] == NONE, "a producer")
        return self

    def copy(self, **changes):
        other = Producer(self.s, self.transactional_id, self.produce_version, self.end_version)
        other.id, other.epoch, other.sequence = self.id, self.epoch, self.sequence
        for key, value in changes.items():
            setattr(other, key, value)
        return other

    def add(self, topics, version=3, ask=None, **changes):
        return (ask or self.s.ask)("AddPartitionsToTxn", version, **{
            "v3AndBelowTransactionalId": self.transactional_id, "v3AndBelowProducerId": self.id,
            "v3AndBelowProducerEpoch": self.epoch,
            "v3AndBelowTopics": [{"name": n, "partitions": p} for n, p in topics], **changes})

    def send(self, topic, topic_id, value=b"v", partition=0, ask=None, version=None, transactional=True, named=True):
        version = version or self.produce_version
        records = batch([value], timestamps=[int(time.time() * 1000)], attributes=attributes(transactional), producer_id=self.id, producer_epoch=self.epoch,
                        base_sequence=self.sequence)
        answer = (ask or self.s.ask)("Produce", version, acks=-1, timeoutMs=30000,
                                     transactionalId=self.transactional_id if named else None,
                                     topicData=[{**topic_ref(version, 13, topic, topic_id),
                                                 "partitionData": [{"index": partition, "records": records}]}])
        responses = answer.get("responses")
        if responses and responses[0]["partitionResponses"][0]["errorCode"] == NONE:
            self.sequence += 1
        return answer

    def end(self, committed, version=None, ask=None, **changes):
        version = version or self.end_version
        answer = (ask or self.s.ask)("EndTxn", version, **{
            "transactionalId": self.transactional_id, "producerId": self.id, "producerEpoch": self.epoch,
            "committed": committed, **changes})
        if version >= SECOND and answer.get("errorCode") == NONE and not changes:
            self.id, self.epoch, self.sequence = answer["producerId"], answer["producerEpoch"], 0
        return answer

    def state(self):
        return self.s.side.ask("DescribeTransactions", 0, transactionalIds=[self.transactional_id])["transactionStates"][0]

    def settle(self):
        """Until what is decided is done."""
        self.s.wait(lambda: not self.state()["transactionState"].startswith("Prepare"), "the end")


def read(s, topic_id, isolation):
    partition = {"partition": 0, "currentLeaderEpoch": -1, "fetchOffset": 0, "lastFetchedEpoch": -1, "logStartOffset": -1,
                 "partitionMaxBytes": 1 << 20}
    return s.ask("Fetch", 13, replicaId=-1, maxWaitMs=0, minBytes=0, maxBytes=1 << 20, isolationLevel=isolation, sessionId=0,
                 sessionEpoch=-1, topics=[{"topicId": topic_id, "partitions": [partition]}], forgottenTopicsData=[], rackId="")


@case("FindCoordinator")
def coordinator_of_transactions(s, version):
    ready(s, "t")
    for key in ("t", "", "ä") if version >= 1 else ():
        fields = {"coordinatorKeys": [key, "another"]} if version >= 4 else {"key": key}
        s.ask("FindCoordinator", version, keyType=1, **fields)


@case("InitProducerId")
def init_transactional_producer(s, version):
    p = Producer(s)
    ready(s, p.transactional_id)
    for timeout in (0, -1, 900001, 2**31 - 1):
        p.init(version, transactionTimeoutMs=timeout)
    p.init(version)
    p.init(version)
    p.init(version, transactionTimeoutMs=900000)
    if version < 3:
        return
    named = p.copy()
    p.init(version, producerId=named.id, producerEpoch=named.epoch)
    p.init(version, producerId=named.id, producerEpoch=named.epoch)     # a retry
    for producer_id, epoch in ((named.id, named.epoch + 5), (named.id + 1000, 0), (named.id, -1), (-1, named.epoch)):
        p.init(version, producerId=producer_id, producerEpoch=epoch)
    p.init(version)
    p.init(version, producerId=named.id, producerEpoch=named.epoch)     # another came since


@case("InitProducerId", (3, 4, 5))
def init_aborts_what_is_open(s, version):
    topic, topic_id = s.create()
    p = Producer(s).ready()
    p.add([(topic, [0])], ask=s.side.ask)
    zombie = p.copy()
    p.init(version)
    p.settle()
    p.init(version)
    zombie.add([(topic, [0])])
    zombie.end(True, FIRST)
    zombie.end(False, FIRST)
    zombie.init(version, producerId=zombie.id, producerEpoch=zombie.epoch)
    read(s, topic_id, 1)


@case("AddPartitionsToTxn", (0, 1, 2, 3))
def add_partitions(s, version):
    topic, _ = s.create(partitions=2)
    p = Producer(s).ready()
    p.add([(topic, [0])], version)
    p.add([(topic, [0])], version)
    p.add([(topic, [0, 1])], version)
    p.add([(topic, [0, 7]), (s.named("-unknown"), [0])], version)
    p.add([], version)
    p.add([(topic, [0])], version, v3AndBelowProducerEpoch=p.epoch + 1)
    p.add([(topic, [0])], version, v3AndBelowProducerId=p.id + 1000)
    p.add([(topic, [0])], version, v3AndBelowTransactionalId="nobody")
    p.add([(topic, [0])], version, v3AndBelowTransactionalId="")
    s.ask("DescribeTransactions", 0, transactionalIds=[p.transactional_id])


@case("AddPartitionsToTxn", (4, 5))
def add_partitions_of_brokers(s, version):
    topic, _ = s.create(partitions=2)
    p, other = Producer(s).ready(), Producer(s, s.named("-other")).ready()

    def transaction(producer, verify, partitions, **changes):
        return {"transactionalId": producer.transactional_id, "producerId": producer.id, "producerEpoch": producer.epoch,
                "verifyOnly": verify, "topics": [{"name": topic, "partitions": partitions}], **changes}

    for transactions in ([transaction(p, True, [0])], [transaction(p, False, [0])], [transaction(p, True, [0, 1])],
                         [transaction(p, True, [1], producerEpoch=9)], [transaction(p, False, [1], producerEpoch=9)],
                         [transaction(p, True, [1], producerId=p.id + 1000)], [transaction(p, True, [9])],
                         [transaction(p, True, [0]), transaction(other, False, [0])],
                         [transaction(p, False, [0], transactionalId="nobody")],
                         [transaction(p, True, [0], transactionalId="")], []):
        s.ask("AddPartitionsToTxn", version, transactions=transactions)


@case("EndTxn", (0, 1, 2, 3, 4))
def end_of_the_first_version(s, version):
    topic, topic_id = s.create()
    p = Producer(s, produce=9, end=version).ready()
    p.end(True)
    p.end(False)
    for committed in (True, False):
        p.add([(topic, [0])], ask=s.side.ask)
        p.send(topic, topic_id, b"a")
        p.end(committed, producerEpoch=p.epoch + 1)
        p.end(committed, producerId=p.id + 1000)
        p.end(committed, transactionalId="nobody")
        p.end(committed, transactionalId="")
        p.end(committed)
        p.settle()
        p.end(committed)
        p.end(not committed)
        for isolation in (0, 1):
            read(s, topic_id, isolation)
    s.ask("DescribeTransactions", 0, transactionalIds=[p.transactional_id])


@case("Produce", (3, 7, 9, 10, 11, 12, 13))
def produce_in_transactions(s, version):
    topic, topic_id = s.create(partitions=2)
    p = Producer(s, produce=version, end=SECOND if version >= 12 else FIRST).ready()
    p.send(topic, topic_id)                 # of the second version; else nobody has added the partition
    p.add([(topic, [0])], ask=s.side.ask)
    p.send(topic, topic_id)
    p.send(topic, topic_id, partition=1)
    p.send(topic, topic_id, named=False)
    p.send(topic, topic_id, transactional=False)
    p.copy(transactional_id="nobody").send(topic, topic_id, partition=1)
    p.copy(epoch=p.epoch + 1).send(topic, topic_id)
    p.copy(id=p.id + 1000).send(topic, topic_id)
    late = p.copy()
    p.end(False)
    p.settle()
    late.send(topic, topic_id)
    for isolation in (0, 1):
        read(s, topic_id, isolation)
        s.ask("ListOffsets", 8, replicaId=-1, isolationLevel=isolation,
              topics=[{"name": topic, "partitions": [{"partitionIndex": 0, "currentLeaderEpoch": -1, "timestamp": -1}]}])
    s.ask("DescribeProducers", 0, topics=[{"name": topic, "partitionIndexes": [0, 1]}])


@case("EndTxn", (5,))
def end_of_the_second_version(s, version):
    topic, topic_id = s.create()
    p = Producer(s, produce=12).ready()
    p.end(True)
    for committed in (True, False, True):
        before = p.copy()
        p.send(topic, topic_id)
        p.end(committed, producerEpoch=p.epoch + 1)
        p.end(committed)
        p.settle()
        before.copy().end(committed)
        before.copy().end(not committed)
        before.send(topic, topic_id)
    p.end(True)
    p.end(False)            # of nothing
    p.settle()
    p.end(False)
    p.settle()
    read(s, topic_id, 1)
    s.ask("DescribeTransactions", 0, transactionalIds=[p.transactional_id])
    s.ask("DescribeProducers", 0, topics=[{"name": topic, "partitionIndexes": [0]}])


@case("AddOffsetsToTxn")
def add_offsets(s, version):
    ready_group(s, "g")
    p = Producer(s).ready()

    def add(**changes):
        s.ask("AddOffsetsToTxn", version, **{"transactionalId": p.transactional_id, "producerId": p.id,
                                             "producerEpoch": p.epoch, "groupId": "g", **changes})
    add()
    add()
    add(producerEpoch=p.epoch + 1)
    add(producerId=p.id + 1000)
    add(transactionalId="nobody")
    add(transactionalId="")
    s.ask("DescribeTransactions", 0, transactionalIds=[p.transactional_id])


def commit_offset(s, p, version, group, topic, offset=1, partition=0, **changes):
    entry = {"partitionIndex": partition, "committedOffset": offset, "committedMetadata": "m",
             **({"committedLeaderEpoch": 2} if version >= 2 else {})}
    member = {"generationId": -1, "memberId": "", "groupInstanceId": None} if version >= 3 else {}
    return s.ask("TxnOffsetCommit", version, **{
        "transactionalId": p.transactional_id, "groupId": group, "producerId": p.id, "producerEpoch": p.epoch, **member,
        "topics": [{"name": topic, "partitions": [entry]}], **changes})


@case("TxnOffsetCommit")
def offsets_in_transactions(s, version):
    topic, _ = s.create()
    group = s.named("-group")
    ready_group(s, group)
    p = Producer(s, end=SECOND if version >= 5 else FIRST).ready()

    def fetch(stable):
        s.ask("OffsetFetch", 7, groupId=group, topics=[{"name": topic, "partitionIndexes": [0]}], requireStable=stable)

    if version < 5:
        commit_offset(s, p, version, group, topic)
        s.side.ask("AddOffsetsToTxn", 3, transactionalId=p.transactional_id, producerId=p.id, producerEpoch=p.epoch,
                   groupId=group)
    commit_offset(s, p, version, group, topic, 5)
    commit_offset(s, p, version, group, topic, partition=7)
    commit_offset(s, p, version, group, s.named("-unknown"))
    commit_offset(s, p, version, "", topic)
    if version >= 3:
        commit_offset(s, p, version, group, topic, generationId=3, memberId="stranger")
    commit_offset(s, p, version, group, topic, producerEpoch=p.epoch - 1)
    fetch(False)
    fetch(True)
    p.end(True)
    p.settle()
    fetch(True)
    if version < 5:
        s.side.ask("AddOffsetsToTxn", 3, transactionalId=p.transactional_id, producerId=p.id, producerEpoch=p.epoch,
                   groupId=group)
    commit_offset(s, p, version, group, topic, 9)
    p.end(False)
    p.settle()
    fetch(True)


@case("WriteTxnMarkers")
def write_markers(s, version):
    topic, topic_id = s.create()
    producer_id = s.producer_id()

    def write(committed, epoch=0, coordinator=3, topics=None, transaction=0):
        marker = {"producerId": producer_id, "producerEpoch": epoch, "transactionResult": committed,
                  "coordinatorEpoch": coordinator, "topics": topics or [{"name": topic, "partitionIndexes": [0]}],
                  **({"transactionVersion": transaction} if version >= 2 else {})}
        s.ask("WriteTxnMarkers", version, markers=[marker])

    write(True)
    write(False)
    write(True, coordinator=2)
    write(True, epoch=2, coordinator=4)
    write(True, epoch=1, coordinator=4)
    write(True, epoch=2, coordinator=4, topics=[{"name": s.named("-unknown"), "partitionIndexes": [0]}])
    if version >= 2:
        write(True, epoch=2, coordinator=4, transaction=2)
        write(True, epoch=3, coordinator=4, transaction=2)
    s.ask("WriteTxnMarkers", version, markers=[])
    read(s, topic_id, 1)
    s.ask("DescribeProducers", 0, topics=[{"name": topic, "partitionIndexes": [0]}])


@case("DescribeTransactions")
def describe_transactions(s, version):
    topic, _ = s.create(partitions=3)
    p = Producer(s).ready()
    p.add([(topic, [0, 2])], ask=s.side.ask)
    for ids in ([p.transactional_id], ["nobody"], [""], [p.transactional_id, "nobody"], []):
        s.ask("DescribeTransactions", version, transactionalIds=ids)


@case("ListTransactions")
def list_transactions(s, version):
    topic, _ = s.create()
    p, idle = Producer(s).ready(), Producer(s, s.named("-idle")).ready()
    p.add([(topic, [0])], ask=s.side.ask)
    own = {"producerIdFilters": [p.id, idle.id]}
    duration = {"durationFilter": -1} if version >= 1 else {}
    pattern = {"transactionalIdPattern": None} if version >= 2 else {}
    for fields in ({}, {"stateFilters": ["Ongoing"]}, {"stateFilters": ["Empty", "Strange"]}, {"stateFilters": ["ongoing"]},
                   {"stateFilters": ["Dead", "PrepareEpochFence"]}, {"producerIdFilters": [p.id]}):
        s.ask("ListTransactions", version, **{"stateFilters": [], **own, **duration, **pattern, **fields})
    if version >= 1:
        s.ask("ListTransactions", version, **{"stateFilters": ["Ongoing"], **own, **pattern, "durationFilter": 3_600_000})
    if version >= 2:
        for expression in ("", ".*idle", "idle", "list.*", "("):
            s.ask("ListTransactions", version, **{"stateFilters": [], **own, **duration, "transactionalIdPattern": expression})
