// Metadata records: the only way in which the cluster's state changes. A committed record is applied by every
// node in the order of the log (metadata/image.h). Names and meaning follow Kafka's metadata records
// (kafka-protocol.md B.1); the bytes are ours: protobuf, proto/moldau/metadata/v1/record.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::metadata {

using BrokerEpoch = std::int64_t;  // offset of the registration's record; -1 none
inline constexpr BrokerEpoch kNoBrokerEpoch = -1;

// Directory ids with a meaning of their own (KIP-858).
inline constexpr DirectoryId kMigratingDirectory{0, 0};
inline constexpr DirectoryId kUnassignedDirectory{0, 1};
inline constexpr DirectoryId kLostDirectory{0, 2};

struct BrokerEndpoint {
  std::string listener;  // "PLAINTEXT", or a name of the user's
  std::string host;
  std::uint16_t port = 0;
  std::int16_t security_protocol = 0;  // 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL
  friend bool operator==(const BrokerEndpoint&, const BrokerEndpoint&) = default;
};

struct SupportedFeature {
  std::string name;
  std::int16_t min_level = 0;
  std::int16_t max_level = 0;
  friend bool operator==(const SupportedFeature&, const SupportedFeature&) = default;
};

enum class LeaderRecoveryState : std::int8_t { recovered = 0, recovering = 1 };

// Kafka's config resource types.
enum class ResourceType : std::int8_t {
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32
};

// A thing that has configs. A broker's name is its id in decimal; empty is the default of all brokers.
struct ConfigResource {
  ResourceType type = ResourceType::topic;
  std::string name;
  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};

// The cluster's id; the first record of a new cluster's log.
struct ClusterIdRecord {
  std::string cluster_id;
  friend bool operator==(const ClusterIdRecord&, const ClusterIdRecord&) = default;
};

// Sets a finalized feature; level 0 removes it.
struct FeatureLevelRecord {
  std::string name;
  std::int16_t level = 0;
  friend bool operator==(const FeatureLevelRecord&, const FeatureLevelRecord&) = default;
};

// Also what the image holds for a broker.
struct RegisterBrokerRecord {
  NodeId broker_id = kNoNode;
  BrokerEpoch broker_epoch = kNoBrokerEpoch;
  Uuid incarnation_id;
  std::vector<BrokerEndpoint> endpoints;
  std::vector<SupportedFeature> features;
  std::optional<std::string> rack;
  bool fenced = true;
  bool in_controlled_shutdown = false;
  std::vector<DirectoryId> directories;
  friend bool operator==(const RegisterBrokerRecord&, const RegisterBrokerRecord&) = default;
};

struct UnregisterBrokerRecord {
  NodeId broker_id = kNoNode;
  BrokerEpoch broker_epoch = kNoBrokerEpoch;
  friend bool operator==(const UnregisterBrokerRecord&, const UnregisterBrokerRecord&) = default;
};

// Absent fields stay as they are.
struct BrokerRegistrationChangeRecord {
  NodeId broker_id = kNoNode;
  BrokerEpoch broker_epoch = kNoBrokerEpoch;
  std::optional<bool> fenced;
  std::optional<bool> in_controlled_shutdown;
  std::optional<std::vector<DirectoryId>> directories;
  friend bool operator==(const BrokerRegistrationChangeRecord&,
                         const BrokerRegistrationChangeRecord&) = default;
};

// Also what the image holds for a controller: where the active one can be found, and what it supports
// (KIP-919). A later registration of the same id takes the place of the one before.
struct RegisterControllerRecord {
  NodeId controller_id = kNoNode;
  Uuid incarnation_id;
  std::vector<BrokerEndpoint> endpoints;
  std::vector<SupportedFeature> features;
  friend bool operator==(const RegisterControllerRecord&, const RegisterControllerRecord&) = default;
};

struct TopicRecord {
  std::string name;
  TopicId topic_id;
  friend bool operator==(const TopicRecord&, const TopicRecord&) = default;
};

// Also what the image holds for a partition. `directories` has the order of `replicas`.
struct PartitionRecord {
  TopicId topic_id;
  PartitionIndex partition = 0;
  std::vector<NodeId> replicas;
  std::vector<NodeId> isr;
  std::vector<NodeId> removing_replicas;
  std::vector<NodeId> adding_replicas;
  std::vector<NodeId> eligible_leader_replicas;  // KIP-966
  std::vector<NodeId> last_known_elr;
  std::vector<DirectoryId> directories;
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = 0;
  std::int32_t partition_epoch = 0;  // rises with every change
  LeaderRecoveryState recovery_state = LeaderRecoveryState::recovered;
  friend bool operator==(const PartitionRecord&, const PartitionRecord&) = default;
};

// Absent fields stay as they are. The partition epoch rises by one with each; the leader epoch rises by one
// when `leader` is given, also when it names the leader of before: who takes a replica away says so.
struct PartitionChangeRecord {
  TopicId topic_id;
  PartitionIndex partition = 0;
  std::optional<std::vector<NodeId>> replicas;
  std::optional<std::vector<NodeId>> isr;
  std::optional<std::vector<NodeId>> removing_replicas;
  std::optional<std::vector<NodeId>> adding_replicas;
  std::optional<std::vector<NodeId>> eligible_leader_replicas;
  std::optional<std::vector<NodeId>> last_known_elr;
  std::optional<std::vector<DirectoryId>> directories;
  std::optional<NodeId> leader;
  std::optional<LeaderRecoveryState> recovery_state;
  friend bool operator==(const PartitionChangeRecord&, const PartitionChangeRecord&) = default;
};

// Removes the topic, its partitions and its configs.
struct RemoveTopicRecord {
  TopicId topic_id;
  friend bool operator==(const RemoveTopicRecord&, const RemoveTopicRecord&) = default;
};

// Sets a config, or removes it when there is no value.
struct ConfigRecord {
  ConfigResource resource;
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const ConfigRecord&, const ConfigRecord&) = default;
};

// Ids below `next_producer_id` have been given away in blocks, the last one to this broker.
struct ProducerIdsRecord {
  NodeId broker_id = kNoNode;
  BrokerEpoch broker_epoch = kNoBrokerEpoch;
  ProducerId next_producer_id = 0;
  friend bool operator==(const ProducerIdsRecord&, const ProducerIdsRecord&) = default;
};

// Moves the log; changes nothing.
struct NoOpRecord {
  friend bool operator==(const NoOpRecord&, const NoOpRecord&) = default;
};

using Record = std::variant<NoOpRecord, ClusterIdRecord, FeatureLevelRecord, RegisterBrokerRecord,
                            UnregisterBrokerRecord, BrokerRegistrationChangeRecord, TopicRecord,
                            PartitionRecord, PartitionChangeRecord, RemoveTopicRecord, ConfigRecord,
                            ProducerIdsRecord, RegisterControllerRecord>;

// The value bytes of one record of the metadata log.
Slice serialize(const Record& record);
// Errc::corrupt for bytes that are no record, or have a number that its field cannot hold; Errc::unsupported
// for a kind that this version does not know (a node that meets one stops: it must not go on with another
// state than its peers).
Result<Record> parse(ByteView bytes);
// Kafka's name of the record's kind: "TopicRecord".
std::string_view name_of(const Record& record);

}  // namespace moldau::metadata
