// What readers of committed records are given, beside a model: the last stable offset, the list of aborted
// transactions, and what is left once it is applied (reliability.md, TX-08, TX-09, TX-10, TX-12).
#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "log_fixture.h"
#include "record/control.h"

namespace moldau::storage::testing {
namespace {

constexpr ProducerId kPlain = -1;  // no transaction

// One record or marker; its place is its offset.
struct Entry {
  enum class Kind : std::uint8_t { data, commit, abort } kind = Kind::data;
  ProducerId producer = kPlain;
  int number = 0;
};

class Model {
 public:
  struct Transaction {
    ProducerId producer;
    Offset first;
    Offset marker;  // kOpen: none yet
    bool aborted;
  };
  static constexpr Offset kOpen = std::numeric_limits<Offset>::max();

  void add(Entry entry) { entries_.push_back(entry); }
  void cut(Offset offset) { entries_.resize(static_cast<std::size_t>(offset)); }
  Offset end() const { return static_cast<Offset>(entries_.size()); }
  Sequence next_sequence(ProducerId producer) const {
    return static_cast<Sequence>(std::ranges::count_if(entries_, [&](const Entry& one) {
      return one.producer == producer && one.kind == Entry::Kind::data;
    }));
  }
  bool has_open(ProducerId producer) const {
    return std::ranges::any_of(transactions(), [&](const Transaction& one) {
      return one.producer == producer && one.marker == kOpen;
    });
  }

  // A transaction is over once its marker is below the high watermark; or, for whoever knows it from the log
  // alone, once it has one.
  Offset last_stable(Offset high_watermark, bool from_the_log = false) const {
    Offset stable = high_watermark;
    for (const Transaction& one : transactions())
      if (one.marker >= (from_the_log ? kOpen : high_watermark)) stable = std::min(stable, one.first);
    return stable;
  }
  std::vector<AbortedProducer> aborted(Offset first, Offset end) const {
    std::vector<AbortedProducer> found;
    for (const Transaction& one : transactions())
      if (one.aborted && one.marker >= first && one.first < end) found.push_back({one.producer, one.first});
    std::ranges::sort(found, {}, &AbortedProducer::first_offset);
    return found;
  }
  // Values of committed records in [first, end). REQUIRES: nothing in there is open.
  std::vector<int> committed(Offset first, Offset end) const {
    const auto all = transactions();
    std::vector<int> values;
    for (Offset at = first; at < end; ++at) {
      const Entry& entry = entries_[static_cast<std::size_t>(at)];
      const bool aborted = std::ranges::any_of(all, [&](const Transaction& one) {
        return one.producer == entry.producer && one.aborted && one.first <= at && at < one.marker;
      });
      if (entry.kind == Entry::Kind::data && !aborted) values.push_back(entry.number);
    }
    return values;
  }

 private:
  std::vector<Transaction> transactions() const {
    std::vector<Transaction> all;
    std::map<ProducerId, std::size_t> open;
    for (Offset at = 0; at < end(); ++at) {
      const Entry& entry = entries_[static_cast<std::size_t>(at)];
      if (entry.producer == kPlain) continue;
      const auto begun = open.find(entry.producer);
      if (entry.kind != Entry::Kind::data) {
        if (begun == open.end()) continue;  // of a transaction without a record here
        all[begun->second].marker = at;
        all[begun->second].aborted = entry.kind == Entry::Kind::abort;
        open.erase(begun);
      } else if (begun == open.end()) {
        open.emplace(entry.producer, all.size());
        all.push_back({entry.producer, at, kOpen, false});
      }
    }
    return all;
  }

  std::vector<Entry> entries_;
};

class TransactionRows {
 public:
  explicit TransactionRows(std::uint64_t seed) : world(seed), random(seed) {
    node.config.segment_bytes = 900;  // a handful of batches
    node.config.index_interval_bytes = 200;
    node.config.retention_ms = -1;
  }

  void data(ProducerId producer, LeaderEpoch epoch = 0) {
    const int number = next_number++;
    BatchSpec spec{.value_size = 60};
    if (producer != kPlain) spec.producer = {producer, 0, model.next_sequence(producer), true};
    const auto info = node.commit(make_batch(spec, number), epoch);
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_EQ(info->first_offset, model.end());
    ASSERT_FALSE(info->duplicate);
    tell(" " + (producer == kPlain ? "plain" : "data " + std::to_string(producer)));
    model.add({Entry::Kind::data, producer, number});
  }
  void end(ProducerId producer, bool committed) {
    const Slice marker = record::end_transaction_batch(
        {.committed = committed, .producer_id = producer, .producer_epoch = 0, .timestamp = 5}, 0);
    const auto info = node.log->append_as_leader(marker, {.now_ms = 5, .origin = AppendOrigin::coordinator});
    ASSERT_TRUE(info) << info.error().message;
    ASSERT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1)));
    tell((committed ? " commit " : " abort ") + std::to_string(producer));
    model.add({committed ? Entry::Kind::commit : Entry::Kind::abort, producer, 0});
  }
  void truncate(Offset offset) {
    const Status status = world.run(node.log->truncate_to(offset));
    ASSERT_TRUE(status) << status.error().message;
    tell("truncate to " + std::to_string(offset));
    read_anew = true;
    model.cut(offset);
    high_watermark = std::min(high_watermark, offset);
  }
  void reopen(bool power) {
    const Status status = node.crash(power);
    tell(power ? "loss of power" : "kill");
    read_anew = true;
    ASSERT_TRUE(status) << status.error().message;
    ASSERT_EQ(node.log->end_offset().value(), model.end());
  }
  void advance(Offset to) { high_watermark = std::max(high_watermark, std::min(to, model.end())); }

  // As a consumer of isolation level read_committed reads from here (KIP-98).
  std::vector<int> consume(Offset from, Offset stable) {
    std::vector<int> values;
    const auto read = node.read(from, 1 << 20, stable);
    EXPECT_TRUE(read) << (read ? "" : read.error().message);
    if (!read || read->batches.empty()) return values;
    auto listed = world.run(node.log->aborted_transactions(from, read->next_offset));
    EXPECT_TRUE(listed) << (listed ? "" : listed.error().message);
    if (!listed) return values;
    std::set<ProducerId> aborted;
    auto next = listed->begin();
    for (const Slice& bytes : read->batches) {
      record::BatchReader reader(bytes);
      for (record::BatchView batch; *reader.next(batch);) {
        for (; next != listed->end() && next->first_offset <= batch.last_offset(); ++next)
          aborted.insert(next->producer_id);
        if (batch.is_control()) {
          aborted.erase(batch.producer_id());
        } else if (!batch.is_transactional() || !aborted.contains(batch.producer_id())) {
          record::RecordReader records(batch, batch.records());
          for (record::RecordView record; *records.next(record);)
            if (record.offset >= from) values.push_back(std::stoi(std::string(as_text(*record.value))));
        }
      }
    }
    return values;
  }
  void check() {
    // A snapshot does not tell of markers that the high watermark has not reached, as with Kafka: what they
    // decided is decided.
    const Offset stable = node.log->last_stable_offset(high_watermark);
    ASSERT_GE(stable, model.last_stable(high_watermark)) << story;
    ASSERT_LE(stable, model.last_stable(high_watermark, read_anew)) << story;
    const Offset first = static_cast<Offset>(random.below(static_cast<std::uint64_t>(stable) + 1));
    if (first == stable) return;
    const Offset end =
        first + 1 + static_cast<Offset>(random.below(static_cast<std::uint64_t>(stable - first)));
    const auto listed = world.run(node.log->aborted_transactions(first, end));
    ASSERT_TRUE(listed) << listed.error().message;
    ASSERT_EQ(*listed, model.aborted(first, end)) << "from " << first << " to " << end;
    ASSERT_EQ(consume(first, stable), model.committed(first, stable)) << "from " << first << " to " << stable;
  }

  void tell(const std::string& what) { story += "\n" + std::to_string(model.end()) + ": " + what; }

  simulation::World world;
  LogHarness node{world};
  std::string story;
  bool read_anew = false;  // producers are known from snapshots, since a truncation or a start
  Random random;
  Model model;
  Offset high_watermark = 0;
  int next_number = 0;
};

// Producers begin, end and mix with each other and with plain records, over many segments.
void play(TransactionRows& rows, int steps, bool disturbed) {
  for (int step = 0; step < steps; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    const ProducerId producer = 1 + static_cast<ProducerId>(rows.random.below(4));
    switch (rows.random.below(disturbed ? 12 : 10)) {
      case 0:
      case 1:
        ASSERT_NO_FATAL_FAILURE(rows.data(kPlain));
        break;
      case 2:
      case 3:
        ASSERT_NO_FATAL_FAILURE(rows.end(producer, rows.random.below(2) == 0));
        break;
      case 4:
        rows.advance(rows.model.end());
        break;
      case 5:
        rows.advance(
            static_cast<Offset>(rows.random.below(static_cast<std::uint64_t>(rows.model.end()) + 1)));
        break;
      case 10:
        ASSERT_NO_FATAL_FAILURE(rows.truncate(
            static_cast<Offset>(rows.random.below(static_cast<std::uint64_t>(rows.model.end()) + 1))));
        break;
      case 11:
        ASSERT_NO_FATAL_FAILURE(rows.reopen(rows.random.below(2) == 0));
        break;
      default:
        ASSERT_NO_FATAL_FAILURE(rows.data(producer));
    }
    ASSERT_NO_FATAL_FAILURE(rows.check());
  }
}

TEST(TX08, ReadersOfCommittedRecordsNeverSeeOpenOrAbortedOnes) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TransactionRows rows(seed);
    ASSERT_TRUE(rows.node.open());
    ASSERT_NO_FATAL_FAILURE(play(rows, 80, false));
  }
}

TEST(TX08, NeitherAfterTruncationsAndCrashes) {
  for (std::uint64_t seed = 101; seed <= 130; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TransactionRows rows(seed);
    ASSERT_TRUE(rows.node.open());
    ASSERT_NO_FATAL_FAILURE(play(rows, 80, true));
  }
}

// The marker is where the last stable offset moves: one below it is still open, and its record is not the one
// that an aborted list of one offset less would miss.
TEST(TX08, TheStableEndMovesWithTheMarkerAndNotBefore) {
  TransactionRows rows(5);
  ASSERT_TRUE(rows.node.open());
  rows.data(kPlain);
  rows.data(1);
  rows.end(1, false);
  rows.data(kPlain);
  const std::vector<std::pair<Offset, Offset>> expected{{1, 1}, {2, 1}, {3, 3}, {4, 4}};
  for (const auto& [high_watermark, stable] : expected)
    EXPECT_EQ(rows.node.log->last_stable_offset(high_watermark), stable) << high_watermark;
  EXPECT_EQ(rows.consume(0, 4), (std::vector<int>{0, 2}));
  EXPECT_EQ(rows.consume(1, 4), (std::vector<int>{2}));
}

TEST(TX09, ATruncationForgetsWhatItCutOfTransactions) {
  TransactionRows rows(6);
  ASSERT_TRUE(rows.node.open());
  rows.data(kPlain);
  rows.data(1);  // offset 1
  rows.data(kPlain);
  EXPECT_EQ(rows.node.log->last_stable_offset(3), 1);
  // Its first record is cut: nothing is open any more, and the end moves on.
  ASSERT_NO_FATAL_FAILURE(rows.truncate(1));
  EXPECT_EQ(rows.node.log->last_stable_offset(1), 1);
  rows.data(kPlain);
  EXPECT_EQ(rows.node.log->last_stable_offset(2), 2) << "it does not stay at the first unstable of before";
  // Its marker alone is cut: it is open again.
  rows.data(1);  // 2
  rows.end(1, false);
  EXPECT_EQ(rows.node.log->last_stable_offset(4), 4);
  ASSERT_NO_FATAL_FAILURE(rows.truncate(3));
  rows.data(kPlain);
  EXPECT_EQ(rows.node.log->last_stable_offset(4), 2);
  const auto aborted = rows.world.run(rows.node.log->aborted_transactions(0, 4));
  ASSERT_TRUE(aborted);
  EXPECT_TRUE(aborted->empty()) << "the abort was cut with its marker";
  rows.end(1, true);
  EXPECT_EQ(rows.consume(0, rows.node.log->last_stable_offset(5)), rows.model.committed(0, 5));
}

TEST(TX10, TheAbortedAreNamedWhereTheLogBeginsWithinTheirTransaction) {
  TransactionRows rows(7);
  ASSERT_TRUE(rows.node.open());
  for (int i = 0; i < 12; ++i) ASSERT_NO_FATAL_FAILURE(rows.data(1));  // several segments
  rows.data(2);                                                        // 12
  rows.end(1, false);                                                  // 13
  for (int i = 0; i < 12; ++i) ASSERT_NO_FATAL_FAILURE(rows.data(kPlain));
  rows.end(2, false);           // 26
  rows.data(2);                 // 27
  rows.end(2, true);            // 28
  constexpr Offset kStart = 8;  // in the second segment, and in the first transaction
  const Offset end = rows.model.end();
  rows.advance(end);
  ASSERT_GT(rows.node.log->segment_count(), 4u);
  ASSERT_TRUE(rows.node.log->set_log_start_offset(kStart));
  ASSERT_TRUE(rows.world.run(rows.node.log->flush()));
  const auto dropped = rows.world.run(rows.node.log->run_retention(rows.node.now, end));
  ASSERT_TRUE(dropped);
  EXPECT_GT(*dropped, 0u);
  for (int round = 0; round < 2; ++round) {
    SCOPED_TRACE(round);
    for (Offset from = kStart; from < end; ++from) {
      EXPECT_EQ(rows.consume(from, end), rows.model.committed(from, end)) << from;
      const auto listed = rows.world.run(rows.node.log->aborted_transactions(from, end));
      ASSERT_TRUE(listed);
      EXPECT_EQ(*listed, rows.model.aborted(from, end)) << from;
    }
    rows.node.log_start = kStart;
    ASSERT_NO_FATAL_FAILURE(rows.reopen(false));
  }
}

// A producer's next epoch begins at sequence 0 again: what the epoch before had aborted is no copy of it.
TEST(TX12, SequencesOfAnAbortedTransactionAreNoDuplicatesInTheNextEpoch) {
  TransactionRows rows(8);
  ASSERT_TRUE(rows.node.open());
  const auto append = [&](ProducerEpoch epoch, Sequence sequence, int number) {
    return rows.node.commit(make_batch({.producer = {1, epoch, sequence, true}}, number));
  };
  ASSERT_TRUE(append(0, 0, 1));
  ASSERT_TRUE(append(0, 1, 2));
  rows.end(1, false);
  const auto anew = append(1, 0, 3);
  ASSERT_TRUE(anew) << anew.error().message;
  EXPECT_FALSE(anew->duplicate);
  EXPECT_EQ(anew->first_offset, 3);
  const auto again = append(1, 0, 3);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->first_offset, 3);
  ASSERT_TRUE(rows.node.crash(true));
  const auto next = append(1, 1, 4);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->first_offset, 4);
  EXPECT_FALSE(append(0, 2, 5)) << "the epoch before is over";
}

// The answer to a repeated batch is the first one's, whatever happened since: for the last five of a producer
// as long as its log is read, for the last one at least where it is known from a snapshot alone, which is
// Kafka's form of it. No batch is ever there twice.
TEST(TX01, ARetryIsAnsweredWithItsFirstOffset) {
  TransactionRows rows(9);
  ASSERT_TRUE(rows.node.open());
  const auto append = [&](Sequence sequence) {
    return rows.node.commit(make_batch({.producer = {1, 0, sequence, false}}, sequence));
  };
  for (Sequence sequence = 0; sequence < 8; ++sequence) ASSERT_TRUE(append(sequence));
  const auto repeat = [&](Sequence last, Sequence known) {
    for (Sequence sequence = last - 4; sequence <= last; ++sequence) {
      SCOPED_TRACE(sequence);
      const auto again = append(sequence);
      EXPECT_TRUE(again || sequence <= last - known) << again.error().message;
      if (again) EXPECT_TRUE(again->duplicate);
      if (again) EXPECT_EQ(again->first_offset, sequence);
    }
    EXPECT_EQ(rows.node.log->end_offset().value(), last + 1) << "there is one copy of each";
  };
  repeat(7, 5);
  for (const bool power : {false, true}) {
    SCOPED_TRACE(power ? "after a loss of power" : "after a kill");
    ASSERT_TRUE(rows.node.crash(power));
    repeat(7, 5);
  }
  ASSERT_TRUE(rows.node.close());
  ASSERT_TRUE(rows.node.open());
  repeat(7, 1);
  // A truncation takes those that it cut; what is left is known still.
  ASSERT_TRUE(rows.world.run(rows.node.log->truncate_to(6)));
  repeat(5, 1);
  const auto anew = append(6);
  ASSERT_TRUE(anew) << anew.error().message;
  EXPECT_FALSE(anew->duplicate) << "it was cut";
  EXPECT_EQ(anew->first_offset, 6);
}

}  // namespace
}  // namespace moldau::storage::testing
