// A new coordinator knows what was acknowledged: I-G5 and what follows when records are refused.
#include "coordinator.h"

namespace moldau::group {
namespace {

void expect_same_after_failover(Coordinator& coordinator) {
  const std::uint64_t before = coordinator.groups().state_hash();
  coordinator.fail_over();
  EXPECT_EQ(coordinator.groups().state_hash(), before);
}

TEST(GC03, ANewCoordinatorKnowsTheGroup) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"}), b(coordinator);
  stabilize(coordinator, {&a, &b});
  ASSERT_EQ(a.commit(7), ErrorCode::none);
  const auto before = coordinator.describe("g");
  expect_same_after_failover(coordinator);
  EXPECT_EQ(coordinator.describe("g"), before);
  EXPECT_EQ(a.heartbeat(), ErrorCode::none) << "members do not notice";
  EXPECT_EQ(b.heartbeat(), ErrorCode::none);
  EXPECT_EQ(b.commit(8), ErrorCode::none);
  b.sync();
  EXPECT_EQ(b.assignment(), "to " + b.id_);
  EXPECT_EQ(coordinator.committed("g").committed_offset, 8);
}

TEST(GC03, ANewCoordinatorGivesEveryMemberAWholeSession) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a, &b});
  coordinator.advance(9s);
  coordinator.fail_over();
  coordinator.advance(9s);
  EXPECT_EQ(a.heartbeat(), ErrorCode::none);
  coordinator.advance(1s);
  EXPECT_EQ(b.heartbeat(), ErrorCode::unknown_member_id);
  EXPECT_EQ(a.heartbeat(), ErrorCode::rebalance_in_progress);
}

TEST(GC03, CompactionAndItsGapsChangeNothing) {
  for (const bool drop_tombstones : {false, true}) {
    Coordinator coordinator;
    Consumer a(coordinator), b(coordinator);
    stabilize(coordinator, {&a, &b});
    for (Offset offset = 0; offset < 50; ++offset) ASSERT_EQ(a.commit(offset), ErrorCode::none);
    for (PartitionIndex partition = 0; partition < 20; ++partition) {
      ASSERT_EQ(coordinator.commit({.group = "h", .partition = partition, .offset = partition}),
                ErrorCode::none);
      if (partition % 2 == 0) {
        ASSERT_EQ(coordinator.delete_offset("h", "t", partition), ErrorCode::none);
      }
    }
    ASSERT_EQ(coordinator.commit({.group = "gone"}), ErrorCode::none);
    ASSERT_EQ(coordinator.delete_group("gone"), ErrorCode::none);
    const std::uint64_t before = coordinator.groups().state_hash();
    coordinator.compact(drop_tombstones);
    coordinator.fail_over();
    EXPECT_EQ(coordinator.groups().state_hash(), before);
  }
}

// Kafka's tombstone of a group and those of its offsets are records of their own.
TEST(GC03, ATombstoneOfAGroupDoesNotHideWhatWasCommittedAfterIt) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  a.leave();
  ASSERT_EQ(coordinator.delete_group("g"), ErrorCode::none);
  ASSERT_EQ(coordinator.commit({.offset = 9}), ErrorCode::none);
  expect_same_after_failover(coordinator);
  EXPECT_EQ(coordinator.committed("g").committed_offset, 9);
  EXPECT_EQ(coordinator.state("g"), "Empty");
}

TEST(GC03, AGroupWithoutItsLeaderOrWithoutAProtocolIsLoaded) {
  Coordinator coordinator;
  Generation odd;
  odd.protocol_type = "consumer";
  odd.generation = 3;
  odd.leader = "nobody";
  odd.members.emplace_back().member_id = "m";
  odd.members.back().session_timeout = 10'000;
  coordinator.log().push_back({encode(GenerationRecord{"g", odd}), 0});
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state("g"), "Stable");
  EXPECT_EQ(coordinator.heartbeat("g", 3, "m"), ErrorCode::none);
  coordinator.advance(10s);
  EXPECT_EQ(coordinator.state("g"), "Empty");
}

// What members had agreed on when the coordinator moved, before the leader had synced, is not known to the
// next.
TEST(GC03, ARebalanceUnderWayBeginsAnew) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  stabilize(coordinator, {&a});
  b.join();
  a.join();
  ASSERT_TRUE(a.take_join() && b.take_join());
  coordinator.fail_over();
  EXPECT_EQ(a.heartbeat(), ErrorCode::illegal_generation);
  EXPECT_EQ(b.heartbeat(), ErrorCode::unknown_member_id);
  b.id_.clear();
  b.join();
  a.join();
  ASSERT_TRUE(a.take_join() && b.take_join());
  EXPECT_GE(a.generation_, 2);
  for (Consumer* consumer : {&a, &b}) consumer->sync();
  EXPECT_EQ(b.assignment(), "to " + b.id_);
}

TEST(Refused, TheLeadersSyncEndsForAllAndTheGroupRebalances) {
  Coordinator coordinator;
  Consumer a(coordinator), b(coordinator);
  a.join();
  b.join();
  coordinator.advance(6s);
  ASSERT_TRUE(a.take_join() && b.take_join());
  Consumer& leader = a.leads_ ? a : b;
  Consumer& follower = a.leads_ ? b : a;
  follower.sync();
  coordinator.refuse_ = ErrorCode::coordinator_not_available;
  leader.sync();
  coordinator.refuse_.reset();
  EXPECT_EQ(leader.sync_answer()->error_code, ErrorCode::coordinator_not_available);
  EXPECT_EQ(follower.sync_answer()->error_code, ErrorCode::coordinator_not_available);
  EXPECT_EQ(coordinator.state("g"), "PreparingRebalance");
  EXPECT_EQ(coordinator.log_size(), 0U);
  a.join();
  b.join();
  ASSERT_TRUE(a.take_join() && b.take_join());
  for (Consumer* consumer : {&a, &b}) consumer->sync();
  EXPECT_EQ(b.assignment(), "to " + b.id_);
}

TEST(Refused, AStaticMemberThatCameBackIsNotThere) {
  Coordinator coordinator;
  Consumer a(coordinator, {.instance = "one"});
  stabilize(coordinator, {&a});
  Consumer restarted = a;
  restarted.id_.clear();
  coordinator.refuse_ = ErrorCode::not_coordinator;
  restarted.join();
  coordinator.refuse_.reset();
  EXPECT_EQ(restarted.join_answer()->error_code, ErrorCode::not_coordinator);
  EXPECT_EQ(a.heartbeat(), ErrorCode::none) << "the one before goes on";
  restarted.join();
  EXPECT_TRUE(restarted.take_join());
  EXPECT_EQ(a.heartbeat(), ErrorCode::fenced_instance_id);
}

TEST(Refused, ACommitChangesNothing) {
  Coordinator coordinator;
  Consumer a(coordinator);
  stabilize(coordinator, {&a});
  ASSERT_EQ(a.commit(1), ErrorCode::none);
  const std::uint64_t before = coordinator.groups().state_hash();
  coordinator.refuse_ = ErrorCode::coordinator_not_available;
  static_cast<void>(a.commit(2));
  EXPECT_EQ(coordinator.groups().state_hash(), before);
  a.leave();
  EXPECT_EQ(coordinator.groups().state_hash(), before) << "that all have left is not stored";
  coordinator.refuse_.reset();
  coordinator.fail_over();
  EXPECT_EQ(coordinator.state("g"), "Stable") << "until the session of who has left ends";
  coordinator.advance(10s);
  EXPECT_EQ(coordinator.state("g"), "Empty");
}

// Members that come, go, die, restart and repeat themselves, coordinators that move, records that are
// refused.
class RandomGroup {
 public:
  explicit RandomGroup(std::uint64_t seed) : random_(seed) {
    for (int i = 0; i < 6; ++i) {
      Consumer::Options options;
      options.client_id = "c" + std::to_string(i);
      if (i % 3 == 0) options.instance = "i" + std::to_string(i);
      options.topics = i % 2 == 0 ? std::vector<std::string>{"t"} : std::vector<std::string>{"t", "u"};
      options.protocols = i % 2 == 0 ? std::vector<std::string>{"range", "sticky"}
                                     : std::vector<std::string>{"sticky", "range"};
      options.version = i == 4 ? 3 : 9;
      consumers_.push_back(std::make_unique<Consumer>(coordinator_, options));
    }
  }

  void step() {
    Consumer& consumer = *consumers_[random_.below(consumers_.size())];
    coordinator_.refuse_.reset();
    if (random_.one_in(20)) coordinator_.refuse_ = ErrorCode::coordinator_not_available;
    const Offset end = coordinator_.end();
    switch (random_.below(12)) {
      case 0:
      case 1:
      case 2:
        if (consumer.join_answer() == nullptr && consumer.ticket_ != 0 && !random_.one_in(8)) break;
        take(consumer);
        consumer.join();
        break;
      case 3:
      case 4:
        if (take(consumer)) consumer.sync();
        break;
      case 5:
        static_cast<void>(consumer.heartbeat());
        break;
      case 6:
        if (!consumer.id_.empty() && random_.one_in(3)) static_cast<void>(consumer.leave());
        break;
      case 7:
        if (consumer.commit(committed_ + 1) == ErrorCode::none && coordinator_.end() > end) ++committed_;
        break;
      case 8:
        consumer.id_.clear();  // a new process
        break;
      case 9:
        coordinator_.advance(std::chrono::milliseconds(random_.below(8'000)));
        break;
      case 10:
        coordinator_.groups().abandon("g", consumer.ticket_, coordinator_.now_);
        break;
      case 11:
        if (random_.one_in(4)) fail_over();
        break;
    }
    check();
  }

 private:
  bool take(Consumer& consumer) {
    const std::int32_t before = consumer.generation_;
    if (!consumer.take_join()) return false;
    EXPECT_GE(consumer.generation_, before) << "I-G2";
    return true;
  }
  void fail_over() {
    if (random_.one_in(3)) coordinator_.compact(random_.one_in(2));
    const std::uint64_t before = coordinator_.groups().state_hash();
    coordinator_.refuse_ =
        ErrorCode::coordinator_not_available;  // nothing is written by who is over capacity
    coordinator_.fail_over();
    ASSERT_EQ(coordinator_.groups().state_hash(), before) << "I-G5";
    for (const auto& consumer : consumers_) {
      consumer->ticket_ = 0;
      consumer->generation_ = -1;  // that the coordinator before began and did not store is begun again
    }
  }
  void check() {
    ASSERT_EQ(coordinator_.committed("g").committed_offset, committed_ == 0 ? kNoOffset : committed_)
        << "I-G3";
    // I-G1: each member of the stored generation has what its leader wrote for it, or nothing.
    const auto described = coordinator_.describe("g");
    if (described.group_state != "Stable") return;
    std::set<std::string> assigned;
    for (const auto& member : described.members) {
      const std::string to(member.member_assignment.text());
      if (!to.empty()) ASSERT_TRUE(assigned.insert(to).second) << "two members have been assigned " << to;
    }
  }

  Random random_;
  Coordinator coordinator_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  Offset committed_ = 0;
};

TEST(RandomGroups, KeepTheirInvariants) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomGroup group(seed);
    for (int i = 0; i < 400; ++i) {
      group.step();
      if (::testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace moldau::group
