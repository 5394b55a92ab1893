// ClusterClient: what producer, consumer and admin stand on. Knows the bootstrap addresses, keeps one
// connection per broker and a cache of metadata, and repeats what may be repeated, with back-off. Lives on
// one shard of a World; close() before destruction, after those who use it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "client/connection.h"
#include "client/metadata.h"
#include "runtime/wait.h"
#include "runtime/world.h"
#include "wire/messages/metadata.h"

namespace moldau::client {

struct ClusterOptions {
  std::vector<Endpoint> bootstrap;  // bootstrap.servers
  // They are controllers' (bootstrap.controllers, KIP-919): for administrative requests alone.
  bool bootstrap_controllers = false;
  ConnectionOptions connection;
  Duration metadata_max_age = std::chrono::minutes(5);      // metadata.max.age.ms
  Duration retry_backoff = std::chrono::milliseconds(100);  // retry.backoff.ms
  Duration retry_backoff_max = std::chrono::seconds(1);     // retry.backoff.max.ms
  Duration api_timeout = std::chrono::seconds(60);  // default.api.timeout.ms: of a call with its repetitions
};

// "host:port,host:port" as people type it; a missing port is 9092.
Result<std::vector<Endpoint>> parse_bootstrap(std::string_view text);

// Growing, jittered pauses between tries (KIP-580).
class Backoff {
 public:
  Backoff(Duration first, Duration most, Random& random) : first_(first), most_(most), random_(random) {}
  Duration next() { return nth(tries_++); }
  // Before the try after `tries` tries and one more.
  Duration nth(unsigned tries);
  void reset() { tries_ = 0; }

 private:
  Duration first_;
  Duration most_;
  Random& random_;
  unsigned tries_ = 0;
};

class ClusterClient {
 public:
  ClusterClient(runtime::World& world, unsigned shard, ClusterOptions options);
  ~ClusterClient();
  ClusterClient(const ClusterClient&) = delete;

  // Ends calls under way with Errc::cancelled and returns when none of them is left.
  Task<void> close();
  bool is_closed() const { return gate_.closing(); }

  // Asks a broker now. With names: those topics (an error inside TopicInfo for each that is not there);
  // without: all topics. Auto-creation only where it is asked for.
  struct TopicQuery {
    std::optional<std::vector<std::string>> names;
    bool auto_create = false;
  };
  Task<Outcome<std::vector<TopicInfo>>> topics(TopicQuery query);
  Task<Outcome<ClusterInfo>> cluster();

  // What is known; may be old. refresh() asks again for these topics, several callers at once share one
  // request. Not the broker that was asked the last time, if there is a connection to another: one that is
  // cut off from its controller names old leaders for as long as anybody asks it.
  const MetadataCache& metadata() const { return metadata_; }
  Task<Outcome<void>> refresh(std::vector<std::string> topics, bool auto_create = false);
  // A leader hint of a response (KIP-951).
  void note_leader(std::string_view topic, PartitionIndex partition, NodeId leader, LeaderEpoch epoch) {
    metadata_.set_leader(topic, partition, leader, epoch);
  }
  void note_broker(NodeId id, std::string host, std::int32_t port);
  // The leader of a partition, asked for until there is one or the deadline passes.
  Task<Outcome<NodeId>> leader_of(std::string topic, PartitionIndex partition, MonotonicTime deadline);

  // The connection to a broker, opened when there is none. Callers at once share one attempt; after a failure
  // the next attempt waits for its back-off.
  Task<Outcome<BrokerConnection::Ptr>> connection(NodeId node);
  // To any broker that answers: the known ones in random order, then the bootstrap addresses.
  Task<Outcome<BrokerConnection::Ptr>> any_connection();
  // Open or null, without waiting.
  BrokerConnection::Ptr open_connection(NodeId node) const;
  // One that nobody else uses, for requests that would keep others waiting: a broker answers in order.
  // Whoever asked closes it, and waits for its end, before this client is closed.
  Task<Outcome<BrokerConnection::Ptr>> own_connection(NodeId node);

  // One request to one broker, no repetition.
  template <class Response, class Request>
  Task<Outcome<Response>> call_node(NodeId node, Request request, CallOptions options = {}) {
    const runtime::Gate::Pass pass(gate_);
    if (!pass) co_return fail(closed());
    auto opened = co_await connection(node);
    if (!opened) co_return fail(std::move(opened).error());
    co_return co_await (*opened)->template call<Response>(std::move(request), options);
  }
  // One request to any broker, repeated while the network fails, for `repeat_for` or else api_timeout.
  template <class Response, class Request>
  Task<Outcome<Response>> call_any(Request request, CallOptions options = {}) {
    const runtime::Gate::Pass pass(gate_);
    if (!pass) co_return fail(closed());
    const MonotonicTime deadline = executor_.now() + options.repeat_for.value_or(options_.api_timeout);
    Backoff backoff = new_backoff();
    for (;;) {
      Failure failure;
      if (auto opened = co_await any_connection(); !opened) {
        failure = std::move(opened).error();
      } else {
        auto response = co_await (*opened)->template call<Response>(request, options);
        if (response || !response.error().retriable) co_return response;
        failure = std::move(response).error();
      }
      if (!failure.retriable || !co_await pause(backoff.next(), deadline)) co_return fail(std::move(failure));
    }
  }

  runtime::Executor& executor() { return executor_; }
  runtime::WallClock& wall_clock() { return world_.wall_clock(); }
  Random& random() { return random_; }
  const ClusterOptions& options() const { return options_; }
  Backoff new_backoff() { return Backoff(options_.retry_backoff, options_.retry_backoff_max, random_); }
  // False when the deadline comes first or the client is closed.
  Task<bool> pause(Duration duration, MonotonicTime deadline);
  static Failure closed();

 private:
  struct Broker;
  struct Refresh;
  using BrokerPtr = std::shared_ptr<Broker>;

  Task<Outcome<BrokerConnection::Ptr>> connect(BrokerPtr broker);
  Task<void> attempt(BrokerPtr broker);
  BrokerPtr broker_at(const Endpoint& endpoint);
  BrokerConnection::Ptr any_open() const;
  Task<Outcome<BrokerConnection::Ptr>> connection_for_refresh();
  void connect_to_another();
  std::vector<Endpoint> candidates();
  Task<Outcome<wire::MetadataResponse>> ask_metadata(wire::MetadataRequest request, CallOptions options);
  Outcome<void> learn(const wire::MetadataResponse& response);
  Task<Outcome<void>> ask_for(std::vector<std::string> topics, bool auto_create);
  void drop_unused();

  runtime::World& world_;
  runtime::Executor& executor_;
  runtime::Network& network_;
  ClusterOptions options_;
  Random random_;
  MetadataCache metadata_;
  std::map<Endpoint, BrokerPtr> brokers_;
  std::vector<std::weak_ptr<BrokerConnection>> leaving_;  // closed, their tasks may not have ended
  std::shared_ptr<Refresh> refresh_;                      // under way
  std::optional<Endpoint> refreshed_from_;                // whom the last one asked
  runtime::Gate gate_;
  runtime::Signal closing_;
};

}  // namespace moldau::client
