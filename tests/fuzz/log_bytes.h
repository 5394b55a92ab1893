// Bytes of a segment file put together from an input: whole batches of ours in a row, batches of the input's
// own with a right checksum, and plain bytes between and after them.
#pragma once

#include "fuzz/batches.h"
#include "fuzz/input.h"
#include "record/validate.h"

namespace moldau::fuzz {

// Small batches of each kind, made once.
inline const std::vector<Slice>& stock() {
  static const auto all = [] {
    std::vector<Slice> batches;
    batches.push_back(sample_batch({.records = 1}));
    batches.push_back(sample_batch({.records = 3, .producer_id = 9, .sequence = 0}));
    batches.push_back(sample_batch({.records = 2, .producer_id = 9, .sequence = 3, .transactional = true}));
    for (const bool committed : {true, false})
      batches.push_back(record::end_transaction_batch(
          {.committed = committed, .producer_id = 9, .producer_epoch = 0, .timestamp = 5}, kNoEpoch));
    return batches;
  }();
  return all;
}

// One that has the offset and epoch.
inline std::vector<std::byte> stock_batch(std::size_t which, Offset offset, LeaderEpoch epoch) {
  const ByteView bytes = stock()[which % stock().size()];
  std::vector<std::byte> batch(bytes.begin(), bytes.end());
  record::set_base_offset(batch, offset);
  record::set_partition_leader_epoch(batch, epoch);
  return batch;
}

inline void append_to(std::vector<std::byte>& file, ByteView bytes) {
  file.insert(file.end(), bytes.begin(), bytes.end());
}

// `next`: the offset at which the file begins.
inline std::vector<std::byte> log_bytes(Input& in, Offset next) {
  std::vector<std::byte> file;
  for (std::size_t parts = in.below(8); parts > 0 && !in.empty(); --parts) {
    const unsigned kind = in.byte();
    if (kind % 4 != 3) {
      const auto batch = stock_batch(kind / 4, next, static_cast<LeaderEpoch>(kind % 4));
      next = record::BatchView::trusted(batch).next_offset();
      append_to(file, batch);
    } else if ((kind & 4) != 0) {
      append_to(file, mended_batch(in.piece()));
    } else if ((kind & 8) != 0) {
      file.resize(file.size() + in.byte());
    } else {
      append_to(file, in.piece());
    }
  }
  return file;
}

// How far a file holds whole, sound batches without a gap from `next` on, found in the plainest way.
struct SoundPart {
  std::size_t bytes = 0;
  Offset next = 0;
};
inline SoundPart sound_part(ByteView file, Offset next, bool gaps_allowed) {
  const Offset first = next;
  SoundPart sound{0, next};
  for (;;) {
    const ByteView rest = file.subspan(sound.bytes);
    if (rest.size() < record::kHeaderSize) return sound;
    const auto batch = record::BatchView::at(rest);
    if (!batch || !record::check_stored_batch(*batch, sound.next)) return sound;
    if (!gaps_allowed && batch->base_offset() != sound.next) return sound;
    if (batch->last_offset() - first > 0x7fffffff) return sound;
    sound.bytes += batch->size();
    sound.next = batch->next_offset();
  }
}

}  // namespace moldau::fuzz
