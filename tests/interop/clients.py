"""The clients from elsewhere. For each: how it is fetched and built into the cache folder, and the command that plays
the scenarios against HOST:PORT with topics that begin with PREFIX. Unavailable: its registry was not reached or its
runtime is missing; everything else that goes wrong is a failure."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "moldau" / "interop"
FETCH_SECONDS = 600
UNAVAILABLE = 3  # exit code of fetch_kafka.sh


class Unavailable(Exception):
    pass


class Broken(Exception):
    """The program of ours does not build."""


def need_program(name):
    path = shutil.which(name)
    if not path:
        raise Unavailable(f"{name} is not installed")
    return path


def last_lines(text, count=6):
    return "\n".join(text.strip().splitlines()[-count:])


def step(words, error, **how):
    try:
        done = subprocess.run(list(map(str, words)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace", timeout=FETCH_SECONDS, **how)
    except subprocess.TimeoutExpired as late:
        raise error(f"{words[0]} took longer than {FETCH_SECONDS} s") from late
    if done.returncode != 0:
        raise error(f"{words[0]} ended with {done.returncode}: {last_lines(done.stderr or done.stdout)}")
    return done.stdout


def fetch(words, **how):
    return step(words, Unavailable, **how)


def make(words, **how):
    return step(words, Broken, **how)


def cached(name, inputs, fill):
    """The cache folder for these input files' contents, filled once: fill(folder) works on a folder that is put in
    place only when it has succeeded."""
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in inputs)).hexdigest()[:16]
    folder = CACHE / f"{name}-{digest}"
    if not folder.exists():
        part = folder.with_suffix(f".part-{os.getpid()}")
        part.mkdir(parents=True)
        try:
            fill(part)
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def kafka_classpath(name="kafka"):
    """Of the jars that NAME/pom.xml pins."""
    done = subprocess.run([HERE / "fetch_kafka.sh", name], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode == UNAVAILABLE:
        raise Unavailable(last_lines(done.stderr))
    if done.returncode != 0:
        raise Broken(last_lines(done.stderr))
    return done.stdout.strip()


JAVA = ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]


def compile_java(classpath, scratch, *folders):
    make([need_program("javac"), "-Xlint:all,-path,-classfile", "-Werror", "-cp", classpath, "-d", scratch,
          *(file for folder in folders for file in sorted((HERE / folder).glob("*.java")))])
    return [*JAVA, "-cp", f"{scratch}:{classpath}"]


def java(scratch):
    """Apache Kafka's kafka-clients."""
    return [*compile_java(kafka_classpath(), scratch, "java"), "Interop"]


def kafka_app(part):
    """Apache Kafka's Streams, Connect or MirrorMaker 2, driven by kafka-clients."""
    def prepare(scratch):
        return [*compile_java(kafka_classpath("kafka-apps"), scratch, "java", "kafka-apps"), "Apps", part]
    return prepare


def kafka_tools(scratch):
    """Apache Kafka's command classes. Only jars are on the classpath: Java archives no classes of a folder."""
    logging, _, jars = kafka_classpath().partition(":")
    return [sys.executable, HERE / "kafka-tools" / "main.py", *JAVA,
            f"-Dlog4j2.configurationFile={logging}/log4j2.properties", "-cp", jars]


def franz_go(scratch):
    """franz-go with its admin package."""
    go = need_program("go")
    folder = HERE / "franz-go"
    fetch([go, "mod", "download"], cwd=folder)
    make([go, "build", "-o", scratch / "interop", "."], cwd=folder)
    return [scratch / "interop"]


def python_client(name):
    def prepare(scratch):
        pins = HERE / name / "requirements.txt"
        fetch([sys.executable, "-m", "pip", "--version"])
        packages = cached(name, [pins], lambda folder: fetch(
            [sys.executable, "-m", "pip", "install", "--quiet", "--timeout", "20", "--retries", "2",
             "--only-binary", ":all:", "--target", folder, "-r", pins]))
        return ["env", f"PYTHONPATH={packages}:{HERE / 'python'}", sys.executable, HERE / name / "main.py"]
    return prepare


def headers_of(node):
    """Where a module that is built from source finds node's headers without fetching them."""
    prefix = Path(node).resolve().parents[1]
    return {"npm_config_nodedir": str(prefix)} if (prefix / "include/node/node.h").exists() else {}


def node_client(name, **environment):
    def prepare(scratch):
        node, npm = need_program("node"), need_program("npm")
        pins = [HERE / name / "package.json", HERE / name / "package-lock.json"]
        def fill(folder):
            for pin in pins:
                shutil.copy(pin, folder)
            fetch([npm, "ci", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000"],
                  cwd=folder, env={**os.environ, **headers_of(node), **environment})
        packages = cached(name, pins, fill)
        # librdkafka's calls wait in libuv's pool: four threads are soon held by consumers that wait for records.
        return ["env", f"NODE_PATH={packages / 'node_modules'}", "UV_THREADPOOL_SIZE=64", node, HERE / name / "main.js"]
    return prepare


CLIENTS = {
    "java": java,
    "kafka-tools": kafka_tools,
    "franz-go": franz_go,
    "confluent-kafka": python_client("confluent-kafka"),
    "aiokafka": python_client("aiokafka"),
    "kafkajs": node_client("kafkajs"),
    # Built from source where its prebuilt binary cannot be had, and then with the system's libraries.
    "confluent-kafka-javascript": node_client("confluent-kafka-javascript", CKJS_LINKING="dynamic"),
    "streams": kafka_app("streams"),
    "connect": kafka_app("connect"),
    "mirror": kafka_app("mirror"),
}
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
BASIC = ("create-topic", *(f"produce-{codec}-acks-{acks}" for codec in CODECS for acks in ("0", "1", "all")),
         "idempotent", "headers", "nulls", "one-mib-records", "fetch-from-beginning", "fetch-by-offset",
         "fetch-by-timestamp", "delete-records", "alter-configs", "delete-topic")
GROUPS = ("group-shares-and-resumes-classic", "transactions", "exactly-once-classic")
# Clients that do not speak the protocol of KIP-848.
CLASSIC_ALONE = ("aiokafka", "kafkajs")
MODERN = ("group-shares-and-resumes-consumer", "exactly-once-consumer")
# What a client must tell about: BASIC and its groups for those that are not named here.
REQUIRED = {"kafka-tools": BASIC, "streams": ("word-count", "exactly-once-killed"), "connect": ("standalone", "distributed-killed"),
            "mirror": ("mirror-killed",)}
# What it is to live through while leaders are killed, on three nodes: LIVING for those that are not named here.
LIVING = ("leader-killed", "exactly-once-leader-killed")
FAULTY = {"kafka-tools": (),  # each command is a process of its own: none of them lives through anything
          # Its consumer may spin without a pause, and without a request, after it has lost nodes.
          "kafkajs": ("leader-killed",),
          "streams": ("exactly-once-leader-killed",), "connect": ("distributed-leader-killed",), "mirror": ()}
WITH_A_SECOND = ("mirror",)  # goes from the nodes to another, whose address MOLDAU_TEST_SECOND tells


def required(client):
    return REQUIRED.get(client) or (*BASIC, *GROUPS, *(() if client in CLASSIC_ALONE else MODERN))


def faulty(client):
    return FAULTY.get(client, LIVING)
