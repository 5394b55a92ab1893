#include "simulation/cluster_settings.h"

#include <algorithm>
#include <utility>

#include "quorum/snapshot_file.h"
#include "simulation/node_settings.h"
#include "storage/data_directory.h"

namespace moldau::simulation {
namespace {

constexpr std::uint16_t kControllerPort = 9093;
constexpr const char* kClusterId = "AAAAAAAAAAAAAAAAAAAAAA";

DirectoryId directory_of(unsigned node) { return {0x600d, node + 1}; }

}  // namespace

// Six machines and more: the number says how many of them are nodes, so that it is known before the world is.
ClusterShape draw_shape(unsigned machines) {
  ClusterShape shape;
  shape.clients = machines < 9 ? 3 : 4;
  shape.nodes = machines - shape.clients;
  shape.voters = shape.nodes >= 5 ? 5 : 3;
  if (shape.nodes == 6) shape.voters = 3;
  shape.voters = std::min(shape.voters, shape.nodes);
  return shape;
}

ClusterSettings::ClusterSettings(Random& random, ClusterShape shape)
    : shape_(shape),
      commit_log_bytes_(static_cast<std::uint64_t>(random.between(256, 2'000)) << 10),
      racks_(random.one_in(3)),
      dynamic_(random.one_in(2)) {
  const auto set = [&](const char* key, std::int64_t least, std::int64_t most) {
    broker_[key] = std::to_string(random.between(least, most));
  };
  set("broker.heartbeat.interval.ms", 500, 2'000);
  set("broker.session.timeout.ms", 4'000, 9'000);
  set("replica.lag.time.max.ms", 2'000, 10'000);
  set("controller.quorum.election.timeout.ms", 500, 1'500);
  set("controller.quorum.fetch.timeout.ms", 1'000, 3'000);
  set("controller.quorum.election.backoff.max.ms", 200, 1'000);
  set("metadata.log.max.record.bytes.between.snapshots", 2'000, 40'000);
  set("log.retention.check.interval.ms", 5'000, 30'000);
  set("leader.imbalance.check.interval.seconds", 5, 60);
  set("replica.high.watermark.checkpoint.interval.ms", 1'000, 5'000);
  if (random.one_in(2)) set("unclean.leader.election.interval.ms", 2'000, 30'000);
  if (dynamic_ && random.one_in(3)) broker_["controller.quorum.auto.join.enable"] = "true";
}

void ClusterSettings::format(World& world) const {
  if (!dynamic_) return;
  std::vector<raft::Voter> voters;
  for (unsigned node = 0; node < shape_.voters; ++node) {
    const auto id = static_cast<NodeId>(node + 1);
    voters.push_back({{id, directory_of(node)}, {controller_endpoint(id)}, {}});
  }
  const raft::VoterSet initial(std::move(voters));
  for (unsigned node = 0; node < shape_.voters; ++node) {
    Machine& machine = world.machine(node);
    const config::Settings settings = of(node);
    const DiskFaults faults = std::exchange(machine.drive().faults(), {});
    const auto formatted = storage::DataDirectory::format(machine.disk(), settings.data_dir, kClusterId,
                                                          *settings.node_id, directory_of(node));
    MOLDAU_ASSERT(formatted.has_value());
    const Status written = quorum::write_initial_voters(
        machine.disk(), settings.data_dir + "/__cluster_metadata-0", initial, machine.wall_clock().now_ms());
    MOLDAU_ASSERT(written.has_value());
    machine.drive().faults() = faults;
  }
}

raft::Endpoint controller_endpoint(NodeId node) {
  return {"CONTROLLER", Fabric::address_of(static_cast<unsigned>(node - 1)), kControllerPort};
}

config::Settings ClusterSettings::of(unsigned node) const {
  config::Settings settings = node_settings();
  const std::string host = Fabric::address_of(node);
  settings.node_id = static_cast<NodeId>(node + 1);
  settings.cluster_id = kClusterId;
  settings.commit_log_size_bytes = commit_log_bytes_;
  settings.listeners[0].advertise.host = host;
  settings.controller_role = dynamic_ || node < shape_.voters;
  if (racks_) settings.rack = "rack-" + std::to_string(node % 3);
  settings.broker = broker_;
  if (shape_.nodes == 1) return settings;
  settings.listeners.push_back({.name = "CONTROLLER",
                                .bind = {"0.0.0.0", kControllerPort},
                                .advertise = {host, kControllerPort},
                                .controller = true});
  for (unsigned voter = 0; voter < shape_.voters; ++voter) {
    if (dynamic_) settings.seeds.push_back({Fabric::address_of(voter), kControllerPort});
    if (dynamic_) continue;
    settings.voters.push_back({static_cast<NodeId>(voter + 1), {Fabric::address_of(voter), kControllerPort}});
  }
  return settings;
}

}  // namespace moldau::simulation
