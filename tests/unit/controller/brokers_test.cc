// Registration, heartbeats, fencing, controlled shutdown.
#include "cluster.h"

namespace moldau::controller {
namespace {

ErrorCode refusal(const Cluster& cluster, const wire::BrokerRegistrationRequest& request,
                  bool has_live_session = false) {
  const auto out =
      cluster.controller_.register_broker(cluster.image_, request, cluster.next_offset_, has_live_session);
  EXPECT_EQ(out.records.empty(), out.response.error_code != ErrorCode::none);
  return out.response.error_code;
}

TEST(Registration, TheEpochIsTheOffsetOfItsRecord) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  cluster.create_on("b", {1, 2});
  const Offset before = cluster.next_offset_;
  const auto response = cluster.enroll(cluster.registration(1));
  // Two partitions change first.
  EXPECT_EQ(response.broker_epoch, before + 2);
  EXPECT_EQ(cluster.image_.broker(1)->broker_epoch, before + 2);
  EXPECT_EQ(cluster.next_offset_, before + 3);
  EXPECT_TRUE(cluster.image_.broker(1)->fenced);
}

TEST(Registration, RA_25_IncarnationsDecide) {
  Cluster cluster(1);
  const metadata::Broker old = *cluster.image_.broker(1);
  auto request = cluster.registration(1);
  request.incarnation_id = old.incarnation_id;
  const auto again = cluster.commit(cluster.controller_.register_broker(cluster.image_, request, 99, true));
  EXPECT_EQ(again.error_code, ErrorCode::none);
  EXPECT_EQ(again.broker_epoch, old.broker_epoch) << "the answer was lost and is given again";
  EXPECT_TRUE(cluster.last_records_.empty());
  EXPECT_EQ(refusal(cluster, cluster.registration(1), true), ErrorCode::duplicate_broker_registration);
  EXPECT_EQ(refusal(cluster, cluster.registration(1), false), ErrorCode::none);
}

TEST(Registration, RefusesWithKafkasCodes) {  // RA-16
  Cluster cluster(1);
  const auto with = [&](auto change) {
    auto request = cluster.registration(2);
    change(request);
    return refusal(cluster, request);
  };
  EXPECT_EQ(with([](auto&) {}), ErrorCode::none);
  EXPECT_EQ(with([](auto& r) { r.cluster_id = "other"; }), ErrorCode::inconsistent_cluster_id);
  EXPECT_EQ(with([](auto& r) { r.broker_id = -1; }), ErrorCode::invalid_request);
  EXPECT_EQ(with([](auto& r) { r.is_migrating_zk_broker = true; }), ErrorCode::broker_id_not_registered);
  EXPECT_EQ(with([](auto& r) { r.incarnation_id = {}; }), ErrorCode::invalid_registration);
  EXPECT_EQ(with([](auto& r) { r.rack = std::string(2000, 'r'); }), ErrorCode::invalid_registration);
  EXPECT_EQ(with([](auto& r) { r.features.clear(); }), ErrorCode::unsupported_version);
  EXPECT_EQ(with([](auto& r) {
              for (auto& f : r.features)
                if (f.name == kMetadataVersion) f.max_supported_version = 29;
            }),
            ErrorCode::unsupported_version);
  EXPECT_EQ(with([](auto& r) { r.features.push_back(r.features[0]); }), ErrorCode::invalid_registration);
  EXPECT_EQ(with([](auto& r) { r.features.push_back({.name = "x", .min_supported_version = 2}); }),
            ErrorCode::invalid_registration);
}

TEST(Registration, ChecksListeners) {
  Cluster cluster(1);
  using Listeners = std::vector<wire::BrokerRegistrationRequest::Listener>;
  const auto with = [&](Listeners listeners) {
    auto request = cluster.registration(2);
    request.listeners = std::move(listeners);
    return refusal(cluster, request);
  };
  const wire::BrokerRegistrationRequest::Listener good{.name = "A", .host = "h", .port = 1};
  EXPECT_EQ(with({good}), ErrorCode::none);
  EXPECT_EQ(with({}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({good, good}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({{.name = "", .host = "h", .port = 1}}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({{.name = "A", .host = "", .port = 1}}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({{.name = "A", .host = "h", .port = 0}}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({{.name = "A", .host = std::string(5000, 'h'), .port = 1}}),
            ErrorCode::invalid_registration);
  EXPECT_EQ(with({{.name = "A", .host = "h", .port = 1, .security_protocol = 4}}),
            ErrorCode::invalid_registration);
  EXPECT_EQ(with(Listeners(101, good)), ErrorCode::invalid_registration);
}

TEST(Registration, ChecksLogDirectories) {
  Cluster cluster(1);
  const auto with = [&](std::vector<DirectoryId> directories) {
    auto request = cluster.registration(2);
    request.log_dirs = std::move(directories);
    return refusal(cluster, request);
  };
  EXPECT_EQ(with({}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({metadata::kUnassignedDirectory}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({{8, 8}, {8, 8}}), ErrorCode::invalid_registration);
  EXPECT_EQ(with({Cluster::directory(1)}), ErrorCode::invalid_registration) << "a copy of another's disk";
  EXPECT_EQ(with({{8, 8}, {8, 9}}), ErrorCode::none);
}

TEST(Registration, OfAControllerIsKept) {  // KIP-919
  Cluster cluster(1);
  wire::ControllerRegistrationRequest request{.controller_id = 3000, .incarnation_id = {1, 2}};
  request.listeners.push_back({.name = "CONTROLLER", .host = "h", .port = 9093});
  request.features.push_back(
      {.name = "metadata.version", .min_supported_version = 7, .max_supported_version = 30});
  const auto register_it = [&] {
    return cluster.commit(cluster.controller_.register_controller(cluster.image_, request)).error_code;
  };
  EXPECT_EQ(register_it(), ErrorCode::none);
  const metadata::ControllerNode* node = cluster.image_.controller(3000);
  ASSERT_NE(node, nullptr);
  EXPECT_EQ(node->endpoints.at(0).port, 9093);
  EXPECT_EQ(register_it(), ErrorCode::none);
  EXPECT_TRUE(cluster.last_records_.empty()) << "nothing new";
  request.listeners[0].port = 9094;
  request.incarnation_id = {1, 3};
  EXPECT_EQ(register_it(), ErrorCode::none);
  EXPECT_EQ(cluster.image_.controller(3000)->endpoints.at(0).port, 9094);
  request.listeners.clear();
  EXPECT_EQ(register_it(), ErrorCode::invalid_registration);
  request.controller_id = -1;
  EXPECT_EQ(register_it(), ErrorCode::invalid_request);
}

// --- what a restart costs

TEST(Restart, RaisesTheLeaderEpochOfWhatItLed) {
  Cluster cluster(1);
  cluster.create("a");
  EXPECT_EQ(cluster.partition("a").leader_epoch, 0);
  cluster.add_broker(1);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  EXPECT_EQ(cluster.partition("a").leader_epoch, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{1});
}

TEST(Restart, RP_09_OfACrashedBrokerBeforeItIsFencedLosesItsPlace) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.crash_and_register(1);
  EXPECT_EQ(cluster.partition("a").isr, (Nodes{2, 3}));
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").leader_epoch, 1);
}

// The last member of the ISR comes back without the end of its log, which was in the page cache.
TEST(Restart, RP_09_TheLastIsrMemberAfterAnUncleanShutdownIsOnlyALastResort) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2}, {{"moldau.durability", "page-cache"}});
  cluster.fence(2);
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{1});
  cluster.crash_and_register(1);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{}) << "it may lack what was committed";
  EXPECT_EQ(cluster.partition("a").last_known_elr, Nodes{1});
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovering) << "it is told";
  EXPECT_EQ(cluster.partition("a").last_known_elr, Nodes{});
}

TEST(Restart, RP_09_AnEligibleReplicaAfterAnUncleanShutdownIsNoLongerOne) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2}, {{"moldau.durability", "page-cache"}, {"min.insync.replicas", "2"}});
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
  cluster.crash_and_register(2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  cluster.fence(1);
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode) << "2 must not lead with a shorter log";
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(Restart, RP_09_TheBrokerEpochProvesThatTheShutdownWasClean) {
  Cluster cluster(1);
  cluster.create_on("a", {1}, {{"moldau.durability", "page-cache"}});
  cluster.fence(1);
  const auto register_with = [&](std::int64_t previous_epoch) {
    auto request = cluster.registration(1);
    request.previous_broker_epoch = previous_epoch;
    cluster.enroll(request);
    return cluster.partition("a").eligible_leader_replicas;
  };
  EXPECT_EQ(register_with(cluster.image_.broker(1)->broker_epoch), Nodes{1});
  EXPECT_EQ(register_with(cluster.image_.broker(1)->broker_epoch - 1), Nodes{})
      << "the marker of an earlier run";
}

TEST(Restart, RP_09_ACrashTakesNothingFromWhoHasSyncedWhatItAcknowledged) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  for (const NodeId id : {1, 2, 3}) cluster.crash_and_register(id);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, (Nodes{2, 3})) << "1 left an ISR of enough";
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(Restart, RP_09_DurabilityIsWhatItIsOnThatBroker) {
  Cluster cluster(2);
  ASSERT_EQ(cluster.set_config(ResourceType::broker, "1", "moldau.durability", "page-cache"),
            ErrorCode::none);
  cluster.create_on("a", {1});
  cluster.create_on("b", {2});
  cluster.crash_and_register(1);
  cluster.crash_and_register(2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  EXPECT_EQ(cluster.partition("b").eligible_leader_replicas, Nodes{2});
}

TEST(Restart, OnAnotherDiskTheReplicaBeginsAnewAndIsNobodysHope) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  cluster.fence(2);
  cluster.fence(1);
  ASSERT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{1});
  cluster.crash_and_register(1, Cluster::directory(1, 1));
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  EXPECT_EQ(cluster.partition("a").last_known_elr, Nodes{});
  EXPECT_EQ(cluster.partition("a").directories[0], Cluster::directory(1, 1));
  cluster.beat(1);
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  EXPECT_EQ(cluster.elect("a", 1).error_code, ErrorCode::none) << "somebody decides that it is lost";
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovering);
}

TEST(Restart, OnAnotherDiskOnlyTheReplicasOfTheOldOneAreLost) {
  Cluster cluster(3);
  auto request = cluster.registration(3);
  request.log_dirs = {{8, 1}, {8, 2}};
  cluster.enroll(request);
  cluster.beat(3);
  cluster.create_on("a", {3, 1});
  cluster.create_on("b", {3, 1});
  const auto assign = [&](const std::string& name, DirectoryId directory) {
    wire::AssignReplicasToDirsRequest assignment{.broker_id = 3,
                                                 .broker_epoch = cluster.image_.broker(3)->broker_epoch};
    auto& to = assignment.directories.emplace_back();
    to.id = directory;
    to.topics.push_back({.topic_id = cluster.topic(name).id, .partitions = {{.partition_index = 0}}});
    cluster.commit(cluster.controller_.assign_replicas_to_dirs(cluster.image_, assignment));
  };
  assign("a", {8, 1});
  assign("b", {8, 2});
  cluster.fence(1);
  cluster.fence(3);
  request = cluster.registration(3);
  request.log_dirs = {{8, 2}, {8, 3}};
  cluster.enroll(request);
  cluster.beat(3);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  EXPECT_EQ(cluster.partition("b").leader, 3);
}

TEST(Restart, WithoutElrTheLastIsrMemberStaysInIt) {
  Cluster cluster(2);
  ASSERT_EQ(cluster.set_feature(std::string(kElrVersion), 0), ErrorCode::none);
  cluster.create_on("a", {1, 2}, {{"min.insync.replicas", "2"}});
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{1});
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.crash_and_register(1);
  cluster.beat(2);  // not in the ISR: it may have missed records
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").leader, 1);
  // But not with an empty disk.
  cluster.fence(1);
  cluster.crash_and_register(1, Cluster::directory(1, 1));
  cluster.beat(1);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
}

// --- fencing

TEST(Fencing, LeadershipMovesWithinTheIsr) {  // RP-15
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.fence(1);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, (Nodes{2, 3}));
  cluster.fence(3);
  EXPECT_EQ(cluster.partition("a").leader_epoch, 1) << "an ISR that shrinks is no reason for a new epoch";
  cluster.fence(2);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{});
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
  EXPECT_TRUE(cluster.controller_.fence_broker(cluster.image_, 2).empty());
  EXPECT_TRUE(cluster.controller_.fence_broker(cluster.image_, 9).empty());
  cluster.beat(1);  // not in the ISR: it may have missed records
  EXPECT_EQ(cluster.partition("a").leader, kNoNode);
  cluster.beat(2);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").recovery_state, LeaderRecoveryState::recovered);
}

TEST(Fencing, EveryPrefixOfItsRecordsIsSound) {  // RA-15
  Cluster cluster(3);
  cluster.create("a", 6, 3);
  const auto records = cluster.controller_.fence_broker(cluster.image_, 2);
  ASSERT_EQ(records.size(), 7u);
  for (std::size_t n = 1; n <= records.size(); ++n) {
    auto applied = metadata::apply_records(cluster.image_, std::span(records).first(n));
    ASSERT_TRUE(applied);
    expect_sound(cluster.image_, applied->image);
    // What a crash left undone is the same work again.
    const auto rest = cluster.controller_.fence_broker(applied->image, 2);
    EXPECT_EQ(rest.size(), records.size() - n);
  }
  const auto pieces = in_pieces(records, 3);
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[2].size(), 1u);
  EXPECT_EQ(pieces[2][0], records.back());
  EXPECT_TRUE(in_pieces({}).empty());
}

// --- heartbeats

TEST(Heartbeats, RA_25_OfStrangersAndGhostsAreRefused) {
  Cluster cluster(1);
  EXPECT_EQ(cluster.beat({.broker_id = 9}).error_code, ErrorCode::broker_id_not_registered);
  EXPECT_EQ(cluster.beat({.broker_id = 1, .broker_epoch = 0}).error_code, ErrorCode::stale_broker_epoch);
  EXPECT_TRUE(cluster.last_records_.empty());
}

TEST(Heartbeats, UnfenceWhoHasAppliedItsOwnRegistration) {
  Cluster cluster(1);
  cluster.crash_and_register(1);
  auto request = cluster.heartbeat_of(1);
  request.current_metadata_offset = request.broker_epoch - 1;
  auto response = cluster.beat(request);
  EXPECT_FALSE(response.is_caught_up);
  EXPECT_TRUE(response.is_fenced);
  request.current_metadata_offset = request.broker_epoch;
  request.want_fence = true;
  response = cluster.beat(request);
  EXPECT_TRUE(response.is_caught_up);
  EXPECT_TRUE(response.is_fenced);
  request.want_fence = false;
  response = cluster.beat(request);
  EXPECT_FALSE(response.is_fenced);
  EXPECT_TRUE(cluster.image_.is_unfenced(1));
}

TEST(Heartbeats, FenceWhoWantsIt) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  EXPECT_TRUE(cluster.beat(1, true).is_fenced);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_TRUE(cluster.beat(1, true).is_fenced);
  EXPECT_TRUE(cluster.last_records_.empty());
}

TEST(Heartbeats, WhoIsFullIsRelievedWhereOthersTakeRecords) {
  Cluster cluster(3);
  cluster.create_on("led", {1, 2, 3});
  cluster.create_on("followed", {2, 1});
  cluster.create_on("alone", {1});
  EXPECT_FALSE(cluster.beat_full(1).is_fenced);
  EXPECT_EQ(cluster.partition("led").leader, 2);
  EXPECT_EQ(cluster.partition("led").isr, (Nodes{2, 3}));
  EXPECT_EQ(cluster.partition("followed").isr, Nodes{2});
  EXPECT_EQ(cluster.partition("alone").leader, 1) << "it can be read";
  cluster.beat_full(1);
  EXPECT_TRUE(cluster.last_records_.empty());
  cluster.beat(1);
  EXPECT_EQ(cluster.set_isr("followed", {2, 1}), ErrorCode::none) << "there is room again";
}

TEST(Heartbeats, WhoIsFullStaysInSyncWhereMinInsyncReplicasNeedsIt) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2}, {{"min.insync.replicas", "2"}});
  cluster.create_on("b", {1, 2, 3}, {{"min.insync.replicas", "2"}});
  cluster.beat_full(1);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, (Nodes{1, 2}));
  EXPECT_EQ(cluster.partition("b").isr, (Nodes{2, 3}));
  cluster.beat_full(1);
  EXPECT_TRUE(cluster.last_records_.empty());
}

TEST(Heartbeats, WhoIsFullHandsOverToNobodyWhoIsFull) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3});
  cluster.create_on("b", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  cluster.beat_full(3);
  cluster.beat_full(1);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.partition("b").leader, 2);
  EXPECT_EQ(cluster.partition("b").isr, (Nodes{1, 2, 3}));
  for (const NodeId id : {2, 1, 3}) {
    cluster.beat_full(id);
    EXPECT_TRUE(cluster.last_records_.empty()) << "all are full: they stay as they are";
  }
  cluster.beat(3);
  cluster.beat_full(2);
  EXPECT_EQ(cluster.partition("b").leader, 3);
  EXPECT_EQ(cluster.partition("a").leader, 2) << "3 is not in sync";
}

TEST(Heartbeats, ControlledShutdownHandsOverFirst) {  // RP-11
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  auto response = cluster.beat(1, false, true);
  EXPECT_FALSE(response.should_shut_down);
  EXPECT_FALSE(response.is_fenced);
  EXPECT_TRUE(cluster.image_.broker(1)->in_controlled_shutdown);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.set_isr("a", {2, 1}), ErrorCode::ineligible_replica) << "it must not come back meanwhile";
  cluster.beat(2);
  response = cluster.beat(1, false, true);
  EXPECT_TRUE(response.should_shut_down);
  EXPECT_TRUE(response.is_fenced);
  EXPECT_TRUE(cluster.image_.broker(1)->fenced);
  EXPECT_FALSE(cluster.beat(2, false, true).should_shut_down);
  EXPECT_EQ(cluster.partition("a").leader, kNoNode) << "nobody to hand over to";
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{2});
  EXPECT_TRUE(cluster.beat(2, false, true).should_shut_down);
}

TEST(Heartbeats, WhoLeadsNothingOrIsFencedMayGoAtOnce) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2});
  EXPECT_TRUE(cluster.beat(2, false, true).should_shut_down);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{1});
  cluster.fence(3);
  EXPECT_TRUE(cluster.beat(3, false, true).should_shut_down);
  EXPECT_TRUE(cluster.last_records_.empty());
  auto request = cluster.heartbeat_of(1);
  request.want_fence = request.want_shut_down = true;
  EXPECT_TRUE(cluster.beat(request).should_shut_down) << "it does not want to wait";
}

TEST(Heartbeats, AShutdownThatACrashInterruptedGoesOn) {  // RA-15
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  cluster.create_on("b", {1, 2});
  auto request = cluster.heartbeat_of(1);
  request.want_shut_down = true;
  const auto out = cluster.controller_.heartbeat(cluster.image_, request, cluster.sessions_);
  ASSERT_EQ(out.records.size(), 3u);
  auto partly = metadata::apply_records(cluster.image_, std::span(out.records).first(2));
  const auto next = cluster.controller_.heartbeat(partly->image, request, BrokerSessions());
  EXPECT_FALSE(next.response.should_shut_down);
  ASSERT_EQ(next.records.size(), 1u);
  EXPECT_EQ(next.records[0], out.records[2]);
}

TEST(Heartbeats, AfterARestartTheShutdownIsForgotten) {
  Cluster cluster(2);
  cluster.create_on("a", {1, 2});
  cluster.beat(1, false, true);
  cluster.fence(1);
  cluster.beat(1);
  EXPECT_TRUE(cluster.image_.is_active(1)) << "it goes on after all";
}

TEST(Heartbeats, OfflineDirectoriesLoseTheirReplicas) {
  Cluster cluster(2);
  auto registration = cluster.registration(1);
  registration.log_dirs = {{8, 1}, {8, 2}};
  cluster.enroll(registration);
  cluster.beat(1);
  cluster.create_on("a", {1, 2});
  cluster.create_on("b", {1, 2});
  wire::AssignReplicasToDirsRequest assignment{.broker_id = 1,
                                               .broker_epoch = cluster.image_.broker(1)->broker_epoch};
  assignment.directories.resize(2);
  assignment.directories[0].id = {8, 1};
  assignment.directories[0].topics.push_back(
      {.topic_id = cluster.topic("a").id, .partitions = {{.partition_index = 0}}});
  assignment.directories[1].id = {8, 2};
  assignment.directories[1].topics.push_back(
      {.topic_id = cluster.topic("b").id, .partitions = {{.partition_index = 0}}});
  cluster.commit(cluster.controller_.assign_replicas_to_dirs(cluster.image_, assignment));
  auto request = cluster.heartbeat_of(1);
  request.offline_log_dirs = {{8, 1}, {77, 77}};
  EXPECT_FALSE(cluster.beat(request).is_fenced);
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.partition("b").leader, 1);
  EXPECT_EQ(cluster.image_.broker(1)->directories, (std::vector<DirectoryId>{{8, 2}}));
  cluster.beat(request);
  EXPECT_TRUE(cluster.last_records_.empty()) << "it is known";
  request.offline_log_dirs = {{8, 1}, {8, 2}};
  EXPECT_TRUE(cluster.beat(request).is_fenced) << "it has nothing to serve from";
  EXPECT_TRUE(cluster.beat(request).is_fenced);
  EXPECT_TRUE(cluster.last_records_.empty());
}

// --- unregistering

TEST(Unregister, TakesTheBrokerOutOfIsrAndElr) {
  Cluster cluster(3);
  cluster.create_on("a", {1, 2, 3}, {{"min.insync.replicas", "3"}});
  cluster.fence(3);
  ASSERT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{3});
  EXPECT_EQ(
      cluster.commit(cluster.controller_.unregister_broker(cluster.image_, {.broker_id = 3})).error_code,
      ErrorCode::none);
  EXPECT_EQ(cluster.image_.broker(3), nullptr);
  EXPECT_EQ(cluster.partition("a").eligible_leader_replicas, Nodes{});
  cluster.commit(cluster.controller_.unregister_broker(cluster.image_, {.broker_id = 1}));
  EXPECT_EQ(cluster.partition("a").leader, 2);
  EXPECT_EQ(cluster.partition("a").isr, Nodes{2});
  EXPECT_EQ(cluster.partition("a").replicas, (Nodes{1, 2, 3})) << "as in Kafka";
  const auto again = cluster.commit(cluster.controller_.unregister_broker(cluster.image_, {.broker_id = 1}));
  EXPECT_EQ(again.error_code, ErrorCode::broker_id_not_registered);
  EXPECT_EQ(again.error_message, "Broker ID 1 is not currently registered");
}

// --- producer ids

TEST(ProducerIds, BlocksNeverOverlap) {
  Cluster cluster(1);
  const auto epoch = cluster.image_.broker(1)->broker_epoch;
  const auto allocate = [&](std::int64_t with_epoch) {
    return cluster.commit(cluster.controller_.allocate_producer_ids(
        cluster.image_, {.broker_id = 1, .broker_epoch = with_epoch}));
  };
  for (ProducerId expected = 0; expected < 5000; expected += 1000) {
    const auto out = allocate(epoch);
    EXPECT_EQ(out.producer_id_start, expected);
    EXPECT_EQ(out.producer_id_len, 1000);
  }
  EXPECT_EQ(allocate(epoch - 1).error_code, ErrorCode::stale_broker_epoch);
  cluster.commit(std::vector<Record>{metadata::ProducerIdsRecord{1, 1, INT64_MAX - 10}});
  EXPECT_EQ(allocate(epoch).error_code, ErrorCode::unknown_server_error);
}

}  // namespace
}  // namespace moldau::controller
