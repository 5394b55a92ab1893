// Planted histories: the ledger finds each kind of loss, and nothing in a clean one.
#include "simulation/ledger.h"

#include <gtest/gtest.h>

#include "record/builder.h"
#include "record/codec.h"

namespace moldau::simulation {
namespace {

constexpr TimestampMs kNow = 1'700'000'000'000;

class LedgerTest : public testing::Test {
 protected:
  LedgerTest() {
    for (std::uint64_t i = 1; i <= 2; ++i) {
      TopicModel topic;
      topic.id = {1, i};
      topic.name = "topic-" + std::to_string(i);
      topic.partitions = topic.max_partitions = 1;
      ledger.on_topic_created(std::move(topic));
    }
  }

  // Records of one batch, as a client is about to send them.
  RecordId send(std::int32_t count, ProducerId producer = kNoProducerId, Sequence sequence = kNoSequence) {
    RecordId first = 0;
    for (std::int32_t i = 0; i < count; ++i) {
      SentRecord record{key,
                        producer,
                        static_cast<ProducerEpoch>(producer < 0 ? -1 : 0),
                        sequence < 0 ? kNoSequence : sequence + i,
                        kNow,
                        20};
      const RecordId id = ledger.add_sent(record);
      if (i == 0) first = id;
    }
    return first;
  }
  Slice batch(Offset base, RecordId first, std::int32_t count, LeaderEpoch epoch = 0,
              ProducerId producer = kNoProducerId, Sequence sequence = kNoSequence) {
    record::BatchFields fields;
    fields.base_offset = base;
    fields.partition_leader_epoch = epoch;
    fields.producer_id = producer;
    fields.producer_epoch = static_cast<ProducerEpoch>(producer < 0 ? -1 : 0);
    fields.base_sequence = sequence;
    record::BatchBuilder builder(fields);
    for (std::int32_t i = 0; i < count; ++i)
      builder.append(kNow, std::nullopt, ByteView(value_of(first + static_cast<RecordId>(i), 20)));
    return std::move(builder).build(codecs).value();
  }
  void commit(const Slice& bytes, const std::string& who = "node 1") {
    const auto view = record::BatchView::at(bytes).value();
    ledger.on_high_watermark(key, view.next_offset(), 0, true);
    ledger.on_committed(key, view, who);
  }
  bool found(std::string_view what) const { return ledger.problem().find(what) != std::string::npos; }

  World world{1};
  Ledger ledger{world};
  record::Codecs codecs;
  TopicIdPartition key{{1, 1}, 0};
};

TEST_F(LedgerTest, ACleanHistoryPasses) {
  const RecordId first = send(3, 7, 0);
  const Slice bytes = batch(0, first, 3, 0, 7, 0);
  commit(bytes, "node 1");
  commit(bytes, "node 2");
  ledger.on_acked(key, 0, first, 3, true, 0);
  EXPECT_EQ(ledger.on_fetched(key, 0, 3, 0, bytes), 3);
  ledger.on_latest(key, 3, 0);
  ledger.check_promises();
  EXPECT_TRUE(ledger.passed()) << ledger.problem();
  EXPECT_EQ(ledger.acked_records(), 3U);
  EXPECT_EQ(ledger.shown_records(), 3U);
}

TEST_F(LedgerTest, TwoReplicasThatDiffer) {
  const RecordId one = send(1), other = send(1);
  commit(batch(0, one, 1), "node 1");
  commit(batch(0, other, 1, 1), "node 2");
  EXPECT_TRUE(found("was committed")) << ledger.problem();
}

TEST_F(LedgerTest, AnAcknowledgedRecordThatIsOverwritten) {
  const RecordId lost = send(1), other = send(1);
  ledger.on_high_watermark(key, 1, 0, true);
  ledger.on_acked(key, 0, lost, 1, true, 0);
  EXPECT_TRUE(ledger.passed());
  commit(batch(0, other, 1));
  EXPECT_TRUE(found("was acknowledged, but record")) << ledger.problem();
}

TEST_F(LedgerTest, AnAcknowledgedRecordThatNobodyHas) {
  const RecordId lost = send(1);
  ledger.on_high_watermark(key, 1, 0, true);
  ledger.on_acked(key, 0, lost, 1, true, 0);
  ledger.check_promises();
  EXPECT_TRUE(found("nobody has it")) << ledger.problem();
}

TEST_F(LedgerTest, AnAcknowledgementBeforeTheCommit) {
  ledger.on_acked(key, 0, send(1), 1, true, 0);
  EXPECT_TRUE(found("no replica's high watermark")) << ledger.problem();
}

TEST_F(LedgerTest, ARefusedRecordThatShowsUp) {
  const RecordId refused = send(1);
  ledger.on_refused(refused, 1);
  commit(batch(0, refused, 1));
  EXPECT_TRUE(found("was refused")) << ledger.problem();
}

TEST_F(LedgerTest, ARecordTwice) {
  const RecordId id = send(1);
  commit(batch(0, id, 1));
  commit(batch(1, id, 1));
  EXPECT_TRUE(found("is at offset 0 too")) << ledger.problem();
}

TEST_F(LedgerTest, ASequenceThatIsLeftOut) {
  commit(batch(0, send(2, 7, 0), 2, 0, 7, 0));
  commit(batch(2, send(1, 7, 3), 1, 0, 7, 3));
  EXPECT_TRUE(found("where 2 was due")) << ledger.problem();
}

TEST_F(LedgerTest, AGapInTheOffsets) {
  commit(batch(0, send(1), 1));
  commit(batch(5, send(1), 1));
  EXPECT_TRUE(found("leaves a gap")) << ledger.problem();
}

TEST_F(LedgerTest, AnotherTopicsRecord) {
  const RecordId id = send(1);
  key.topic_id = {1, 2};
  commit(batch(0, id, 1));
  EXPECT_TRUE(found("was sent to topic-1-0")) << ledger.problem();
}

TEST_F(LedgerTest, AReadAboveTheHighWatermark) {
  const Slice bytes = batch(0, send(1), 1);
  ledger.on_fetched(key, 0, 0, 0, bytes);
  EXPECT_TRUE(found("is shown, the high watermark is 0")) << ledger.problem();
}

TEST_F(LedgerTest, AHighWatermarkThatNobodyHas) {
  ledger.on_fetched(key, 0, 4, 0, {});
  EXPECT_TRUE(found("is told the high watermark 4")) << ledger.problem();
}

TEST_F(LedgerTest, AnEndThatFalls) {
  commit(batch(0, send(3), 3));
  ledger.on_latest(key, 3, 0);
  ledger.on_latest(key, 2, 3);
  EXPECT_TRUE(found("after it was 3")) << ledger.problem();
}

TEST_F(LedgerTest, RecordsThatNobodyDeleted) {
  commit(batch(0, send(3), 3));
  ledger.on_earliest(key, 2);
  EXPECT_TRUE(found("nobody deleted that far")) << ledger.problem();
}

TEST_F(LedgerTest, DeletedRecordsMayBeMissing) {
  commit(batch(0, send(3), 3));
  ledger.on_delete_records_sent(key, 3);
  ledger.on_earliest(key, 3);
  ledger.on_out_of_range(key, 1);
  EXPECT_TRUE(ledger.passed()) << ledger.problem();
  ledger.on_out_of_range(key, 3);
  EXPECT_TRUE(found("out of range"));
}

TEST_F(LedgerTest, AProducerIdThatIsGivenTwice) {
  ledger.on_producer_id(4);
  ledger.on_producer_id(4);
  EXPECT_TRUE(found("given twice"));
}

TEST_F(LedgerTest, AfterAnUncleanElectionTheReplicasStartOver) {
  const RecordId kept = send(1), lost = send(1), later = send(1);
  commit(batch(0, kept, 1));
  commit(batch(1, lost, 1));
  ledger.on_unclean_election(key);
  commit(batch(1, later, 1, 5));
  ledger.start_over(key, 2);
  commit(batch(0, kept, 1), "node 1");
  commit(batch(1, later, 1, 5), "node 1");
  EXPECT_TRUE(ledger.passed()) << ledger.problem();
  commit(batch(1, lost, 1), "node 2");
  EXPECT_TRUE(found("was committed")) << ledger.problem();
}

}  // namespace
}  // namespace moldau::simulation
