// The file form of ProducerStateTable: int16 version 1, uint32 CRC-32C of all that follows, int32 count,
// entries. Kafka keeps only the last batch of each producer there, and the last entry of a producer counts
// for it; here each of its batches has an entry, oldest first, so that every retry is known after a restart
// too.
#include <algorithm>
#include <string>

#include "base/crc32c.h"
#include "storage/producer_state.h"

namespace moldau::storage {
namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCountAt = 6;
constexpr std::size_t kEntriesAt = 10;
constexpr std::size_t kEntrySize = 46;

void encode_entry(const ProducerState& state, const AppendedBatch& batch, TimestampMs timestamp,
                  Buffer& out) {
  out.append_be(state.producer_id);
  out.append_be(state.epoch);
  out.append_be(batch.last_sequence);
  out.append_be(batch.last_offset);
  out.append_be(batch.offset_delta);
  out.append_be(timestamp);
  out.append_be(state.coordinator_epoch);
  out.append_be(state.transaction_first_offset);
}

void encode_producer(const ProducerState& state, Buffer& out) {
  for (int i = 0; i + 1 < state.batch_count; ++i) {
    const AppendedBatch& batch = state.batches[static_cast<std::size_t>(i)];
    encode_entry(state, batch, batch.timestamp, out);
  }
  const AppendedBatch last = state.batch_count == 0 ? AppendedBatch{} : state.batches[state.batch_count - 1];
  encode_entry(state, last, state.last_timestamp, out);
}

std::size_t entries_of(const ProducerState& state) { return std::max<std::size_t>(1, state.batch_count); }

// `before`: what the producer's entries so far say.
ProducerState decode_entry(const std::byte* at, ProducerState before) {
  ProducerState state = std::move(before);
  const auto epoch = load_be<std::int16_t>(at + 8);
  if (epoch != state.epoch) state = {};
  state.producer_id = load_be<std::int64_t>(at);
  state.epoch = epoch;
  state.last_timestamp = load_be<std::int64_t>(at + 26);
  state.coordinator_epoch = load_be<std::int32_t>(at + 34);
  state.transaction_first_offset = load_be<std::int64_t>(at + 38);
  const AppendedBatch last{load_be<std::int32_t>(at + 10), load_be<std::int32_t>(at + 22),
                           load_be<std::int64_t>(at + 14), state.last_timestamp};
  if (last.last_sequence != kNoSequence || last.last_offset != kNoOffset) state.add(last);
  state.idle_since_ms = state.last_timestamp;
  return state;
}

}  // namespace

Slice ProducerStateTable::encode() const {
  std::size_t entries = 0;
  for (const auto& [id, state] : producers_) entries += entries_of(state);
  Buffer out(kEntriesAt + entries * kEntrySize);
  out.append_be(kVersion);
  out.append_be<std::uint32_t>(0);
  out.append_be(static_cast<std::int32_t>(entries));
  for (const auto& [id, state] : producers_) encode_producer(state, out);
  store_be<std::uint32_t>(out.data() + 2, crc32c(out.view().subspan(kCountAt)));
  return std::move(out).to_slice();
}

Result<ProducerStateTable> ProducerStateTable::decode(ByteView bytes) {
  if (bytes.size() < kEntriesAt) return fail(Errc::corrupt, "the producer snapshot is cut short");
  if (load_be<std::int16_t>(bytes.data()) != kVersion) {
    return fail(Errc::corrupt, "the producer snapshot has an unknown version");
  }
  if (load_be<std::uint32_t>(bytes.data() + 2) != crc32c(bytes.subspan(kCountAt))) {
    return fail(Errc::corrupt, "the producer snapshot's checksum is wrong");
  }
  const auto count = load_be<std::int32_t>(bytes.data() + kCountAt);
  if (count < 0 || bytes.size() - kEntriesAt != static_cast<std::size_t>(count) * kEntrySize) {
    return fail(Errc::corrupt, "the producer snapshot does not hold the number of entries that it names");
  }
  ProducerStateTable table;
  for (bytes = bytes.subspan(kEntriesAt); !bytes.empty(); bytes = bytes.subspan(kEntrySize)) {
    const auto known = table.producers_.find(load_be<std::int64_t>(bytes.data()));
    const ProducerState state =
        decode_entry(bytes.data(), known == table.producers_.end() ? ProducerState() : known->second);
    if (state.in_transaction())
      table.open_transactions_.emplace(state.transaction_first_offset, state.producer_id);
    table.producers_.insert_or_assign(state.producer_id, state);
  }
  return table;
}

}  // namespace moldau::storage
