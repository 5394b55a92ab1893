"""Topics: created, grown, deleted, described, and every way in which that is refused."""

import uuid

from cases import case

UNKNOWN_ID = uuid.UUID("11111111-2222-3333-4444-555555555555")
ILLEGAL_NAMES = ("", ".", "..", "a b", "a/b", "ä", "x" * 250, "tab\tname", "a:b")


@case("Metadata")
def metadata(s, version):
    name, topic_id = s.create(partitions=2)
    nullable = version >= 1
    more = {"allowAutoTopicCreation": False} if version >= 4 else {}
    for names in ([name], [s.named("-unknown")], [name, s.named("-unknown")], [name, name]):
        if version >= 4 or names == [name]:
            s.ask("Metadata", version, topics=[{"name": n} for n in names], **more)
    for illegal in ILLEGAL_NAMES if version >= 4 else ():
        s.ask("Metadata", version, topics=[{"name": illegal}], **more)
    if nullable:
        s.ask("Metadata", version, topics=[], **more)
    if version >= 8:
        s.ask("Metadata", version, topics=[{"name": name}], includeTopicAuthorizedOperations=True, **more)
    if 8 <= version <= 10:
        s.ask("Metadata", version, topics=[], includeClusterAuthorizedOperations=True, **more)
    if version >= 10:
        for topic in ({"topicId": topic_id, "name": None}, {"topicId": UNKNOWN_ID, "name": None},
                      {"topicId": topic_id, "name": name}, {"topicId": uuid.UUID(int=0), "name": None},
                      {"topicId": topic_id, "name": "other"}):
            s.ask("Metadata", version, topics=[topic], **more)


@case("Metadata", (1, 4, 9, 12, 13))
def metadata_of_all(s, version):
    s.ask("Metadata", version, topics=None)


@case("Metadata", (0, 1, 4, 12))
def metadata_creates_topics(s, version):
    name = s.named()
    s.side.ask("Metadata", version, topics=[{"name": name}], **({"allowAutoTopicCreation": True} if version >= 4 else {}))
    s.await_topic(name)
    s.ask("Metadata", version, topics=[{"name": name}])
    for illegal in ("a b", "..", ""):
        s.ask("Metadata", version, topics=[{"name": illegal}])


@case("CreateTopics")
def create_topics(s, version):
    def create(validate_only=False, **topic):
        s.ask("CreateTopics", version, timeoutMs=30000, validateOnly=validate_only, topics=[
            {"name": s.named(), "numPartitions": 1, "replicationFactor": 1, **topic}])

    create(validate_only=True)
    create(numPartitions=3, configs=[{"name": "retention.ms", "value": "1000"}, {"name": "cleanup.policy", "value": "compact"}])
    create()
    create(validate_only=True)
    for number, change in enumerate((
            {"numPartitions": 0}, {"numPartitions": -2}, {"replicationFactor": 0}, {"replicationFactor": -2},
            {"replicationFactor": 2}, {"replicationFactor": 100},
            {"configs": [{"name": "no.such.config", "value": "1"}]},
            {"configs": [{"name": "retention.ms", "value": "soon"}]},
            {"configs": [{"name": "retention.ms", "value": "-2"}]},
            {"configs": [{"name": "retention.ms", "value": None}]},
            {"configs": [{"name": "cleanup.policy", "value": "shrink"}]},
            {"configs": [{"name": "compression.type", "value": "rar"}]},
            {"configs": [{"name": "min.insync.replicas", "value": "0"}]},
            {"configs": [{"name": "segment.bytes", "value": "13"}]},
            {"configs": [{"name": "max.message.bytes", "value": "-1"}]},
            {"configs": [{"name": "message.timestamp.type", "value": "Never"}]},
            {"configs": [{"name": "retention.ms", "value": "1"}, {"name": "retention.ms", "value": "2"}]},
            {"configs": [{"name": "", "value": "2"}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [7]}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": []}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1, 1]}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": 1, "brokerIds": [1]}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [{"partitionIndex": -1, "brokerIds": [1]}]},
            {"numPartitions": -1, "replicationFactor": -1, "assignments": [
                {"partitionIndex": 0, "brokerIds": [1]}, {"partitionIndex": 2, "brokerIds": [1]}]},
            {"numPartitions": 1, "replicationFactor": 1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}]},
            {"numPartitions": 2, "replicationFactor": -1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}]},
            {"numPartitions": -1, "replicationFactor": 1, "assignments": [{"partitionIndex": 0, "brokerIds": [1]}]})):
        create(name=s.named(f"-bad{number}"), **change)
    for illegal in ILLEGAL_NAMES:
        create(name=illegal)
    create(name=s.named("-assigned"), numPartitions=-1, replicationFactor=-1, assignments=[
        {"partitionIndex": 1, "brokerIds": [1]}, {"partitionIndex": 0, "brokerIds": [1]}])
    if version >= 4:
        create(name=s.named("-default"), numPartitions=-1, replicationFactor=-1)
    create(name="x" * 240 + f"{version:09}")


@case("CreateTopics")
def create_topics_many(s, version):
    def create(*names, **more):
        s.ask("CreateTopics", version, timeoutMs=30000, topics=[
            {"name": name, "numPartitions": 1, "replicationFactor": 1, **more} for name in names])

    create()
    create(s.named("-a"), s.named("-b"))
    create(s.named("-a"), s.named("-c"))
    create(s.named("-d"), s.named("-d"), s.named("-e"))
    create(s.named(".x.y"), s.named(".x_y"))
    create(s.named(".x_y"))
    create(s.named("-f"), numPartitions=10001)
    create("__consumer_offsets_of_mine", "__cluster_metadata")


@case("DeleteTopics")
def delete_topics(s, version):
    def delete(*names, **topic):
        if version >= 6:
            topics = [{"name": n} for n in names] if names else [topic]
            s.ask("DeleteTopics", version, timeoutMs=30000, topics=topics)
        else:
            s.ask("DeleteTopics", version, timeoutMs=30000, topicNames=list(names))

    names = [s.create(f"-{letter}")[0] for letter in "abcd"]
    delete(names[0])
    s.await_gone(names[0])
    delete(names[0])
    delete(names[1], s.named("-unknown"))
    delete(names[2], names[2])
    delete("")
    delete("a b", "..")
    delete("__cluster_metadata")
    if version >= 6:
        name, topic_id = s.create("-e")
        delete(topicId=UNKNOWN_ID, name=None)
        delete(topicId=topic_id, name=name)
        delete(topicId=topic_id, name="other")
        delete(name=None)
        s.ask("DeleteTopics", version, timeoutMs=30000, topics=[{"name": None, "topicId": topic_id}, {"name": name}])
        s.ask("DeleteTopics", version, timeoutMs=30000, topics=[{"name": None, "topicId": topic_id},
                                                               {"name": None, "topicId": topic_id}])
        delete(topicId=topic_id, name=None)
        s.await_gone(name)
        delete(topicId=topic_id, name=None)
        s.ask("DeleteTopics", version, timeoutMs=30000, topics=[])
    else:
        delete()


@case("CreatePartitions")
def create_partitions(s, version):
    name, _ = s.create()

    def grow(count, assignments=None, validate_only=False, topic=name):
        s.ask("CreatePartitions", version, timeoutMs=30000, validateOnly=validate_only, topics=[
            {"name": topic, "count": count, "assignments": assignments}])

    grow(3, validate_only=True)
    grow(3)
    s.await_topic(name, 3)
    for count in (3, 2, 0, -1):     # not a large one: Kafka refuses to add 999,997 and adds 10,000 all the same
        grow(count)
    grow(4, topic=s.named("-unknown"))
    grow(4, topic="")
    grow(4, topic="a b")
    for assignments in ([], [{"brokerIds": [1]}, {"brokerIds": [1]}], [{"brokerIds": [9]}], [{"brokerIds": []}],
                        [{"brokerIds": [1, 1]}]):
        grow(4, assignments)
    grow(4, [{"brokerIds": [1]}])
    s.await_topic(name, 4)
    s.ask("CreatePartitions", version, timeoutMs=30000, topics=[{"name": name, "count": 6, "assignments": None},
                                                                {"name": name, "count": 7, "assignments": None}])
    s.ask("CreatePartitions", version, timeoutMs=30000, topics=[])


@case("DescribeTopicPartitions")
def describe_topic_partitions(s, version):
    names = sorted(s.create(f"-{letter}", partitions=3)[0] for letter in "abc")

    def describe(topics, limit=2000, cursor=None):
        s.ask("DescribeTopicPartitions", version, topics=[{"name": n} for n in topics],
              responsePartitionLimit=limit, cursor=cursor)

    describe(names)
    describe(reversed(names))
    describe([names[0], names[0]])
    describe([s.named("-unknown"), names[0]])
    for limit in (1, 4, 0, -1):
        describe(names, limit)
    for cursor in ({"topicName": names[1], "partitionIndex": 1}, {"topicName": names[2], "partitionIndex": 3},
                   {"topicName": names[0] + "x", "partitionIndex": 0}, {"topicName": "zzz", "partitionIndex": 0},
                   {"topicName": names[1], "partitionIndex": -1}):
        describe(names, 2, cursor)
    for illegal in ILLEGAL_NAMES:
        describe([illegal])
