#include "simulation/scenarios.h"

#include "simulation/cluster.h"
#include "simulation/compaction.h"
#include "simulation/self_check.h"
#include "simulation/single_node.h"

namespace moldau::simulation {
namespace {

constexpr Scenario kScenarios[] = {
    {"self-check", "a write-ahead counter, its client, crashes and restarts", self_check_options, self_check},
    {"single-node", "one whole broker, its clients and an auditor, every fault there is", single_node_options,
     single_node, single_node_with},
    {"compaction", "two replicas of a compacted partition, compacted on their own, crashes at any operation",
     compaction_options, compaction, compaction_with},
    {"cluster", "several nodes that replicate, their clients, observers of every node, every fault",
     cluster_options, cluster, cluster_with},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  for (const Scenario& scenario : kScenarios) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

}  // namespace moldau::simulation
