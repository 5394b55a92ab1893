"""Consumer groups of the classic protocol: what members, operators and those who are neither are answered."""

from cases import case

NONE, LOADING, NOT_AVAILABLE, NOT_COORDINATOR, MEMBER_ID_REQUIRED = 0, 14, 15, 16, 79


def ready(s, group):
    """Unrecorded: the topic of groups is there, and this group's coordinator has loaded."""
    def found():
        answer = s.side.ask("FindCoordinator", 4, keyType=0, coordinatorKeys=[group])
        if answer["coordinators"][0]["errorCode"] != NONE:
            return False
        error = s.side.ask("Heartbeat", 3, groupId=group, generationId=1, memberId="nobody")["errorCode"]
        listed = s.side.ask("ListGroups", 0)["errorCode"]
        return error not in (LOADING, NOT_AVAILABLE, NOT_COORDINATOR, NONE) and listed == NONE
    s.wait(found, f"the coordinator of {group}")


class Member:
    """One that speaks these versions; the others follow from JoinGroup's as clients have them."""

    def __init__(self, s, group, join=9, instance=None, protocols=("range",), protocol_type="consumer", topics=("t",)):
        self.s, self.group, self.join_version, self.instance = s, group, join, instance
        self.protocols, self.protocol_type, self.topics = protocols, protocol_type, topics
        self.id, self.generation, self.protocol = "", -1, None

    def subscription(self):
        body = (1).to_bytes(2, "big") + len(self.topics).to_bytes(4, "big")
        for topic in self.topics:
            body += len(topic).to_bytes(2, "big") + topic.encode()
        return body + (-1).to_bytes(4, "big", signed=True) + (0).to_bytes(4, "big")

    def static(self, version, first):
        return {"groupInstanceId": self.instance} if self.instance is not None and version >= first else {}

    def join(self, ask=None, **changes):
        version = self.join_version
        fields = {"groupId": self.group, "sessionTimeoutMs": 10000, "memberId": self.id, "protocolType": self.protocol_type,
                  "protocols": [{"name": name, "metadata": self.subscription()} for name in self.protocols],
                  **({"rebalanceTimeoutMs": 10000} if version >= 1 else {}), **self.static(version, 5), **changes}
        answer = (ask or self.s.ask)("JoinGroup", version, **fields)
        if answer.get("errorCode") in (NONE, MEMBER_ID_REQUIRED):
            self.id = answer["memberId"]
            self.generation = answer["generationId"]
            self.protocol = answer["protocolName"]
        return answer

    def join_fully(self, ask=None):
        answer = self.join(ask)
        return self.join(ask) if answer.get("errorCode") == MEMBER_ID_REQUIRED else answer

    def sync(self, version=5, ask=None, assignments=None, **changes):
        given = {self.id: b"assigned"} if assignments is None else assignments
        fields = {"groupId": self.group, "generationId": self.generation, "memberId": self.id,
                  "assignments": [{"memberId": member, "assignment": value} for member, value in given.items()],
                  **self.static(version, 3),
                  **({"protocolType": self.protocol_type, "protocolName": self.protocol} if version >= 5 else {}), **changes}
        return (ask or self.s.ask)("SyncGroup", version, **fields)

    def beat(self, version=4, **changes):
        return self.s.ask("Heartbeat", version, **{"groupId": self.group, "generationId": self.generation,
                                                   "memberId": self.id, **self.static(version, 3), **changes})

    def leave(self, version=5):
        fields = {"memberId": self.id} if version < 3 else {"members": [
            {"memberId": self.id, "groupInstanceId": self.instance, **({"reason": "over"} if version >= 5 else {})}]}
        return self.s.ask("LeaveGroup", version, groupId=self.group, **fields)

    def stable(self):
        """Unrecorded."""
        self.join_fully(self.s.side.ask)
        answer = self.sync(ask=self.s.side.ask)
        if answer["errorCode"] != NONE:
            raise AssertionError(f"{self.s.side.name}: no stable group: {answer}")
        return self


def commit(s, version, group, topic, topic_id, offset, partition=0, metadata="m", ask=None, generation=-1, member="",
           **changes):
    named = {"topicId": topic_id} if version >= 10 else {"name": topic}
    entry = {"partitionIndex": partition, "committedOffset": offset, "committedMetadata": metadata,
             **({"committedLeaderEpoch": 4} if version >= 6 else {})}
    return (ask or s.ask)("OffsetCommit", version, **{
        "groupId": group, "generationIdOrMemberEpoch": generation, "memberId": member,
        "topics": [{**named, "partitions": [entry]}], **changes})


def fetch(s, version, group, topics, **changes):
    """`topics`: (name, id, partitions), or None for all of them."""
    if version < 8:
        asked = None if topics is None else [{"name": n, "partitionIndexes": p} for n, _, p in topics]
        return s.ask("OffsetFetch", version, groupId=group, topics=asked, **changes)
    asked = None if topics is None else [
        {**({"topicId": i} if version >= 10 else {"name": n}), "partitionIndexes": p} for n, i, p in topics]
    member = {"memberId": None, "memberEpoch": -1} if version >= 9 else {}
    return s.ask("OffsetFetch", version, groups=[{"groupId": group, "topics": asked, **member}], **changes)


@case("FindCoordinator")
def coordinator_of_a_group(s, version):
    ready(s, "g")
    for key in ("g", "", "ä", "a group with a long name " * 20):
        fields = {"coordinatorKeys": [key, "another"]} if version >= 4 else {"key": key}
        s.ask("FindCoordinator", version, **fields, **({"keyType": 0} if version >= 1 else {}))


@case("JoinGroup")
def join_group(s, version):
    group = s.named()
    ready(s, group)
    Member(s, "", version).join()
    for session in (5999, 1800001, 0, -1):
        Member(s, group, version).join(sessionTimeoutMs=session)
    Member(s, group + "-unknown", version).join(memberId="nobody")
    Member(s, group, version, protocols=()).join()
    Member(s, group, version, protocol_type="").join()
    member = Member(s, group, version)
    member.join_fully()
    member.sync()
    member.join()               # it leads: another generation
    member.sync()
    s.ask("DescribeGroups", 5, groups=[group])
    Member(s, group, version, protocols=("sticky",)).join()
    Member(s, group, version, protocol_type="connect").join()
    Member(s, group, version).join(memberId="nobody")
    if version >= 5:
        member.join(groupInstanceId="an instance")
    member.protocols = ("sticky", "range")
    member.join()
    member.sync()
    member.leave()
    s.ask("DescribeGroups", 5, groups=[group])
    member.join()


@case("JoinGroup", versions=(5, 8, 9))
def static_members(s, version):
    group = s.named()
    ready(s, group)
    first = Member(s, group, version, instance="one")
    first.join()
    first.sync()
    again = Member(s, group, version, instance="one")
    again.join()                # another process of the same instance
    again.sync()
    first.beat()
    first.sync()
    first.join()
    commit(s, 8, group, "static-none", None, 1)
    again.beat()
    again.beat(groupInstanceId="two")
    s.ask("DescribeGroups", 5, groups=[group])
    s.ask("LeaveGroup", 4, groupId=group, members=[{"memberId": "", "groupInstanceId": "two"},
                                                   {"memberId": first.id, "groupInstanceId": "one"},
                                                   {"memberId": "", "groupInstanceId": "one"}])
    s.ask("DescribeGroups", 5, groups=[group])


@case("SyncGroup")
def sync_group(s, version):
    group = s.named()
    ready(s, group)
    member = Member(s, group)
    member.sync(version, groupId="")
    member.sync(version)
    member.join_fully(s.side.ask)
    member.sync(version, generationId=7)
    member.sync(version, generationId=-1)
    member.sync(version, memberId="nobody")
    if version >= 3:
        member.sync(version, groupInstanceId="an instance")
    if version >= 5:
        member.sync(version, protocolName="sticky")
        member.sync(version, protocolType="connect")
        member.sync(version, protocolType=None)
        member.sync(version, protocolName=None)
    member.sync(version, assignments={"stranger": b"x"})
    member.sync(version)
    member.sync(version)
    s.ask("DescribeGroups", 5, groups=[group])


@case("Heartbeat")
def heartbeat(s, version):
    group = s.named()
    ready(s, group)
    member = Member(s, group)
    member.beat(version)
    member.beat(version, groupId="")
    member.join_fully(s.side.ask)
    member.beat(version)
    member.stable()
    member.beat(version)
    member.beat(version, generationId=0)
    member.beat(version, generationId=-1)
    member.beat(version, memberId="")
    if version >= 3:
        member.beat(version, groupInstanceId="an instance")


@case("LeaveGroup")
def leave_group(s, version):
    group = s.named()
    ready(s, group)
    nobody = Member(s, group)
    nobody.id = "nobody"
    nobody.leave(version)
    member = Member(s, group).stable()
    nobody.leave(version)
    if version >= 3:
        s.ask("LeaveGroup", version, groupId=group, members=[])
        s.ask("LeaveGroup", version, groupId=group, members=[{"memberId": "", "groupInstanceId": None},
                                                             {"memberId": "x", "groupInstanceId": "y"}])
        s.ask("LeaveGroup", version, groupId="", members=[])
    member.leave(version)
    member.leave(version)
    s.ask("DescribeGroups", 5, groups=[group])


@case("OffsetCommit")
def offset_commit(s, version):
    topic, topic_id = s.create()
    group = s.named()
    ready(s, group)

    def send(offset, **changes):
        commit(s, version, group, topic, topic_id, offset, **changes)
        fetch(s, 9, group, [(topic, topic_id, [0])])

    send(5)
    send(-1)
    send(3, metadata=None)
    send(4, metadata="x" * 4096)
    send(6, metadata="x" * 4097)
    send(7, partition=1)
    send(7, partition=-1)
    send(8, generation=1, member="nobody")
    commit(s, version, "", topic, topic_id, 9)
    commit(s, version, group + "-unknown", topic, topic_id, 9, generation=3, member="nobody")
    if version < 10:
        commit(s, version, group, "no such topic", None, 1)
    s.ask("OffsetCommit", version, groupId=group, generationIdOrMemberEpoch=-1, memberId="", topics=[])
    if version <= 4:
        send(10, retentionTimeMs=3600000)
    member = Member(s, group).stable()
    send(11)
    send(12, generation=member.generation, member=member.id)
    send(13, generation=member.generation + 1, member=member.id)
    send(13, generation=-1, member=member.id)
    if version >= 7:
        send(13, generation=member.generation, member=member.id, groupInstanceId="an instance")
    member.join(s.side.ask)
    send(14, generation=member.generation, member=member.id)
    member.sync(ask=s.side.ask)
    send(15, generation=member.generation, member=member.id)


@case("OffsetFetch")
def offset_fetch(s, version):
    topic, topic_id = s.create(partitions=3)
    group = s.named()
    ready(s, group)
    for partition in (0, 2):
        commit(s, 9, group, topic, topic_id, 10 + partition, partition, ask=s.side.ask)
    stable = {"requireStable": True} if version >= 7 else {}
    fetch(s, version, group, [(topic, topic_id, [0, 1, 2])])
    fetch(s, version, group, [(topic, topic_id, [2, 77])], **stable)
    fetch(s, version, group, [])
    fetch(s, version, group + "-none", [(topic, topic_id, [0])])
    fetch(s, version, "", [(topic, topic_id, [0])])
    if version < 10:
        fetch(s, version, group, [("no-such-topic", None, [0])])
    if version >= 2:
        fetch(s, version, group, None, **stable)
        fetch(s, version, group + "-none", None)
    if version >= 8:
        member = {"memberId": None, "memberEpoch": -1} if version >= 9 else {}
        s.ask("OffsetFetch", version, groups=[])
        s.ask("OffsetFetch", version, groups=[{"groupId": g, "topics": None, **member} for g in (group, group + "-none")])


@case("OffsetDelete")
def offset_delete(s, version):
    topic, topic_id = s.create(partitions=2)
    other, other_id = s.create("-other")
    group = s.named()
    ready(s, group)

    def delete(*topics, name=group):
        s.ask("OffsetDelete", version, groupId=name, topics=[
            {"name": t, "partitions": [{"partitionIndex": p} for p in partitions]} for t, partitions in topics])

    delete((topic, [0]))
    delete((topic, [0]), name="")
    for t, i in ((topic, topic_id), (other, other_id)):
        commit(s, 9, group, t, i, 5, ask=s.side.ask)
    delete((topic, [1]), ("no-such-topic", [0]), (other, [7]))
    member = Member(s, group, topics=(topic,)).stable()
    delete((topic, [0]), (other, [0]))
    fetch(s, 9, group, None)
    member.leave()
    delete((topic, [0]), (other, [0]))
    fetch(s, 9, group, None)
    connect = Member(s, group + "-connect", protocol_type="connect").stable()
    delete((topic, [0]), name=connect.group)


@case("DescribeGroups")
def describe_groups(s, version):
    group = s.named()
    ready(s, group)
    for name in (group, group + "-simple"):
        ready(s, name)
    topic, topic_id = s.create()
    commit(s, 9, group + "-simple", topic, topic_id, 1, ask=s.side.ask)
    member = Member(s, group)
    names = [group, group + "-simple", group + "-none", ""]
    included = {"includeAuthorizedOperations": True} if version >= 3 else {}
    s.ask("DescribeGroups", version, groups=[])
    member.join_fully(s.side.ask)
    s.ask("DescribeGroups", version, groups=names)
    member.sync(ask=s.side.ask)
    s.ask("DescribeGroups", version, groups=names, **included)
    member.leave()
    s.ask("DescribeGroups", version, groups=names)


@case("ListGroups")
def list_groups(s, version):
    group = s.named()
    ready(s, group)
    topic, topic_id = s.create()
    commit(s, 9, group + "-simple", topic, topic_id, 1, ask=s.side.ask)
    Member(s, group).stable()

    def ours(answer):
        answer["groups"] = [g for g in answer["groups"] if g["groupId"].startswith(group)]
        return answer

    def ask(**fields):
        s.keep("ListGroups", version, lambda: ours(s.side.ask("ListGroups", version, **fields)), fields)

    ask()
    for states in (["Stable"], ["sTABLE", "empty"], ["Dead"], ["nonsense"], []) if version >= 4 else ():
        ask(statesFilter=states)
    for types in (["classic"], ["CLASSIC", "share"], ["consumer"], ["nonsense"]) if version >= 5 else ():
        ask(typesFilter=types)


@case("DeleteGroups")
def delete_groups(s, version):
    group = s.named()
    ready(s, group)
    topic, topic_id = s.create()
    commit(s, 9, group + "-simple", topic, topic_id, 1, ask=s.side.ask)
    member = Member(s, group).stable()
    s.ask("DeleteGroups", version, groupsNames=[group, group + "-simple", group + "-none", group])
    fetch(s, 9, group + "-simple", None)
    member.leave()
    s.ask("DeleteGroups", version, groupsNames=[group])
    s.ask("DescribeGroups", 5, groups=[group])
    s.ask("DeleteGroups", version, groupsNames=[group, ""])


class Consumer:
    """A member of the consumer protocol (KIP-848)."""

    def __init__(self, s, version, group, topics, name="m"):
        self.s, self.version, self.group, self.topics = s, version, group, topics
        self.id, self.epoch = (name if version >= 1 else ""), 0

    def beat(self, ask=None, **changes):
        fields = {"groupId": self.group, "memberId": self.id, "memberEpoch": self.epoch, "instanceId": None, "rackId": None,
                  "rebalanceTimeoutMs": -1, "subscribedTopicNames": None, "serverAssignor": None, "topicPartitions": None,
                  **({"subscribedTopicRegex": None} if self.version >= 1 else {}), **changes}
        answer = (ask or self.s.ask)("ConsumerGroupHeartbeat", self.version, **fields)
        if answer.get("errorCode") == NONE:
            self.id, self.epoch = answer["memberId"], answer["memberEpoch"]
        return answer

    def join(self, ask=None, **changes):
        self.epoch = 0
        return self.beat(ask, **{"rebalanceTimeoutMs": 60000, "subscribedTopicNames": self.topics, "topicPartitions": [], **changes})

    def leave(self, epoch=-1, **changes):
        return self.beat(memberEpoch=epoch, **changes)


def create_known(s, partitions):
    """A topic that the group coordinator knows too: Kafka's hears of it a little later than others are told of it."""
    topic, topic_id = s.create(partitions=partitions)
    probe = Consumer(s, 1, s.named("-probe"), [topic])
    ready(s, probe.group)
    s.wait(lambda: (probe.join(s.side.ask).get("assignment") or {}).get("topicPartitions"), f"the coordinator knows {topic}")
    probe.beat(s.side.ask, memberEpoch=-1)
    return topic, topic_id


@case("ConsumerGroupHeartbeat")
def consumer_heartbeat(s, version):
    topic, topic_id = create_known(s, partitions=3)
    group = s.named()
    ready(s, group)
    member = Consumer(s, version, group, [topic])
    member.join(groupId="")
    member.join(instanceId="")
    member.join(rackId="")
    member.join(rebalanceTimeoutMs=-1)
    member.join(topicPartitions=None)
    member.join(topicPartitions=[{"topicId": topic_id, "partitions": [0]}])
    member.join(subscribedTopicNames=None)
    member.join(serverAssignor="no-such")
    member.beat(memberEpoch=-3, memberId="m")
    member.beat(memberEpoch=-2, memberId="m")
    member.beat(memberEpoch=3, memberId="m")
    if version >= 1:
        member.join(memberId="")
        member.join(subscribedTopicRegex="[")
    member.join()
    member.beat()
    member.beat(topicPartitions=[{"topicId": topic_id, "partitions": [0, 1, 2]}])
    s.ask("ConsumerGroupDescribe", 1, groupIds=[group])
    known = member.epoch
    member.beat(memberEpoch=known + 1)
    member.beat(memberEpoch=known + 1, memberId="nobody")
    member.beat(serverAssignor="range")
    commit(s, 9, group, topic, topic_id, 5, generation=known + 4, member=member.id)
    commit(s, 8, group, topic, topic_id, 5, generation=known, member=member.id)
    commit(s, 9, group, topic, topic_id, 5, generation=known, member="nobody")
    commit(s, 9, group, topic, topic_id, 5)
    commit(s, 9, group, topic, topic_id, 5, generation=known, member=member.id)
    fetch(s, 9, group, None)
    s.ask("DescribeGroups", 6, groups=[group])
    s.ask("DeleteGroups", 2, groupsNames=[group])
    Member(s, group, protocol_type="connect").join()
    member.leave()
    member.leave()
    s.ask("ConsumerGroupDescribe", 1, groupIds=[group, group + "-none"])
    s.ask("DeleteGroups", 2, groupsNames=[group])


@case("ConsumerGroupHeartbeat")
def static_consumers(s, version):
    topic, _ = create_known(s, partitions=1)
    group = s.named()
    ready(s, group)
    first, second = Consumer(s, version, group, [topic], "one"), Consumer(s, version, group, [topic], "two")
    first.join(instanceId="i")
    second.join(instanceId="i")
    second.beat(memberEpoch=1, memberId="two", instanceId="i")
    second.beat(memberEpoch=1, memberId="two", instanceId="j")
    first.leave(-2, instanceId="i")
    second.join(instanceId="i")
    first.beat(instanceId="i")
    s.ask("ConsumerGroupDescribe", 1, groupIds=[group])
    second.leave(instanceId="i")


@case("ConsumerGroupDescribe")
def consumer_describe(s, version):
    group = s.named()
    for name in (group, group + "-classic"):
        ready(s, name)
    Member(s, group + "-classic").stable()
    topic, _ = create_known(s, partitions=2)
    Consumer(s, 1, group, [topic]).join(s.side.ask)
    s.ask("ConsumerGroupDescribe", version, groupIds=[])
    s.ask("ConsumerGroupDescribe", version, groupIds=[group, group + "-classic", group + "-none"], includeAuthorizedOperations=True)


@case("ConsumerGroupHeartbeat", versions=(1,))
def both_protocols(s, version):
    topic, topic_id = create_known(s, partitions=2)
    group = s.named()
    ready(s, group)
    classic = Member(s, group, topics=(topic,))
    classic.join_fully()
    assigned = (1).to_bytes(2, "big") + (1).to_bytes(4, "big") + len(topic).to_bytes(2, "big") + topic.encode() + \
        (2).to_bytes(4, "big") + (0).to_bytes(4, "big") + (1).to_bytes(4, "big") + (-1).to_bytes(4, "big", signed=True)
    classic.sync(assignments={classic.id: assigned})
    member = Consumer(s, version, group, [topic])
    member.join()
    classic.beat()
    classic.join()
    classic.sync()
    member.beat()
    s.ask("ConsumerGroupDescribe", 1, groupIds=[group])
    member.leave()
    s.ask("DescribeGroups", 5, groups=[group])
    classic.beat()
