"""Runs Apache Kafka's command classes against one broker."""

import os
import re
import subprocess

from scenarios import that

TOOLS = "org.apache.kafka.tools."
SECONDS = 60


class Refusal(Exception):
    """The command ended with another code than 0; what it printed."""


class Tools:
    def __init__(self, java, bootstrap, prefix, scratch):
        self.bootstrap, self.prefix = bootstrap, prefix
        archive = os.path.join(scratch, "classes.jsa")
        # The first command leaves its loaded classes for the others: that halves the time of their start.
        self.java = [*java, f"-XX:ArchiveClassesAtExit={archive}"]
        self.topics("--list")
        self.java = [*java, f"-XX:SharedArchiveFile={archive}"]

    def name(self, topic):
        return self.prefix + topic

    def run(self, name, *words, stdin="", errors=False):
        """stdout of a command (with stderr when errors), without the notes of its logger."""
        done = subprocess.run([*self.java, name, *map(str, words)], input=stdin, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=SECONDS)
        if done.returncode != 0:
            raise Refusal(f"{name} ended with {done.returncode}: {(done.stdout + done.stderr)[-1500:]}")
        return done.stdout + done.stderr if errors else done.stdout

    def command(self, name, *words, **how):
        return self.run(name, "--bootstrap-server", self.bootstrap, *words, **how)

    def cluster(self, what):
        return self.run(TOOLS + "ClusterTool", what, "--bootstrap-server", self.bootstrap)

    def topics(self, *words):
        return self.command(TOOLS + "TopicCommand", *words)

    def configs(self, *words):
        return self.command("kafka.admin.ConfigCommand", *words)

    def create(self, topic, *words):
        name = self.name(topic)
        self.topics("--create", "--topic", name, *words)
        return name

    def produce(self, topic, text, *words):
        # Its own timeout of 1.5 s makes it send again when the machine is busy. With acks of 0 and 1 it is not
        # idempotent, so that the records are there twice then, as they are with Kafka's broker.
        printed = self.command(TOOLS + "ConsoleProducer", "--topic", topic, "--request-timeout-ms", 30000, *words,
                               stdin=text, errors=True)
        that("ERROR" not in printed, f"the console producer wrote: {printed[-600:]}")

    def consume(self, topic, count, *words):
        """Lines of partition 0: `count` of them, then the command ends by itself."""
        return self.command(TOOLS + "consumer.ConsoleConsumer", "--topic", topic, "--partition", 0, "--max-messages", count,
                            "--timeout-ms", 20000, *words)

    def offsets(self, topic, time):
        """What GetOffsetShell tells: partition to offset."""
        lines = self.command(TOOLS + "GetOffsetShell", "--topic", topic, "--time", time).split()
        found = [re.fullmatch(re.escape(topic) + r":(\d+):(-?\d*)", line) for line in lines]
        that(all(found), f"GetOffsetShell wrote {lines}")
        return {int(one[1]): int(one[2]) for one in found if one[2]}
