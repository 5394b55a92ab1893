// The file form of ProducerStateTable: int16 version 1, uint32 CRC-32C of all that follows, int32 count,
// entries. Kafka keeps only the last batch of each producer there.
#include <string>

#include "base/crc32c.h"
#include "storage/producer_state.h"

namespace moldau::storage {
namespace {

constexpr std::int16_t kVersion = 1;
constexpr std::size_t kCountAt = 6;
constexpr std::size_t kEntriesAt = 10;
constexpr std::size_t kEntrySize = 46;

void encode_entry(const ProducerState& state, Buffer& out) {
  const AppendedBatch last = state.batch_count == 0 ? AppendedBatch{} : state.batches[state.batch_count - 1];
  out.append_be(state.producer_id);
  out.append_be(state.epoch);
  out.append_be(last.last_sequence);
  out.append_be(last.last_offset);
  out.append_be(last.offset_delta);
  out.append_be(state.last_timestamp);
  out.append_be(state.coordinator_epoch);
  out.append_be(state.transaction_first_offset);
}

ProducerState decode_entry(const std::byte* at) {
  ProducerState state;
  state.producer_id = load_be<std::int64_t>(at);
  state.epoch = load_be<std::int16_t>(at + 8);
  state.last_timestamp = load_be<std::int64_t>(at + 26);
  state.coordinator_epoch = load_be<std::int32_t>(at + 34);
  state.transaction_first_offset = load_be<std::int64_t>(at + 38);
  const AppendedBatch last{load_be<std::int32_t>(at + 10), load_be<std::int32_t>(at + 22),
                           load_be<std::int64_t>(at + 14), state.last_timestamp};
  if (last.last_sequence != kNoSequence || last.last_offset != kNoOffset) state.add(last);
  return state;
}

}  // namespace

Slice ProducerStateTable::encode() const {
  Buffer out(kEntriesAt + producers_.size() * kEntrySize);
  out.append_be(kVersion);
  out.append_be<std::uint32_t>(0);
  out.append_be(static_cast<std::int32_t>(producers_.size()));
  for (const auto& [id, state] : producers_) encode_entry(state, out);
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
    return fail(Errc::corrupt, "the producer snapshot does not hold the number of producers that it names");
  }
  ProducerStateTable table;
  for (bytes = bytes.subspan(kEntriesAt); !bytes.empty(); bytes = bytes.subspan(kEntrySize)) {
    const ProducerState state = decode_entry(bytes.data());
    if (state.in_transaction())
      table.open_transactions_.emplace(state.transaction_first_offset, state.producer_id);
    table.producers_.insert_or_assign(state.producer_id, state);
  }
  return table;
}

}  // namespace moldau::storage
