"""The main job: the machine's own /var/log/dpkg.log is produced line by line with kcat, kafka-console-producer and
moldau produce, and consumed with kcat, kafka-console-consumer and moldau consume: nine pairs, the same bytes. (Empty
lines are left out, kcat does not send them; of a larger log the first 20,000 lines are taken.)"""

import os
import subprocess
import time
import unittest

from adapters import RdkafkaC
from broker import binary
from live_test import LiveTest, main

LOG = "/var/log/dpkg.log"
MOST_LINES = 20_000
COMMAND_SECONDS = 60


def lines_of_log():
    with open(LOG, "rb") as log:
        lines = [line.rstrip(b"\n") for line in log]
    return [line for line in lines if line][:MOST_LINES]


@unittest.skipUnless(os.path.exists(LOG), f"there is no {LOG} here")
class DpkgLog(LiveTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.lines = lines_of_log()
        cls.content = b"".join(line + b"\n" for line in cls.lines)
        cls.client = RdkafkaC(cls.broker.bootstrap)
        cls.produced = set()

    def command(self, name):
        """The binary under another name."""
        path = os.path.join(self.broker.folder, name)
        if not os.path.lexists(path):
            os.symlink(binary(), path)
        return path

    def run_command(self, words, stdin=b""):
        began = time.monotonic()
        done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=COMMAND_SECONDS)
        self.assertEqual(done.returncode, 0, f"{words}\nstdout: {done.stdout[-500:]}\nstderr: {done.stderr[-1500:]}")
        print(f"  {os.path.basename(words[0])}: {time.monotonic() - began:.2f} s")
        return done.stdout

    def producer(self, name, topic):
        at = self.broker.bootstrap
        return {
            "kcat": ["kcat", "-P", "-b", at, "-t", topic],
            "kafka-console-producer": [self.command("kafka-console-producer.sh"), "--bootstrap-server", at,
                                       "--topic", topic],
            "moldau-produce": [binary(), "produce", topic, "-b", at],
        }[name]

    def consumer(self, name, topic):
        at = self.broker.bootstrap
        return {
            "kcat": ["kcat", "-C", "-b", at, "-t", topic, "-o", "beginning", "-e", "-q"],
            "kafka-console-consumer": [self.command("kafka-console-consumer.sh"), "--bootstrap-server", at, "--topic",
                                       topic, "--from-beginning", "--max-messages", str(len(self.lines)),
                                       "--timeout-ms", "20000"],
            "moldau-consume": [binary(), "consume", topic, "-b", at, "-f", "%v\\n", "-o", "start",
                               "-n", str(len(self.lines))],
        }[name]

    def produce(self, name):
        """Once for all pairs; the topic. Neither more nor less than the lines are in it."""
        topic = f"dpkg.{name}"
        if topic not in self.produced:
            self.client.create_topic(topic)
            self.run_command(self.producer(name, topic), self.content)
            self.produced.add(topic)
        self.assertEqual(self.client.end_offset(topic), len(self.lines))
        return topic

    def check_pair(self, producer, consumer):
        got = self.run_command(self.consumer(consumer, self.produce(producer)))
        if got == self.content:
            return
        for number, (want, have) in enumerate(zip(self.lines, got.split(b"\n")), 1):
            self.assertEqual(have, want, f"line {number}")
        self.fail(f"{len(got)} bytes came back instead of {len(self.content)}")


def add_tests():
    for producer in ("kcat", "kafka-console-producer", "moldau-produce"):
        for consumer in ("kcat", "kafka-console-consumer", "moldau-consume"):
            def test(self, producer=producer, consumer=consumer):
                self.check_pair(producer, consumer)
            setattr(DpkgLog, f"test_{producer}_to_{consumer}".replace("-", "_"), test)


if __name__ == "__main__":
    add_tests()
    main(seconds=200)
