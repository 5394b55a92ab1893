// AdminCore: the administrative requests, typed, with one result per item. Stateless beside its
// ClusterClient; lives on the same shard. The outer Outcome is about reaching a broker at all, the inner ones
// about each item.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cluster.h"
#include "client/groups.h"

namespace moldau::client {

template <class Key, class T>
using PerItem = std::vector<std::pair<Key, Outcome<T>>>;

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;                 // -1: the broker's num.partitions
  std::int16_t replication_factor = -1;         // -1: the broker's default.replication.factor
  std::vector<std::vector<NodeId>> assignment;  // by partition; then the two above stay -1
  std::vector<std::pair<std::string, std::optional<std::string>>> configs;
};
struct CreatedTopic {
  TopicId id;
  std::int32_t partitions = -1;  // -1: the broker is too old to say
  std::int16_t replication_factor = -1;
};
struct NewPartitions {
  std::string topic;
  std::int32_t total_count = 0;
  std::optional<std::vector<std::vector<NodeId>>> assignment;  // of the new ones
};

enum class ConfigResourceType : std::int8_t {
  topic = 2,
  broker = 4,
  broker_logger = 8,
  client_metrics = 16,
  group = 32,
};
struct ConfigResource {
  ConfigResourceType type = ConfigResourceType::topic;
  std::string name;  // topic, node id (empty: cluster-wide default), …
  friend auto operator<=>(const ConfigResource&, const ConfigResource&) = default;
};
enum class ConfigSource : std::int8_t {
  unknown = -1,
  topic = 1,
  dynamic_broker = 2,
  dynamic_default_broker = 3,
  static_broker = 4,
  built_in = 5,
  dynamic_broker_logger = 6,
  client_metrics = 7,
  group = 8,
};
// Kafka's name: "DYNAMIC_TOPIC_CONFIG".
std::string_view name_of(ConfigSource source);
struct ConfigSynonym {
  std::string name;
  std::optional<std::string> value;
  ConfigSource source = ConfigSource::unknown;
};
struct ConfigEntry {
  std::string name;
  std::optional<std::string> value;  // null: sensitive, or without a value
  ConfigSource source = ConfigSource::unknown;
  bool read_only = false;
  bool sensitive = false;
  std::int8_t type = 0;
  std::vector<ConfigSynonym> synonyms;
  std::optional<std::string> documentation;
};
struct ConfigQuery {
  std::vector<ConfigResource> resources;
  std::optional<std::vector<std::string>> keys;  // all, when not given
  bool synonyms = false;
  bool documentation = false;
};
enum class ConfigOperation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };
struct ConfigChange {
  std::string name;
  ConfigOperation operation = ConfigOperation::set;
  std::optional<std::string> value;
};

// What to look up: a timestamp, or a sentinel of ListOffsets.
enum class OffsetSpec : std::int64_t {
  latest = -1,
  earliest = -2,
  max_timestamp = -3,
  earliest_local = -4,
  latest_tiered = -5,
  earliest_pending_upload = -6,
};
struct OffsetQuery {
  TopicPartition partition;
  std::int64_t timestamp = static_cast<std::int64_t>(OffsetSpec::latest);
};
struct ListedOffset {
  Offset offset = kNoOffset;  // kNoOffset: no record is that young
  TimestampMs timestamp = kNoTimestamp;
  LeaderEpoch leader_epoch = kNoEpoch;
};

struct ReplicaSize {
  TopicPartition partition;
  std::int64_t size_bytes = 0;
  std::int64_t offset_lag = 0;
  bool is_future = false;
};
struct LogDir {
  std::string path;
  wire::ErrorCode error = wire::ErrorCode::none;
  std::vector<ReplicaSize> replicas;
  std::int64_t total_bytes = -1;
  std::int64_t usable_bytes = -1;
};

struct QuorumReplica {
  NodeId id = kNoNode;
  Uuid directory_id;
  Offset log_end_offset = kNoOffset;
  TimestampMs last_fetch = kNoTimestamp;
  TimestampMs last_caught_up = kNoTimestamp;
};
struct QuorumNode {
  NodeId id = kNoNode;
  struct Listener {
    std::string name;
    Endpoint endpoint;
  };
  std::vector<Listener> listeners;
};
struct QuorumInfo {
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoEpoch;
  Offset high_watermark = kNoOffset;
  std::vector<QuorumReplica> voters;
  std::vector<QuorumReplica> observers;
  std::vector<QuorumNode> nodes;
};

struct FeatureInfo {
  std::string name;
  std::int16_t supported_min = 0;
  std::int16_t supported_max = 0;
  std::int16_t finalized = 0;  // 0: not finalized
};
struct FeaturesInfo {
  std::vector<FeatureInfo> features;  // ascending by name
  std::int64_t finalized_epoch = -1;
};
enum class FeatureUpgrade : std::int8_t { upgrade = 1, safe_downgrade = 2, unsafe_downgrade = 3 };
struct FeatureUpdate {
  std::string name;
  std::int16_t level = 0;
  FeatureUpgrade kind = FeatureUpgrade::upgrade;
};

// A voter of the metadata quorum: its node's id, and the directory that holds its log (KIP-853).
struct RaftVoter {
  NodeId id = kNoNode;
  DirectoryId directory_id;
};

enum class ElectionType : std::int8_t { preferred = 0, unclean = 1 };

// A partition on its way to other replicas (KIP-455).
struct Reassignment {
  std::vector<NodeId> replicas;  // all of now, the adding ones among them
  std::vector<NodeId> adding;
  std::vector<NodeId> removing;
};
struct NewReassignment {
  TopicPartition partition;
  std::optional<std::vector<NodeId>>
      replicas;  // the preferred leader first; nothing: cancel what is under way
};

struct ActiveProducer {
  ProducerId id = kNoProducerId;
  std::int32_t epoch = -1;
  Sequence last_sequence = kNoSequence;
  TimestampMs last_timestamp = kNoTimestamp;
  std::int32_t coordinator_epoch = -1;
  Offset transaction_start = kNoOffset;
};

class AdminCore {
 public:
  explicit AdminCore(ClusterClient& cluster) : cluster_(cluster) {}

  Task<Outcome<PerItem<std::string, CreatedTopic>>> create_topics(std::vector<NewTopic> topics,
                                                                  bool validate_only = false);
  Task<Outcome<PerItem<std::string, void>>> delete_topics(std::vector<std::string> names);
  Task<Outcome<PerItem<TopicId, void>>> delete_topics(std::vector<TopicId> ids);
  Task<Outcome<PerItem<std::string, void>>> create_partitions(std::vector<NewPartitions> topics,
                                                              bool validate_only = false);
  // All topics, ascending by name. Internal ones are told by TopicInfo::internal.
  Task<Outcome<std::vector<TopicInfo>>> list_topics();
  // With ELR where the broker has DescribeTopicPartitions (page by page), else by Metadata.
  Task<Outcome<PerItem<std::string, TopicInfo>>> describe_topics(std::vector<std::string> names);

  Task<Outcome<PerItem<ConfigResource, std::vector<ConfigEntry>>>> describe_configs(ConfigQuery query);
  // Replaces all configs of the resource (AlterConfigs).
  Task<Outcome<PerItem<ConfigResource, void>>> alter_configs(
      std::vector<std::pair<ConfigResource, std::vector<ConfigChange>>> changes, bool validate_only = false);
  Task<Outcome<PerItem<ConfigResource, void>>> incremental_alter_configs(
      std::vector<std::pair<ConfigResource, std::vector<ConfigChange>>> changes, bool validate_only = false);
  // All resources with dynamic configs of these types (empty: of all types).
  Task<Outcome<std::vector<ConfigResource>>> list_config_resources(
      std::vector<ConfigResourceType> types = {});

  // Asks the leaders, again while leadership moves, within api_timeout.
  Task<Outcome<PerItem<TopicPartition, ListedOffset>>> list_offsets(std::vector<OffsetQuery> queries,
                                                                    bool read_committed = false);
  // Offset -1: up to the high watermark. Gives the new log start offset.
  Task<Outcome<PerItem<TopicPartition, Offset>>> delete_records(
      std::vector<std::pair<TopicPartition, Offset>> before);
  Task<Outcome<PerItem<TopicPartition, std::vector<ActiveProducer>>>> describe_producers(
      std::vector<TopicPartition> partitions);

  // Of all brokers, ascending by id.
  Task<Outcome<std::vector<GroupListing>>> list_groups();
  // In the order of the names; of either protocol.
  Task<Outcome<PerItem<std::string, GroupDescription>>> describe_groups(std::vector<std::string> groups);
  // What the group has committed, for these partitions or for all; partitions without an offset are left out.
  Task<Outcome<std::map<TopicPartition, Outcome<GroupOffset>>>> list_group_offsets(
      std::string group, std::optional<std::vector<TopicPartition>> partitions = {});
  // Commits for a group that has no members. UNKNOWN_MEMBER_ID: it has.
  Task<Outcome<PerItem<TopicPartition, void>>> alter_group_offsets(
      std::string group, std::vector<std::pair<TopicPartition, GroupOffset>> offsets);
  Task<Outcome<PerItem<TopicPartition, void>>> delete_group_offsets(std::string group,
                                                                    std::vector<TopicPartition> partitions);
  Task<Outcome<PerItem<std::string, void>>> delete_groups(std::vector<std::string> groups);
  // By instance id, where there is one, else by member id.
  Task<Outcome<PerItem<std::string, void>>> remove_group_members(std::string group,
                                                                 std::vector<LeavingMember> members);

  // Without partitions: of all that need one; those that need none are then left out of the results, else
  // they have the error ELECTION_NOT_NEEDED.
  Task<Outcome<PerItem<TopicPartition, void>>> elect_leaders(
      ElectionType type, std::optional<std::vector<TopicPartition>> partitions);
  // Starts them; they are done when list_partition_reassignments() does not have them any more.
  Task<Outcome<PerItem<TopicPartition, void>>> alter_partition_reassignments(
      std::vector<NewReassignment> reassignments, bool allow_replication_factor_change = true);
  // Those under way: of these partitions, or all.
  Task<Outcome<std::map<TopicPartition, Reassignment>>> list_partition_reassignments(
      std::optional<std::vector<TopicPartition>> partitions = {});

  // Of a client with bootstrap controllers: the controllers, as describe_controllers().
  Task<Outcome<ClusterInfo>> describe_cluster(bool fenced_brokers = false);
  // The controllers' own addresses (KIP-919), where `controller` is the active one.
  Task<Outcome<ClusterInfo>> describe_controllers();
  // Of the brokers named, or of all; of the topics named, or of all.
  Task<Outcome<PerItem<NodeId, std::vector<LogDir>>>> describe_log_dirs(
      std::vector<NodeId> brokers = {}, std::optional<std::vector<std::string>> topics = {});
  Task<Outcome<QuorumInfo>> describe_quorum();
  // Ends when the change is committed. Errc::already_exists, Errc::not_found and the like by the broker's
  // code.
  Task<Outcome<void>> add_raft_voter(RaftVoter voter, std::vector<QuorumNode::Listener> listeners);
  Task<Outcome<void>> remove_raft_voter(RaftVoter voter);
  // Of a broker that is not there any more: it may not come back under this id without registering again.
  Task<Outcome<void>> unregister_broker(NodeId broker);
  // As this node says; as any, when none is named.
  Task<Outcome<FeaturesInfo>> describe_features(std::optional<NodeId> node = {});
  Task<Outcome<PerItem<std::string, void>>> update_features(std::vector<FeatureUpdate> updates,
                                                            bool validate_only = false);
  // What each broker said when the connection was negotiated.
  Task<Outcome<PerItem<BrokerInfo, wire::ApiVersionsResponse>>> api_versions();

  ClusterClient& cluster() { return cluster_; }

 private:
  Task<Outcome<std::vector<TopicInfo>>> describe_page_by_page(std::vector<std::string> names);

  ClusterClient& cluster_;
};

}  // namespace moldau::client
