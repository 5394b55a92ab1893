"""What every measurement leans on: a broker of its own, its load program, the machine's state."""
import json
import os
import pathlib
import platform
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 20


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


class Failure(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def stop(process, patience_s=15):
    """Ends a process that we started, by its pid."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Broker:
    """A broker of its own for one run; a context manager."""

    def __init__(self, binary, folder, settings, keep=False):
        self.port, self.admin_port = free_port(), free_port()
        self.folder = folder
        self.log = folder.with_suffix(".log")
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        sets = [word for setting in settings for word in ("--set", setting)]
        self.command = [str(binary), "start", "--data-dir", str(folder), "--kafka-addr", f"127.0.0.1:{self.port}",
                        "--admin-addr", f"127.0.0.1:{self.admin_port}", *sets]

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/v1/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failure(f"the broker did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        stop(self.process)
        shutil.rmtree(self.folder, ignore_errors=True)


class StealMeter:
    """The part of the machine's time that its host gave to others."""

    @staticmethod
    def read():
        fields = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
        return fields[7], sum(fields)

    def __init__(self):
        self.before = self.read()

    def percent(self):
        stolen, total = (after - before for after, before in zip(self.read(), self.before))
        return 100 * stolen / total if total else 0


def available_mib():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) // 1024
    return 0


def run_load(program, mode, arguments, tail=(), timeout=60):
    """One run of moldau_load; its line as a dictionary. A list gives an option several times."""
    words = [str(program), mode]
    for name, value in arguments.items():
        for one in value if isinstance(value, list) else [value]:
            words += [f"--{name}", str(one)]
    try:
        done = subprocess.run(words + list(tail), capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failure(f"took more than {timeout} s") from None
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or f"exit code {done.returncode}")
    return json.loads(done.stdout)


def command_output(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=10, cwd=ROOT).stdout.strip()
    except OSError:
        return ""


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def commit():
    """The commit at hand, with a + when the sources differ from it."""
    changed = command_output("git", "status", "--porcelain", "--untracked-files=no", "--", "src")
    return command_output("git", "rev-parse", "--short=10", "HEAD") + ("+" if changed else "")


def build(options):
    wanted = [target for target, given in (("moldau", options.broker), ("moldau_load", options.load)) if not given]
    if wanted:
        subprocess.run([str(ROOT / "dev"), "build", *wanted], check=True)
    options.broker = (options.broker or ROOT / "build/release/moldau").resolve()
    options.load = (options.load or ROOT / "build/release/bench/moldau_load").resolve()
