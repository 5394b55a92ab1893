"""What runs add up to, and the block that a campaign leaves behind. No node."""

import os
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "clients")]
from load import Result  # noqa: E402
from tally import Campaign, Tally, percentile, plan, record, towards  # noqa: E402


def tally_of(name, goals=(), faults=(3,), failures=(), fail_overs=(1.0,)):
    made = Tally(name, goals)
    for count in faults:
        made.add(count, Result(sent=10, acked=9, longest_silence=0.5, fail_overs=list(fail_overs)), list(failures), 60.0)
    return made


class TallyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "campaigns.md")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write("# Campaigns\n\nBefore.\n")

    def text(self):
        with open(self.path, encoding="utf-8") as file:
            return file.read()

    def test_runs_are_summed_up_and_the_worst_is_kept(self):
        made = tally_of("kill-leader", faults=(3, 4))
        made.add(1, Result(sent=1, acked=1, lost=2, repeated=1, longest_silence=7, worst_lag=3, fail_overs=[9, 2]),
                 ["2 lost-write"], 5)
        made.add(2, None, ["it did not start\nits log"], 5)
        self.assertEqual(made.line(), "failed kill-leader: 4 runs, 2 failed, 10 faults in 130 s; 21 sent, 19 acknowledged, "
                         "2 lost, 1 repeated; longest silence 7.00 s, readers at most 3.00 s behind; all partitions "
                         "acknowledge again after 2.00 s (median), 9.00 s (longest of 4)")
        self.assertEqual(made.reasons(), ["2 lost-write", "it did not start"])

    def test_only_what_passed_counts_towards_a_goal(self):
        tallies = [tally_of("a", ("P13", "P5")), tally_of("b", ("P5",), (4, 5)), tally_of("c", ("P6",), failures=["lost"])]
        self.assertEqual(list(towards(tallies).items()), [("P5", 12), ("P13", 3)])

    def test_a_percentile_is_one_of_the_values(self):
        self.assertEqual([percentile([3, 1, 2], part) for part in (0, 0.5, 0.99, 1)], [1, 2, 3, 3])

    def test_a_plan_has_each_so_often_in_an_order_that_its_seed_decides(self):
        names = ["a", "b", "c", "d"]
        made = plan(names, 3, 7)
        self.assertEqual(sorted(name for name, _ in made), sorted(names * 3))
        self.assertEqual(made, plan(names, 3, 7))
        self.assertNotEqual(made, plan(names, 3, 8))
        self.assertEqual(len({seed for _, seed in made}), 12)

    def test_a_campaign_writes_its_block_anew_after_each_run(self):
        campaign = Campaign(self.path, ["kill-leader", "kill-all"], 2, 5, "abc1234")
        one, other = tally_of("kill-leader", ("P5", "P13"), fail_overs=(0.5, 2.0)), Tally("kill-all", ("P6",))
        campaign.write([one, other])
        self.assertIn("Commit `abc1234`; 1 of 4 runs in 1 min, 0 failed; 9 acknowledged, 0 lost, 0 repeated.", self.text())
        self.assertNotIn("kill-all", self.text())
        other.add(2, None, ["n1 does not start\nmore"], 60)
        campaign.write([one, other])
        text = self.text()
        self.assertTrue(text.startswith("# Campaigns\n\nBefore.\n\n## "), text)
        self.assertEqual(text.count("## 2"), 1)
        self.assertIn(", seed 5, each 2 times\n", text)
        self.assertIn("in runs that passed: P5 3, P13 3.\n", text)
        self.assertIn("median 2.00 s, p99 2.00 s of 2.\n", text)
        self.assertIn("\n- passed kill-leader: 3 faults", text)
        self.assertIn("\n- failed kill-all: 2 faults", text)
        self.assertTrue(text.endswith("\n  - n1 does not start\n"), text)

    def test_a_recorded_line_names_the_commit_and_the_reasons(self):
        record(self.path, tally_of("kill-all", failures=["1 lost-write"]), "abc1234")
        self.assertRegex(self.text().splitlines()[-1], r"^- \d{4}-\d\d-\d\d `abc1234` failed kill-all: .*; 1 lost-write$")


if __name__ == "__main__":
    unittest.main()
