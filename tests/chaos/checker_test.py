"""The checker sees each anomaly in a history in which it was planted, and nothing in histories that are as they should
be. Run with unittest; needs no node."""

import contextlib
import io
import os
import random
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import checker  # noqa: E402
import history  # noqa: E402

K, L = "t/0", "t/1"


class Planted:
    """A history written by hand; every line is a tenth of a second after the one before it."""

    def __init__(self):
        self.events, self.now, self.last_op = [], 0.0, 0

    def _add(self, **event):
        self.now += 0.1
        self.events.append({"time": self.now, **event})
        return self

    def invoke(self, process, *mops, f="send", op=None):
        self.last_op = op or self.last_op + 1
        return self._add(type="invoke", process=process, op=self.last_op, f=f, mops=[list(mop) for mop in mops])

    def told(self, process, outcome, *mops, op=None):
        return self._add(type=outcome, process=process, op=op or self.last_op, mops=[list(mop) for mop in mops])

    def commit(self, process, op=None):
        return self._add(type="commit", process=process, op=op or self.last_op)

    def sent(self, process, *mops):
        """An op whose sends are all acknowledged."""
        sends = [("send", *mop) for mop in mops]
        return self.invoke(process, *(mop[:3] for mop in sends)).told(process, "ok", *sends)

    def txn(self, process, outcome, *mops):
        """A transaction from its begin to its end without anybody in between."""
        return self.invoke(process, *mops, f="txn").commit(process).told(process, outcome, *mops)

    def polled(self, process, *records, key=K, f="poll"):
        self.last_op += 1
        began = self.now + 0.05
        return self._add(type="ok", process=process, op=self.last_op, f=f, began=began,
                         mops=[["poll", {key: [list(record) for record in records]}]])

    def assigned(self, process, **positions):
        return self._add(type="assign", process=process,
                         positions={key.replace("_", "/"): offset for key, offset in positions.items()})

    def report(self, **how):
        return checker.check(history.ops_of(self.events), **how)


def poll(*records, key=K):
    return ("poll", {key: [list(record) for record in records]})


class CheckerTest(unittest.TestCase):
    def finds(self, planted, *anomalies, **how):
        """Exactly these."""
        report = planted.report(**how)
        self.assertEqual(sorted(report.counts), sorted(anomalies), "\n".join(report.lines()))
        return report

    # Nothing wrong.

    def test_an_empty_history(self):
        self.finds(Planted())

    def test_what_is_acknowledged_is_read_in_order(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("c", (0, "a"), (1, "b")).sent("p", (K, "c", 2))
                   .polled("c").polled("c", (2, "c")))

    def test_a_hole_of_control_records_is_no_skip(self):
        self.finds(Planted().sent("p", (K, "a", 0)).sent("p", (K, "b", 5)).polled("c", (0, "a"), (5, "b")))

    def test_what_nobody_knows_may_be_there_or_not(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), ("send", K, "b")).told("p", "info", ("send", K, "a", None),
                   ("send", K, "b", None)).sent("p", (K, "c", 1)).polled("c", (0, "b"), (1, "c")))

    def test_a_send_without_an_answer_may_be_there(self):
        self.finds(Planted().invoke("p", ("send", K, "a")).polled("c", (0, "a")))

    def test_a_definite_failure_that_nobody_reads(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), ("send", K, "b"))
                   .told("p", "info", ("send", K, "a", "failed"), ("send", K, "b", 0)).polled("c", (0, "b")))

    def test_the_same_value_in_two_partitions(self):
        self.finds(Planted().sent("p", (K, "a", 0)).sent("p", (L, "a", 0)).polled("c", (0, "a"))
                   .polled("c", (0, "a"), key=L))

    def test_a_consumer_that_is_assigned_again_may_go_back_and_ahead(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1), (K, "c", 2)).polled("c", (0, "a"), (1, "b"))
                   .assigned("c", t_0=0).polled("c", (0, "a")).assigned("c", t_0=None).polled("c", (2, "c")))

    def test_another_consumer_has_its_own_position(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("c", (0, "a"), (1, "b"))
                   .polled("d", (0, "a"), (1, "b")))

    def test_an_aborted_transaction_that_nobody_reads(self):
        self.finds(Planted().txn("p", "fail", ("send", K, "a", 0)).txn("p", "ok", ("send", K, "b", 2))
                   .polled("c", (2, "b")))

    def test_a_large_history_of_a_log(self):
        rng, planted, offset, read = random.Random(7), Planted(), 0, 0
        planted.assigned("c", t_0=0)
        log = []
        for _ in range(400):
            if rng.random() < 0.6:
                mops = [(K, f"v{offset + i}", offset + i) for i in range(rng.randrange(1, 5))]
                log += [(place, value) for _, value, place in mops]
                offset += len(mops)
                planted.sent(f"p{rng.randrange(3)}", *mops)
            else:
                end = rng.randint(read, len(log))
                planted.polled("c", *log[read:end])
                read = end
        self.finds(planted.polled("c", *log[read:]))

    # Each anomaly.

    def test_lost_write(self):
        report = self.finds(Planted().sent("p", (K, "a", 0)).sent("p", (K, "b", 1)).sent("p", (K, "c", 2))
                            .polled("c", (0, "a")).assigned("c", t_0=None).polled("c", (2, "c")), "lost-write")
        self.assertIn("b of p, acknowledged at 1", report.examples["lost-write"][0])
        self.assertEqual(report.forbidden(), {"lost-write": 1})

    def test_lost_write_whose_offset_another_record_has(self):
        self.finds(Planted().sent("p", (K, "a", 0)).sent("q", (K, "b", 0)).sent("q", (K, "c", 1))
                   .polled("c", (0, "b"), (1, "c")), "lost-write", "inconsistent-offsets")

    def test_lost_write_of_a_transaction_of_which_something_was_read(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), ("send", K, "b"), f="txn").commit("p")
                   .told("p", "info", ("send", K, "a", 0), ("send", K, "b", 1)).sent("q", (K, "c", 3))
                   .polled("c", (0, "a")).assigned("c", t_0=None).polled("c", (3, "c")), "lost-write")

    def test_a_transaction_that_nobody_knows_and_nobody_reads_is_not_lost(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), f="txn").commit("p").told("p", "info", ("send", K, "a", 0))
                   .sent("q", (K, "c", 3)).polled("c", (3, "c")))

    def test_unseen(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("c", (0, "a")), "unseen")

    def test_unseen_of_one_whose_offset_was_not_told(self):
        self.finds(Planted().sent("p", (K, "a", None)).sent("p", (K, "b", 1)).polled("c", (1, "b")), "unseen")

    def test_unseen_in_a_partition_that_nobody_read(self):
        self.finds(Planted().sent("p", (L, "a", 0)), "unseen")

    def test_duplicate(self):
        self.finds(Planted().sent("p", (K, "a", 0)).polled("c", (0, "a"), (1, "a")), "duplicate")

    def test_duplicate_of_an_acknowledgement_and_a_read(self):
        self.finds(Planted().sent("p", (K, "a", 0)).polled("c", (1, "a")), "duplicate")

    def test_inconsistent_offsets(self):
        self.finds(Planted().invoke("p", ("send", K, "a")).invoke("q", ("send", K, "b")).polled("c", (0, "a"))
                   .polled("d", (0, "b")), "inconsistent-offsets")

    def test_unwritten_read(self):
        self.finds(Planted().polled("c", (0, "ghost")), "unwritten-read")

    def test_g1a_of_a_definite_failure(self):
        self.finds(Planted().invoke("p", ("send", K, "a")).told("p", "fail", ("send", K, "a")).polled("c", (0, "a")),
                   "G1a")

    def test_g1a_of_one_record_of_several(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), ("send", K, "b"))
                   .told("p", "info", ("send", K, "a", 0), ("send", K, "b", "failed"))
                   .polled("c", (0, "a"), (1, "b")), "G1a")

    def test_g1a_of_an_aborted_transaction(self):
        self.finds(Planted().txn("p", "fail", ("send", K, "a", 0)).polled("c", (0, "a")), "G1a")

    def test_precommitted_read(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), f="txn").polled("c", (0, "a")).commit("p", op=1)
                   .told("p", "ok", ("send", K, "a", 0), op=1), "precommitted-read")

    def test_precommitted_read_of_a_transaction_that_never_asks(self):
        self.finds(Planted().invoke("p", ("send", K, "a"), f="txn").polled("c", (0, "a")), "precommitted-read")

    def test_precommitted_read_before_the_send(self):
        self.finds(Planted().polled("c", (0, "a")).sent("p", (K, "a", 0)), "precommitted-read")

    def test_poll_skip(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1), (K, "c", 2)).polled("c", (0, "a")).polled("c", (2, "c"))
                   .polled("d", (0, "a"), (1, "b"), (2, "c")), "poll-skip")

    def test_poll_skip_over_what_was_only_acknowledged(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1), (K, "c", 2)).polled("c", (0, "a")).polled("c", (2, "c")),
                   "poll-skip", "lost-write")

    def test_poll_skip_right_after_an_assignment(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("d", (0, "a"), (1, "b")).assigned("c", t_0=0)
                   .polled("c", (1, "b")), "poll-skip")

    def test_nonmonotonic_poll(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("c", (0, "a"), (1, "b")).polled("c", (1, "b")),
                   "nonmonotonic-poll")

    def test_nonmonotonic_poll_right_after_an_assignment(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("d", (0, "a"), (1, "b")).assigned("c", t_0=1)
                   .polled("c", (0, "a")), "nonmonotonic-poll")

    def test_int_poll_skip(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1), (K, "c", 2)).polled("d", (0, "a"), (1, "b"), (2, "c"))
                   .polled("c", (0, "a"), (2, "c")), "int-poll-skip")

    def test_int_poll_skip_between_two_polls_of_a_transaction(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1), (K, "c", 2)).polled("d", (0, "a"), (1, "b"), (2, "c"))
                   .txn("t", "ok", poll((0, "a")), poll((2, "c"))), "int-poll-skip")

    def test_int_nonmonotonic_poll(self):
        self.finds(Planted().sent("p", (K, "a", 0), (K, "b", 1)).polled("d", (0, "a"), (1, "b"))
                   .polled("c", (1, "b"), (0, "a")), "int-nonmonotonic-poll")

    def test_nonmonotonic_send(self):
        self.finds(Planted().sent("p", (K, "b", 1)).sent("p", (K, "a", 0)).polled("c", (0, "a"), (1, "b")),
                   "nonmonotonic-send")

    def test_int_nonmonotonic_send(self):
        self.finds(Planted().sent("p", (K, "b", 1), (K, "a", 0)).polled("c", (0, "a"), (1, "b")),
                   "int-nonmonotonic-send")

    def test_int_send_skip_is_counted_and_allowed(self):
        report = self.finds(Planted().invoke("p", ("send", K, "a"), ("send", K, "c")).sent("q", (K, "b", 1))
                            .told("p", "ok", ("send", K, "a", 0), ("send", K, "c", 2), op=1)
                            .polled("c", (0, "a"), (1, "b"), (2, "c")), "int-send-skip")
        self.assertEqual(report.forbidden(), {})

    def two_transactions(self, first, second):
        """Both run at the same time."""
        return (Planted().invoke("p", *first, f="txn").invoke("q", *second, f="txn").commit("p", 1).commit("q", 2)
                .told("p", "ok", *first, op=1).told("q", "ok", *second, op=2))

    def test_g0_is_counted_and_allowed(self):
        planted = self.two_transactions((("send", K, "a", 0), ("send", L, "a", 1)), (("send", K, "b", 1), ("send", L, "b", 0)))
        report = self.finds(planted.polled("c", (0, "a"), (1, "b")).polled("c", (0, "b"), (1, "a"), key=L), "G0")
        self.assertEqual(report.forbidden(), {})

    def test_g0_realtime(self):
        self.finds(Planted().txn("p", "ok", ("send", K, "b", 1)).txn("q", "ok", ("send", K, "a", 0))
                   .polled("c", (0, "a"), (1, "b")), "G0-realtime")

    def test_g0_process(self):
        self.finds(Planted().txn("p", "ok", ("send", K, "b", 2)).txn("p", "ok", ("send", K, "a", 0))
                   .polled("c", (0, "a"), (2, "b")), "G0-process", "nonmonotonic-send")

    def test_g1c(self):
        planted = self.two_transactions((("send", K, "a", 0), poll((0, "b"), key=L)),
                                        (("send", L, "b", 0), poll((0, "a"))))
        report = self.finds(planted, "G1c")
        self.assertEqual(report.forbidden(), {"G1c": 1})
        self.assertEqual(report.examples["G1c"], ["p#1 -> q#2 -> p#1"])

    def test_g1c_that_needs_the_order_of_writes(self):
        """q reads what p wrote to one partition, and in the other q's record lies before p's."""
        planted = self.two_transactions((("send", K, "a", 1), ("send", L, "a", 0)),
                                        (("send", K, "b", 0), poll((0, "a"), key=L)))
        planted.polled("c", (0, "b"), (1, "a"))
        self.finds(planted, "G1c", ww_edges=True)
        self.finds(planted)

    def read_of_the_future(self, second):
        """p, all the time: reads b and writes a. q reads a; after that, the process `second` writes b."""
        read_and_write = (poll((0, "b"), key=L), ("send", K, "a", 0))
        return (Planted().invoke("p", *read_and_write, f="txn", op=9).commit("p", op=9).txn("q", "ok", poll((0, "a")))
                .txn(second, "ok", ("send", L, "b", 0)).told("p", "ok", *read_and_write, op=9))

    def test_g1c_process(self):
        self.finds(self.read_of_the_future("q"), "G1c-process")

    def test_g1c_realtime(self):
        self.finds(self.read_of_the_future("r"), "G1c-realtime")

    def test_worst_realtime_lag(self):
        planted = Planted().assigned("c", t_0=0).sent("p", (K, "a", 0), (K, "b", 1)).polled("c", (0, "a"))
        acked = planted.events[2]["time"]
        planted.now += 30
        planted.polled("c")
        asked = planted.events[-1]["began"]
        report = self.finds(planted.polled("c", (1, "b")))
        self.assertAlmostEqual(report.worst_realtime_lag, asked - acked, places=3)

    def test_a_read_need_not_keep_up(self):
        planted = Planted().sent("p", (K, "a", 0), (K, "b", 1))
        planted.now += 30
        planted.assigned("final", t_0=0).polled("final", (0, "a"), f="read").polled("final", (1, "b"), f="read")
        self.assertEqual(self.finds(planted).worst_realtime_lag, 0)

    # Records that are taken from one topic to another.

    def taking(self, *copies, read=("a", "b")):
        """A transaction writes a and b, others copy; the end is read."""
        planted = Planted().txn("p", "ok", ("send", K, "a", 0), ("send", K, "b", 1))
        for outcome, offset, value in copies:
            planted.txn("t", outcome, poll((0, "a"), (1, "b")), ("send", "u/0", value, offset)).assigned("t")
        planted.polled("final", *((place, value) for place, value in enumerate(("a", "b")) if value in read), f="read")
        return planted.polled("final-copies", *((offset, value) for outcome, offset, value in copies if outcome == "ok"),
                              key="u/0", f="read")

    def finds_copies(self, planted, *anomalies):
        ops = history.ops_of(planted.events)
        report = checker.check_copies(ops, "t", "u", checker.check(ops))
        self.assertEqual(sorted(report.counts), sorted(anomalies), "\n".join(report.lines()))
        return report

    def test_each_record_is_copied_once(self):
        self.finds_copies(self.taking(("ok", 0, "a#t.1"), ("fail", 2, "b#t.2"), ("ok", 4, "b#t.3")))

    def test_copied_twice(self):
        """As after a transaction whose records were kept and whose offsets were not."""
        report = self.finds_copies(self.taking(("ok", 0, "a#t.1"), ("ok", 2, "b#t.2"), ("ok", 4, "a#t.3")), "copied-twice")
        self.assertEqual(report.forbidden(), {"copied-twice": 1})

    def test_not_copied(self):
        """As after a transaction whose offsets were kept and whose records were not."""
        self.finds_copies(self.taking(("ok", 0, "a#t.1")), "not-copied")

    def test_copied_from_nothing(self):
        """As after a copier that read what was aborted."""
        self.finds_copies(self.taking(("ok", 0, "a#t.1"), ("ok", 2, "b#t.2"), ("ok", 4, "ghost#t.3")), "copied-from-nothing")

    def test_a_copy_of_an_aborted_transaction_is_read(self):
        planted = self.taking(("ok", 0, "a#t.1"), ("fail", 2, "b#t.2"), ("ok", 4, "b#t.3"))
        self.finds_copies(planted.polled("d", (2, "b#t.2"), key="u/0"), "G1a", "int-poll-skip")

    def test_half_of_a_transaction_is_there(self):
        """Atomicity: what one partition got is read, what the other got is not."""
        planted = (Planted().invoke("p", ("send", K, "a"), ("send", L, "a"), f="txn").commit("p")
                   .told("p", "info", ("send", K, "a", 0), ("send", L, "a", 0)).sent("q", (L, "z", 2)))
        self.finds(planted.polled("c", (0, "a")).polled("c", (2, "z"), key=L), "lost-write")

    # What is allowed where.

    def test_a_topic_may_allow_more(self):
        report = Planted().sent("p", (K, "a", 0)).sent("p", ("u/0", "b", 0)).report()
        self.assertEqual(report.forbidden({"u": ["unseen"]}), {"unseen": 1})
        self.assertEqual(report.forbidden({"u": ["unseen"], "t": ["unseen"]}), {})

    # Files.

    def test_history_of_files(self):
        with tempfile.TemporaryDirectory() as folder:
            producer = history.Writer(folder + "/p", "p")
            consumer = history.Writer(folder + "/c", "c")
            consumer.assign({K: 0})
            op = producer.invoke("send", [["send", K, "a"], ["send", K, "b"]])
            producer.complete(op, "ok", [["send", K, "a", 0], ["send", K, "b", 1]])
            consumer.poll(0, {K: [[0, "a"], [1, "b"]]})
            producer.invoke("send", [["send", K, "c"]])
            for writer in (producer, consumer):
                writer.close()
            with open(folder + "/c", "a", encoding="utf-8") as file:
                file.write('{"type":"ok","process":"c","op":2,"ti')  # killed while it wrote
            report = checker.check_files([folder + "/p", folder + "/c"])
            self.assertEqual(dict(report.counts), {})
            with contextlib.redirect_stdout(io.StringIO()) as out:
                self.assertEqual(checker.main([folder + "/p"]), 1)
                self.assertEqual(checker.main([folder + "/p", "--topic-allows", "t=unseen,lost-write"]), 0)
            self.assertIn("unseen: 2\n  t/0: a of p, acknowledged at 0", out.getvalue())


if __name__ == "__main__":
    unittest.main()
