// Client: one connection pool, one cache of metadata and one I/O thread, shared by the producers, consumers
// and admins made from it. They keep it alive; any of them may be used from any thread. Calls block the
// caller, except where said.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "moldau/config.h"
#include "moldau/error.h"
#include "moldau/record.h"

namespace moldau::sdk {

struct TopicPartition {
  std::string topic;
  std::int32_t partition = 0;
  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

// Sends records. Idempotent unless told otherwise: a partition gets them in order and once.
class Producer {
 public:
  using Callback = std::function<void(const Expected<RecordMetadata>&)>;

  Producer(Producer&&) noexcept;
  Producer& operator=(Producer&&) noexcept;
  ~Producer();  // close()

  // Ends when the record was acknowledged.
  Expected<RecordMetadata> send(Record record);
  // Ends when the record is queued; blocks while the buffer memory is used up.
  std::future<Expected<RecordMetadata>> send_async(Record record);
  // The same; the callback runs on the I/O thread and must not block or call back into the producer.
  void send(Record record, Callback callback);
  // Ends when everything sent before was acknowledged or has failed.
  void flush();
  // Flushes for so long, then fails the rest.
  void close(std::chrono::milliseconds patience = std::chrono::minutes(2));

 private:
  friend class Client;
  struct State;
  explicit Producer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// Where a consumer begins in a partition.
struct StartAt {
  enum class Kind : std::uint8_t { offset, beginning, end, timestamp } kind = Kind::end;
  std::int64_t value = 0;
  static StartAt offset(std::int64_t offset) { return {Kind::offset, offset}; }
  static StartAt beginning() { return {Kind::beginning, 0}; }
  static StartAt end() { return {Kind::end, 0}; }
  static StartAt timestamp(std::int64_t ms) { return {Kind::timestamp, ms}; }
};

// Reads partitions that it is given. One poll at a time; no call after close().
class Consumer {
 public:
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();  // close()

  void assign(const std::string& topic, std::int32_t partition, StartAt start = StartAt::end());
  // All partitions that the topic has now.
  Expected<void> assign(const std::string& topic, StartAt start = StartAt::end());
  void unassign(const std::string& topic, std::int32_t partition);
  void pause(const std::string& topic, std::int32_t partition);
  void resume(const std::string& topic, std::int32_t partition);
  // The records that are there, or the first to come; none at the time-out. At most max_poll_records.
  Expected<Records> poll(std::chrono::milliseconds timeout);
  std::optional<std::int64_t> position(const std::string& topic, std::int32_t partition);
  // Everything was polled up to the end that the broker last told.
  bool at_end(const std::string& topic, std::int32_t partition);
  void close();

 private:
  friend class Client;
  struct State;
  explicit Consumer(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

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

// Changes and describes the cluster. One result per item, in the order of the items where that is not said.
class Admin {
 public:
  template <class Key, class T>
  using PerItem = std::vector<std::pair<Key, Expected<T>>>;

  Expected<PerItem<std::string, void>> create_topics(const std::vector<NewTopic>& topics);
  Expected<PerItem<std::string, void>> delete_topics(const std::vector<std::string>& names);
  Expected<std::vector<TopicDescription>> list_topics();
  Expected<PerItem<std::string, TopicDescription>> describe_topics(const std::vector<std::string>& names);
  Expected<ClusterDescription> describe_cluster();
  // Starts moving partitions to these replicas, the preferred leader first; without replicas: cancels the
  // move under way. They have arrived when reassignments() does not have them any more.
  Expected<PerItem<TopicPartition, void>> reassign(
      const std::vector<std::pair<TopicPartition, std::optional<std::vector<std::int32_t>>>>& targets);
  Expected<std::vector<Reassignment>> reassignments();
  // Has the preferred replica lead. An election that is not needed is done, too.
  Expected<PerItem<TopicPartition, void>> elect_preferred_leaders(
      const std::vector<TopicPartition>& partitions);
  // Name to value, of a topic.
  Expected<std::vector<std::pair<std::string, std::optional<std::string>>>> topic_configs(
      const std::string& topic);
  // Sets these, or removes those without a value.
  Expected<void> set_topic_configs(
      const std::string& topic,
      const std::vector<std::pair<std::string, std::optional<std::string>>>& configs);
  Expected<PerItem<TopicPartition, std::int64_t>> earliest_offsets(
      const std::vector<TopicPartition>& partitions);
  Expected<PerItem<TopicPartition, std::int64_t>> end_offsets(const std::vector<TopicPartition>& partitions);
  // Removes what is below the offsets; gives the new first offsets.
  Expected<PerItem<TopicPartition, std::int64_t>> delete_records(
      const std::vector<std::pair<TopicPartition, std::int64_t>>& before);

 private:
  friend class Client;
  struct State;
  explicit Admin(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class Client {
 public:
  // Asks a bootstrap server once, so that a wrong address is told here. Link moldau_client_embedded.
  static Expected<Client> connect(Config config);
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  Expected<Producer> producer();
  Consumer consumer();
  Admin admin();

  // Shared by everything made from one Client.
  struct Core;
  explicit Client(std::shared_ptr<Core> core);

 private:
  std::shared_ptr<Core> core_;
};

}  // namespace moldau::sdk
