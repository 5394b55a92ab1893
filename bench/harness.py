"""What every measurement leans on: a broker of its own, its load program, the machine's state."""
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parent.parent
START_TIMEOUT_S = 20
CLUSTER_START_TIMEOUT_S = 180


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


def lasting_port(taken):
    """One below the range of ephemeral ports: while its broker is down, nobody is given it as the port of a connection.
    Not one of `taken`, to which it is added."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            if port not in taken and probe.connect_ex(("127.0.0.1", port)) != 0:
                taken.add(port)
                return port


def stop(process, patience_s=15):
    """Ends a process that we started, by its pid."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def is_ready(admin_port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/v1/ready", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


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
        return is_ready(self.admin_port)

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


@dataclass
class Member:
    """A broker of a cluster."""
    id: int
    folder: pathlib.Path
    port: int
    controller_port: int
    process: subprocess.Popen | None = None

    @property
    def log(self):
        return self.folder.with_suffix(".log")

    @property
    def properties(self):
        return self.folder.with_suffix(".properties")

    @property
    def pid(self):
        return self.process.pid


class Cluster:
    """Three brokers on 127.0.0.1, each a controller, too; a context manager. A subclass says what is started and when a
    member serves."""

    ID = "4L6g3nShT-eMCtK--X86sw"

    def __init__(self, folder, properties=()):
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.taken = set()
        self.members = [Member(i, folder / f"node-{i}", lasting_port(self.taken), lasting_port(self.taken)) for i in (1, 2, 3)]
        for member in self.members:
            member.properties.write_text("\n".join([*self.lines(member), *properties]) + "\n")

    def lines(self, member):
        voters = ",".join(f"{one.id}@127.0.0.1:{one.controller_port}" for one in self.members)
        return ["process.roles=broker,controller", f"node.id={member.id}", f"controller.quorum.voters={voters}",
                f"listeners=PLAINTEXT://127.0.0.1:{member.port},CONTROLLER://127.0.0.1:{member.controller_port}",
                f"advertised.listeners=PLAINTEXT://127.0.0.1:{member.port}", "controller.listener.names=CONTROLLER",
                "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                "inter.broker.listener.name=PLAINTEXT", f"log.dirs={member.folder}", "default.replication.factor=3",
                "min.insync.replicas=2", "auto.create.topics.enable=false"]

    def command(self, member):
        raise NotImplementedError

    def serves(self, member):
        raise NotImplementedError

    def start(self, member):
        with open(member.log, "ab") as log:
            member.process = subprocess.Popen(self.command(member), stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait_until_serving(self):
        deadline = time.monotonic() + CLUSTER_START_TIMEOUT_S
        for member in self.members:
            while not self.serves(member):
                if member.process.poll() is not None or time.monotonic() > deadline:
                    log = member.log.read_text(errors="replace")[-2000:]
                    self.__exit__()
                    raise Failure(f"node {member.id} did not start: {log}")
                time.sleep(0.05)

    def restart_dead(self):
        for member in self.members:
            if member.process.poll() is not None:
                self.start(member)
        self.wait_until_serving()

    def __enter__(self):
        for member in self.members:
            self.start(member)
        self.wait_until_serving()
        return self

    def __exit__(self, *_):
        for member in self.members:
            if member.process is not None and member.process.poll() is None:
                member.process.kill()  # its data goes away
                member.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def arguments(self):
        """For the load program."""
        return {"port": self.members[0].port, "pid": [member.pid for member in self.members], "replicas": 3}


class MoldauCluster(Cluster):
    def __init__(self, binary, folder, settings, properties=()):
        self.binary, self.settings, self.admin_ports = binary, settings, {}
        super().__init__(folder, properties)

    def command(self, member):
        if member.id not in self.admin_ports:
            self.admin_ports[member.id] = lasting_port(self.taken)
        admin = self.admin_ports[member.id]
        sets = [word for setting in [f"cluster.id={self.ID}", *self.settings] for word in ("--set", setting)]
        return [str(self.binary), "start", "--config", str(member.properties), "--admin-addr", f"127.0.0.1:{admin}", *sets]

    def serves(self, member):
        return is_ready(self.admin_ports[member.id])


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
