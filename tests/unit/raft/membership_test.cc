// Changes of the voters, one rule at a time (KIP-853).
#include <gtest/gtest.h>

#include <algorithm>

#include "raft/voter_history.h"
#include "unit/raft/cluster.h"

namespace moldau::raft::testing {
namespace {

using namespace std::chrono_literals;

Voter voter(NodeId id, std::uint64_t directory) { return {{id, {0, directory}}, {{"C", "host", 9}}, {}}; }

TEST(VoterSet, HasOneVoterPerId) {
  const VoterSet set({voter(3, 103), voter(1, 101)});
  EXPECT_EQ(set.begin()->key.id, 1);
  EXPECT_EQ(set.majority(), 2u);
  EXPECT_FALSE(set.with(voter(1, 999)));
  EXPECT_TRUE(set.with(voter(2, 102))->contains(NodeId(2)));
  EXPECT_FALSE(set.without({1, {0, 999}}));
  EXPECT_EQ(set.without({1, {0, 101}})->size(), 1u);
  EXPECT_FALSE(set.with_updated(voter(1, 999)));
  EXPECT_TRUE(set.contains(ReplicaKey{1, {}}));  // a directory that is not known
  EXPECT_FALSE(set.contains(ReplicaKey{1, {0, 999}}));
  EXPECT_DEATH(VoterSet({voter(1, 101), voter(1, 102)}), "its own");
}

TEST(VoterSet, RA_13_OneChangeAtATimeKeepsMajoritiesJoined) {
  const VoterSet three({voter(1, 101), voter(2, 102), voter(3, 103)});
  EXPECT_TRUE(three.follows_safely(three));
  EXPECT_TRUE(three.with(voter(4, 104))->follows_safely(three));
  EXPECT_TRUE(three.without({1, {0, 101}})->follows_safely(three));
  EXPECT_FALSE(three.without({1, {0, 101}})->with(voter(1, 999))->follows_safely(three));
  EXPECT_FALSE(three.with(voter(4, 104))->with(voter(5, 105))->follows_safely(three));
}

TEST(VoterHistory, FollowsTheLog) {
  const VoterSet one({voter(1, 101)});
  const VoterSet two = *one.with(voter(2, 102));
  const VoterSet three = *two.with(voter(3, 103));
  VoterHistory history({1, one});
  EXPECT_EQ(history.voters(), one);
  EXPECT_EQ(history.voters_offset(), kNoOffset);
  history.append(5, two);
  history.append(9, three);
  EXPECT_EQ(history.voters(), three);
  EXPECT_EQ(history.before(5).voters, one);
  EXPECT_EQ(history.before(6).voters, two);
  EXPECT_EQ(history.before(9).voters, two);
  history.truncate(9);
  EXPECT_EQ(history.voters(), two);
  history.forget_before(20);
  EXPECT_EQ(history.voters(), two);
  history.truncate(3);
  EXPECT_EQ(history.voters(), one);
  history.install(30, {1, three});
  EXPECT_EQ(history.voters(), three);
  EXPECT_EQ(history.voters_offset(), 29);
  EXPECT_EQ(history.before(30), (Configuration{1, three}));
}

class Membership : public ::testing::Test {
 protected:
  void begin(Shape shape) {
    cluster_.emplace(shape, 1, Faults{.max_delay = 1ms});
    cluster_->run_for(5s);
    leader_ = cluster_->leader();
    ASSERT_NE(leader_, kNoNode) << cluster_->describe();
  }
  void TearDown() override {
    if (cluster_) {
      EXPECT_FALSE(cluster_->failed()) << cluster_->describe();
    }
  }
  // The answer, once it is there.
  std::optional<RaftError> ended(VoterChangeId change, Duration within = 6s) {
    cluster_->run_for(within);
    const auto& outcomes = cluster_->outcomes(leader_);
    const auto found = outcomes.find(change);
    return found == outcomes.end() ? std::nullopt : std::optional(found->second.error);
  }
  std::vector<NodeId> voters() {
    std::vector<NodeId> out;
    for (const Voter& voter : cluster_->raft(leader_).voters()) out.push_back(voter.key.id);
    return out;
  }
  NodeId other() const { return leader_ == 1 ? 2 : 1; }

  std::optional<Cluster> cluster_;
  NodeId leader_ = kNoNode;
};

TEST_F(Membership, AStandaloneNodeGrowsToThreeAndServesWithTheLossOfOne) {
  begin({1, 2, true});
  EXPECT_EQ(voters(), (std::vector<NodeId>{1}));
  EXPECT_EQ(ended(cluster_->add_voter(1, 2)), RaftError::none);
  EXPECT_EQ(ended(cluster_->add_voter(1, 3)), RaftError::none);
  EXPECT_EQ(voters(), (std::vector<NodeId>{1, 2, 3}));
  EXPECT_TRUE(cluster_->raft(3).is_voter());
  cluster_->crash(1);
  cluster_->run_for(10s);
  leader_ = cluster_->leader();
  ASSERT_NE(leader_, kNoNode);
  EXPECT_NE(leader_, 1);
  EXPECT_TRUE(cluster_->write(leader_));
}

TEST_F(Membership, TheFirstLeaderWritesTheVotersDown) {
  begin({3, 1, true});
  cluster_->run_for(5s);
  // The observer was told by nobody but the log.
  EXPECT_EQ(cluster_->raft(4).voters(), cluster_->raft(leader_).voters());
  EXPECT_EQ(cluster_->raft(4).kraft_version(), 1);
  EXPECT_GE(cluster_->raft(4).configuration_before(3).voters.size(), 3u);
}

TEST_F(Membership, WhatCannotBeIsRefused) {
  begin({3, 1, true});
  Raft& raft = cluster_->raft(leader_);
  const Time deadline = cluster_->now() + 3s;
  const auto outcome = [&](VoterChangeId change) {
    cluster_->carry_out(leader_);
    return ended(change, 1ms);
  };
  const Voter fourth{cluster_->key(4), {{"CONTROLLER", "node4", 9093}}, {}};
  Voter bad = fourth;
  bad.endpoints.clear();
  EXPECT_EQ(outcome(raft.on_add_voter({bad}, deadline, cluster_->now())), RaftError::invalid_request);
  bad = fourth;
  bad.key.directory = {};
  EXPECT_EQ(outcome(raft.on_add_voter({bad}, deadline, cluster_->now())), RaftError::invalid_request);
  bad = fourth;
  bad.kraft_versions = {0, 0};
  EXPECT_EQ(outcome(raft.on_add_voter({bad}, deadline, cluster_->now())), RaftError::invalid_request);
  bad = fourth;
  bad.key.id = other();
  EXPECT_EQ(outcome(raft.on_add_voter({bad}, deadline, cluster_->now())), RaftError::duplicate_voter);
  EXPECT_EQ(outcome(raft.on_remove_voter({cluster_->key(4)}, deadline, cluster_->now())),
            RaftError::voter_not_found);
  EXPECT_EQ(outcome(raft.on_remove_voter({{other(), {}}}, deadline, cluster_->now())),
            RaftError::invalid_request);
  EXPECT_EQ(outcome(raft.on_remove_voter({{other(), {7, 7}}}, deadline, cluster_->now())),
            RaftError::voter_not_found);
  EXPECT_EQ(outcome(raft.on_update_voter({raft.epoch(), fourth}, deadline, cluster_->now())),
            RaftError::voter_not_found);
  EXPECT_EQ(outcome(raft.on_update_voter({raft.epoch() - 1, fourth}, deadline, cluster_->now())),
            RaftError::fenced_leader_epoch);
  Raft& follower = cluster_->raft(other());
  const VoterChangeId asked = follower.on_add_voter({fourth}, deadline, cluster_->now());
  cluster_->carry_out(other());
  EXPECT_EQ(cluster_->outcomes(other()).at(asked).error, RaftError::not_leader_or_follower);
  EXPECT_EQ(cluster_->outcomes(other()).at(asked).leader_id, leader_);
  EXPECT_TRUE(cluster_->outcomes(other()).at(asked).leader_endpoint);
}

TEST_F(Membership, StaticVotersStay) {
  begin({3, 1});
  EXPECT_EQ(ended(cluster_->add_voter(leader_, 4)), RaftError::unsupported_version);
  EXPECT_EQ(ended(cluster_->remove_voter(leader_, cluster_->key(other()))), RaftError::unsupported_version);
  EXPECT_EQ(voters().size(), 3u);
}

TEST_F(Membership, TheLastVoterStays) {
  begin({1, 1, true});
  EXPECT_EQ(ended(cluster_->remove_voter(1, cluster_->key(1))), RaftError::invalid_request);
}

TEST_F(Membership, WhoHasNotCaughtUpIsNotAdded) {
  begin({3, 1, true});
  cluster_->isolate(4);
  cluster_->run_for(10s);
  const VoterChangeId change = cluster_->add_voter(leader_, 4);
  EXPECT_EQ(ended(change, 4s), std::nullopt);  // waits for it
  EXPECT_EQ(ended(change, 2s), RaftError::request_timed_out);
  EXPECT_EQ(voters().size(), 3u);
  const VoterChangeId again = cluster_->add_voter(leader_, 4);
  cluster_->run_for(1s);
  cluster_->heal();
  EXPECT_EQ(ended(again, 4s), RaftError::none);
}

TEST_F(Membership, RA_13_OneChangeAtATime) {
  begin({3, 2, true});
  cluster_->isolate(4);
  cluster_->run_for(10s);
  (void)cluster_->add_voter(leader_, 4);  // waits
  const VoterChangeId second = cluster_->add_voter(leader_, 5);
  EXPECT_EQ(ended(second, 1ms), RaftError::request_timed_out);
  cluster_->run_for(6s);
  // Appended, not committed: nobody else is reached.
  for (const NodeId id : cluster_->ids())
    if (id != leader_) cluster_->crash(id);
  (void)cluster_->remove_voter(leader_, cluster_->key(other()));
  EXPECT_EQ(voters().size(), 2u);
  EXPECT_EQ(ended(cluster_->remove_voter(leader_, cluster_->key(3)), 1ms), RaftError::request_timed_out);
}

TEST_F(Membership, RA_13_NotBeforeAnEntryOfTheOwnEpochIsCommitted) {
  begin({3, 1, true});
  const NodeId next = other();
  cluster_->crash(leader_);
  cluster_->time_out(6 - leader_ - next);
  cluster_->run_for(3ms);  // is refused, but will not refuse any more
  cluster_->time_out(next);
  for (int i = 0; i < 1000 && cluster_->raft(next).role() != Role::leader; ++i) cluster_->run_for(10us);
  leader_ = next;
  ASSERT_FALSE(cluster_->raft(next).is_ready_leader());
  EXPECT_EQ(ended(cluster_->add_voter(next, 4), 1ns), RaftError::request_timed_out);
  cluster_->run_for(2s);
  EXPECT_EQ(ended(cluster_->add_voter(next, 4)), RaftError::none);
}

TEST_F(Membership, AChangeThatIsNotCommittedIsRolledBack) {
  begin({3, 1, true});
  const NodeId old = leader_;
  cluster_->run_for(2s);
  cluster_->isolate(old);
  cluster_->isolate(4);  // the two together: of the voters 1 to 4 no majority
  const VoterChangeId change = cluster_->add_voter(old, 4);
  cluster_->run_for(1s);
  EXPECT_EQ(cluster_->raft(old).voters().size(), 4u);
  EXPECT_EQ(ended(change), RaftError::not_leader_or_follower);  // it has resigned: nobody knows
  cluster_->run_for(10s);
  leader_ = cluster_->leader();
  ASSERT_NE(leader_, kNoNode);
  ASSERT_NE(leader_, old);
  cluster_->heal();
  cluster_->run_for(10s);
  EXPECT_EQ(cluster_->raft(old).voters().size(), 3u);
  EXPECT_EQ(cluster_->raft(4).voters().size(), 3u);
}

TEST_F(Membership, RA_14_ALeaderThatIsRemovedLeadsUntilThatIsCommitted) {
  begin({3, 0, true});
  const NodeId old = leader_;
  const VoterChangeId change = cluster_->remove_voter(old, cluster_->key(old));
  EXPECT_EQ(cluster_->raft(old).role(), Role::leader);
  EXPECT_EQ(ended(change, 100ms), RaftError::none);
  EXPECT_NE(cluster_->raft(old).role(), Role::leader);
  cluster_->run_for(10s);
  leader_ = cluster_->leader();
  ASSERT_NE(leader_, kNoNode);
  EXPECT_NE(leader_, old);
  EXPECT_EQ(voters().size(), 2u);
  EXPECT_EQ(cluster_->raft(old).role(), Role::follower);  // an observer
  EXPECT_FALSE(cluster_->raft(old).is_voter());
  const LeaderEpoch epoch = cluster_->max_epoch();
  cluster_->run_for(60s);
  EXPECT_EQ(cluster_->max_epoch(), epoch);
}

// Only the leader has the record that removes it, and the longest log: it must stand once more.
TEST_F(Membership, RA_14_ALeaderWhoseRemovalIsNotCommittedMayStandAgain) {
  begin({2, 0, true});
  const NodeId old = leader_;
  const NodeId next = other();
  cluster_->isolate(next);
  (void)cluster_->remove_voter(old, cluster_->key(old));
  cluster_->run_for(50ms);
  ASSERT_EQ(cluster_->log(old).flushed(), cluster_->log(old).end().offset);
  cluster_->crash(old);
  cluster_->heal();
  cluster_->restart(old);
  cluster_->run_for(30s);
  leader_ = cluster_->leader();
  EXPECT_EQ(leader_, next);
  EXPECT_EQ(voters(), (std::vector<NodeId>{next}));
}

TEST_F(Membership, RA_12_AWipedVoterIsANewOne) {
  begin({3, 0, true});
  const NodeId wiped = other();
  const ReplicaKey lost = cluster_->key(wiped);
  cluster_->wipe(wiped);
  cluster_->restart(wiped);
  cluster_->run_for(10s);
  EXPECT_FALSE(cluster_->raft(wiped).is_voter());
  EXPECT_EQ(cluster_->log(wiped).end(), cluster_->log(leader_).end());  // it observes
  // It does not count: with one more down, nothing is committed.
  const NodeId third = 6 - leader_ - wiped;
  cluster_->crash(third);
  const std::size_t before = cluster_->committed_count();
  (void)cluster_->write(leader_);
  cluster_->run_for(2s);
  EXPECT_EQ(cluster_->committed_count(), before);
  cluster_->restart(third);
  cluster_->run_for(10s);
  leader_ = cluster_->leader();
  ASSERT_NE(leader_, kNoNode);
  EXPECT_EQ(ended(cluster_->add_voter(leader_, wiped)), RaftError::duplicate_voter);
  EXPECT_EQ(ended(cluster_->remove_voter(leader_, lost)), RaftError::none);
  leader_ = cluster_->leader();
  EXPECT_EQ(ended(cluster_->add_voter(leader_, wiped)), RaftError::none);
  EXPECT_TRUE(cluster_->raft(wiped).is_voter());
}

// --- one replica and hand-written peers

class One {
 public:
  explicit One(NodeId id, Settings settings = {}) : key_{id, {0, static_cast<std::uint64_t>(100 + id)}} {
    settings.self = key_;
    if (settings.self_endpoints.empty()) settings.self_endpoints = {{"C", "host", 9}};
    settings.bootstrap_servers = 1;
    raft_.emplace(settings, log_, VoterHistory({1, VoterSet({voter(1, 101), voter(2, 102)})}), QuorumState{},
                  0, Random(1), now_);
  }
  // Follows node 2, and has all that it has.
  void follow() {
    (void)raft_->on_begin_quorum_epoch({2, 5, key_, {}}, now_);
    raft_->poll(now_);
    const auto fetch = sent<FetchRequest>();
    ASSERT_EQ(fetch.size(), 1u);
    raft_->on_response(2, fetch[0], {.leader_epoch = 5, .leader_id = 2}, now_);
  }
  template <class T>
  std::vector<T> sent() {
    std::vector<T> out;
    for (const Effect& effect : raft_->take_effects())
      if (const auto* send = std::get_if<Send>(&effect))
        if (const auto* request = std::get_if<T>(&send->request)) out.push_back(*request);
    return out;
  }
  const ReplicaKey key_;
  MemoryLog log_;
  Time now_{1};
  std::optional<Raft> raft_;
};

TEST(OwnMembership, AVoterThatMovedSaysSo) {
  One replica(1, {.self_endpoints = {{"C", "elsewhere", 9}}});
  replica.follow();
  const auto updates = replica.sent<UpdateVoterRequest>();
  ASSERT_EQ(updates.size(), 1u);
  EXPECT_EQ(updates[0].voter.endpoints[0].host, "elsewhere");
  EXPECT_EQ(updates[0].current_leader_epoch, 5);
}

TEST(OwnMembership, AControllerJoinsByItselfWhereThatIsWished) {
  for (const bool auto_join : {false, true}) {
    One replica(3, {.auto_join = auto_join});
    replica.follow();
    const auto requests = replica.sent<AddVoterRequest>();
    ASSERT_EQ(requests.size(), auto_join ? 1u : 0u);
    if (auto_join) {
      EXPECT_EQ(requests[0].voter.key, (ReplicaKey{3, {0, 103}}));
    }
  }
}

TEST(OwnMembership, AnObserverAsksBootstrapServersInTurnAndEverMoreSlowly) {
  MemoryLog log;
  Time now{1};
  Settings settings{.self = {3, {0, 103}}};
  settings.bootstrap_servers = 3;
  Raft raft(settings, log, VoterHistory({1, {}}), QuorumState{}, 0, Random(1), now);
  std::map<NodeId, int> asked;
  std::vector<Time> times;
  while (now < 5s) {
    now = std::max(now, raft.deadline());
    raft.poll(now);
    for (Effect& effect : raft.take_effects()) {
      auto* send = std::get_if<Send>(&effect);
      if (!send) continue;
      ++asked[send->to];
      times.push_back(now);
      raft.on_response(send->to, std::get<FetchRequest>(send->request),
                       {.error = RaftError::not_leader_or_follower}, now);
    }
  }
  ASSERT_EQ(asked.size(), 3u);
  for (const auto& [id, count] : asked) EXPECT_LT(id, kNoNode);
  EXPECT_LT(times.size(), 20u);
  EXPECT_GT(times[2] - times[1], times[1] - times[0]);
  // Then one of them knows.
  now = std::max(now, raft.deadline());
  raft.poll(now);
  for (Effect& effect : raft.take_effects())
    if (auto* send = std::get_if<Send>(&effect))
      raft.on_response(send->to, std::get<FetchRequest>(send->request),
                       {.error = RaftError::fenced_leader_epoch,
                        .leader_epoch = 7,
                        .leader_id = 1,
                        .leader_endpoint = Endpoint{"", "one", 9093}},
                       now);
  EXPECT_EQ(raft.role(), Role::follower);
  EXPECT_EQ(raft.endpoint_of(1)->host, "one");
}

}  // namespace
}  // namespace moldau::raft::testing
