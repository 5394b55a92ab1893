"""What the files cases_*.py are written with: a case is a function that asks one side; it runs on both, and what was
answered is compared step by step. `@case(versions)` runs it once for each version."""

import time

import codec
from sides import Closed

CASES = []      # (name, function, arguments)


def case(api=None, versions=None):
    """With an API, for each version that Kafka and Moldau both serve, or those given."""
    def register(function):
        name = function.__name__
        if api is None:
            CASES.append((name, function, ()))
            return function
        served = codec.SCHEMAS[api].advertised or codec.SCHEMAS[api].versions
        low = max(served.low, codec.SCHEMAS[api].versions.low)
        for version in versions or range(low, served.high + 1):
            CASES.append((f"{name}.v{version}", function, (version,)))
        return function
    return register


class Script:
    """One side during one case: asks, and keeps what was answered."""

    def __init__(self, side, name):
        self.side, self.name = side, name
        self.steps = []     # (label, answer)

    def ask(self, api, version, **fields):
        return self.keep(api, version, lambda: self.side.ask(api, version, **fields), fields)

    def ask_body(self, api, version, body, what, answer_version=None):
        return self.keep(api, version, lambda: self.side.ask_body(api, version, body, answer_version), what)

    def keep(self, api, version, question, what):
        try:
            answer = question()
        except Closed:
            answer = {"connection": "closed"}
        except TimeoutError:
            self.side.disconnect()
            answer = {"connection": "silent"}
        self.steps.append((f"{api} v{version} {what}", answer))
        return answer

    # Names and topics of this case.

    def named(self, suffix=""):
        return (self.name + suffix).replace("_", "-")

    def create(self, suffix="", partitions=1, **configs):
        """A topic that is there when this returns; its name and id."""
        name = self.named(suffix)
        values = [{"name": key.replace("_", "."), "value": str(value)} for key, value in configs.items()]
        answer = self.side.ask("CreateTopics", 7, timeoutMs=30000, topics=[
            {"name": name, "numPartitions": partitions, "replicationFactor": 1, "configs": values}])
        if answer["topics"][0]["errorCode"] != 0:
            raise AssertionError(f"{self.side.name} does not create {name}: {answer}")
        self.await_topic(name, partitions)
        return name, answer["topics"][0]["topicId"]

    def await_topic(self, name, partitions=1):
        self.wait(lambda: self.leaders(name) == partitions, f"{partitions} partitions of {name}")
        self.wait(lambda: self.led(name, partitions), f"the broker leads all partitions of {name}")

    def led(self, name, partitions):
        """Kafka tells of leaders a little before they lead."""
        answer = self.side.ask("ListOffsets", 7, replicaId=-1, topics=[{"name": name, "partitions": [
            {"partitionIndex": index, "timestamp": -1} for index in range(partitions)]}])
        return all(partition["errorCode"] == 0 for partition in answer["topics"][0]["partitions"])

    def leaders(self, name):
        topic = self.side.ask("Metadata", 12, allowAutoTopicCreation=False, topics=[{"name": name}])["topics"][0]
        return sum(partition["errorCode"] == 0 for partition in topic["partitions"])

    def await_gone(self, name):
        def gone():
            answer = self.side.ask("Metadata", 12, allowAutoTopicCreation=False, topics=[{"name": name}])
            return answer["topics"][0]["errorCode"] == 3
        self.wait(gone, f"{name} is gone")

    def wait(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"{self.side.name}: not within {seconds} s: {what}")
            time.sleep(0.05)

    def producer_id(self):
        """A new one, as soon as the broker has some to give."""
        answers = []

        def given():
            answers.append(self.side.ask("InitProducerId", 4, transactionalId=None, transactionTimeoutMs=60000))
            return answers[-1]["errorCode"] == 0
        self.wait(given, "a producer id")
        return answers[-1]["producerId"]

    def settle(self):
        """Lets a change of metadata reach the broker."""
        time.sleep(0.25)

    def produce(self, topic, records, partition=0, version=8, acks=-1):
        """Unrecorded; must be accepted."""
        answer = self.side.ask("Produce", version, acks=acks, timeoutMs=30000, topicData=[
            {"name": topic, "partitionData": [{"index": partition, "records": records}]}])
        error = answer["responses"][0]["partitionResponses"][0]["errorCode"]
        if error != 0:
            raise AssertionError(f"{self.side.name} does not take the records: {answer}")


def topic_ref(version, first_by_id, name, topic_id, by_name="name"):
    """How a request names a topic: by id from `first_by_id` on."""
    return {"topicId": topic_id} if version >= first_by_id else {by_name: name}
