#!/usr/bin/env python3
"""run.py [CASE…]: builds the image from the binary MOLDAU_BINARY and uses it as people do. `./dev containers` calls it.

Needs docker or podman, compose for it, and the image debian:bookworm-slim; without them the job is skipped (exit 77) and
says which is missing. All that it starts is its own, has a time limit and is removed."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time

from engine import BASE_IMAGE, Engine, Failed, Missing, run

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.dirname(os.path.abspath(__file__))
BINARY = os.path.abspath(os.environ.get("MOLDAU_BINARY", os.path.join(ROOT, "build/release/moldau")))
SKIPPED = 77
MAX_COMPRESSED_BYTES = 60_000_000
CLUSTER_ID = "4L6g3nShT-eMCtK--X86sw"
SMALL = ("-e", "MOLDAU_STORAGE__COMMIT_LOG_SIZE=16MiB")


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def expect(is_so, what):
    if not is_so:
        raise Failed(what)


def moldau(*words, stdin="", timeout=60, check=True):
    """The client on this machine."""
    return run([BINARY, *words], timeout, check, input=stdin)


class Tests:
    def __init__(self, engine, image):
        self.engine, self.image = engine, image

    def node(self, name, *words, command=()):
        return self.engine.start(name, *SMALL, *words, image=self.image, command=command)

    def node_on_port(self, name, *words):
        """A node alone whose port 9092 is a free one here; its container and address."""
        port = free_ports(1)[0]
        address = f"localhost:{port}"
        container = self.node(name, "-p", f"127.0.0.1:{port}:9092",
                              "-e", f"MOLDAU_LISTENERS__PLAINTEXT__ADVERTISE={address}", *words)
        self.engine.wait_healthy(container)
        return container, address

    def once(self, *command, words=(), check=True):
        return self.engine("run", "--rm", *words, self.image, *command, check=check)

    # --- the image itself

    def case_image(self):
        size = self.engine.compressed_bytes(self.image)
        print(f"    {size / 1e6:.1f} MB compressed", flush=True)
        expect(size < MAX_COMPRESSED_BYTES, f"the image has {size} bytes compressed")
        expect(self.once("sh", "-c", "id -u; id -un").stdout.split() == ["1000", "moldau"], "it does not run as moldau")
        ports = self.engine("image", "inspect", "-f", "{{.Config.ExposedPorts}} {{.Config.Volumes}}", self.image).stdout
        for part in ("9092/tcp", "9093/tcp", "9644/tcp", "/var/lib/moldau"):
            expect(part in ports, f"{part} is not in {ports}")

    def case_words(self):
        version = self.once("version").stdout
        expect("moldau" in version, version)
        for tool in ("kafka-topics", "kafka-topics.sh", "/opt/kafka/bin/kafka-topics.sh", "/usr/bin/kafka-topics"):
            expect(self.once(tool, "--version").returncode == 0, tool)
        expect(self.once("sh", "-c", "exit 3", check=False).returncode == 3, "sh -c is not run as it stands")
        expect(self.once("bash", "-c", "ls /opt/kafka/config").stdout.strip() == "server.properties", "config folder")

    # --- one node

    def case_single_node(self):
        engine = self.engine
        volume = engine.prefix + "single"
        container, address = self.node_on_port("single", "-v", f"{volume}:/var/lib/moldau")
        expect(engine.exec(container, "cat", "/proc/1/comm").stdout.strip() == "moldau", "process 1 is not moldau")
        log = engine.logs(container)
        for line in ("Transitioning from RECOVERY to RUNNING", "Kafka Server started"):
            expect(line in log, f"the log has no line {line!r}:\n{log}")
        moldau("produce", "cities", "--create", "-b", address, stdin="Praha\nBrno\n")
        listed = engine.exec(container, "sh", "-c",
                             "kafka-topics --bootstrap-server localhost:9092 --describe --topic cities || true").stdout
        inside = engine.exec(container, "sh", "-c", "kafka-topics.sh --bootstrap-server localhost:9092 --list").stdout
        expect("cities" in inside, f"the tool in the container does not see the topic: {inside} {listed}")
        self.stops_in_order(container)
        engine("start", container)
        engine.wait_healthy(container)
        read = moldau("consume", "cities", "-n", "2", "-f", "%v\n", "-b", address).stdout
        expect(read == "Praha\nBrno\n", f"after the restart: {read!r}")
        engine.remove(container)

    def stops_in_order(self, container):
        begin = time.monotonic()
        self.engine("stop", "-t", "30", container)
        took = time.monotonic() - begin
        expect(took < 10, f"the stop took {took:.1f} s")
        code = self.engine.inspect(container, "{{.State.ExitCode}}")
        expect(code == "0", f"after SIGTERM the exit code is {code}\n{self.engine.logs(container)}")

    def case_a_stop_while_it_waits_for_others(self):
        container = self.node("waiting", "-e", "MOLDAU_NODE__ID=1", "-e", "MOLDAU_CLUSTER__INITIAL_SIZE=3", "-e",
                              "MOLDAU_CLUSTER__SEEDS=1@localhost:9093,2@127.0.0.2:9093,3@127.0.0.3:9093")
        time.sleep(2)
        begin = time.monotonic()
        self.engine("stop", "-t", "30", container)
        took = time.monotonic() - begin
        expect(took < 10, f"the stop took {took:.1f} s\n{self.engine.logs(container)}")
        self.engine.remove(container)

    # --- Kafka's contract

    def case_kafka_variables(self):
        port = free_ports(1)[0]
        variables = {
            "CLUSTER_ID": CLUSTER_ID, "KAFKA_NODE_ID": "7", "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "OUTER://:9092,INNER://:19092,CONTROLLER://:9093",
            "KAFKA_ADVERTISED_LISTENERS": f"OUTER://localhost:{port},INNER://localhost:19092",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,OUTER:PLAINTEXT,INNER:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "INNER", "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_CONTROLLER_QUORUM_VOTERS": "7@localhost:9093", "KAFKA_CFG_NUM_PARTITIONS": "4",
            "KAFKA_LOG_DIRS": "/tmp/kraft-combined-logs", "KAFKA_HEAP_OPTS": "-Xmx1G", "KAFKA_URL": "left over",
        }
        words = [word for item in variables.items() for word in ("-e", "=".join(item))]
        container = self.node("variables", "-p", f"127.0.0.1:{port}:9092", *words, command=("/etc/kafka/docker/run",))
        self.engine.wait_healthy(container)
        address = f"localhost:{port}"
        moldau("topic", "create", "four", "-b", address)
        described = moldau("topic", "list", "-b", address, "--format", "csv").stdout
        expect("four,4," in described, described)
        log = self.engine.logs(container)
        expect(f"node 7 of cluster {CLUSTER_ID}" in log, log)
        self.engine.remove(container)

    def case_mounted_file(self):
        port = free_ports(1)[0]
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            with open(os.path.join(folder, "server.properties"), "w", encoding="utf-8") as file:
                file.write("process.roles=broker,controller\nnode.id=3\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
                           f"advertised.listeners=PLAINTEXT://localhost:{port}\nnum.partitions=5\n")
            container = self.node("mounted", "-p", f"127.0.0.1:{port}:9092", "-v", f"{folder}:/mnt/shared/config:ro",
                                  "-e", "KAFKA_NUM_PARTITIONS=6")
            self.engine.wait_healthy(container)
            moldau("topic", "create", "six", "-b", f"localhost:{port}")
            described = moldau("topic", "list", "-b", f"localhost:{port}", "--format", "csv").stdout
            expect("six,6," in described, f"a variable does not lie over the file: {described}")
            expect("node 3 of" in self.engine.logs(container), self.engine.logs(container))
            self.engine.remove(container)

    def case_identity(self):
        """down and up with a volume that belongs to another cluster (stumble 3)."""
        volume = self.engine.prefix + "identity"
        words = ("-v", f"{volume}:/var/lib/moldau", *SMALL)
        first = self.node("first", *words, "-e", "CLUSTER_ID=" + CLUSTER_ID)
        self.engine.wait_healthy(first)
        self.stops_in_order(first)
        self.engine("rm", first)
        other = "another-cluster-000000"
        refused = self.once("start", words=(*words, "-e", f"CLUSTER_ID={other}"), check=False)
        expect(refused.returncode == 6, f"exit {refused.returncode}: {refused.stderr}")
        for part in (CLUSTER_ID, other, "/var/lib/moldau"):
            expect(part in refused.stderr, refused.stderr)
        again = self.node("again", *words)
        self.engine.wait_healthy(again)
        expect(CLUSTER_ID in self.engine.logs(again), "without CLUSTER_ID the volume's own is taken")
        self.engine.remove(again)

    def case_testcontainers(self):
        """Started with a loop in place of a command; the script that it waits for comes once the port is known."""
        script = "/tmp/testcontainers_start.sh"
        variables = {
            "CLUSTER_ID": CLUSTER_ID, "KAFKA_NODE_ID": "1", "KAFKA_PROCESS_ROLES": "broker,controller",
            "KAFKA_LISTENERS": "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094",
            "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "KAFKA_INTER_BROKER_LISTENER_NAME": "BROKER", "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
            "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1", "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "1",
            "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1", "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
            "KAFKA_LOG_FLUSH_INTERVAL_MESSAGES": "9223372036854775807", "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        }
        for voters in (True, False):
            if voters:
                variables["KAFKA_CONTROLLER_QUORUM_VOTERS"] = "1@localhost:9094"
            else:
                del variables["KAFKA_CONTROLLER_QUORUM_VOTERS"]
            port = free_ports(1)[0]
            words = [word for item in variables.items() for word in ("-e", "=".join(item))]
            container = self.node(f"testcontainers-{voters}".lower(), "-p", f"127.0.0.1:{port}:9092", *words, command=(
                "sh", "-c", f"while [ ! -f {script} ]; do sleep 0.1; done; {script}"))
            with tempfile.TemporaryDirectory() as folder:
                path = os.path.join(folder, "start.sh")
                with open(path, "w", encoding="utf-8") as file:
                    file.write("#!/bin/bash\nexport KAFKA_ADVERTISED_LISTENERS="
                               f"PLAINTEXT://localhost:{port},BROKER://$(hostname):9093\n/etc/kafka/docker/run\n")
                os.chmod(path, 0o777)
                self.engine("cp", path, f"{container}:{script}")
            self.engine.wait_until("Transitioning from RECOVERY to RUNNING", lambda: "Transitioning from RECOVERY to "
                                   "RUNNING" in self.engine.logs(container), container)
            address = f"localhost:{port}"
            moldau("produce", "tests", "--create", "-b", address, stdin="one\n")
            read = moldau("consume", "tests", "-n", "1", "-f", "%v", "-b", address).stdout
            expect(read == "one", read)
            self.engine.remove(container)

    # --- three nodes

    def case_compose(self):
        """The project's own file, from the outside, with all that was acknowledged counted."""
        ports = free_ports(4)
        with tempfile.TemporaryDirectory() as folder:
            path = self.own_compose_file(folder, ports)
            self.three_nodes("c", path, ["moldau-1", "moldau-2", "moldau-3"], ports[:3], MOLDAU_IMAGE=self.image)

    def own_compose_file(self, folder, ports):
        """docker/compose.yaml on free ports."""
        with open(os.path.join(ROOT, "docker/compose.yaml"), encoding="utf-8") as file:
            text = file.read()
        for port, free in zip(("19092", "29092", "39092", "9644"), ports):
            text = text.replace(f"127.0.0.1:{port}:", f"127.0.0.1:{free}:").replace(
                f"ADVERTISE: localhost:{port}", f"ADVERTISE: localhost:{free}")
        # Compose has one project of this name; this is another.
        text = text.replace("\nname: moldau\n", "\n")
        path = os.path.join(folder, "compose.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def case_readme(self):
        """The section of README.md, line by line: from up to a record, kill a node, go on."""
        with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as file:
            section = file.read().split("## Three nodes with docker compose\n", 1)[1].split("\n## ", 1)[0]
        lines = section.split("```sh\n", 1)[1].split("```", 1)[0].splitlines()
        lines = [line.split(" #", 1)[0].strip() for line in lines if "docker build" not in line and "export" not in line]
        nodes = ["moldau-1", "moldau-2", "moldau-3"]
        ports = free_ports(4)
        with tempfile.TemporaryDirectory() as folder:
            path = self.own_compose_file(folder, ports)
            try:
                answers = {line: self.readme_line(line, path, nodes) for line in lines}
            finally:
                self.engine.compose(path, self.engine.prefix + "r", "down", "-v", check=False, MOLDAU_IMAGE=self.image)
        (consumed,) = [answer for line, answer in answers.items() if "consume" in line]
        expect(sorted(consumed.split("\n")[:2]) == ["one book", "two books"], f"consumed {consumed!r}")

    def readme_line(self, line, file, nodes):
        """`docker compose` with the file and the compose that are here. Older ones have neither `up --wait` nor kill."""
        project = self.engine.prefix + "r"
        before, command = line.split("docker compose ", 1)
        words = shlex.split(command)
        text = shlex.split(before.rstrip(" |"))[1] + "\n" if before else ""
        if words[0] == "kill":
            return self.engine("kill", self.container_of(project, words[1])).stdout
        if words[0] == "exec":
            words = [word for word in words[1:] if word != "-T"]
            return self.engine("exec", "-i", self.container_of(project, words[0]), *words[1:], input=text).stdout
        if words[0] == "up":
            self.engine.compose(file, project, "up", "-d", *nodes, MOLDAU_IMAGE=self.image)
            for node in nodes:
                self.engine.wait_healthy(self.container_of(project, node), seconds=90)
            return ""
        return self.engine.compose(file, project, *[w.replace("--volumes", "-v") for w in words],
                                   MOLDAU_IMAGE=self.image).stdout

    def case_kafka_compose(self):
        """A file in the shape of Apache Kafka's own for three nodes, with the image's name changed."""
        ports = free_ports(3)
        variables = {f"PORT_{i + 1}": str(port) for i, port in enumerate(ports)}
        self.three_nodes("k", os.path.join(HERE, "kafka-compose.yaml"), ["kafka-1", "kafka-2", "kafka-3"], ports,
                         IMAGE=self.image, PREFIX=self.engine.prefix + "k-", **variables)

    def three_nodes(self, letter, file, nodes, ports, **variables):
        engine, project = self.engine, self.engine.prefix + letter
        brokers = ",".join(f"localhost:{port}" for port in ports)
        try:
            engine.compose(file, project, "up", "-d", *nodes, **variables)
            containers = [self.container_of(project, node) for node in nodes]
            for container in containers:
                engine.wait_healthy(container, seconds=90)
            moldau("cluster", "health", "--wait", "60s", "-b", brokers, timeout=90)
            moldau("topic", "create", "orders", "-p", "6", "-r", "3", "-b", brokers)
            self.produce_and_consume(brokers, "before", 100)
            engine("kill", containers[1])
            begin = time.monotonic()
            self.produce_and_consume(brokers, "after", 200)
            print(f"    100 records acknowledged {time.monotonic() - begin:.1f} s after a node was killed", flush=True)
            engine("start", containers[1])
            engine.wait_healthy(containers[1], seconds=90)
            moldau("cluster", "health", "--wait", "60s", "-b", brokers, timeout=90)
            self.produce_and_consume(brokers, "again", 300)
        except (Failed, subprocess.TimeoutExpired) as failure:
            logs = "".join(f"--- {node}\n{engine.logs(self.container_of(project, node))[-4000:]}" for node in nodes)
            raise Failed(f"{failure}\n{logs}") from failure
        finally:
            engine.compose(file, project, "down", "-v", check=False, **variables)

    def container_of(self, project, node):
        """Compose names it by its own rules, unless the file names it."""
        names = self.engine("ps", "-a", "--format", "{{.Names}}").stdout.split()
        found = [name for name in names if name.startswith(project) and node in name]
        expect(len(found) == 1, f"{project}: {node} is {found} among {names}")
        return found[0]

    def produce_and_consume(self, brokers, word, expected):
        """A hundred records through the outer listeners; all so far are there once."""
        records = "".join(f"{word}-{i}\n" for i in range(100))
        moldau("produce", "orders", "-b", brokers, stdin=records, timeout=90)
        read = moldau("consume", "orders", "--exit-at-end", "-f", "%v\n", "-b", brokers, timeout=90).stdout.split()
        expect(len(read) == len(set(read)) == expected, f"{len(read)} records, {len(set(read))} different; {expected} expected")
        expect(set(records.split()) <= set(read), "a record is missing")


def stage(folder):
    """A small context with the stripped binary: what the Dockerfile copies and no more."""
    for part in ("docker", "config"):
        shutil.copytree(os.path.join(ROOT, part), os.path.join(folder, part))
    target = os.path.join(folder, "moldau")
    strip = shutil.which("strip") or shutil.which("llvm-strip-19")
    if strip:
        run([strip, "-o", target, BINARY])
    else:
        shutil.copy(BINARY, target)


def cases_of(tests, wanted):
    names = [name[5:] for name in dir(tests) if name.startswith("case_")]
    unknown = [name for name in wanted if name.replace("-", "_") not in names]
    if unknown:
        sys.exit(f"there is no case {unknown[0]}; cases: {' '.join(names)}")
    order = list(Tests.__dict__)
    return sorted((name for name in names if not wanted or name in [w.replace("-", "_") for w in wanted]),
                  key=lambda name: order.index("case_" + name))


def main():
    prefix = f"moldau-test-{os.getpid()}-"
    image = f"localhost/{prefix}image"
    try:
        engine = Engine(prefix)
    except Missing as missing:
        print(f"skipped: {missing}")
        return SKIPPED
    failed = []
    try:
        with tempfile.TemporaryDirectory(prefix="moldau-image-") as folder:
            begin = time.monotonic()
            stage(folder)
            engine.build(folder, image, BINARY="moldau", BASE=BASE_IMAGE)
            print(f"ok    build with {engine.name} ({time.monotonic() - begin:.0f} s)", flush=True)
        tests = Tests(engine, image)
        for name in cases_of(tests, sys.argv[1:]):
            begin = time.monotonic()
            try:
                getattr(tests, "case_" + name)()
                print(f"ok    {name} ({time.monotonic() - begin:.0f} s)", flush=True)
            except (Failed, subprocess.TimeoutExpired) as failure:
                failed.append(name)
                print(f"FAIL  {name}: {failure}", flush=True)
    finally:
        engine.clean(image)
    print(f"{len(failed)} failed: {' '.join(failed)}" if failed else "all passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
