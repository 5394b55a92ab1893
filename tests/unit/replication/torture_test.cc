// Random faults, clean elections, and a ledger of what was acknowledged: whatever happens, no acknowledged
// record is lost or moved, and replicas never differ in what is committed (I-P1, I-P4, I-P5, I-P13).
//
// MOLDAU_TORTURE_SEEDS=N runs seeds 1 to N in place of the usual few.
#include <gtest/gtest.h>

#include <cstdlib>

#include "cluster.h"

namespace moldau::replication::testing {
namespace {

class Torture {
 public:
  explicit Torture(std::uint64_t seed)
      : seed_(seed), synced_(seed % 4 != 0), random_(seed * 31 + 7), cluster_(setup(synced_), seed) {
    cluster_.create_topic();
  }
  // Without syncs the loss of power may lose what was acknowledged, and does not happen; processes die all
  // the same.
  static ClusterSetup setup(bool synced) {
    ClusterSetup setup;
    setup.topic = {{"min.insync.replicas", "2"}};
    if (!synced) setup.topic["moldau.durability"] = "page-cache";
    return setup;
  }
  ~Torture() {
    for (auto& [value, task] : open_) static_cast<void>(cluster_.world.run(std::move(task)));
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      step();
      cluster_.world.run_for(std::chrono::microseconds(random_.below(300'000)));
      collect();
      check_committed();
      if (::testing::Test::HasFailure()) return;
    }
    converge();
  }

 private:
  NodeId some_node() { return static_cast<NodeId>(1 + random_.below(3)); }
  std::size_t running() {
    std::size_t count = 0;
    for (NodeId id = 1; id <= 3; ++id) count += cluster_.runs(id) ? 1 : 0;
    return count;
  }

  void step() {
    const NodeId id = some_node();
    switch (random_.below(12)) {
      case 0:
        if (cluster_.runs(id) && running() > 1) die(id);
        break;
      case 1:
      case 2:
        if (!cluster_.runs(id)) cluster_.start(id);
        break;
      case 3:
        cluster_.cut(id, some_node());
        break;
      case 4:
        if (cluster_.runs(id)) cluster_.deafen(id);
        break;
      case 5:
        mend();
        break;
      case 6:
        elect();
        break;
      case 7:
        if (random_.chance(0.3)) all_die();
        break;
      default:
        for (std::uint64_t n = random_.below(4); n > 0; --n) produce();
    }
  }

  // The controller notices at once, or when the next process registers.
  void die(NodeId id) {
    synced_&& random_.chance(0.5) ? cluster_.lose_power(id) : cluster_.kill(id);
    if (random_.chance(0.7)) cluster_.fence(id);
  }
  void all_die() {
    for (NodeId id = 1; id <= 3; ++id) {
      if (cluster_.runs(id)) synced_ ? cluster_.lose_power(id) : cluster_.kill(id);
    }
    for (NodeId id = 1; id <= 3; ++id) cluster_.start(id);
  }
  void mend() { cluster_.mend_all(); }
  void elect() {
    const metadata::Partition now = cluster_.state();
    const NodeId leader = now.isr[random_.below(now.isr.size())];
    if (cluster_.runs(leader) && cluster_.image().is_unfenced(leader)) {
      metadata::PartitionChangeRecord change;
      change.leader = leader;
      cluster_.change(std::move(change));
    }
  }
  void produce() {
    const NodeId at = random_.chance(0.8) ? cluster_.state().leader : some_node();
    if (at == kNoNode || !cluster_.runs(at)) return;
    const std::string value = "v" + std::to_string(values_++);
    // Some by acks=1, which promises nothing here: they only make the logs differ.
    const bool all = random_.chance(0.8);
    open_.emplace_back(all ? value : "", cluster_.produce(at, value, all ? -1 : 1, 3s));
  }
  void collect() {
    std::erase_if(open_, [&](auto& entry) {
      if (!entry.second.ended()) return false;
      const Produced produced = std::move(entry.second).take();
      note(entry.first, produced);
      return true;
    });
  }

  void note(const std::string& value, const Produced& produced) {
    if (produced.code == ErrorCode::none && !value.empty()) acknowledged_[value] = produced.offset;
  }

  void check_committed() {
    std::vector<std::vector<std::string>> logs;
    for (NodeId id = 1; id <= 3; ++id) {
      if (!cluster_.runs(id) || !cluster_.node(id).partition()) continue;
      const Offset committed = std::min(cluster_.high_watermark(id), cluster_.end(id));
      std::vector<std::string> values = cluster_.values(id);
      if (static_cast<Offset>(values.size()) < committed) continue;  // it was cut while it was read
      values.resize(static_cast<std::size_t>(committed));
      logs.push_back(std::move(values));
    }
    for (const auto& a : logs) {
      for (const auto& b : logs) {
        const std::size_t common = std::min(a.size(), b.size());
        for (std::size_t i = 0; i < common; ++i)
          ASSERT_EQ(a[i], b[i]) << "offset " << i << ", seed " << seed_;
      }
    }
  }

  void converge() {
    for (NodeId id = 1; id <= 3; ++id) {
      if (!cluster_.runs(id)) cluster_.start(id);
    }
    mend();
    for (NodeId id = 1; id <= 3; ++id) cluster_.unfence(id);
    ASSERT_TRUE(cluster_.isr_becomes({1, 2, 3})) << "seed " << seed_ << ": " << cluster_.world.why_stopped();
    for (auto& [value, task] : open_) {
      const Produced produced = cluster_.world.run(std::move(task));
      note(value, produced);
    }
    open_.clear();
    const NodeId leader = cluster_.state().leader;
    // Metadata may say so before it has heard.
    ASSERT_TRUE(cluster_.eventually([&] {
      return cluster_.node(leader).partition() && cluster_.leads(leader);
    })) << "seed "
        << seed_;
    ASSERT_EQ(cluster_.produced(leader, "last", -1, 30s).code, ErrorCode::none) << "seed " << seed_;
    ASSERT_TRUE(cluster_.logs_agree()) << "seed " << seed_;
    const auto final = cluster_.values(leader);
    for (NodeId id = 1; id <= 3; ++id) ASSERT_EQ(cluster_.values(id), final) << "seed " << seed_;
    for (const auto& [value, offset] : acknowledged_) {
      ASSERT_LT(static_cast<std::size_t>(offset), final.size()) << value << " is lost, seed " << seed_;
      ASSERT_EQ(final[static_cast<std::size_t>(offset)], value) << "seed " << seed_;
    }
  }

  std::uint64_t seed_;
  bool synced_;
  Random random_;
  Cluster cluster_;
  int values_ = 0;
  std::vector<std::pair<std::string, Task<Produced>>> open_;
  std::map<std::string, Offset> acknowledged_;
};

class TortureTest : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(TortureTest, NothingAcknowledgedIsLost) { Torture(GetParam()).run(60); }

std::uint64_t last_seed() {
  const char* wanted = std::getenv("MOLDAU_TORTURE_SEEDS");
  return wanted != nullptr ? std::strtoull(wanted, nullptr, 10) : 40;
}

INSTANTIATE_TEST_SUITE_P(Seeds, TortureTest, ::testing::Range<std::uint64_t>(1, last_seed() + 1));

}  // namespace
}  // namespace moldau::replication::testing
