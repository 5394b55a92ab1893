// Requests that change the cluster, judged by a small cluster's metadata: whatever is asked, the answer can
// be sent, the records apply to the image that they were made for, and validate_only changes nothing.
#include "controller/controller.h"
#include "fuzz/input.h"
#include "fuzz/metadata_samples.h"
#include "fuzz/target.h"
#include "wire/writer.h"

namespace moldau::fuzz {
namespace {

using controller::Controller;

constexpr std::size_t kMaxSize = 384;

template <class Request, class Judge>
void judge(Input& in, Judge rule) {
  static const metadata::Image image = sample_image();
  static const Controller controller(controller::ControllerSettings{});
  const auto version = static_cast<wire::ApiVersion>(in.between(Request::kMinVersion, Request::kMaxVersion));
  const auto request = Request::decode(Slice::borrow(in.rest()), version);
  if (!request) return;
  const auto outcome = rule(controller, image, *request);
  wire::Writer out;
  outcome.response.encode(out, version);
  using Response = std::remove_cvref_t<decltype(outcome.response)>;
  MOLDAU_ASSERT(Response::decode(std::move(out).finish_contiguous(), version).has_value(),
                "an answer that cannot be read");
  for (const metadata::Record& record : outcome.records)
    MOLDAU_ASSERT(metadata::parse(metadata::serialize(record)) == record,
                  "a record changes by being written");
  const auto applied = metadata::apply_records(image, outcome.records);
  MOLDAU_ASSERT(applied.has_value(), "records that do not fit the image that they were made for");
  if constexpr (requires { request->validate_only; })
    MOLDAU_ASSERT(!request->validate_only || outcome.records.empty(), "validate_only changes something");
}

Random& fresh_random() {
  static Random random(1);
  return random = Random(1);
}

void create_topics(Input& in) {
  judge<wire::CreateTopicsRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.create_topics(image, request, fresh_random());
  });
}
void delete_topics(Input& in) {
  judge<wire::DeleteTopicsRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.delete_topics(image, request);
  });
}
void create_partitions(Input& in) {
  judge<wire::CreatePartitionsRequest>(in,
                                       [](const Controller& rules, const auto& image, const auto& request) {
                                         return rules.create_partitions(image, request, fresh_random());
                                       });
}
void alter_configs(Input& in) {
  judge<wire::AlterConfigsRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.alter_configs(image, request);
  });
}
void incremental_alter_configs(Input& in) {
  judge<wire::IncrementalAlterConfigsRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.incremental_alter_configs(image, request);
      });
}
void update_features(Input& in) {
  judge<wire::UpdateFeaturesRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.update_features(image, request, 0);
  });
}
void register_broker(Input& in) {
  judge<wire::BrokerRegistrationRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.register_broker(image, request, 77, request.broker_id % 2 == 0);
      });
}
void heartbeat(Input& in) {
  judge<wire::BrokerHeartbeatRequest>(in,
                                      [](const Controller& rules, const auto& image, const auto& request) {
                                        return rules.heartbeat(image, request, controller::BrokerSessions());
                                      });
}
void allocate_producer_ids(Input& in) {
  judge<wire::AllocateProducerIdsRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.allocate_producer_ids(image, request);
      });
}

void unregister_broker(Input& in) {
  judge<wire::UnregisterBrokerRequest>(in,
                                       [](const Controller& rules, const auto& image, const auto& request) {
                                         return rules.unregister_broker(image, request);
                                       });
}
void register_controller(Input& in) {
  judge<wire::ControllerRegistrationRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.register_controller(image, request);
      });
}
void alter_partition(Input& in) {
  judge<wire::AlterPartitionRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.alter_partition(image, request);
  });
}
void alter_partition_reassignments(Input& in) {
  judge<wire::AlterPartitionReassignmentsRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.alter_partition_reassignments(image, request);
      });
}
void list_partition_reassignments(Input& in) {
  judge<wire::ListPartitionReassignmentsRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.list_partition_reassignments(image, request);
      });
}
void elect_leaders(Input& in) {
  judge<wire::ElectLeadersRequest>(in, [](const Controller& rules, const auto& image, const auto& request) {
    return rules.elect_leaders(image, request);
  });
}
void assign_replicas_to_dirs(Input& in) {
  judge<wire::AssignReplicasToDirsRequest>(
      in, [](const Controller& rules, const auto& image, const auto& request) {
        return rules.assign_replicas_to_dirs(image, request);
      });
}

constexpr void (*kKinds[])(Input&) = {
    create_topics,
    delete_topics,
    create_partitions,
    alter_configs,
    incremental_alter_configs,
    update_features,
    register_broker,
    heartbeat,
    allocate_producer_ids,
    unregister_broker,
    register_controller,
    alter_partition,
    alter_partition_reassignments,
    list_partition_reassignments,
    elect_leaders,
    assign_replicas_to_dirs,
};

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t kind = in.below(std::size(kKinds));
  kKinds[kind](in);
}

template <class Request>
void add(Seeds& seeds, std::uint8_t kind, const Request& request) {
  for (wire::ApiVersion version = Request::kMinVersion; version <= Request::kMaxVersion; ++version) {
    wire::Writer out;
    request.encode(out, version);
    Buffer seed;
    seed.append_be<std::uint8_t>(kind);
    seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(version - Request::kMinVersion));
    seed.append(std::move(out).finish_contiguous());
    if (seed.size() <= kMaxSize) seeds.add(seed.view());
  }
}

void add_topics(Seeds& seeds) {
  wire::CreateTopicsRequest create;
  create.topics.resize(2);
  create.topics[0].name = "new";
  create.topics[0].num_partitions = 2;
  create.topics[0].replication_factor = 1;
  create.topics[0].configs = {{.name = "retention.ms", .value = "1000"}};
  create.topics[1].name = "a.b";
  create.topics[1].num_partitions = -1;
  create.topics[1].replication_factor = -1;
  create.topics[1].assignments = {{.partition_index = 0, .broker_ids = {1}}};
  add(seeds, 0, create);
  wire::DeleteTopicsRequest remove;
  remove.topic_names = {"a.b"};
  remove.topics = {{.name = "a.b", .topic_id = {}}, {.name = std::nullopt, .topic_id = kSampleTopic}};
  add(seeds, 1, remove);
  wire::CreatePartitionsRequest grow;
  grow.topics.resize(1);
  grow.topics[0].name = "a.b";
  grow.topics[0].count = 4;
  add(seeds, 2, grow);
}

void add_configs(Seeds& seeds) {
  wire::AlterConfigsRequest alter;
  alter.resources = {{.resource_type = 2,
                      .resource_name = "a.b",
                      .configs = {{.name = "cleanup.policy", .value = "compact"}}}};
  add(seeds, 3, alter);
  wire::IncrementalAlterConfigsRequest change;
  change.resources.resize(2);
  change.resources[0].resource_type = 2;
  change.resources[0].resource_name = "a.b";
  for (std::int8_t operation = 0; operation < 4; ++operation)
    change.resources[0].configs.push_back(
        {.name = "cleanup.policy", .config_operation = operation, .value = "compact"});
  change.resources[1].resource_type = 4;
  change.resources[1].resource_name = "1";
  change.resources[1].configs.push_back({.name = "log.retention.ms", .config_operation = 0, .value = "7"});
  add(seeds, 4, change);
  wire::UpdateFeaturesRequest features;
  features.feature_updates.resize(1);
  features.feature_updates[0].feature = "metadata.version";
  features.feature_updates[0].max_version_level = 20;
  add(seeds, 5, features);
}

void add_brokers(Seeds& seeds) {
  wire::BrokerRegistrationRequest registration;
  registration.broker_id = 1;
  registration.cluster_id = "cluster";
  registration.incarnation_id = {7, 8};
  registration.listeners.resize(1);
  registration.listeners[0].name = "PLAINTEXT";
  registration.listeners[0].host = "localhost";
  registration.listeners[0].port = 9092;
  registration.features.resize(1);
  registration.features[0].name = "metadata.version";
  registration.features[0].max_supported_version = 29;
  registration.log_dirs = {Uuid{5, 5}};
  add(seeds, 6, registration);
  wire::BrokerHeartbeatRequest heartbeat;
  heartbeat.broker_id = 1;
  heartbeat.broker_epoch = 3;
  heartbeat.current_metadata_offset = 40;
  add(seeds, 7, heartbeat);
  wire::AllocateProducerIdsRequest ids;
  ids.broker_id = 1;
  ids.broker_epoch = 3;
  add(seeds, 8, ids);
}

void add_partitions(Seeds& seeds) {
  wire::UnregisterBrokerRequest unregister;
  unregister.broker_id = 1;
  add(seeds, 9, unregister);
  wire::ControllerRegistrationRequest controller;
  controller.controller_id = 2;
  controller.listeners = {{.name = "CONTROLLER", .host = "h", .port = 9093}};
  add(seeds, 10, controller);
  wire::AlterPartitionRequest alter;
  alter.broker_id = 1;
  alter.broker_epoch = 3;
  alter.topics.resize(1);
  alter.topics[0].topic_id = kSampleTopic;
  alter.topics[0].partitions.resize(1);
  alter.topics[0].partitions[0].leader_epoch = 1;
  alter.topics[0].partitions[0].partition_epoch = 1;
  alter.topics[0].partitions[0].new_isr = {1};
  alter.topics[0].partitions[0].new_isr_with_epochs = {{.broker_id = 1, .broker_epoch = 3}};
  add(seeds, 11, alter);
  wire::AlterPartitionReassignmentsRequest reassign;
  reassign.topics.resize(1);
  reassign.topics[0].name = "a.b";
  reassign.topics[0].partitions = {{.partition_index = 0, .replicas = std::vector<NodeId>{1}},
                                   {.partition_index = 1}};
  add(seeds, 12, reassign);
  wire::ListPartitionReassignmentsRequest list;
  list.topics.emplace().push_back({.name = "a.b", .partition_indexes = {0, 1}});
  add(seeds, 13, list);
  wire::ElectLeadersRequest elect;
  elect.topic_partitions.emplace().push_back({.topic = "a.b", .partitions = {0, 1}});
  add(seeds, 14, elect);
  wire::AssignReplicasToDirsRequest assign;
  assign.broker_id = 1;
  assign.broker_epoch = 3;
  assign.directories.resize(1);
  assign.directories[0].id = {5, 5};
  assign.directories[0].topics.push_back(
      {.topic_id = kSampleTopic, .partitions = {{.partition_index = 0}, {.partition_index = 1}}});
  add(seeds, 15, assign);
}

void seeds(Seeds& seeds) {
  add_topics(seeds);
  add_configs(seeds);
  add_brokers(seeds);
  add_partitions(seeds);
}

MOLDAU_FUZZ_TARGET(controller_requests, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
