// Node: one broker and controller, built from settings and a World. start() does in order: data folder, logs,
// metadata quorum, listeners, registration, and opens the doors last; stop() the reverse. Lives on shard 0.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "admin/server.h"
#include "node/local_controller.h"
#include "node/partition_host.h"
#include "node/shard.h"

namespace moldau::node {

struct NodeOptions {
  // The admin port runs on a thread of its own, which a simulated World does not have.
  bool admin = true;
  // Adds what only the process knows (memory, CPU) to each metrics page; called on the admin thread.
  std::function<void(telemetry::Snapshot&)> process_metrics;
};

struct BoundListener {
  std::string name;
  runtime::Endpoint bound;
  runtime::Endpoint advertised;
};

class Node {
 public:
  // Errors: Errc::address_in_use; Errc::mismatch (the folder is another cluster's or node's); Errc::locked,
  // permission, corrupt, no_space, io and the like of the data folder. The message names file or address.
  static runtime::Task<Result<std::unique_ptr<Node>>> start(runtime::World& world, config::Settings settings,
                                                            NodeOptions options = {});
  // REQUIRES: stop() has ended.
  ~Node();

  // Ends connections, flushes and closes everything; the folder is then marked clean, unless something
  // failed.
  runtime::Task<Status> stop();

  const std::string& cluster_id() const { return directory_->properties().cluster_id; }
  NodeId node_id() const { return directory_->properties().node_id; }
  const std::vector<BoundListener>& listeners() const { return listeners_; }
  // Null when there is none.
  const runtime::Endpoint* admin_address() const { return admin_ ? &admin_->local() : nullptr; }
  std::shared_ptr<const metadata::Image> image() const { return shards_.front()->images().current(); }
  std::string metrics_text() const;

 private:
  struct Publication {
    std::shared_ptr<const metadata::Image> image;
    metadata::Delta delta;
  };

  Node(runtime::World& world, config::Settings settings, NodeOptions options);

  runtime::Task<Status> open();
  runtime::Task<Status> open_directory();
  runtime::Task<Status> open_quorum();
  struct Bound {
    std::string name;
    std::vector<std::unique_ptr<runtime::Listener>> sockets;  // by shard
  };
  Status bind_listeners();
  Status bind(const config::Listener& listener, Bound& bound);
  runtime::Task<void> unbind();
  void make_shards();
  runtime::Task<void> measure_logs();
  runtime::Task<Status> join_cluster();
  Status start_admin();
  runtime::Task<void> open_doors();

  // The images of the quorum, applied one after another.
  void enqueue(std::shared_ptr<const metadata::Image> image, metadata::Delta delta);
  runtime::Task<void> apply_publications();
  runtime::Task<void> publish(std::shared_ptr<const metadata::Image> image);
  runtime::Task<Status> create_bootstrap_topics();
  runtime::Task<void> refresh_all();

  runtime::World& world_;
  runtime::Executor& executor_;
  const config::Settings settings_;
  NodeOptions options_;
  Random random_;
  std::unique_ptr<storage::DataDirectory> directory_;
  std::unique_ptr<PartitionHost> partitions_;
  bool logs_checked_ = false;  // those of a process that was not stopped in order
  std::unique_ptr<quorum::MetadataQuorum> quorum_;
  std::unique_ptr<LocalController> controller_;
  std::vector<server::ShardData> shard_data_;
  std::vector<std::unique_ptr<LocalChannel>> channels_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Bound> bound_;
  std::vector<BoundListener> listeners_;
  std::deque<Publication> publications_;
  runtime::Gate gate_;
  runtime::OneShot stopping_;
  bool applying_ = false;
  std::atomic<bool> ready_ = false;
  std::unique_ptr<admin::Server> admin_;
};

}  // namespace moldau::node
