"""What the tests of bad input share: a node with a canary, and checks of closed connections and of memory."""

import sys
import time

from adapters import RdkafkaC
from broker import PATIENCE, wait_for
from canary import Canary
from live_test import LiveTest
from raw import API_VERSIONS, Peer, list_offsets_answer, list_offsets_request, request

MIB = 1 << 20
CANARY_SECONDS = 3.0 * PATIENCE  # the longest round of the canary that counts as not noticing


class HostileTest(LiveTest):
    settings = ("auto.create.topics.enable=false", "storage.memory=256MiB")
    growth_bytes = 64 * MIB  # of the resident memory in one test

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = RdkafkaC(cls.broker.bootstrap)
        cls.canary = Canary(cls.broker.bootstrap)
        cls.addClassCleanup(cls.canary.stop)
        cls.canary.check()

    def setUp(self):
        super().setUp()
        self.broker.reset_peak_rss()
        self.rss = self.broker.rss_bytes()
        self.sockets = self.broker.open_sockets()
        self.words_seen = set()

    def tearDown(self):
        super().tearDown()
        self.assertLess(self.canary.check(), CANARY_SECONDS, "the slowest round of another client, in seconds")
        growth = self.broker.peak_rss_bytes() - self.rss
        print(f"  memory: {self.rss // MIB} MiB, at most {growth // MIB} MiB more", file=sys.stderr)
        if PATIENCE == 1:  # sanitizers keep what was freed
            self.assertLess(growth, self.growth_bytes, "resident memory grew")

    def connect(self, **how):
        peer = Peer(self.broker.port, **how)
        self.addCleanup(peer.socket.close)
        return peer

    def check_closed(self, content, *words, half_close=False):
        """The node closes a connection that sends this, and a log line with the words says so. Lines that peers can
        cause are limited in number, so it may take more than one attempt to see one; in one test the same words are
        waited for once only."""
        deadline = time.monotonic() + 20
        while True:
            mark = self.broker.log_mark()
            with Peer(self.broker.port) as peer:
                self.send_all(peer, content)
                if half_close:
                    peer.socket.shutdown(1)
                self.assertTrue(peer.closed())
            if words in self.words_seen:
                return
            try:
                self.broker.wait_for_log(words, mark, 0.25)
                return self.words_seen.add(words)
            except AssertionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.3)

    @staticmethod
    def send_all(peer, content):
        try:
            peer.send(content)
        except (BrokenPipeError, ConnectionResetError):
            pass  # closed before it had read everything

    def check_alive(self, peer=None):
        """The node serves this connection (or a new one)."""
        answer = (peer or self.connect()).ask(request(API_VERSIONS, 0, b"", correlation_id=77))
        self.assertEqual(answer[:6], b"\0\0\0\x4d\0\0")

    def check_files_come_back(self, slack=4, seconds=15):
        """Descriptors of connections that ended are closed again."""
        wait_for(lambda: self.broker.open_sockets() <= self.sockets + slack, seconds * PATIENCE,
                 "descriptors are closed again")

    def end_offset(self, topic, partition=0):
        error, offset = list_offsets_answer(self.connect().ask(list_offsets_request(topic, partition, -1)))
        self.assertEqual(error, 0)
        return offset
