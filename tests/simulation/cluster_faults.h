// ClusterFaults: what happens to the nodes of a cluster and to what lies between them, within a budget: every
// partition keeps at least one member of its ISR or ELR with an intact disk, and so does a majority of the
// voters. Whatever else is done may take service away, never a record.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "simulation/cluster_node.h"
#include "simulation/metadata_observer.h"

namespace moldau::simulation {

class ClusterFaults {
 public:
  ClusterFaults(World& world, std::vector<std::unique_ptr<ClusterNode>>& nodes,
                const MetadataObserver& metadata);

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
  };

  void disturb_network();
  void disturb_process();
  void disturb_disk();
  void disturb_clock();
  void kill(ClusterNode& node);
  void kill_many();
  void wipe(ClusterNode& node);
  bool may_wipe(const ClusterNode& node) const;
  bool others_can_lead(const std::set<NodeId>& lost) const;
  // Whatever the ISR does until the controller has heard of the loss, somebody else has everything.
  bool is_dispensable(NodeId lost) const;
  bool leaves_enough(NodeId gone) const;
  void note_what_is_down();
  ClusterNode& draw_node() { return *nodes_[random_.below(nodes_.size())]; }
  Plan& plan_of(const ClusterNode& node) { return plans_[static_cast<std::size_t>(node.id() - 1)]; }
  DiskFaults no_errors(const DiskFaults& rates) const;

  World& world_;
  Random& random_;
  std::vector<std::unique_ptr<ClusterNode>>& nodes_;
  const MetadataObserver& metadata_;
  std::vector<Plan> plans_;
  std::vector<DiskFaults> rates_;
  unsigned machines_;
  bool healed_ = false;
};

}  // namespace moldau::simulation
