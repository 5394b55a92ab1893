// Offsets that are committed in transactions (KIP-98, KIP-447).
#include "coordinator.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::group {
namespace {

constexpr ProducerId kProducer = 7;

// A group's coordinator as its log drives it, with plain commits and those of a transaction.
class Pending : public ::testing::Test {
 protected:
  Outcome<wire::TxnOffsetCommitResponse> judge(Offset offset, std::int32_t generation = -1,
                                               const std::string& member = "") const {
    wire::TxnOffsetCommitRequest request;
    request.group_id = group_;
    request.generation_id = generation;
    request.member_id = member;
    auto& topic = request.topics.emplace_back();
    topic.name = "t";
    auto& partition = topic.partitions.emplace_back();
    partition.committed_offset = offset;
    partition.committed_metadata = metadata_;
    return groups_.commit_offsets(request, Now{});
  }
  ErrorCode commit_in_transaction(Offset offset, ProducerId producer = kProducer) {
    const auto outcome = judge(offset);
    for (const Record& record : outcome.records) groups_.replay_pending(record, next_++, producer);
    return outcome.response.topics.at(0).partitions.at(0).error_code;
  }
  void commit_plainly(Offset offset) {
    CommittedOffset committed;
    committed.offset = offset;
    groups_.replay(OffsetRecord{group_, {"t", 0}, committed}, next_++, Now{});
  }
  void end(bool committed, ProducerId producer = kProducer) {
    groups_.replay_end(producer, committed, next_++);
  }
  wire::OffsetFetchResponse::Group::Topic::Partition fetch(bool stable) const {
    wire::OffsetFetchRequest::Group request;
    request.group_id = group_;
    request.topics.emplace().push_back({"t", {}, {0}});
    return groups_.fetch_offsets(request, stable).response.topics.at(0).partitions.at(0);
  }

  Groups groups_{Settings{}, Random(1)};
  std::string group_ = "g";
  std::optional<std::string> metadata_;
  Offset next_ = 0;
};

TEST_F(Pending, OffsetsCountOnceTheirTransactionIsCommitted) {
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  EXPECT_EQ(fetch(false).committed_offset, kNoOffset);
  EXPECT_EQ(fetch(true).error_code, ErrorCode::unstable_offset_commit);
  end(true);
  EXPECT_EQ(fetch(true).committed_offset, 5);
  EXPECT_EQ(fetch(true).error_code, ErrorCode::none);
}

TEST_F(Pending, OffsetsOfAnAbortedTransactionNeverDo) {
  commit_plainly(3);
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  EXPECT_EQ(fetch(false).committed_offset, 3);
  end(false);
  EXPECT_EQ(fetch(true).committed_offset, 3);
}

TEST_F(Pending, TheLastOfATransactionCounts) {
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction(6), ErrorCode::none);
  end(true);
  EXPECT_EQ(fetch(true).committed_offset, 6);
}

TEST_F(Pending, WhatWasCommittedSinceStays) {
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  commit_plainly(9);
  end(true);
  EXPECT_EQ(fetch(true).committed_offset, 9);
}

TEST_F(Pending, ProducersDoNotEndEachOthersTransactions) {
  ASSERT_EQ(commit_in_transaction(5, 7), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction(6, 8), ErrorCode::none);
  end(true, 8);
  EXPECT_EQ(fetch(false).committed_offset, 6);
  EXPECT_EQ(fetch(true).error_code, ErrorCode::unstable_offset_commit) << "the other is open";
  end(true, 7);
  EXPECT_EQ(fetch(true).committed_offset, 6) << "whose record came first";
  end(true, 99);
  EXPECT_EQ(fetch(true).committed_offset, 6);
}

TEST_F(Pending, AllTopicsAreStableOrNot) {
  commit_plainly(3);
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  wire::OffsetFetchRequest::Group request;
  request.group_id = group_;
  const auto all = groups_.fetch_offsets(request, true).response;
  EXPECT_EQ(all.topics.at(0).partitions.at(0).error_code, ErrorCode::unstable_offset_commit);
}

TEST_F(Pending, CommitsAreRefusedWithKafkasErrors) {
  EXPECT_EQ(judge(1, 3, "m").response.topics.at(0).partitions.at(0).error_code,
            ErrorCode::illegal_generation);
  metadata_ = std::string(4'097, 'x');
  EXPECT_EQ(commit_in_transaction(1), ErrorCode::offset_metadata_too_large);
  metadata_.reset();
  group_ = "";
  EXPECT_EQ(commit_in_transaction(1), ErrorCode::invalid_group_id);
  EXPECT_EQ(groups_.size(), 0U);
}

TEST_F(Pending, AGroupThatAnOpenTransactionCommittedForHasNoMembers) {
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  EXPECT_EQ(judge(1, 3, "m").response.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_member_id);
}

TEST_F(Pending, OffsetsKeepTheGroup) {
  groups_.loaded(Now{});
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  commit_plainly(1);
  const Now later{.monotonic = 9000h, .wall_ms = 9'000LL * 3'600'000};
  EXPECT_TRUE(groups_.expire_offsets(later).empty());
  end(false);
  EXPECT_FALSE(groups_.expire_offsets(later).empty());
}

TEST_F(Pending, AGroupIsThereFromItsFirstPendingOffsetOn) {
  groups_.loaded(Now{});
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  EXPECT_EQ(groups_.size(), 1U);
  EXPECT_EQ(judge(1, 3, "m").response.topics.at(0).partitions.at(0).error_code, ErrorCode::unknown_member_id);
  EXPECT_EQ(groups_.delete_group(group_).response, ErrorCode::none);
  EXPECT_TRUE(groups_.expire_offsets(Now{}).empty());
  EXPECT_EQ(groups_.size(), 1U) << "its transaction is open";
  end(false);
  EXPECT_TRUE(groups_.expire_offsets(Now{}).empty()) << "nothing in the log tells of it";
  EXPECT_EQ(groups_.size(), 0U);
}

// Compaction leaves of a key what came last: had a tombstone no effect on what is pending, a log that is read
// after it would tell something else than one that is read before.
TEST_F(Pending, ATombstoneTakesWhatIsPendingAlong) {
  commit_plainly(3);
  ASSERT_EQ(commit_in_transaction(5, 7), ErrorCode::none);
  ASSERT_EQ(commit_in_transaction(6, 8), ErrorCode::none);
  groups_.replay(OffsetRecord{group_, {"t", 0}, {}}, next_++, Now{});
  EXPECT_EQ(fetch(true).error_code, ErrorCode::none);
  EXPECT_EQ(fetch(true).committed_offset, kNoOffset);
  ASSERT_EQ(commit_in_transaction(9, 8), ErrorCode::none) << "its transaction goes on";
  end(true, 7);
  EXPECT_EQ(fetch(false).committed_offset, kNoOffset);
  end(true, 8);
  EXPECT_EQ(fetch(true).committed_offset, 9);
}

TEST_F(Pending, WhatIsDeletedIsDeletedAlsoWhenItIsPending) {
  groups_.loaded(Now{});
  commit_plainly(3);
  groups_.replay(OffsetRecord{group_, {"t", 1}, CommittedOffset{}}, next_++, Now{});
  groups_.replay(OffsetRecord{group_, {"t", 0}, {}}, next_++, Now{});
  ASSERT_EQ(commit_in_transaction(5), ErrorCode::none);
  wire::OffsetDeleteRequest request;
  request.group_id = group_;
  request.topics.push_back({"t", {{0}}});
  const auto deleted = groups_.delete_offsets(request);
  EXPECT_EQ(deleted.records, (Records{OffsetRecord{group_, {"t", 0}, {}}}));
  const auto group = groups_.delete_group(group_);
  EXPECT_EQ(std::ranges::count(group.records, Record(OffsetRecord{group_, {"t", 0}, {}})), 1);
  EXPECT_EQ(std::ranges::count(group.records, Record(OffsetRecord{group_, {"t", 1}, {}})), 1);
  const auto topic = groups_.forget_topics({{"t", TopicId{}}});
  EXPECT_EQ(topic, (Records{OffsetRecord{group_, {"t", 0}, {}}, OffsetRecord{group_, {"t", 1}, {}}}));
  for (const Record& record : topic) groups_.replay(record, next_++, Now{});
  end(true);
  EXPECT_EQ(fetch(true).committed_offset, kNoOffset);
}

TEST(TX16, AGenerationThatIsOverCommitsNothing) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  const auto commit = [&](std::int32_t generation, const std::string& member) {
    wire::TxnOffsetCommitRequest request;
    request.group_id = "g";
    request.generation_id = generation;
    request.member_id = member;
    request.topics.emplace_back().name = "t";
    request.topics[0].partitions.emplace_back().committed_offset = 1;
    const auto outcome = coordinator.groups().commit_offsets(request, coordinator.now_);
    return outcome.response.topics.at(0).partitions.at(0).error_code;
  };
  EXPECT_EQ(commit(a.generation_, a.id_), ErrorCode::none);
  EXPECT_EQ(commit(a.generation_ - 1, a.id_), ErrorCode::illegal_generation);
  EXPECT_EQ(commit(a.generation_, "stranger"), ErrorCode::unknown_member_id);
  EXPECT_EQ(commit(-1, ""), ErrorCode::none) << "who is fenced by its producer alone";
  const std::string gone = a.id_;
  const std::int32_t old = a.generation_;
  a.leave();
  EXPECT_EQ(commit(old, gone), ErrorCode::unknown_member_id);
}

}  // namespace
}  // namespace moldau::group
