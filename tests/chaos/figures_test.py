"""Figures of histories. Run with unittest; needs no node."""

import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402
from history import Op  # noqa: E402


def sent(began, ended, key="t/0", outcome="ok", offset=7):
    return Op("p", 1, "send", began, [["send", key, "v", offset]], outcome, ended)


def polled(process, key, *offsets, f="poll"):
    return Op(process, 1, f, 0, [["poll", {key: [[offset, "v"] for offset in offsets]}]], "ok", 0)


class FiguresTest(unittest.TestCase):
    def test_acked_records(self):
        self.assertEqual(figures.acked_records([sent(0, 1), sent(0, 1, outcome="info", offset=None),
                                                sent(0, 1, outcome="info", offset="failed")]), 1)

    def test_longest_silence(self):
        self.assertEqual(figures.longest_silence([]), 0)
        self.assertEqual(figures.longest_silence([sent(0, 1), sent(0, 9), sent(0, 2), sent(3, 5, outcome="info")]), 7)

    def test_fail_over_is_over_when_all_partitions_go_on(self):
        sends = [sent(9, 11), sent(10.5, 11), sent(10.6, 13, key="t/1"), sent(11, 14), sent(11, 15, key="t/1")]
        self.assertEqual(figures.fail_overs(sends, [10], 2), [3])

    def test_what_was_sent_before_the_fault_does_not_count(self):
        self.assertEqual(figures.fail_overs([sent(9, 11), sent(9, 12, key="t/1")], [10], 2), [])

    def test_a_fault_before_the_end_of_the_last(self):
        sends = [sent(10, 10.5), sent(20, 21), sent(10.1, 21, key="t/1"), sent(20, 22, key="t/1")]
        self.assertEqual(figures.fail_overs(sends, [10, 20], 2), [2])

    def test_left_behind(self):
        everything = [polled("final", "t/0", 0, 1, 2, f="read"), polled("final", "t/1", 0, f="read")]
        self.assertEqual(figures.left_behind([polled("c", "t/0", 0, 1), polled("c", "t/1", 0), *everything]),
                         ["c got t/0 up to 1 of 2"])
        self.assertEqual(figures.left_behind([polled("c", "t/0", 1, 2), *everything]), ["c got t/1 up to -1 of 0"])
        self.assertEqual(figures.left_behind(everything), [])
        self.assertEqual(figures.left_behind([polled("c", "u/0", 0), *everything]), [], "another topic's reader")
        silent = Op("c", -1, "assign", 0, [], "ok", 0, positions={"t/1": 0})
        self.assertEqual(figures.left_behind([silent, *everything]), ["c got t/0 up to -1 of 2", "c got t/1 up to -1 of 0"])


if __name__ == "__main__":
    unittest.main()
