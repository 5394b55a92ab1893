// Record batches for targets and seeds.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "record/batch.h"
#include "record/builder.h"
#include "record/control.h"

namespace moldau::fuzz {

// A copy of what should be a batch, its length and checksum put right: without them nothing that lies behind
// the checksum would ever be reached. Empty when the bytes are too few for a header.
inline std::vector<std::byte> mended_batch(ByteView bytes) {
  std::vector<std::byte> batch(bytes.begin(), bytes.end());
  if (batch.size() < record::kHeaderSize) return {};
  store_be<std::int32_t>(batch.data() + record::kLengthAt,
                         static_cast<std::int32_t>(batch.size() - record::kLogOverhead));
  batch[record::kMagicAt] = std::byte{record::kMagic};
  record::set_crc(batch);
  return batch;
}

struct SampleBatch {
  int records = 3;
  record::Codec codec = record::Codec::none;
  Offset base_offset = 0;
  LeaderEpoch epoch = kNoEpoch;
  ProducerId producer_id = kNoProducerId;
  Sequence sequence = kNoSequence;
  TimestampMs timestamp = 1'000;
  bool transactional = false;
};

inline Slice sample_batch(const SampleBatch& sample) {
  record::BatchFields fields{.base_offset = sample.base_offset,
                             .partition_leader_epoch = sample.epoch,
                             .producer_id = sample.producer_id,
                             .base_sequence = sample.sequence,
                             .compression = {.codec = sample.codec},
                             .transactional = sample.transactional};
  if (sample.producer_id >= 0) fields.producer_epoch = 0;
  record::BatchBuilder builder(fields);
  const record::HeaderEntry header{.key = "h", .value = as_bytes("x")};
  for (int i = 0; i < sample.records; ++i) {
    const std::string value = "value " + std::to_string(i);
    builder.append({.timestamp = sample.timestamp + i,
                    .key = i % 2 == 0 ? std::optional(as_bytes("key")) : std::nullopt,
                    .value = as_bytes(value),
                    .headers = {&header, i % 3 == 1 ? 1u : 0u}});
  }
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

// One of each kind.
inline std::vector<Slice> sample_batches(Offset base_offset = 0, LeaderEpoch epoch = kNoEpoch) {
  std::vector<Slice> all;
  for (int codec = 0; codec <= 4; ++codec)
    all.push_back(sample_batch(
        {.codec = static_cast<record::Codec>(codec), .base_offset = base_offset, .epoch = epoch}));
  all.push_back(sample_batch(
      {.records = 1, .base_offset = base_offset, .epoch = epoch, .producer_id = 9, .sequence = 4}));
  all.push_back(sample_batch(
      {.base_offset = base_offset, .epoch = epoch, .producer_id = 9, .sequence = 0, .transactional = true}));
  all.push_back(record::end_transaction_batch(
      {.committed = true, .producer_id = 9, .producer_epoch = 0, .timestamp = 5}, epoch, base_offset));
  return all;
}

}  // namespace moldau::fuzz
