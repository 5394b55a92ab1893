#include "cli/replication_throttle.h"

#include <algorithm>

namespace moldau::cli {
namespace {

using runtime::Task;
using Changes = std::vector<std::pair<client::ConfigResource, std::vector<client::ConfigChange>>>;

constexpr std::string_view kRates[] = {"leader.replication.throttled.rate",
                                       "follower.replication.throttled.rate"};
constexpr std::string_view kLogDirRate = "replica.alter.log.dirs.io.max.bytes.per.second";
constexpr std::string_view kSources = "leader.replication.throttled.replicas";
constexpr std::string_view kDestinations = "follower.replication.throttled.replicas";

std::string throttled(const Moves& moves, std::string_view topic, const std::set<NodeId> Move::* nodes) {
  std::set<std::string> parts;  // in the order of their text, as Kafka has them
  for (const auto& [partition, move] : moves) {
    if (partition.topic != topic) continue;
    for (const NodeId node : move.*nodes)
      parts.insert(std::to_string(partition.partition) + ":" + std::to_string(node));
  }
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

client::ConfigChange setting(std::string_view name, std::string value) {
  return {std::string(name), client::ConfigOperation::set, std::move(value)};
}
client::ConfigChange removal(std::string_view name) {
  return {std::string(name), client::ConfigOperation::remove, std::nullopt};
}
client::ConfigResource of_broker(NodeId node) {
  return {client::ConfigResourceType::broker, std::to_string(node)};
}

Task<Answer<void>> apply(ClusterSession& session, Changes changes) {
  if (changes.empty()) co_return Answer<void>{};
  const auto results = co_await session.admin.incremental_alter_configs(std::move(changes));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot change the throttles"));
  for (const auto& [resource, result] : *results) {
    if (!result)
      co_return trouble(trouble_of(
          result.error(),
          "cannot change the throttle of " +
              std::string(resource.type == client::ConfigResourceType::topic ? "topic " : "broker ") +
              resource.name));
  }
  co_return Answer<void>{};
}

}  // namespace

Moves moves_of(const Reassignments& under_way, const Assignment& proposed, const Assignment& now) {
  Moves moves;
  for (const auto& [partition, reassignment] : under_way) {
    Move& move = moves[partition];
    move.destinations.insert(reassignment.adding.begin(), reassignment.adding.end());
    for (const NodeId node : reassignment.replicas) {
      if (!move.destinations.contains(node)) move.sources.insert(node);
    }
  }
  for (const auto& [partition, replicas] : proposed) {
    Move& move = moves[partition];
    if (!under_way.contains(partition)) {
      const auto at = now.find(partition);
      if (at != now.end()) move.sources.insert(at->second.begin(), at->second.end());
    }
    move.destinations.clear();
    for (const NodeId node : replicas) {
      if (!move.sources.contains(node)) move.destinations.insert(node);
    }
  }
  return moves;
}

std::string throttled_sources(const Moves& moves, std::string_view topic) {
  return throttled(moves, topic, &Move::sources);
}
std::string throttled_destinations(const Moves& moves, std::string_view topic) {
  return throttled(moves, topic, &Move::destinations);
}

Task<Answer<void>> set_throttle(ClusterSession& session, const Moves& moves, std::int64_t bytes_per_second) {
  std::set<std::string> topics;
  std::set<NodeId> brokers;
  for (const auto& [partition, move] : moves) {
    topics.insert(partition.topic);
    brokers.insert(move.sources.begin(), move.sources.end());
    brokers.insert(move.destinations.begin(), move.destinations.end());
  }
  Changes of_topics, of_brokers;
  for (const std::string& topic : topics)
    of_topics.push_back({{client::ConfigResourceType::topic, topic},
                         {setting(kSources, throttled_sources(moves, topic)),
                          setting(kDestinations, throttled_destinations(moves, topic))}});
  for (const NodeId node : brokers) {
    of_brokers.emplace_back(of_broker(node), std::vector<client::ConfigChange>());
    for (const std::string_view rate : kRates)
      of_brokers.back().second.push_back(setting(rate, std::to_string(bytes_per_second)));
  }
  if (auto changed = co_await apply(session, std::move(of_topics)); !changed) co_return changed;
  co_return co_await apply(session, std::move(of_brokers));
}

Task<Answer<void>> clear_broker_throttles(ClusterSession& session, const std::set<NodeId>& brokers) {
  Changes changes;
  for (const NodeId node : brokers)
    changes.push_back({of_broker(node), {removal(kRates[0]), removal(kRates[1]), removal(kLogDirRate)}});
  co_return co_await apply(session, std::move(changes));
}

Task<Answer<void>> clear_topic_throttles(ClusterSession& session, const std::set<std::string>& topics) {
  Changes changes;
  for (const std::string& topic : topics)
    changes.push_back(
        {{client::ConfigResourceType::topic, topic}, {removal(kSources), removal(kDestinations)}});
  co_return co_await apply(session, std::move(changes));
}

}  // namespace moldau::cli
