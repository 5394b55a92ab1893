// A record to print, and words to begin with.
#pragma once

#include "fuzz/batches.h"
#include "record/record.h"

namespace moldau::fuzz {

// The second record of a batch of ours, with its timestamp replaced: people's formats meet peers' timestamps.
inline record::RecordView sample_record(TimestampMs timestamp) {
  static const Slice batch = sample_batch({.records = 2});
  const auto view = record::BatchView::trusted(batch);
  record::RecordReader reader(view, view.records());
  record::RecordView record;
  for (int i = 0; i < 2; ++i) MOLDAU_ASSERT(reader.next(record).value_or(false));
  record.timestamp = timestamp;
  return record;
}

}  // namespace moldau::fuzz
