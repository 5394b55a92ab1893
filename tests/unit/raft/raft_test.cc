// One replica and hand-written peers: the rules one by one.
#include "raft/raft.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "unit/raft/cluster.h"

namespace moldau::raft {
namespace {

using testing::MemoryLog;
using namespace std::chrono_literals;

const std::vector<ReplicaKey> kThree = {{1, {0, 101}}, {2, {0, 102}}, {3, {0, 103}}};

// Replica 1 of three, with its effects carried out.
class Replica {
 public:
  explicit Replica(const std::vector<ReplicaKey>& voters = kThree, QuorumState stored = {})
      : stored_(stored) {
    begin(VoterSet::of(voters), stored);
  }
  explicit Replica(MemoryLog log, QuorumState stored = {}) : log_(std::move(log)), stored_(stored) {
    begin(VoterSet::of(kThree), stored);
  }
  void begin(VoterSet voters, QuorumState stored) {
    raft_.emplace(Settings{.self = {1, {0, 101}}}, log_, VoterHistory({0, std::move(voters)}), stored, 0,
                  Random(1), now_);
    carry_out();
  }

  void carry_out() {
    for (Effect& effect : raft_->take_effects()) {
      if (auto* persist = std::get_if<PersistQuorumState>(&effect)) stored_ = persist->state;
      if (auto* opening = std::get_if<AppendLeaderChange>(&effect)) log_.append({opening->epoch});
      if (auto* truncation = std::get_if<Truncate>(&effect)) log_.truncate(truncation->offset);
      effects_.push_back(std::move(effect));
    }
  }
  template <class T>
  std::vector<T> sent() {
    std::vector<T> out;
    for (const Effect& effect : effects_)
      if (const auto* send = std::get_if<Send>(&effect))
        if (const auto* request = std::get_if<T>(&send->request)) out.push_back(*request);
    return out;
  }
  template <class T>
  int count() {
    return static_cast<int>(
        std::ranges::count_if(effects_, [](const Effect& e) { return std::holds_alternative<T>(e); }));
  }
  void forget() { effects_.clear(); }
  void wait(Duration duration) {
    const Time until = now_ + duration;
    while (raft_->deadline() <= until) {
      now_ = std::max(now_, raft_->deadline());
      raft_->poll(now_);
      carry_out();
    }
    now_ = until;
  }
  VoteResponse vote(VoteRequest request) {
    auto out = raft_->on_vote(request, now_);
    carry_out();
    return out;
  }
  void answer_votes(bool grant) {
    const auto requests = sent<VoteRequest>();
    forget();
    for (const VoteRequest& request : requests) {
      raft_->on_response(request.voter.id, request, {.leader_epoch = request.epoch, .granted = grant}, now_);
      carry_out();
    }
  }
  void make_leader() {
    wait(3s);
    answer_votes(true);  // pre-votes
    answer_votes(true);
    ASSERT_EQ(raft_->role(), Role::leader);
  }
  FetchResponse fetch(ReplicaKey from, Offset offset, LeaderEpoch last_epoch,
                      std::optional<LeaderEpoch> epoch = {}) {
    auto out = raft_->on_fetch({from, epoch.value_or(raft_->epoch()), last_epoch, offset, 0}, now_);
    carry_out();
    return out;
  }
  void flush() {
    log_.flush();
    raft_->on_flushed(log_.end().offset, now_);
    carry_out();
  }

  MemoryLog log_;
  QuorumState stored_;
  Time now_{1};
  std::optional<Raft> raft_;
  std::vector<Effect> effects_;
};

VoteRequest vote_request(LeaderEpoch epoch, NodeId candidate, OffsetAndEpoch last, bool pre_vote = false) {
  return {epoch, kThree[static_cast<std::size_t>(candidate - 1)], kThree[0], last, pre_vote};
}
MemoryLog log_of(std::initializer_list<LeaderEpoch> epochs) {
  MemoryLog log;
  for (const LeaderEpoch epoch : epochs) log.append({epoch});
  log.flush();
  return log;
}

TEST(Raft, RA_23_TheOnlyVoterElectsItselfAtOnce) {
  Replica replica({{1, {0, 101}}});
  EXPECT_LE(replica.raft_->deadline(), replica.now_);
  replica.raft_->poll(replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.raft_->role(), Role::leader);
  EXPECT_EQ(replica.stored_, (QuorumState{1, 1, {1, {0, 101}}}));
  EXPECT_FALSE(replica.raft_->is_ready_leader());  // RA-23: not before its first entry is durable
  EXPECT_EQ(replica.raft_->high_watermark(), 0);
  replica.flush();
  EXPECT_TRUE(replica.raft_->is_ready_leader());
  EXPECT_EQ(replica.raft_->high_watermark(), 1);
  EXPECT_EQ(replica.raft_->deadline(), Time::max());  // nothing to do but to wait for writes
}

TEST(Raft, RA_01_VotesOncePerEpochAndRemembers) {  // RA-01
  Replica replica;
  EXPECT_TRUE(replica.vote(vote_request(5, 2, {0, 0})).granted);
  EXPECT_EQ(replica.stored_.voted.id, 2);
  EXPECT_FALSE(replica.vote(vote_request(5, 3, {9, 4})).granted);
  EXPECT_TRUE(replica.vote(vote_request(5, 2, {0, 0})).granted);
  Replica reborn(kThree, replica.stored_);
  EXPECT_FALSE(reborn.vote(vote_request(5, 3, {9, 4})).granted);
  EXPECT_TRUE(reborn.vote(vote_request(6, 3, {9, 4})).granted);
}

TEST(Raft, RA_01_TheVoteIsPersistedBeforeItIsTold) {
  Replica replica;
  (void)replica.raft_->on_vote(vote_request(5, 2, {0, 0}), replica.now_);
  const std::vector<Effect> effects = replica.raft_->take_effects();
  const auto* last = std::get_if<PersistQuorumState>(&effects.back());
  ASSERT_NE(last, nullptr);
  EXPECT_EQ(last->state.voted.id, 2);
}

TEST(Raft, RA_07_RefusesALogThatIsBehind) {  // RA-07
  Replica replica(log_of({1, 1, 2}), {.epoch = 2});
  EXPECT_FALSE(replica.vote(vote_request(3, 2, {9, 1})).granted);
  EXPECT_FALSE(replica.vote(vote_request(3, 2, {2, 2})).granted);
  EXPECT_FALSE(replica.vote(vote_request(3, 2, {2, 2}, true)).granted);
  EXPECT_TRUE(replica.vote(vote_request(3, 3, {3, 2})).granted);
}

TEST(Raft, RA_24_RefusesStrangersOldEpochsAndOtherDisks) {  // RA-12, RA-24
  Replica replica(kThree, {.epoch = 4});
  EXPECT_EQ(replica.vote(vote_request(3, 2, {0, 0})).error, RaftError::fenced_leader_epoch);
  VoteRequest stranger = vote_request(5, 2, {0, 0});
  stranger.candidate = {9, {0, 109}};
  EXPECT_EQ(replica.vote(stranger).error, RaftError::inconsistent_voter_set);
  VoteRequest other_disk = vote_request(5, 2, {0, 0});
  other_disk.candidate.directory = {0, 999};
  EXPECT_EQ(replica.vote(other_disk).error, RaftError::inconsistent_voter_set);
  VoteRequest not_us = vote_request(5, 2, {0, 0});
  not_us.voter.directory = {0, 999};
  EXPECT_EQ(replica.vote(not_us).error, RaftError::invalid_voter_key);
  EXPECT_EQ(replica.raft_->epoch(), 4);
}

TEST(Raft, RA_06_APreVoteChangesNothing) {  // KIP-996
  Replica replica(kThree, {.epoch = 4});
  EXPECT_TRUE(replica.vote(vote_request(4, 2, {0, 0}, true)).granted);
  EXPECT_TRUE(replica.vote(vote_request(4, 3, {0, 0}, true)).granted);
  EXPECT_EQ(replica.stored_, (QuorumState{.epoch = 4}));
  replica.wait(3s);
  EXPECT_EQ(replica.raft_->role(), Role::prospective);
  EXPECT_EQ(replica.raft_->epoch(), 4);
  EXPECT_EQ(replica.sent<VoteRequest>().size() % 2, 0u);
  EXPECT_TRUE(replica.sent<VoteRequest>().front().pre_vote);
}

TEST(Raft, RA_06_AFollowerOfALivingLeaderDoesNotHelpToReplaceIt) {
  Replica replica;
  EXPECT_EQ(replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_).error, RaftError::none);
  replica.carry_out();
  EXPECT_EQ(replica.raft_->role(), Role::follower);
  replica.raft_->poll(replica.now_);
  replica.carry_out();
  ASSERT_EQ(replica.sent<FetchRequest>().size(), 1u);
  EXPECT_TRUE(replica.vote(vote_request(5, 3, {9, 9}, true)).granted);  // has not heard from it yet
  replica.raft_->on_response(2, replica.sent<FetchRequest>()[0], {.leader_epoch = 5, .leader_id = 2},
                             replica.now_);
  EXPECT_FALSE(replica.vote(vote_request(5, 3, {9, 9}, true)).granted);
  EXPECT_FALSE(replica.vote(vote_request(5, 3, {9, 9})).granted);
}

TEST(Raft, RA_03_RA_04_CommitsOnlyWithAnEntryOfItsOwnEpoch) {  // RA-03, Raft figure 8
  Replica replica(log_of({1, 1}), {.epoch = 1});
  replica.make_leader();
  replica.flush();
  EXPECT_EQ(replica.raft_->high_watermark(), 0);
  replica.fetch(kThree[1], 2, 1);  // has the old entries: now at a majority
  EXPECT_EQ(replica.raft_->high_watermark(), 0);
  EXPECT_FALSE(replica.raft_->is_ready_leader());  // RA-04
  replica.fetch(kThree[1], 3, 2);
  EXPECT_EQ(replica.raft_->high_watermark(), 3);
  EXPECT_TRUE(replica.raft_->is_ready_leader());
  EXPECT_EQ(replica.count<BecameLeader>(), 1);
}

TEST(Raft, RA_02_ItsOwnUnsyncedEntriesDoNotCount) {  // RA-02
  Replica replica;
  replica.make_leader();
  replica.fetch(kThree[1], 1, 1);
  EXPECT_EQ(replica.raft_->high_watermark(), 0);  // one of three: its own copy is not on disk
  replica.fetch(kThree[2], 1, 1);
  EXPECT_EQ(replica.raft_->high_watermark(), 1);  // two others have it
}

TEST(Raft, RA_12_ReplicasWithAnotherDiskAreObservers) {  // RA-12
  Replica replica;
  replica.make_leader();
  replica.flush();
  replica.fetch({2, {0, 999}}, 1, 1);
  EXPECT_EQ(replica.raft_->high_watermark(), 0);
  ASSERT_EQ(replica.raft_->observer_progress(replica.now_).size(), 1u);
  EXPECT_EQ(replica.raft_->observer_progress(replica.now_)[0].end_offset, 1);
  EXPECT_EQ(replica.raft_->voter_progress()[1].end_offset, kNoOffset);
}

TEST(Raft, RA_08_ALeaderTellsWhereLogsDiverge) {  // RA-08
  Replica replica(log_of({1, 1, 3, 3}), {.epoch = 3});
  replica.make_leader();
  EXPECT_EQ(replica.fetch(kThree[1], 5, 1).diverging, (OffsetAndEpoch{2, 1}));
  EXPECT_EQ(replica.fetch(kThree[1], 4, 2).diverging, (OffsetAndEpoch{2, 1}));
  EXPECT_EQ(replica.fetch(kThree[1], 9, 3).diverging, (OffsetAndEpoch{4, 3}));
  EXPECT_FALSE(replica.fetch(kThree[1], 4, 3).diverging);
  EXPECT_FALSE(replica.fetch(kThree[1], 0, 0).diverging);
  EXPECT_EQ(replica.fetch(kThree[1], 0, 0, 3).error, RaftError::fenced_leader_epoch);
  EXPECT_EQ(replica.fetch(kThree[1], 0, 0, 9).error, RaftError::unknown_leader_epoch);
  EXPECT_EQ(replica.fetch(kThree[1], -1, 0).error, RaftError::invalid_request);
}

TEST(Raft, RA_08_AFollowerTruncatesByEpochAndFetchesOn) {
  Replica replica(log_of({1, 2, 2, 2}), {.epoch = 2});
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  const FetchRequest request = replica.sent<FetchRequest>().at(0);
  EXPECT_EQ(request.fetch_offset, 4);
  EXPECT_EQ(request.last_fetched_epoch, 2);
  replica.raft_->on_response(
      2, request, {.leader_epoch = 5, .leader_id = 2, .diverging = OffsetAndEpoch{2, 2}}, replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.log_.end(), (OffsetAndEpoch{2, 2}));
  replica.forget();
  replica.wait(1ms);
  ASSERT_EQ(replica.sent<FetchRequest>().size(), 1u);
  EXPECT_EQ(replica.sent<FetchRequest>()[0].fetch_offset, 2);
}

TEST(Raft, RA_02_AFollowerFetchesOnlyBehindWhatIsDurable) {  // RA-02
  Replica replica;
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  const FetchRequest request = replica.sent<FetchRequest>().at(0);
  replica.forget();
  replica.raft_->on_response(
      2, request, {.leader_epoch = 5, .leader_id = 2, .high_watermark = 1, .records = {Slice::copy_of("x")}},
      replica.now_);
  replica.log_.append({5});
  replica.carry_out();
  replica.wait(100ms);
  EXPECT_TRUE(replica.sent<FetchRequest>().empty());
  EXPECT_EQ(replica.raft_->high_watermark(), 0);
  replica.flush();
  EXPECT_EQ(replica.raft_->high_watermark(), 1);
  ASSERT_EQ(replica.sent<FetchRequest>().size(), 1u);
  EXPECT_EQ(replica.sent<FetchRequest>()[0].fetch_offset, 1);
}

TEST(Raft, RA_08_ACutBelowTheHighWatermarkStopsTheNode) {  // RA-08, I-R10
  Replica replica(log_of({1, 1}), {.epoch = 1});
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  const FetchRequest request = replica.sent<FetchRequest>().at(0);
  replica.forget();
  replica.raft_->on_response(2, request, {.leader_epoch = 5, .leader_id = 2, .high_watermark = 2},
                             replica.now_);
  replica.carry_out();
  ASSERT_EQ(replica.raft_->high_watermark(), 2);
  EXPECT_DEATH(
      replica.raft_->on_response(
          2, request, {.leader_epoch = 5, .leader_id = 2, .diverging = OffsetAndEpoch{1, 1}}, replica.now_),
      "never cut");
}

TEST(Raft, RA_05_ALeaderThatNobodyFetchesFromResigns) {  // RA-05
  Replica replica;
  replica.make_leader();
  replica.wait(2900ms);
  EXPECT_EQ(replica.raft_->role(), Role::leader);
  replica.fetch(kThree[1], 0, 0);
  replica.wait(2900ms);
  EXPECT_EQ(replica.raft_->role(), Role::leader);
  replica.forget();
  replica.wait(200ms);
  EXPECT_EQ(replica.raft_->role(), Role::resigned);
  ASSERT_EQ(replica.sent<EndQuorumEpochRequest>().size(), 2u);
  EXPECT_EQ(replica.sent<EndQuorumEpochRequest>()[0].preferred_candidates[0].id, 2);
  EXPECT_EQ(replica.stored_.leader_id, kNoNode);
}

// Follower of node 2 in epoch 5, which has answered a fetch.
FetchRequest follow(Replica& replica) {
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  const FetchRequest request = replica.sent<FetchRequest>().back();
  replica.raft_->on_response(2, request, {.leader_epoch = 5, .leader_id = 2}, replica.now_);
  replica.carry_out();
  return request;
}

TEST(Raft, AFollowerThatIsRefusedTwiceStandsSoon) {
  Replica replica;
  const FetchRequest request = follow(replica);
  replica.raft_->on_request_failed(2, request, false, replica.now_);  // lost: may come again
  replica.wait(30ms);
  replica.raft_->on_request_failed(2, request, true, replica.now_);
  replica.wait(200ms);
  EXPECT_EQ(replica.raft_->role(), Role::follower);
  replica.raft_->on_request_failed(2, request, true, replica.now_);
  replica.wait(150ms);
  EXPECT_EQ(replica.raft_->role(), Role::prospective);
  EXPECT_EQ(replica.raft_->epoch(), 5);
  // Those who hear from the leader refuse: it goes on following.
  for (const VoteRequest& vote : replica.sent<VoteRequest>())
    replica.raft_->on_response(vote.voter.id, vote, {.leader_epoch = 5, .leader_id = 2}, replica.now_);
  EXPECT_EQ(replica.raft_->role(), Role::follower);
  EXPECT_EQ(replica.raft_->leader_id(), 2);
}

TEST(Raft, ALeaderThatHasResignedIsNotWaitedFor) {
  Replica replica;
  const FetchRequest request = follow(replica);
  replica.raft_->on_response(2, request, {.error = RaftError::not_leader_or_follower, .leader_epoch = 5},
                             replica.now_);
  EXPECT_TRUE(replica.vote(vote_request(5, 3, {9, 9}, true)).granted);
  replica.wait(150ms);
  EXPECT_EQ(replica.raft_->role(), Role::prospective);
}

TEST(Raft, AnAnswerOfBeforeItResignedKeepsNobodyWaiting) {
  Replica replica;
  follow(replica);
  const FetchRequest held = replica.sent<FetchRequest>().back();
  (void)replica.raft_->on_end_quorum_epoch({2, 5, {kThree[2], kThree[0]}, {}}, replica.now_);
  replica.raft_->on_response(2, held, {.leader_epoch = 5, .leader_id = 2}, replica.now_);
  replica.carry_out();
  EXPECT_TRUE(replica.vote(vote_request(5, 3, {9, 9}, true)).granted);
  // But it leads on: the message was of another time.
  const FetchRequest next = replica.sent<FetchRequest>().back();
  replica.raft_->on_response(2, next, {.leader_epoch = 5, .leader_id = 2}, replica.now_);
  EXPECT_FALSE(replica.vote(vote_request(5, 3, {9, 9}, true)).granted);
  replica.wait(600ms);
  EXPECT_EQ(replica.raft_->role(), Role::follower);
}

TEST(Raft, BetterSuccessorsStandFirst) {
  Replica first, second;
  follow(first);
  follow(second);
  (void)first.raft_->on_end_quorum_epoch({2, 5, {kThree[0], kThree[2]}, {}}, first.now_);
  EXPECT_EQ(first.raft_->role(), Role::prospective);
  (void)second.raft_->on_end_quorum_epoch({2, 5, {kThree[2], kThree[0]}, {}}, second.now_);
  second.wait(400ms);
  EXPECT_EQ(second.raft_->role(), Role::follower);
  second.wait(200ms);
  EXPECT_EQ(second.raft_->role(), Role::prospective);
}

TEST(Raft, AVoterWithoutALeaderAsksTheOthersInTurn) {
  Replica replica;
  replica.wait(0s);
  ASSERT_EQ(replica.sent<FetchRequest>().size(), 1u);
  replica.raft_->on_response(2, replica.sent<FetchRequest>()[0],
                             {.error = RaftError::fenced_leader_epoch, .leader_epoch = 7, .leader_id = 3},
                             replica.now_);
  EXPECT_EQ(replica.raft_->role(), Role::follower);
  EXPECT_EQ(replica.raft_->leader_id(), 3);
  EXPECT_EQ(replica.raft_->epoch(), 7);
}

TEST(Raft, ALateAnswerOfWhoWasAskedForTheLeaderDelaysNothing) {
  Replica replica(kThree, {.epoch = 5});
  replica.wait(0s);
  const FetchRequest asked = replica.sent<FetchRequest>().at(0);
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  ASSERT_EQ(replica.sent<FetchRequest>().size(), 2u);
  replica.raft_->on_response(3, asked, {.error = RaftError::not_leader_or_follower, .leader_epoch = 5},
                             replica.now_);
  replica.raft_->on_request_failed(3, asked, true, replica.now_);
  replica.raft_->on_response(2, replica.sent<FetchRequest>()[1], {.leader_epoch = 5, .leader_id = 2},
                             replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.sent<FetchRequest>().size(), 3u);
}

// The log is not durable yet and the leader is gone: the fetch waits for the sync, and nothing spins.
TEST(Raft, RA_02_NothingIsFetchedWhileTheLogIsNotDurable) {
  Replica replica;
  const FetchRequest request = follow(replica);
  replica.raft_->on_response(
      2, request, {.leader_epoch = 5, .leader_id = 2, .records = {Slice::copy_of("x")}}, replica.now_);
  replica.log_.append({5});
  replica.carry_out();
  (void)replica.raft_->on_vote(vote_request(6, 3, {9, 9}), replica.now_);
  EXPECT_EQ(replica.raft_->role(), Role::unattached);
  EXPECT_GT(replica.raft_->deadline(), replica.now_ + 500ms);
}

TEST(Raft, RA_09_RA_11_AFollowerWithoutAFetchedSnapshotInstallsOneInChunks) {  // RA-09, RA-11
  Replica replica;
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  const OffsetAndEpoch id{10, 4};
  replica.raft_->on_response(2, replica.sent<FetchRequest>().at(0),
                             {.leader_epoch = 5, .leader_id = 2, .snapshot = id}, replica.now_);
  replica.carry_out();
  ASSERT_EQ(replica.sent<FetchSnapshotRequest>().size(), 1u);
  const FetchSnapshotRequest first = replica.sent<FetchSnapshotRequest>()[0];
  const auto chunk = [&](OffsetAndEpoch snapshot, std::int64_t position) {
    return FetchSnapshotResponse{.leader_epoch = 5,
                                 .leader_id = 2,
                                 .snapshot = snapshot,
                                 .size = 6,
                                 .position = position,
                                 .bytes = {Slice::copy_of("abc")}};
  };
  replica.raft_->on_response(2, first, chunk(id, 0), replica.now_);
  replica.raft_->on_response(2, first, chunk(id, 0), replica.now_);  // once more: ignored
  replica.carry_out();
  EXPECT_EQ(replica.count<WriteSnapshotChunk>(), 1);
  const FetchSnapshotRequest second = replica.sent<FetchSnapshotRequest>().at(1);
  EXPECT_EQ(second.position, 3);
  replica.raft_->on_response(2, second, chunk(id, 3), replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.count<InstallSnapshot>(), 1);
  replica.log_.install_snapshot(id);
  replica.forget();
  replica.raft_->on_snapshot_installed({}, replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.raft_->high_watermark(), 10);
  EXPECT_EQ(replica.sent<FetchRequest>().at(0).fetch_offset, 10);
  EXPECT_EQ(replica.sent<FetchRequest>().at(0).last_fetched_epoch, 4);
}

TEST(Raft, RA_09_AChunkOfAnotherSnapshotStartsOver) {
  Replica replica;
  (void)replica.raft_->on_begin_quorum_epoch({2, 5, kThree[0], {}}, replica.now_);
  replica.wait(0s);
  replica.raft_->on_response(2, replica.sent<FetchRequest>().at(0),
                             {.leader_epoch = 5, .leader_id = 2, .snapshot = OffsetAndEpoch{10, 4}},
                             replica.now_);
  replica.carry_out();
  const FetchSnapshotRequest request = replica.sent<FetchSnapshotRequest>().at(0);
  replica.forget();
  replica.raft_->on_response(
      2, request,
      {.leader_epoch = 5, .leader_id = 2, .snapshot = {12, 4}, .size = 6, .bytes = {Slice::copy_of("abc")}},
      replica.now_);
  replica.carry_out();
  EXPECT_EQ(replica.count<WriteSnapshotChunk>(), 0);
  replica.wait(50ms);
  EXPECT_EQ(replica.sent<FetchRequest>().size(), 1u);
}

TEST(Raft, RA_11_ALeaderWithoutThePrefixOffersItsSnapshot) {
  MemoryLog log = log_of({1, 1, 2});
  log.install_snapshot({3, 2});
  Replica replica(log, {.epoch = 2});
  replica.make_leader();
  EXPECT_EQ(replica.fetch(kThree[1], 0, 0).snapshot, (OffsetAndEpoch{3, 2}));
  EXPECT_EQ(replica.fetch(kThree[1], 2, 1).snapshot, (OffsetAndEpoch{3, 2}));
  EXPECT_EQ(replica.fetch(kThree[1], 4, 1).snapshot, (OffsetAndEpoch{3, 2}));
  EXPECT_FALSE(replica.fetch(kThree[1], 3, 2).snapshot);
  EXPECT_FALSE(replica.fetch(kThree[1], 3, 2).diverging);
}

TEST(QuorumStateFile, IsKafkasJson) {
  const QuorumState state{7, 2, {2, {0, 102}}};
  EXPECT_EQ(
      to_json(state),
      R"({"leaderId":2,"leaderEpoch":7,"votedId":2,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAZg","data_version":1})");
  EXPECT_EQ(*quorum_state_from_json(to_json(state)), state);
  EXPECT_EQ(*quorum_state_from_json(to_json({})), QuorumState{});
  EXPECT_TRUE(
      quorum_state_from_json(" { \"leaderId\" : -1, "
                             "\"leaderEpoch\":0,\"votedId\":-1,\"votedDirectoryId\":"
                             "\"AAAAAAAAAAAAAAAAAAAAAA\",\"data_version\":1 }\n"));
}

TEST(QuorumStateFile, RA_19_DamageAndOtherVersionsAreRefused) {
  const auto code = [](std::string_view text) {
    auto parsed = quorum_state_from_json(text);
    return parsed ? Errc::already_exists : parsed.error().code;
  };
  for (
      const char* bad :
      {"", "{", "{}", "[]", "null", R"({"leaderId":1})", R"({"data_version":1})",
       R"({"leaderId":1,"leaderEpoch":-7,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})",
       R"({"leaderId":1,"leaderEpoch":99999999999,"votedId":-1,"votedDirectoryId":"AAAAAAAAAAAAAAAAAAAAAA","data_version":1})",
       R"({"leaderId":1,"leaderEpoch":7,"votedId":-1,"votedDirectoryId":"AA","data_version":1})"})
    EXPECT_EQ(code(bad), Errc::corrupt) << bad;
  const std::string good = to_json({7, 2, {2, {0, 102}}});
  for (std::size_t length = 0; length < good.size(); ++length)
    EXPECT_EQ(code(good.substr(0, length)), Errc::corrupt);
  EXPECT_EQ(code(good + "x"), Errc::corrupt);
  EXPECT_EQ(
      code(
          R"({"clusterId":"","leaderId":1,"leaderEpoch":2,"votedId":-1,"appliedOffset":0,"data_version":0})"),
      Errc::unsupported);  // RA-19
}

}  // namespace
}  // namespace moldau::raft
