#include "client/consumer.h"

#include "client/fetch_session.h"
#include "fixture.h"
#include "record/control.h"

namespace moldau::client {
namespace {

using wire::ApiKey;
using wire::ErrorCode;
using Kind = FakeBroker::Script::Kind;

class ConsumerTest : public ClientTest {
 protected:
  ConsumerTest() {
    cluster_.add_topic("t", 3);
    client();
  }
  ~ConsumerTest() override {
    if (consumer_) world_.run(consumer_->close());
  }
  ConsumerCore& consumer(ConsumerOptions options = {}) {
    if (!consumer_) consumer_ = std::make_unique<ConsumerCore>(client(), options);
    return *consumer_;
  }

  // Appends one batch with these values to the fake log.
  void append(std::vector<std::string> values, PartitionIndex index = 0, record::BatchFields fields = {},
              TimestampMs timestamp = 1000) {
    FakePartition& partition = cluster_.partition("t", index);
    fields.base_offset = partition.end;
    record::BatchBuilder builder(fields);
    for (const auto& value : values) builder.append(timestamp, std::nullopt, as_bytes(value));
    record::Codecs codecs;
    partition.end += builder.record_count();
    partition.batches.push_back(*std::move(builder).build(codecs));
  }
  void append_marker(bool committed, ProducerId id) {
    FakePartition& partition = cluster_.partition("t", 0);
    partition.batches.push_back(record::end_transaction_batch(
        {.committed = committed, .producer_id = id, .producer_epoch = 0, .timestamp = 1}, 1,
        partition.end++));
  }

  std::vector<std::string> poll(Duration patience = 1s, std::size_t most = 1000) {
    std::vector<std::string> values;
    auto polled = world_.run(consumer().poll(in(patience), most));
    if (!polled) {
      failure_ = polled.error();
      return values;
    }
    for (const FetchedRecords& fetched : *polled) {
      for (const auto& record : fetched.records) values.emplace_back(as_text(*record.value));
    }
    return values;
  }
  std::vector<std::string> poll_all(std::size_t count, std::size_t most = 1000) {
    std::vector<std::string> values;
    for (int tries = 0; tries < 200 && values.size() < count && !failure_; ++tries) {
      for (auto& value : poll(1s, most)) values.push_back(std::move(value));
    }
    return values;
  }

  std::unique_ptr<ConsumerCore> consumer_;
  std::optional<Failure> failure_;
};

using Values = std::vector<std::string>;

TEST_F(ConsumerTest, ReadsFromTheBeginning) {
  append({"a", "b"});
  append({"c"});
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(3), (Values{"a", "b", "c"}));
  EXPECT_EQ(consumer().position("t", 0), 3);
  EXPECT_TRUE(poll().empty());
  EXPECT_TRUE(consumer().at_end("t", 0));
}

// Of each batch, how many records it has here, its epoch and its producer.
using Shares = std::vector<std::tuple<std::size_t, LeaderEpoch, ProducerId, std::int16_t>>;
Shares shares_of(const std::vector<FetchedRecords>& polled) {
  Shares shares;
  for (const FetchedRecords& fetched : polled) {
    std::size_t records = 0;
    for (const FetchedBatch& batch : fetched.batches) {
      shares.emplace_back(batch.records, batch.leader_epoch, batch.producer_id, batch.attributes);
      records += batch.records;
    }
    EXPECT_EQ(records, fetched.records.size());
  }
  return shares;
}

TEST_F(ConsumerTest, EachBatchTellsOfItsRecords) {
  append({"a", "b"}, 0,
         {.partition_leader_epoch = 3, .producer_id = 7, .producer_epoch = 1, .base_sequence = 0});
  append({"c", "d", "e"}, 0, {.partition_leader_epoch = 4});
  consumer().assign("t", 0, StartAt::offset(1));
  const auto polled = world_.run(consumer().poll(in(1s)));
  ASSERT_TRUE(polled);
  EXPECT_EQ(shares_of(*polled), (Shares{{1, 3, 7, 0}, {3, 4, kNoProducerId, 0}}));
  EXPECT_EQ(consumer().bounds("t", 0).high_watermark, 5);
  EXPECT_EQ(consumer().bounds("t", 0).last_stable_offset, 5);
  EXPECT_EQ(consumer().bounds("t", 0).log_start_offset, 0);
  EXPECT_EQ(consumer().bounds("t", 2).high_watermark, kNoOffset);
}

TEST_F(ConsumerTest, BatchesAreSplitWithTheirRecords) {
  append({"a", "b", "c"}, 0, {.partition_leader_epoch = 3});
  append({"d", "e"}, 0, {.partition_leader_epoch = 4});
  consumer().assign("t", 0, StartAt::beginning());
  Shares shares;
  for (int i = 0; i < 3; ++i) {
    const auto polled = world_.run(consumer().poll(in(1s), 2));
    ASSERT_TRUE(polled);
    for (const auto& share : shares_of(*polled)) shares.push_back(share);
  }
  EXPECT_EQ(shares, (Shares{{2, 3, kNoProducerId, 0},
                            {1, 3, kNoProducerId, 0},
                            {1, 4, kNoProducerId, 0},
                            {1, 4, kNoProducerId, 0}}));
}

TEST_F(ConsumerTest, ControlRecordsAreHandedOutWhenAskedFor) {
  append({"a"}, 0, {.producer_id = 7, .producer_epoch = 0, .base_sequence = 0, .transactional = true});
  append_marker(true, 7);
  consumer({.control_records = true}).assign("t", 0, StartAt::beginning());
  const auto polled = world_.run(consumer().poll(in(1s)));
  ASSERT_TRUE(polled);
  const auto shares = shares_of(*polled);
  ASSERT_EQ(shares.size(), 2U);
  EXPECT_EQ(std::get<3>(shares[0]), record::kTransactionalBit);
  EXPECT_EQ(std::get<3>(shares[1]), record::kTransactionalBit | record::kControlBit);
}

TEST_F(ConsumerTest, StartsInTheMiddleOfABatch) {
  append({"a", "b", "c"});
  consumer().assign("t", 0, StartAt::offset(1));
  EXPECT_EQ(poll_all(2), (Values{"b", "c"}));
}

TEST_F(ConsumerTest, StartsAtTheEndAndSeesWhatComes) {
  append({"a"});
  consumer().assign("t", 0, StartAt::end());
  EXPECT_TRUE(poll().empty());
  append({"b"});
  EXPECT_EQ(poll_all(1), Values{"b"});
}

TEST_F(ConsumerTest, ALongPollOfOthersDoesNotHoldWhatWasJustPolled) {
  append({"a"}, 0);
  consumer({.fetch_max_wait = 60s});
  for (PartitionIndex p = 0; p < 3; ++p) consumer().assign("t", p, StartAt::beginning());
  EXPECT_EQ(poll_all(1), Values{"a"});
  for (const std::string next : {"b", "c", "d"}) {
    const auto before = world_.elapsed();
    append({next}, 0);
    EXPECT_EQ(poll_all(1), Values{next});
    EXPECT_LT(world_.elapsed() - before, 1s) << next;
  }
}

TEST_F(ConsumerTest, WhileRecordsWaitTheOthersAreFetchedAndNotInALoop) {
  append({"a", "b"}, 0);
  consumer({.fetch_max_wait = 1s});
  for (PartitionIndex p = 0; p < 3; ++p) consumer().assign("t", p, StartAt::beginning());
  EXPECT_EQ(poll(1s, 1), Values{"a"});
  append({"c"}, 1);
  const auto fetches = broker().fetches.size();
  world_.run(runtime::sleep_for(world_.shard(0), 10s));
  EXPECT_LT(broker().fetches.size() - fetches, 5u) << "nobody polls";
  EXPECT_EQ(poll_all(2), (Values{"b", "c"}));
}

TEST_F(ConsumerTest, StartsAtATimestamp) {
  append({"a"}, 0, {}, 1000);
  append({"b"}, 0, {}, 2000);
  consumer().assign("t", 0, StartAt::timestamp(1500));
  EXPECT_EQ(poll_all(1), Values{"b"});
  consumer().assign("t", 0, StartAt::timestamp(5000));
  EXPECT_TRUE(poll().empty());
  append({"c"}, 0, {}, 6000);
  EXPECT_EQ(poll_all(1), Values{"c"});
}

TEST_F(ConsumerTest, StartsBeforeTheEnd) {
  append({"a", "b", "c", "d"});
  consumer().assign("t", 0, StartAt::tail(2));
  EXPECT_EQ(poll_all(2), (Values{"c", "d"}));
}

TEST_F(ConsumerTest, GivesNoMoreThanAskedFor) {
  append({"a", "b", "c"});
  append({"d", "e"});
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll(1s, 2), (Values{"a", "b"}));
  EXPECT_EQ(consumer().position("t", 0), 2);
  EXPECT_EQ(poll(1s, 2), (Values{"c", "d"}));
  EXPECT_EQ(poll(1s, 2), Values{"e"});
}

TEST_F(ConsumerTest, EveryCompressionIsRead) {
  for (int codec = 0; codec <= 4; ++codec)
    append({"v" + std::to_string(codec)}, 0, {.compression = {*record::codec_of(codec), {}}});
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(5), (Values{"v0", "v1", "v2", "v3", "v4"}));
}

TEST_F(ConsumerTest, ASessionNamesOnlyWhatChanges) {
  append({"a"}, 0);
  append({"b"}, 1);
  append({"c"}, 2);
  for (PartitionIndex p = 0; p < 3; ++p) consumer().assign("t", p, StartAt::beginning());
  EXPECT_EQ(poll_all(3).size(), 3u);
  poll(2s);
  append({"d"}, 1);
  EXPECT_EQ(poll_all(1), Values{"d"});
  poll(2s);
  const wire::FetchRequest& last = broker().fetches.back();
  EXPECT_GT(last.session_epoch, 1);
  EXPECT_TRUE(last.topics.empty());
  EXPECT_EQ(broker().session.size(), 3u);
}

TEST_F(ConsumerTest, ALostSessionIsBegunAnew) {
  consumer().assign("t", 0, StartAt::beginning());
  poll();
  broker().forget_session = true;
  append({"a"});
  EXPECT_EQ(poll_all(1), Values{"a"});
  append({"b"});
  EXPECT_EQ(poll_all(1), Values{"b"});
}

TEST_F(ConsumerTest, UnassignedPartitionsLeaveTheSession) {
  consumer().assign("t", 0, StartAt::beginning());
  consumer().assign("t", 1, StartAt::beginning());
  poll(2s);
  consumer().unassign("t", 1);
  poll(2s);
  EXPECT_EQ(broker().session.size(), 1u);
}

TEST_F(ConsumerTest, WithoutSessionsEachFetchIsFull) {
  append({"a"});
  consumer({.use_sessions = false}).assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(1), Values{"a"});
  poll(2s);
  for (const auto& fetch : broker().fetches) {
    EXPECT_EQ(fetch.session_epoch, -1);
    EXPECT_EQ(fetch.topics.size(), 1u);
  }
}

TEST_F(ConsumerTest, ReadsOnThroughLostConnections) {
  consumer().assign("t", 0, StartAt::beginning());
  Values expected;
  for (int i = 0; i < 30; ++i) {
    expected.push_back(std::to_string(i));
    append({expected.back()});
    if (i % 3 == 0) broker().drop_connections();
    if (i % 5 == 0) world_.run_for(20ms);
  }
  EXPECT_EQ(poll_all(30), expected);
}

TEST_F(ConsumerTest, FollowsTheLeader) {
  FakeBroker& second = add_broker();
  append({"a"});
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(1), Values{"a"});
  for (const bool hints : {true, false}) {
    broker().hints = second.hints = hints;
    auto& partition = cluster_.partition("t", 0);
    partition.leader = 1 - partition.leader;
    ++partition.epoch;
    append({"b"});
    EXPECT_EQ(poll_all(1), Values{"b"});
  }
  EXPECT_GT(second.count(ApiKey::fetch), 0u);
}

TEST_F(ConsumerTest, AnOffsetOutOfRangeIsMetByThePolicy) {
  append({"a", "b"});
  cluster_.partition("t", 0).start = 1;
  consumer({.offset_reset = OffsetReset::earliest}).assign("t", 0, StartAt::offset(100));
  EXPECT_EQ(poll_all(1), Values{"b"});
}

TEST_F(ConsumerTest, WithoutAPolicyAnOffsetOutOfRangeIsAnError) {
  consumer({.offset_reset = OffsetReset::none}).assign("t", 0, StartAt::offset(100));
  EXPECT_TRUE(poll_all(1).empty());
  ASSERT_TRUE(failure_);
  EXPECT_EQ(failure_->broker, ErrorCode::offset_out_of_range);
  EXPECT_FALSE(failure_->hint.empty());
}

TEST_F(ConsumerTest, AMissingTopicAndPartitionAreErrors) {
  consumer().assign("missing", 0, StartAt::beginning());
  EXPECT_TRUE(poll_all(1).empty());
  ASSERT_TRUE(failure_);
  EXPECT_EQ(failure_->code, Errc::not_found);
  failure_.reset();
  consumer().assign("t", 9, StartAt::beginning());
  EXPECT_TRUE(poll_all(1).empty());
  ASSERT_TRUE(failure_);
  EXPECT_EQ(failure_->code, Errc::not_found);
}

TEST_F(ConsumerTest, AbortedTransactionsAreSkippedWhenReadCommitted) {
  append({"plain"});
  append({"aborted"}, 0, {.producer_id = 7, .producer_epoch = 0, .base_sequence = 0, .transactional = true});
  append({"committed"}, 0,
         {.producer_id = 8, .producer_epoch = 0, .base_sequence = 0, .transactional = true});
  append_marker(false, 7);
  append_marker(true, 8);
  append({"again"}, 0, {.producer_id = 7, .producer_epoch = 0, .base_sequence = 1, .transactional = true});
  append_marker(true, 7);
  broker().edit_fetch = [](wire::FetchResponse& response, const wire::FetchRequest& request) {
    EXPECT_EQ(request.isolation_level, 1);
    for (auto& topic : response.responses) {
      for (auto& partition : topic.partitions) partition.aborted_transactions = {{7, 1}};
    }
  };
  consumer({.isolation = Isolation::read_committed}).assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(3), (Values{"plain", "committed", "again"}));
  poll();
  EXPECT_EQ(consumer().position("t", 0), cluster_.partition("t", 0).end);
}

TEST_F(ConsumerTest, ADamagedBatchIsAnErrorAndNotARecord) {
  append({"a"});
  append({"b"});
  auto& batches = cluster_.partition("t", 0).batches;
  std::vector<std::byte> bytes(batches[1].view().begin(), batches[1].view().end());
  bytes.back() ^= std::byte{1};
  batches[1] = Slice::take(bytes);
  consumer().assign("t", 0, StartAt::beginning());
  poll_all(10);
  ASSERT_TRUE(failure_);
  EXPECT_EQ(failure_->code, Errc::corrupt);
}

TEST_F(ConsumerTest, ATruncatedTailIsFetchedAgain) {
  append({"a"});
  append({"b"});
  int cut = 3;
  broker().edit_fetch = [&](wire::FetchResponse& response, const wire::FetchRequest&) {
    for (auto& topic : response.responses) {
      for (auto& partition : topic.partitions) {
        if (partition.records->size() < 2 || cut-- <= 0) continue;
        partition.records->back() = partition.records->back().cut(0, 20);
      }
    }
  };
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll_all(2), (Values{"a", "b"}));
}

TEST_F(ConsumerTest, PausedPartitionsGiveNothing) {
  append({"a"}, 0);
  append({"b"}, 1);
  consumer().assign("t", 0, StartAt::beginning());
  consumer().assign("t", 1, StartAt::beginning());
  consumer().pause("t", 0);
  EXPECT_EQ(poll_all(1), Values{"b"});
  EXPECT_TRUE(poll().empty());
  consumer().resume("t", 0);
  EXPECT_EQ(poll_all(1), Values{"a"});
}

TEST_F(ConsumerTest, SeekDropsWhatWasFetched) {
  append({"a", "b", "c"});
  consumer().assign("t", 0, StartAt::beginning());
  EXPECT_EQ(poll(1s, 1), Values{"a"});
  consumer().seek("t", 0, StartAt::offset(2));
  EXPECT_EQ(poll_all(1), Values{"c"});
}

TEST_F(ConsumerTest, CloseEndsALongPollAtOnce) {
  consumer({.fetch_max_wait = 60s}).assign("t", 0, StartAt::beginning());
  poll(1s);
  const auto before = world_.elapsed();
  world_.run(consumer().close());
  EXPECT_LT(world_.elapsed() - before, 1s);
}

TEST_F(ConsumerTest, ABrokerThatRefusesEveryFetchIsNotAskedInALoop) {
  broker().edit_fetch = [](wire::FetchResponse& response, const wire::FetchRequest&) {
    response.responses.clear();
    response.error_code = ErrorCode::kafka_storage_error;
  };
  append({"a"});
  consumer().assign("t", 0, StartAt::beginning());
  poll(10s);
  EXPECT_LT(broker().fetches.size(), 40u);
}

}  // namespace
}  // namespace moldau::client
