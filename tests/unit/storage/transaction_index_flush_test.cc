// The transaction index on disk: what read_committed leaves out is known after a loss of power, and what was
// cut is forgotten.
#include "log_fixture.h"
#include "record/control.h"

namespace moldau::storage::testing {
namespace {

class TransactionIndexFile : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(node.open()); }
  void commit(const Slice& batch) { ASSERT_TRUE(node.commit(batch)); }
  void send(Sequence sequence) {
    commit(make_batch(
        {.records = 1, .producer = {.id = 3, .epoch = 0, .sequence = sequence, .transactional = true}}));
  }
  void end(bool committed) {
    const auto info = node.log->append_as_leader(
        record::end_transaction_batch(
            {.committed = committed, .producer_id = 3, .producer_epoch = 0, .timestamp = 1000}, 0),
        {.now_ms = node.now, .origin = AppendOrigin::coordinator});
    ASSERT_TRUE(info);
    ASSERT_TRUE(world.run(node.log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1)));
  }
  void flush() { ASSERT_TRUE(world.run(node.log->flush())); }
  std::vector<AbortedProducer> aborted() {
    const auto found = world.run(node.log->aborted_transactions(0, node.log->end_offset().value()));
    EXPECT_TRUE(found);
    return found ? *found : std::vector<AbortedProducer>();
  }
  // Without what is not synced.
  std::size_t durable_bytes(Offset base) {
    const auto bytes = world.drive().durable_contents(file_path(kLogFolder, base, kTransactionIndexSuffix));
    return bytes ? bytes->size() : 0;
  }

  simulation::World world{31};
  LogHarness node{world};
};

TEST_F(TransactionIndexFile, IsSyncedWithItsSegmentAlsoWhenItWasWrittenBefore) {
  send(0);
  end(false);
  flush();
  ASSERT_TRUE(node.log->roll(node.now));
  commit(make_batch({}));
  flush();
  EXPECT_EQ(durable_bytes(0), kTransactionIndexEntrySize);
  ASSERT_TRUE(node.crash(true));
  EXPECT_EQ(aborted(), (std::vector<AbortedProducer>{{3, 0}}));
}

TEST_F(TransactionIndexFile, IsSyncedWhenTheLogIsClosed) {
  send(0);
  end(false);
  flush();
  ASSERT_TRUE(node.close());
  EXPECT_EQ(durable_bytes(0), kTransactionIndexEntrySize);
}

TEST_F(TransactionIndexFile, KeepsWhatLiesBelowACutInASegmentThatNobodyHasReadYet) {
  send(0);
  end(false);
  for (int i = 0; i < 3; ++i) commit(make_batch({}));
  ASSERT_TRUE(node.log->roll(node.now));
  commit(make_batch({}));
  flush();
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  ASSERT_TRUE(world.run(node.log->truncate_to(4)));
  EXPECT_EQ(aborted(), (std::vector<AbortedProducer>{{3, 0}}));
  ASSERT_TRUE(node.close());
  ASSERT_TRUE(node.open());
  EXPECT_EQ(aborted(), (std::vector<AbortedProducer>{{3, 0}}));
}

TEST_F(TransactionIndexFile, ForgetsWhatWasCut) {
  Sequence sequence = 0;
  for (const bool closes : {false, true}) {
    const Offset start = node.log->end_offset().value();
    send(sequence);
    end(false);
    flush();
    ASSERT_EQ(aborted().size(), 1u);
    ASSERT_TRUE(world.run(node.log->truncate_to(start)));
    send(sequence++);
    send(sequence++);
    end(true);
    if (!closes) ASSERT_TRUE(node.log->roll(node.now));
    flush();
    if (closes) ASSERT_TRUE(node.close());
    ASSERT_TRUE(closes ? node.open() : node.crash(false));
    EXPECT_EQ(aborted(), std::vector<AbortedProducer>());
    ASSERT_TRUE(node.log->roll(node.now));
  }
}

}  // namespace
}  // namespace moldau::storage::testing
