#include "client/admin_items.h"
#include "client/metadata_from.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_log_dirs.h"
#include "wire/messages/update_features.h"

namespace moldau::client {
namespace {

constexpr std::int8_t kControllers = 2;  // an endpoint type of DescribeCluster

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

}  // namespace

Task<Outcome<ClusterInfo>> find_controllers(ClusterClient& cluster) {
  wire::DescribeClusterRequest request;
  request.endpoint_type = kControllers;
  auto response =
      co_await cluster.call_any<wire::DescribeClusterResponse>(std::move(request), {.min_version = 1});
  if (!response) co_return fail(std::move(response).error());
  if (response->error_code != wire::ErrorCode::none) {
    co_return refusal(response->error_code, response->error_message);
  }
  for (const auto& node : response->brokers) cluster.note_broker(node.broker_id, node.host, node.port);
  co_return cluster_from(*response);
}

Task<Outcome<ClusterInfo>> AdminCore::describe_controllers() { return find_controllers(cluster_); }

Task<Outcome<ClusterInfo>> AdminCore::describe_cluster(bool fenced_brokers) {
  if (cluster_.options().bootstrap_controllers) co_return co_await find_controllers(cluster_);
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

Task<Outcome<FeaturesInfo>> AdminCore::describe_features(std::optional<NodeId> node) {
  auto connection = node ? co_await cluster_.connection(*node) : co_await cluster_.any_connection();
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
  auto response =
      co_await call_controller<wire::UpdateFeaturesResponse>(cluster_, std::move(request), options);
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
