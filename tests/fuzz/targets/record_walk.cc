// The two walks over records, the fast one of validation and the full one of readers, take the same bytes for
// records and the same for none.
#include "record/record_walk.h"

#include "fuzz/batches.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "record/record.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 256;

struct Found {
  std::int32_t records = 0;
  std::size_t keys = 0;
  std::int64_t timestamps = 0;
  friend bool operator==(const Found&, const Found&) = default;
};

void note(Found& found, bool has_key, std::int64_t timestamp_delta) {
  ++found.records;
  found.keys += has_key;
  found.timestamps = record::wrapping_add(found.timestamps, timestamp_delta);
}

// Stops where offset deltas stop to rise: that is no matter of a record's form.
Found walk_fast(ByteView records) {
  Found found;
  record::Cursor cursor(records);
  std::int32_t before = -1;
  for (record::RecordFacts facts; record::walk_record(cursor, facts) && facts.offset_delta > before;) {
    before = facts.offset_delta;
    note(found, facts.has_key, facts.timestamp_delta);
  }
  return found;
}

Found walk_fully(ByteView records, ByteView header) {
  Found found;
  record::RecordReader reader(record::HeaderView::trusted(header), records);
  record::RecordView record;
  for (auto more = reader.next(record); more && *more; more = reader.next(record)) {
    std::int32_t headers = 0;
    for (const record::HeaderEntry& entry : record.headers) {
      MOLDAU_ASSERT(entry.key.size() <= record.bytes.size());
      ++headers;
    }
    MOLDAU_ASSERT(headers == record.headers.size());
    note(found, record.key.has_value(), record.timestamp_delta);
  }
  return found;
}

// Of a batch that has room for every record that could come.
std::array<std::byte, record::kHeaderSize> roomy_header() {
  std::array<std::byte, record::kHeaderSize> header{};
  store_be<std::int32_t>(header.data() + record::kLastOffsetDeltaAt, 0x7fffffff);
  store_be<std::int32_t>(header.data() + record::kRecordCountAt, 0x7fffffff);
  return header;
}

void run(ByteView bytes) {
  static const auto header = roomy_header();
  MOLDAU_ASSERT(walk_fast(bytes) == walk_fully(bytes, header), "the two walks disagree");
}

void seeds(Seeds& seeds) {
  for (const Slice& batch : sample_batches())
    if (const auto view = record::BatchView::trusted(batch); !view.is_compressed()) seeds.add(view.records());
}

MOLDAU_FUZZ_TARGET(record_walk, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
