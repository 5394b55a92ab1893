// The records inside a batch: views into its uncompressed bytes and a checked walk over them. No memory is
// taken per record. Lengths, counts and varints are believed only after they were checked against the bytes.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "record/batch.h"
#include "record/codec.h"

namespace moldau::record {

struct HeaderEntry {
  std::string_view key;  // UTF-8 by contract, not checked here
  std::optional<ByteView> value;
};

// The headers of one record, decoded as one walks; their form was checked when the record was read.
class RecordHeaders {
 public:
  RecordHeaders() = default;
  // REQUIRES: `bytes` holds exactly `count` well-formed headers.
  RecordHeaders(std::int32_t count, ByteView bytes) : count_(count), bytes_(bytes) {}

  std::int32_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  ByteView bytes() const { return bytes_; }

  class Iterator {
   public:
    Iterator(std::int32_t left, ByteView rest);
    const HeaderEntry& operator*() const { return entry_; }
    const HeaderEntry* operator->() const { return &entry_; }
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.left_ == b.left_; }

   private:
    void decode();
    std::int32_t left_;
    ByteView rest_;
    HeaderEntry entry_;
  };
  Iterator begin() const { return Iterator(count_, bytes_); }
  Iterator end() const { return Iterator(0, {}); }

 private:
  std::int32_t count_ = 0;
  ByteView bytes_;
};

struct RecordView {
  Offset offset = kNoOffset;
  TimestampMs timestamp = kNoTimestamp;  // the batch's append time if it has one
  Sequence sequence = kNoSequence;
  std::optional<ByteView> key;
  std::optional<ByteView> value;
  RecordHeaders headers;
  std::int32_t offset_delta = 0;
  std::int64_t timestamp_delta = 0;
  ByteView bytes;  // the whole record, its length field included
};

// Forward walk over the records of a batch.
class RecordReader {
 public:
  // `records`: the uncompressed records of `batch`; both are borrowed.
  RecordReader(const HeaderView& batch, ByteView records);

  // True: `record` is the next one. False: all records that the header counts were read and no byte is left.
  // Errc::corrupt: a length, count or varint lies, bytes or records are left over, offset deltas do not rise.
  Result<bool> next(RecordView& record);

 private:
  Offset base_offset_;
  TimestampMs base_timestamp_;
  std::optional<TimestampMs> append_time_;
  Sequence base_sequence_;
  std::int32_t last_offset_delta_;
  std::int32_t offset_delta_ = -1;  // of the record before
  std::int32_t left_;
  ByteView rest_;
};

// The uncompressed records of a batch: the batch's own bytes, or `codecs`' scratch (valid until its next
// use). Errors: as Codecs::decompress; Errc::unsupported for a codec id that means nothing.
Result<ByteView> uncompressed_records(const BatchView& batch, Codecs& codecs, std::size_t max_size_bytes);

}  // namespace moldau::record
