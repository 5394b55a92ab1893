"""The proxy delays, cuts and resets what it says, and tells one process from another. Run with unittest; no node."""

import os
import random
import socket
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from proxy import CLIENTS, Network  # noqa: E402

# Connects to argv[1]:argv[2], then sends every line of stdin and prints every line that comes back.
TALKER = """
import socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
s.settimeout(20)
def answers():
    for line in s.makefile():
        print(line, end="", flush=True)
threading.Thread(target=answers, daemon=True).start()
for line in sys.stdin:
    s.sendall(line.encode())
"""

# A network that is closed while connections are idle, stream, wait for a link that is cut, and are being accepted.
BUSY = """
import gc, os, socket, sys, threading, time
sys.path.insert(0, sys.argv[1])
from proxy import CLIENTS, Network
network, sockets = Network(), []
def address():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()
def stream(one):
    try:
        while True:
            one.sendall(bytes(1 << 16))
    except OSError:
        pass
for name in ("n1", "n2", "n3"):
    server = socket.create_server(address())
    sockets.append(server)
    relay = address()
    network.relay(name, relay, server.getsockname())
    if name == "n2":
        network.cut(CLIENTS, name)
    for turn in range(10):
        client = socket.create_connection(relay, 5)
        sockets.append(client)
        if name != "n2" and turn % 2:
            threading.Thread(target=stream, args=(client,), daemon=True).start()
time.sleep(0.3)
sockets += [socket.create_connection(relay, 5) for _ in range(20)]
network.close()
gc.collect()
for one in sockets:
    one.close()
print("closed")
"""


class Echo:
    """Answers every line with itself, on 127.0.0.1."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.received = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        try:
            for line in connection.makefile("rb"):
                self.received.append(line)
                connection.sendall(line)
        except OSError:
            pass
        connection.close()


class Talker:
    """A connection of this process."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, 10)
        self.file = self.socket.makefile("rb")

    def ask(self, line, seconds=10):
        """The answer; None if there is none in time."""
        self.socket.sendall(line)
        return self.answer(seconds)

    def answer(self, seconds=10):
        self.socket.settimeout(seconds)
        try:
            return self.file.readline()
        except socket.timeout:
            self.file = self.socket.makefile("rb")
            return None

    def close(self):
        self.file.close()
        self.socket.close()


class ProxyTest(unittest.TestCase):
    def setUp(self):
        self.network = Network()
        self.addCleanup(self.network.close)
        self.echo = Echo()
        self.addCleanup(self.echo.listener.close)
        self.address = self.free_address()
        self.network.relay("n2", self.address, self.echo.address)

    @staticmethod
    def free_address():
        host = f"127.{random.randrange(1, 250)}.{random.randrange(250)}.{random.randrange(1, 250)}"
        with socket.create_server((host, 0)) as probe:
            return probe.getsockname()

    def talker(self, address=None):
        talker = Talker(address or self.address)
        self.addCleanup(talker.close)
        return talker

    def test_bytes_pass_both_ways(self):
        talker = self.talker()
        self.assertEqual(talker.ask(b"hello\n"), b"hello\n")
        large = random.Random(1).randbytes(3_000_000).replace(b"\n", b".") + b"\n"
        threading.Thread(target=talker.socket.sendall, args=(large,), daemon=True).start()
        self.assertEqual(talker.answer(), large)
        self.assertEqual(self.network.passed(CLIENTS, "n2"), 6 + len(large))
        self.assertEqual(self.network.passed("n2", CLIENTS), 6 + len(large))

    def test_the_end_of_a_connection_passes(self):
        talker = self.talker()
        talker.socket.sendall(b"last\n")
        talker.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(talker.answer(), b"last\n")
        self.assertEqual(talker.answer(), b"")

    def test_a_cut_of_requests_holds_them(self):
        talker = self.talker()
        talker.ask(b"one\n")
        self.network.set(CLIENTS, "n2", cut=True)
        self.assertIsNone(talker.ask(b"two\n", 0.3))
        self.assertEqual(self.echo.received, [b"one\n"])
        self.network.mend()
        self.assertEqual(talker.answer(), b"two\n")

    def test_a_cut_of_answers_lets_requests_pass(self):
        talker = self.talker()
        talker.ask(b"one\n")
        self.network.set("n2", CLIENTS, cut=True)
        self.assertIsNone(talker.ask(b"two\n", 0.3))
        self.assertEqual(self.echo.received, [b"one\n", b"two\n"])
        self.network.mend()
        self.assertEqual(talker.answer(), b"two\n")

    def test_nobody_connects_over_a_cut(self):
        self.network.cut(CLIENTS, "n2")
        talker = self.talker()
        self.assertIsNone(talker.ask(b"one\n", 0.3))
        self.assertEqual(self.echo.received, [])
        self.network.mend()
        self.assertEqual(talker.answer(), b"one\n")

    def test_delay(self):
        talker = self.talker()
        self.network.set(CLIENTS, "n2", delay=0.2)
        began = time.monotonic()
        talker.ask(b"one\n")
        self.assertGreaterEqual(time.monotonic() - began, 0.2)
        began = time.monotonic()
        for i in range(20):  # all under way at the same time
            talker.socket.sendall(b"%d\n" % i)
        self.assertEqual([talker.answer() for _ in range(20)], [b"%d\n" % i for i in range(20)])
        self.assertLess(time.monotonic() - began, 2)

    def test_bandwidth(self):
        talker = self.talker()
        self.network.set("n2", CLIENTS, bandwidth=200_000)
        began = time.monotonic()
        self.assertEqual(len(talker.ask(b"x" * 99_999 + b"\n")), 100_000)
        self.assertGreaterEqual(time.monotonic() - began, 0.45)
        self.assertLess(time.monotonic() - began, 5)

    def test_reset_ends_connections(self):
        talker = self.talker()
        talker.ask(b"one\n")
        self.assertEqual(self.network.reset("n2", "n3"), 0)
        self.assertEqual(self.network.reset("n2", CLIENTS), 1)
        with self.assertRaises(ConnectionResetError):
            talker.answer()
        self.assertEqual(self.talker().ask(b"two\n"), b"two\n")

    def test_refuse(self):
        self.network.set(CLIENTS, "n2", refuse=True)
        with self.assertRaises(ConnectionError):
            if self.talker().ask(b"one\n") == b"":
                raise ConnectionResetError
        self.network.mend()
        self.assertEqual(self.talker().ask(b"two\n"), b"two\n")

    def test_a_target_that_is_not_there(self):
        address = self.free_address()
        self.network.relay("n3", address, self.free_address())
        with self.assertRaises(ConnectionError):
            if self.talker(address).ask(b"one\n") == b"":
                raise ConnectionResetError

    def test_a_process_is_known_by_its_id(self):
        other = subprocess.Popen([sys.executable, "-c", TALKER, self.address[0], str(self.address[1])],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        self.addCleanup(other.communicate)
        self.network.knows("n1", other.pid)
        mine = self.talker()
        mine.ask(b"mine\n")
        other.stdin.write("one\n")
        self.assertEqual(other.stdout.readline(), "one\n")
        self.assertEqual(self.network.passed("n1", "n2"), 4)
        self.assertEqual(self.network.passed(CLIENTS, "n2"), 5)
        self.network.cut("n1", "n2")
        other.stdin.write("two\n")
        self.assertEqual(mine.ask(b"mine\n"), b"mine\n")
        time.sleep(0.2)
        self.assertEqual(self.echo.received.count(b"two\n"), 0)
        self.network.mend()
        self.assertEqual(other.stdout.readline(), "two\n")

    def test_it_ends_quietly_in_the_middle_of_everything(self):
        done = subprocess.run([sys.executable, "-X", "dev", "-c", BUSY, os.path.dirname(os.path.abspath(__file__))],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, "closed\n"), done.stderr)
        self.assertEqual(done.stderr, "")


if __name__ == "__main__":
    unittest.main()
