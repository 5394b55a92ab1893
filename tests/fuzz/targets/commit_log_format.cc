// The blocks of a commit log's file: headers, record headers and entries decode to what encodes to them
// again.
#include "storage/commit_log_format.h"

#include "base/crc32c.h"
#include "fuzz/input.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

namespace format = storage::commit_format;
using storage::CommitLog;

constexpr std::size_t kMaxSize = 320;
constexpr std::size_t kHeaderBytes = 64;

// With magic, version and checksum as they should be.
std::vector<std::byte> mended(ByteView bytes, std::uint32_t magic) {
  std::vector<std::byte> header(bytes.begin(), bytes.end());
  header.resize(std::max(header.size(), kHeaderBytes));
  store_be<std::uint32_t>(header.data(), magic);
  store_be<std::uint16_t>(header.data() + 4, 1);
  store_be<std::uint32_t>(header.data() + 8, crc32c(ByteView(header).subspan(12, kHeaderBytes - 12),
                                                    crc32c(ByteView(header).first(8))));
  return header;
}

void file_header(ByteView bytes) {
  const auto header = format::FileHeader::decode(bytes);
  if (!header) return;
  MOLDAU_ASSERT(header->capacity % format::kBlock == 0 && header->capacity >= format::kBlock);
  MOLDAU_ASSERT(header->start >= 0 && header->durable >= header->start);
  const auto block = header->encode();
  const auto again = format::FileHeader::decode(block);
  MOLDAU_ASSERT(again && again->encode() == block, "a header changes by being written");
}

void record_header(ByteView bytes) {
  const auto header = format::RecordHeader::decode(bytes);
  if (!header) {
    MOLDAU_ASSERT(!format::body_is_valid(bytes), "a body is valid without its header");
    return;
  }
  MOLDAU_ASSERT(header->position >= 0 && header->size() % format::kBlock == 0);
  MOLDAU_ASSERT(header->size() >= header->body_bytes && header->end() > header->position);
  const bool whole = bytes.size() >= format::kRecordHeader + header->body_bytes;
  if (!whole) MOLDAU_ASSERT(!format::body_is_valid(bytes), "a body is valid that is not there");
  if (!whole) return;
  std::vector<std::byte> record(bytes.begin(), bytes.end());
  record.resize(format::kRecordHeader + header->body_bytes);
  header->encode_before(record);
  MOLDAU_ASSERT(format::body_is_valid(record));
}

void entries(ByteView body) {
  const ByteView whole = body;
  while (!body.empty()) {
    const ByteView before = body;
    const auto entry = format::take_entry(body);
    if (!entry) {
      MOLDAU_ASSERT(entry.error().code == Errc::corrupt && body.data() == before.data());
      return;
    }
    MOLDAU_ASSERT(body.size() < before.size() && entry->partition >= 0 && entry->offset >= 0);
    MOLDAU_ASSERT(entry->batches.empty() || (entry->batches.data() >= whole.data() &&
                                             entry->batches.size() <= before.size() - format::kEntryHeader));
    std::vector<std::byte> bytes(format::kEntryHeader + entry->batches.size());
    format::encode_entry(*entry, bytes);
    ByteView again(bytes);
    const auto copy = format::take_entry(again);
    MOLDAU_ASSERT(copy && again.empty() && copy->offset == entry->offset && copy->kind == entry->kind);
    MOLDAU_ASSERT(copy->topic_id == entry->topic_id && equal(copy->batches, entry->batches));
  }
}

void run(ByteView bytes) {
  Input in(bytes);
  switch (in.below(5)) {
    case 0:
      return file_header(in.rest());
    case 1:
      return file_header(mended(in.rest(), 0x4d434c46));
    case 2:
      return record_header(in.rest());
    case 3:
      return record_header(mended(in.rest(), 0x4d434c52));
    default:
      return entries(in.rest());
  }
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::uint8_t kind, ByteView bytes) {
    Buffer seed;
    seed.append_be<std::uint8_t>(kind);
    seed.append(bytes);
    seeds.add(seed.view());
  };
  const format::FileHeader header{
      .sequence = 3, .file_id = 7, .capacity = 65536, .session = 2, .start = 4096, .durable = 8192};
  add(0, ByteView(header.encode()).first(kHeaderBytes));
  add(1, ByteView(header.encode()).first(kHeaderBytes));
  std::vector<std::byte> record(format::kRecordHeader + format::kEntryHeader + 5);
  const CommitLog::Entry entry{
      .topic_id = {1, 2}, .partition = 3, .leader_epoch = 4, .offset = 5, .batches = as_bytes("batch")};
  format::encode_entry(entry, MutableBytes(record).subspan(format::kRecordHeader));
  add(4, ByteView(record).subspan(format::kRecordHeader));
  format::RecordHeader{
      .file_id = 7, .position = 4096, .session = 2, .body_bytes = format::kEntryHeader + 5, .entries = 1}
      .encode_before(record);
  add(2, record);
  add(3, record);
}

MOLDAU_FUZZ_TARGET(commit_log_format, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
