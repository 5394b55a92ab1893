#include "replication/refused_batches.h"

#include <gtest/gtest.h>

#include "record/builder.h"

namespace moldau::replication {
namespace {

using namespace std::chrono_literals;
using wire::ErrorCode;

constexpr runtime::MonotonicTime kNow{1h};
constexpr ProducerId kProducer = 7;

class Batch {
 public:
  explicit Batch(Sequence sequence, ProducerEpoch epoch = 0, ProducerId id = kProducer, int records = 1) {
    record::BatchBuilder builder(
        {.producer_id = id, .producer_epoch = epoch, .base_sequence = sequence, .compression = {}}, 512);
    for (int i = 0; i < records; ++i) builder.append(1000, std::nullopt, as_bytes(std::string_view("v")));
    record::Codecs codecs;
    bytes_ = *std::move(builder).build(codecs);
  }
  record::HeaderView header() const { return *record::HeaderView::at(bytes_); }

 private:
  Slice bytes_;
};

class Refused : public testing::Test {
 protected:
  void note(const Batch& batch, ErrorCode code = ErrorCode::not_enough_replicas, runtime::Duration after = 0s,
            std::optional<Sequence> expected = std::nullopt) {
    refused.note(batch.header(), code, expected, kNow + after);
  }
  std::optional<ErrorCode> answer(const Batch& batch, runtime::Duration after = 0s,
                                  std::optional<Sequence> expected = std::nullopt) const {
    return refused.answer_to(batch.header(), expected, kNow + after);
  }

  RefusedBatches refused;
};

TEST_F(Refused, WhatIsBehindGetsTheSameAnswerUntilTheFirstIsThere) {
  note(Batch(10, 0, kProducer, 2), ErrorCode::kafka_storage_error);
  EXPECT_EQ(answer(Batch(12)), ErrorCode::kafka_storage_error);
  EXPECT_EQ(answer(Batch(13)), ErrorCode::kafka_storage_error);
  EXPECT_EQ(answer(Batch(10)), std::nullopt);  // it may try
  refused.forget(Batch(10, 0, kProducer, 2).header());
  EXPECT_EQ(answer(Batch(12)), std::nullopt);
  EXPECT_EQ(refused.size(), 0U);
}

TEST_F(Refused, WhatHasComeByAnotherLeaderIsNotMissing) {
  note(Batch(10), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(answer(Batch(12), 0s, 10), ErrorCode::not_leader_or_follower);
  EXPECT_EQ(answer(Batch(12), 0s, 12), std::nullopt);
  EXPECT_EQ(answer(Batch(12), 0s, 8), std::nullopt);  // then it is out of sequence anyhow
}

TEST_F(Refused, WhatWasRefusedLongAgoHidesNoLaterRefusal) {
  note(Batch(10), ErrorCode::not_leader_or_follower);
  // All up to 20 has come by another leader, of which this one may have heard a part.
  note(Batch(20), ErrorCode::not_leader_or_follower, 1s, 15);
  EXPECT_EQ(answer(Batch(21), 2s, 20), ErrorCode::not_leader_or_follower);
}

TEST_F(Refused, AnEarlierOneThatIsStillMissingStays) {
  note(Batch(10), ErrorCode::not_leader_or_follower);
  note(Batch(11), ErrorCode::not_leader_or_follower, 1s, 8);
  EXPECT_EQ(answer(Batch(11), 2s, 10), ErrorCode::not_leader_or_follower);
  note(Batch(11), ErrorCode::not_leader_or_follower, 1s, 10);
  EXPECT_EQ(answer(Batch(11), 2s, 10), ErrorCode::not_leader_or_follower);
}

TEST_F(Refused, WhatIsBeforeIsNotHeldUp) {
  note(Batch(10));
  EXPECT_EQ(answer(Batch(8)), std::nullopt);  // sent again, and there already
  refused.forget(Batch(8).header());
  EXPECT_EQ(answer(Batch(11)), ErrorCode::not_enough_replicas);
}

TEST_F(Refused, ALaterRefusalDoesNotHideAnEarlierOne) {
  note(Batch(10));
  note(Batch(11));
  EXPECT_EQ(answer(Batch(11)), ErrorCode::not_enough_replicas);
  note(Batch(9));
  EXPECT_EQ(answer(Batch(10)), ErrorCode::not_enough_replicas);
}

TEST_F(Refused, AnotherBatchAtTheSamePlaceMayTry) {
  note(Batch(10, 0, kProducer, 2));
  EXPECT_EQ(answer(Batch(10)), std::nullopt);  // the producer has given up the first and counted again
  refused.forget(Batch(10).header());
  EXPECT_EQ(answer(Batch(11)), std::nullopt);
}

TEST_F(Refused, ANewEpochBeginsAnew) {
  note(Batch(10));
  EXPECT_EQ(answer(Batch(0, 1)), std::nullopt);
  EXPECT_EQ(answer(Batch(11, 1)), std::nullopt);
  refused.forget(Batch(0, 1).header());
  EXPECT_EQ(answer(Batch(11, 0)), std::nullopt);
}

TEST_F(Refused, OthersAreNotConcerned) {
  note(Batch(10));
  EXPECT_EQ(answer(Batch(11, 0, 8)), std::nullopt);
  EXPECT_EQ(answer(Batch(kNoSequence, kNoProducerEpoch, kNoProducerId)), std::nullopt);
  note(Batch(kNoSequence, kNoProducerEpoch, kNoProducerId));
  EXPECT_EQ(refused.size(), 1U);
}

TEST_F(Refused, SequencesBeginAgainBehindTheLargest) {
  constexpr Sequence kLast = std::numeric_limits<Sequence>::max();
  note(Batch(kLast));
  EXPECT_EQ(answer(Batch(0)), ErrorCode::not_enough_replicas);
  EXPECT_EQ(answer(Batch(kLast - 1)), std::nullopt);
  refused.forget(Batch(kLast).header());
  EXPECT_EQ(answer(Batch(0)), std::nullopt);
}

TEST_F(Refused, WhoDoesNotComeAgainIsForgotten) {
  note(Batch(10));
  EXPECT_EQ(answer(Batch(11), RefusedBatches::kRemembered), ErrorCode::not_enough_replicas);
  EXPECT_EQ(answer(Batch(11), RefusedBatches::kRemembered + 1ms), std::nullopt);
  note(Batch(12), ErrorCode::kafka_storage_error, RefusedBatches::kRemembered + 1ms);
  EXPECT_EQ(answer(Batch(13), RefusedBatches::kRemembered + 2ms), ErrorCode::kafka_storage_error);
}

TEST_F(Refused, ProducersAreBounded) {
  for (ProducerId id = 0; id < static_cast<ProducerId>(3 * RefusedBatches::kMostProducers); ++id)
    note(Batch(1, 0, id));
  EXPECT_LE(refused.size(), RefusedBatches::kMostProducers);
}

}  // namespace
}  // namespace moldau::replication
