// The topics of coordinators are compacted, and tell the same afterwards: what is committed, what is open,
// and who produces.
#include "unit/node/one_node.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_transactions.h"
#include "wire/messages/end_txn.h"
#include "wire/messages/find_coordinator.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::node::testing {
namespace {

using wire::ErrorCode;

constexpr std::int64_t kSegmentBytes = 1 << 20;  // the least that a topic may have
const std::string kOffsets = "__consumer_offsets";
const std::string kTransactions = "__transaction_state";

class CompactedState : public OneNode {
 protected:
  struct Producer {
    ProducerId id = kNoProducerId;
    ProducerEpoch epoch = kNoProducerEpoch;
  };

  CompactedState() {
    start(settings());
    find("g", 0);
    find("t", 1);
  }
  config::Settings settings() const override {
    config::Settings settings = OneNode::settings();
    settings.broker.insert({"offsets.topic.num.partitions", "1"});
    settings.broker.insert({"offsets.topic.segment.bytes", std::to_string(kSegmentBytes)});
    settings.broker.insert({"transaction.state.log.num.partitions", "1"});
    settings.broker.insert({"transaction.state.log.segment.bytes", std::to_string(kSegmentBytes)});
    settings.broker.insert({"log.cleaner.backoff.ms", "500"});
    return settings;
  }
  void find(const std::string& key, std::int8_t type) {
    wire::FindCoordinatorRequest request;
    request.key_type = type;
    request.coordinator_keys = {key};
    EXPECT_TRUE(world.run_until(
        [&] {
          return ask<wire::FindCoordinatorResponse>(request, 6).coordinators.at(0).error_code ==
                 ErrorCode::none;
        },
        30s));
  }

  // Bytes of the topic's logs.
  std::int64_t size_of(const std::string& topic) {
    wire::DescribeLogDirsRequest request;
    request.topics.emplace().push_back({topic, {0}});
    std::int64_t size = 0;
    for (const auto& folder : ask<wire::DescribeLogDirsResponse>(request, 4).results)
      for (const auto& found : folder.topics)
        for (const auto& partition : found.partitions) size += partition.partition_size;
    return size;
  }
  // All but the segment that is written to, and that one is never larger.
  void wait_until_compacted(const std::string& topic) {
    EXPECT_TRUE(world.run_until([&] { return size_of(topic) < kSegmentBytes + kSegmentBytes / 2; }, 120s))
        << size_of(topic);
  }
  template <class Coordinators>
  static std::uint64_t state_hash(const Coordinators& coordinators) {
    for (const auto& coordinator : coordinators)
      for (const auto& [partition, hash] : coordinator->state_hashes()) return hash;
    return 0;
  }
  std::uint64_t groups_hash() const { return state_hash(node->group_coordinators()); }
  std::uint64_t transactions_hash() const { return state_hash(node->transaction_coordinators()); }
  void wait_until_loaded() {
    find("g", 0);
    find("t", 1);
    ASSERT_TRUE(world.run_until([&] { return groups_hash() != 0 && transactions_hash() != 0; }, 60s));
  }
  // Everything is read anew from what compaction has left.
  void read_anew(bool power = false) {
    const std::uint64_t groups = groups_hash();
    const std::uint64_t transactions = transactions_hash();
    if (power) {
      lose_power();
    } else {
      stop();
    }
    start(settings());
    wait_until_loaded();
    EXPECT_EQ(groups_hash(), groups) << "I-G5";
    EXPECT_EQ(transactions_hash(), transactions) << "of transactions";
  }

  // --- offsets, of partition 0 of the topic

  // Plain commits, one after another, of groups that take turns.
  static std::string group(int at) { return "group-" + std::to_string(at); }
  void commit_often(int count, int groups, Offset first = 0) {
    auto run = [&]() -> Task<void> {
      const auto connection = co_await connect();
      for (int i = 0; i < count; ++i) {
        wire::OffsetCommitRequest request;
        request.group_id = group(i % groups);
        auto& topic = request.topics.emplace_back();
        topic.name = kTopic;
        auto& partition = topic.partitions.emplace_back();
        partition.committed_offset = first + i;
        partition.committed_metadata = std::string(500, 'm');
        const auto answer =
            co_await connection->template call<wire::OffsetCommitResponse>(std::move(request), 9, 30s);
        EXPECT_TRUE(answer);
        if (!answer) co_return;
        EXPECT_EQ(answer->topics.at(0).partitions.at(0).error_code, ErrorCode::none) << i;
      }
    };
    world.run(run());
  }
  // Enough of other groups' commits that what came before is in closed segments.
  void fill_offsets() { commit_often(4'000, 3); }
  std::pair<ErrorCode, Offset> fetch(const std::string& group, bool stable = true) {
    wire::OffsetFetchRequest request;
    request.require_stable = stable;
    auto& asked = request.groups.emplace_back();
    asked.group_id = group;
    asked.topics.emplace().push_back({kTopic, {}, {0}});
    const auto answer = ask<wire::OffsetFetchResponse>(std::move(request), 9).groups.at(0);
    if (answer.topics.empty()) return {answer.error_code, kNoOffset};
    const auto& partition = answer.topics.at(0).partitions.at(0);
    return {partition.error_code, partition.committed_offset};
  }

  // --- transactions

  Producer init(const std::string& id) {
    wire::InitProducerIdRequest request;
    request.transactional_id = id;
    request.transaction_timeout_ms = 900'000;
    wire::InitProducerIdResponse answer;
    EXPECT_TRUE(world.run_until(
        [&] {
          answer = ask<wire::InitProducerIdResponse>(request, 5);
          return answer.error_code == ErrorCode::none;
        },
        60s));
    return {answer.producer_id, answer.producer_epoch};
  }
  ErrorCode commit_in_transaction(const std::string& id, const Producer& producer, const std::string& group,
                                  Offset offset) {
    wire::TxnOffsetCommitRequest request;
    request.transactional_id = id;
    request.group_id = group;
    request.producer_id = producer.id;
    request.producer_epoch = producer.epoch;
    auto& topic = request.topics.emplace_back();
    topic.name = kTopic;
    topic.partitions.emplace_back().committed_offset = offset;
    return ask<wire::TxnOffsetCommitResponse>(request, 5).topics.at(0).partitions.at(0).error_code;
  }
  std::string state(const std::string& id) {
    return ask<wire::DescribeTransactionsResponse>(wire::DescribeTransactionsRequest{{id}}, 0)
        .transaction_states.at(0)
        .transaction_state;
  }
  void end(const std::string& id, Producer& producer, bool commits) {
    const auto answer =
        ask<wire::EndTxnResponse>(wire::EndTxnRequest{id, producer.id, producer.epoch, commits}, 5);
    ASSERT_EQ(answer.error_code, ErrorCode::none);
    producer = {answer.producer_id, answer.producer_epoch};
    ASSERT_TRUE(world.run_until([&] { return state(id).starts_with("Complete"); }, 60s)) << state(id);
  }
};

TEST_F(CompactedState, TenThousandCommitsLeaveTheLastOfEachGroup) {
  commit_often(10'000, 20);
  wait_until_compacted(kOffsets);
  const auto check = [&] {
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(fetch(group(i)), (std::pair<ErrorCode, Offset>{ErrorCode::none, 9'980 + i})) << i;
  };
  check();
  read_anew();
  check();
  EXPECT_LT(size_of(kOffsets), kSegmentBytes + kSegmentBytes / 2);
  commit_often(20, 20, 9'980);
  read_anew(true);
  check();
}

TEST_F(CompactedState, WhatIsPendingStaysPendingAndIsDecidedLater) {
  const std::pair<ErrorCode, Offset> unstable{ErrorCode::unstable_offset_commit, kNoOffset};
  const auto offset = [](Offset at) { return std::pair<ErrorCode, Offset>{ErrorCode::none, at}; };
  Producer committed = init("committed"), aborted = init("aborted"), open = init("open");
  ASSERT_EQ(commit_in_transaction("committed", committed, "a", 11), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction("aborted", aborted, "a", 12), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction("aborted", aborted, "b", 13), ErrorCode::none);
  end("committed", committed, true);
  end("aborted", aborted, false);
  fill_offsets();
  wait_until_compacted(kOffsets);
  ASSERT_EQ(commit_in_transaction("open", open, "a", 21), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction("open", open, "c", 22), ErrorCode::none);
  fill_offsets();
  const auto check = [&] {
    EXPECT_EQ(fetch("a"), unstable);
    EXPECT_EQ(fetch("a", false), offset(11));
    EXPECT_EQ(fetch("b"), offset(kNoOffset)) << "it was aborted";
    EXPECT_EQ(fetch("c"), unstable);
    EXPECT_EQ(fetch("c", false), offset(kNoOffset));
  };
  check();
  read_anew();
  check();
  world.run_for(10s);
  EXPECT_GT(size_of(kOffsets), 2 * kSegmentBytes) << "nothing behind it is compacted while it is open";
  read_anew(true);
  check();
  end("open", open, true);
  wait_until_compacted(kOffsets);
  const auto check_end = [&] {
    EXPECT_EQ(fetch("a"), offset(21));
    EXPECT_EQ(fetch("b"), offset(kNoOffset));
    EXPECT_EQ(fetch("c"), offset(22));
  };
  check_end();
  read_anew();
  check_end();
}

TEST_F(CompactedState, DeletedOffsetsDoNotComeBackWithTheirTransaction) {
  Producer open = init("open");
  commit_often(2, 2);
  ASSERT_EQ(commit_in_transaction("open", open, group(0), 7), ErrorCode::none);
  wire::OffsetDeleteRequest request;
  request.group_id = group(0);
  request.topics.push_back({kTopic, {{0}}});
  ASSERT_EQ(ask<wire::OffsetDeleteResponse>(request, 0).error_code, ErrorCode::none);
  end("open", open, true);
  EXPECT_EQ(fetch(group(0)).second, kNoOffset);
  EXPECT_EQ(fetch(group(1)).second, 1);
  read_anew();
  EXPECT_EQ(fetch(group(0)).second, kNoOffset);
}

TEST_F(CompactedState, ThousandsOfTransactionsLeaveTheStateOfEachId) {
  // Long ids: a segment is full after some hundred of their records.
  const auto id = [](int at) { return std::to_string(at) + std::string(2'000, 't'); };
  Producer open = init("open");
  ASSERT_EQ(commit_in_transaction("open", open, "c", 22), ErrorCode::none);
  std::vector<Producer> producers(5);
  std::int64_t largest = 0;
  for (int round = 0; round < 500; ++round) {
    for (int i = 0; i < 5; ++i) producers[static_cast<std::size_t>(i)] = init(id(i));
    if (round % 50 == 0) largest = std::max(largest, size_of(kTransactions));
  }
  EXPECT_GT(largest, kSegmentBytes);
  wait_until_compacted(kTransactions);
  read_anew();
  for (int i = 0; i < 5; ++i) {
    const Producer& before = producers[static_cast<std::size_t>(i)];
    const Producer after = init(id(i));
    EXPECT_EQ(after.id, before.id);
    EXPECT_EQ(after.epoch, before.epoch + 1);
  }
  EXPECT_EQ(state("open"), "Ongoing");
  end("open", open, true);
  EXPECT_EQ(fetch("c").second, 22);
}

}  // namespace
}  // namespace moldau::node::testing
