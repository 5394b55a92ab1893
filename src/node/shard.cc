#include "node/shard.h"

namespace moldau::node {
namespace {

// Of the memory for requests, which it is beside.
constexpr std::uint64_t kSessionShare = 4;

server::FetchSessionCache::Limits session_limits(const config::Settings& settings,
                                                 std::uint64_t request_memory_bytes) {
  config::ConfigLayers layers;
  layers.static_broker = &settings.broker;
  const auto slots = config::BrokerConfig(layers).int_of("max.incremental.fetch.session.cache.slots", 1000);
  return {static_cast<std::size_t>(slots), static_cast<std::size_t>(request_memory_bytes / kSessionShare)};
}

}  // namespace

Shard::Shard(Parts parts)
    : registry_(parts.settings.metrics_series_cap),
      metrics_(registry_),
      images_(parts.world.shard(parts.index)),
      fetch_sessions_(parts.index, parts.world.shard_count(),
                      session_limits(parts.settings, parts.request_memory_bytes),
                      Random(parts.world.entropy())),
      request_memory_(parts.world.shard(parts.index), parts.request_memory_bytes),
      broker_{parts.world,
              parts.world.shard(parts.index),
              parts.settings,
              parts.node_id,
              parts.cluster_id,
              parts.data,
              parts.controller,
              images_,
              fetch_sessions_,
              request_memory_,
              metrics_,
              peer_lines_,
              parts.own_controller,
              parts.quorum,
              parts.groups,
              parts.kraft_version,
              parts.transactions},
      server_(broker_) {}

}  // namespace moldau::node
