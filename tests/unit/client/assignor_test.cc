// Assignors: what each member gets, what stays where it is, and the forms in which members tell each other.
#include "client/assignor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"

namespace moldau::client {
namespace {

MemberSubscription member(std::string id, std::vector<std::string> topics,
                          std::vector<TopicPartition> owned = {}, std::int32_t generation = -1) {
  return {.member_id = std::move(id),
          .instance_id = {},
          .topics = std::move(topics),
          .owned = std::move(owned),
          .generation = generation};
}

std::vector<TopicPartition> partitions(const std::string& topic, std::vector<PartitionIndex> indexes) {
  std::vector<TopicPartition> out;
  for (const PartitionIndex index : indexes) out.push_back({topic, index});
  return out;
}

TEST(Assignors, RangeGivesContiguousSharesOfEachTopicAndMoreToTheFirst) {
  const auto assigned = assign(Assignor::range, {member("b", {"t", "u"}), member("a", {"t", "u"})},
                               {{"t", 3}, {"u", 3}, {"nobody", 9}});
  EXPECT_EQ(assigned.at("a"), (std::vector<TopicPartition>{{"t", 0}, {"t", 1}, {"u", 0}, {"u", 1}}));
  EXPECT_EQ(assigned.at("b"), (std::vector<TopicPartition>{{"t", 2}, {"u", 2}}));
}

TEST(Assignors, RangeGivesNothingToWhoComesTooLateButNamesIt) {
  const auto assigned = assign(Assignor::range, {member("a", {"t"}), member("b", {"t"})}, {{"t", 1}});
  EXPECT_EQ(assigned.at("a").size(), 1u);
  EXPECT_TRUE(assigned.at("b").empty());
}

TEST(Assignors, StaticMembersComeFirstByTheirInstanceIds) {
  auto late = member("z", {"t"});
  late.instance_id = "1";
  auto later = member("y", {"t"});
  later.instance_id = "2";
  const auto assigned = assign(Assignor::range, {member("a", {"t"}), later, late}, {{"t", 3}});
  EXPECT_EQ(assigned.at("z"), partitions("t", {0}));
  EXPECT_EQ(assigned.at("y"), partitions("t", {1}));
  EXPECT_EQ(assigned.at("a"), partitions("t", {2}));
}

TEST(Assignors, RoundRobinPassesOverWhoDoesNotSubscribe) {
  const auto assigned =
      assign(Assignor::round_robin, {member("a", {"t"}), member("b", {"t", "u"}), member("c", {"u"})},
             {{"t", 3}, {"u", 2}});
  EXPECT_EQ(assigned.at("a"), partitions("t", {0, 2}));
  EXPECT_EQ(assigned.at("b"), (std::vector<TopicPartition>{{"t", 1}, {"u", 0}}));
  EXPECT_EQ(assigned.at("c"), partitions("u", {1}));
}

TEST(Assignors, CooperativeOnesTakeInTwoSteps) {
  auto assigned =
      assign(Assignor::cooperative_sticky,
             {member("a", {"t"}, partitions("t", {0, 1, 2, 3}), 1), member("b", {"t"})}, {{"t", 4}});
  EXPECT_EQ(assigned.at("a").size(), 2u);
  EXPECT_TRUE(assigned.at("b").empty());  // not before a has let go
  assigned = assign(Assignor::cooperative_sticky,
                    {member("a", {"t"}, assigned.at("a"), 2), member("b", {"t"}, {}, 2)}, {{"t", 4}});
  EXPECT_EQ(assigned.at("a").size(), 2u);
  EXPECT_EQ(assigned.at("b").size(), 2u);
}

TEST(Assignors, TheYoungerGenerationOwnsAndADisputeGivesToNeither) {
  const auto assigned =
      assign(Assignor::cooperative_sticky,
             {member("a", {"t"}, partitions("t", {0, 1}), 4), member("b", {"t"}, partitions("t", {0}), 5),
              member("c", {"t"}, partitions("t", {1}), 4)},
             {{"t", 3}});
  EXPECT_EQ(assigned.at("b"), partitions("t", {0}));
  std::set<TopicPartition> all;
  for (const auto& [id, some] : assigned) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), 3u);  // partition 1 had no owner any more
}

// Whatever members and topics there are: everything is given out once, evenly where all subscribe to all, and
// after one more round nothing moves.
TEST(Assignors, StickySharesAreEvenAndStay) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Random random(seed);
    PartitionCounts counts;
    std::vector<std::string> topics;
    for (std::uint64_t i = 0; i <= random.below(4); ++i) {
      topics.push_back("t" + std::to_string(i));
      counts[topics.back()] = static_cast<std::int32_t>(1 + random.below(9));
    }
    std::vector<MemberSubscription> members;
    for (std::uint64_t i = 0; i <= random.below(6); ++i)
      members.push_back(member("m" + std::to_string(i), topics));
    std::size_t total = 0;
    for (const auto& [topic, count] : counts) total += static_cast<std::size_t>(count);
    MemberAssignments assigned;
    for (std::int32_t generation = 1; generation <= 3; ++generation) {
      if (generation == 2 && members.size() > 1 && random.below(2) == 0) members.pop_back();
      if (generation == 2 && random.below(2) == 0) members.push_back(member("new", topics));
      for (int round = 0; round < 2; ++round) {
        assigned = assign(Assignor::cooperative_sticky, members, counts);
        for (auto& one : members) {
          one.owned = assigned.at(one.member_id);
          one.generation = generation;
        }
      }
      std::set<TopicPartition> all;
      std::size_t least = total, most = 0, given = 0;
      for (const auto& [id, some] : assigned) {
        all.insert(some.begin(), some.end());
        given += some.size();
        least = std::min(least, some.size());
        most = std::max(most, some.size());
      }
      ASSERT_EQ(all.size(), total) << seed;
      ASSERT_EQ(given, total) << seed;
      ASSERT_LE(most - least, 1u) << seed;
      ASSERT_EQ(assign(Assignor::cooperative_sticky, members, counts), assigned) << seed;
    }
  }
}

TEST(ConsumerProtocol, SubscriptionsAndAssignmentsComeBack) {
  const auto told = member("a", {"t", "u"}, {{"t", 1}, {"t", 2}, {"u", 0}}, 7);
  const auto heard = decode_subscription(encode_subscription(told));
  ASSERT_TRUE(heard.has_value());
  EXPECT_EQ(heard->topics, told.topics);
  EXPECT_EQ(heard->owned, told.owned);
  EXPECT_EQ(heard->generation, 7);
  EXPECT_EQ(*decode_assignment(encode_assignment(told.owned)), told.owned);
  EXPECT_TRUE(decode_assignment(Slice())->empty());
}

TEST(ConsumerProtocol, WhatIsNoneIsRefused) {
  EXPECT_FALSE(decode_subscription(Slice::copy_of("x")).has_value());
  EXPECT_FALSE(decode_subscription(Slice::copy_of(std::string_view("\xff\xff\0\0\0\0", 6))).has_value());
  EXPECT_FALSE(decode_assignment(Slice::copy_of(std::string_view("\0\1\0\0\0\x09", 6))).has_value());
}

TEST(Assignors, HaveKafkasNames) {
  for (const Assignor each : {Assignor::range, Assignor::round_robin, Assignor::cooperative_sticky})
    EXPECT_EQ(assignor_of(name_of(each)), each);
  EXPECT_FALSE(assignor_of("uniform").has_value());
}

}  // namespace
}  // namespace moldau::client
