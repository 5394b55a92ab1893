// Several brokers on one simulated world, each with its own disk, partition host and fetch handler, joined by
// channels in memory. The test is their controller: it decides who leads, and answers AlterPartition as the
// real one does (kafka-protocol.md 6.4).
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/partition_host.h"
#include "server/broker.h"
#include "server/request.h"
#include "simulation/world.h"

namespace moldau::replication::testing {

using namespace std::chrono_literals;
using runtime::Task;
using wire::ErrorCode;

inline constexpr TopicId kTopicId{7, 7};
inline constexpr TopicIdPartition kKey{kTopicId, 0};
inline const std::string kTopic = "events";
inline constexpr NodeId kController = 100;  // its id on the network

struct Produced {
  ErrorCode code = ErrorCode::none;
  Offset offset = kNoOffset;
  NodeId leader = kNoNode;  // of a hint
  friend bool operator==(const Produced&, const Produced&) = default;
};

struct ClusterSetup {
  int brokers = 3;
  std::map<std::string, std::string> topic = {};   // configs
  std::map<std::string, std::string> broker = {};  // settings
  std::vector<std::string> racks = {};             // by broker
  simulation::Options world = {};
};

class Cluster;

// One broker: a machine, and the process on it while there is one.
class BrokerNode final : public LeaderChannel, public IsrChannel {
 public:
  BrokerNode(Cluster& cluster, NodeId id, Uuid incarnation_id);
  ~BrokerNode();

  void open();
  void close();  // in order, or what a dead process leaves behind
  Task<void> hear(std::shared_ptr<const metadata::Image> image);
  // Answers a fetch of another broker, or of a consumer, as the server does.
  Task<wire::FetchResponse> serve(wire::FetchRequest request);

  Task<Result<wire::FetchResponse>> fetch(NodeId leader, wire::FetchRequest request,
                                          runtime::MonotonicTime deadline) override;
  Task<Result<wire::AlterPartitionResponse>> alter_partition(wire::AlterPartitionRequest request,
                                                             runtime::MonotonicTime deadline) override;
  Task<Result<wire::AssignReplicasToDirsResponse>> assign_replicas_to_dirs(
      wire::AssignReplicasToDirsRequest request, runtime::MonotonicTime deadline) override;

  runtime::Executor& executor() { return process.shard(0); }
  std::shared_ptr<Partition> partition() { return host->hosted().front()->partitions.find(kKey); }

  // A call to another broker, which may never be answered.
  struct Call {
    explicit Call(runtime::Executor& executor) : shot(executor) {}
    runtime::OneShot shot;
    std::optional<wire::FetchResponse> fetched;
    std::optional<wire::AlterPartitionResponse> altered;
  };

  Cluster& cluster;
  const NodeId id;
  runtime::World& process;
  config::Settings settings;
  BrokerRegistration registration;
  std::unique_ptr<storage::DataDirectory> directory;
  std::unique_ptr<node::PartitionHost> host;
  std::shared_ptr<const metadata::Image> heard = std::make_shared<metadata::Image>();
  bool hearing = false;
  bool down = false;

 private:
  telemetry::Registry registry_{100};
  server::ServerMetrics metrics_{registry_};
  ImageHolder images_;
  server::FetchSessionCache sessions_;
  server::MemoryBudget memory_;
  telemetry::LineLimiter lines_;
  std::vector<server::ShardData> data_;
  std::unique_ptr<server::Broker> broker_;
  server::Peer peer_;
  runtime::Watermark closing_;
  runtime::Gate serving_;
  std::set<std::shared_ptr<Call>> calls_;
};

class Cluster {
 public:
  using Setup = ClusterSetup;
  explicit Cluster(Setup setup = {}, std::uint64_t seed = 1);
  ~Cluster();

  // --- the controller
  // The one partition, on all brokers, or on these; the first leads.
  void create_topic(std::vector<NodeId> replicas = {});
  metadata::Partition state() const { return *image_->partition(kKey); }
  // Makes a leader, of the ISR as it is or this one, and tells everybody who hears.
  void elect(NodeId leader, std::vector<NodeId> isr = {});
  void change(metadata::PartitionChangeRecord change);
  // It knows that it is the leader now.
  bool leads(NodeId id) { return at(id).leading() && at(id).leader_epoch() == state().leader_epoch; }
  void commit(std::vector<metadata::Record> records);
  // The controller takes a broker for dead: out of the ISR, unless it is the last, and another leads.
  void fence(NodeId id);
  void unfence(NodeId id);
  wire::AlterPartitionResponse alter_partition(const wire::AlterPartitionRequest& request);
  wire::AssignReplicasToDirsResponse assign_directories(const wire::AssignReplicasToDirsRequest& request);
  const metadata::Image& image() const { return *image_; }
  runtime::Duration session_timeout() const {
    return ReplicatorSettings::of(config::ClusterSettings::of({setup.broker.begin(), setup.broker.end()}))
        .session_timeout;
  }
  std::vector<ErrorCode> alter_errors;  // of every AlterPartition's partitions, in order

  // --- brokers
  BrokerNode& node(NodeId id) { return *nodes_.at(id); }
  Partition& at(NodeId id) { return *nodes_.at(id)->partition(); }
  void start(NodeId id);  // a new process registers, and is unfenced
  // The two steps of it. In between it knows what its predecessor knew, or `remembers`.
  void start_unregistered(NodeId id, std::shared_ptr<const metadata::Image> remembers = nullptr);
  void enter(NodeId id);
  void stop(NodeId id);  // in order
  void kill(NodeId id);
  void lose_power(NodeId id);
  bool runs(NodeId id) const { return nodes_.contains(id); }

  // --- the network
  // Nothing goes from one to the other, either way of a call counts by itself.
  void cut(NodeId from, NodeId to) { cuts_.insert({from, to}); }
  void mend(NodeId from, NodeId to) { cuts_.erase({from, to}); }
  void isolate(NodeId id);  // from all other brokers, and from the controller
  void mend_all();
  void deafen(NodeId id) { deaf_.insert(id); }  // it hears nothing of the controller
  void hear_again(NodeId id);
  // Answers to fetches of this broker are kept back until release().
  void hold_answers(NodeId to) { held_to_ = to; }
  std::size_t held() const { return held_.size(); }
  void release();
  // Answers to fetches come so slowly.
  void slow_lines(std::size_t bytes_per_second) { bytes_per_second_ = bytes_per_second; }

  // --- clients
  // Starts producing one record with this value, as a client of that broker.
  Task<Produced> produce(NodeId at, std::string value, std::int16_t acks = -1,
                         runtime::Duration timeout = 5s);
  Produced produced(NodeId at, std::string value, std::int16_t acks = -1, runtime::Duration timeout = 5s) {
    return world.run(produce(at, std::move(value), acks, timeout));
  }
  // A consumer's or a replica's look at the partition, without waiting.
  wire::FetchResponse::TopicResponse::PartitionResponse fetched(NodeId at, Offset from, std::string rack = "",
                                                                LeaderEpoch current = kNoEpoch);
  // All values in a replica's log.
  std::vector<std::string> values(NodeId id);

  // --- waiting
  bool eventually(const std::function<bool()>& so, runtime::Duration within = 60s) {
    return world.run_until(so, within);
  }
  bool isr_becomes(std::set<NodeId> isr, runtime::Duration within = 120s);
  bool logs_agree(runtime::Duration within = 60s);  // of all that run
  Offset high_watermark(NodeId id) { return at(id).high_watermark().value(); }
  Offset end(NodeId id) { return at(id).log()->end_offset().value(); }

  simulation::World world;
  Setup setup;

 private:
  friend class BrokerNode;
  void tell(BrokerNode& node);
  void tell_all();
  bool is_cut(NodeId from, NodeId to) const {
    return cuts_.contains({from, to}) || (to != kController && !runs(to));
  }
  void deliver(NodeId from, NodeId to, std::function<void()> answer);
  runtime::Duration time_for(const wire::FetchResponse& response) const;
  void end_process(NodeId id);

  std::shared_ptr<const metadata::Image> image_ = std::make_shared<metadata::Image>();
  std::map<NodeId, std::unique_ptr<BrokerNode>> nodes_;
  std::set<std::pair<NodeId, NodeId>> cuts_;
  std::set<NodeId> deaf_;
  NodeId held_to_ = kNoNode;
  std::vector<std::function<void()>> held_;
  std::size_t bytes_per_second_ = 0;  // no limit
  std::map<NodeId, std::shared_ptr<const metadata::Image>> last_heard_;
  std::uint64_t lives_ = 0;
};

}  // namespace moldau::replication::testing
