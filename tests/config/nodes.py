"""Nodes of the real binary on loopback addresses, for tests of how they are configured. All end with their test."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MOLDAU = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
PATIENCE = float(os.environ.get("MOLDAU_TEST_PATIENCE", "1"))
LIMIT_S = 30 * PATIENCE
SERVES = "Transitioning from RECOVERY to RUNNING"


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class NodesCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="moldau-config-")
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.folder}
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT_S)
        shutil.rmtree(self.folder)

    def run_words(self, *words, stdin=""):
        return subprocess.run([MOLDAU, *words], input=stdin, capture_output=True, text=True, timeout=2 * LIMIT_S,
                              check=False, env=self.env)

    def start(self, *settings, name="data", port=None, admin=None):
        """A node on a free port. Its words go to a file: see words_of()."""
        free = free_ports(2)
        port, admin = port or free[0], admin or free[1]
        words = [MOLDAU, "start", "--data-dir", os.path.join(self.folder, name)]
        for setting in (f"listeners.plaintext.bind=127.0.0.1:{port}", f"admin.bind=127.0.0.1:{admin}",
                        "storage.commit_log_size=16MiB", *settings):
            words += ["--set", setting]
        log = os.path.join(self.folder, f"log.{len(self.processes)}")
        with open(log, "wb") as out:
            process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                       env=self.env)
        process.log, process.port = log, port
        self.processes.append(process)
        return process

    def words_of(self, process):
        with open(process.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_for(self, process, words):
        end = time.monotonic() + LIMIT_S
        while words not in self.words_of(process):
            self.assertIsNone(process.poll(), self.words_of(process))
            self.assertLess(time.monotonic(), end, self.words_of(process))
            time.sleep(0.02)

    def serving(self, *settings, **where):
        process = self.start(*settings, **where)
        self.wait_for(process, SERVES)
        return process

    def stop(self, process):
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(LIMIT_S), 0, self.words_of(process))

    def refused(self, code, *settings, **where):
        """What a start says that ends with this code."""
        process = self.start(*settings, **where)
        self.assertEqual(process.wait(LIMIT_S), code, self.words_of(process))
        return self.words_of(process)

    def assert_words(self, text, *parts):
        for part in parts:
            self.assertIn(part, text)
