#include "cli/initial_voters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moldau::cli {
namespace {

constexpr const char* kDirectory = "K90IZ-0DRNazJ49kCZ1EMQ";
constexpr const char* kOther = "__0IZ-0DRNazJ49kCZ1EMQ";

std::string said_of(const std::string& spec) {
  const auto parsed = parse_initial_controllers(spec, "CONTROLLER");
  return parsed ? "" : parsed.error().what;
}

TEST(InitialControllers, AreVotersWithDirectoriesAndAddresses) {
  const auto parsed = parse_initial_controllers(
      std::string("3@[2001:db8::1]:9093:") + kOther + ", 1@a.example:19093:" + kDirectory, "RULE");
  ASSERT_TRUE(parsed);
  ASSERT_EQ(parsed->size(), 2u);
  EXPECT_EQ(*parsed->find(1),
            (raft::Voter{{1, *Uuid::parse(kDirectory)}, {{"RULE", "a.example", 19093}}, {}}));
  EXPECT_EQ(*parsed->find(3), (raft::Voter{{3, *Uuid::parse(kOther)}, {{"RULE", "2001:db8::1", 9093}}, {}}));
}

TEST(InitialControllers, WhatIsNoListOfThem) {
  const std::string tail = std::string(":9093:") + kDirectory;
  EXPECT_EQ(said_of("a" + tail), "No @ found in dynamic voter string.");
  EXPECT_EQ(said_of("x@a" + tail), "Failed to parse node id in dynamic voter string.");
  EXPECT_EQ(said_of("@a" + tail), "Failed to parse node id in dynamic voter string.");
  EXPECT_EQ(said_of("-1@a" + tail), "Invalid negative node id -1 in dynamic voter string.");
  EXPECT_EQ(said_of("1@[::1" + tail), "Hostname began with left bracket, but no right bracket was found.");
  EXPECT_EQ(said_of("1@a"), "No colon following hostname could be found.");
  EXPECT_EQ(said_of("1@:9093:" + std::string(kDirectory)), "there is no host in front of the port");
  EXPECT_EQ(said_of("1@a:9093"), "No colon following port could be found.");
  EXPECT_EQ(said_of("1@a:90x:" + std::string(kDirectory)), "Failed to parse port in dynamic voter string.");
  EXPECT_EQ(said_of("1@a:-1:" + std::string(kDirectory)), "Invalid port -1 in dynamic voter string.");
  EXPECT_EQ(said_of("1@a:65536:" + std::string(kDirectory)), "Invalid port 65536 in dynamic voter string.");
  EXPECT_EQ(said_of("1@a:9093:"), "Failed to parse directory ID in dynamic voter string.");
  EXPECT_EQ(said_of("1@a:9093:%_0IZ-0DRNazJ49kCZ1EMQ"),
            "Failed to parse directory ID in dynamic voter string.");
  EXPECT_EQ(said_of("1@a:9093:AAAAAAAAAAAAAAAAAAAAAA"),
            "Failed to parse directory ID in dynamic voter string.");
  EXPECT_EQ(said_of("1@a" + tail + ",1@b" + tail), "node id 1 is there twice");
  EXPECT_EQ(said_of(""), "no initial controllers were named");
}

TEST(StandaloneVoters, AreThisNodeWithItsControllerListeners) {
  config::Settings settings;
  settings.listeners = {
      {.name = "CONTROLLER", .bind = {"0.0.0.0", 9093}, .advertise = {"me", 9093}, .controller = true},
      {.name = "PLAINTEXT", .bind = {"0.0.0.0", 9092}, .advertise = {"me", 9092}}};
  const auto voters = standalone_voters(settings, 4, *Uuid::parse(kDirectory));
  ASSERT_EQ(voters.size(), 1u);
  EXPECT_EQ(*voters.find(4), (raft::Voter{{4, *Uuid::parse(kDirectory)}, {{"CONTROLLER", "me", 9093}}, {}}));
  EXPECT_EQ(controller_listener(settings)->name, "CONTROLLER");
  settings.listeners.erase(settings.listeners.begin());
  EXPECT_EQ(controller_listener(settings), nullptr);
}

}  // namespace
}  // namespace moldau::cli
