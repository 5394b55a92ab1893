"""The cluster as a whole, and frames that are not right."""

import struct

import codec
from cases import case
from sides import Closed

SERVED_BY_MOLDAU = {0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 32, 33, 35, 37, 42, 44, 47,
                    55, 57, 60, 61, 65, 66, 74, 75}


@case("ApiVersions")
def api_versions(s, version):
    s.ask("ApiVersions", version, **({"clientSoftwareName": "differential", "clientSoftwareVersion": "1.0"} if version >= 3 else {}))
    if version >= 3:
        for name, number in (("", "1"), ("a", ""), ("a b", "1"), ("-a", "1"), ("a.b-c", "1-x"), ("ä", "1"), ("a" * 300, "1")):
            s.ask("ApiVersions", version, clientSoftwareName=name, clientSoftwareVersion=number)


@case()
def api_versions_of_later(s):
    for version in (5, 6, 100, 32767, -1):
        frame_version = min(max(version, 3), 4)
        body = codec.encode("ApiVersions", frame_version, {"clientSoftwareName": "d", "clientSoftwareVersion": "1"})
        s.ask_body("ApiVersions", version, body, "a version that is not served", answer_version=0)


@case("DescribeCluster")
def describe_cluster(s, version):
    s.ask("DescribeCluster", version)
    s.ask("DescribeCluster", version, includeClusterAuthorizedOperations=True)
    if version >= 1:
        for kind in (1, 2, 3, 0, -1):
            s.ask("DescribeCluster", version, endpointType=kind)
    if version >= 2:
        s.ask("DescribeCluster", version, endpointType=1, includeFencedBrokers=True)
        s.ask("DescribeCluster", version, endpointType=2, includeFencedBrokers=True)


@case("DescribeQuorum")
def describe_quorum(s, version):
    for name, partition in (("__cluster_metadata", 0), ("__cluster_metadata", 1), ("other", 0), ("", 0)):
        s.ask("DescribeQuorum", version, topics=[{"topicName": name, "partitions": [{"partitionIndex": partition}]}])
    s.ask("DescribeQuorum", version, topics=[])
    s.ask("DescribeQuorum", version, topics=[{"topicName": "__cluster_metadata", "partitions": []}])


@case("UpdateFeatures")
def update_features(s, version):
    def update(*changes, validate_only=True):
        s.ask("UpdateFeatures", version, timeoutMs=30000, validateOnly=validate_only,
              featureUpdates=[{"feature": name, "maxVersionLevel": level,
                               **({"upgradeType": kind} if version >= 1 else {"allowDowngrade": kind != 1})}
                              for name, level, kind in changes])

    only = version >= 1
    for name, level, kind in (("metadata.version", 30, 1), ("metadata.version", 31, 1), ("metadata.version", 29, 1), ("metadata.version", 29, 2),
                              ("metadata.version", 3, 2), ("metadata.version", 0, 2), ("metadata.version", -1, 1), ("metadata.version", 7, 1),
                              ("no.such.feature", 1, 1), ("no.such.feature", 0, 2), ("", 1, 1), ("kraft.version", 1, 1),
                              ("kraft.version", 0, 2), ("kraft.version", 2, 1), ("transaction.version", 9, 1),
                              ("group.version", 0, 1), ("share.version", 7, 1), ("metadata.version", 31, 0), ("metadata.version", 31, 4)):
        update((name, level, kind), validate_only=only)
    update(validate_only=only)
    update(("metadata.version", 30, 1), ("no.such.feature", 1, 1), validate_only=only)
    update(("no.such.feature", 1, 1), ("no.such.feature", 2, 1), validate_only=only)


@case("FindCoordinator")
def find_coordinator(s, version):
    def find(kind, *keys):
        fields = {"coordinatorKeys": list(keys)} if version >= 4 else {"key": keys[0]}
        s.ask("FindCoordinator", version, **fields, **({"keyType": kind} if version >= 1 else {}))

    for kind in (3, 7, -1) if version >= 1 else ():
        find(kind, "g")
    if version >= 4:
        s.ask("FindCoordinator", version, keyType=0, coordinatorKeys=[])
    if version >= 6:
        find(2, "no colons")


@case()
def versions_that_are_not_served(s):
    served = {a["apiKey"] for a in s.side.ask("ApiVersions", 0)["apiKeys"]}
    for api, schema in codec.SCHEMAS.items():
        if schema.key not in SERVED_BY_MOLDAU or schema.key not in served or api == "ApiVersions":
            continue
        highest = (schema.advertised or schema.versions).high
        for version in (highest + 1, schema.versions.low - 1, 1000, -1):
            if api == "InitProducerId" and version == highest + 1:
                continue        # its form is known to both, but not told
            body = codec.encode(api, min(max(version, schema.versions.low), highest), {})
            s.ask_body(api, version, body, "a version that is not served", answer_version=highest)


@case()
def frames_that_are_not_right(s):
    right = codec.request_header("Metadata", 1, 7) + codec.encode("Metadata", 1, {"topics": []})
    flexible = codec.request_header("Metadata", 9, 7) + codec.encode("Metadata", 9, {"topics": []})
    for what, content in (("a body that ends early", right[:-1]), ("a byte too many", right + b"\x00"),
                          ("no body", codec.request_header("Metadata", 1, 7)), ("half a header", right[:6]), ("nothing", b""),
                          ("an unknown key", struct.pack(">hhi", 999, 0, 7) + b"\xff\xff"), ("key -1", struct.pack(">hhi", -1, 0, 7) + b"\xff\xff"),
                          ("a key that is gone", struct.pack(">hhi", 4, 0, 7) + b"\xff\xff"),
                          ("an array that is too long", codec.request_header("Metadata", 1, 7) + struct.pack(">i", 2**31 - 1)),
                          ("an array of length -2", codec.request_header("Metadata", 1, 7) + struct.pack(">i", -2)),
                          ("a client id that is too long", right[:8] + struct.pack(">h", 3000) + right[10:]),
                          ("a flexible byte too many", flexible + b"\x00"), ("a flexible body that ends early", flexible[:-1])):
        try:
            answer = {"answer": "yes", "size": len(s.side.ask_raw(content)) > 8}
        except Closed:
            answer = {"connection": "closed"}
        s.steps.append((what, answer))
        s.side.disconnect()
