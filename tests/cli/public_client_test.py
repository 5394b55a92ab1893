"""Runs the program that uses every public call of the C++ client, and the example, against a live node.

Usage: public_client_test.py PATH_OF_MOLDAU PATH_OF_PUBLIC_CLIENT PATH_OF_EXAMPLE
"""

import os
import subprocess
import sys
import unittest

from node import LIMIT_S, Node

PROGRAM, EXAMPLE = (os.path.abspath(sys.argv.pop(1)) for _ in range(2))


class PublicClient(unittest.TestCase):
    def setUp(self):
        self.node = Node()
        self.addCleanup(self.node.remove)
        self.node.start()

    def run_program(self, *words):
        done = subprocess.run(
            words, env=self.node.env, cwd=self.node.dir, capture_output=True, text=True, timeout=2 * LIMIT_S, check=False
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_every_call(self):
        self.run_program(PROGRAM, "--gtest_brief=1")

    def test_example(self):
        out = self.run_program(EXAMPLE, f"localhost:{self.node.port}", "greetings")
        self.assertEqual(out.count("sent to partition"), 10)
        self.assertEqual(out.count(" hello\n"), 10)


if __name__ == "__main__":
    unittest.main()
