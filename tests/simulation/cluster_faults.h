// ClusterFaults: what happens to the nodes of a cluster and to what lies between them, within a budget: every
// partition keeps at least one member of its ISR or ELR with an intact disk, and voters that lose theirs, as
// far as they may (KIP-853), are fewer than what the others can do without. Whatever else is done may take
// service away, never a record.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "simulation/cluster_node.h"
#include "simulation/metadata_observer.h"

namespace moldau::simulation {

class ClusterFaults {
 public:
  ClusterFaults(World& world, std::vector<std::unique_ptr<ClusterNode>>& nodes,
                const MetadataObserver& metadata, Ledger& ledger);

  void on_wiped(std::function<void(NodeId)> callback) { on_wiped_ = std::move(callback); }
  // Somebody asks for a change of the voters, which may happen until then.
  void expect_voters_change(MonotonicTime until) { voters_settle_at_ = until; }
  // One fault, or the end of one, or nothing.
  void disturb();
  // Call often: what was paused or is down comes back in time.
  void tick();
  // No fault is left, and none comes any more but by disturb().
  void heal();
  // Of a cluster that is whole, one node goes for good, if the others can do without it: voters in majority
  // and for each partition someone who may lead. The others; all when none has gone.
  std::set<NodeId> leave_core();
  // Nothing is started any more.
  void rest();

 private:
  struct Plan {
    MonotonicTime restart_at{};
    MonotonicTime resume_at{};
    bool paused = false;
    int storm = 0;  // so many starts are still to be interrupted
    MonotonicTime strike_at{};
    MonotonicTime stutters_until{};  // it runs a part of the time
  };

  void disturb_network();
  void disturb_process();
  void disturb_disk();
  void disturb_clock();
  void cut_to_a_ring();
  void stutter();
  void pause_a_client();
  void resume_clients(MonotonicTime due);
  void damage();
  void copy_disk(ClusterNode& node);
  void start_from_copy(ClusterNode& node);
  bool holds_what_counts(NodeId id) const;
  void kill(ClusterNode& node);
  void kill_many();
  void wipe(ClusterNode& node);
  bool may_wipe(const ClusterNode& node) const;
  bool may_lose_voter(NodeId id) const;
  bool others_can_lead(const std::set<NodeId>& lost) const;
  // Whatever the ISR does until the controller has heard of the loss, somebody else has everything.
  bool is_dispensable(NodeId lost) const;
  bool is_dispensable(NodeId lost, const TopicIdPartition& key) const;
  bool leaves_enough(NodeId gone) const;
  void note_what_is_down();
  ClusterNode& draw_node() { return *nodes_[random_.below(nodes_.size())]; }
  Plan& plan_of(const ClusterNode& node) { return plans_[static_cast<std::size_t>(node.id() - 1)]; }
  DiskFaults no_errors(const DiskFaults& rates) const;

  World& world_;
  Random& random_;
  std::vector<std::unique_ptr<ClusterNode>>& nodes_;
  const MetadataObserver& metadata_;
  Ledger& ledger_;
  bool damages_;  // this run damages files, or else takes whole disks
  std::map<TopicIdPartition, NodeId> damaged_;
  std::map<NodeId, DiskTree> copies_;
  std::map<unsigned, MonotonicTime> clients_resume_at_;  // by machine
  std::vector<Plan> plans_;
  std::vector<DiskFaults> rates_;
  unsigned machines_;
  bool healed_ = false;
  MonotonicTime voters_settle_at_{};
  std::function<void(NodeId)> on_wiped_;
};

}  // namespace moldau::simulation
