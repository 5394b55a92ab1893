"""The two brokers under comparison, each with the same server.properties but for ports and folders: Apache Kafka (KRaft,
combined mode) and Moldau. On 127.0.0.1 with free ports, in folders of their own; they die with this process."""

import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import codec

sys.path.insert(0, str(codec.ROOT / "tests" / "clients"))
from broker import HOST, die_with_parent, free_port, wait_for  # noqa: E402

START_SECONDS = 180.0
ANSWER_SECONDS = 20.0
CLUSTER_ID = "TW9sZGF1RGlmZmVyZW50aQ"
NODE_ID = 1

PROPERTIES = """
process.roles=broker,controller
node.id={node_id}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
controller.quorum.bootstrap.servers={host}:{controller_port}
log.dirs={data}
offsets.topic.replication.factor=1
group.initial.rebalance.delay.ms=0
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


def kafka_classpath():
    """None if the jars cannot be had here."""
    found = subprocess.run([codec.ROOT / "tests/interop/fetch_kafka.sh"], capture_output=True, text=True, timeout=600)
    if found.returncode == 3:
        print(found.stderr.strip())
        return None
    found.check_returncode()
    return found.stdout.strip()


def java(classpath, heap="512m"):
    return ["java", f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", classpath]


class Closed(Exception):
    """The broker ended the connection instead of answering."""


class Side:
    """A broker: its process, ports, folder, and a connection for requests."""

    def __init__(self, name, properties=""):
        self.name = name
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"moldau-differential-{name}-"))
        self.data = self.folder / "data"
        self.log_path = self.folder / "log"
        self.port, self.controller_port, self.admin_port = free_port(), free_port(), free_port()
        self.config = self.folder / "server.properties"
        self.config.write_text(PROPERTIES.format(host=HOST, port=self.port, controller_port=self.controller_port,
                                                 data=self.data, node_id=NODE_ID) + properties)
        self.process = None
        self.socket = None
        self.correlation_id = 0

    def __enter__(self):
        self.format()
        self.start()
        return self

    def __exit__(self, *_):
        self.disconnect()
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not os.environ.get("MOLDAU_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def bootstrap(self):
        return f"{HOST}:{self.port}"

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            cwd=self.folder, preexec_fn=die_with_parent)
        wait_for(self.answers, START_SECONDS, f"{self.name} answers; its log is {self.log_path}")

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
        try:
            return len(self.ask("Metadata", 1)["brokers"]) == 1
        except (OSError, Closed):
            self.disconnect()
            return False

    def stop(self):
        """In order; its exit code."""
        self.disconnect()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def log_tail(self):
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-30:])

    # Requests.

    def connect(self):
        self.socket = socket.create_connection((HOST, self.port), timeout=ANSWER_SECONDS)

    def disconnect(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def ask_raw(self, content):
        """The answer's frame to a request without its size. Raises Closed."""
        if not self.socket:
            self.connect()
        try:
            self.socket.sendall(struct.pack(">i", len(content)) + content)
            return self.exactly(struct.unpack(">i", self.exactly(4))[0])
        except (ConnectionError, Closed):
            self.disconnect()
            raise Closed() from None

    def exactly(self, size):
        content = bytearray()
        while len(content) < size:
            part = self.socket.recv(min(size - len(content), 1 << 20))
            if not part:
                raise Closed()
            content += part
        return bytes(content)

    def send_only(self, api, version, **fields):
        """For requests without an answer."""
        if not self.socket:
            self.connect()
        content = codec.request_header(api, version, 0) + codec.encode(api, version, fields)
        self.socket.sendall(struct.pack(">i", len(content)) + content)

    def ask(self, api, version, **fields):
        return self.ask_body(api, version, codec.encode(api, version, fields))

    def ask_body(self, api, version, body, answer_version=None):
        self.correlation_id += 1
        frame = self.ask_raw(codec.request_header(api, version, self.correlation_id) + body)
        correlation_id, answer = codec.decode_response(api, version if answer_version is None else answer_version, frame)
        if correlation_id != self.correlation_id:
            raise AssertionError(f"{self.name} answers {correlation_id} instead of {self.correlation_id}")
        return answer


class Kafka(Side):
    def __init__(self, classpath, properties=""):
        super().__init__("kafka", properties)
        self.classpath = classpath

    def format(self):
        formatted = subprocess.run([*java(self.classpath, "128m"), "kafka.tools.StorageTool", "format", "--standalone",
                                    "-t", CLUSTER_ID, "-c", self.config], capture_output=True, text=True, timeout=180)
        if formatted.returncode != 0:
            raise AssertionError(f"Kafka's storage cannot be formatted:\n{formatted.stdout}{formatted.stderr}")

    def command(self):
        return [*java(self.classpath), "kafka.Kafka", str(self.config)]


class Moldau(Side):
    def __init__(self, properties=""):
        super().__init__("moldau", properties)

    def format(self):
        subprocess.run([os.environ["MOLDAU_BINARY"], "kafka-storage", "format", "--standalone", "-t", CLUSTER_ID,
                        "-c", self.config], check=True, stdout=subprocess.DEVNULL, timeout=60)

    def command(self):
        return [os.environ["MOLDAU_BINARY"], "start", "--config", str(self.config),
                "--admin-addr", f"{HOST}:{self.admin_port}"]
