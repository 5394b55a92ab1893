// Node: a broker, a controller or both, built from settings and a World. start() does in order: data folder,
// addresses, logs, metadata quorum, the controller's doors, registration, and opens the broker's doors last;
// stop() the reverse. Lives on shard 0.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "admin/server.h"
#include "config/cluster_settings.h"
#include "node/broker_lifecycle.h"
#include "node/controller_channels.h"
#include "node/controller_registrar.h"
#include "node/group_route.h"
#include "node/local_quorum.h"
#include "node/partition_host.h"
#include "node/peer_link.h"
#include "node/rules.h"
#include "node/shard.h"
#include "node/transaction_route.h"

namespace moldau::node {

class Node;

struct NodeOptions {
  // The admin port runs on a thread of its own, which a simulated World does not have.
  bool admin = true;
  // Adds what only the process knows (memory, CPU) to each metrics page; called on the admin thread.
  std::function<void(telemetry::Snapshot&)> process_metrics;
  // For those who watch a node from outside: it has its logs and its quorum, and takes part from here on.
  std::function<void(const Node&)> opened = {};
  Rules rules = {};
  // The metadata log has failed while the node runs (RA-16, RA-18): what it knows of the cluster stands still
  // from here on. Whoever has started it calls stop() and ends the process, as Kafka's fault handler does. At
  // most once, on shard 0; a start that meets it fails by itself.
  std::function<void(const Error&)> failed = {};
};

struct BoundListener {
  std::string name;
  runtime::Endpoint bound;
  runtime::Endpoint advertised;
};

class Node {
 public:
  // Returns once the node serves; a broker among several waits for a majority of the voters, at most
  // initial.broker.registration.timeout.ms. Errors: the metadata log's; Errc::address_in_use; Errc::timed_out
  // (no controller); Errc::already_exists (another live broker has the node id); Errc::mismatch (the folder
  // is another cluster's or node's); Errc::locked, permission, corrupt, no_space, io and the like of the data
  // folder. The message names file or address.
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
  // For those who watch a node from outside: never null while it runs.
  const quorum::MetadataQuorum& quorum() const { return *quorum_; }
  // This process, as it registers.
  const replication::BrokerRegistration& registration() const { return *registration_; }
  // Null without the broker's role.
  const PartitionHost* partitions() const { return partitions_.get(); }
  // Of consumer groups, by commit log; each belongs to its shard. Empty without the broker's role.
  const std::vector<std::unique_ptr<coordinator::GroupCoordinator>>& group_coordinators() const {
    return group_coordinators_;
  }
  // Of transactions, the same.
  const std::vector<std::unique_ptr<coordinator::TransactionCoordinator>>& transaction_coordinators() const {
    return transaction_coordinators_;
  }

 private:
  struct Publication {
    std::shared_ptr<const metadata::Image> image;
    metadata::Delta delta;
  };

  Node(runtime::World& world, config::Settings settings, NodeOptions options);

  runtime::Task<Status> open();
  runtime::Task<Status> open_directory();
  struct Bound {
    config::Listener setting;
    std::vector<std::unique_ptr<runtime::Listener>> sockets;  // by shard
  };
  Status bind_listeners();
  Status bind(Bound& bound);
  runtime::Task<void> unbind();
  // The ways to other nodes.
  void make_links();
  runtime::Task<Status> open_partitions();
  runtime::Task<Status> open_quorum();
  quorum::QuorumOptions quorum_options() const;
  void quorum_has_failed(const Error& error);
  std::vector<raft::Endpoint> controller_listeners() const;
  std::optional<runtime::Endpoint> controller_address(NodeId id) const;
  runtime::Task<bool> is_refused_by(NodeId broker);
  void make_controller();
  runtime::Task<void> make_coordinators();
  runtime::Task<void> stop_coordinators();
  void make_routes(runtime::Executor& here, unsigned shard);
  std::size_t expected_brokers() const;
  void make_shards();
  runtime::Task<void> measure_logs();
  runtime::Task<Status> join_cluster();
  wire::BrokerRegistrationRequest registration_request() const;
  wire::ControllerRegistrationRequest controller_registration_request();
  Status start_admin();
  runtime::Task<void> open_doors(bool controllers);
  bool is_alone() const;
  runtime::Task<void> leave_cluster();

  // The images of the quorum, applied one after another.
  void enqueue(std::shared_ptr<const metadata::Image> image, metadata::Delta delta);
  runtime::Task<void> apply_publications();
  runtime::Task<void> apply_to_coordinators(const Publication& next);
  runtime::Task<void> publish(std::shared_ptr<const metadata::Image> image);
  runtime::Task<Status> create_bootstrap_topics();
  runtime::Task<void> create_bootstrap_topics_later();
  runtime::Task<void> refresh_all();

  runtime::World& world_;
  runtime::Executor& executor_;
  const config::Settings settings_;
  NodeOptions options_;
  Random random_;
  std::unique_ptr<storage::DataDirectory> directory_;
  const config::ClusterSettings cluster_;
  std::vector<std::unique_ptr<PeerLink>> links_;  // by shard
  std::unique_ptr<replication::BrokerRegistration> registration_;
  std::unique_ptr<PartitionHost> partitions_;
  bool logs_checked_ = false;  // those of a process that was not stopped in order
  std::unique_ptr<peer::PeerClient> quorum_peers_;
  std::unique_ptr<peer::QuorumTransport> transport_;
  std::unique_ptr<quorum::MetadataQuorum> quorum_;
  std::unique_ptr<LocalQuorum> local_quorum_;     // null without the controller's role
  std::unique_ptr<ActiveController> controller_;  // the same
  std::unique_ptr<peer::PeerClient> controller_peers_;
  std::unique_ptr<ControllerRoute> route_;
  std::unique_ptr<ControllerRegistrar> registrar_;  // null without the controller's role
  std::unique_ptr<ProducerIds> producer_ids_;
  std::vector<server::ShardData> shard_data_;
  std::vector<std::unique_ptr<server::ControllerChannel>> channels_;  // by shard
  std::vector<std::unique_ptr<server::ControllerChannel>>
      own_channels_;  // the same; empty without the controller's role
  std::vector<std::unique_ptr<LocalQuorumChannel>> quorum_channels_;  // the same
  const coordinator::Settings coordinator_settings_;
  std::vector<std::unique_ptr<coordinator::GroupCoordinator>> group_coordinators_;  // by commit log
  std::vector<GroupHome> group_homes_;                                              // the same
  std::atomic<group::Ticket> tickets_ = 0;
  std::vector<std::unique_ptr<GroupRoute>> group_routes_;  // by shard
  // Of the last round; read by the admin port's thread.
  std::atomic<std::shared_ptr<const telemetry::Snapshot>> group_metrics_;
  std::vector<std::unique_ptr<CoordinatorLinks>> coordinator_links_;  // by commit log
  std::vector<std::unique_ptr<coordinator::TransactionCoordinator>> transaction_coordinators_;  // the same
  std::vector<TransactionHome> transaction_homes_;                                              // the same
  std::vector<std::unique_ptr<TransactionRoute>> transaction_routes_;                           // by shard
  std::vector<std::unique_ptr<Shard>> shards_;
  std::unique_ptr<BrokerLifecycle> lifecycle_;
  std::vector<Bound> bound_;
  std::vector<BoundListener> listeners_;
  std::deque<Publication> publications_;
  runtime::Gate gate_;
  runtime::OneShot stopping_;
  bool applying_ = false;
  std::atomic<bool> ready_ = false;
  std::atomic<std::int16_t> kraft_version_ = 0;  // of the quorum
  std::unique_ptr<admin::Server> admin_;
};

}  // namespace moldau::node
