// ConsumerCore: reads assigned partitions from their leaders, without groups. One fetch is under way per
// broker, with an incremental session (KIP-227) and a long poll; a partition whose records wait to be polled
// is not fetched again, and meanwhile its broker's other partitions are fetched without a long poll, which
// would keep it waiting once it is polled. Lives on the shard of its ClusterClient; close() before
// destruction.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/cluster.h"
#include "record/record.h"
#include "wire/messages/fetch.h"

namespace moldau::client {

enum class Isolation : std::int8_t { read_uncommitted = 0, read_committed = 1 };
enum class OffsetReset : std::uint8_t { latest, earliest, none };

// Kafka's names and defaults.
struct ConsumerOptions {
  std::int32_t fetch_min_bytes = 1;
  Duration fetch_max_wait = std::chrono::milliseconds(500);
  std::int32_t fetch_max_bytes = 50 << 20;
  std::int32_t max_partition_fetch_bytes = 1 << 20;
  Isolation isolation = Isolation::read_uncommitted;
  OffsetReset offset_reset = OffsetReset::latest;  // auto.offset.reset: when the position is out of range
  bool check_crcs = true;
  bool use_sessions = true;
  bool auto_create_topics = false;           // allow.auto.create.topics
  bool control_records = false;              // hand out commit and abort markers, too
  std::string rack;                          // client.rack
  std::size_t max_batch_bytes = 256u << 20;  // what one compressed batch may expand to
};

// Where to begin: an offset, or one of the places below, looked up with ListOffsets.
struct StartAt {
  enum class Kind : std::uint8_t { offset, beginning, end, timestamp } kind = Kind::end;
  std::int64_t value =
      0;  // the offset, or milliseconds since 1970: the first record that is not older, else the end

  static StartAt offset(Offset offset) { return {Kind::offset, offset}; }
  static StartAt beginning() { return {Kind::beginning, 0}; }
  static StartAt end() { return {Kind::end, 0}; }
  static StartAt timestamp(TimestampMs at) { return {Kind::timestamp, at}; }
  // This many records before the end, by offset.
  static StartAt tail(std::int64_t records) { return {Kind::end, records}; }
};

// What the batch says of its records.
struct FetchedBatch {
  std::size_t records = 0;  // so many of FetchedRecords::records, at least one
  LeaderEpoch leader_epoch = kNoEpoch;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  std::int16_t attributes = 0;
};

// Records of one partition, in order. The views live as long as this object or a copy of `memory`.
struct FetchedRecords {
  std::string topic;
  PartitionIndex partition = 0;
  std::vector<record::RecordView> records;
  std::vector<FetchedBatch> batches;  // of all the records, in order
  SliceList memory;
};

// As of the last fetch; kNoOffset before.
struct PartitionBounds {
  Offset log_start_offset = kNoOffset;
  Offset last_stable_offset = kNoOffset;
  Offset high_watermark = kNoOffset;
};

class ConsumerCore {
 public:
  ConsumerCore(ClusterClient& cluster, ConsumerOptions options);
  ~ConsumerCore();
  ConsumerCore(const ConsumerCore&) = delete;

  // Adds the partition, or gives it a new place to read from; what was fetched of it is dropped.
  void assign(std::string topic, PartitionIndex partition, StartAt start);
  void unassign(const std::string& topic, PartitionIndex partition);
  // The same for a partition that is assigned; it stays paused if it is.
  void seek(const std::string& topic, PartitionIndex partition, StartAt start);
  void pause(const std::string& topic, PartitionIndex partition);
  void resume(const std::string& topic, PartitionIndex partition);
  bool is_paused(const std::string& topic, PartitionIndex partition) const;
  std::vector<TopicPartition> assignment() const;

  // The records that are there, or the first to come until the deadline; an empty list at the deadline. At
  // most `max_records` (max.poll.records). An error that no retry mends (no such topic, not authorized,
  // position out of range without a policy, a corrupt batch) is given once per poll; the partition is skipped
  // until it is assigned anew. One poll at a time.
  Task<Outcome<std::vector<FetchedRecords>>> poll(
      MonotonicTime deadline, std::size_t max_records = std::numeric_limits<std::size_t>::max());

  // Ends the poll under way, or the next one, with Errc::cancelled; no record is lost by it.
  void interrupt();

  // The offset of the next record to be polled; empty before the first lookup has ended.
  std::optional<Offset> position(const std::string& topic, PartitionIndex partition) const;
  PartitionBounds bounds(const std::string& topic, PartitionIndex partition) const;
  Offset high_watermark(const std::string& topic, PartitionIndex partition) const {
    return bounds(topic, partition).high_watermark;
  }
  // Polled everything up to the end that the last fetch told (high watermark, or last stable offset when
  // read_committed): how a bounded read knows that it is done.
  bool at_end(const std::string& topic, PartitionIndex partition) const;

  // Ends a poll under way with Errc::cancelled.
  Task<void> close();

 private:
  struct Partition;
  struct Fetched;
  struct Node;
  using PartitionPtr = std::shared_ptr<Partition>;
  using NodePtr = std::shared_ptr<Node>;

  PartitionPtr find(const std::string& topic, PartitionIndex partition) const;
  // Looks what is to be done and starts it: positions to look up, leaders to find, fetches to send.
  void schedule_step();
  void wake_at(MonotonicTime when);
  void step();
  Task<void> refresh(std::vector<std::string> topics);
  void note_missing(const std::string& topic, const Outcome<void>& asked);
  Task<void> look_up(NodeId node, std::vector<PartitionPtr> partitions);
  void looked_up(const PartitionPtr& partition, wire::ErrorCode error, Offset offset);

  NodeId source_of(const Partition& partition) const;
  bool wants_fetch(const Partition& partition, NodeId node) const;
  // Records of one of its partitions wait to be polled.
  bool has_buffered(NodeId node) const;
  Task<void> fetch_from(NodePtr node);
  Task<bool> fetch_once(NodePtr node);
  void take_partition(const PartitionPtr& partition, Offset fetched_from,
                      wire::FetchResponse::TopicResponse::PartitionResponse& response);
  void fetch_failed(Partition& partition, const Failure& failure);
  void handle_error(const PartitionPtr& partition, wire::ErrorCode error);
  void back_off(Partition& partition);
  void refuse(Partition& partition, Failure failure);

  void collect(std::vector<FetchedRecords>& out, std::size_t max_records);
  Outcome<FetchedRecords> decode(Fetched& fetched, std::size_t max_records);
  Outcome<bool> decode_batch(Fetched& fetched, FetchedRecords& out);

  ClusterClient& cluster_;
  runtime::Executor& executor_;
  ConsumerOptions options_;
  record::Codecs codecs_;
  std::map<TopicPartition, PartitionPtr> partitions_;
  std::map<NodeId, NodePtr> nodes_;
  std::deque<Fetched> ready_;
  std::deque<Failure> failures_;
  std::uint64_t next_generation_ = 1;
  bool step_posted_ = false;
  bool refreshing_ = false;
  MonotonicTime refresh_not_before_{};
  unsigned refreshes_failed_ = 0;
  runtime::TimerId timer_ = runtime::TimerId::none;
  MonotonicTime timer_at_ = runtime::kForever;
  runtime::Signal arrived_;
  bool interrupted_ = false;
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
