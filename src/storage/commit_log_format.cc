#include "storage/commit_log_format.h"

#include "base/crc32c.h"

namespace moldau::storage::commit_format {

namespace {

constexpr std::uint32_t kFileMagic = 0x4d434c46;    // "MCLF"
constexpr std::uint32_t kRecordMagic = 0x4d434c52;  // "MCLR"
constexpr std::uint32_t kParkedMagic = 0x4d434c50;  // "MCLP"
constexpr std::uint16_t kVersion = 1;

// Offsets in both kinds of header: magic 0, version 4, flags 6, checksum 8 of what follows it.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kFlagsAt = 6;
constexpr std::size_t kChecksumAt = 8;
constexpr std::size_t kChecksummed = 12;

constexpr std::size_t kFileHeaderBytes = 64;
constexpr std::uint16_t kClosedFlag = 1;
// Record: body checksum 12, file id 16, position 24, durable 32, session 40, body bytes 44, entries 48.
constexpr std::size_t kBodyChecksumAt = 12;

// The flags stand before the checksum's range, so they are folded in.
std::uint32_t header_checksum(ByteView header) {
  return crc32c(header.subspan(kChecksummed), crc32c(header.first(kChecksumAt)));
}

void seal(MutableBytes header, std::uint32_t magic, std::uint16_t flags) {
  store_be<std::uint32_t>(header.data(), magic);
  store_be<std::uint16_t>(header.data() + kVersionAt, kVersion);
  store_be<std::uint16_t>(header.data() + kFlagsAt, flags);
  store_be<std::uint32_t>(header.data() + kChecksumAt, header_checksum(header));
}

bool sealed(ByteView header, std::uint32_t magic) {
  return load_be<std::uint32_t>(header.data()) == magic &&
         load_be<std::uint16_t>(header.data() + kVersionAt) == kVersion &&
         load_be<std::uint32_t>(header.data() + kChecksumAt) == header_checksum(header);
}

}  // namespace

std::array<std::byte, kBlock> FileHeader::encode() const {
  std::array<std::byte, kBlock> block{};
  std::byte* at = block.data();
  store_be<std::uint32_t>(at + 12, session);
  store_be<std::uint64_t>(at + 16, sequence);
  store_be<std::uint64_t>(at + 24, file_id);
  store_be<std::uint64_t>(at + 32, capacity);
  store_be<Position>(at + 40, start);
  store_be<Position>(at + 48, durable);
  seal(MutableBytes(block).first(kFileHeaderBytes), kFileMagic, closed ? kClosedFlag : 0);
  return block;
}

std::optional<FileHeader> FileHeader::decode(ByteView block) {
  if (block.size() < kFileHeaderBytes || !sealed(block.first(kFileHeaderBytes), kFileMagic))
    return std::nullopt;
  const std::byte* at = block.data();
  FileHeader header{
      .sequence = load_be<std::uint64_t>(at + 16),
      .file_id = load_be<std::uint64_t>(at + 24),
      .capacity = load_be<std::uint64_t>(at + 32),
      .session = load_be<std::uint32_t>(at + 12),
      .start = load_be<Position>(at + 40),
      .durable = load_be<Position>(at + 48),
      .closed = (load_be<std::uint16_t>(at + kFlagsAt) & kClosedFlag) != 0,
  };
  const bool sane = header.capacity >= kBlock && header.capacity % kBlock == 0 && header.start >= 0 &&
                    header.start % static_cast<Position>(kBlock) == 0 && header.durable >= header.start;
  return sane ? std::optional(header) : std::nullopt;
}

void RecordHeader::encode_before(MutableBytes record) const {
  MOLDAU_ASSERT(record.size() == kRecordHeader + body_bytes);
  std::byte* at = record.data();
  std::memset(at, 0, kRecordHeader);
  store_be<std::uint32_t>(at + kBodyChecksumAt, crc32c(record.subspan(kRecordHeader)));
  store_be<std::uint64_t>(at + 16, file_id);
  store_be<Position>(at + 24, position);
  store_be<Position>(at + 32, durable);
  store_be<std::uint32_t>(at + 40, session);
  store_be<std::uint32_t>(at + 44, body_bytes);
  store_be<std::uint32_t>(at + 48, entries);
  seal(record.first(kRecordHeader), kRecordMagic, 0);
}

std::optional<RecordHeader> RecordHeader::decode(ByteView bytes) {
  if (bytes.size() < kRecordHeader || !sealed(bytes.first(kRecordHeader), kRecordMagic)) return std::nullopt;
  const std::byte* at = bytes.data();
  RecordHeader header{
      .file_id = load_be<std::uint64_t>(at + 16),
      .position = load_be<Position>(at + 24),
      .durable = load_be<Position>(at + 32),
      .session = load_be<std::uint32_t>(at + 40),
      .body_bytes = load_be<std::uint32_t>(at + 44),
      .entries = load_be<std::uint32_t>(at + 48),
  };
  const bool sane = header.position >= 0 && header.position % static_cast<Position>(kBlock) == 0;
  return sane ? std::optional(header) : std::nullopt;
}

bool body_is_valid(ByteView record) {
  const auto header = RecordHeader::decode(record);
  if (!header || record.size() < kRecordHeader + header->body_bytes) return false;
  return crc32c(record.subspan(kRecordHeader, header->body_bytes)) ==
         load_be<std::uint32_t>(record.data() + kBodyChecksumAt);
}

void ParkedHeader::encode_before(MutableBytes file) const {
  MOLDAU_ASSERT(file.size() == kParkedHeader + body_bytes);
  std::byte* at = file.data();
  std::memset(at, 0, kParkedHeader);
  store_be<std::uint32_t>(at + kBodyChecksumAt, crc32c(file.subspan(kParkedHeader)));
  store_be<std::uint64_t>(at + 16, file_id);
  store_be<Position>(at + 24, up_to);
  store_be<std::uint64_t>(at + 32, body_bytes);
  store_be<std::uint32_t>(at + 40, entries);
  seal(file.first(kParkedHeader), kParkedMagic, 0);
}

std::optional<ParkedHeader> ParkedHeader::decode(ByteView file) {
  if (file.size() < kParkedHeader || !sealed(file.first(kParkedHeader), kParkedMagic)) return std::nullopt;
  const std::byte* at = file.data();
  ParkedHeader header{
      .file_id = load_be<std::uint64_t>(at + 16),
      .up_to = load_be<Position>(at + 24),
      .body_bytes = load_be<std::uint64_t>(at + 32),
      .entries = load_be<std::uint32_t>(at + 40),
  };
  const bool whole = file.size() - kParkedHeader == header.body_bytes && header.up_to >= 0 &&
                     crc32c(file.subspan(kParkedHeader)) == load_be<std::uint32_t>(at + kBodyChecksumAt);
  return whole ? std::optional(header) : std::nullopt;
}

void encode_entry(const CommitLog::Entry& entry, MutableBytes into) {
  MOLDAU_ASSERT(into.size() == kEntryHeader + entry.batches.size());
  std::byte* at = into.data();
  std::memset(at, 0, kEntryHeader);
  store_be<std::uint8_t>(at, static_cast<std::uint8_t>(entry.kind));
  store_be<PartitionIndex>(at + 4, entry.partition);
  store_be<std::uint64_t>(at + 8, entry.topic_id.high);
  store_be<std::uint64_t>(at + 16, entry.topic_id.low);
  store_be<LeaderEpoch>(at + 24, entry.leader_epoch);
  store_be<std::uint32_t>(at + 28, static_cast<std::uint32_t>(entry.batches.size()));
  store_be<Offset>(at + 32, entry.offset);
  if (!entry.batches.empty()) std::memcpy(at + kEntryHeader, entry.batches.data(), entry.batches.size());
}

Result<CommitLog::Entry> take_entry(ByteView& body) {
  if (body.size() < kEntryHeader) return fail(Errc::corrupt, "an entry is cut short");
  const std::byte* at = body.data();
  const auto kind = load_be<std::uint8_t>(at);
  const auto length = load_be<std::uint32_t>(at + 28);
  CommitLog::Entry entry{
      .kind = static_cast<CommitLog::Entry::Kind>(kind),
      .topic_id = {load_be<std::uint64_t>(at + 8), load_be<std::uint64_t>(at + 16)},
      .partition = load_be<PartitionIndex>(at + 4),
      .leader_epoch = load_be<LeaderEpoch>(at + 24),
      .offset = load_be<Offset>(at + 32),
      .batches = {},
  };
  if (kind < 1 || kind > 3)
    return fail(Errc::corrupt, "an entry has the unknown kind " + std::to_string(kind));
  if (length > body.size() - kEntryHeader) return fail(Errc::corrupt, "an entry is longer than its record");
  if (entry.partition < 0 || entry.offset < 0)
    return fail(Errc::corrupt, "an entry has a negative partition or offset");
  entry.batches = body.subspan(kEntryHeader, length);
  body = body.subspan(kEntryHeader + length);
  return entry;
}

}  // namespace moldau::storage::commit_format
