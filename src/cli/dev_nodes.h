// Starting, watching and stopping the nodes of a dev cluster, in a task on shard 0.
#pragma once

#include "cli/dev_cluster.h"

namespace moldau::cli {

// The nodes as processes of this one.
class DevNodes {
 public:
  DevNodes(Session& session, DevCluster cluster) : session_(session), cluster_(std::move(cluster)) {}

  // All of them. Exit::failed when a program cannot be started.
  Answer<void> start();
  // Until every node is in service and there is a controller. Exit::failed tells of a node that ended, with
  // what it said last; Exit::unreachable when it takes longer than `patience`; a signal ends it, too.
  runtime::Task<Answer<void>> settle(Context context, runtime::Duration patience);
  // Tells of every node that ends, until a signal comes; done when the last one has ended.
  runtime::Task<void> watch(Context context);
  // Asks all to stop and waits. How many still run at the end of `patience`.
  runtime::Task<std::size_t> stop(Context context, runtime::Duration patience);

  const DevCluster& cluster() const { return cluster_; }

 private:
  struct Node {
    int number = 0;
    std::int64_t pid = 0;
    bool ended = false;
  };
  // The first one that has ended since the last call, with its exit code.
  std::optional<std::pair<Node, int>> next_ended();
  // Processes of the cluster's nodes, also of those that somebody started again.
  std::vector<std::pair<int, std::int64_t>> running();
  std::string last_words(int node) const;

  Session& session_;
  DevCluster cluster_;
  std::vector<Node> nodes_;
};

}  // namespace moldau::cli
