"""What every test of this folder shares: a test case with a live node, and a main() with a time limit of its own."""

import faulthandler
import os
import sys
import unittest

from broker import Broker

MOST_LOG_LINES = 30


class LiveTest(unittest.TestCase):
    """One node for all tests of the class. A failure shows what the node logged meanwhile."""

    settings = ()
    descriptors = None
    kind_of_broker = Broker

    @classmethod
    def setUpClass(cls):
        cls.broker = cls.kind_of_broker(cls.settings, cls.descriptors).start()
        cls.addClassCleanup(cls.broker.close)

    def run(self, result=None):
        before, mark = self._troubles(result), self.broker.log_mark()
        super().run(result)
        if self._troubles(result) > before:
            lines = self.broker.log(mark).splitlines()[-MOST_LOG_LINES:]
            print("\n".join([f"--- the node's log during {self.id()}", *lines, "---"]), file=sys.stderr)

    @staticmethod
    def _troubles(result):
        return len(result.failures) + len(result.errors) if result else 0

    def setUp(self):
        self.assertTrue(self.broker.running(), "the node is not running: see the tests before this one")

    def tearDown(self):
        self.assertTrue(self.broker.running(), f"the node died: exit code {self.broker.process.poll()}")


def main(seconds):
    """Runs the tests of the calling file; words of the command line choose some by name. After `seconds` all threads'
    stacks are printed and the process ends, its node with it."""
    faulthandler.dump_traceback_later(seconds * float(os.environ.get("MOLDAU_TEST_PATIENCE", "1")), exit=True)
    unittest.main(module="__main__", verbosity=2)
