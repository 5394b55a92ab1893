#include <gtest/gtest.h>

#include "moldau/config.h"

namespace moldau::sdk {
namespace {

using std::chrono::milliseconds;

TEST(PublicConfigTest, KnowsTheNamesOfBothClients) {
  const auto java =
      Config::from_properties({{"bootstrap.servers", "a:1"}, {"acks", "1"}, {"linger.ms", "7"}});
  const auto librdkafka = Config::from_properties(
      {{"metadata.broker.list", "a:1"}, {"request.required.acks", "1"}, {"queue.buffering.max.ms", "6.5"}});
  ASSERT_TRUE(java);
  ASSERT_TRUE(librdkafka);
  for (const Config& config : {*java, *librdkafka}) {
    EXPECT_EQ(config.bootstrap_servers, "a:1");
    EXPECT_EQ(config.acks, Acks::leader);
    EXPECT_EQ(config.linger, milliseconds(7));
  }
}

TEST(PublicConfigTest, AnUnknownKeyIsAnsweredWithThoseNearToIt) {
  const auto config = Config::from_properties({{"lingr.ms", "5"}});
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().kind, ErrorKind::invalid_argument);
  EXPECT_NE(config.error().hint.find("linger.ms"), std::string::npos);
  const auto nothing_near = Config::from_properties({{"zzzzzzzzzzzzzzzzz", "5"}});
  ASSERT_FALSE(nothing_near);
  EXPECT_TRUE(nothing_near.error().hint.empty());
}

TEST(PublicConfigTest, ImpossibleValuesAreRefused) {
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"acks", "2"},
                                          {"linger.ms", "-1"},
                                          {"batch.size", "16k"},
                                          {"compression.type", "rar"},
                                          {"check.crcs", "yes"},
                                          {"max.poll.records", "0"},
                                          {"group.protocol", "modern"},
                                          {"partition.assignment.strategy", "fair"},
                                          {"partitioner", "fnv1a"},
                                          {"security.protocol", "TLS"}}) {
    const auto config = Config::from_properties({{key, value}});
    ASSERT_FALSE(config) << key;
    EXPECT_NE(config.error().cause.find(key), std::string::npos);
    EXPECT_FALSE(config.error().hint.empty());
  }
}

TEST(PublicConfigTest, WhatIsToProtectIsRefusedAndNotPassedOver) {
  for (const auto& [key, value] : std::map<std::string, std::string>{{"security.protocol", "SASL_SSL"},
                                                                     {"security.protocol", "ssl"},
                                                                     {"sasl.mechanism", "PLAIN"},
                                                                     {"sasl.jaas.config", "secret"},
                                                                     {"ssl.ca.location", "/etc/ca.pem"},
                                                                     {"ssl.truststore.location", "a.p12"}}) {
    const auto config = Config::from_properties({{key, value}});
    ASSERT_FALSE(config) << key;
    EXPECT_EQ(config.error().kind, ErrorKind::unsupported) << key;
    EXPECT_NE(config.error().cause.find(key), std::string::npos);
    EXPECT_EQ(config.error().cause.find("secret"), std::string::npos);
    EXPECT_FALSE(config.error().hint.empty());
  }
  Config typed;
  typed.security_protocol = "SSL";
  EXPECT_EQ(typed.check().error().kind, ErrorKind::unsupported);
}

TEST(PublicConfigTest, GroupsAreToldByTheNamesOfBothClients) {
  const auto config =
      Config::from_properties({{"group.id", "g"},
                               {"partition.assignment.strategy",
                                "org.apache.kafka.clients.consumer.CooperativeStickyAssignor, range"},
                               {"enable.auto.commit", "false"},
                               {"group.protocol", "classic"}});
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->assignors, (std::vector{Assignor::cooperative_sticky, Assignor::range}));
  EXPECT_FALSE(config->enable_auto_commit);
}

TEST(PublicConfigTest, WhatContradictsItselfIsRefused) {
  for (const auto& properties : std::vector<std::map<std::string, std::string>>{
           {{"heartbeat.interval.ms", "6000"}, {"session.timeout.ms", "6000"}},
           {{"group.remote.assignor", "uniform"}},
           {{"max.poll.interval.ms", "0"}}}) {
    const auto config = Config::from_properties(properties);
    ASSERT_FALSE(config) << properties.begin()->first;
    EXPECT_EQ(config.error().kind, ErrorKind::invalid_argument);
    EXPECT_NE(config.error().cause.find(properties.begin()->first), std::string::npos);
  }
}

TEST(PublicConfigTest, EmptyIsAllDefaults) {
  const auto config = Config::from_properties({});
  ASSERT_TRUE(config);
  EXPECT_EQ(config->batch_size, 16384u);
  EXPECT_TRUE(config->enable_idempotence);
}

}  // namespace
}  // namespace moldau::sdk
