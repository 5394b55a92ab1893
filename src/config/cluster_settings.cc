#include "config/cluster_settings.h"

#include <algorithm>

namespace moldau::config {
namespace {

using Milliseconds = ClusterSettings::Milliseconds;

constexpr int kHeartbeatsOfSession = 4;
constexpr int kFetchesOfTimeout = 3;
constexpr Milliseconds kLongestHold{500};  // Kafka's, of a fetch on the metadata log

// The static layer with the catalogue's defaults below it.
class Reader {
 public:
  explicit Reader(const ConfigMap& map) : map_(map), config_({.static_broker = &map}) {}
  bool is_set(std::string_view name) const { return map_.contains(name); }
  bool flag(std::string_view name) const { return config_.bool_of(name); }
  std::string text(std::string_view name) const { return config_.string_of(name); }
  std::int64_t number(std::string_view name) const { return config_.int_of(name); }
  std::int32_t number32(std::string_view name) const { return static_cast<std::int32_t>(number(name)); }
  // Bounded, so that nanoseconds can be made of it.
  Milliseconds time(std::string_view name, std::int64_t unit_ms = 1) const {
    constexpr std::int64_t kCenturyMs = 36'500LL * 86'400'000;
    return Milliseconds(std::clamp<std::int64_t>(number(name), 0, kCenturyMs / unit_ms) * unit_ms);
  }

 private:
  const ConfigMap& map_;
  BrokerConfig config_;
};

void read_sessions(const Reader& read, ClusterSettings& out) {
  constexpr std::string_view kSession = "broker.session.timeout.ms";
  constexpr std::string_view kHeartbeat = "broker.heartbeat.interval.ms";
  out.broker_session_timeout = read.time(kSession);
  out.broker_heartbeat_interval = read.time(kHeartbeat);
  const Milliseconds least = out.broker_heartbeat_interval * kHeartbeatsOfSession;
  if (!read.is_set(kSession)) out.broker_session_timeout = std::max(out.broker_session_timeout, least);
  if (!read.is_set(kHeartbeat) && out.broker_session_timeout < least)
    out.broker_heartbeat_interval =
        std::max(Milliseconds(1), out.broker_session_timeout / kHeartbeatsOfSession);
  out.initial_broker_registration_timeout = read.time("initial.broker.registration.timeout.ms");
  out.controlled_shutdown = read.flag("controlled.shutdown.enable");
}

void read_controller(const Reader& read, ClusterSettings& out) {
  constexpr std::int64_t kSecond = 1000;
  out.auto_leader_rebalance = read.flag("auto.leader.rebalance.enable");
  out.leader_imbalance_check_interval = read.time("leader.imbalance.check.interval.seconds", kSecond);
  out.unclean_election_interval = read.time("unclean.leader.election.interval.ms");
}

void read_quorum(const Reader& read, ClusterSettings& out) {
  out.quorum_election_timeout = read.time("controller.quorum.election.timeout.ms");
  out.quorum_fetch_timeout = read.time("controller.quorum.fetch.timeout.ms");
  out.quorum_election_backoff_max = read.time("controller.quorum.election.backoff.max.ms");
  out.quorum_request_timeout = read.time("controller.quorum.request.timeout.ms");
  out.quorum_retry_backoff = read.time("controller.quorum.retry.backoff.ms");
  out.quorum_append_linger = read.time("controller.quorum.append.linger.ms");
  out.quorum_auto_join = read.flag("controller.quorum.auto.join.enable");
  out.quorum_fetch_max_wait = std::min(kLongestHold, out.quorum_fetch_timeout / kFetchesOfTimeout);
  out.metadata_max_bytes_between_snapshots = read.number("metadata.log.max.record.bytes.between.snapshots");
  out.metadata_max_snapshot_interval = read.time("metadata.log.max.snapshot.interval.ms");
}

void read_replication(const Reader& read, ClusterSettings& out) {
  out.replica_lag_time_max = read.time("replica.lag.time.max.ms");
  out.replica_fetch_wait_max = read.time("replica.fetch.wait.max.ms");
  out.replica_fetch_backoff = read.time("replica.fetch.backoff.ms");
  out.replica_fetch_min_bytes = read.number32("replica.fetch.min.bytes");
  out.replica_fetch_max_bytes = read.number32("replica.fetch.max.bytes");
  out.replica_fetch_response_max_bytes = read.number32("replica.fetch.response.max.bytes");
  out.rack_aware_reads = read.text("replica.selector.class").ends_with(".RackAwareReplicaSelector");
}

}  // namespace

ClusterSettings ClusterSettings::of(const ConfigMap& static_broker) {
  const Reader read(static_broker);
  ClusterSettings out;
  read_sessions(read, out);
  read_controller(read, out);
  read_quorum(read, out);
  read_replication(read, out);
  return out;
}

std::vector<Contradiction> contradictions(const ConfigMap& static_broker) {
  const ClusterSettings settings = ClusterSettings::of(static_broker);
  std::vector<Contradiction> found;
  if (settings.replica_fetch_wait_max > settings.replica_lag_time_max)
    found.push_back({"replica.fetch.wait.max.ms",
                     "replica.fetch.wait.max.ms should always be less than or equal to "
                     "replica.lag.time.max.ms to prevent frequent changes in ISR"});
  if (settings.broker_heartbeat_interval * 2 > settings.broker_session_timeout)
    found.push_back({"broker.heartbeat.interval.ms",
                     "broker.heartbeat.interval.ms must be at most half of broker.session.timeout.ms, else "
                     "one late heartbeat ends the session"});
  return found;
}

}  // namespace moldau::config
