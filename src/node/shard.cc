#include "node/shard.h"

namespace moldau::node {
namespace {

std::size_t fetch_session_slots(const config::Settings& settings) {
  config::ConfigLayers layers;
  layers.static_broker = &settings.broker;
  return static_cast<std::size_t>(
      config::BrokerConfig(layers).int_of("max.incremental.fetch.session.cache.slots", 1000));
}

}  // namespace

Shard::Shard(Parts parts)
    : registry_(parts.settings.metrics_series_cap),
      metrics_(registry_),
      images_(parts.world.shard(parts.index)),
      fetch_sessions_(parts.index, parts.world.shard_count(), fetch_session_slots(parts.settings),
                      Random(parts.world.entropy())),
      request_memory_(parts.world.shard(parts.index), parts.request_memory_bytes),
      broker_{parts.world,      parts.world.shard(parts.index),
              parts.settings,   parts.node_id,
              parts.cluster_id, parts.data,
              parts.controller, images_,
              fetch_sessions_,  request_memory_,
              metrics_,         peer_lines_},
      server_(broker_) {}

}  // namespace moldau::node
