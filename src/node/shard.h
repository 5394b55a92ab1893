// Shard: what one event loop has of a running node: its server with all that the handlers work on, and its
// metrics.
#pragma once

#include <memory>
#include <vector>

#include "node/partition_host.h"
#include "server/server.h"

namespace moldau::node {

class Shard {
 public:
  struct Parts {
    runtime::World& world;
    unsigned index;
    const config::Settings& settings;
    NodeId node_id;
    std::string cluster_id;
    std::span<const server::ShardData> data;
    server::ControllerChannel& controller;
    server::ControllerChannel* own_controller;  // null without the controller's role, as `quorum`
    server::QuorumChannel* quorum;
    server::GroupChannel* groups;              // null without the broker's role
    server::TransactionChannel* transactions;  // the same
    std::uint64_t request_memory_bytes;
    const std::atomic<std::int16_t>* kraft_version = nullptr;  // as in server::Broker
  };
  explicit Shard(Parts parts);

  runtime::Executor& executor() { return broker_.executor; }
  replication::ImageHolder& images() { return images_; }
  telemetry::Registry& registry() { return registry_; }
  server::Server& server() { return server_; }

 private:
  telemetry::Registry registry_;
  server::ServerMetrics metrics_;
  replication::ImageHolder images_;
  server::FetchSessionCache fetch_sessions_;
  server::MemoryBudget request_memory_;
  telemetry::LineLimiter peer_lines_;
  server::Broker broker_;
  server::Server server_;
};

}  // namespace moldau::node
