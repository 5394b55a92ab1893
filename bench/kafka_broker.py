"""Apache Kafka on this machine: one node, KRaft in combined mode, from the jars that tests/interop/fetch_kafka.sh gets."""
import shutil
import signal
import socket
import subprocess
import time

from harness import ROOT, Cluster, Failure, free_port

START_TIMEOUT_S = 120
# What bin/kafka-run-class.sh and bin/kafka-server-start.sh of the distribution give the JVM.
JVM = ["-server", "-Xms1G", "-Xmx1G", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
       "-XX:+ExplicitGCInvokesConcurrent", "-XX:MaxInlineLevel=15", "-Djava.awt.headless=true"]
TUNED = ["num.network.threads=2", "num.io.threads=2", "num.replica.fetchers=1", "background.threads=2",
         "num.recovery.threads.per.data.dir=2"]


class NoKafka(Exception):
    """The jars cannot be had here."""


def classpath():
    done = subprocess.run([str(ROOT / "tests/interop/fetch_kafka.sh")], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise NoKafka(done.stderr.strip())
    return done.stdout.strip()


def version():
    for part in classpath().split(":"):
        if "kafka-clients-" in part:
            return part.rsplit("kafka-clients-", 1)[1].removesuffix(".jar")
    return "?"


def format_folder(properties):
    done = subprocess.run(["java", "-Xmx256M", "-cp", classpath(), "kafka.tools.StorageTool", "format", "-t", Cluster.ID,
                           "-c", str(properties)], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise Failure(f"kafka-storage format: {done.stdout[-500:]}{done.stderr[-500:]}")


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class KafkaCluster(Cluster):
    """Three of them, each with the heap of one alone."""

    def __init__(self, folder, tuned=False, properties=()):
        super().__init__(folder, [*(TUNED if tuned else []), *properties])
        for member in self.members:
            format_folder(member.properties)

    def command(self, member):
        return ["java", *JVM, "-cp", classpath(), "kafka.Kafka", str(member.properties)]

    def serves(self, member):
        return is_open(member.port)


class KafkaBroker:
    """A context manager like harness.Broker: a fresh folder, or with `keep` the one that is there."""

    def __init__(self, folder, tuned=False, keep=False, properties=()):
        self.port, self.controller_port = free_port(), free_port()
        self.folder, self.log, self.more = folder, folder.with_suffix(".log"), [*(TUNED if tuned else []), *properties]
        self.process = None
        self.properties = folder.with_suffix(".properties")
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
        self.write_properties()
        if not keep:
            self.format()
        self.command = ["java", *JVM, "-cp", classpath(), "kafka.Kafka", str(self.properties)]

    def write_properties(self):
        lines = ["process.roles=broker,controller", "node.id=1", f"controller.quorum.voters=1@127.0.0.1:{self.controller_port}",
                 f"listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller_port}",
                 f"advertised.listeners=PLAINTEXT://127.0.0.1:{self.port}", "controller.listener.names=CONTROLLER",
                 "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT", f"log.dirs={self.folder}",
                 "offsets.topic.replication.factor=1", "transaction.state.log.replication.factor=1",
                 "transaction.state.log.min.isr=1", "share.coordinator.state.topic.replication.factor=1",
                 "share.coordinator.state.topic.min.isr=1", "auto.create.topics.enable=false"]
        self.properties.write_text("\n".join(lines + self.more) + "\n")

    def format(self):
        format_folder(self.properties)

    def listens(self):
        return is_open(self.port)

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise Failure(f"Apache Kafka did not start: {self.log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            # Its data goes away: no need to wait for an orderly end.
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
