"""Frames and requests that no client sends: closed connections with a log line, or Kafka's error code; never a crash,
memory or a pause of other clients (reliability NW-01 to NW-06, NW-09)."""

import random
import struct

import raw
from hostile import HostileTest
from live_test import main
from raw import (API_VERSIONS, FETCH, LIST_OFFSETS, METADATA, PRODUCE, Peer, Reader, array, batch, fetch_answers,
                 fetch_request, frame, header, int16, int32, int64, int8, list_offsets_answer, list_offsets_request,
                 metadata_request, produce_errors, produce_request, request, string)

TLS_CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(194))
CREATE_TOPICS, DELETE_TOPICS, DESCRIBE_CONFIGS = 19, 20, 32


class Sizes(HostileTest):
    """NW-01: sizes of frames, and peers that speak something else."""

    def test_size_negative(self):
        self.check_closed(int32(-1), "clos", "-1")

    def test_size_least(self):
        self.check_closed(int32(-2 ** 31), "clos", "-2147483648")

    def test_size_int32_max(self):
        self.check_closed(int32(2 ** 31 - 1) + bytes(64), "clos", "2147483647")

    def test_size_just_above_socket_request_max_bytes(self):
        self.check_closed(int32(104857601) + bytes(64), "clos", "104857601", "socket.request.max.bytes")

    def test_size_zero(self):
        self.check_closed(int32(0), "clos")

    def test_size_shorter_than_a_header(self):
        for size in range(1, 8):
            self.check_closed(frame(bytes(size)), "clos")

    def test_frame_cut_short_by_the_end_of_the_connection(self):
        self.check_closed(metadata_request()[:-3], "clos", "ended inside a frame", half_close=True)

    def test_size_cut_short_by_the_end_of_the_connection(self):
        self.check_closed(b"\0\0", "clos", "ended inside a frame", half_close=True)

    def test_tls_client_hello(self):
        self.check_closed(TLS_CLIENT_HELLO, "TLS")

    def test_http_get(self):
        self.check_closed(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP")

    def test_http_post(self):
        self.check_closed(b"POST /topics HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP")

    def test_http_2_preface(self):
        self.check_closed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "HTTP/2")

    def test_ssh(self):
        self.check_closed(b"SSH-2.0-OpenSSH_9.2\r\n", "SSH")


class Headers(HostileTest):
    """NW-05: keys and versions."""

    def test_unknown_api_key(self):
        for key in (-1, 999, 32767):
            self.check_closed(request(key, 0, b""), "clos")

    def test_api_that_is_not_served(self):
        for key in (4, 5, 6, 7):  # LeaderAndIsr and its like are gone since 4.0
            self.check_closed(request(key, 0, bytes(20)), "clos")

    def test_version_too_high(self):
        self.check_closed(request(METADATA, 99, b"\0"), "clos", "99")

    def test_version_negative(self):
        self.check_closed(request(METADATA, -1, b""), "clos", "-1")

    def test_produce_version_that_is_told_but_not_served(self):
        body = int16(1) + int32(1000) + array([])
        self.check_closed(request(PRODUCE, 2, body), "clos", "Produce")

    def test_api_versions_of_an_unknown_version_is_answered_in_version_0(self):
        for version in (5, 99, 32767):
            r = Reader(self.connect().ask(request(API_VERSIONS, version, b"\0" * 8, correlation_id=9)))
            self.assertEqual((r.number("i"), r.number("h")), (9, raw.UNSUPPORTED_VERSION))
            told = r.array(lambda: (r.number("h"), r.number("h"), r.number("h")))
            self.assertEqual(told, [(API_VERSIONS, 0, 4)])
            r.end()

    def test_api_versions_again_on_the_same_connection_after_an_unknown_version(self):
        peer = self.connect()
        peer.ask(request(API_VERSIONS, 99, b"\0", correlation_id=9))
        self.check_alive(peer)

    def test_api_versions_with_an_illegal_software_name(self):
        for name in (b"", b"-x", b"a b", b"\xc3\xa9"):
            body = b"\0" + bytes([len(name) + 1]) + name + b"\x02" + b"1" + b"\0"
            r = Reader(self.connect().ask(request(API_VERSIONS, 3, body)))
            self.assertEqual((r.number("i"), r.number("h")), (1, raw.INVALID_REQUEST), name)

    def test_client_id_longer_than_the_frame(self):
        self.check_closed(frame(int16(METADATA) + int16(1) + int32(1) + int16(32000) + b"short"), "clos")

    def test_client_id_of_illegal_length(self):
        self.check_closed(frame(int16(METADATA) + int16(1) + int32(1) + int16(-2)), "clos")


class Bodies(HostileTest):
    """NW-02: lengths that lie."""

    def test_array_count_beyond_the_frame(self):
        for count in (2 ** 31 - 1, 1 << 28, 2):
            self.check_closed(request(METADATA, 1, int32(count) + string("t")), "clos", "Metadata")

    def test_array_count_negative(self):
        self.check_closed(request(METADATA, 1, int32(-2)), "clos", "Metadata")

    def test_null_array_where_none_is_allowed(self):
        self.check_closed(request(LIST_OFFSETS, 1, int32(-1) + int32(-1)), "clos", "ListOffsets")

    def test_null_string_where_none_is_allowed(self):
        self.check_closed(request(LIST_OFFSETS, 1, int32(-1) + array([string(None) + array([])])), "clos", "ListOffsets")

    def test_string_beyond_the_frame(self):
        self.check_closed(request(METADATA, 1, int32(1) + int16(32767) + b"t"), "clos", "Metadata")

    def test_nested_arrays_beyond_the_frame(self):
        body = int32(-1) + int32(0) + int32(1) + int32(1 << 20) + int8(0) + \
            int32(1) + string("t") + int32(1 << 30) + int32(0) + int64(0) + int32(1)
        self.check_closed(request(FETCH, 4, body), "clos", "Fetch")

    def test_records_beyond_the_frame(self):
        body = string(None) + int16(-1) + int32(1000) + int32(1) + string("t") + int32(1) + int32(0) + int32(1 << 30)
        self.check_closed(request(PRODUCE, 8, body), "clos", "Produce")

    def test_body_missing(self):
        for api, version, name in ((PRODUCE, 8, "Produce"), (FETCH, 4, "Fetch"), (METADATA, 1, "Metadata"),
                                   (CREATE_TOPICS, 4, "CreateTopics"), (DESCRIBE_CONFIGS, 1, "DescribeConfigs")):
            self.check_closed(request(api, version, b""), "clos", name)

    def test_bytes_after_a_request_are_ignored(self):
        """As Kafka does, and as librdkafka 2.15 needs it: it sends three after a Metadata request for all topics."""
        produce_nothing = string(None) + int16(-1) + int32(1) + array([])
        for content in (request(METADATA, 1, array([]) + b"x", 7), request(PRODUCE, 8, produce_nothing + b"xyz", 7),
                        request(API_VERSIONS, 0, b"xyz", 7)):
            peer = self.connect()
            self.assertEqual(peer.ask(content)[:4], int32(7))
            self.check_alive(peer)

    def test_compact_array_beyond_the_frame(self):
        self.check_closed(request(METADATA, 9, b"\0" + b"\xff\xff\xff\xff\x0f"), "clos", "Metadata")

    def test_varint_that_never_ends(self):
        self.check_closed(request(METADATA, 9, b"\0" + b"\xff" * 40), "clos", "Metadata")

    def test_tagged_fields_beyond_the_frame(self):
        for tags in (b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x07", b"\x01\x00\xff\xff\xff\xff\x07"):
            self.check_closed(frame(header(METADATA, 9) + tags), "clos")
            self.check_closed(request(METADATA, 9, b"\0" + b"\x01" + b"\1\0\0" + tags), "clos", "Metadata")

    def test_every_prefix_of_a_request_as_a_frame_of_its_own(self):
        whole = produce_request([(0, batch())], "nowhere")[4:]
        for size in range(0, len(whole)):
            with Peer(self.broker.port) as peer:
                self.send_all(peer, frame(whole[:size]))
                self.assertTrue(peer.closed(), f"{size} bytes of {len(whole)}")
        self.check_alive()

    def test_random_frames(self):
        rng = random.Random(20261122)
        for _ in range(300):
            with Peer(self.broker.port) as peer:
                body = rng.randbytes(rng.randrange(200))
                self.send_all(peer, request(rng.choice((0, 1, 2, 3, 18, 19, 20, 21, 22, 23, 32, 35, 44, 60, 75)),
                                            rng.randrange(14), body))
        self.check_alive()
        self.check_files_come_back()

    def test_flipped_bits_of_good_requests(self):
        rng = random.Random(5)
        good = [produce_request([(0, batch())], "canary-not"), fetch_request([("t", 0, 0, 1 << 20)]),
                metadata_request(["t"]), list_offsets_request("t", 0, -1)]
        for _ in range(400):
            bad = bytearray(rng.choice(good))
            bad[rng.randrange(4, len(bad))] ^= 1 << rng.randrange(8)
            with Peer(self.broker.port) as peer:
                self.send_all(peer, bytes(bad))
        self.check_alive()


class Values(HostileTest):
    """NW-06 and NW-09: fields out of their domain get the field's own error code."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.create_topic("values", 2)

    def fetch_error(self, *partitions, **how):
        return [error for error, _, _ in fetch_answers(self.connect().ask(fetch_request(partitions, **how)))]

    def test_fetch_of_partitions_that_do_not_exist(self):
        for partition in (-1, 2, 2 ** 31 - 1, -2 ** 31):
            self.assertEqual(self.fetch_error(("values", partition, 0, 1000)), [raw.UNKNOWN_TOPIC_OR_PARTITION])

    def test_fetch_of_offsets_that_do_not_exist(self):
        for offset in (-5, -1, 1, 2 ** 63 - 1, -2 ** 63):
            self.assertEqual(self.fetch_error(("values", 0, offset, 1000)), [raw.OFFSET_OUT_OF_RANGE], offset)

    def test_fetch_with_negative_limits(self):
        self.assertIn(self.fetch_error(("values", 0, 0, -1)), ([raw.NONE],))
        self.assertIn(self.fetch_error(("values", 0, 0, 1000), max_bytes=-1), ([raw.NONE], []))
        self.assertIn(self.fetch_error(("values", 0, 0, 1000), min_bytes=-1, max_wait_ms=-1), ([raw.NONE],))

    def test_fetch_with_an_unknown_isolation_level(self):
        try:
            self.fetch_error(("values", 0, 0, 1000), isolation=7)
        except ConnectionError:
            pass  # Kafka closes as well
        self.check_alive()

    def test_empty_topic_name(self):
        self.assertIn(self.fetch_error(("", 0, 0, 1000))[0], (raw.UNKNOWN_TOPIC_OR_PARTITION, raw.INVALID_TOPIC))

    def test_metadata_of_illegal_names(self):
        for name in ("", ".", "..", "a b", "x" * 250, "ä"):
            r = Reader(self.connect().ask(metadata_request([name] if name != "ä" else [])))
            self.assertEqual(r.number("i"), 1)
        self.check_alive()

    def test_produce_with_illegal_acks(self):
        for acks in (2, -2, 32767):
            answers = produce_errors(self.connect().ask(produce_request([(0, batch())], "values", acks)))
            self.assertEqual([error for _, error, _ in answers], [raw.INVALID_REQUIRED_ACKS])
        self.assertEqual(self.end_offset("values"), 0)

    def test_produce_to_partitions_that_do_not_exist(self):
        for partition in (-1, 2, 2 ** 31 - 1):
            answers = produce_errors(self.connect().ask(produce_request([(partition, batch())], "values")))
            self.assertEqual([error for _, error, _ in answers], [raw.UNKNOWN_TOPIC_OR_PARTITION])

    def test_produce_with_a_negative_timeout(self):
        self.client.create_topic("negative-timeout")
        answers = produce_errors(self.connect().ask(produce_request([(0, batch())], "negative-timeout", timeout_ms=-1)))
        self.assertIn(answers[0][1], (0, 7))

    def test_list_offsets_of_unknown_sentinels_and_partitions(self):
        error, offset = list_offsets_answer(self.connect().ask(list_offsets_request("values", -1, -1)))
        self.assertEqual((error, offset), (raw.UNKNOWN_TOPIC_OR_PARTITION, -1))
        self.connect().ask(list_offsets_request("values", 0, -2 ** 63))
        self.check_alive()

    def test_the_same_partition_twice_in_a_produce(self):
        self.client.create_topic("twice")
        answers = produce_errors(self.connect().ask(produce_request([(0, batch()), (0, batch())], "twice")))
        appended = sum(error == 0 for _, error, _ in answers)
        self.assertEqual(self.end_offset("twice"), appended)

    def test_the_same_partition_twice_in_a_fetch(self):
        self.assertIn(len(self.fetch_error(("values", 0, 0, 1000), ("values", 0, 0, 1000))), (1, 2))

    def test_the_same_partition_twice_in_a_list_offsets(self):
        twice = array([int32(0) + int64(-1), int32(0) + int64(-1)])
        r = Reader(self.connect().ask(request(LIST_OFFSETS, 1, int32(-1) + array([string("values") + twice]))))
        r.number("i"), r.number("i"), r.string()
        errors = [(r.number("i"), r.number("h"), r.number("q"), r.number("q"))[1] for _ in range(r.number("i"))]
        self.assertEqual(set(errors), {raw.INVALID_REQUEST})

    def test_a_million_partitions_in_one_create_topics(self):
        body = array([string("million") + int32(1_000_000) + int16(1) + array([]) + array([])]) + int32(10000) + int8(0)
        r = Reader(self.connect().ask(request(CREATE_TOPICS, 3, body)))
        r.number("i"), r.number("i"), r.number("i"), r.string()
        self.assertNotEqual(r.number("h"), 0)
        self.check_alive()


class Streams(HostileTest):
    """NW-03 and NW-04: how bytes arrive, and peers that leave."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.create_topic("streams")

    def test_a_request_split_at_each_byte(self):
        whole = metadata_request(["streams"], correlation_id=5)
        with Peer(self.broker.port) as peer:
            expected = peer.ask(whole)
            for at in range(1, len(whole)):
                peer.send(whole[:at])
                peer.send(whole[at:])
                self.assertEqual(peer.receive(), expected, f"split at {at}")

    def test_a_request_in_single_bytes(self):
        with Peer(self.broker.port) as peer:
            for byte in metadata_request(["streams"], correlation_id=5):
                peer.send(bytes([byte]))
            self.assertEqual(peer.receive()[:4], int32(5))

    def test_many_requests_in_one_segment_are_answered_in_order(self):
        before = self.end_offset("streams")
        with Peer(self.broker.port) as peer:
            requests = []
            for i in range(0, 600, 3):
                requests += [metadata_request(["streams"], i), list_offsets_request("streams", 0, -1, i + 1),
                             produce_request([(0, batch())], "streams", correlation_id=i + 2)]
            peer.send(b"".join(requests))
            for i in range(600):
                self.assertEqual(struct.unpack(">i", peer.receive()[:4])[0], i)
        self.assertEqual(self.end_offset("streams"), before + 200)

    def test_a_bad_request_behind_good_ones_leaves_their_answers_whole(self):
        good = (metadata_request(["streams"], 1) + produce_request([(0, batch())], "streams", correlation_id=2) +
                list_offsets_request("streams", 0, -1, 3) + produce_request([(0, batch())], "streams", correlation_id=4))
        unanswerable = produce_request([(99, batch())], "streams", acks=0)
        for bad in (request(999, 0, b""), request(METADATA, 1, int32(2 ** 31 - 1)), int32(-1), b"GET / HTTP/1.1\r\n",
                    unanswerable):
            with Peer(self.broker.port) as peer:
                peer.send(good + bad + metadata_request(["streams"], 5))
                got = []
                try:
                    while True:
                        got.append(struct.unpack(">i", peer.receive()[:4])[0])
                except ConnectionError:
                    pass
            self.assertEqual(got, [1, 2, 3, 4], f"answers before {bad[:20]}")
        self.check_alive()

    def test_peers_that_reset_at_each_byte_of_the_answer(self):
        whole = metadata_request(["streams"])
        with Peer(self.broker.port) as peer:
            size = len(peer.ask(whole)) + 4
        for at in range(size):
            with Peer(self.broker.port) as peer:
                peer.send(whole)
                if at:
                    peer._exactly(at)
                peer.reset()
        self.check_alive()
        self.check_files_come_back()

    def test_peers_that_leave_while_their_fetch_waits(self):
        """NW-04, RE-11: they are noticed at once, not when the fetch would have ended."""
        end = self.end_offset("streams")
        peers = [Peer(self.broker.port) for _ in range(300)]
        for peer in peers:
            peer.send(fetch_request([("streams", 0, end, 1 << 20)], max_wait_ms=2 ** 31 - 1))
        self.check_alive()
        for i, peer in enumerate(peers):
            peer.reset() if i % 2 else peer.socket.close()
        self.check_files_come_back(seconds=3)

    def test_a_half_closed_peer_gets_the_answer_to_its_fetch_at_once(self):
        end = self.end_offset("streams")
        with Peer(self.broker.port) as peer:
            peer.send(fetch_request([("streams", 0, end, 1 << 20)], max_wait_ms=60_000))
            peer.socket.shutdown(1)
            self.assertEqual(fetch_answers(peer.receive()), [(0, end, b"")])

    def test_peers_that_leave_without_a_word(self):
        for _ in range(300):
            Peer(self.broker.port).socket.close()
        self.check_files_come_back()

    def test_peers_that_leave_while_their_produce_is_synced(self):
        before = self.end_offset("streams")
        for _ in range(100):
            peer = Peer(self.broker.port)
            peer.send(produce_request([(0, batch())], "streams"))
            peer.reset()
        self.check_files_come_back()
        self.assertLessEqual(self.end_offset("streams"), before + 100)

    def test_half_closed_peers_get_their_answers(self):
        with Peer(self.broker.port) as peer:
            peer.send(metadata_request(["streams"], 41) + metadata_request(["streams"], 42))
            peer.socket.shutdown(1)
            self.assertEqual([struct.unpack(">i", peer.receive()[:4])[0] for _ in range(2)], [41, 42])


if __name__ == "__main__":
    main(seconds=150)
