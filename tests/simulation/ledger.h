// Ledger: what the replicas of a cluster have committed, once and for ever, and the judge of everything that
// clients are told. The replicas' observer reports every batch below any replica's high watermark; the first
// report of an offset is what that offset holds from then on (reliability.md, the shadow of part 3).
//
//   I-P1, I-P5, I-P12  an offset never holds anything else, on any replica, for any client
//   I-P11              offsets are dense
//   I-P13              what is acknowledged is committed then; what was refused never shows up
//   I-P14              a record is found in the topic that it was sent to, known by id
//   I-T1, I-T2         no record twice; the sequences of a producer are contiguous
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "simulation/auditor.h"

namespace moldau::simulation {

// What identifies a batch where it lies.
struct BatchKey {
  Offset base = 0;
  Offset last = 0;
  LeaderEpoch epoch = 0;
  std::uint32_t crc = 0;
  friend bool operator==(const BatchKey&, const BatchKey&) = default;
};
BatchKey key_of(const record::HeaderView& batch);
std::string to_string(const BatchKey& key);

class Ledger {
 public:
  explicit Ledger(World& world) : world_(world) {}

  // --- topics, known by id
  TopicModel& on_topic_created(TopicModel topic);
  TopicModel* topic(const TopicId& id);
  std::map<TopicId, TopicModel>& topics() { return topics_; }
  std::vector<TopicModel*> live_topics();
  std::string name(const TopicIdPartition& key) const;
  // What is answered by name is about this topic.
  bool is_only_of_its_name(const TopicId& id) const;
  // A replica out of sync leads, as its topic allows: what was committed may be lost, and nothing is judged
  // any more until start_over().
  void on_unclean_election(const TopicIdPartition& key);
  bool is_unclean(const TopicIdPartition& key) const;
  // All replicas have come together again: what they hold now is what is committed.
  void start_over(const TopicIdPartition& key, Offset committed_end);

  // A batch of one replica is damaged, so that its checksum tells: it may be served until somebody notices.
  void on_damage(const TopicIdPartition& key) { partitions_[key].damaged = true; }
  bool is_damaged(const TopicIdPartition& key) const;

  // --- what replicas hold
  // The batch is below the high watermark of `who`, or was given to a client. Its checksum is checked.
  void on_committed(const TopicIdPartition& key, const record::BatchView& batch, const std::string& who);
  // The replica's records below are gone on request or by retention: nobody may have seen them before.
  void on_log_start(const TopicIdPartition& key, Offset log_start, const std::string& who);
  // Some replica claims that everything below is committed; the batches are reported as they are read.
  // `leads`: as the leader of this epoch.
  void on_high_watermark(const TopicIdPartition& key, Offset high_watermark, LeaderEpoch epoch, bool leads);
  // After the last batch reported.
  Offset known_end(const TopicIdPartition& key) const;
  // The highest watermark that any replica ever had.
  Offset committed_end(const TopicIdPartition& key) const;
  // The highest that a leader of an earlier epoch ever had.
  Offset committed_before(const TopicIdPartition& key, LeaderEpoch epoch) const;
  // Below it records may be gone.
  Offset deletable(const TopicIdPartition& key) const;
  const std::map<Offset, BatchKey>& batches(const TopicIdPartition& key);

  // --- what clients do and hear
  void on_producer_id(ProducerId id);
  RecordId add_sent(const SentRecord& record);
  void on_resent(RecordId first, std::int32_t count);
  // Success with acks=all. `before`: committed_end() when the request was sent.
  void on_acked(const TopicIdPartition& key, Offset base_offset, RecordId first, std::int32_t count,
                bool first_try, Offset before);
  // An answer that says that nothing was appended, to a request that was sent once.
  void on_refused(RecordId first, std::int32_t count);
  // Returns the offset after the last record, or `position` when there is none. `before`: told_end() when the
  // request was sent.
  Offset on_fetched(const TopicIdPartition& key, Offset position, Offset high_watermark, Offset log_start,
                    ByteView batches);
  void on_out_of_range(const TopicIdPartition& key, Offset position);
  // The answer of ListOffsets. `before`: told_end() when it was asked.
  void on_latest(const TopicIdPartition& key, Offset offset, Offset before);
  void on_earliest(const TopicIdPartition& key, Offset offset);
  Offset told_end(const TopicIdPartition& key) const;
  void on_delete_records_sent(const TopicIdPartition& key, Offset before);
  // Nothing moves any more: promises that nothing has kept are broken.
  void check_promises();

  // --- the verdict
  void report(std::string problem);
  bool passed() const { return problem_.empty(); }
  const std::string& problem() const { return problem_; }
  std::uint64_t acked_records() const { return acked_records_; }
  std::uint64_t shown_records() const { return shown_records_; }
  std::uint64_t committed_batches() const { return committed_batches_; }

 private:
  struct Promise {
    Offset offset;
    RecordId id;
  };
  struct Partition {
    bool unclean = false;
    bool damaged = false;
    std::map<Offset, BatchKey> batches;
    std::vector<RecordId> records;  // by offset; 0: not known
    Offset committed_end = 0;
    std::map<LeaderEpoch, Offset> committed_by;  // the leader of each epoch
    Offset told_end = 0;                         // highest answer to ListOffsets(latest)
    Offset deletable = 0;
    std::vector<Promise> promises;  // acknowledged, and not read yet
    // The sequence that is due, and where the last batch ended.
    std::map<std::pair<ProducerId, ProducerEpoch>, std::pair<Sequence, Offset>> next_sequence;
    Offset end() const { return batches.empty() ? 0 : batches.rbegin()->second.last + 1; }
  };

  void check_sequence(const TopicIdPartition& key, Partition& at, const record::BatchView& batch);
  void read_records(const TopicIdPartition& key, Partition& at, const record::BatchView& batch);
  void check_record(const TopicIdPartition& key, Partition& at, Offset offset, const record::BatchView& batch,
                    Sequence sequence, TimestampMs timestamp, std::optional<ByteView> value);
  void keep_promises(const TopicIdPartition& key, Partition& at);
  void check_promise(const TopicIdPartition& key, const Partition& at, const Promise& promise);

  World& world_;
  record::Codecs codecs_;
  std::map<TopicId, TopicModel> topics_;
  std::map<TopicIdPartition, Partition> partitions_;
  std::vector<SentRecord> sent_{SentRecord{}};  // by id, from 1 on
  std::vector<Offset> places_{kNoOffset};       // by id: where it is committed
  std::set<RecordId> refused_;
  std::set<ProducerId> producer_ids_;
  std::uint64_t acked_records_ = 0;
  std::uint64_t shown_records_ = 0;
  std::uint64_t committed_batches_ = 0;
  std::string problem_;
};

}  // namespace moldau::simulation
