#include "client/admin_items.h"
#include "client/metadata_from.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/update_features.h"

namespace moldau::client {
namespace {

constexpr std::string_view kMetadataTopic = "__cluster_metadata";

ClusterInfo cluster_from(const wire::DescribeClusterResponse& response) {
  ClusterInfo info{.cluster_id = response.cluster_id, .controller = response.controller_id};
  for (const auto& broker : response.brokers) {
    const auto endpoint = endpoint_of(broker.host, broker.port);
    info.brokers.push_back({.id = broker.broker_id,
                            .endpoint = endpoint.value_or(Endpoint{}),
                            .rack = broker.rack,
                            .fenced = broker.is_fenced});
  }
  std::ranges::sort(info.brokers, {}, &BrokerInfo::id);
  return info;
}

LogDir log_dir_from(const wire::DescribeLogDirsResponse::DirectoryResult& from) {
  LogDir dir{.path = from.log_dir,
             .error = from.error_code,
             .total_bytes = from.total_bytes,
             .usable_bytes = from.usable_bytes};
  for (const auto& topic : from.topics) {
    for (const auto& partition : topic.partitions) {
      dir.replicas.push_back({.partition = {topic.name, partition.partition_index},
                              .size_bytes = partition.partition_size,
                              .offset_lag = partition.offset_lag,
                              .is_future = partition.is_future_key});
    }
  }
  return dir;
}

Outcome<std::vector<LogDir>> log_dirs_from(const wire::DescribeLogDirsResponse& response) {
  if (response.error_code != wire::ErrorCode::none) return refusal(response.error_code);
  std::vector<LogDir> dirs;
  for (const auto& result : response.results) dirs.push_back(log_dir_from(result));
  return dirs;
}

QuorumReplica replica_from(const wire::DescribeQuorumResponse::ReplicaState& from) {
  return {.id = from.replica_id,
          .directory_id = from.replica_directory_id,
          .log_end_offset = from.log_end_offset,
          .last_fetch = from.last_fetch_timestamp,
          .last_caught_up = from.last_caught_up_timestamp};
}

QuorumNode node_from(const wire::DescribeQuorumResponse::Node& from) {
  QuorumNode node{.id = from.node_id};
  for (const auto& listener : from.listeners) {
    node.listeners.push_back({listener.name, Endpoint{listener.host, listener.port}});
  }
  return node;
}

Outcome<QuorumInfo> quorum_from(const wire::DescribeQuorumResponse& response) {
  if (response.error_code != wire::ErrorCode::none)
    return refusal(response.error_code, response.error_message);
  if (response.topics.empty() || response.topics.front().partitions.empty()) {
    return fail(local_failure(Errc::corrupt, "the broker's answer names no quorum"));
  }
  const auto& from = response.topics.front().partitions.front();
  if (from.error_code != wire::ErrorCode::none) return refusal(from.error_code, from.error_message);
  QuorumInfo info{
      .leader = from.leader_id, .leader_epoch = from.leader_epoch, .high_watermark = from.high_watermark};
  for (const auto& voter : from.current_voters) info.voters.push_back(replica_from(voter));
  for (const auto& observer : from.observers) info.observers.push_back(replica_from(observer));
  for (const auto& node : response.nodes) info.nodes.push_back(node_from(node));
  return info;
}

}  // namespace

Task<Outcome<ClusterInfo>> AdminCore::describe_cluster(bool fenced_brokers) {
  wire::DescribeClusterRequest request;
  request.include_fenced_brokers = fenced_brokers;
  auto response = co_await cluster_.call_any<wire::DescribeClusterResponse>(std::move(request));
  if (!response && response.error().code == Errc::unsupported) co_return co_await cluster_.cluster();
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) {
    co_return refusal(response->error_code, response->error_message);
  }
  co_return cluster_from(*response);
}

Task<Outcome<PerItem<NodeId, std::vector<LogDir>>>> AdminCore::describe_log_dirs(
    std::vector<NodeId> brokers, std::optional<std::vector<std::string>> topics) {
  auto known = co_await cluster_.topics({.names = topics.value_or(std::vector<std::string>())});
  if (!known) co_return fail(std::move(known).error());
  if (brokers.empty()) {
    for (const BrokerInfo& broker : cluster_.metadata().cluster().brokers) brokers.push_back(broker.id);
  }
  wire::DescribeLogDirsRequest request;
  if (topics) {
    request.topics.emplace();
    for (const TopicInfo& topic : *known) {
      auto& out = request.topics->emplace_back();
      out.topic = topic.name;
      for (const PartitionInfo& partition : topic.partitions) out.partitions.push_back(partition.index);
    }
  }
  PerItem<NodeId, std::vector<LogDir>> results;
  for (const NodeId broker : brokers) {
    auto response = co_await cluster_.call_node<wire::DescribeLogDirsResponse>(broker, request);
    if (response) {
      results.emplace_back(broker, log_dirs_from(*response));
    } else {
      results.emplace_back(broker, fail(std::move(response).error()));
    }
  }
  co_return results;
}

Task<Outcome<QuorumInfo>> AdminCore::describe_quorum() {
  wire::DescribeQuorumRequest request;
  request.topics.emplace_back();
  request.topics.back().topic_name = kMetadataTopic;
  request.topics.back().partitions.push_back({0});
  auto response = co_await cluster_.call_any<wire::DescribeQuorumResponse>(std::move(request));
  if (!response) co_return fail(std::move(response).error());
  co_return quorum_from(*response);
}

Task<Outcome<FeaturesInfo>> AdminCore::describe_features() {
  auto connection = co_await cluster_.any_connection();
  if (!connection) co_return fail(std::move(connection).error());
  // What the connection's negotiation told may be old by now.
  auto response =
      co_await (*connection)
          ->call<wire::ApiVersionsResponse>(
              wire::ApiVersionsRequest{.client_software_name = "moldau", .client_software_version = "0.1.0"},
              {.min_version = 3});
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) co_return refusal(response->error_code);
  std::map<std::string, FeatureInfo> features;
  for (const auto& one : response->supported_features) {
    features[one.name] = {
        .name = one.name, .supported_min = one.min_version, .supported_max = one.max_version};
  }
  for (const auto& one : response->finalized_features) {
    features[one.name].name = one.name;
    features[one.name].finalized = one.max_version_level;
  }
  FeaturesInfo info{.finalized_epoch = response->finalized_features_epoch};
  for (auto& [name, feature] : features) info.features.push_back(std::move(feature));
  co_return info;
}

Task<Outcome<PerItem<std::string, void>>> AdminCore::update_features(std::vector<FeatureUpdate> updates,
                                                                     bool validate_only) {
  wire::UpdateFeaturesRequest request;
  request.timeout_ms = timeout_ms_of(cluster_);
  for (const FeatureUpdate& update : updates) {
    request.feature_updates.push_back({.feature = update.name,
                                       .max_version_level = update.level,
                                       .allow_downgrade = update.kind != FeatureUpgrade::upgrade,
                                       .upgrade_type = static_cast<std::int8_t>(update.kind)});
  }
  request.validate_only = validate_only;
  const CallOptions options{.min_version = static_cast<wire::ApiVersion>(validate_only ? 1 : 0)};
  auto response = co_await cluster_.call_any<wire::UpdateFeaturesResponse>(std::move(request), options);
  if (!response) co_return fail(std::move(response).error());
  PerItem<std::string, void> results;
  for (const auto& one : response->results) {
    results.emplace_back(one.feature, outcome_of(one.error_code, one.error_message));
  }
  if (!results.empty()) co_return results;
  // From version 2 on there is one answer for all.
  for (const FeatureUpdate& update : updates) {
    results.emplace_back(update.name, outcome_of(response->error_code, response->error_message));
  }
  co_return results;
}

Task<Outcome<PerItem<BrokerInfo, wire::ApiVersionsResponse>>> AdminCore::api_versions() {
  const auto cluster = co_await cluster_.cluster();
  if (!cluster) co_return fail(cluster.error());
  PerItem<BrokerInfo, wire::ApiVersionsResponse> results;
  for (const BrokerInfo& broker : cluster->brokers) {
    auto connection = co_await cluster_.connection(broker.id);
    if (connection) {
      results.emplace_back(broker, (*connection)->api_versions());
    } else {
      results.emplace_back(broker, fail(std::move(connection).error()));
    }
  }
  co_return results;
}

}  // namespace moldau::client
