// What the batches of a topic say about those who write it: rates, sizes, codecs, keys and producers. Bounded
// memory however much is added. Pure.
#pragma once

#include <cstdint>
#include <map>

#include "base/ids.h"
#include "cli/hyperloglog.h"
#include "cli/sections.h"
#include "cli/size_stats.h"
#include "record/batch.h"
#include "record/codec.h"

namespace moldau::cli {

class BatchAnalysis {
 public:
  // Errors: a batch that cannot be decompressed or whose records lie.
  Status add(PartitionIndex partition, const record::BatchView& batch);
  // A partition that is to be listed even when nothing is added of it.
  void note_partition(PartitionIndex partition) { partitions_[partition]; }
  std::int64_t batches() const { return total_.batches; }

  // For a table each. `seconds`: what rates refer to; else the time between the first and the last record.
  Table summary(const std::string& topic, std::optional<double> seconds) const;
  Table sizes() const;
  Table codecs() const;
  Table partitions() const;
  Table producers() const;

 private:
  struct Amount {
    std::int64_t batches = 0;
    std::int64_t records = 0;
    std::int64_t bytes = 0;               // as they lie in the log, headers included
    std::int64_t stored_bytes = 0;        // of the records, as they lie there
    std::int64_t uncompressed_bytes = 0;  // of the records

    void add(const record::BatchView& batch, std::size_t uncompressed);
    Json ratio() const;
  };
  struct PartitionPart {
    Amount amount;
    Offset first = kNoOffset, last = kNoOffset;
  };
  struct ProducerPart {
    Amount amount;
    bool transactional = false;
  };
  using ProducerKey = std::pair<ProducerId, ProducerEpoch>;

  Status add_records(const record::BatchView& batch, ByteView records);
  void add_producer(const record::BatchView& batch, std::size_t uncompressed);
  void add_times(const record::BatchView& batch);
  double seconds_between() const;

  static constexpr std::size_t kMostProducers = 4096;
  static constexpr std::size_t kMostBatchBytes = 256u << 20;  // that one batch may expand to

  record::Codecs codecs_in_use_;
  Amount total_;
  std::int64_t control_batches_ = 0;
  std::int64_t null_keys_ = 0;
  std::int64_t tombstones_ = 0;
  TimestampMs first_time_ = kNoTimestamp, last_time_ = kNoTimestamp;
  SizeStats batch_bytes_, batch_records_, record_bytes_, key_bytes_, value_bytes_;
  HyperLogLog keys_;
  std::map<record::Codec, Amount> codecs_;
  std::map<PartitionIndex, PartitionPart> partitions_;
  std::map<ProducerKey, ProducerPart> producers_;
  ProducerPart other_producers_;  // those beyond kMostProducers
  HyperLogLog other_producer_ids_;
};

}  // namespace moldau::cli
