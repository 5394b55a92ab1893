#include "config/cluster_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/settings.h"

namespace moldau::config {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ClusterSettings, NothingSetGivesTheFieldsOwnDefaults) {
  EXPECT_EQ(ClusterSettings::of({}), ClusterSettings());
  EXPECT_THAT(contradictions({}), IsEmpty());
}

// The defaults that a node starts with are those that DescribeConfigs shows.
TEST(ClusterSettings, DefaultsAreTheCatalogues) {
  const BrokerConfig shown(ConfigLayers{});
  const ClusterSettings settings;
  EXPECT_EQ(settings.broker_session_timeout.count(), shown.int_of("broker.session.timeout.ms"));
  EXPECT_EQ(settings.broker_heartbeat_interval.count(), shown.int_of("broker.heartbeat.interval.ms"));
  EXPECT_EQ(settings.quorum_fetch_timeout.count(), shown.int_of("controller.quorum.fetch.timeout.ms"));
  EXPECT_EQ(settings.quorum_election_timeout.count(), shown.int_of("controller.quorum.election.timeout.ms"));
  EXPECT_EQ(settings.replica_lag_time_max.count(), shown.int_of("replica.lag.time.max.ms"));
}

TEST(ClusterSettings, ReadsEveryKey) {
  const ClusterSettings settings = ClusterSettings::of({
      {"broker.session.timeout.ms", "9000"},
      {"broker.heartbeat.interval.ms", "2000"},
      {"initial.broker.registration.timeout.ms", "5"},
      {"controlled.shutdown.enable", "false"},
      {"auto.leader.rebalance.enable", "false"},
      {"leader.imbalance.check.interval.seconds", "7"},
      {"unclean.leader.election.interval.ms", "8"},
      {"controller.quorum.election.timeout.ms", "11"},
      {"controller.quorum.fetch.timeout.ms", "300"},
      {"controller.quorum.election.backoff.max.ms", "13"},
      {"controller.quorum.request.timeout.ms", "14"},
      {"controller.quorum.retry.backoff.ms", "15"},
      {"controller.quorum.append.linger.ms", "16"},
      {"controller.quorum.auto.join.enable", "true"},
      {"metadata.log.max.record.bytes.between.snapshots", "19"},
      {"metadata.log.max.snapshot.interval.ms", "20"},
      {"replica.lag.time.max.ms", "21"},
      {"replica.fetch.wait.max.ms", "2"},
      {"replica.fetch.backoff.ms", "23"},
      {"replica.fetch.min.bytes", "24"},
      {"replica.fetch.max.bytes", "25"},
      {"replica.fetch.response.max.bytes", "26"},
      {"replica.selector.class", "org.apache.kafka.common.replica.RackAwareReplicaSelector"},
  });
  ClusterSettings expected;
  expected.broker_session_timeout = milliseconds(9000);
  expected.broker_heartbeat_interval = milliseconds(2000);
  expected.initial_broker_registration_timeout = milliseconds(5);
  expected.controlled_shutdown = false;
  expected.auto_leader_rebalance = false;
  expected.leader_imbalance_check_interval = milliseconds(7000);
  expected.unclean_election_interval = milliseconds(8);
  expected.quorum_election_timeout = milliseconds(11);
  expected.quorum_fetch_timeout = milliseconds(300);
  expected.quorum_fetch_max_wait = milliseconds(100);
  expected.quorum_election_backoff_max = milliseconds(13);
  expected.quorum_request_timeout = milliseconds(14);
  expected.quorum_retry_backoff = milliseconds(15);
  expected.quorum_append_linger = milliseconds(16);
  expected.quorum_auto_join = true;
  expected.metadata_max_bytes_between_snapshots = 19;
  expected.metadata_max_snapshot_interval = milliseconds(20);
  expected.replica_lag_time_max = milliseconds(21);
  expected.replica_fetch_wait_max = milliseconds(2);
  expected.replica_fetch_backoff = milliseconds(23);
  expected.replica_fetch_min_bytes = 24;
  expected.replica_fetch_max_bytes = 25;
  expected.replica_fetch_response_max_bytes = 26;
  expected.rack_aware_reads = true;
  EXPECT_EQ(settings, expected);
}

// A file that only slows the heartbeats down, as Kafka's defaults have them, must not fence its own brokers.
TEST(ClusterSettings, SessionAndHeartbeatFollowEachOther) {
  EXPECT_EQ(ClusterSettings::of({{"broker.heartbeat.interval.ms", "2000"}}).broker_session_timeout,
            milliseconds(8000));
  EXPECT_EQ(ClusterSettings::of({{"broker.heartbeat.interval.ms", "100"}}).broker_session_timeout,
            milliseconds(3000));
  EXPECT_EQ(ClusterSettings::of({{"broker.session.timeout.ms", "400"}}).broker_heartbeat_interval,
            milliseconds(100));
  EXPECT_EQ(ClusterSettings::of({{"broker.session.timeout.ms", "9000"}}).broker_heartbeat_interval,
            milliseconds(500));
  EXPECT_EQ(ClusterSettings::of({{"broker.session.timeout.ms", "1"}}).broker_heartbeat_interval,
            milliseconds(1));
}

TEST(ClusterSettings, AFetchIsHeldForLessThanItsTimeout) {
  EXPECT_EQ(ClusterSettings::of({{"controller.quorum.fetch.timeout.ms", "60000"}}).quorum_fetch_max_wait,
            milliseconds(500));
  EXPECT_LT(ClusterSettings().quorum_fetch_max_wait * 2, ClusterSettings().quorum_fetch_timeout);
}

TEST(ClusterSettings, TheLongestTimesStayTimes) {
  const auto settings =
      ClusterSettings::of({{"leader.imbalance.check.interval.seconds", "9223372036854775807"},
                           {"replica.lag.time.max.ms", "9223372036854775807"}});
  EXPECT_GT(std::chrono::nanoseconds(settings.leader_imbalance_check_interval).count(), 0);
  EXPECT_GT(std::chrono::nanoseconds(settings.replica_lag_time_max).count(), 0);
}

TEST(ClusterSettings, ContradictionsAreToldWithTheirKey) {
  Sources sources{.file = "s.properties"};
  sources.read_file = [](const std::string&) -> Result<std::string> {
    return std::string(
        "broker.heartbeat.interval.ms=2000\nbroker.session.timeout.ms=3000\n"
        "replica.lag.time.max.ms=100\nreplica.selector.class=com.example.Mine\n");
  };
  std::vector<std::string> texts;
  for (const Problem& problem : load(sources).errors()) texts.push_back(problem.to_string());
  EXPECT_THAT(
      texts, ElementsAre(
                 HasSubstr("s.properties:4: replica.selector.class: Invalid value com.example.Mine"),
                 "replica.fetch.wait.max.ms should always be less than or equal to "
                 "replica.lag.time.max.ms to prevent frequent changes in ISR",
                 "s.properties:1: broker.heartbeat.interval.ms: broker.heartbeat.interval.ms must be at most "
                 "half of broker.session.timeout.ms, else one late heartbeat ends the session"));
}

}  // namespace
}  // namespace moldau::config
