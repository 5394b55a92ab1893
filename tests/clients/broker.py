"""A live Moldau node for tests: start, stop, kill -9, restart, its log, its memory. On 127.0.0.1 with free ports, in a
data folder of its own; the process dies with the test, whatever happens to the test. MOLDAU_TEST_SETTINGS holds more
settings for every node, for example "storage.shards=2"."""

import ctypes
import os
import random
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

HOST = "127.0.0.1"
# More than 1 when the node is built with sanitizers: it is slower, and it is ended in order, for leaks are found at the
# end of a process.
PATIENCE = float(os.environ.get("MOLDAU_TEST_PATIENCE", "1"))
START_SECONDS = float(os.environ.get("MOLDAU_TEST_START_SECONDS", "30")) * PATIENCE
STOP_SECONDS = 30.0 * PATIENCE
EXIT_ADDRESS_IN_USE = 4


def binary():
    path = os.environ.get("MOLDAU_BINARY")
    if not path or not os.access(path, os.X_OK):
        raise SystemExit("MOLDAU_BINARY must be the path of the moldau binary; ctest sets it")
    return path


def free_port():
    """Below the range of ephemeral ports: a client that reconnects to a port of that range while the node is down may
    be given that very port as its own and connect to itself."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
                return port
            except OSError:
                continue


def wait_for(condition, seconds, what):
    """The first true value of condition(), looked for every 10 ms."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)


def die_with_parent():
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_descriptors(limits):
    if limits:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


class Broker:
    """Start it from the main thread: the kernel ends it when the thread that started it ends."""

    def __init__(self, settings=(), descriptors=None):
        """`descriptors`: the soft and the hard limit that the node is started with."""
        self.descriptors = descriptors
        self.folder = tempfile.mkdtemp(prefix="moldau-clients-")
        self.data_dir = os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.settings = [*settings, *os.environ.get("MOLDAU_TEST_SETTINGS", "").split()]
        self.port = free_port()
        self.admin_port = free_port()
        self.process = None
        self.kills = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def bootstrap(self):
        return f"{HOST}:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def command(self):
        words = [binary(), "start", "--data-dir", self.data_dir, "--kafka-addr", self.bootstrap,
                 "--admin-addr", f"{HOST}:{self.admin_port}"]
        for setting in self.settings:
            words += ["--set", setting]
        return words

    def start(self):
        for _ in range(5):
            if self._start_once():
                return self
            self.port, self.admin_port = free_port(), free_port()
        raise AssertionError("no free port was found in five attempts")

    def restart(self):
        """With the same ports and data."""
        if not self._start_once():
            raise AssertionError(f"port {self.port} or {self.admin_port} was taken while the node was down")

    def _start_once(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=lambda: (die_with_parent(), limit_descriptors(self.descriptors)))
        return wait_for(self._started, START_SECONDS, "the node answers ready") == "ready"

    def _started(self):
        code = self.process.poll()
        if code is None:
            return "ready" if self.ready() else None
        if code == EXIT_ADDRESS_IN_USE:
            return "address in use"
        raise AssertionError(f"the node ended with exit code {code} while starting; its log:\n{self.log_tail()}")

    def ready(self):
        return self.admin("/v1/ready")[0] == 200

    def admin(self, path):
        """Status and body; (0, "") when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.admin_port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""
        except OSError:
            return 0, ""

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """In order, by SIGTERM; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the node did not end within {STOP_SECONDS} s of SIGTERM; its log:\n{self.log_tail()}")

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.kills += 1

    def close(self):
        try:
            if self.running() and PATIENCE > 1:
                code = self.stop()
                assert code == 0, f"the node ended with exit code {code}; its log:\n{self.log_tail(100)}"
            elif self.running():
                self.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    # What it said and what it uses.

    def log(self, since=0):
        with open(self.log_path, "rb") as log:
            log.seek(since)
            return log.read().decode(errors="replace")

    def log_mark(self):
        return os.path.getsize(self.log_path)

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def wait_for_log(self, words, since=0, seconds=5.0):
        """Until one line after the mark `since` has all the words, in any case; that line."""
        def found():
            for line in self.log(since).splitlines():
                if all(word.lower() in line.lower() for word in words):
                    return line
            return None
        return wait_for(found, seconds, f"a log line with {words}")

    def _status_kib(self, field):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise AssertionError(f"no {field} in /proc/{self.pid}/status")

    def rss_bytes(self):
        return self._status_kib("VmRSS") * 1024

    def peak_rss_bytes(self):
        return self._status_kib("VmHWM") * 1024

    def reset_peak_rss(self):
        with open(f"/proc/{self.pid}/clear_refs", "w") as refs:
            refs.write("5")

    def open_sockets(self):
        """Segment files, which come and go by themselves, are not counted."""
        folder, count = f"/proc/{self.pid}/fd", 0
        for name in os.listdir(folder):
            try:
                count += os.readlink(os.path.join(folder, name)).startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count
