// The shape of a simulated cluster and the settings of its nodes, drawn from the seed.
#pragma once

#include "base/random.h"
#include "config/settings.h"
#include "raft/voter_set.h"
#include "simulation/world.h"

namespace moldau::simulation {

struct ClusterShape {
  unsigned nodes = 3;
  unsigned voters = 3;  // the first ones that the cluster begins with; the others are brokers alone
  unsigned clients = 3;
};

// Between 3 and 7 nodes, 3 or 5 of them voters, and at least an admin, a producer and a consumer.
ClusterShape draw_shape(unsigned machines);

// What all nodes of one cluster have alike; `node` counts from 0.
class ClusterSettings {
 public:
  ClusterSettings(Random& random, ClusterShape shape);
  config::Settings of(unsigned node) const;
  // Voters may come and go (KIP-853), and all nodes are controllers.
  bool dynamic() const { return dynamic_; }
  // Formats the folders of the first voters of a dynamic quorum, as kafka-storage does.
  void format(World& world) const;

 private:
  ClusterShape shape_;
  config::ConfigMap broker_;
  std::uint64_t commit_log_bytes_;
  bool racks_;
  bool dynamic_;
};

// Where a node's controller listens.
raft::Endpoint controller_endpoint(NodeId node);

}  // namespace moldau::simulation
