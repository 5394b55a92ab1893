// Auditor: its own model of what clients were told by a broker, and the judge of everything that they are
// told. It knows nothing of the broker's code but the record format. The clients of a scenario report every
// request's meaning before it is sent and every answer; the first contradiction is kept as problem().
//
// Invariants (reliability.md 1.4, 3.5, 3.6): an acknowledged or shown record stays what and where it is until
// it is deleted; no record twice; offsets without gaps; watermarks and log starts never fall; the sequences
// of a producer are contiguous; topic and producer ids are never given twice; deleted topics stay deleted. In
// page-cache topics a power loss may cut the end of a partition, and only the end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "record/codec.h"
#include "simulation/world.h"

namespace moldau::simulation {

using RecordId = std::uint64_t;

// A record that a client has sent, or is about to.
struct SentRecord {
  TopicIdPartition key;
  ProducerId producer_id = kNoProducerId;
  ProducerEpoch producer_epoch = kNoProducerEpoch;
  Sequence sequence = kNoSequence;
  TimestampMs timestamp = kNoTimestamp;
  std::size_t value_size = 0;
  bool resent = false;  // it was sent more than once
};

// The bytes of a record: its id, then bytes that follow from the id.
std::vector<std::byte> value_of(RecordId id, std::size_t size);

// What was known of a partition when a request was sent; its answer may not know less.
struct Snapshot {
  Offset high_watermark = 0;
  Offset log_start = 0;
  std::uint64_t life = 0;
  std::uint64_t cuts = 0;
};

struct TopicModel {
  std::string name;
  TopicId id;
  bool stable = false;              // never deleted
  bool page_cache = false;          // durability
  bool retention = false;           // records may vanish by time or size
  bool unclean = false;             // a replica that is out of sync may be elected
  bool damaged = false;             // bits were flipped in its files
  std::int32_t partitions = 0;      // acknowledged
  std::int32_t max_partitions = 0;  // asked for
  enum class State : std::uint8_t { live, deleting, deleted } state = State::live;
  std::map<std::string, std::set<std::string>> configs;  // every value that it may have now
};

class Auditor {
 public:
  explicit Auditor(World& world) : world_(world) {}

  // --- lives of the broker
  // The process is gone. `power_lost`: so is what was not synced.
  void on_death(bool power_lost);
  // It was stopped in order and said that all is on disk.
  void on_clean_stop();
  // A closed segment of the partition is damaged: what is there may be refused, and what may be torn is cut.
  void on_damage(const TopicIdPartition& key);

  // --- metadata; topics are known by id
  TopicModel& on_topic_created(TopicModel topic);
  TopicModel* topic(const TopicId& id);
  std::map<TopicId, TopicModel>& topics() { return topics_; }
  std::vector<TopicModel*> live_topics();
  void on_producer_id(ProducerId id);

  // --- records
  RecordId add_sent(const SentRecord& record);
  // The records with ids from `first` on are sent once more.
  void on_resent(RecordId first, std::int32_t count);
  Snapshot snapshot(const TopicIdPartition& key) const;
  // The records with ids from `first` on were acknowledged from `base_offset` on. `first_try`: this request
  // was the first one with them.
  void on_acked(const TopicIdPartition& key, Offset base_offset, RecordId first, std::int32_t count,
                bool first_try, const Snapshot& before);
  // Answers of Fetch. Returns the offset after the last record, or `position` when there is none.
  Offset on_fetched(const TopicIdPartition& key, Offset position, Offset high_watermark, Offset log_start,
                    ByteView batches, const Snapshot& before);
  void on_out_of_range(const TopicIdPartition& key, Offset position);
  void on_earliest(const TopicIdPartition& key, Offset offset, const Snapshot& before);
  void on_latest(const TopicIdPartition& key, Offset offset, const Snapshot& before);
  void on_offset_for_time(const TopicIdPartition& key, TimestampMs asked, Offset offset, TimestampMs found,
                          const Snapshot& before);
  void on_delete_records_sent(const TopicIdPartition& key, Offset before);
  void on_delete_records(const TopicIdPartition& key, Offset low_watermark, const Snapshot& before);
  // A whole read of the partition is done: it held [log_start, end).
  void on_read_back(const TopicIdPartition& key, Offset log_start, Offset end);
  // A batch of its files; the offset after its last record.
  Offset on_file_batch(const TopicIdPartition& key, const record::BatchView& batch);
  // What may vanish without a word.
  bool may_lose_records(const TopicIdPartition& key) const;
  Offset known_end(const TopicIdPartition& key) const;

  // --- the verdict
  void report(std::string problem);
  bool passed() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  std::uint64_t acked_records() const { return acked_records_; }
  std::uint64_t shown_records() const { return shown_records_; }

 private:
  struct Entry {
    RecordId id;
    // Since this cut of the partition it may be gone, unsynced when power was lost, or another may have its
    // place; 0: it is certain.
    std::uint64_t doubted_at = 0;
    bool doubtful() const { return doubted_at != 0; }
  };
  struct Partition {
    std::map<Offset, Entry> entries;  // acknowledged or shown
    Offset high_watermark = 0;        // highest that anyone was told
    Offset log_start = 0;             // highest in this life
    Offset deletable = 0;             // up to here records may have been deleted on request
    Offset certain_end = 0;           // everything below is on disk
    std::uint64_t cuts = 0;           // times when the end may have been cut
  };
  struct Place {
    TopicIdPartition key;
    Offset offset;
  };

  Partition& partition(const TopicIdPartition& key) { return partitions_[key]; }
  const TopicModel* model(const TopicIdPartition& key) const;
  std::string name(const TopicIdPartition& key) const;
  void doubt_page_cache();
  void doubt(Partition& partition);
  void note_sync_errors();
  void place(const TopicIdPartition& key, Offset offset, RecordId id);
  void drop_doubtful(Partition& partition, Offset from);
  void check_record(const TopicIdPartition& key, const record::BatchView& batch, Offset offset,
                    Sequence sequence, TimestampMs timestamp, std::optional<ByteView> value);
  void note_watermarks(const TopicIdPartition& key, Offset high_watermark, Offset log_start,
                       const Snapshot& before);
  bool deletable(const TopicIdPartition& key, Offset offset);
  void check_sequences(const TopicIdPartition& key, const Partition& partition, Offset log_start);

  World& world_;
  record::Codecs codecs_;
  std::map<TopicId, TopicModel> topics_;
  std::map<TopicIdPartition, Partition> partitions_;
  std::vector<SentRecord> sent_{SentRecord{}};  // by id, from 1 on
  std::unordered_map<RecordId, Place> places_;
  std::set<ProducerId> producer_ids_;
  std::uint64_t life_ = 0;
  std::uint64_t sync_errors_seen_ = 0;
  bool sync_failed_ = false;  // in this life
  std::uint64_t acked_records_ = 0;
  std::uint64_t shown_records_ = 0;
  std::string problem_;
};

}  // namespace moldau::simulation
