// Metadata of a small cluster, and one record of each kind that fits it.
#pragma once

#include <vector>

#include "metadata/image.h"
#include "metadata/record.h"

namespace moldau::fuzz {

inline constexpr TopicId kSampleTopic{11, 12};

inline metadata::PartitionRecord sample_partition(PartitionIndex index) {
  metadata::PartitionRecord partition;
  partition.topic_id = kSampleTopic;
  partition.partition = index;
  partition.replicas = partition.isr = {1};
  partition.directories = {DirectoryId{5, 5}};
  partition.leader = 1;
  return partition;
}

inline metadata::RegisterBrokerRecord sample_broker() {
  metadata::RegisterBrokerRecord broker;
  broker.broker_id = 1;
  broker.broker_epoch = 3;
  broker.incarnation_id = {7, 7};
  broker.endpoints = {{.listener = "PLAINTEXT", .host = "localhost", .port = 9092, .security_protocol = 0}};
  broker.features = {{.name = "metadata.version", .min_level = 1, .max_level = 29}};
  broker.rack = "r";
  broker.directories = {DirectoryId{5, 5}};
  return broker;
}

// In an order in which they can be applied.
inline std::vector<metadata::Record> sample_records() {
  using namespace metadata;
  PartitionChangeRecord change;
  change.topic_id = kSampleTopic;
  change.isr = std::vector<NodeId>{1};
  change.leader = 1;
  BrokerRegistrationChangeRecord unfenced;
  unfenced.broker_id = 1;
  unfenced.broker_epoch = 3;
  unfenced.fenced = false;
  return {ClusterIdRecord{"cluster"},
          FeatureLevelRecord{"metadata.version", 29},
          sample_broker(),
          unfenced,
          TopicRecord{"a.b", kSampleTopic},
          sample_partition(0),
          sample_partition(1),
          change,
          ConfigRecord{{ResourceType::topic, "a.b"}, "retention.ms", "1000"},
          ConfigRecord{{ResourceType::broker, "1"}, "log.retention.ms", "1000"},
          ProducerIdsRecord{1, 3, 1000},
          RegisterControllerRecord{1, {3, 4}, {{"CONTROLLER", "h", 9093, 0}}, {{"kraft.version", 0, 1}}},
          NoOpRecord{}};
}

inline metadata::Image sample_image() {
  auto applied = metadata::apply_records(metadata::Image(), sample_records());
  MOLDAU_ASSERT(applied.has_value());
  return applied->image;
}

}  // namespace moldau::fuzz
