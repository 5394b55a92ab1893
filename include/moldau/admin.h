// Admin: describes and changes the cluster: topics, configs, partitions, groups, offsets, transactions, log
// folders, the quorum, features. From any thread.
//
// Every call is a Future: .get() waits, co_await suspends, .then() is called back. The outer error is about
// reaching a broker at all; where there are several items each has a result of its own, in the order of the
// items where that is not said. Calls are repeated while coordinators and controllers move, for
// default.api.timeout.ms.
//
// It is a view of its Client and holds nothing else: there is nothing to close.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "moldau/consumer.h"
#include "moldau/future.h"
#include "moldau/operations.h"
#include "moldau/record.h"

namespace moldau::sdk {

struct NewTopic {
  std::string name;
  std::int32_t partitions = -1;          // -1: the broker's default
  std::int16_t replication_factor = -1;  // -1: the broker's default
  std::vector<std::pair<std::string, std::string>> configs;
};
struct PartitionDescription {
  std::int32_t index = 0;
  std::int32_t leader = -1;
  std::vector<std::int32_t> replicas;
  std::vector<std::int32_t> isr;
};
struct TopicDescription {
  std::string name;
  std::string id;
  bool internal = false;
  std::vector<PartitionDescription> partitions;
};
struct BrokerDescription {
  std::int32_t id = -1;
  std::string address;
  std::optional<std::string> rack;
};
struct ClusterDescription {
  std::string id;
  std::int32_t controller = -1;  // -1: there is none at the moment
  std::vector<BrokerDescription> brokers;
};
// A partition on its way to other replicas.
struct Reassignment {
  TopicPartition partition;
  std::vector<std::int32_t> replicas;  // of now, the adding ones among them
  std::vector<std::int32_t> adding;
  std::vector<std::int32_t> removing;
};

// Whose configs: a topic by its name, a broker by its id, all brokers by "", a group by its id.
struct ConfigOf {
  enum class Kind : std::uint8_t { topic, broker, group } kind = Kind::topic;
  std::string name;
};
struct ConfigValue {
  std::string name;
  std::optional<std::string> value;  // none: sensitive, or without a value
  bool is_default = false;           // nobody has set it
  bool read_only = false;
  bool sensitive = false;
};
// Without a value: back to the default.
using ConfigChanges = std::vector<std::pair<std::string, std::optional<std::string>>>;

struct GroupListing {
  std::string id;
  std::string type;           // "Classic" or "Consumer"; empty: the broker is too old to say
  std::string state;          // "Stable", "Empty" …; empty likewise
  std::string protocol_type;  // "consumer", "connect" …
};
struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string host;
  std::vector<TopicPartition> assignment;
};
struct GroupDescription {
  std::string id;
  std::string type;
  std::string state;  // "Dead": there is no such group
  std::string assignor;
  std::int32_t coordinator = -1;
  std::vector<GroupMember> members;
};

class Admin {
 public:
  template <class Key, class T>
  using PerItem = std::vector<std::pair<Key, Expected<T>>>;
  using Replicas = std::optional<std::vector<std::int32_t>>;

  // --- topics
  Future<PerItem<std::string, void>> create_topics(std::vector<NewTopic> topics);
  Future<PerItem<std::string, void>> delete_topics(std::vector<std::string> names);
  // So many in all; what there is stays where it is.
  Future<void> set_partition_count(std::string topic, std::int32_t total);
  Future<std::vector<TopicDescription>> list_topics();
  Future<PerItem<std::string, TopicDescription>> describe_topics(std::vector<std::string> names);
  Future<ClusterDescription> describe_cluster();

  // --- where partitions are
  // Starts moving partitions to these replicas, the preferred leader first; without replicas: cancels the
  // move under way. They have arrived when reassignments() does not have them any more.
  Future<PerItem<TopicPartition, void>> reassign(std::vector<std::pair<TopicPartition, Replicas>> targets);
  Future<std::vector<Reassignment>> reassignments();
  // Has the preferred replica lead. An election that is not needed is done, too.
  Future<PerItem<TopicPartition, void>> elect_preferred_leaders(std::vector<TopicPartition> partitions);

  // --- configs
  Future<std::vector<ConfigValue>> configs(ConfigOf resource);
  Future<void> set_configs(ConfigOf resource, ConfigChanges changes);
  // The same for a topic: name to value.
  Future<std::vector<std::pair<std::string, std::optional<std::string>>>> topic_configs(std::string topic);
  Future<void> set_topic_configs(std::string topic, ConfigChanges changes);

  // --- offsets of partitions
  Future<PerItem<TopicPartition, std::int64_t>> earliest_offsets(std::vector<TopicPartition> partitions);
  Future<PerItem<TopicPartition, std::int64_t>> end_offsets(std::vector<TopicPartition> partitions);
  // Of the first record that is not older than this; -1: there is none.
  Future<PerItem<TopicPartition, std::int64_t>> offsets_at(std::vector<TopicPartition> partitions,
                                                           std::int64_t timestamp_ms);
  // Removes what is below the offsets; gives the new first offsets.
  Future<PerItem<TopicPartition, std::int64_t>> delete_records(
      std::vector<std::pair<TopicPartition, std::int64_t>> before);

  // --- groups, of either protocol
  Future<std::vector<GroupListing>> list_groups();
  Future<PerItem<std::string, GroupDescription>> describe_groups(std::vector<std::string> groups);
  Future<Offsets> group_offsets(std::string group);
  // Of a group without members: where it begins next.
  Future<PerItem<TopicPartition, void>> set_group_offsets(std::string group, Offsets offsets);
  Future<PerItem<TopicPartition, void>> delete_group_offsets(std::string group,
                                                             std::vector<TopicPartition> partitions);
  Future<PerItem<std::string, void>> delete_groups(std::vector<std::string> groups);
  // By their member ids; whoever lives joins again.
  Future<PerItem<std::string, void>> remove_group_members(std::string group,
                                                          std::vector<std::string> members);

  // --- transactions
  // Of all coordinators, ascending by id. ErrorKind::unsupported: a broker that is too old for the filter.
  Future<std::vector<TransactionListing>> list_transactions(TransactionFilter filter = {});
  // ErrorKind::not_found: nobody has used this id, or it was forgotten.
  Future<PerItem<std::string, TransactionDescription>> describe_transactions(std::vector<std::string> ids);
  Future<PerItem<TopicPartition, std::vector<ActiveProducer>>> describe_producers(
      std::vector<TopicPartition> partitions);
  // Has the leader abort, in this partition, what this producer has open, as describe_producers() told it,
  // whatever its coordinator says. For what hangs: of a transaction that goes on it breaks the atomicity.
  Future<void> abort_transaction(TopicPartition partition, ActiveProducer producer);
  // Whoever produces under these transactional ids is fenced, and what is open is aborted. Ends once the
  // next epoch is given away; the markers follow.
  Future<PerItem<std::string, FencedProducer>> fence_producers(std::vector<std::string> ids);

  // --- brokers and the quorum
  // Of these brokers, or of all.
  Future<PerItem<std::int32_t, std::vector<LogDirDescription>>> describe_log_dirs(
      std::vector<std::int32_t> brokers = {});
  Future<QuorumDescription> describe_quorum();

  // --- features
  Future<std::vector<FeatureDescription>> describe_features();  // ascending by name
  // validate_only: says what would be said, and changes nothing.
  Future<PerItem<std::string, void>> update_features(std::vector<FeatureUpdate> updates,
                                                     bool validate_only = false);

  struct State;  // inside
  explicit Admin(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace moldau::sdk
