// A cluster's members: who forms the quorum, which address is this node's, and the mistakes that beginners
// make.
#include "config/quorum_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moldau::config {
namespace {

using runtime::Endpoint;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Loaded with(std::string name, std::string text, std::map<std::string, std::string> environment = {}) {
  Sources sources;
  sources.file = name;
  sources.home = "/home/jan";
  sources.hostname = "praha";
  sources.environment = std::move(environment);
  sources.read_file = [text](const std::string&) -> Result<std::string> { return text; };
  return load(sources);
}
Loaded properties(std::string text) { return with("s.properties", std::move(text)); }
Loaded environment(std::map<std::string, std::string> variables) {
  return with("m.yaml", "", std::move(variables));
}

std::vector<std::string> texts(const Loaded& loaded, Severity least = Severity::error) {
  std::vector<std::string> all;
  for (const Problem& problem : loaded.problems)
    if (problem.severity >= least) all.push_back(problem.to_string());
  return all;
}
#define EXPECT_USABLE(loaded) EXPECT_THAT(texts(loaded), IsEmpty())

constexpr const char* kThreeVoters = "controller.quorum.voters=1@a:9093,2@b:9093,3@c:9093\n";
constexpr const char* kListeners = "listeners=PLAINTEXT://praha:9092,CONTROLLER://:9093\n";

std::string three(const std::string& more) { return std::string(kThreeVoters) + kListeners + more; }

// --- controller.quorum.voters

TEST(StaticVoters, AreTakenAsTheyAre) {
  const Loaded loaded =
      properties(three("node.id=2\nprocess.roles=broker,controller\n"
                       "controller.listener.names=CONTROLLER\n"));
  EXPECT_THAT(texts(loaded, Severity::warning), IsEmpty());
  const Settings& s = loaded.settings;
  EXPECT_THAT(s.voters, ElementsAre(Voter{1, {"a", 9093}}, Voter{2, {"b", 9093}}, Voter{3, {"c", 9093}}));
  EXPECT_THAT(s.seeds, IsEmpty());
  EXPECT_EQ(s.broker.at("controller.quorum.voters"), "1@a:9093,2@b:9093,3@c:9093");
}

TEST(StaticVoters, AControllerIsOneOfThem) {
  EXPECT_THAT(texts(properties(three("node.id=4\nprocess.roles=controller\n"))),
              ElementsAre("s.properties:1: controller.quorum.voters: If process.roles contains the "
                          "'controller' role, the node id 4 must be included in the set of voters "
                          "controller.quorum.voters=[1, 2, 3]"));
}

TEST(StaticVoters, ABrokerAloneIsNoneOfThem) {
  EXPECT_THAT(texts(properties(three("node.id=3\nprocess.roles=broker\n"))),
              ElementsAre("s.properties:1: controller.quorum.voters: If process.roles contains just the "
                          "'broker' role, the node id 3 must not be included in the set of voters "
                          "controller.quorum.voters=[1, 2, 3]"));
  EXPECT_USABLE(properties(three("node.id=4\nprocess.roles=broker\n")));
}

TEST(StaticVoters, OneOfThisNodesAddressGivesItsId) {
  const Loaded loaded = properties(
      "controller.quorum.voters=7@praha:9093,8@brno:9093,9@plzen:9093\n"
      "listeners=PLAINTEXT://praha:9092,CONTROLLER://:9093\n");
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.node_id, 7);
  EXPECT_EQ(loaded.settings.broker.at("node.id"), "7");
}

TEST(StaticVoters, WhatIsNoListOfVoters) {
  EXPECT_THAT(texts(properties("controller.quorum.voters=a:9093,x@b:9093,3@c:0x1\nnode.id=3\n")),
              testing::Each(HasSubstr("s.properties:1: controller.quorum.voters: ")));
  EXPECT_THAT(
      texts(properties("controller.quorum.voters=1@a:9093,1@b:9093\nnode.id=1\n")),
      Contains("s.properties:1: controller.quorum.voters: \"1@b:9093\": another entry has the same id "
               "or address"));
  EXPECT_THAT(texts(properties("controller.quorum.voters=1@a:9093,2@a:9093\nnode.id=1\n")),
              Contains(HasSubstr("\"2@a:9093\": another entry has the same id or address")));
}

TEST(StaticVoters, AnotherPortThanTheListenersIsTold) {
  EXPECT_THAT(
      texts(properties(
                three("node.id=1\n").replace(three("").find("CONTROLLER://:9093"), 18, "CONTROLLER://:9094")),
            Severity::warning),
      ElementsAre("s.properties:1: controller.quorum.voters: the other voters look for this node at "
                  "a:9093, but listener CONTROLLER is bound to 0.0.0.0:9094"));
}

TEST(StaticVoters, EvenNumbersAreTold) {
  EXPECT_THAT(
      texts(properties("controller.quorum.voters=1@a:9093,2@b:9093\nnode.id=1\n" + std::string(kListeners)),
            Severity::warning),
      ElementsAre("s.properties:1: controller.quorum.voters: two voters tolerate no failure: when one "
                  "is down, so is the cluster; have one or three"));
  EXPECT_THAT(texts(properties("controller.quorum.voters=1@a:9093,2@b:9093,3@c:9093,4@d:9093\nnode.id=1\n" +
                               std::string(kListeners)),
                    Severity::warning),
              ElementsAre(HasSubstr("4 voters tolerate no more failures than 3")));
}

TEST(StaticVoters, AControllerNeedsItsListener) {
  EXPECT_THAT(texts(properties(std::string(kThreeVoters) + "node.id=1\nlisteners=PLAINTEXT://:9092\n")),
              ElementsAre("controller.listener.names must contain at least one value appearing in the "
                          "'listeners' configuration when running the KRaft controller role: the other "
                          "controllers look for this node at a:9093"));
  EXPECT_THAT(texts(properties("process.roles=controller\nlisteners=PLAINTEXT://:9092\n")),
              ElementsAre(HasSubstr("when running the KRaft controller role")));
  EXPECT_USABLE(properties("process.roles=controller\nlisteners=CONTROLLER://:9093\n"));
}

// Without `listeners` the controller's is where the others look for it.
TEST(StaticVoters, GiveTheControllerItsListener) {
  const Loaded far = properties(std::string(kThreeVoters) + "node.id=2\n");
  EXPECT_USABLE(far);
  EXPECT_EQ(
      *far.settings.find_listener("controller"),
      (Listener{
          .name = "CONTROLLER", .bind = {"0.0.0.0", 9093}, .advertise = {"b", 9093}, .controller = true}));
  const Loaded near = properties("controller.quorum.voters=1@localhost:9193\nnode.id=1\n");
  EXPECT_USABLE(near);
  EXPECT_EQ(near.settings.find_listener("controller")->bind, (Endpoint{"127.0.0.1", 9193}));
  // A broker alone knocks at the controllers' doors and has none.
  const Loaded broker = properties(std::string(kThreeVoters) + "node.id=9\nprocess.roles=broker\n");
  EXPECT_EQ(broker.settings.find_listener("controller"), nullptr);
}

// --- cluster.seeds

std::map<std::string, std::string> seeded(std::map<std::string, std::string> more) {
  more.insert({"MOLDAU_CLUSTER__SEEDS", "a:9093,b:9093,c:9093"});
  more.insert({"MOLDAU_LISTENERS__INTERNAL__BIND", "0.0.0.0:9092"});
  more.insert({"MOLDAU_LISTENERS__CONTROLLER__BIND", "0.0.0.0:9093"});
  return more;
}

TEST(Seeds, TheFirstOfThemFormTheCluster) {
  const Loaded loaded =
      environment(seeded({{"MOLDAU_CLUSTER__INITIAL_SIZE", "3"}, {"MOLDAU_NODE__ID", "2"}}));
  EXPECT_THAT(texts(loaded, Severity::warning), IsEmpty());
  EXPECT_THAT(loaded.settings.voters,
              ElementsAre(Voter{1, {"a", 9093}}, Voter{2, {"b", 9093}}, Voter{3, {"c", 9093}}));
  EXPECT_THAT(loaded.settings.seeds,
              ElementsAre(Endpoint{"a", 9093}, Endpoint{"b", 9093}, Endpoint{"c", 9093}));
  // One more controller with the same settings is a member that does not vote yet.
  const Loaded fourth =
      environment(seeded({{"MOLDAU_CLUSTER__INITIAL_SIZE", "3"}, {"MOLDAU_NODE__ID", "4"}}));
  EXPECT_USABLE(fourth);
  EXPECT_EQ(fourth.settings.voters, loaded.settings.voters);
}

TEST(Seeds, ANodeFindsItsIdByItsAddress) {
  std::map<std::string, std::string> variables{{"MOLDAU_CLUSTER__SEEDS", "brno:9093,praha:9093,plzen:9093"},
                                               {"MOLDAU_CLUSTER__INITIAL_SIZE", "3"},
                                               {"MOLDAU_LISTENERS__INTERNAL__BIND", "0.0.0.0:9092"}};
  const Loaded loaded = environment(variables);
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.node_id, 2);
  EXPECT_EQ(loaded.settings.find_listener("controller")->bind, (Endpoint{"0.0.0.0", 9093}));
  variables["MOLDAU_NODE__ID"] = "1";
  EXPECT_THAT(
      texts(environment(variables)),
      ElementsAre(HasSubstr("node.id is 1, but this node's address praha:9093 is that of node 2: seeds "
                            "are nodes 1, 2, … in their order, the same on every node")));
  variables["MOLDAU_CLUSTER__SEEDS"] = "101@brno:9093,102@praha:9093,103@plzen:9093";
  variables["MOLDAU_NODE__ID"] = "102";
  const Loaded named = environment(variables);
  EXPECT_USABLE(named);
  EXPECT_EQ(named.settings.voters[1], (Voter{102, {"praha", 9093}}));
}

TEST(Seeds, ThreeOnOneMachineAreToldApartByTheirPorts) {
  const Loaded loaded =
      environment({{"MOLDAU_CLUSTER__SEEDS", "localhost:9093,localhost:9193,localhost:9293"},
                   {"MOLDAU_CLUSTER__INITIAL_SIZE", "3"},
                   {"MOLDAU_LISTENERS__CONTROLLER__BIND", "127.0.0.1:9293"}});
  EXPECT_THAT(texts(loaded, Severity::warning), IsEmpty());
  EXPECT_EQ(loaded.settings.node_id, 3);
}

TEST(Seeds, ThatNameThisNodeAloneMakeItAlone) {
  const Loaded loaded = properties(
      "node.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
      "controller.quorum.bootstrap.servers=localhost:9093\n");
  EXPECT_THAT(texts(loaded, Severity::warning), IsEmpty());
  EXPECT_THAT(loaded.settings.seeds, IsEmpty());
  EXPECT_THAT(loaded.settings.voters, IsEmpty());
  // A broker, or a controller at another address, joins.
  EXPECT_THAT(
      properties("node.id=2\nprocess.roles=broker\ncontroller.quorum.bootstrap.servers=localhost:9093\n")
          .settings.seeds,
      ElementsAre(Endpoint{"localhost", 9093}));
  EXPECT_THAT(properties("node.id=2\nlisteners=PLAINTEXT://:9192,CONTROLLER://:9193\n"
                         "controller.quorum.bootstrap.servers=localhost:9093\n")
                  .settings.seeds,
              ElementsAre(Endpoint{"localhost", 9093}));
}

TEST(Seeds, WithoutASizeTheyAreWaitedForAndThatIsTold) {
  const Loaded loaded = environment(seeded({{"MOLDAU_CLUSTER__SEEDS", "praha:9093,b:9093,c:9093"}}));
  EXPECT_USABLE(loaded);
  EXPECT_THAT(loaded.settings.voters, IsEmpty());
  EXPECT_EQ(loaded.settings.seeds.size(), 3u);
  EXPECT_THAT(texts(loaded, Severity::info),
              Contains(HasSubstr("a new cluster of these controllers needs cluster.initial_size: 3")));
}

TEST(Seeds, FewerThanFormTheCluster) {
  EXPECT_THAT(texts(environment(seeded({{"MOLDAU_CLUSTER__INITIAL_SIZE", "5"}}))),
              ElementsAre(HasSubstr("5 controllers form the cluster (cluster.initial_size), but only 3 are "
                                    "named")));
}

TEST(Seeds, SurviveTheirWayThroughTheEffectiveYaml) {
  const Loaded first = with("m.yaml",
                            "node: {id: 102}\nlisteners: {controller: {bind: ':9093'}, a: {bind: ':9092'}}\n"
                            "cluster: {seeds: ['101@brno:9093', '102@praha:9093', '103@x:9093', 'y:9093'], "
                            "initial_size: 3}\n");
  EXPECT_USABLE(first);
  const Loaded second = with("m.yaml", effective_yaml(first.settings));
  EXPECT_USABLE(second);
  EXPECT_EQ(second.settings.voters, first.settings.voters);
  EXPECT_EQ(second.settings.seeds, first.settings.seeds);
  EXPECT_EQ(effective_yaml(second.settings), effective_yaml(first.settings));
}

// --- listeners of several nodes

TEST(ClusterListeners, OneForBrokersThatOnlyThisMachineReachesIsTold) {
  EXPECT_THAT(
      texts(properties(std::string(kThreeVoters) + "node.id=1\n"), Severity::warning),
      ElementsAre(HasSubstr("listener PLAINTEXT is for the other brokers, but they are told to connect "
                            "to 127.0.0.1:9092, their own machine: set listeners.plaintext.bind")));
}

TEST(ClusterListeners, TheControllersIsNotForBrokers) {
  EXPECT_THAT(texts(properties(three("node.id=1\ninter.broker.listener.name=CONTROLLER\n"))),
              ElementsAre(HasSubstr("listener CONTROLLER is the controller's")));
  EXPECT_THAT(texts(properties(three("node.id=1\ninter.broker.listener.name=PLAINTEXT\n"
                                     "security.inter.broker.protocol=PLAINTEXT\n"))),
              ElementsAre("s.properties:5: security.inter.broker.protocol: Only one of "
                          "inter.broker.listener.name and security.inter.broker.protocol should be set."));
}

TEST(ClusterListeners, OnePortTwiceIsOneWhateverTheAddress) {
  EXPECT_THAT(texts(properties("listeners=A://127.0.0.1:9092,CONTROLLER://:9092\n"
                               "listener.security.protocol.map=A:PLAINTEXT,CONTROLLER:PLAINTEXT\n")),
              ElementsAre("listeners A and CONTROLLER are both bound to 0.0.0.0:9092"));
  EXPECT_USABLE(
      properties("listeners=A://127.0.0.1:9092,B://127.0.0.2:9092\n"
                 "listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT\n"));
}

TEST(ClusterListeners, AControllersMayBeAdvertised) {
  const Loaded loaded = properties(
      "node.id=1\nlisteners=PLAINTEXT://:9092,CONTROLLER://:9093\n"
      "advertised.listeners=PLAINTEXT://me:9092,CONTROLLER://me:19093\n");
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.find_listener("controller")->advertise, (Endpoint{"me", 19093}));
}

TEST(ClusterListeners, AddressesThatNobodyReaches) {
  EXPECT_THAT(
      texts(properties("listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://0.0.0.0:9092\n")),
      ElementsAre("s.properties:2: advertised.listeners: clients cannot connect to 0.0.0.0:9092: "
                  "advertise the name or address by which they reach this machine, for example "
                  "PLAINTEXT://praha:9092"));
  const Loaded empty = properties("listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://:19092\n");
  EXPECT_USABLE(empty);
  EXPECT_EQ(empty.settings.listeners[0].advertise, (Endpoint{"praha", 19092}));
  EXPECT_THAT(texts(properties("listeners=PLAINTEXT://:9092\n"
                               "advertised.listeners=PLAINTEXT://4c01db0b339c:9092\n"),
                    Severity::warning),
              ElementsAre(HasSubstr("listener PLAINTEXT tells clients to connect to 4c01db0b339c:9092, which "
                                    "looks like the id of a container")));
}

TEST(ClusterListeners, ASlipInANameIsFound) {
  EXPECT_THAT(
      texts(properties("listeners=INTERNAL://:9092\nlistener.security.protocol.map=INTERNAL:PLAINTEXT\n"
                       "inter.broker.listener.name=INTERNL\n")),
      ElementsAre("s.properties:3: inter.broker.listener.name: there is no listener INTERNL; "
                  "listeners: INTERNAL; did you mean INTERNAL?"));
}

}  // namespace
}  // namespace moldau::config
