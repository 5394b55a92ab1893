// Broker: what the handlers of one shard work on. Built by src/node, one for each shard; everything it refers
// to outlives every connection.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "config/settings.h"
#include "metadata/image.h"
#include "replication/partition_set.h"
#include "runtime/world.h"
#include "server/controller_channel.h"
#include "server/fetch_session.h"
#include "server/frame_reader.h"
#include "server/group_channel.h"
#include "server/metrics.h"
#include "server/quorum_channel.h"
#include "server/transaction_channel.h"

namespace moldau::server {

// A part of a broker's data: the partitions of one commit log. They are touched on their executor's shard
// only.
struct ShardData {
  runtime::Executor& executor;
  replication::PartitionSet& partitions;
};

struct Broker {
  runtime::World& world;
  runtime::Executor& executor;  // of this shard
  const config::Settings& settings;
  NodeId node_id;
  std::string cluster_id;
  std::span<const ShardData> shards;
  ControllerChannel& controller;     // the active one, wherever it is
  replication::ImageHolder& images;  // of this shard
  FetchSessionCache& fetch_sessions;
  MemoryBudget& request_memory;
  ServerMetrics& metrics;
  telemetry::LineLimiter& peer_lines;  // log lines that peers can cause
  // Of a node with a controller listener, else null: what requests by that listener are answered by.
  ControllerChannel* own_controller =
      nullptr;  // this node's, which says NOT_CONTROLLER when it is not active
  QuorumChannel* quorum = nullptr;
  // Of a node with the broker's role, else null.
  GroupChannel* groups = nullptr;
  // The finalized level of kraft.version, of which the image does not know; null: 0.
  const std::atomic<std::int16_t>* kraft_version = nullptr;
  // Of a node with the broker's role, as groups.
  TransactionChannel* transactions = nullptr;

  std::shared_ptr<const metadata::Image> image() const { return images.current(); }
  const ShardData& shard_of(const TopicIdPartition& key) const {
    return shards[replication::shard_of(key, shards.size())];
  }
  TimestampMs wall_now_ms() const { return world.wall_clock().now_ms(); }
  // The layers that a broker's or a topic's configuration is computed from; borrows `image`.
  config::ConfigLayers config_layers(const metadata::Image& image, const std::string* topic = nullptr) const;
  config::BrokerConfig broker_config(const metadata::Image& image) const {
    return config::BrokerConfig(config_layers(image));
  }
};

}  // namespace moldau::server
