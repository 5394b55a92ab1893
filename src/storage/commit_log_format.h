// The bytes of the commit log's file: two copies of a header block, then a ring of records. Encoding and
// checking only, no I/O. Described in commit_log_format.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "storage/commit_log.h"

namespace moldau::storage::commit_format {

using Position = CommitLog::Position;

inline constexpr std::size_t kBlock = 4096;
inline constexpr std::uint64_t kRingOffset = 2 * kBlock;  // in the file, after the header's two copies
inline constexpr std::size_t kRecordHeader = 64;
inline constexpr std::size_t kEntryHeader = 40;
inline constexpr std::size_t kParkedHeader = 64;
inline constexpr std::size_t kMaxRoundBytes = 16ULL << 20;  // of one round, unless a single record is larger

constexpr std::uint64_t round_up(std::uint64_t bytes) { return (bytes + kBlock - 1) / kBlock * kBlock; }

// One copy of the file's header. The copy with the higher sequence that is valid counts.
struct FileHeader {
  std::uint64_t sequence = 0;
  std::uint64_t file_id = 0;
  std::uint64_t capacity = 0;  // of the ring
  std::uint32_t session = 0;   // rises with every open; that of the newest records
  Position start = 0;          // the oldest record that may be needed
  Position durable = 0;        // records below were synced when this was written
  bool closed = false;         // the log ended in order at `durable`

  std::array<std::byte, kBlock> encode() const;
  static std::optional<FileHeader> decode(ByteView block);
};

struct RecordHeader {
  std::uint64_t file_id = 0;
  Position position = 0;  // of this record
  Position durable = 0;   // everything below was synced before this record was written
  std::uint32_t session = 0;
  std::uint32_t body_bytes = 0;
  std::uint32_t entries = 0;

  // Bytes in the ring, with header and padding.
  std::uint64_t size() const { return round_up(kRecordHeader + body_bytes); }
  Position end() const { return position + static_cast<Position>(size()); }

  // Writes the header in front of its body. REQUIRES: record.size() == kRecordHeader + body_bytes.
  void encode_before(MutableBytes record) const;
  // The header when magic, version and its own checksum are right; the body is not looked at.
  static std::optional<RecordHeader> decode(ByteView bytes);
};

// In front of the entries of a file of parked entries.
struct ParkedHeader {
  std::uint64_t file_id = 0;  // of the commit log that they come from
  Position up_to = 0;         // what that one holds for the partition below it is here
  std::uint64_t body_bytes = 0;
  std::uint32_t entries = 0;

  // REQUIRES: file.size() == kParkedHeader + body_bytes.
  void encode_before(MutableBytes file) const;
  // The header of a whole file: checksums and length are right.
  static std::optional<ParkedHeader> decode(ByteView file);
};

// REQUIRES: record begins with a header that decode() accepted and holds the body.
bool body_is_valid(ByteView record);

void encode_entry(const CommitLog::Entry& entry, MutableBytes into);  // kEntryHeader + batches

// Takes one entry from the front of `body`; Errc::corrupt when it does not have the form of one.
Result<CommitLog::Entry> take_entry(ByteView& body);

}  // namespace moldau::storage::commit_format
