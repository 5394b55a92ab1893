// A run of batches as a fetch response, a follower's append or a segment has it, perhaps cut off at its end.
#include "fuzz/batches.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "record/record.h"
#include "record/validate.h"

namespace moldau::fuzz {
namespace {

constexpr std::size_t kMaxSize = 512;

void check_control(const record::BatchView& batch) {
  const auto control = record::read_control_record(batch);
  if (!control) return;
  MOLDAU_ASSERT(control->value.size() <= batch.size());
  (void)record::coordinator_epoch_of(*control);
}

void read_records(const record::BatchView& batch) {
  record::RecordReader reader(batch, batch.records());
  Offset before = -1;
  std::size_t bytes = 0;
  for (record::RecordView record;;) {
    const auto more = reader.next(record);
    if (!more) return;
    if (!*more) break;
    MOLDAU_ASSERT(record.offset_delta > before && record.offset_delta <= batch.last_offset_delta());
    before = record.offset_delta;
    bytes += record.bytes.size();
  }
  MOLDAU_ASSERT(bytes == batch.records().size(), "bytes of a batch belong to no record");
}

void check_batch(const record::BatchView& batch, ByteView where) {
  MOLDAU_ASSERT(batch.size() <= where.size() && batch.size() >= record::kHeaderSize);
  MOLDAU_ASSERT(record::peek_batch_size(where.first(record::kPeekSize)) == batch.size());
  if (record::check_stored_batch(batch, 0)) {
    MOLDAU_ASSERT(
        batch.crc_matches() && batch.base_offset() >= 0 && batch.next_offset() > batch.base_offset(),
        "a stored batch passes that has a wrong checksum or offsets that cannot be");
  }
  if (!batch.is_compressed()) read_records(batch);
  if (batch.is_control()) check_control(batch);
}

void run(ByteView bytes) {
  const auto measured = record::measure_batches(bytes);
  record::BatchReader reader(bytes);
  std::size_t count = 0;
  std::size_t at = 0;
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    MOLDAU_ASSERT(more.has_value() == measured.has_value() || more.has_value(),
                  "measured, but not to be read");
    if (!more) return;
    if (!*more) break;
    check_batch(batch, bytes.subspan(at));
    at += batch.size();
    ++count;
  }
  MOLDAU_ASSERT(measured && measured->batch_count == count && measured->size_bytes == at);
  MOLDAU_ASSERT(reader.rest().size() == bytes.size() - at);
}

void seeds(Seeds& seeds) {
  Buffer all;
  for (const Slice& batch : sample_batches(17, 3)) {
    seeds.add(batch.view());
    if (all.size() + batch.size() > kMaxSize) all.clear();
    all.append(batch);
    seeds.add(all.view());
    seeds.add(all.view().first(all.size() - 7));
  }
}

MOLDAU_FUZZ_TARGET(batch_run, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
