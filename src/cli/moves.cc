#include "cli/moves.h"

#include <algorithm>
#include <set>

#include "cli/cluster_view.h"
#include "cli/moldau_parser.h"
#include "cli/replica_text.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;
using Refused = std::map<TopicPartition, client::Failure>;

std::vector<TopicPartition> partitions_in(const Assignment& plan) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, replicas] : plan) partitions.push_back(partition);
  return partitions;
}

}  // namespace

Answer<void> print_plan(Session& session, const Assignment& from, const Assignment& plan) {
  Table table({{"topic"}, {"partition", true}, {"from"}, {"to"}});
  for (const auto& [partition, replicas] : plan) {
    const auto at = from.find(partition);
    table.add({partition.topic, partition.partition, at == from.end() ? Json() : nodes_json(at->second),
               nodes_json(replicas)});
  }
  return print_table(session, std::move(table));
}

Task<Answer<Refused>> start_moves(ClusterSession& session, const Assignment& plan) {
  std::vector<client::NewReassignment> wanted;
  for (const auto& [partition, replicas] : plan) wanted.push_back({partition, replicas});
  const auto results = co_await session.admin.alter_partition_reassignments(std::move(wanted));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot reassign partitions"));
  Refused refused;
  for (const auto& [partition, result] : *results) {
    if (!result) refused.emplace(partition, result.error());
  }
  co_return refused;
}

Task<Answer<std::vector<TopicPartition>>> wait_for_moves(ClusterSession& session, const Assignment& plan,
                                                         runtime::MonotonicTime deadline) {
  constexpr runtime::Duration kPause = std::chrono::milliseconds(200);
  Progress progress(session.session, session.executor());
  for (;;) {
    const auto under_way = co_await session.admin.list_partition_reassignments(partitions_in(plan));
    std::vector<TopicPartition> left;
    if (under_way) {
      for (const auto& [partition, reassignment] : *under_way) {
        if (plan.contains(partition)) left.push_back(partition);
      }
    } else if (!under_way.error().retriable) {
      co_return trouble(trouble_of(under_way.error(), "cannot list reassignments"));
    }
    if (under_way && left.empty()) co_return left;
    progress.show(std::to_string(left.size()) + " of " + std::to_string(plan.size()) +
                  " partitions are still moving");
    if (session.interrupt.raised() || !co_await session.cluster.pause(kPause, deadline)) {
      if (!under_way) co_return trouble(trouble_of(under_way.error(), "cannot list reassignments"));
      co_return left;
    }
  }
}

Task<Answer<Refused>> elect_preferred(ClusterSession& session, const Assignment& plan) {
  Refused refused;
  if (plan.empty()) co_return refused;
  const auto results =
      co_await session.admin.elect_leaders(client::ElectionType::preferred, partitions_in(plan));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot elect leaders"));
  for (const auto& [partition, result] : *results) {
    if (!result && result.error().broker != wire::ErrorCode::election_not_needed)
      refused.emplace(partition, result.error());
  }
  co_return refused;
}

std::string status_text(const Refused& refused, const TopicPartition& partition) {
  const auto at = refused.find(partition);
  if (at == refused.end()) return "OK";
  const client::Failure& failure = at->second;
  const std::string code =
      failure.broker == wire::ErrorCode::none ? "" : std::string(wire::name_of(failure.broker)) + ": ";
  return code + words_of(failure);
}

Answer<std::vector<TopicPartition>> partitions_of_words(const std::vector<std::string>& words,
                                                        const std::vector<client::TopicInfo>& topics) {
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : topics) names.push_back(topic.name);
  std::set<TopicPartition> found;
  const auto add = [&](const client::TopicInfo& topic, std::optional<std::int64_t> only) {
    bool any = false;
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (only && partition.index != *only) continue;
      found.insert({topic.name, partition.index});
      any = true;
    }
    return any;
  };
  for (const std::string& word : words) {
    const std::size_t slash = word.rfind('/');
    const std::string name = word.substr(0, slash);
    const auto index = slash == std::string::npos ? std::nullopt : whole_number(word.substr(slash + 1));
    if (slash != std::string::npos && !index)
      return usage_trouble("\"" + word + "\" is neither TOPIC nor TOPIC/PARTITION");
    const auto at = std::ranges::find(topics, name, &client::TopicInfo::name);
    if (at == topics.end()) {
      const std::string near = nearest_of(name, names);
      return trouble(Exit::not_found, "there is no topic " + name, {},
                     near.empty() ? "moldau topic list shows the topics" : "did you mean " + near + "?");
    }
    if (!add(*at, index)) return trouble(Exit::not_found, "there is no partition " + word);
  }
  if (words.empty()) {
    for (const client::TopicInfo& topic : topics) add(topic, std::nullopt);
  }
  return std::vector<TopicPartition>(found.begin(), found.end());
}

Answer<std::vector<NodeId>> parse_nodes(std::string_view text, std::string_view flag) {
  std::set<NodeId> nodes;
  for (const std::string& part : split(text, ',')) {
    const auto id = whole_number(part);
    if (!id || *id < 0 || *id > INT32_MAX)
      return usage_trouble(std::string(flag) + ": \"" + part + "\" is no node id", "for example 1,2,3");
    nodes.insert(static_cast<NodeId>(*id));
  }
  return std::vector<NodeId>(nodes.begin(), nodes.end());
}

}  // namespace moldau::cli
