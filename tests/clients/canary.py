"""A well-behaved client that works all along while others misbehave: it produces and reads back a record every few
milliseconds and remembers what went wrong and how long the slowest round took.

  canary.py BOOTSTRAP TOPIC: the same as a process; a line of JSON with what it saw since the last one for each line of
  its input."""

import json
import subprocess
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from broker import PATIENCE

TOPIC = "canary"
ROUND_SECONDS = 10.0 * PATIENCE


class Canary:
    def __init__(self, bootstrap, pause=0.01, topic=TOPIC):
        self.pause = pause
        self.topic = topic
        self.rounds = 0
        self.slowest = 0.0
        self.took = []
        self.trouble = None
        self.ending = threading.Event()
        admin = AdminClient({"bootstrap.servers": bootstrap})
        for answer in admin.create_topics([NewTopic(topic, 1, 1)]).values():
            answer.result(20)
        self.producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 0})
        self.consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                                  "auto.offset.reset": "error", "fetch.wait.max.ms": 100})
        self.consumer.assign([TopicPartition(topic, 0, 0)])
        self.thread = threading.Thread(target=self._sing, daemon=True)
        self.thread.start()

    def _sing(self):
        try:
            while not self.ending.is_set():
                began = time.monotonic()
                self._round(str(self.rounds).encode())
                self.took.append(time.monotonic() - began)
                self.slowest = max(self.slowest, self.took[-1])
                self.rounds += 1
                time.sleep(self.pause)
        except (KafkaException, AssertionError) as trouble:
            self.trouble = trouble

    def _round(self, value):
        errors = []
        self.producer.produce(self.topic, value, on_delivery=lambda error, _: errors.append(error) if error else None)
        assert self.producer.flush(ROUND_SECONDS) == 0, f"record {value} was not acknowledged in {ROUND_SECONDS} s"
        assert not errors, f"record {value}: {errors}"
        message = self.consumer.poll(ROUND_SECONDS)
        assert message is not None, f"record {value} could not be read within {ROUND_SECONDS} s"
        assert message.error() is None, message.error()
        assert message.value() == value, f"{message.value()} was read instead of {value}"

    def check(self):
        """It is well and has done a whole round since the call. The slowest round so far; forgotten then."""
        want = self.rounds + 2
        deadline = time.monotonic() + ROUND_SECONDS
        while self.rounds < want and self.trouble is None and time.monotonic() < deadline:
            time.sleep(0.005)
        assert self.trouble is None, f"another client was disturbed: {self.trouble}"
        assert self.rounds >= want, "another client stands still"
        slowest, self.slowest = self.slowest, 0.0
        return slowest

    def figures(self):
        """Of the rounds since the last call, in milliseconds."""
        took, self.took = sorted(self.took), []
        at = lambda part: round(1000 * took[int(part * (len(took) - 1))], 2) if took else None
        return {"rounds": len(took), "p50": at(0.5), "p99": at(0.99), "max": at(1.0),
                "trouble": str(self.trouble) if self.trouble else None}

    def stop(self):
        self.ending.set()
        self.thread.join(3 * ROUND_SECONDS)
        self.consumer.close()


class DistantCanary:
    """A canary in a process of its own: what the test itself computes does not slow it down."""

    def __init__(self, bootstrap):
        self.process = subprocess.Popen([sys.executable, __file__, bootstrap, "distant-canary"], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.figures()

    def figures(self):
        """What it saw since the last call; AssertionError when it was disturbed."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the canary's process has ended"
        figures = json.loads(line)
        assert figures["trouble"] is None, f"another client was disturbed: {figures['trouble']}"
        return figures

    def stop(self):
        self.process.stdin.close()
        self.process.wait(3 * ROUND_SECONDS)
        self.process.stdout.close()


def main(bootstrap, topic):
    canary = Canary(bootstrap, topic=topic)
    for _ in sys.stdin:
        print(json.dumps(canary.figures()), flush=True)
    canary.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
