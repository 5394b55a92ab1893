// Plans of moves: which replicas go where.
#include "cli/move_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace moldau::cli {
namespace {

using Nodes = std::vector<NodeId>;

std::vector<client::BrokerInfo> brokers(std::initializer_list<NodeId> ids) {
  std::vector<client::BrokerInfo> out;
  for (const NodeId id : ids) out.push_back({.id = id});
  return out;
}
std::vector<client::BrokerInfo> racks(std::initializer_list<std::pair<NodeId, const char*>> named) {
  std::vector<client::BrokerInfo> out;
  for (const auto& [id, rack] : named) out.push_back({.id = id, .rack = rack});
  return out;
}
Assignment assignment(std::initializer_list<Nodes> partitions) {
  Assignment all;
  for (const Nodes& replicas : partitions) all[{"t", static_cast<PartitionIndex>(all.size())}] = replicas;
  return all;
}
std::map<NodeId, int> counts(const Assignment& all, const Assignment& plan, bool leaders) {
  std::map<NodeId, int> found;
  for (const auto& [partition, replicas] : all) {
    const Nodes& now = plan.contains(partition) ? plan.at(partition) : replicas;
    if (leaders) ++found[now.front()];
    for (const NodeId node : now) found[node] += leaders ? 0 : 1;
  }
  return found;
}

TEST(MovePlan, WhatIsThereStaysAndWhatGoesIsReplacedWhereItStood) {
  const auto all = assignment({{1, 2, 3}, {2, 3, 1}});
  const auto plan = plan_move(all, all, {.targets = brokers({1, 2, 4})});
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->at({"t", 0}), (Nodes{1, 2, 4}));
  EXPECT_EQ(plan->at({"t", 1}), (Nodes{2, 4, 1}));
  const auto none = plan_move(all, all, {.targets = brokers({1, 2, 3, 4})});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty()) << "nothing needs to move";
}

TEST(MovePlan, NewReplicasGoWhereTheFewestAre) {
  const auto all = assignment({{1}, {1}, {1}, {4}});
  const auto plan = plan_move(all, assignment({{1}, {1}, {1}}), {.targets = brokers({4, 5})});
  ASSERT_TRUE(plan);
  EXPECT_EQ(counts(all, *plan, false), (std::map<NodeId, int>{{4, 2}, {5, 2}}));
}

TEST(MovePlan, TheReplicationFactorGrowsIntoOtherRacksAndShrinksFromTheEnd) {
  const auto all = assignment({{1}});
  const auto grown =
      plan_move(all, all, {.targets = racks({{1, "a"}, {2, "a"}, {3, "b"}}), .replication_factor = 2});
  ASSERT_TRUE(grown);
  EXPECT_EQ(grown->at({"t", 0}), (Nodes{1, 3}));
  const auto three = assignment({{1, 2, 3}});
  const auto shrunk = plan_move(three, three, {.targets = brokers({1, 2, 3}), .replication_factor = 1});
  ASSERT_TRUE(shrunk);
  EXPECT_EQ(shrunk->at({"t", 0}), Nodes{1});
}

TEST(MovePlan, TooFewBrokersAreRefused) {
  const auto all = assignment({{1, 2, 3}});
  const auto plan = plan_move(all, all, {.targets = brokers({1, 2})});
  ASSERT_FALSE(plan);
  EXPECT_EQ(plan.error().exit, Exit::usage);
  EXPECT_NE(plan.error().what.find("needs 3 brokers"), std::string::npos);
  EXPECT_TRUE(plan_move(all, all, {.targets = brokers({1, 2}), .replication_factor = 2}));
}

TEST(MovePlan, BalanceFillsANewBrokerWithAsFewMovesAsLeadThere) {
  Assignment all;
  for (PartitionIndex i = 0; i < 12; ++i) all[{"t", i}] = {1 + i % 3, 1 + (i + 1) % 3, 1 + (i + 2) % 3};
  const auto plan = plan_balance(all, brokers({1, 2, 3, 4}));
  const auto replicas = counts(all, plan, false);
  for (const auto& [node, count] : replicas) EXPECT_EQ(count, 9) << node;
  std::size_t moved = 0;
  for (const auto& [partition, now] : plan) moved += std::ranges::count(now, 4);
  EXPECT_EQ(moved, 9U) << "no replica is moved that need not be";
  for (const auto& [node, count] : counts(all, plan, true)) EXPECT_NEAR(count, 3, 1) << node;
  for (const auto& [partition, now] : plan) EXPECT_EQ(std::set<NodeId>(now.begin(), now.end()).size(), 3U);
}

TEST(MovePlan, BalanceKeepsRacksAndLeavesWhatIsEven) {
  const auto even = assignment({{1, 2}, {2, 1}});
  EXPECT_TRUE(plan_balance(even, brokers({1, 2})).empty());
  // 1 and 2 are in one rack: to even 3's share out would put two replicas into it.
  const auto all = assignment({{1, 3}, {1, 3}, {1, 3}, {1, 3}});
  const auto plan = plan_balance(all, racks({{1, "a"}, {2, "a"}, {3, "b"}}));
  for (const auto& [partition, now] : plan) EXPECT_EQ(std::ranges::count(now, 3), 1) << "in both racks";
  EXPECT_EQ(counts(all, plan, false), (std::map<NodeId, int>{{1, 2}, {2, 2}, {3, 4}}));
}

client::TopicInfo topic(std::vector<client::PartitionInfo> partitions) {
  client::TopicInfo out{.name = "t"};
  for (auto& partition : partitions) {
    partition.index = static_cast<PartitionIndex>(out.partitions.size());
    out.partitions.push_back(partition);
  }
  return out;
}

TEST(MovePlan, DrainPutsTheBrokerLastWhereAnotherOneCanLead) {
  const std::vector<client::TopicInfo> topics{topic({
      {.leader = 1, .replicas = {1, 2, 3}, .isr = {1, 3}},  // 2 is behind
      {.leader = 1, .replicas = {2, 1}, .isr = {1, 2}},     // leads though not preferred
      {.leader = 2, .replicas = {2, 1}, .isr = {1, 2}},     // not its own
      {.leader = 1, .replicas = {1}, .isr = {1}},           // nobody else
  })};
  const auto plan = plan_drain(topics, 1);
  EXPECT_EQ(plan, (Assignment{{{"t", 0}, {3, 2, 1}}, {{"t", 1}, {2, 1}}}));
}

TEST(MovePlan, ResumeGivesABrokerItsShareFromThoseWhoLeadMost) {
  Assignment drained;
  for (PartitionIndex i = 0; i < 6; ++i) drained[{"t", i}] = i < 4 ? Nodes{2, 3, 1} : Nodes{3, 2, 1};
  const auto plan = plan_resume(drained, 1);
  EXPECT_EQ(plan.size(), 2U) << "a third of six";
  EXPECT_EQ(counts(drained, plan, true), (std::map<NodeId, int>{{1, 2}, {2, 2}, {3, 2}}));
  Assignment resumed = drained;
  for (const auto& [partition, now] : plan) resumed[partition] = now;
  EXPECT_TRUE(plan_resume(resumed, 1).empty());
}

}  // namespace
}  // namespace moldau::cli
