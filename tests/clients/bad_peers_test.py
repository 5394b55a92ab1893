"""Peers that are slow, many, or greedy: memory stays bounded and another client does not notice (reliability RE-02 to
RE-05)."""

import socket
import struct
import sys
import time

import raw
from hostile import CANARY_SECONDS, MIB, HostileTest
from live_test import main
from raw import Peer, batch, fetch_answers, fetch_request, int32, metadata_request, produce_request, record

FETCH_MAX_BYTES = 57671680  # fetch.max.bytes
STALL_SECONDS = 60  # within which a peer that stands still inside a frame is closed


class Patience(HostileTest):
    """How long a connection may do nothing."""
    settings = (*HostileTest.settings, "connections.max.idle.ms=3000")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.create_topic("idle", 1)
        with Peer(cls.broker.port) as peer:
            for _ in range(40):
                peer.ask(produce_request([(0, batch(record(bytes(900_000)), 1))], "idle"))

    def test_peers_that_never_read_are_closed(self):
        """RE-04: with answers behind the one that is stuck."""
        peers = [self.connect(timeout=0.2, receive_buffer=4096) for _ in range(30)]
        for peer in peers:
            peer.send(fetch_request([("idle", 0, 0, 20_000_000)], max_bytes=20_000_000) * 20)
        self.check_files_come_back(seconds=20)

    def test_a_slow_reader_is_not_closed(self):
        """It takes four times as long as an idle connection may live, but takes something all the time."""
        peer = self.connect(receive_buffer=4096)
        # Several, for with more shards each answer gets a smaller share of the memory.
        peer.send(fetch_request([("idle", 0, 0, 30_000_000)], max_bytes=30_000_000) * 5)
        began, size, got = time.monotonic(), 0, b""
        while time.monotonic() - began < 12:
            got = peer.socket.recv(100_000)
            size += len(got)
            time.sleep(len(got) / 1_200_000)  # 4 MiB in less than four seconds
        self.assertTrue(got, "the connection is open")
        self.assertGreater(size, 5_000_000)

    def test_a_fetch_that_waits_is_not_idle(self):
        end = self.end_offset("idle")
        answer = self.connect(timeout=20).ask(fetch_request([("idle", 0, end, MIB)], max_wait_ms=12_000))
        self.assertEqual(fetch_answers(answer), [(0, end, b"")])

    def test_idle_connections_are_closed(self):
        peers = [self.connect() for _ in range(10)]
        peers[0].send(metadata_request(["idle"])[:7])
        peers[1].ask(metadata_request(["idle"]))
        self.check_files_come_back(seconds=15)

    growth_bytes = 128 * MIB


class SlowPeers(HostileTest):
    growth_bytes = 128 * MIB

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.create_topic("slow", 4)
        value = bytes(900_000)
        with Peer(cls.broker.port) as peer:
            for i in range(120):  # 105 MB
                peer.ask(produce_request([(i % 4, batch(record(value), 1))], "slow"))
        # Stands still inside a frame while the other tests run.
        cls.stalled = Peer(cls.broker.port, timeout=STALL_SECONDS)
        cls.stalled.send(metadata_request()[:9])
        cls.stalled_since = time.monotonic()

    def test_1_peers_that_announce_much_and_send_little(self):
        """RE-03: 400 connections announce 100 MB each."""
        peers = [self.connect() for _ in range(400)]
        for peer in peers:
            peer.send(int32(100_000_000) + raw.header(raw.PRODUCE, 8) + bytes(4000))
        self.canary.check()
        for peer in peers:
            peer.socket.close()
        self.check_files_come_back()

    def test_1_peers_that_send_much_of_a_frame_and_stop(self):
        """RE-03: 60 connections send 4 MB of a frame of 100 MB and wait."""
        peers = [self.connect(timeout=0.5) for _ in range(60)]
        for peer in peers:
            try:
                peer.send(int32(100_000_000) + raw.header(raw.PRODUCE, 8) + bytes(4 * MIB))
            except (socket.timeout, ConnectionError):
                pass  # not read any further, or closed: both bound the memory
        self.canary.check()
        for peer in peers:
            peer.socket.close()
        # Those whose frame waited for memory, too, are gone at once: the memory is there for the next one.
        self.check_files_come_back(slack=0, seconds=12)

    test_1_peers_that_send_much_of_a_frame_and_stop.growth_bytes = 320 * MIB  # the memory budget and its own needs

    def test_1_peers_that_send_a_byte_at_a_time(self):
        """RE-02: 300 connections send their requests byte by byte; all are answered in the end."""
        peers = [self.connect() for _ in range(300)]
        for byte in metadata_request(["slow"]):
            for peer in peers:
                peer.send(bytes([byte]))
        for peer in peers:
            self.assertEqual(peer.receive()[:4], int32(1))

    def test_1_many_idle_connections(self):
        """RE-02: 5,000 connections that say nothing, another 5,000 that asked once."""
        peers = []
        for i in range(10_000):
            peers.append(self.connect())
            if i % 2:
                peers[-1].send(metadata_request(["slow"]))
        self.canary.check()
        for peer in peers[1::2]:
            self.assertEqual(peer.receive()[:4], int32(1))
        for peer in peers:
            peer.socket.close()
        self.check_files_come_back()

    def test_2_peers_that_do_not_read_their_answers(self):
        """RE-04: 20 connections ask for 50 MB again and again and read nothing."""
        wanted = [("slow", p, 0, 20_000_000) for p in range(4)]
        peers = [self.connect(timeout=0.2, receive_buffer=4096) for _ in range(20)]
        for peer in peers:
            try:
                peer.send(fetch_request(wanted, max_bytes=50_000_000) * 300)
            except (socket.timeout, ConnectionError):
                pass
        time.sleep(3)
        self.canary.check()
        for peer in peers:
            peer.reset()
        self.check_files_come_back()

    def test_2_a_peer_that_floods_and_reads_late(self):
        """RE-04: thousands of small requests are sent before the first answer is read."""
        peer = self.connect(timeout=2, receive_buffer=4096)
        sent = 0
        try:
            for i in range(200_000):
                peer.send(metadata_request(["slow"], i))
                sent += 1
        except socket.timeout:
            pass
        self.assertGreater(sent, 300)
        print(f"  {sent} requests went out before the node stopped reading", file=sys.stderr)
        self.canary.check()
        peer.socket.settimeout(30)
        for i in range(min(sent, 5000)):
            self.assertEqual(struct.unpack(">i", peer.receive()[:4])[0], i)

    def test_2_a_fetch_of_two_gigabytes_of_a_thousand_partitions(self):
        """RE-05: the answer is bounded by fetch.max.bytes, whatever the request says."""
        wanted = [("slow", p % 4, 0, 2 ** 31 - 1) for p in range(1000)]
        size = 0
        for _ in range(3):
            answers = fetch_answers(self.connect(timeout=30).ask(fetch_request(wanted, max_bytes=2 ** 31 - 1)))
            size = sum(len(records or b"") for _, _, records in answers)
            self.assertLessEqual(size, FETCH_MAX_BYTES + MIB)
        self.assertGreater(size, 4 * MIB)

    test_2_a_fetch_of_two_gigabytes_of_a_thousand_partitions.growth_bytes = 256 * MIB

    def test_2_many_fetches_that_wait(self):
        """500 connections wait at the end of a partition for a whole minute's worth; one record wakes all of them."""
        end = self.end_offset("slow")
        peers = [self.connect(timeout=20) for _ in range(500)]
        for peer in peers:
            peer.send(fetch_request([("slow", 0, end, MIB)], max_wait_ms=60_000))
        self.assertLess(self.canary.check(), CANARY_SECONDS)
        began = time.monotonic()
        self.connect().ask(produce_request([(0, batch())], "slow"))
        for peer in peers:
            (error, high_watermark, records), = fetch_answers(peer.receive())
            self.assertEqual((error, high_watermark), (0, end + 1))
            self.assertTrue(records)
        self.assertLess(time.monotonic() - began, 5)

    def test_9_a_peer_that_stands_still_inside_a_frame_is_closed(self):
        self.stalled.socket.settimeout(max(1.0, STALL_SECONDS - (time.monotonic() - self.stalled_since)))
        self.assertTrue(self.stalled.closed())
        self.check_alive()

    def tearDown(self):
        self.growth_bytes = getattr(getattr(self, self._testMethodName), "growth_bytes", self.growth_bytes)
        super().tearDown()


if __name__ == "__main__":
    main(seconds=200)
