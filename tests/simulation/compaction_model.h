// CompactionModel: what a compacted log may look like, whatever was written to it, compacted, cut and lost
// (reliability.md I-S5, ST-12 to ST-16; KIP-58, KIP-354, KIP-534). Pure: it is told what was appended, and
// judges what a reader sees.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/ids.h"

namespace moldau::simulation {

struct KeyedRecord {
  Offset offset = 0;
  TimestampMs timestamp = 0;
  std::string key;
  std::optional<std::string> value;
  friend bool operator==(const KeyedRecord&, const KeyedRecord&) = default;
};

// A batch as it was appended. Without records: the marker that ends a transaction.
struct WrittenBatch {
  Offset base_offset = 0;
  Offset next_offset = 0;
  std::vector<KeyedRecord> records;
  ProducerId producer_id = kNoProducerId;
  Sequence sequence = kNoSequence;
  bool transactional = false;
  std::optional<bool> commits;  // of a marker
  bool is_marker() const { return commits.has_value(); }
};

// A replica, as a reader finds it.
struct CompactedView {
  Offset start = 0;
  Offset end = 0;
  Offset first_dirty = 0;  // when the reading began
  Offset stable_end = 0;   // read_committed sees what lies below
  TimestampMs now_ms = 0;  // when the reading had ended
  std::vector<KeyedRecord> all;
  std::vector<KeyedRecord> committed;
};

struct CompactionPromises {
  Offset high_watermark = 0;  // as far as compaction was ever allowed to go, or more
  std::int64_t delete_retention_ms = 0;
  std::int64_t min_compaction_lag_ms = 0;
};

class CompactionModel {
 public:
  void append(WrittenBatch batch) { batches_.push_back(std::move(batch)); }
  // What reaches beyond `end` is gone.
  void cut(Offset end);
  Offset end() const { return batches_.empty() ? 0 : batches_.back().next_offset; }
  const std::vector<WrittenBatch>& batches() const { return batches_; }

  // What this producer sends next, and what it sent last.
  Sequence next_sequence(ProducerId producer) const;
  const WrittenBatch* last_of(ProducerId producer) const;
  std::set<ProducerId> open_transactions() const;
  // How the open transaction of this producer ends, once that was decided: a marker that was cut comes again,
  // and who had it may have compacted what it decides.
  std::optional<bool> decision_of(ProducerId producer) const;

  // Empty when all is well, else what is wrong, in words.
  std::string check(const CompactedView& view, const CompactionPromises& promises) const;

 private:
  struct Judged {
    std::map<Offset, const KeyedRecord*> records;  // all
    std::set<Offset> aborted;
    std::set<Offset> open;
    Offset first_open =
        0;  // where the first transaction that has not ended begins, of what is left, or the end
  };
  Judged judge(Offset start, Offset end) const;
  // Where the transaction begins that this batch is in, or ends.
  Offset beginning_of(std::size_t batch) const;

  std::vector<WrittenBatch> batches_;
  std::map<Offset, bool> decided_;  // by where they begin, of what was ever decided
};

}  // namespace moldau::simulation
