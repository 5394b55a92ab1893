"""Three nodes in the place of broker.Broker, for tests that are written for one: what is killed and stopped is the node that
leads most partitions, the two others go on. Every topic has three replicas."""

import os
import sys

os.environ["MOLDAU_TEST_REPLICAS"] = "3"  # before adapters.py is read
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "chaos"))
import admin  # noqa: E402
from cluster import Cluster  # noqa: E402


class ThreeNodes(Cluster):
    def __init__(self, settings=(), _descriptors=None):
        super().__init__(nodes=3, properties={"auto.create.topics.enable": "true"}, settings=settings)
        self.down = None
        self.kills = 0

    def leader_of_most(self):
        leaders = [partition.leader for partitions in admin.metadata(self.any_address()).topics.values()
                   for partition in partitions.values()]
        return self.node(max(set(leaders), key=leaders.count)) if leaders else self.nodes[0]

    def kill(self):
        self.down = self.leader_of_most()
        self.down.kill()
        self.kills += 1

    def stop(self):
        self.down = self.leader_of_most()
        self.down.stop()
        return 0

    def restart(self):
        """Who does not run; it need not be in sync yet."""
        for node in self.nodes:
            if not node.running():
                node.start()
        self.down = None

    def running(self):
        return all(node.running() for node in self.nodes if node is not self.down)

    @property
    def process(self):
        return self.nodes[0].process

    def log_mark(self):
        return sum(len(node.log()) for node in self.nodes)

    def log(self, _since=0):
        return "\n".join(f"{node.name}: {line}" for node in self.nodes for line in node.log().splitlines()[-20:])
