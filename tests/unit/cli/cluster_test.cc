// Commands on a cluster that says what no healthy one of ours would: what becomes of it, and the exit code.
#include "unit/cli/scripted_cluster.h"
#include "wire/messages/create_topics.h"

namespace moldau::cli {
namespace {

using ClusterCommands = ScriptedCluster;

TEST_F(ClusterCommands, HealthTellsWhatIsWrong) {
  EXPECT_EQ(moldau({"cluster", "health"}), 0) << out.text << err.text;
  brokers[3].fenced = true;
  EXPECT_EQ(moldau({"cluster", "health", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("\"nodes_down\":[\"3\"]")) << out.text;
  brokers[3].fenced = false;
  partition("t", 1) = {.leader = -1, .isr = {}};
  EXPECT_EQ(moldau({"cluster", "health", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("\"leaderless\":[\"t/1\"],\"under_replicated\":[\"t/1\"],\"under_min_isr\":[\"t/1\"]"))
      << out.text;
  EXPECT_EQ(moldau({"cluster", "health", "--wait", "2s"}), 10);
  EXPECT_EQ(moldau({"cluster", "health", "--ready"}), 0) << "it serves";
  partition("t", 1) = {.isr = {1, 2}};
  EXPECT_EQ(moldau({"cluster", "health"}), 10);
  EXPECT_TRUE(printed("under-replicated") && !printed("min.insync")) << out.text;
  partition("t", 1) = {};
  controller = -1;
  EXPECT_EQ(moldau({"cluster", "health"}), 10);
  EXPECT_TRUE(printed("no controller")) << out.text;
}

TEST_F(ClusterCommands, HealthSeesABrokerThatIsNotEvenRegistered) {
  brokers.erase(3);
  partition("t", 0).isr = partition("t", 1).isr = {1, 2};
  EXPECT_EQ(moldau({"cluster", "health", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("\"nodes_down\":[\"3\"]")) << out.text;
}

TEST_F(ClusterCommands, HealthSeesVotersThatAreBehind) {
  voters[2].end = 40;
  EXPECT_EQ(moldau({"cluster", "health", "--format", "jsonl"}), 0) << "a moment's lag is none";
  EXPECT_TRUE(printed("\"voters\":3,\"quorum_lag\":60")) << out.text;
  voters[2].caught_up = 1'000'000 - 5'000;
  EXPECT_EQ(moldau({"cluster", "health"}), 10);
  EXPECT_TRUE(printed("voter 2 is behind the quorum")) << out.text;
}

TEST_F(ClusterCommands, AReplicaThatIsAddedIsNotMissing) {
  partition("t", 0) = {.replicas = {1, 2, 3, 4}, .isr = {1, 2, 3}, .adding = {4}};
  brokers[4] = {};
  EXPECT_EQ(moldau({"cluster", "health"}), 0) << out.text;
  EXPECT_EQ(moldau({"cluster", "health", "--strict"}), 10);
  EXPECT_TRUE(printed("replicas on the move")) << out.text;
}

TEST_F(ClusterCommands, StrictHealthLooksCloser) {
  EXPECT_EQ(moldau({"cluster", "health", "--strict"}), 0) << out.text << err.text;
  partition("t", 0).leader = 2;
  voters.erase(3);
  EXPECT_EQ(moldau({"cluster", "health"}), 0);
  EXPECT_EQ(moldau({"cluster", "health", "--strict", "--format", "jsonl"}), 10);
  EXPECT_TRUE(printed("2 voters tolerate only 0 failures")) << out.text;
  EXPECT_TRUE(printed("1 partitions are not led by their preferred leader")) << out.text;
}

TEST_F(ClusterCommands, BrokersAndTheirShares) {
  brokers[3].fenced = true;
  partition("t", 0).isr = {1, 2};
  partition("t", 1).replicas = {2, 3, 5};
  EXPECT_EQ(moldau({"cluster", "brokers", "--format", "jsonl"}), 0) << err.text;
  const auto lines = split(out.text, '\n');
  ASSERT_GE(lines.size(), 4U);
  const auto row = [&](std::size_t i) { return *Json::parse(lines[i]); };
  EXPECT_EQ(*row(0).find("leads")->as_integer(), 1);
  EXPECT_EQ(*row(0).find("replicas")->as_integer(), 1);
  EXPECT_EQ(*row(2).find("state")->as_string(), "fenced");
  EXPECT_EQ(*row(2).find("out_of_sync")->as_integer(), 1);
  EXPECT_EQ(*row(3).find("id")->as_integer(), 5) << "a broker that is not registered any more";
  EXPECT_EQ(*row(3).find("state")->as_string(), "unknown");
}

TEST_F(ClusterCommands, InfoShowsTheControllers) {
  EXPECT_EQ(moldau({"cluster", "info"}), 0) << err.text;
  EXPECT_TRUE(printed("CONTROLLERS\n")) << out.text;
  EXPECT_TRUE(printed("c1:9093"));
  broker.ranges.erase(wire::ApiKey::describe_quorum);
  EXPECT_EQ(moldau({"cluster", "info"}), 0) << "an older broker has no such section";
  EXPECT_FALSE(printed("CONTROLLERS"));
}

TEST_F(ClusterCommands, ReassignMovesAndShowsWhatMoves) {
  brokers[4] = {};
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--to", "1,2,4", "--dry-run"}), 0) << err.text;
  EXPECT_EQ(partition("t", 0).replicas, (std::vector<NodeId>{1, 2, 3})) << "only shown";
  moves_end = false;
  EXPECT_EQ(moldau({"cluster", "reassign", "t/0", "--to", "1,2,4", "--format", "jsonl"}), 0) << err.text;
  EXPECT_EQ(out.text, R"({"topic":"t","partition":0,"from":[1,2,3],"to":[1,2,4],"status":"OK"})"
                      "\n");
  EXPECT_EQ(moldau({"cluster", "reassign", "--format", "jsonl"}), 0);
  EXPECT_EQ(out.text, R"({"topic":"t","partition":0,"replicas":[1,2,4,3],"adding":[4],"removing":[3]})"
                      "\n");
  EXPECT_EQ(moldau({"cluster", "reassign", "t/1", "--from", "3", "--to", "4,1,2", "--wait=1s"}), 3);
  EXPECT_TRUE(printed("MOVING") && told("1 partitions are still moving")) << out.text << err.text;
  EXPECT_EQ(moldau({"cluster", "balance"}), 6) << "not over moves under way";
  EXPECT_EQ(moldau({"cluster", "reassign", "--cancel"}), 0);
  EXPECT_FALSE(partition("t", 0).moves());
  EXPECT_EQ(moldau({"cluster", "reassign", "--cancel"}), 0);
  EXPECT_TRUE(told("nothing is moving"));
}

TEST_F(ClusterCommands, ReassignFromABrokerConcernsOnlyWhatItHas) {
  brokers[4] = {};
  topics["u"] = {{.leader = 1, .replicas = {1}, .isr = {1}}};
  EXPECT_EQ(moldau({"cluster", "reassign", "--from", "3", "--wait", "--format", "jsonl"}), 0) << err.text;
  EXPECT_EQ(std::ranges::count(out.text, '\n'), 2) << out.text;
  for (const Partition& one : topics["t"]) EXPECT_EQ(std::ranges::count(one.replicas, 3), 0);
  EXPECT_EQ(moldau({"cluster", "reassign", "u", "--replicas", "3", "--format", "jsonl"}), 0) << err.text;
  EXPECT_EQ(partition("u", 0).replicas.size(), 3U);
}

TEST_F(ClusterCommands, WhatCannotBeReassigned) {
  EXPECT_EQ(moldau({"cluster", "reassign", "t"}), 2);
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--to", "1,2,9"}), 5);
  EXPECT_TRUE(told("there is no broker 9"));
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--to", "1,2"}), 2);
  EXPECT_TRUE(told("needs 3 brokers"));
  EXPECT_EQ(moldau({"cluster", "reassign", "tt", "--to", "1,2,3"}), 5);
  EXPECT_TRUE(told("did you mean t?"));
  EXPECT_EQ(moldau({"cluster", "reassign", "t/7", "--to", "1,2,3"}), 5);
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--to", "one"}), 2);
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--cancel", "--to", "1"}), 2);
  brokers[4] = {};
  refusal = wire::ErrorCode::invalid_replica_assignment;
  EXPECT_EQ(moldau({"cluster", "reassign", "t", "--to", "1,2,4"}), 1);
  EXPECT_TRUE(printed("INVALID_REPLICA_ASSIGNMENT"));
}

TEST_F(ClusterCommands, BalanceUsesANewBroker) {
  brokers[4] = {};
  topics["t"] = std::vector<Partition>(8);
  EXPECT_EQ(moldau({"cluster", "balance", "--wait"}), 0) << err.text;
  std::map<NodeId, int> replicas, preferred;
  for (const Partition& one : topics["t"]) {
    for (const NodeId node : one.replicas) ++replicas[node];
    ++preferred[one.replicas.front()];
    EXPECT_EQ(one.leader, one.replicas.front()) << "and the new leaders lead";
  }
  for (const NodeId node : {1, 2, 3, 4}) {
    EXPECT_EQ(replicas[node], 6) << node;
    EXPECT_NEAR(preferred[node], 2, 1) << node;
  }
  EXPECT_EQ(moldau({"cluster", "balance"}), 0);
  EXPECT_TRUE(told("every replica is where it should be"));
}

TEST_F(ClusterCommands, Elections) {
  partition("t", 0).leader = 3;
  EXPECT_EQ(moldau({"cluster", "elect"}), 0) << err.text;
  EXPECT_TRUE(printed("t/0") && !printed("t/1")) << out.text;
  EXPECT_TRUE(told("1 partitions needed no election"));
  EXPECT_EQ(partition("t", 0).leader, 1);
  partition("t", 1) = {.leader = 3, .isr = {3}};
  EXPECT_EQ(moldau({"cluster", "elect", "t/1"}), 1);
  EXPECT_TRUE(printed("PREFERRED_LEADER_NOT_AVAILABLE")) << out.text;
  EXPECT_EQ(moldau({"cluster", "elect", "--unclean", "-y"}), 2) << "never of everything";
  EXPECT_EQ(moldau({"cluster", "elect", "t/1", "--unclean"}), 2) << "never without a yes";
  partition("t", 1).leader = -1;
  EXPECT_EQ(moldau({"cluster", "elect", "t/1", "--unclean", "-y"}), 0) << err.text;
  EXPECT_EQ(partition("t", 1).leader, 1);
}

TEST_F(ClusterCommands, QuorumStatusWarnsOfAnEvenNumber) {
  EXPECT_EQ(moldau({"quorum", "status"}), 0);
  EXPECT_TRUE(printed("leader") && printed("follower")) << out.text;
  EXPECT_FALSE(told("warning"));
  voters.erase(3);
  EXPECT_EQ(moldau({"cluster", "quorum"}), 0) << "the same under its other name";
  EXPECT_TRUE(told("2 voters tolerate 0 failures")) << err.text;
}

TEST_F(ClusterCommands, VotersAreKnownByTheQuorumOrByTheirDirectory) {
  EXPECT_EQ(moldau({"quorum", "add-voter", "4", "--endpoint", "k4:9093"}), 5);
  EXPECT_TRUE(told("node 4 is no observer"));
  observers[4] = {.directory = Uuid{7, 4}};
  EXPECT_EQ(moldau({"quorum", "add-voter", "4"}), 2);
  EXPECT_EQ(moldau({"quorum", "add-voter", "4", "--endpoint", "nonsense"}), 2);
  EXPECT_EQ(moldau({"quorum", "add-voter", "4", "--endpoint", "k4:9093"}), 0) << err.text;
  ASSERT_EQ(added_voters.size(), 1U);
  EXPECT_EQ(added_voters[0].voter_directory_id, (Uuid{7, 4}));
  EXPECT_EQ(added_voters[0].listeners.at(0).name, "CONTROLLER");
  EXPECT_TRUE(told("4 voters tolerate 1 failures, no more than 3 would")) << err.text;
  const std::string other = Uuid{9, 9}.to_string();
  EXPECT_EQ(moldau({"quorum", "add-voter", "5", "--endpoint", "C://k5:9093", "--directory-id", other}), 0);
  EXPECT_EQ(added_voters[1].listeners.at(0).name, "C");
  EXPECT_EQ(moldau({"quorum", "add-voter", "5", "--endpoint", "k5:9093", "--directory-id", "x"}), 2);
  EXPECT_EQ(moldau({"quorum", "remove-voter", "3"}), 2) << "never without a yes";
  EXPECT_EQ(moldau({"quorum", "remove-voter", "3", "-y"}), 0) << err.text;
  EXPECT_FALSE(voters.contains(3));
  EXPECT_EQ(moldau({"quorum", "remove-voter", "3", "-y"}), 5);
  EXPECT_EQ(moldau({"quorum", "remove-voter"}), 2);
}

TEST_F(ClusterCommands, DrainAndResume) {
  topics["t"] = std::vector<Partition>(6);
  EXPECT_EQ(moldau({"node", "drain", "1", "--dry-run"}), 0);
  EXPECT_EQ(partition("t", 0).leader, 1);
  EXPECT_EQ(moldau({"node", "drain", "1"}), 0) << out.text << err.text;
  for (const Partition& one : topics["t"]) {
    EXPECT_NE(one.leader, 1);
    EXPECT_EQ(one.replicas.back(), 1) << "it still has its replica";
  }
  EXPECT_EQ(moldau({"node", "resume", "1"}), 0) << err.text;
  EXPECT_EQ(std::ranges::count(topics["t"], 1, &Partition::leader), 2) << "its third";
  brokers[1].fenced = true;
  EXPECT_EQ(moldau({"node", "resume", "1"}), 6);
  EXPECT_EQ(moldau({"node", "drain", "9"}), 5);
  EXPECT_EQ(moldau({"node", "drain"}), 2);
}

TEST_F(ClusterCommands, DrainTellsWhatItCannotMove) {
  topics["t"] = {{.leader = 1, .replicas = {1}, .isr = {1}}, Partition{}};
  EXPECT_EQ(moldau({"node", "drain", "1"}), 1);
  EXPECT_TRUE(told("broker 1 still leads 1 partitions") && told("t/0")) << err.text;
  EXPECT_EQ(partition("t", 1).leader, 2);
}

TEST_F(ClusterCommands, RestartCheck) {
  EXPECT_EQ(moldau({"node", "restart-check", "3"}), 0) << out.text << err.text;
  EXPECT_EQ(moldau({"node", "restart-check", "1"}), 0) << "leading and being controller move by themselves";
  EXPECT_TRUE(printed("active controller")) << out.text;
  partition("t", 0).isr = {1, 3};
  EXPECT_EQ(moldau({"node", "restart-check", "3"}), 10);
  EXPECT_TRUE(printed("would refuse acks=all: t/0")) << out.text;
  partition("t", 0).isr = {3};
  EXPECT_EQ(moldau({"node", "restart-check", "3"}), 10);
  EXPECT_TRUE(printed("no other in-sync replica: t/0")) << out.text;
  partition("t", 0).isr = {1, 2, 3};
  voters[2].caught_up = 900'000;
  EXPECT_EQ(moldau({"node", "restart-check", "3"}), 10);
  EXPECT_TRUE(printed("1 other voters of 3 keep up, 2 are needed")) << out.text;
}

TEST_F(ClusterCommands, UnregisterAsksAndTellsWhatIsLost) {
  brokers[3].fenced = true;
  EXPECT_EQ(moldau({"node", "unregister", "3"}), 2);
  EXPECT_TRUE(told("unregister broker 3 and has 2 replicas needs a yes")) << err.text;
  EXPECT_TRUE(unregistered.empty());
  EXPECT_EQ(moldau({"node", "unregister", "3", "--yes"}), 0) << err.text;
  EXPECT_EQ(unregistered, std::vector<NodeId>{3});
}

TEST_F(ClusterCommands, DescribeFindsPartitionsByTheirStateInEveryTopic) {
  topics["u"] = {{.isr = {1, 2}}, {.leader = -1, .isr = {}}};
  EXPECT_EQ(moldau({"topic", "describe", "--unavailable", "--format", "jsonl"}), 0) << err.text;
  EXPECT_EQ(std::ranges::count(out.text, '\n'), 1) << "only the topic that has one: " << out.text;
  EXPECT_TRUE(printed("\"name\":\"u\""));
  EXPECT_EQ(moldau({"topic", "describe", "--at-min-isr", "-p", "--format", "csv"}), 0);
  EXPECT_TRUE(printed("u,0,1,")) << out.text;
  EXPECT_EQ(moldau({"topic", "describe"}), 2) << "which one?";
  partition("t", 0) = {.replicas = {1, 2, 3, 4}, .adding = {4}};
  EXPECT_EQ(moldau({"topic", "describe", "t", "--under-replicated", "-p", "--format", "csv"}), 0);
  EXPECT_EQ(std::ranges::count(out.text, '\n'), 1) << "the heading alone: " << out.text;
}

TEST_F(ClusterCommands, WhoMayNotIsToldSo) {
  broker.serves<wire::CreateTopicsRequest, wire::CreateTopicsResponse>([](const auto& request) {
    wire::CreateTopicsResponse response;
    for (const auto& topic : request.topics)
      response.topics.push_back(
          {.name = topic.name, .error_code = wire::ErrorCode::topic_authorization_failed});
    return response;
  });
  EXPECT_EQ(moldau({"topic", "create", "mine", "yours"}), 4) << out.text << err.text;
  EXPECT_TRUE(printed("TOPIC_AUTHORIZATION_FAILED")) << out.text;
}

}  // namespace
}  // namespace moldau::cli
