"""A node of the binary under test on free ports, with a folder of its own and every tool name on its PATH.

The first word of the test's command line is the path of the binary. Command lines are kept as people paste them: only
localhost:9092 and kafka:9092 become the node's own address. Every process has a time limit and is ended by its own id.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

MOLDAU = os.path.abspath(sys.argv.pop(1)) if len(sys.argv) > 1 else ""
LIMIT_S = 30 * float(os.environ.get("MOLDAU_TEST_PATIENCE", "1"))


def free_ports(count):
    """Ports that nobody uses at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def free_cluster_port(nodes=3):
    """A port whose neighbours, too, are free: of the other nodes, their controllers and admin ports."""
    for _ in range(200):
        port = random.randrange(20000, 32000)
        sockets = []
        try:
            for offset in (0, 100, 552):
                for node in range(nodes):
                    one = socket.socket()
                    sockets.append(one)
                    one.bind(("127.0.0.1", port + offset + node))
            return port
        except OSError:
            continue
        finally:
            for one in sockets:
                one.close()
    raise AssertionError("no free ports")


class Result:
    def __init__(self, process, out, err):
        self.code, self.out, self.err = process.returncode, out, err

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"


class Node:
    """A temporary folder with the tools' links, a server.properties and, once started, a node."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="moldau-cli-")
        self.bin = os.path.join(self.dir, "bin")
        os.mkdir(self.bin)
        self.port, self.controller, self.admin = free_ports(3)
        self.env = {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "HOME": self.dir,
            "MOLDAU_BROKERS": f"localhost:{self.port}",
        }
        os.symlink(MOLDAU, os.path.join(self.bin, "moldau"))
        self.run("moldau install-links --sh --dir bin")
        self.write(
            "server.properties",
            f"""# written by a tutorial
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}
advertised.listeners=PLAINTEXT://localhost:{self.port},CONTROLLER://localhost:{self.controller}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=localhost:{self.controller}
log.dirs={self.dir}/data
num.network.threads=3
""",
        )
        self.process = None

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w", encoding="utf-8") as file:
            file.write(text)

    def line(self, text):
        return re.sub(r"(localhost|kafka):9092", f"localhost:{self.port}", text)

    def popen(self, line, **more):
        return subprocess.Popen(
            ["/bin/bash", "-c", "exec " + self.line(line) if more.pop("exec", False) else self.line(line)],
            cwd=self.dir,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            **more,
        )

    def run(self, line, stdin=None, limit=LIMIT_S):
        process = self.popen(line, stdin=subprocess.PIPE if stdin is not None else subprocess.DEVNULL)
        try:
            out, err = process.communicate(None if stdin is None else stdin.encode(), timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, err = process.communicate()
            raise AssertionError(f"{line}: no end within {limit} s\n{out.decode()}\n{err.decode()}") from None
        return Result(process, out.decode(), err.decode())

    def start(self, line="kafka-server-start.sh server.properties --override num.partitions=3"):
        self.log = open(os.path.join(self.dir, "node.log"), "ab")
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f"exec {self.line(line)} --override admin.bind=127.0.0.1:{self.admin}"],
            cwd=self.dir,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if "Kafka Server started" in self.log_text():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError("the node did not start:\n" + self.log_text())

    def log_text(self):
        with open(os.path.join(self.dir, "node.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()
        self.process = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
