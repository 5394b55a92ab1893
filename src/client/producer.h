// ProducerCore: appends records to partitions' batches and sends them to the leaders (KIP-98 idempotence,
// KIP-480 and KIP-794 sticky partitioning, KIP-91 delivery time-out). Lives on the shard of its
// ClusterClient; close() before destruction.
//
// Order: records of one partition are delivered in the order of try_send() and send(), through retries and
// leader changes, when idempotent or with max_in_flight 1. Nothing is delivered twice while idempotent, as
// long as no record's delivery time-out passes while its fate is unknown.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "client/cluster.h"
#include "record/builder.h"
#include "record/codec.h"

namespace moldau::client {

// Kafka's names and defaults (kafka-protocol.md, ecosystem.md 4.3).
struct ProducerOptions {
  std::int16_t acks = -1;  // 0, 1 or -1 (all)
  bool idempotent = true;  // enable.idempotence; needs acks -1 and max_in_flight <= 5
  record::Compression compression;
  std::size_t batch_size = 16384;  // batch.size, bytes
  Duration linger = std::chrono::milliseconds(5);
  std::size_t max_request_size = 1048576;         // max.request.size: of one record and of one request, bytes
  std::uint64_t buffer_memory = 32u << 20;        // buffer.memory, bytes
  Duration max_block = std::chrono::seconds(60);  // max.block.ms: waiting for metadata and memory
  Duration delivery_timeout = std::chrono::minutes(2);  // delivery.timeout.ms
  unsigned max_in_flight = 5;                           // max.in.flight.requests.per.connection
  bool auto_create_topics = true;                       // asks the broker to, which may refuse
};

// Borrows: try_send() copies, send() too before its first suspension ends.
struct NewRecord {
  std::string_view topic;
  std::optional<PartitionIndex> partition;  // else by murmur2 of the key, else sticky
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  std::span<const record::HeaderEntry> headers;
  TimestampMs timestamp = kNoTimestamp;  // now, when not given
};

struct RecordMetadata {
  PartitionIndex partition = 0;
  Offset offset = kNoOffset;             // kNoOffset with acks=0
  TimestampMs timestamp = kNoTimestamp;  // the broker's append time if the topic has LogAppendTime
};

// Called once, on the shard, when the record was acknowledged or has failed for good. Must not destroy the
// producer.
using DeliveryCallback = std::move_only_function<void(const Outcome<RecordMetadata>&)>;

struct ProducerCounters {
  std::uint64_t records_queued = 0;
  std::uint64_t records_delivered = 0;
  std::uint64_t records_failed = 0;
  std::uint64_t bytes_sent = 0;  // of batches, after compression
  std::uint64_t batches_sent = 0;
  std::uint64_t requests_sent = 0;
  std::uint64_t retries = 0;  // of batches
};

class ProducerCore {
 public:
  // Errc::invalid_argument: options that contradict one another.
  static Outcome<std::unique_ptr<ProducerCore>> create(ClusterClient& cluster, ProducerOptions options);
  ~ProducerCore();
  ProducerCore(const ProducerCore&) = delete;

  // queued: the record is copied and its callback will be called. would_block: memory is used up or the topic
  // is not known yet; nothing happened, the callback is untouched: use send(). Everything else is an error
  // and the callback is untouched.
  enum class Queued : std::uint8_t { queued, would_block };
  Outcome<Queued> try_send(const NewRecord& record, DeliveryCallback& callback);
  // The same, waiting for metadata and memory for max_block at most. Ends when the record is queued. What the
  // record borrows lives until then.
  Task<Outcome<void>> send(NewRecord record, DeliveryCallback callback = {});
  // Ends when the record was acknowledged or has failed.
  Task<Outcome<RecordMetadata>> deliver(NewRecord record);

  // Sends everything queued before the call now, and ends when all of it was acknowledged or has failed.
  Task<void> flush();
  // Flushes until the deadline, then fails the rest with Errc::cancelled. Nothing can be sent afterwards.
  Task<void> close(MonotonicTime deadline = runtime::kForever);

  const ProducerCounters& counters() const { return counters_; }
  std::uint64_t buffered_bytes() const { return options_.buffer_memory - memory_.available(); }
  const ProducerOptions& options() const { return options_; }
  ClusterClient& cluster() { return cluster_; }

 private:
  struct Batch;
  struct Partition;
  struct Topic;
  struct Node;
  struct Request;
  ProducerCore(ClusterClient& cluster, ProducerOptions options);

  // Choosing the place of a record.
  Topic* find_topic(std::string_view name);
  Outcome<Topic*> topic_of(std::string_view name);
  Outcome<Partition*> partition_of(Topic& topic, const NewRecord& record, std::size_t size_bytes);
  Partition& sticky(Topic& topic, std::size_t size_bytes);
  void sync_partitions(Topic& topic, const TopicInfo& info);
  Task<Outcome<void>> await_topic(std::string topic, MonotonicTime deadline);
  // Adds it to the partition's last batch; the memory is accounted for.
  void append(Partition& partition, const NewRecord& record, std::size_t size_bytes,
              DeliveryCallback& callback);

  // Sending. A pass goes over the partitions that have batches, and sends what is due.
  void schedule_pass();
  void wake_at(MonotonicTime when);
  void pass();
  void pass_over(Partition& partition, MonotonicTime now);
  void activate(Partition& partition);
  bool is_due(const Partition& partition, MonotonicTime now);
  bool may_send_next(const Partition& partition) const;
  void expire(Partition& partition, MonotonicTime now);
  void send_from(Node& node);
  Result<void> seal(Batch& batch);
  void assign_sequence(Partition& partition, Batch& batch);
  Task<void> run_request(Node& node, std::vector<std::unique_ptr<Batch>> batches);
  Task<Outcome<void>> ask(NodeId node, std::vector<std::unique_ptr<Batch>>& batches);
  Task<void> ensure_producer_id();
  void refresh_metadata();
  Task<void> run_refresh(std::vector<std::string> topics);

  // What became of a batch.
  struct Verdict;
  void settle(std::unique_ptr<Batch> batch, const Verdict& verdict);
  void succeed(Batch& batch, const Verdict& verdict);
  void requeue(std::unique_ptr<Batch> batch, const Verdict& verdict);
  void fail_batch(Batch& batch, const Failure& failure);
  void release(Batch& batch);
  void restart_sequences(Partition& partition);
  bool is_lowest(const Partition& partition, const Batch& batch) const;
  void fail_all(const Failure& failure);

  ClusterClient& cluster_;
  runtime::Executor& executor_;
  ProducerOptions options_;
  record::Codecs codecs_;
  runtime::Semaphore memory_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  Topic* last_topic_ = nullptr;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::vector<Partition*> active_;  // those with batches

  ProducerId producer_id_ = kNoProducerId;
  ProducerEpoch producer_epoch_ = kNoProducerEpoch;
  bool asking_producer_id_ = false;
  bool refreshing_ = false;
  MonotonicTime refresh_not_before_{};

  bool pass_posted_ = false;
  runtime::TimerId timer_ = runtime::TimerId::none;
  MonotonicTime timer_at_ = runtime::kForever;
  std::uint64_t next_batch_ = 0;   // numbers batches in the order of their creation
  std::uint64_t flush_below_ = 0;  // batches below are sent without linger
  std::map<std::uint64_t, unsigned> unsettled_;
  runtime::Signal settled_;
  ProducerCounters counters_;
  std::uint64_t open_records_ = 0;
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
