// A log of any batches, with right checksums, through both passes of compaction: what is kept of a batch is
// sound, has its place, offsets and producer, and is a part of what was there.
#include "storage/batch_filter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "fuzz/log_bytes.h"
#include "fuzz/target.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 768;
constexpr std::size_t kMaxUncompressed = 1 << 20;

// The keys of a batch's records, or nothing when they cannot be read.
std::optional<std::vector<std::pair<Offset, std::optional<std::string>>>> keys_of(
    const record::BatchView& batch, record::Codecs& codecs) {
  std::vector<std::pair<Offset, std::optional<std::string>>> keys;
  const auto records = record::uncompressed_records(batch, codecs, kMaxUncompressed);
  if (!records) return std::nullopt;
  record::RecordReader reader(batch, *records);
  for (record::RecordView record;;) {
    const auto more = reader.next(record);
    if (!more) return std::nullopt;
    if (!*more) return keys;
    keys.emplace_back(record.offset, std::nullopt);
    if (record.key) keys.back().second = std::string(as_text(*record.key));
  }
}

bool contains(const std::vector<std::pair<Offset, std::optional<std::string>>>& all,
              const std::pair<Offset, std::optional<std::string>>& one) {
  return std::ranges::find(all, one) != all.end();
}

void check(const record::BatchView& batch, const storage::FilteredBatch& filtered, record::Codecs& codecs) {
  using Fate = storage::FilteredBatch::Fate;
  if (filtered.fate == Fate::dropped || filtered.fate == Fate::whole) return;
  const auto kept = record::BatchView::at(filtered.bytes);
  MOLDAU_ASSERT(kept && kept->size() == filtered.bytes.size());
  MOLDAU_ASSERT(record::check_stored_batch(*kept, batch.base_offset()), "what is kept is no sound batch");
  MOLDAU_ASSERT(kept->base_offset() == batch.base_offset() && kept->last_offset() == batch.last_offset());
  MOLDAU_ASSERT(kept->producer_id() == batch.producer_id() && kept->base_sequence() == batch.base_sequence());
  MOLDAU_ASSERT(kept->record_count() == filtered.records_kept);
  if (filtered.fate == Fate::emptied) MOLDAU_ASSERT(kept->record_count() == 0);
  const auto before = keys_of(batch, codecs);
  const auto after = keys_of(*kept, codecs);
  MOLDAU_ASSERT(after, "what is kept cannot be read");
  for (const auto& one : *after) MOLDAU_ASSERT(before && contains(*before, one), "a record of nobody's");
}

void run(ByteView bytes) {
  Input in(bytes);
  const std::size_t slots = in.below(20);
  const bool past = in.flag();
  const auto log = log_bytes(in, 0);
  const SoundPart sound = sound_part(log, 0, true);
  const ByteView whole = ByteView(log).first(sound.bytes);
  record::Codecs codecs;
  storage::OffsetMap map(slots * storage::OffsetMap::kSlotSize, 0.9, storage::KeyHasher(1, 2));
  storage::ProducerStateTable producers;
  record::BatchReader first(whole);
  for (record::BatchView batch; first.next(batch).value_or(false);) {
    if (batch.has_producer_id()) storage::note_producer(producers, batch, batch);
    const auto keys = batch.is_control() ? std::nullopt : keys_of(batch, codecs);
    if (!keys) continue;
    for (const auto& [offset, key] : *keys) {
      if (key && offset > map.latest_offset()) map.put(as_bytes(*key), offset);
    }
  }
  storage::CleanedTransactions transactions({});
  const storage::RetainedProducers retained(producers);
  storage::BatchFilter filter(map, transactions, retained,
                              {.now_ms = past ? 1LL << 60 : 0, .delete_retention_ms = 10}, codecs);
  record::BatchReader second(whole);
  for (record::BatchView batch; second.next(batch).value_or(false);) {
    const auto filtered = filter.filter(batch, second.rest().empty());
    if (!filtered) {
      const Errc code = filtered.error().code;
      MOLDAU_ASSERT(code == Errc::corrupt || code == Errc::truncated || code == Errc::too_large ||
                    code == Errc::unsupported);
      return;
    }
    check(batch, *filtered, codecs);
  }
}

void seeds(Seeds& seeds) {
  const auto add = [&](std::string_view text) { seeds.add(text); };
  add({"\x08\x00\x03\x00\x04\x08", 6});
  add({"\x08\x01\x04\x08\x0c\x10\x04", 7});
  add({"\x01\x00\x04\x04\x04\x04\x04", 7});
}

MOLDAU_FUZZ_TARGET(batch_filter, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
