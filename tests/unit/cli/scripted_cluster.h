// A cluster of several brokers in one scripted one: a model of brokers, partitions, moves and voters that the
// administrative requests read and change.
#pragma once

#include <algorithm>

#include "cli/arguments.h"
#include "cli/json.h"
#include "unit/cli/fake_process.h"
#include "unit/client/fake_broker.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/describe_cluster.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_partition_reassignments.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/unregister_broker.h"
#include "wire/messages/update_features.h"

namespace moldau::cli {

class ScriptedCluster : public FakeProcess {
 protected:
  struct Partition {
    NodeId leader = 1;
    std::vector<NodeId> replicas{1, 2, 3};
    std::vector<NodeId> isr{1, 2, 3};
    std::vector<NodeId> adding, removing;
    bool moves() const { return !adding.empty() || !removing.empty(); }
  };
  struct Broker {
    std::optional<std::string> rack;
    bool fenced = false;
  };
  struct Voter {
    Uuid directory;
    Offset end = 100;
    TimestampMs caught_up = 1'000'000;
  };

  ScriptedCluster() {
    environment.world = &world;
    for (const NodeId id : {1, 2, 3}) {
      brokers[id] = {};
      voters[id] = {.directory = Uuid{7, static_cast<std::uint64_t>(id)}};
    }
    topics["t"] = {Partition{}, {.leader = 2, .replicas = {2, 3, 1}, .isr = {1, 2, 3}}};
    serve_metadata();
    serve_configs();
    serve_moves();
    serve_quorum();
  }
  ~ScriptedCluster() override {
    world.run(broker.stop());
    world.run_until_idle(std::chrono::minutes(10));
  }

  int moldau(std::vector<std::string> words) {
    words.insert(words.begin(), "moldau");
    words.insert(words.end(), {"-b", broker.endpoint().to_string()});
    return run(std::move(words));
  }
  int kafka(std::vector<std::string> words) {
    words.insert(words.end(), {"--bootstrap-server", broker.endpoint().to_string()});
    return run(std::move(words));
  }
  Partition& partition(const std::string& topic, std::size_t index) { return topics.at(topic).at(index); }

  simulation::World world{9};
  client::FakeCluster fake;
  client::FakeBroker broker{world, fake, 1, 9092};

  std::map<NodeId, Broker> brokers;
  NodeId controller = 1;
  std::map<std::string, std::vector<Partition>> topics;
  std::map<std::string, std::string> topic_configs{{"min.insync.replicas", "2"}};
  std::map<NodeId, std::map<std::string, std::string>> broker_configs;
  std::map<NodeId, Voter> voters;
  std::map<NodeId, Voter> observers;
  NodeId quorum_leader = 1;
  bool moves_end = true;                            // at once; else they stay under way
  wire::ErrorCode refusal = wire::ErrorCode::none;  // of every change
  // What was changed: "topic t leader.replication.throttled.replicas=0:1", "broker 1 -key".
  std::vector<std::string> changed_configs;
  std::vector<NodeId> unregistered;
  std::vector<wire::AddRaftVoterRequest> added_voters;

 private:
  std::int32_t port() const { return broker.endpoint().port; }

  void serve_metadata() {
    broker.serves<wire::MetadataRequest, wire::MetadataResponse>([this](const auto& request) {
      wire::MetadataResponse response;
      response.cluster_id = "fake";
      response.controller_id = controller;
      for (const auto& [id, one] : brokers) {
        if (!one.fenced) response.brokers.push_back({id, "127.0.0.1", port(), one.rack});
      }
      const auto add = [&](const std::string& name) {
        auto& out = response.topics.emplace_back();
        out.name = name;
        out.topic_id = Uuid{1, 1};
        const auto at = topics.find(name);
        if (at == topics.end()) out.error_code = wire::ErrorCode::unknown_topic_or_partition;
        for (std::size_t i = 0; at != topics.end() && i < at->second.size(); ++i)
          out.partitions.push_back({.partition_index = static_cast<PartitionIndex>(i),
                                    .leader_id = at->second[i].leader,
                                    .leader_epoch = 3,
                                    .replica_nodes = at->second[i].replicas,
                                    .isr_nodes = at->second[i].isr});
      };
      if (request.topics) {
        for (const auto& topic : *request.topics) add(topic.name.value_or(""));
      } else {
        for (const auto& [name, partitions] : topics) add(name);
      }
      return response;
    });
    broker.serves<wire::DescribeClusterRequest, wire::DescribeClusterResponse>([this](const auto& request) {
      wire::DescribeClusterResponse response;
      response.cluster_id = "fake";
      response.controller_id = controller;
      response.endpoint_type = request.endpoint_type;
      for (const auto& [id, one] : brokers) {
        if (one.fenced && !request.include_fenced_brokers) continue;
        response.brokers.push_back({.broker_id = id, .host = "127.0.0.1", .port = port(), .rack = one.rack});
        response.brokers.back().is_fenced = one.fenced;
      }
      return response;
    });
  }

  void serve_configs() {
    broker.serves<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>([this](const auto& request) {
      wire::DescribeConfigsResponse response;
      for (const auto& resource : request.resources) {
        auto& result = response.results.emplace_back();
        result.resource_type = resource.resource_type;
        result.resource_name = resource.resource_name;
        const bool of_topic = resource.resource_type == 2;
        const auto& configs =
            of_topic ? topic_configs : broker_configs[static_cast<NodeId>(std::stoi(resource.resource_name))];
        for (const auto& [name, value] : configs)
          result.configs.push_back({.name = name, .value = value, .config_source = std::int8_t{5}});
      }
      return response;
    });
    broker.serves<wire::IncrementalAlterConfigsRequest, wire::IncrementalAlterConfigsResponse>(
        [this](const auto& request) {
          wire::IncrementalAlterConfigsResponse response;
          for (const auto& resource : request.resources) {
            const std::string of =
                (resource.resource_type == 2 ? "topic " : "broker ") + resource.resource_name + " ";
            for (const auto& config : resource.configs)
              changed_configs.push_back(config.config_operation == 1
                                            ? of + "-" + config.name
                                            : of + config.name + "=" + *config.value);
            response.responses.push_back({.error_code = refusal,
                                          .resource_type = resource.resource_type,
                                          .resource_name = resource.resource_name});
          }
          return response;
        });
  }

  Partition* find(const std::string& topic, PartitionIndex index) {
    const auto at = topics.find(topic);
    const auto place = static_cast<std::size_t>(index);
    return at == topics.end() || place >= at->second.size() ? nullptr : &at->second[place];
  }

  wire::ErrorCode move(Partition& partition, const std::optional<std::vector<NodeId>>& replicas) {
    if (refusal != wire::ErrorCode::none) return refusal;
    if (!replicas) {
      if (!partition.moves()) return wire::ErrorCode::no_reassignment_in_progress;
      std::erase_if(partition.replicas, [&](NodeId node) {
        return std::ranges::find(partition.adding, node) != partition.adding.end();
      });
      partition.adding.clear();
      partition.removing.clear();
      return wire::ErrorCode::none;
    }
    if (moves_end) {
      partition.replicas = *replicas;
      partition.isr = *replicas;
      return wire::ErrorCode::none;
    }
    for (const NodeId node : *replicas) {
      if (std::ranges::find(partition.replicas, node) == partition.replicas.end())
        partition.adding.push_back(node);
    }
    for (const NodeId node : partition.replicas) {
      if (std::ranges::find(*replicas, node) == replicas->end()) partition.removing.push_back(node);
    }
    partition.replicas = *replicas;
    partition.replicas.insert(partition.replicas.end(), partition.removing.begin(), partition.removing.end());
    return wire::ErrorCode::none;
  }

  static wire::ErrorCode elect(Partition& partition, bool unclean) {
    if (unclean) {
      if (partition.leader >= 0) return wire::ErrorCode::election_not_needed;
      partition.leader = partition.replicas.front();
      return wire::ErrorCode::none;
    }
    if (partition.leader == partition.replicas.front()) return wire::ErrorCode::election_not_needed;
    if (std::ranges::find(partition.isr, partition.replicas.front()) == partition.isr.end())
      return wire::ErrorCode::preferred_leader_not_available;
    partition.leader = partition.replicas.front();
    return wire::ErrorCode::none;
  }

  void serve_moves() {
    broker.serves<wire::AlterPartitionReassignmentsRequest, wire::AlterPartitionReassignmentsResponse>(
        [this](const auto& request) {
          wire::AlterPartitionReassignmentsResponse response;
          for (const auto& topic : request.topics) {
            auto& out = response.responses.emplace_back();
            out.name = topic.name;
            for (const auto& wanted : topic.partitions) {
              Partition* partition = find(topic.name, wanted.partition_index);
              out.partitions.push_back({.partition_index = wanted.partition_index,
                                        .error_code = partition
                                                          ? move(*partition, wanted.replicas)
                                                          : wire::ErrorCode::unknown_topic_or_partition});
            }
          }
          return response;
        });
    broker.serves<wire::ListPartitionReassignmentsRequest, wire::ListPartitionReassignmentsResponse>(
        [this](const auto&) {
          wire::ListPartitionReassignmentsResponse response;
          for (const auto& [name, partitions] : topics) {
            auto& out = response.topics.emplace_back();
            out.name = name;
            for (std::size_t i = 0; i < partitions.size(); ++i) {
              if (partitions[i].moves())
                out.partitions.push_back({static_cast<PartitionIndex>(i), partitions[i].replicas,
                                          partitions[i].adding, partitions[i].removing});
            }
          }
          return response;
        });
    broker.serves<wire::ElectLeadersRequest, wire::ElectLeadersResponse>([this](const auto& request) {
      wire::ElectLeadersResponse response;
      response.error_code = refusal;
      const auto add = [&](const std::string& name, const std::vector<PartitionIndex>& indexes, bool all) {
        auto& out = response.replica_election_results.emplace_back();
        out.topic = name;
        for (const PartitionIndex index : indexes) {
          Partition* partition = find(name, index);
          const auto error = partition ? elect(*partition, request.election_type == 1)
                                       : wire::ErrorCode::unknown_topic_or_partition;
          if (!all || error != wire::ErrorCode::election_not_needed)
            out.partition_result.push_back({.partition_id = index, .error_code = error});
        }
      };
      if (request.topic_partitions) {
        for (const auto& one : *request.topic_partitions) add(one.topic, one.partitions, false);
      } else {
        for (const auto& [name, partitions] : topics) {
          std::vector<PartitionIndex> indexes;
          for (std::size_t i = 0; i < partitions.size(); ++i)
            indexes.push_back(static_cast<PartitionIndex>(i));
          add(name, indexes, true);
        }
      }
      return response;
    });
  }

  void serve_quorum() {
    broker.serves<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>([this](const auto& request) {
      wire::DescribeQuorumResponse response;
      auto& topic = response.topics.emplace_back();
      topic.topic_name = request.topics.front().topic_name;
      auto& quorum = topic.partitions.emplace_back();
      quorum.leader_id = quorum_leader;
      quorum.leader_epoch = 4;
      quorum.high_watermark = 100;
      const auto state = [](NodeId id, const Voter& voter) {
        return wire::DescribeQuorumResponse::ReplicaState{.replica_id = id,
                                                          .replica_directory_id = voter.directory,
                                                          .log_end_offset = voter.end,
                                                          .last_fetch_timestamp = voter.caught_up,
                                                          .last_caught_up_timestamp = voter.caught_up};
      };
      for (const auto& [id, voter] : voters) {
        quorum.current_voters.push_back(state(id, voter));
        auto& node = response.nodes.emplace_back();
        node.node_id = id;
        node.listeners.push_back({"CONTROLLER", "c" + std::to_string(id), 9093});
      }
      for (const auto& [id, observer] : observers) quorum.observers.push_back(state(id, observer));
      return response;
    });
    broker.serves<wire::AddRaftVoterRequest, wire::AddRaftVoterResponse>([this](const auto& request) {
      wire::AddRaftVoterResponse response;
      response.error_code = refusal;
      added_voters.push_back(request);
      return response;
    });
    broker.serves<wire::RemoveRaftVoterRequest, wire::RemoveRaftVoterResponse>([this](const auto& request) {
      wire::RemoveRaftVoterResponse response;
      const auto at = voters.find(request.voter_id);
      if (at == voters.end() || at->second.directory != request.voter_directory_id)
        response.error_code = wire::ErrorCode::voter_not_found;
      else
        voters.erase(at);
      return response;
    });
    broker.serves<wire::UnregisterBrokerRequest, wire::UnregisterBrokerResponse>([this](const auto& request) {
      wire::UnregisterBrokerResponse response;
      if (!brokers.contains(request.broker_id))
        response.error_code = wire::ErrorCode::broker_id_not_registered;
      else
        unregistered.push_back(request.broker_id);
      return response;
    });
    broker.serves<wire::UpdateFeaturesRequest, wire::UpdateFeaturesResponse>([this](const auto&) {
      wire::UpdateFeaturesResponse response;
      response.error_code = refusal;
      return response;
    });
  }
};

}  // namespace moldau::cli
