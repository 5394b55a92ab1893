// What the administrative requests share: per-item results from error codes, and asking each partition's
// leader.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/admin.h"

namespace moldau::client {

inline std::unexpected<Failure> refusal(wire::ErrorCode code,
                                        const std::optional<std::string>& message = {}) {
  return fail(broker_failure(code, message ? std::optional<std::string_view>(*message) : std::nullopt));
}

// The value, or the failure that the code stands for.
template <class T>
Outcome<T> outcome_of(wire::ErrorCode code, const std::optional<std::string>& message, T value) {
  if (code != wire::ErrorCode::none) return refusal(code, message);
  return value;
}
inline Outcome<void> outcome_of(wire::ErrorCode code, const std::optional<std::string>& message = {}) {
  if (code != wire::ErrorCode::none) return refusal(code, message);
  return {};
}

inline std::int32_t timeout_ms_of(const ClusterClient& cluster) {
  return static_cast<std::int32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(cluster.options().connection.request_timeout)
          .count());
}

// The controllers and the active one, as any of them knows; their addresses are known to `cluster`
// afterwards.
Task<Outcome<ClusterInfo>> find_controllers(ClusterClient& cluster);

// Another controller has to be asked, or the same one a little later.
inline bool asks_elsewhere(wire::ErrorCode code) {
  return code == wire::ErrorCode::not_controller || code == wire::ErrorCode::not_leader_or_follower;
}

// One request to the active controller: through any broker, which hands it on, or where the bootstrap
// addresses are controllers', to that one itself. Again within api_timeout while there is none.
template <class Response, class Request>
Task<Outcome<Response>> call_controller(ClusterClient& cluster, Request request, CallOptions options = {}) {
  const MonotonicTime deadline = cluster.executor().now() + cluster.options().api_timeout;
  Backoff backoff = cluster.new_backoff();
  for (;;) {
    Failure failure;
    if (!cluster.options().bootstrap_controllers) {
      auto response = co_await cluster.call_any<Response>(request, options);
      if (!response || !asks_elsewhere(response->error_code)) co_return response;
      failure = broker_failure(response->error_code);
    } else if (auto controllers = co_await find_controllers(cluster); !controllers) {
      failure = std::move(controllers).error();
    } else if (controllers->controller < 0) {
      failure = local_failure(Errc::unavailable, "the quorum has no leader at the moment");
      failure.retriable = true;
    } else {
      auto response = co_await cluster.call_node<Response>(controllers->controller, request, options);
      if (response && !asks_elsewhere(response->error_code)) co_return response;
      failure = response ? broker_failure(response->error_code) : std::move(response).error();
      if (response) failure.retriable = true;
    }
    if (!failure.retriable && !asks_elsewhere(failure.broker)) co_return fail(std::move(failure));
    if (!co_await cluster.pause(backoff.next(), deadline)) co_return fail(std::move(failure));
  }
}

// The element of this topic in a request's list, made when it is not there. `member`: its name's.
template <class Topics>
auto& topic_entry(Topics& topics, const std::string& name, auto member) {
  const auto at = std::ranges::find(topics, name, member);
  if (at != topics.end()) return *at;
  topics.emplace_back();
  topics.back().*member = name;
  return topics.back();
}

// Those that have written to these partitions, as this broker's replicas know.
Task<Outcome<PerItem<TopicPartition, std::vector<ActiveProducer>>>> ask_producers(
    ClusterClient& cluster, NodeId node, std::vector<TopicPartition> partitions);

// Asks the leader of each partition by `ask(cluster, node, queries)`, which gives results for some or all of
// the queries; those whose leadership moved, and those not answered, are asked again. `partition_of(query)`
// names the partition. Results come in the order of the queries.
template <class T, class Query>
class LeaderRound {
 public:
  using Results = PerItem<TopicPartition, T>;
  using Ask = Task<Outcome<Results>> (*)(ClusterClient&, NodeId, std::vector<Query>);

  LeaderRound(ClusterClient& cluster, std::vector<Query> queries,
              TopicPartition (*partition_of)(const Query&), Ask ask)
      : cluster_(cluster), queries_(std::move(queries)), partition_of_(partition_of), ask_(ask) {
    deadline_ = cluster.executor().now() + cluster.options().api_timeout;
  }

  Task<Outcome<Results>> run() {
    Backoff backoff = cluster_.new_backoff();
    for (unsigned tries = 1;; ++tries) {
      co_await one_try();
      if (unanswered().empty()) break;
      if (tries >= kTriesIfUnknown) give_up_unknown();
      if (unanswered().empty() || !co_await cluster_.pause(backoff.next(), deadline_)) break;
    }
    Results results;
    for (const Query& query : queries_) {
      const TopicPartition partition = partition_of_(query);
      results.emplace_back(partition, std::move(results_.at(partition)));
    }
    co_return results;
  }

 private:
  // A topic that was just created is known to every broker after a moment.
  static constexpr unsigned kTriesIfUnknown = 4;

  std::vector<Query> unanswered() const {
    std::vector<Query> left;
    for (const Query& query : queries_) {
      const auto at = results_.find(partition_of_(query));
      if (at == results_.end() || !final_.contains(at->first)) left.push_back(query);
    }
    return left;
  }

  void note(const TopicPartition& partition, Outcome<T> outcome) {
    const bool final = outcome || !outcome.error().retriable;
    results_.insert_or_assign(partition, std::move(outcome));
    if (final) final_.insert(partition);
  }

  void give_up_unknown() {
    for (const auto& [partition, outcome] : results_) {
      if (!outcome && outcome.error().code == Errc::not_found) final_.insert(partition);
    }
  }

  Task<void> one_try() {
    std::vector<std::string> topics;
    for (const Query& query : unanswered()) topics.push_back(partition_of_(query).topic);
    std::ranges::sort(topics);
    topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
    const auto known = co_await cluster_.topics({.names = topics});
    std::map<NodeId, std::vector<Query>> by_node;
    for (const Query& query : unanswered()) {
      const TopicPartition partition = partition_of_(query);
      if (!known) {
        note(partition, client::fail(known.error()));
      } else if (const auto leader = leader_in(*known, partition); leader) {
        by_node[*leader].push_back(query);
      } else {
        note(partition, client::fail(leader.error()));
      }
    }
    std::vector<Task<void>> asked;
    for (auto& [node, queries] : by_node) asked.push_back(ask_node(node, std::move(queries)));
    for (Task<void>& task : asked) co_await std::move(task);
  }

  Task<void> ask_node(NodeId node, std::vector<Query> queries) {
    auto results = co_await ask_(cluster_, node, queries);
    if (results) {
      for (auto& [partition, outcome] : *results) note(partition, std::move(outcome));
    }
    for (const Query& query : queries) {
      const TopicPartition partition = partition_of_(query);
      if (!results) {
        note(partition, client::fail(results.error()));
      } else if (!results_.contains(partition)) {
        note(partition, client::fail(local_failure(Errc::unavailable, "the broker left this partition out")));
      }
    }
  }

  static Outcome<NodeId> leader_in(const std::vector<TopicInfo>& topics, const TopicPartition& partition) {
    const auto topic = std::ranges::find(topics, partition.topic, &TopicInfo::name);
    if (topic == topics.end()) return refusal(wire::ErrorCode::unknown_topic_or_partition);
    if (topic->error != wire::ErrorCode::none) return refusal(topic->error);
    const PartitionInfo* info = topic->find(partition.partition);
    if (info == nullptr) return refusal(wire::ErrorCode::unknown_topic_or_partition);
    if (info->leader < 0) return refusal(wire::ErrorCode::leader_not_available);
    return info->leader;
  }

  ClusterClient& cluster_;
  std::vector<Query> queries_;
  TopicPartition (*partition_of_)(const Query&);
  Ask ask_;
  MonotonicTime deadline_;
  std::map<TopicPartition, Outcome<T>> results_;
  std::set<TopicPartition> final_;
};

}  // namespace moldau::client
