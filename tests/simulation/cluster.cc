#include "simulation/cluster.h"

#include <algorithm>
#include <optional>

#include "simulation/cluster_clients.h"
#include "simulation/cluster_faults.h"
#include "simulation/cluster_node.h"
#include "simulation/cluster_settings.h"
#include "simulation/metadata_observer.h"
#include "simulation/node_settings.h"
#include "simulation/partition_observer.h"
#include "simulation/replay.h"
#include "simulation/trace_sink.h"

namespace moldau::simulation {
namespace {

using runtime::Task;

constexpr const char* kData = "/data";
constexpr Duration kTick = 20ms;
constexpr Duration kConvergenceBound = 60s;  // reliability.md D9
constexpr Duration kClientBound = 120s;      // until clients that are to stop have ended
constexpr Duration kStopBound = 120s;

class Cluster {
 public:
  Cluster(World& world, Mutant mutant)
      : world_(world),
        random_(world.random()),
        shape_(draw_shape(world.machine_count())),
        ledger_(world),
        metadata_(world, ledger_, kData),
        partitions_(world, ledger_, metadata_),
        work_{world, ledger_, metadata_, shape_.nodes} {
    work_.retries_as_new = mutant == Mutant::retry_as_new;
    const ClusterSettings settings(random_, shape_);
    settings.format(world_);
    const Mutant of_nodes = work_.retries_as_new ? Mutant::none : mutant;
    if (random_.one_in(4)) recorder_.emplace(world_);
    std::vector<ClusterNode*> nodes;
    for (unsigned i = 0; i < shape_.nodes; ++i) {
      nodes_.push_back(std::make_unique<ClusterNode>(world_, i, settings.of(i), of_nodes,
                                                     recorder_ ? &*recorder_ : nullptr));
      nodes.push_back(nodes_.back().get());
    }
    metadata_.set_nodes(std::move(nodes), first_voters());
    metadata_.on_change(
        [this](const TopicIdPartition& key, const metadata::Partition& before,
               const metadata::Partition& after) { partitions_.on_change(key, before, after); });
    faults_ = std::make_unique<ClusterFaults>(world_, nodes_, metadata_, ledger_);
    faults_->on_wiped([this](NodeId id) {
      metadata_.forget_disk(id);
      partitions_.forget_disk(id);
    });
    world_.scheduler().after_step([this](const Place& place) { observe(place); });
  }

  // Empty when all is well.
  std::string run() {
    start();
    if (ledger_.passed()) safety();
    if (ledger_.passed()) liveness();
    return ledger_.problem();
  }

 private:
  void observe(const Place& place) {
    const std::size_t index = place.owner->machine;
    if (index >= nodes_.size()) return;
    ClusterNode& node = *nodes_[index];
    if (node.start_ended()) node.poll();
    if (node.watched() == nullptr || place.owner != &node.machine().process().owner()) return;
    metadata_.look_at(node);
    partitions_.look_at(node);
  }

  void tick() {
    for (const auto& node : nodes_) {
      node->poll();
      if (node->alive()) continue;
      metadata_.forget(*node);
      partitions_.forget(*node);
    }
    faults_->tick();
  }

  // False when the condition did not come true, or something is wrong.
  template <class Condition>
  bool run_until(Condition condition, Duration most) {
    const MonotonicTime deadline = world_.now() + most;
    while (ledger_.passed() && !condition()) {
      if (world_.now() >= deadline) return false;
      if (!world_.run_for(kTick)) {
        ledger_.report(world_.why_stopped());
        return false;
      }
      tick();
    }
    return ledger_.passed();
  }
  void run_for(Duration duration) {
    run_until([] { return false; }, duration);
  }

  // --- safety

  void start() {
    for (const auto& node : nodes_) node->start();
    const bool all = run_until(
        [&] {
          return std::ranges::all_of(
              nodes_, [](const auto& node) { return node->state() == ClusterNode::State::running; });
        },
        kConvergenceBound);
    if (!all && ledger_.passed())
      ledger_.report("the cluster does not start: " + what_is_missing(everybody()));
    start_clients();
  }

  void start_clients() {
    if (recorder_) tasks_.push_back(recorder_->run(world_.machine(shape_.nodes), work_.calm));
    work_.expect_voters_change = [this](MonotonicTime until) { faults_->expect_voters_change(until); };
    admin_ = std::make_unique<ClusterAdmin>(world_.machine(shape_.nodes), work_);
    tasks_.push_back(admin_->run());
    for (unsigned i = 1; i < shape_.clients; ++i) {
      Machine& machine = world_.machine(shape_.nodes + i);
      if (i % 2 == 1) {
        producers_.push_back(std::make_unique<ClusterProducer>(machine, work_));
        tasks_.push_back(producers_.back()->run());
      } else {
        consumers_.push_back(std::make_unique<ClusterConsumer>(machine, work_));
        tasks_.push_back(consumers_.back()->run());
      }
    }
  }

  void safety() {
    run_for(runtime::milliseconds(random_.between(0, 10'000)));
    for (std::int64_t left = random_.between(5, 40); left > 0 && ledger_.passed(); --left) {
      faults_->disturb();
      run_for(runtime::milliseconds(random_.one_in(4) ? random_.between(100, 20'000)
                                                      : random_.between(100, 2'000)));
    }
  }

  // --- liveness

  std::set<NodeId> first_voters() const {
    std::set<NodeId> voters;
    for (unsigned i = 1; i <= shape_.voters; ++i) voters.insert(static_cast<NodeId>(i));
    return voters;
  }

  std::set<NodeId> everybody() const {
    std::set<NodeId> all;
    for (const auto& node : nodes_) all.insert(node->id());
    return all;
  }

  // Empty once the core works as if nothing had happened.
  std::string what_is_missing(const std::set<NodeId>& core) {
    const metadata::Image& image = metadata_.image();
    bool active = false;
    for (const auto& node : nodes_) {
      if (!core.contains(node->id())) continue;
      const std::string who = "node " + std::to_string(node->id());
      if (node->state() != ClusterNode::State::running) return who + " does not run: " + node->error();
      active |= node->is_controller() && node->watched()->quorum().is_active();
      if (image.broker(node->id()) == nullptr) return who + " is not registered";
      if (!image.is_unfenced(node->id())) return who + " is fenced";
      if (image.broker(node->id())->in_controlled_shutdown) return who + " is about to shut down";
    }
    if (!active) return "the quorum has no leader";
    for (const auto& [name, topic] : image.topics()) {
      for (const auto& partition : topic->partitions) {
        const std::string what = name + "-" + std::to_string(partition->partition);
        if (is_out_of_reach(*partition, work_.gone)) continue;
        if (!core.contains(partition->leader)) return what + " has no leader of the core";
        for (const NodeId replica : partition->replicas) {
          if (core.contains(replica) && std::ranges::count(partition->isr, replica) == 0)
            return what + ": replica " + std::to_string(replica) + " is out of sync";
        }
        const bool moves = !partition->adding_replicas.empty() || !partition->removing_replicas.empty();
        if (moves && core.size() == nodes_.size()) return what + " is being reassigned";
      }
    }
    return {};
  }

  bool comes_back(const std::set<NodeId>& core) {
    if (!run_until([&] { return what_is_missing(core).empty(); }, kConvergenceBound)) {
      if (ledger_.passed())
        ledger_.report("the cluster does not come back within a minute (I-L1, I-L3): " +
                       what_is_missing(core));
      return false;
    }
    const std::uint64_t acked = ledger_.acked_records();
    if (run_until([&] { return ledger_.acked_records() > acked; }, kConvergenceBound)) return true;
    if (ledger_.passed()) ledger_.report("nothing is acknowledged by a healthy cluster");
    return false;
  }

  void liveness() {
    world_.note("faults stop");
    faults_->heal();
    work_.calm = true;
    if (!comes_back(everybody())) return;
    const std::set<NodeId> core = faults_->leave_core();
    for (const NodeId id : everybody()) {
      if (!core.contains(id)) work_.gone.insert(id);
    }
    if (core.size() < nodes_.size() && !comes_back(core)) return;
    run_for(runtime::milliseconds(random_.between(0, 5'000)));
    if (!stop_clients()) return;
    if (!settle(core)) return;
    if (!read_back()) return;
    compare_replicas(core);
    if (ledger_.passed()) ledger_.check_promises();
    if (ledger_.passed()) stop_nodes(core);
    done_ = ledger_.passed();
  }

  bool all_ended() const {
    return std::ranges::all_of(tasks_, [](const auto& task) { return task.ended(); });
  }

  bool stop_clients() {
    work_.stopping = true;
    if (run_until([&] { return all_ended(); }, kClientBound)) return true;
    if (ledger_.passed()) ledger_.report("the clients do not end");
    return false;
  }

  // After an unclean election: what the leader says.
  Offset committed_end(const TopicIdPartition& key, const metadata::Partition& state) {
    if (!ledger_.is_unclean(key)) return ledger_.committed_end(key);
    if (state.leader == kNoNode) return kNoOffset;
    const auto leader = PartitionObserver::find(*nodes_[static_cast<std::size_t>(state.leader - 1)], key);
    return leader && !leader->closed() ? leader->high_watermark().value() : kNoOffset;
  }

  void start_over() {
    for (const auto& [name, topic] : metadata_.image().topics()) {
      for (const auto& partition : topic->partitions) {
        const TopicIdPartition key{topic->id, partition->partition};
        if (ledger_.is_unclean(key)) ledger_.start_over(key, committed_end(key, *partition));
      }
    }
  }

  // Since a node is gone, or min.insync.replicas was raised: the high watermark stands still.
  bool lacks_replicas(const metadata::Topic& topic, const metadata::Partition& partition) const {
    return partition.isr.size() < std::min(partition.replicas.size(), metadata_.min_isr(topic));
  }

  // The replicas of the core that do not hold what is committed, or more.
  std::string what_differs(const std::set<NodeId>& core) {
    if (partitions_.reading() > 0) return "logs are being read";
    for (const auto& [name, topic] : metadata_.image().topics()) {
      for (const auto& partition : topic->partitions) {
        const TopicIdPartition key{topic->id, partition->partition};
        for (const NodeId replica : partition->replicas) {
          if (!core.contains(replica)) continue;
          const std::string what = ledger_.name(key) + " on node " + std::to_string(replica);
          ClusterNode& node = *nodes_[static_cast<std::size_t>(replica - 1)];
          const auto there = PartitionObserver::find(node, key);
          if (!there || there->closed()) return what + " is not there";
          const Offset end = there->log()->end_offset().value();
          const Offset high_watermark = there->high_watermark().value();
          const Offset committed = committed_end(key, *partition);
          const bool all = end == high_watermark || lacks_replicas(*topic, *partition);
          if (!all || high_watermark != committed)
            return what + " ends at " + std::to_string(end) + ", its high watermark is " +
                   std::to_string(high_watermark) + ", committed is " + std::to_string(committed);
        }
      }
    }
    return what_is_missing(core);
  }

  bool settle(const std::set<NodeId>& core) {
    if (run_until([&] { return what_differs(core).empty(); }, kConvergenceBound)) {
      start_over();
      return true;
    }
    if (ledger_.passed()) ledger_.report("the replicas do not come together: " + what_differs(core));
    return false;
  }

  bool read_back() {
    const MonotonicTime deadline = world_.now() + kConvergenceBound;
    for (bool complete = false; !complete && ledger_.passed();) {
      if (world_.now() > deadline) ledger_.report("the records cannot be read back: " + admin_->unread());
      auto task = admin_->read_back();
      if (!run_until([&] { return task.ended(); }, 2 * kConvergenceBound)) {
        if (ledger_.passed()) ledger_.report("reading back does not end");
        std::move(task).detach();
        return false;
      }
      complete = std::move(task).take();
      if (!complete) run_for(200ms);
    }
    return ledger_.passed();
  }

  void compare_replicas(const std::set<NodeId>& core) {
    for (const NodeId id : core) metadata_.compare_log(*nodes_[static_cast<std::size_t>(id - 1)]);
    const metadata::Image image = metadata_.image();
    for (const auto& [name, topic] : image.topics()) {
      for (const auto& partition : topic->partitions) {
        const TopicIdPartition key{topic->id, partition->partition};
        for (const NodeId replica : partition->replicas) {
          // A topic may still go: a request that was not answered is carried out late.
          if (!core.contains(replica) || metadata_.image().partition(key) == nullptr) continue;
          auto task = partitions_.compare(*nodes_[static_cast<std::size_t>(replica - 1)], key);
          if (!run_until([&] { return task.ended(); }, kConvergenceBound)) {
            if (ledger_.passed()) ledger_.report("the comparison of replicas does not end");
            return std::move(task).detach();
          }
        }
      }
    }
  }

  void stop_nodes(const std::set<NodeId>& core) {
    faults_->rest();
    for (const auto& node : nodes_) {
      if (node->state() == ClusterNode::State::running) node->stop();
    }
    const bool stopped = run_until(
        [&] {
          return std::ranges::all_of(nodes_, [](const auto& node) {
            return node->state() == ClusterNode::State::down && node->corpses() == 0;
          });
        },
        kStopBound);
    if (!stopped && ledger_.passed()) ledger_.report("the nodes of a healthy cluster do not stop");
    for (const NodeId id : core) {
      const ClusterNode& node = *nodes_[static_cast<std::size_t>(id - 1)];
      if (ledger_.passed() && !node.stopped_in_order())
        ledger_.report("node " + std::to_string(id) + " does not stop in order: " + node.error());
    }
  }

 public:
  bool done() const { return done_ && all_ended(); }
  // What runs after a failure cannot be ended any more: it is left behind.
  void leave() {
    world_.scheduler().after_step(nullptr);
    for (const auto& node : nodes_) node->leak();
    for (auto& task : tasks_) {
      if (!task.ended()) std::move(task).detach();
    }
    tasks_.clear();
  }

 private:
  World& world_;
  Random& random_;
  const ClusterShape shape_;
  Ledger ledger_;
  MetadataObserver metadata_;
  PartitionObserver partitions_;
  ClusterWork work_;
  std::optional<Recorder> recorder_;
  std::vector<std::unique_ptr<ClusterNode>> nodes_;
  std::unique_ptr<ClusterFaults> faults_;
  std::unique_ptr<ClusterAdmin> admin_;
  std::vector<std::unique_ptr<ClusterProducer>> producers_;
  std::vector<std::unique_ptr<ClusterConsumer>> consumers_;
  std::vector<Task<void>> tasks_;
  bool done_ = false;
};

}  // namespace

Options cluster_options(Random& random) {
  Options options;
  options.machines = static_cast<unsigned>(random.one_in(2) ? 6 : random.between(6, 11));

  options.shards = random.one_in(4) ? 2 : 1;
  options.draw_faults(random, 0.2);
  options.step_limit = 30'000'000;
  return options;
}

Outcome cluster(std::uint64_t, World& world) { return cluster_with(Mutant::none, world); }

Outcome cluster_with(Mutant mutant, World& world) {
  TraceSink sink(world);
  const telemetry::ScopedSink installed(sink);
  auto scenario = std::make_unique<Cluster>(world, mutant);
  const std::string problem = scenario->run();
  if (!scenario->done()) {
    scenario->leave();
    static_cast<void>(scenario.release());  // its coroutines hold on to it
  } else {
    world.scheduler().after_step(nullptr);
  }
  return problem.empty() ? Outcome() : Outcome::failed(problem);
}

}  // namespace moldau::simulation
