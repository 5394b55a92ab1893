// Which replicas go where: the plans of cluster reassign, cluster balance, node drain and node resume. Pure:
// replicas in, replicas out. A plan holds only partitions whose replicas or their order change; the first
// replica of each is its preferred leader.
#pragma once

#include <optional>

#include "cli/reassignment_file.h"
#include "client/metadata.h"

namespace moldau::cli {

struct MoveRequest {
  std::vector<client::BrokerInfo> targets;        // that may hold replicas afterwards
  std::optional<std::size_t> replication_factor;  // of each partition; nothing: as it is
};

// Every replica of `moving` goes to the targets: those that are there stay where they are, each other one
// goes to the target with the fewest replicas of `all`, in a rack that the partition is not in yet where
// there is one. Exit::usage when there are too few targets for a partition.
Answer<Assignment> plan_move(const Assignment& all, const Assignment& moving, const MoveRequest& request);

// The fewest moves after which no broker has two replicas more than another, nor is preferred for two
// partitions more than another, as far as single moves lead there. A partition does not lose a rack by it.
Assignment plan_balance(const Assignment& all, const std::vector<client::BrokerInfo>& brokers);

// The broker last in each partition that another in-sync replica can lead.
Assignment plan_drain(const std::vector<client::TopicInfo>& topics, NodeId broker);
// The broker first in as many partitions that it has as give it its share of them.
Assignment plan_resume(const Assignment& all, NodeId broker);

Assignment assignment_of(const std::vector<client::TopicInfo>& topics);

}  // namespace moldau::cli
