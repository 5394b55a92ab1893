// What a node keeps to. All of it holds; the simulator takes one rule away on every node of a cluster, to
// show that its observers see the difference (reliability.md, appendix D).
#pragma once

#include "raft/raft.h"
#include "replication/rules.h"

namespace moldau::node {

struct Rules {
  raft::Rules raft = {};
  replication::Rules replication = {};
  bool elects_unfenced_only = true;  // (28)
  bool names_its_directory = true;   // as a voter: with another disk it is another one, KIP-853 (17)
};

}  // namespace moldau::node
