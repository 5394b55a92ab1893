// What compaction makes of one batch, given what the log holds of its keys, transactions and producers. Pure.
//
// A record stays when no newer one of its key lies below the end of the map, and always above that end.
// Aborted records go. Tombstones, and markers of transactions of which nothing is left, stay until
// delete.retention.ms after the pass that found them: it writes that time, the delete horizon, into the batch
// (KIP-534). Offsets never change: a batch keeps its first and last offset, its sequences and its codec.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "record/codec.h"
#include "record/record.h"
#include "storage/cleaned_transactions.h"
#include "storage/offset_map.h"
#include "storage/producer_state.h"

namespace moldau::storage {

// The batches that tell what a producer sent last: its retries must be known after the log was read anew.
class RetainedProducers {
 public:
  explicit RetainedProducers(const ProducerStateTable& producers);
  bool needs(const record::HeaderView& batch) const;

 private:
  struct Producer {
    ProducerEpoch epoch = kNoProducerEpoch;
    std::uint8_t batch_count = 0;
    std::array<Offset, ProducerState::kBatchesKept> last_offsets{};
  };
  std::unordered_map<ProducerId, Producer> producers_;
};

struct FilteredBatch {
  enum class Fate : std::uint8_t { dropped, whole, rewritten, emptied };
  Fate fate = Fate::dropped;
  Slice bytes;  // of a batch that is rewritten or emptied
  std::int32_t records_read = 0;
  std::int32_t records_kept = 0;
};

class BatchFilter {
 public:
  struct Rules {
    TimestampMs now_ms = 0;
    std::int64_t delete_retention_ms = 0;
  };
  // All are borrowed. `codecs`: for this filter alone.
  BatchFilter(const OffsetMap& map, CleanedTransactions& transactions, const RetainedProducers& producers,
              Rules rules, record::Codecs& codecs)
      : map_(map), transactions_(transactions), producers_(producers), rules_(rules), codecs_(codecs) {}

  // Every batch of the pass in its order. With `keeps_end` the batch stays although it may be empty, as the
  // one that says where its segment ends. Errc::corrupt, Errc::too_large.
  Result<FilteredBatch> filter(const record::BatchView& batch, bool keeps_end);

 private:
  struct Chosen {
    std::int32_t read = 0;
    std::int32_t kept = 0;
    bool tombstones = false;  // among those that are kept
  };
  Result<Chosen> choose(const record::BatchView& batch, ByteView records);
  bool is_wanted(const record::RecordView& record, const record::BatchView& batch) const;
  bool past_horizon(const record::HeaderView& batch) const;
  Result<Slice> rewrite(const record::BatchView& batch, ByteView records, bool sets_horizon);

  const OffsetMap& map_;
  CleanedTransactions& transactions_;
  const RetainedProducers& producers_;
  Rules rules_;
  record::Codecs& codecs_;
  std::vector<char> wanted_;  // by record of the batch at hand
};

}  // namespace moldau::storage
