// A producer snapshot file: refused, or a table that keeps its own rules and reads the same after it was
// written. Half of the inputs get a right checksum, since nothing else comes past it.
#include "base/crc32c.h"
#include "fuzz/allocations.h"
#include "fuzz/batches.h"
#include "fuzz/input.h"
#include "fuzz/target.h"
#include "storage/producer_state.h"

namespace moldau::fuzz {
namespace {

using storage::ProducerState;
using storage::ProducerStateTable;

constexpr std::size_t kMaxSize = 512;
constexpr std::size_t kChecksumAt = 2;
constexpr std::size_t kCountAt = 6;
constexpr std::size_t kEntriesAt = 10;
constexpr std::size_t kEntrySize = 46;

// With the checksum and the count that it should have.
std::vector<std::byte> mended(ByteView bytes) {
  std::vector<std::byte> file(bytes.begin(), bytes.end());
  if (file.size() < kEntriesAt) return file;
  file.resize(kEntriesAt + (file.size() - kEntriesAt) / kEntrySize * kEntrySize);
  store_be<std::int16_t>(file.data(), 1);
  store_be<std::int32_t>(file.data() + kCountAt,
                         static_cast<std::int32_t>((file.size() - kEntriesAt) / kEntrySize));
  store_be<std::uint32_t>(file.data() + kChecksumAt, crc32c(ByteView(file).subspan(kCountAt)));
  return file;
}

void check_equal(const ProducerState& a, const ProducerState& b) {
  MOLDAU_ASSERT(a.producer_id == b.producer_id && a.epoch == b.epoch && a.batch_count == b.batch_count);
  MOLDAU_ASSERT(a.last_sequence() == b.last_sequence() && a.last_offset() == b.last_offset());
  MOLDAU_ASSERT(a.coordinator_epoch == b.coordinator_epoch && a.last_timestamp == b.last_timestamp);
  MOLDAU_ASSERT(a.transaction_first_offset == b.transaction_first_offset);
}

void check_written(const ProducerStateTable& table) {
  const auto again = ProducerStateTable::decode(table.encode());
  MOLDAU_ASSERT(again.has_value(), "a snapshot that was written cannot be read");
  MOLDAU_ASSERT(again->producers().size() == table.producers().size());
  for (const auto& [id, state] : table.producers()) {
    const auto found = again->producers().find(id);
    MOLDAU_ASSERT(found != again->producers().end());
    check_equal(state, found->second);
  }
}

// What a log does with a table, whatever was in it.
void use(ProducerStateTable table, const Slice& batch, Offset high_watermark) {
  const auto view = record::BatchView::trusted(batch);
  (void)table.check_client_batch(view);
  const auto unstable = table.first_unstable_offset(high_watermark);
  table.append(view);
  const auto later = table.first_unstable_offset(high_watermark);
  MOLDAU_ASSERT(!unstable || (later && *later <= *unstable), "an append ends a transaction");
  (void)table.append(storage::TransactionMarker{.producer_id = view.producer_id(),
                                                .producer_epoch = view.producer_epoch(),
                                                .coordinator_epoch = 3,
                                                .aborted = true,
                                                .offset = high_watermark,
                                                .timestamp = 5});
  MOLDAU_ASSERT(!table.producers().at(view.producer_id()).in_transaction());
  table.expire(1'000'000, 1000);  // counts as idle from here on who has appended since the last call
  table.expire(1'002'000, 1000);
  for (const auto& [id, state] : table.producers())
    MOLDAU_ASSERT(state.in_transaction() || state.idle_since_ms > 1'001'000, "an idle producer is kept");
}

void check(ByteView file, const Slice& batch, Offset high_watermark) {
  const Allocations allocations;
  const auto table = ProducerStateTable::decode(file);
  MOLDAU_ASSERT(allocations.total() <= file.size() * 32 + 1024);
  if (!table) {
    MOLDAU_ASSERT(table.error().code == Errc::corrupt);
    return;
  }
  MOLDAU_ASSERT(table->producers().size() <= file.size() / kEntrySize);
  for (const auto& [id, state] : table->producers())
    MOLDAU_ASSERT(state.producer_id == id && state.batch_count <= ProducerState::kBatchesKept);
  check_written(*table);
  use(*table, batch, high_watermark);
}

void run(ByteView bytes) {
  static const Slice batch =
      sample_batch({.base_offset = 50, .producer_id = 9, .sequence = 4, .transactional = true});
  Input in(bytes);
  const bool mend = in.flag();
  const Offset high_watermark = in.byte();
  if (!mend) return check(in.rest(), batch, high_watermark);
  check(mended(in.rest()), batch, high_watermark);
}

void seeds(Seeds& seeds) {
  ProducerStateTable table;
  for (int i = 0; i < 6; ++i) {
    table.append(record::BatchView::trusted(sample_batch({.base_offset = 10 * i,
                                                          .producer_id = 7 + i % 3,
                                                          .sequence = i / 3 * 3,
                                                          .transactional = i % 3 == 1})));
    Buffer seed;
    seed.append_be<std::uint8_t>(static_cast<std::uint8_t>(i % 2));
    seed.append_be<std::uint8_t>(20);
    seed.append(table.encode());
    if (seed.size() <= kMaxSize) seeds.add(seed.view());
  }
}

MOLDAU_FUZZ_TARGET(producer_snapshot, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
