"""A cluster of real moldau processes on addresses of 127.0.0.0/8: start, stop, kill -9, pause, wipe, add and remove nodes.

Each cluster has a network 127.A.B.0/24 of its own with fixed ports, so that clusters of several tests are in nobody's way
and a port is never given to a client meanwhile. Node i listens on 127.A.B.i; with a network that can fail (proxy.py) it
advertises 127.A.B.(100+i), where the proxy listens. Make and start clusters on the main thread: the kernel ends a node
with the thread that started it. MOLDAU_BINARY is the binary, MOLDAU_TEST_SETTINGS holds more settings for every node."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "clients"))
import admin  # noqa: E402
from broker import PATIENCE, START_SECONDS, STOP_SECONDS, binary, die_with_parent  # noqa: E402
from proxy import Network  # noqa: E402

KAFKA_PORT, CONTROLLER_PORT, ADMIN_PORT = 9092, 9093, 9644
FAIL_OVER_SECONDS = 30.0 * PATIENCE  # a cluster with a majority has a controller and leaders after this time
# Lets a process see another wall clock than the machine's (Debian's libfaketime).
FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# Small, so that several nodes have room on a small machine.
SETTINGS = ("storage.shards=1", "storage.memory=256MiB", "storage.commit_log_size=32MiB")


class Node:
    def __init__(self, cluster, node_id, roles, data_dir=None):
        self.cluster, self.id, self.roles = cluster, node_id, roles
        self.name = f"n{node_id}"
        self.folder = os.path.join(cluster.folder, self.name)
        os.makedirs(self.folder, exist_ok=True)
        self.data_dir = data_dir or os.path.join(self.folder, "data")
        self.log_path = os.path.join(self.folder, "log")
        self.host = cluster.host(node_id)
        self.outer_host = cluster.host(100 + node_id) if cluster.network else self.host
        self.process = None
        self.paused = False
        self.kills = self.pauses = 0
        self.more_settings = []

    # Addresses.

    @property
    def address(self):
        """For those who go round the proxy."""
        return self.host, KAFKA_PORT

    @property
    def bootstrap(self):
        return f"{self.outer_host}:{KAFKA_PORT}"

    @property
    def voter(self):
        return f"{self.id}@{self.outer_host}:{CONTROLLER_PORT}"

    def is_controller(self):
        return "controller" in self.roles

    def is_broker(self):
        return "broker" in self.roles

    def properties(self):
        listeners, advertised = [], []
        for role, name, port in (("broker", "PLAINTEXT", KAFKA_PORT), ("controller", "CONTROLLER", CONTROLLER_PORT)):
            if role in self.roles:
                listeners.append(f"{name}://{self.host}:{port}")
                advertised.append(f"{name}://{self.outer_host}:{port}")
        lines = [f"process.roles={','.join(self.roles)}", f"node.id={self.id}", f"listeners={','.join(listeners)}",
                 f"advertised.listeners={','.join(advertised)}", "controller.listener.names=CONTROLLER",
                 "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
                 f"controller.quorum.voters={','.join(self.cluster.voters)}", f"log.dirs={self.data_dir}"]
        if self.is_broker():
            lines.append("inter.broker.listener.name=PLAINTEXT")
        lines += [f"{key}={value}" for key, value in self.cluster.properties.items()]
        return "".join(line + "\n" for line in lines)

    def command(self):
        file = os.path.join(self.folder, "server.properties")
        with open(file, "w", encoding="utf-8") as out:
            out.write(self.properties())
        words = [binary(), "start", "--config", file, "--admin-addr", f"{self.host}:{ADMIN_PORT}",
                 "--set", f"cluster.id={self.cluster.id}"]
        for setting in [*self.cluster.settings, *self.more_settings]:
            words += ["--set", setting]
        return words

    def environment(self):
        if not self.cluster.clocks:
            return None
        return {**os.environ, "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": os.path.join(self.folder, "clock"),
                "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}

    def set_clock(self, seconds):
        """Its wall clock is so far ahead of the machine's, within a second from now; with `clocks` alone."""
        path = os.path.join(self.folder, "clock")
        with open(path + ".part", "w", encoding="ascii") as file:
            file.write(f"{seconds:+d}\n")
        os.replace(path + ".part", path)

    # Life and death.

    def launch(self):
        """Without waiting until it serves."""
        assert not self.running(), f"{self.name} runs already"
        with open(self.log_path, "ab") as log:
            log.write(f"--- started at {time.monotonic():.3f}\n".encode())
            log.flush()
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment(), preexec_fn=die_with_parent, start_new_session=True)
        self.paused = False
        if self.cluster.network:
            self.cluster.network.knows(self.name, self.process.pid)

    def start(self):
        self.launch()
        self.wait_ready()

    def wait_ready(self, seconds=None):
        wait_for(self._started, seconds or START_SECONDS, f"{self.name} answers ready")

    def _started(self):
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"{self.name} ended with exit code {code} while starting; its log:\n{self.log_tail()}")
        return self.ready()

    def ready(self):
        try:
            with urllib.request.urlopen(f"http://{self.host}:{ADMIN_PORT}/v1/ready", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.HTTPError, OSError):
            return False

    def running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.paused = False

    def stop(self, seconds=None):
        """In order, by SIGTERM; exit code 0 is asserted."""
        self.resume()
        self.process.terminate()
        try:
            code = self.process.wait(seconds or STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end after SIGTERM; its log:\n{self.log_tail()}") from None
        assert code == 0, f"{self.name} ended with exit code {code} after SIGTERM; its log:\n{self.log_tail()}"

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        self.paused = True
        self.pauses += 1

    def resume(self):
        if self.paused and self.running():
            os.kill(self.process.pid, signal.SIGCONT)
        self.paused = False

    def wipe(self):
        """Its disk is new."""
        assert not self.running()
        for name in os.listdir(self.data_dir):
            path = os.path.join(self.data_dir, name)
            shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)

    def end(self):
        """However that goes."""
        if self.running():
            self.process.kill()
            self.process.wait()

    # What it says.

    def log(self):
        with open(self.log_path, "rb") as log:
            return log.read().decode(errors="replace")

    def log_tail(self, lines=30):
        return "\n".join(self.log().splitlines()[-lines:])

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))


class Cluster:
    """`nodes`: how many, with the ids 1, 2, …; the first `controllers` of them vote (all if not given). `roles`: of single
    nodes, by id, in place of that. `data_dirs`: data folders by id. `properties`: Kafka's broker properties; `settings`:
    Moldau's own. `proxied`: links between nodes can fail. `clocks`: each node has a wall clock of its own."""

    def __init__(self, nodes=3, controllers=None, roles=None, proxied=False, properties=None, settings=(),
                 data_dirs=None, clocks=False):
        self.folder = tempfile.mkdtemp(prefix="moldau-chaos-")
        self.id = "".join(random.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=22))
        self.subnet = free_subnet()
        self.network = Network() if proxied else None
        self.clocks = clocks
        factor = min(nodes, 3)
        self.properties = {"default.replication.factor": factor, "min.insync.replicas": max(factor - 1, 1),
                           "auto.create.topics.enable": "false", **(properties or {})}
        self.settings = [*SETTINGS, *settings, *os.environ.get("MOLDAU_TEST_SETTINGS", "").split()]
        self.nodes = []
        self.voters = []
        for node_id in range(1, nodes + 1):
            votes = controllers is None or node_id <= controllers
            self._add(node_id, (roles or {}).get(node_id) or (["broker", "controller"] if votes else ["broker"]),
                      (data_dirs or {}).get(node_id))
        self.voters = [node.voter for node in self.nodes if node.is_controller()]

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    def host(self, number):
        return f"{self.subnet}.{number}"

    def node(self, node_id):
        return next(node for node in self.nodes if node.id == node_id)

    @property
    def bootstrap(self):
        return ",".join(node.bootstrap for node in self.nodes if node.is_broker())

    def _add(self, node_id, roles, data_dir=None):
        node = Node(self, node_id, roles, data_dir)
        self.nodes.append(node)
        if self.clocks:
            node.set_clock(0)
        if self.network:
            for role, port in (("broker", KAFKA_PORT), ("controller", CONTROLLER_PORT)):
                if role in roles:
                    self.network.relay(node.name, (node.outer_host, port), (node.host, port))
        return node

    def start(self):
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait_ready()
            self.wait_healthy()
        except BaseException:
            self.close()
            raise
        return self

    def add_node(self, roles=("broker",)):
        """A new one, started; it votes only once it is made a voter."""
        node = self._add(max(n.id for n in self.nodes) + 1, list(roles))
        node.start()
        return node

    def remove_node(self, node):
        """Stops it in order and has the cluster forget it. Its partitions must have been moved away."""
        node.stop()
        self.nodes.remove(node)
        admin.unregister(self.any_address(), node.id)

    def close(self):
        for node in self.nodes:
            node.end()
        if self.network:
            self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What it is like.

    def alive(self):
        return [node for node in self.nodes if node.running() and not node.paused]

    def brokers(self):
        return [node for node in self.nodes if node.is_broker()]

    def any_address(self):
        return next(node.address for node in self.alive() if node.is_broker())

    def quorum(self):
        """From whichever running node answers with a leader; None."""
        for node in self.alive():
            if not node.is_broker():
                continue
            try:
                found = admin.describe_quorum(node.address, timeout=2)
            except admin.Refused:
                continue
            if found.leader >= 0:
                return found
        return None

    def controller(self):
        """The node that leads the quorum."""
        quorum = wait_for(self.quorum, FAIL_OVER_SECONDS, "the quorum has a leader")
        return self.node(quorum.leader)

    def leader(self, topic, partition):
        """The node that leads a partition."""
        def found():
            leader = self.partitions(topic).get(partition)
            return leader is not None and leader.leader >= 0 and leader
        return self.node(wait_for(found, FAIL_OVER_SECONDS, f"{topic}-{partition} has a leader").leader)

    def partitions(self, topic):
        """admin.Partition by index, of the first running node that answers; nothing when nobody does."""
        for node in self.alive():
            try:
                return admin.metadata(node.address, timeout=2).topics.get(topic, {})
            except admin.Refused:
                continue
        return {}

    def wait_healthy(self, seconds=60.0, topics=None):
        """All running brokers are known to each of them, every partition has a leader and all its running replicas are in
        sync, as each broker tells it."""
        wait_for(lambda: not self.complaints(topics), seconds * PATIENCE,
                 lambda: f"the cluster is healthy ({'; '.join(self.complaints(topics)[:6])})", 0.1)

    def complaints(self, topics=None):
        out = [f"{node.name} is not running" for node in self.nodes if not node.running()]
        brokers = [node for node in self.alive() if node.is_broker()]
        wanted = {node.id for node in brokers}
        for node in brokers:
            try:
                found = admin.metadata(node.address)
                out += [f"{node.name} tells {line}" for line in complaints_of(found, wanted, topics)]
            except admin.Refused as refused:
                out.append(f"{node.name}: {refused}")
        return out

    def create_topic(self, topic, partitions, replicas=None, configs=None, seconds=30):
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient, NewTopic
        client = AdminClient({"bootstrap.servers": self.bootstrap})
        wish = NewTopic(topic, partitions, replicas or self.properties["default.replication.factor"],
                        config={key: str(value) for key, value in (configs or {}).items()})
        for answer in client.create_topics([wish], operation_timeout=15).values():
            try:
                answer.result(seconds)
            except KafkaException as error:
                raise AssertionError(f"creating {topic}: {error}") from error
        self.wait_healthy(topics=[topic])


def complaints_of(metadata, wanted, topics):
    out = [f"no broker {node_id}" for node_id in sorted(wanted - metadata.brokers)]
    for name, partitions in metadata.topics.items():
        if topics is not None and name not in topics:
            continue
        for index, partition in partitions.items():
            missing = (set(partition.replicas) & wanted) - set(partition.isr)
            if partition.leader not in wanted:
                out.append(f"{name}-{index} has no running leader ({partition.leader})")
            elif missing:
                out.append(f"{name}-{index} without replicas {sorted(missing)} in sync")
    return out + [f"no topic {name}" for name in topics or () if name not in metadata.topics]


def wait_for(condition, seconds, what, pause=0.02):
    """The first true value of condition(). `what`: text, or what makes one."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what() if callable(what) else what}: not within {seconds:.0f} s")
        time.sleep(pause)


def free_subnet():
    """127.A.B of which nobody uses the first address."""
    chooser = random.SystemRandom()
    while True:
        subnet = f"127.{chooser.randrange(10, 250)}.{chooser.randrange(1, 250)}"
        try:
            for port in (KAFKA_PORT, CONTROLLER_PORT, ADMIN_PORT):
                with socket.create_server((f"{subnet}.1", port)):
                    pass
            return subnet
        except OSError:
            continue
