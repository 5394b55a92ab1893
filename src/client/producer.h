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
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/cluster.h"
#include "record/builder.h"
#include "record/codec.h"

namespace moldau::client {

struct NewRecord;
// The partition of a record that names none, of so many; nothing: by murmur2 of the key, else sticky. One
// that there is not fails the record.
using Partitioner = std::function<std::optional<PartitionIndex>(const NewRecord&, PartitionIndex count)>;

// What has become of a batch, for those who watch: it was acknowledged or has failed for good. Lent for the
// call.
struct BatchReport {
  std::string_view topic;
  PartitionIndex partition = 0;
  Offset base_offset = kNoOffset;  // kNoOffset: it failed, or acks is 0
  std::int32_t records = 0;
  std::size_t bytes = 0;               // as it was sent; 0: it was not built
  std::size_t uncompressed_bytes = 0;  // the same before compression
  unsigned tries = 0;                  // 0: it was never sent
  Duration gathered{};                 // from its first record until it was built
  Duration under_way{};                // from then until now
  const Failure* failure = nullptr;    // null: it was acknowledged
};

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
  Partitioner partitioner;                              // may be empty
  std::function<void(const BatchReport&)> on_batch;     // may be empty; must not destroy the producer
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

// The transaction that a producer's records belong to (TransactionalProducer is one).
class ProducerTransaction {
 public:
  virtual ~ProducerTransaction() = default;
  virtual const std::string& id() const = 0;  // transactional.id
  // Whether records may be added at the moment.
  virtual Outcome<void> accepts() const = 0;
  // It has failed: what is queued fails with this.
  virtual const std::optional<Failure>& failure() const = 0;
  // The partition belongs to it. False: it is being added, and the producer is told by look_again().
  virtual bool includes(const std::string& topic, PartitionIndex partition) = 0;
  // The coordinator hears of partitions from their leaders, by Produce (KIP-890).
  virtual bool adds_by_producing() const = 0;
  // Records of it were given up.
  virtual void note_failure(const Failure& failure) = 0;
};

class ProducerCore {
 public:
  // Errc::invalid_argument: options that contradict one another. `transaction` may be null, else it outlives
  // the producer, which then takes its identity from use() and never makes one.
  static Outcome<std::unique_ptr<ProducerCore>> create(ClusterClient& cluster, ProducerOptions options,
                                                       ProducerTransaction* transaction = nullptr);
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

  // Of a producer with transactions. Sequences begin anew under another id or epoch. REQUIRES: nothing is
  // queued or under way.
  void use(ProducerId id, ProducerEpoch epoch);
  // What the transaction says of its partitions, or of itself, has changed.
  void look_again() { schedule_pass(); }
  // Fails what has not been sent yet.
  void drop_queued(const Failure& failure);
  bool is_idle() const { return unsettled_.empty() && waiting_.empty(); }

  const ProducerCounters& counters() const { return counters_; }
  std::uint64_t buffered_bytes() const { return options_.buffer_memory - memory_left_; }
  const ProducerOptions& options() const { return options_; }
  ClusterClient& cluster() { return cluster_; }

 private:
  struct Batch;
  struct Partition;
  struct Topic;
  struct Node;
  struct Waiting;
  struct Answer;
  using BatchPtr = std::unique_ptr<Batch>;
  ProducerCore(ClusterClient& cluster, ProducerOptions options, ProducerTransaction* transaction);

  // Choosing the place of a record (producer.cc).
  Topic* find_topic(std::string_view name);
  Partition* partition_for(Topic& topic, const NewRecord& record, std::size_t size_bytes);
  Partition& sticky_partition(Topic& topic, std::size_t size_bytes);
  void sync_topic(Topic& topic, const TopicInfo& info);
  Outcome<void> check(const NewRecord& record, std::size_t size_bytes) const;
  Outcome<void> append(Topic& topic, const NewRecord& record, std::size_t size_bytes,
                       DeliveryCallback& callback);
  Batch& batch_with_room(Partition& partition, std::size_t size_bytes);
  void serve_waiting();
  void ask_for_topic(const std::string& name);
  Task<void> find_out(std::string topic);

  // Sending: a pass goes over the partitions that have batches and sends what is due (producer_send.cc).
  void schedule_pass();
  void wake_at(MonotonicTime when);
  void pass();
  void look_at_metadata();
  void consider(Partition& partition);
  bool is_due(const Batch& batch) const;
  bool may_send(const Partition& partition) const;
  void send_to(Node& node);
  BatchPtr take_front(Partition& partition);
  Status seal(Partition& partition, Batch& batch);
  Task<void> run_request(Node& node, BrokerConnection::Ptr connection, std::vector<BatchPtr> batches);
  Task<void> open(Node& node);
  void ask_for_producer_id();
  Task<void> obtain_producer_id();
  void refresh_leaders();
  Task<void> run_refresh(std::vector<std::string> topics);

  // What became of a batch (producer_settle.cc).
  void settle(BatchPtr batch, const Answer& answer);
  void succeed(Batch& batch, const Answer& answer);
  void requeue(BatchPtr batch, const Failure& failure);
  void fail_batch(Batch& batch, const Failure& failure);
  void report(const Batch& batch, Offset base_offset, const Failure* failure) const;
  void finish(Batch& batch);
  void expire(Partition& partition);
  void resolve_sequences(Partition& partition);
  void restart_sequences(Partition& partition);
  bool is_lowest(const Partition& partition, const Batch& batch) const;
  void fail_queued(const Failure& failure);

  ClusterClient& cluster_;
  runtime::Executor& executor_;
  ProducerOptions options_;
  ProducerTransaction* const transaction_;
  record::Codecs codecs_;
  std::uint64_t memory_left_;
  std::map<std::string, std::unique_ptr<Topic>, std::less<>> topics_;
  Topic* last_topic_ = nullptr;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;
  std::vector<Partition*> active_;  // those with queued batches
  std::deque<Waiting*> waiting_;    // calls of send() that wait for metadata or memory, in order

  ProducerId producer_id_ = kNoProducerId;
  ProducerEpoch producer_epoch_ = kNoProducerEpoch;
  bool asking_producer_id_ = false;
  bool refreshing_ = false;
  MonotonicTime refresh_not_before_{};
  MonotonicTime refreshed_at_{};
  std::uint64_t metadata_version_ = 0;

  bool pass_posted_ = false;
  runtime::TimerId timer_ = runtime::TimerId::none;
  MonotonicTime timer_at_ = runtime::kForever;
  std::uint64_t next_batch_ = 0;   // numbers batches in the order of their creation
  std::uint64_t flush_below_ = 0;  // batches below are sent without linger
  std::set<std::uint64_t> unsettled_;
  runtime::Signal settled_;
  ProducerCounters counters_;
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
