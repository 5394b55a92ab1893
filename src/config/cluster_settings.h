// What the static settings say of several nodes: sessions of brokers, the quorum's clocks, the controller's
// timers, replication. Kafka's keys, typed. All of them are read-only while a node runs: built once, at the
// start, from Settings::broker.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "config/topic_config.h"

namespace moldau::config {

struct ClusterSettings {
  using Milliseconds = std::chrono::milliseconds;

  // --- brokers and their sessions with the controller (KIP-631)
  Milliseconds broker_session_timeout{3000};                 // broker.session.timeout.ms (Kafka: 9000)
  Milliseconds broker_heartbeat_interval{500};               // broker.heartbeat.interval.ms (Kafka: 2000)
  Milliseconds initial_broker_registration_timeout{60'000};  // initial.broker.registration.timeout.ms
  bool controlled_shutdown = true;                           // controlled.shutdown.enable

  // --- the active controller's timers
  bool auto_leader_rebalance = true;                      // auto.leader.rebalance.enable
  Milliseconds leader_imbalance_check_interval{300'000};  // leader.imbalance.check.interval.seconds
  Milliseconds unclean_election_interval{300'000};        // unclean.leader.election.interval.ms

  // --- the quorum (KIP-595); the names below follow controller.quorum.
  Milliseconds quorum_election_timeout{500};      // election.timeout.ms (Kafka: 1000); randomised upwards
  Milliseconds quorum_fetch_timeout{1000};        // fetch.timeout.ms (Kafka: 2000)
  Milliseconds quorum_election_backoff_max{500};  // election.backoff.max.ms (Kafka: 1000)
  Milliseconds quorum_request_timeout{2000};      // request.timeout.ms
  Milliseconds quorum_retry_backoff{20};          // retry.backoff.ms
  Milliseconds quorum_append_linger{0};           // append.linger.ms (Kafka: 25)
  bool quorum_auto_join = false;  // auto.join.enable: a controller that is no voter asks to become one
  // How long the leader holds a fetch that finds nothing new: short enough that a follower hears from it
  // several times within its fetch timeout.
  Milliseconds quorum_fetch_max_wait{333};

  // --- the metadata log
  std::int64_t metadata_max_bytes_between_snapshots =
      20'971'520;                                          // metadata.log.max.record.bytes.between.snapshots
  Milliseconds metadata_max_snapshot_interval{3'600'000};  // metadata.log.max.snapshot.interval.ms; 0: off

  // --- replication
  Milliseconds replica_lag_time_max{30'000};                 // replica.lag.time.max.ms
  Milliseconds replica_fetch_wait_max{500};                  // replica.fetch.wait.max.ms
  Milliseconds replica_fetch_backoff{1000};                  // replica.fetch.backoff.ms
  std::int32_t replica_fetch_min_bytes = 1;                  // replica.fetch.min.bytes
  std::int32_t replica_fetch_max_bytes = 1 << 20;            // replica.fetch.max.bytes: of a partition
  std::int32_t replica_fetch_response_max_bytes = 10 << 20;  // replica.fetch.response.max.bytes
  // replica.selector.class is RackAwareReplicaSelector (KIP-392): consumers are told of a replica in their
  // own rack. Else they read from the leader.
  bool rack_aware_reads = false;

  // Of the static layer, which load() has validated. Where only one of session timeout and heartbeat interval
  // is set, the other follows it, so that a session is four heartbeats at least.
  static ClusterSettings of(const ConfigMap& static_broker);
  friend bool operator==(const ClusterSettings&, const ClusterSettings&) = default;
};

// What contradicts itself in the static layer, in Kafka's words where Kafka has any; empty when all is well.
// The key that is at fault comes first.
struct Contradiction {
  std::string key;
  std::string text;
  friend bool operator==(const Contradiction&, const Contradiction&) = default;
};
std::vector<Contradiction> contradictions(const ConfigMap& static_broker);

}  // namespace moldau::config
