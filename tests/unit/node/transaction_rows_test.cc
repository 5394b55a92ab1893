// Rows of reliability.md about transactions on one node, and what producers and consumers may get wrong: each
// mistake has Kafka's error, and changes nothing.
#include "unit/node/transactions.h"
#include "wire/messages/delete_records.h"

namespace moldau::node::testing {
namespace {

// --- TX-01: retries

TEST_F(Transactions, TX01_ARetryHasItsFirstOffsetAlsoAfterTheEndAndARestart) {
  Producer producer = this->producer();
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  Producer repeated = producer;
  repeated.next = 0;
  const auto again = produce_once(repeated, "a", 13);
  EXPECT_EQ(again.error_code, ErrorCode::none);
  EXPECT_EQ(again.base_offset, 0);
  kill();
  start_again();
  ASSERT_TRUE(world.run_until([&] { return state() == "Ongoing"; }, 30s));
  repeated.next = 0;
  const auto later = produce_once(repeated, "a", 13);
  EXPECT_EQ(later.error_code, ErrorCode::none);
  EXPECT_EQ(later.base_offset, 0);
  EXPECT_EQ(end_offset(false), 1) << "there is one copy";
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(read(true).values, "a,");
}

// --- TX-08: read_committed beside a model

// Three producers whose transactions overlap; what each has in its open one, and what was committed, in order
// of offsets.
class Interleaved : public Transactions {
 protected:
  struct Written {
    Offset offset;
    std::string value;
    int transaction;
  };
  struct One {
    Producer producer;
    int transaction = -1;  // that is open
  };

  void write(One& one) {
    if (one.transaction < 0) one.transaction = transactions_++;
    const std::string value = std::to_string(next_value_++);
    const auto answer = produce_once(one.producer, value, 13);
    ASSERT_EQ(answer.error_code, ErrorCode::none) << value;
    written_.push_back({answer.base_offset, value, one.transaction});
  }
  void finish(One& one, bool commits) {
    ASSERT_EQ(end(one.producer, commits), ErrorCode::none);
    if (one.transaction >= 0) ended_[one.transaction] = commits;
    one.transaction = -1;
  }
  void check() {
    Offset stable = end_offset(false);
    for (const Written& one : written_)
      if (!ended_.contains(one.transaction)) stable = std::min(stable, one.offset);
    EXPECT_EQ(end_offset(true), stable);
    const Offset from = static_cast<Offset>(random_.below(static_cast<std::uint64_t>(stable) + 1));
    std::string visible, all;
    for (const Written& one : written_) {
      if (one.offset < from) continue;
      all += one.value + ",";
      if (one.offset < stable && ended_.contains(one.transaction) && ended_[one.transaction])
        visible += one.value + ",";
    }
    const Read committed = read(true, kTopic, 0, from);
    EXPECT_EQ(committed.values, visible) << "from " << from;
    EXPECT_EQ(committed.stable_end, stable);
    const Read everything = read(false, kTopic, 0, from);
    EXPECT_EQ(everything.values, all);
    EXPECT_FALSE(everything.aborted.has_value());
  }

  Random random_{11};
  std::vector<Written> written_;
  std::map<int, bool> ended_;  // transaction: committed
  int transactions_ = 0;
  int next_value_ = 0;
};

TEST_F(Interleaved, TX08_ReadersOfCommittedRecordsSeeWhatAModelSees) {
  find("u");
  find("v");
  std::vector<One> producers{{producer("t")}, {producer("u")}, {producer("v")}};
  for (int step = 0; step < 120; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    One& one = producers[random_.below(producers.size())];
    if (random_.below(4) != 0)
      ASSERT_NO_FATAL_FAILURE(write(one));
    else if (one.transaction >= 0)
      ASSERT_NO_FATAL_FAILURE(finish(one, random_.below(2) == 0));
    if (random_.one_in(40)) {
      kill();
      start_again();
      for (const char* id : {"t", "u", "v"})
        ASSERT_TRUE(world.run_until([&] { return describe(id).error_code == ErrorCode::none; }, 30s));
    }
    check();
    ASSERT_FALSE(HasFailure());
  }
}

// --- TX-10: the list of aborted transactions

TEST_F(Transactions, TX10_TheLogMayBeginWithinWhatWasAborted) {
  Producer producer = this->producer();
  for (const char* value : {"a", "b", "c", "d"}) ASSERT_EQ(produce(producer, value), ErrorCode::none);
  ASSERT_EQ(end(producer, false), ErrorCode::none);
  ASSERT_EQ(produce(producer, "e"), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  wire::DeleteRecordsRequest request;
  request.timeout_ms = 10'000;
  request.topics.push_back({kTopic, {{0, 2}}});
  ASSERT_EQ(ask<wire::DeleteRecordsResponse>(request, 2).topics.at(0).partitions.at(0).error_code,
            ErrorCode::none);
  for (const Offset from : {2, 3, 4}) {
    EXPECT_EQ(read(true, kTopic, 0, from).values, "e,") << from;
    EXPECT_FALSE(read(false, kTopic, 0, from).aborted.has_value()) << "who reads all of it needs no list";
  }
  kill();
  start_again();
  EXPECT_EQ(read(true, kTopic, 0, 2).values, "e,");
  EXPECT_EQ(read(true, kTopic, 0, 5).values, "e,");
  const Read behind = read(true, kTopic, 0, 5);
  EXPECT_TRUE(!behind.aborted || behind.aborted->empty()) << "behind its marker";
}

// --- TX-12: sequences after an abort

TEST_F(Transactions, TX12_SequencesBeginAnewAfterAnAbort) {
  for (const By by : {By::first, By::second}) {
    SCOPED_TRACE(by == By::first ? "first version" : "second version");
    Producer producer = this->producer();
    const Offset before = end_offset(false);
    ASSERT_EQ(produce(producer, "no", by), ErrorCode::none);
    ASSERT_EQ(end(producer, false, by), ErrorCode::none);
    // The first version has to ask for its next epoch; the second one was given it.
    if (by == By::first) producer = this->producer();
    ASSERT_EQ(producer.next, 0);
    ASSERT_EQ(produce(producer, "yes", by), ErrorCode::none);
    EXPECT_EQ(end_offset(false), before + 3) << "a record, its marker, and a record that is no copy of it";
    ASSERT_EQ(end(producer, true, by), ErrorCode::none);
  }
  EXPECT_EQ(read(true).values, "yes,yes,");
}

// --- TX-13: what is known of a producer

class Expiring : public Transactions {
 protected:
  void forget_after_a_minute() {
    stop();
    config::Settings settings = with_topics();
    settings.broker["log.retention.check.interval.ms"] = "5000";
    settings.broker["producer.id.expiration.ms"] = "60000";
    start(settings);
    ASSERT_TRUE(world.run_until(
        [&] { return describe("t").error_code != ErrorCode::coordinator_load_in_progress; }, 30s));
  }
  std::size_t known() {
    wire::DescribeProducersRequest request;
    request.topics.push_back({kTopic, {0}});
    return ask<wire::DescribeProducersResponse>(request, 0)
        .topics.at(0)
        .partitions.at(0)
        .active_producers.size();
  }
};

TEST_F(Expiring, TX13_WhoHasATransactionOpenIsNotForgotten) {
  forget_after_a_minute();
  Producer producer = this->producer("t", 600'000);
  ASSERT_EQ(produce(producer, "a"), ErrorCode::none);
  world.run_for(200s);
  EXPECT_EQ(known(), 1U) << "it has been idle for longer than a minute, but its transaction is open";
  EXPECT_EQ(read(true).stable_end, 0);
  Producer repeated = producer;
  repeated.next = 0;
  EXPECT_EQ(produce_once(repeated, "a", 13).base_offset, 0) << "a retry is known as one";
  ASSERT_EQ(produce(producer, "b"), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(read(true).values, "a,b,");
  world.run_for(100s);
  EXPECT_EQ(known(), 0U);
  // Forgotten, it goes on as before: in its next epoch.
  ASSERT_EQ(produce(producer, "c"), ErrorCode::none);
  ASSERT_EQ(end(producer, true), ErrorCode::none);
  EXPECT_EQ(read(true).values, "a,b,c,");
}

// --- mistakes

class Mistakes : public Transactions {
 protected:
  // With a transaction open, an offset pending and one committed.
  void begin() {
    find("g", 6, 0);
    ASSERT_TRUE(world.run_until([&] { return fetch_offset(false).first == ErrorCode::none; }, 30s));
    producer();
    mine = producer();  // of an epoch that has one before it
    ASSERT_EQ(produce(mine, "a"), ErrorCode::none);
    ASSERT_EQ(commit_offset(mine, 7, 5), ErrorCode::none);
    other = producer("other-id");
    seen = snapshot();
  }
  struct Snapshot {
    wire::DescribeTransactionsResponse::TransactionState mine, other;
    std::string values;
    Offset end, stable;
    std::pair<ErrorCode, Offset> offset;
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
  };
  Snapshot snapshot() {
    return {describe("t"),     describe("other-id"), read(false).values,
            end_offset(false), end_offset(true),     fetch_offset(false)};
  }
  void unchanged() {
    EXPECT_TRUE(snapshot() == seen) << "the state has changed";
    EXPECT_EQ(describe("nobody").error_code, ErrorCode::transactional_id_not_found);
  }

  Producer mine, other;
  Snapshot seen;
};

TEST_F(Mistakes, EpochsThatAreOverOrHaveNotComeYet) {
  ASSERT_NO_FATAL_FAILURE(begin());
  for (const int change : {-1, 1, 100}) {
    SCOPED_TRACE(change);
    Producer wrong = mine;
    wrong.epoch = static_cast<ProducerEpoch>(mine.epoch + change);
    EXPECT_EQ(add(wrong), ErrorCode::producer_fenced);
    EXPECT_EQ(add(wrong, kTopic, 0, 1), ErrorCode::invalid_producer_epoch) << "what old clients know";
    for (const bool commits : {true, false}) {
      EXPECT_EQ(end_once(wrong, commits, By::first).error_code, ErrorCode::producer_fenced);
      EXPECT_EQ(end_once(wrong, commits, By::second).error_code, ErrorCode::producer_fenced);
    }
    wire::AddOffsetsToTxnRequest offsets{"t", wrong.id, wrong.epoch, "g"};
    EXPECT_EQ(ask<wire::AddOffsetsToTxnResponse>(offsets, 4).error_code, ErrorCode::producer_fenced);
    EXPECT_EQ(commit_offset(wrong, 99, 5), ErrorCode::invalid_producer_epoch);
    EXPECT_NE(produce_once(wrong, "wrong", 13).error_code, ErrorCode::none);
    unchanged();
  }
}

TEST_F(Mistakes, TransactionalIdsOfOthersAndOfNobody) {
  ASSERT_NO_FATAL_FAILURE(begin());
  for (const std::string name : {"other-id", "nobody"}) {
    SCOPED_TRACE(name);
    Producer foreign = mine;
    foreign.name = name;
    EXPECT_EQ(add(foreign), ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(end_once(foreign, true).error_code, ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(end_once(foreign, false, By::first).error_code, ErrorCode::invalid_producer_id_mapping);
    wire::AddOffsetsToTxnRequest offsets{name, foreign.id, foreign.epoch, "g"};
    EXPECT_EQ(ask<wire::AddOffsetsToTxnResponse>(offsets, 4).error_code,
              ErrorCode::invalid_producer_id_mapping);
    // Under another's name to partitions where its transaction is not open yet: for one where it is nobody is
    // asked, as with Kafka.
    EXPECT_EQ(commit_offset(foreign, 99, 5, -1, "", "another"), ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(produce_once(foreign, "foreign", 13, "other", 0).error_code,
              ErrorCode::invalid_producer_id_mapping);
    EXPECT_EQ(read(false, "other", 0).values, "");
    unchanged();
  }
  Producer nameless = mine;
  nameless.name = "";
  EXPECT_EQ(end_once(nameless, true).error_code, ErrorCode::invalid_request);
  unchanged();
}

TEST_F(Mistakes, ProducersThatNobodyHasMade) {
  ASSERT_NO_FATAL_FAILURE(begin());
  Producer strange = mine;
  strange.id += 1'000;
  EXPECT_EQ(add(strange), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(end_once(strange, true).error_code, ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(commit_offset(strange, 99, 5), ErrorCode::invalid_producer_id_mapping);
  EXPECT_EQ(produce_once(strange, "strange", 13).error_code, ErrorCode::invalid_producer_id_mapping);
  unchanged();
}

TEST_F(Mistakes, MetadataOfAnOffsetThatIsTooLarge) {
  ASSERT_NO_FATAL_FAILURE(begin());
  for (const std::size_t size : {std::size_t{4'097}, std::size_t{30'000}}) {
    wire::TxnOffsetCommitRequest request;
    request.transactional_id = "t";
    request.group_id = "g";
    request.producer_id = mine.id;
    request.producer_epoch = mine.epoch;
    request.topics.emplace_back().name = kTopic;
    auto& partition = request.topics[0].partitions.emplace_back();
    partition.committed_offset = 99;
    partition.committed_metadata = std::string(size, 'x');
    EXPECT_EQ(ask<wire::TxnOffsetCommitResponse>(request, 5).topics.at(0).partitions.at(0).error_code,
              ErrorCode::offset_metadata_too_large);
    unchanged();
  }
  ASSERT_EQ(end(mine, true), ErrorCode::none);
  EXPECT_EQ(fetch_offset(true), std::pair(ErrorCode::none, Offset{7})) << "what had been right is committed";
}

TEST_F(Mistakes, TimeoutsAndNamesThatCannotBe) {
  ASSERT_NO_FATAL_FAILURE(begin());
  for (const std::int32_t timeout : {0, -1, 900'001})
    EXPECT_EQ(init("t", timeout).error_code, ErrorCode::invalid_transaction_timeout) << timeout;
  EXPECT_EQ(init("", 60'000).error_code, ErrorCode::invalid_request);
  wire::InitProducerIdRequest half;
  half.transactional_id = "t";
  half.transaction_timeout_ms = 60'000;
  half.producer_id = mine.id;
  EXPECT_EQ(ask<wire::InitProducerIdResponse>(half, 5).error_code, ErrorCode::invalid_request);
  unchanged();
}

}  // namespace
}  // namespace moldau::node::testing
