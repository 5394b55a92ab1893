// What a producer sends as a batch: validated, walked, written anew. Whatever validation accepts must be
// sound.
#include "fuzz/allocations.h"
#include "fuzz/batches.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "record/record.h"
#include "record/validate.h"

namespace moldau::fuzz {
namespace {

using record::BatchView;

constexpr std::size_t kMaxSize = 512;
constexpr std::size_t kMostUncompressed = 16 << 10;
constexpr std::size_t kZstdWindow = 129 << 20;  // decompression.h

record::Codecs& codecs() {
  static record::Codecs one;
  return one;
}

record::ValidationRules rules_of(Input& in) {
  record::ValidationRules rules{.max_message_bytes = 400, .now_ms = 1'000'000};
  rules.max_uncompressed_bytes = kMostUncompressed;
  const unsigned choice = in.byte();
  rules.compacted = (choice & 1) != 0;
  rules.zstd_allowed = (choice & 2) == 0;
  if ((choice & 4) != 0) rules.timestamp_type = record::TimestampType::log_append_time;
  if ((choice & 8) != 0) rules.before_max_ms = 1000;
  // Not gzip and zstd: they would take nearly all of the time.
  if ((choice & 16) != 0) rules.compression = record::Compression{.codec = record::Codec::snappy};
  if ((choice & 32) != 0) rules.compression = record::Compression{};
  return rules;
}

struct Walked {
  std::int32_t records = 0;
  TimestampMs max_timestamp = kNoTimestamp;
  bool every_key = true;
};

Walked walk(const BatchView& batch, record::BatchBuilder& copy) {
  const auto bytes = record::uncompressed_records(batch, codecs(), kMostUncompressed);
  MOLDAU_ASSERT(bytes.has_value(), "an accepted batch cannot be decompressed");
  Walked found;
  record::RecordReader reader(batch, *bytes);
  for (record::RecordView record;;) {
    const auto more = reader.next(record);
    MOLDAU_ASSERT(more.has_value(), "an accepted batch has a record that cannot be read");
    if (!*more) return found;
    MOLDAU_ASSERT(record.offset == batch.base_offset() + found.records,
                  "offsets of a produced batch have gaps");
    std::size_t headers = 0;
    for (const record::HeaderEntry& header : record.headers) headers += header.key.size();
    MOLDAU_ASSERT(headers <= record.bytes.size());
    ++found.records;
    found.max_timestamp = std::max(found.max_timestamp, record.timestamp);
    found.every_key = found.every_key && record.key.has_value();
    copy.append_copy(record);
  }
}

// The same records in a new batch read the same.
void check_copy(record::BatchBuilder&& copy, const Walked& found) {
  const Slice built = std::move(copy).build_uncompressed();
  const auto batch = BatchView::at(built);
  MOLDAU_ASSERT(batch && batch->crc_matches() && batch->size() == built.size());
  record::BatchBuilder again({});
  const Walked read = walk(*batch, again);
  MOLDAU_ASSERT(read.records == found.records && read.every_key == found.every_key);
  MOLDAU_ASSERT(read.max_timestamp == found.max_timestamp, "a timestamp changes by being copied");
}

void check_accepted(const record::ValidatedBatch& accepted, const record::ValidationRules& rules) {
  const auto batch = BatchView::at(accepted.bytes);
  MOLDAU_ASSERT(batch && batch->size() == accepted.size_bytes(), "accepted, but no batch");
  MOLDAU_ASSERT(batch->crc_matches() && batch->base_offset() == 0 && !batch->is_control());
  MOLDAU_ASSERT(record::check_stored_batch(*batch, 0).has_value(), "accepted, but it could not be read back");
  MOLDAU_ASSERT(accepted.size_bytes() <= rules.max_message_bytes);
  MOLDAU_ASSERT(batch->record_count() == accepted.record_count && accepted.record_count > 0);
  MOLDAU_ASSERT(batch->max_timestamp() == accepted.max_timestamp);

  record::BatchBuilder copy({});
  const Walked found = walk(*batch, copy);
  MOLDAU_ASSERT(found.records == accepted.record_count);
  MOLDAU_ASSERT(found.max_timestamp == accepted.max_timestamp,
                "the maximum timestamp is not that of a record");
  MOLDAU_ASSERT(found.every_key || !rules.compacted, "a record without a key in a compacted topic");
  check_copy(std::move(copy), found);
}

void validate(ByteView bytes, const record::ValidationRules& rules) {
  const Allocations allocations;
  const auto accepted = record::validate_for_append(Slice::borrow(bytes), rules, codecs());
  MOLDAU_ASSERT(allocations.largest() <= kMostUncompressed + kZstdWindow, "more memory than the limit");
  if (accepted) return check_accepted(*accepted, rules);
  MOLDAU_ASSERT(!accepted.error().message.empty() || !accepted.error().record_errors.empty());
  MOLDAU_ASSERT(accepted.error().record_errors.size() <= record::kMaxRecordErrors);
}

void run(ByteView bytes) {
  Input in(bytes);
  const record::ValidationRules rules = rules_of(in);
  if (in.flag()) return validate(in.rest(), rules);
  validate(mended_batch(in.rest()), rules);
}

void seeds(Seeds& seeds) {
  for (const Slice& batch : sample_batches())
    for (const int choice : {0, 5, 16, 33}) {
      Buffer seed;
      seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(choice));
      seed.append_be<std::uint8_t>(0);
      seed.append(batch);
      seeds.add(seed.view());
    }
}

MOLDAU_FUZZ_TARGET(record_batch, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
