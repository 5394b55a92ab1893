"""Replicas that differ are told apart. Run with unittest; needs no node."""

import os
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import replicas  # noqa: E402


def batch(base, count, epoch=0, records=b"records"):
    rest = struct.pack(">ibIhi", epoch, 2, 7, 0, count - 1) + bytes(36) + records
    return struct.pack(">qi", base, len(rest)) + rest


class ReplicasTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data_dirs = {name: os.path.join(folder.name, name) for name in ("n1", "n2", "n3")}

    def write(self, name, partition, *batches, segment="0" * 20):
        folder = os.path.join(self.data_dirs[name], f"t-{partition}")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, segment + ".log"), "wb") as file:
            file.write(b"".join(batches))

    def differences(self):
        for folder in self.data_dirs.values():
            os.makedirs(folder, exist_ok=True)
        return replicas.differences(self.data_dirs, "t")

    def test_same_batches_in_other_segments(self):
        self.write("n1", 0, batch(0, 3), batch(3, 1, 1))
        self.write("n2", 0, batch(0, 3), bytes(100))
        self.write("n2", 0, batch(3, 1, 1), segment=f"{3:020}")
        self.assertEqual([batch[:3] for batch in replicas.logs(self.data_dirs["n2"], "t")[0]], [(0, 2, 0), (3, 3, 1)])
        self.assertEqual(self.differences(), [])

    def test_other_contents(self):
        self.write("n1", 0, batch(0, 3))
        self.write("n2", 0, batch(0, 3, records=b"rEcords"))
        (line,) = self.differences()
        self.assertRegex(line, r"^t-0: n1 and n2 differ: \(0, 2, 0, \d+\) and \(0, 2, 0, \d+\)$")

    def test_another_epoch(self):
        self.write("n1", 0, batch(0, 3))
        self.write("n3", 0, batch(0, 3, epoch=1))
        self.assertEqual(len(self.differences()), 1)

    def test_a_shorter_log(self):
        self.write("n1", 0, batch(0, 3))
        self.write("n1", 1, batch(0, 3))
        self.write("n2", 0, batch(0, 3))
        self.write("n2", 1, batch(0, 3), batch(3, 2))
        self.assertEqual(self.differences(), ["t-1: n1 and n2 differ: they end at 2 and 4"])


if __name__ == "__main__":
    unittest.main()
