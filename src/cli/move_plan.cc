#include "cli/move_plan.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace moldau::cli {
namespace {

using Counts = std::map<NodeId, std::int64_t>;

bool has(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

class Racks {
 public:
  explicit Racks(const std::vector<client::BrokerInfo>& brokers) {
    for (const client::BrokerInfo& broker : brokers) by_node_[broker.id] = broker.rack.value_or("");
  }
  std::string_view of(NodeId node) const {
    const auto at = by_node_.find(node);
    return at == by_node_.end() ? std::string_view() : at->second;
  }
  std::size_t count(const std::vector<NodeId>& nodes) const {
    std::set<std::string_view> racks;
    for (const NodeId node : nodes) racks.insert(of(node));
    return racks.size();
  }

 private:
  std::map<NodeId, std::string> by_node_;
};

Counts replica_counts(const Assignment& all, const std::vector<client::BrokerInfo>& brokers) {
  Counts counts;
  for (const client::BrokerInfo& broker : brokers) counts[broker.id];
  for (const auto& [partition, replicas] : all) {
    for (const NodeId node : replicas) {
      if (counts.contains(node)) ++counts[node];
    }
  }
  return counts;
}

Counts leader_counts(const Assignment& all, const std::vector<client::BrokerInfo>& brokers) {
  Counts counts;
  for (const client::BrokerInfo& broker : brokers) counts[broker.id];
  for (const auto& [partition, replicas] : all) {
    if (!replicas.empty() && counts.contains(replicas.front())) ++counts[replicas.front()];
  }
  return counts;
}

// The target for one more replica beside `kept`; kNoNode when every target has one.
NodeId next_target(const Counts& counts, const std::vector<NodeId>& kept, const Racks& racks) {
  std::set<std::string_view> used;
  for (const NodeId node : kept) used.insert(racks.of(node));
  NodeId best = kNoNode;
  bool best_new_rack = false;
  for (const auto& [node, count] : counts) {
    if (has(kept, node)) continue;
    const bool new_rack = !used.contains(racks.of(node));
    const bool better = best == kNoNode || (new_rack && !best_new_rack) ||
                        (new_rack == best_new_rack && count < counts.at(best));
    if (better) best = node, best_new_rack = new_rack;
  }
  return best;
}

// Of two brokers at the ends of the counts.
struct Imbalance {
  NodeId most;
  NodeId least;
};

// Pairs with a difference of at least two, the largest difference first.
std::vector<Imbalance> imbalances(const Counts& counts) {
  std::vector<Imbalance> found;
  for (const auto& [most, high] : counts) {
    for (const auto& [least, low] : counts) {
      if (high - low >= 2) found.push_back({most, least});
    }
  }
  std::ranges::sort(found, {}, [&](const Imbalance& one) {
    return std::tuple(counts.at(one.least) - counts.at(one.most), one.most, one.least);
  });
  return found;
}

class Balance {
 public:
  Balance(const Assignment& all, const std::vector<client::BrokerInfo>& brokers)
      : all_(all), now_(all), racks_(brokers), replicas_(replica_counts(all, brokers)) {}

  void even_replicas() {
    while (move_one()) {
    }
  }

  void even_leaders(const std::vector<client::BrokerInfo>& brokers) {
    leaders_ = leader_counts(now_, brokers);
    while (lead_one()) {
    }
  }

  Assignment changed() const {
    Assignment plan;
    for (const auto& [partition, replicas] : now_) {
      if (all_.at(partition) != replicas) plan[partition] = replicas;
    }
    return plan;
  }

 private:
  bool move_one() {
    for (const auto& [most, least] : imbalances(replicas_)) {
      for (auto& [partition, replicas] : now_) {
        const auto at = std::ranges::find(replicas, most);
        if (at == replicas.end() || has(replicas, least)) continue;
        const std::size_t before = racks_.count(replicas);
        *at = least;
        if (racks_.count(replicas) >= before) {
          --replicas_[most];
          ++replicas_[least];
          return true;
        }
        *at = most;
      }
    }
    return false;
  }

  bool lead_one() {
    for (const auto& [most, least] : imbalances(leaders_)) {
      for (auto& [partition, replicas] : now_) {
        if (replicas.empty() || replicas.front() != most) continue;
        const auto at = std::ranges::find(replicas, least);
        if (at == replicas.end()) continue;
        std::iter_swap(replicas.begin(), at);
        --leaders_[most];
        ++leaders_[least];
        return true;
      }
    }
    return false;
  }

  const Assignment& all_;
  Assignment now_;
  Racks racks_;
  Counts replicas_;
  Counts leaders_;
};

}  // namespace

Answer<Assignment> plan_move(const Assignment& all, const Assignment& moving, const MoveRequest& request) {
  const Racks racks(request.targets);
  Counts counts = replica_counts(all, request.targets);
  Assignment plan;
  for (const auto& [partition, replicas] : moving) {
    const std::size_t wanted = request.replication_factor.value_or(replicas.size());
    if (wanted > counts.size())
      return usage_trouble(partition.to_string() + " needs " + std::to_string(wanted) +
                               " brokers, and there are " + std::to_string(counts.size()) + " to choose from",
                           "name more brokers, or fewer replicas with --replicas");
    std::vector<NodeId> kept;
    for (const NodeId node : replicas) {
      if (counts.contains(node) && kept.size() < wanted) kept.push_back(node);
    }
    std::vector<NodeId> next;
    // What goes is replaced where it stands, so that leaders stay spread.
    for (const NodeId node : replicas) {
      if (next.size() == wanted) break;
      if (has(kept, node)) {
        next.push_back(node);
      } else if (kept.size() < wanted) {
        next.push_back(next_target(counts, kept, racks));
        kept.push_back(next.back());
      }
    }
    while (next.size() < wanted) {
      next.push_back(next_target(counts, kept, racks));
      kept.push_back(next.back());
    }
    for (const NodeId node : replicas) {
      if (counts.contains(node) && !has(next, node)) --counts[node];
    }
    for (const NodeId node : next) {
      if (!has(replicas, node)) ++counts[node];
    }
    if (next != replicas) plan[partition] = std::move(next);
  }
  return plan;
}

Assignment plan_balance(const Assignment& all, const std::vector<client::BrokerInfo>& brokers) {
  Balance balance(all, brokers);
  balance.even_replicas();
  balance.even_leaders(brokers);
  return balance.changed();
}

Assignment plan_drain(const std::vector<client::TopicInfo>& topics, NodeId broker) {
  Assignment plan;
  for (const client::TopicInfo& topic : topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      const auto& replicas = partition.replicas;
      if (replicas.empty() || (replicas.front() != broker && partition.leader != broker)) continue;
      if (!has(replicas, broker)) continue;
      std::vector<NodeId> order;
      for (const NodeId node : replicas) {
        if (node != broker && has(partition.isr, node)) order.push_back(node);
      }
      if (order.empty()) continue;
      for (const NodeId node : replicas) {
        if (node != broker && !has(partition.isr, node)) order.push_back(node);
      }
      order.push_back(broker);
      plan[{topic.name, partition.index}] = std::move(order);
    }
  }
  return plan;
}

Assignment plan_resume(const Assignment& all, NodeId broker) {
  Counts leaders;
  std::int64_t has_it = 0, led = 0;
  double share = 0;
  for (const auto& [partition, replicas] : all) {
    if (replicas.empty()) continue;
    ++leaders[replicas.front()];
    if (!has(replicas, broker)) continue;
    ++has_it;
    led += replicas.front() == broker;
    share += 1.0 / static_cast<double>(replicas.size());
  }
  const auto wanted = static_cast<std::int64_t>(share + 0.5);
  Assignment plan;
  // Taken from whoever leads most.
  while (led < wanted && led < has_it) {
    const TopicPartition* best = nullptr;
    for (const auto& [partition, replicas] : all) {
      if (!has(replicas, broker) || replicas.front() == broker || plan.contains(partition)) continue;
      if (best == nullptr || leaders[replicas.front()] > leaders[all.at(*best).front()]) best = &partition;
    }
    if (best == nullptr) break;
    std::vector<NodeId> order{broker};
    for (const NodeId node : all.at(*best)) {
      if (node != broker) order.push_back(node);
    }
    --leaders[all.at(*best).front()];
    plan[*best] = std::move(order);
    ++led;
  }
  return plan;
}

Assignment assignment_of(const std::vector<client::TopicInfo>& topics) {
  Assignment all;
  for (const client::TopicInfo& topic : topics) {
    for (const client::PartitionInfo& partition : topic.partitions)
      all[{topic.name, partition.index}] = partition.replicas;
  }
  return all;
}

}  // namespace moldau::cli
