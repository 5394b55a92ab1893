#include "cli/dump_log.h"
#include "record/batch.h"
#include "storage/offset_index.h"
#include "storage/producer_state.h"
#include "storage/time_index.h"
#include "storage/transaction_index.h"

namespace moldau::cli {
namespace {

constexpr std::uint64_t kMostIndexBytes = std::uint64_t{1} << 30;

Result<std::unique_ptr<runtime::File>> segment_beside(runtime::Disk& disk, const std::string& path) {
  return disk.open(path.substr(0, path.rfind('.')) + ".log", runtime::OpenMode::read);
}

Result<record::HeaderView> header_at(runtime::File& segment, std::int64_t position,
                                     std::vector<std::byte>& bytes) {
  bytes.resize(record::kHeaderSize);
  ASSIGN_OR_RETURN(const std::size_t read, segment.read_at(static_cast<std::uint64_t>(position), bytes));
  if (read < record::kHeaderSize) return fail(Errc::truncated, "no batch there");
  return record::HeaderView::at(bytes);
}

bool sane(const std::string& path, const Status& decoded, Printer& out) {
  if (decoded)
    out.line(path + " passed sanity check.");
  else
    out.line(path + " failed the sanity check: " + decoded.error().message);
  return decoded.has_value();
}

// A batch whose last offset the index does not name right.
struct Mismatch {
  Offset indexed;
  Offset found;
};

void print_mismatches(const std::string& path, const std::vector<Mismatch>& mismatches, Printer& out) {
  if (mismatches.empty()) return;
  out.line("Mismatches in :" + path);
  for (const Mismatch& mismatch : mismatches)
    out.line("  Index offset: " + std::to_string(mismatch.indexed) +
             ", log offset: " + std::to_string(mismatch.found));
}

std::string optional_text(std::int64_t value) {
  return value < 0 ? "OptionalLong.empty" : "OptionalLong[" + std::to_string(value) + "]";
}

}  // namespace

Result<bool> dump_offset_index(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                               Printer& out) {
  ASSIGN_OR_RETURN(const Offset base, base_offset_of(path));
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMostIndexBytes));
  if (bytes.empty()) return out.line(path + " is empty."), true;
  auto segment = segment_beside(disk, path);
  std::int64_t segment_bytes = INT32_MAX;
  if (segment) {
    ASSIGN_OR_RETURN(const std::uint64_t size, (*segment)->size());
    segment_bytes = static_cast<std::int64_t>(size);
  }
  const auto index = storage::OffsetIndex::decode(bytes, segment_bytes);
  if (options.sanity_check_only) return sane(path, index ? Status() : fail(index.error()), out);
  if (!index) return out.line(path + ": " + index.error().message), false;
  std::vector<Mismatch> mismatches;
  std::vector<std::byte> header_bytes;
  for (const auto& entry : index->entries()) {
    const Offset offset = base + entry.relative_offset;
    if (segment) {
      const auto header = header_at(**segment, entry.position, header_bytes);
      const Offset found = header ? header->last_offset() : kNoOffset;
      if (found != offset) mismatches.push_back({offset, found});
    }
    if (!options.verify_only)
      out.line("offset: " + std::to_string(offset) + " position: " + std::to_string(entry.position));
  }
  print_mismatches(path, mismatches, out);
  return mismatches.empty();
}

Result<bool> dump_time_index(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                             Printer& out) {
  ASSIGN_OR_RETURN(const Offset base, base_offset_of(path));
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMostIndexBytes));
  const auto index = storage::TimeIndex::decode(bytes);
  if (options.sanity_check_only) return sane(path, index ? Status() : fail(index.error()), out);
  if (!index) return out.line(path + ": " + index.error().message), false;
  for (const auto& entry : index->entries()) {
    if (!options.verify_only)
      out.line("timestamp: " + std::to_string(entry.timestamp) +
               " offset: " + std::to_string(base + entry.relative_offset));
  }
  return true;
}

Result<bool> dump_transaction_index(runtime::Disk& disk, const std::string& path, Printer& out) {
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMostIndexBytes));
  const auto entries = storage::decode_transaction_index(bytes);
  if (!entries) return out.line(path + ": " + entries.error().message), false;
  for (const storage::AbortedTransaction& entry : *entries)
    out.line("version: 0 producerId: " + std::to_string(entry.producer_id) + " firstOffset: " +
             std::to_string(entry.first_offset) + " lastOffset: " + std::to_string(entry.last_offset) +
             " lastStableOffset: " + std::to_string(entry.last_stable_offset));
  return true;
}

namespace {

std::string producer_text(ProducerId id, const storage::ProducerState& state, TimestampMs timestamp) {
  return "producerId: " + std::to_string(id) + " producerEpoch: " + std::to_string(state.epoch) +
         " coordinatorEpoch: " + std::to_string(state.coordinator_epoch) +
         " currentTxnFirstOffset: " + optional_text(state.transaction_first_offset) +
         " lastTimestamp: " + std::to_string(timestamp) + " ";
}

std::string batch_text(const storage::AppendedBatch& batch) {
  return "firstSequence: " + std::to_string(batch.first_sequence()) +
         " lastSequence: " + std::to_string(batch.last_sequence) +
         " lastOffset: " + std::to_string(batch.last_offset) +
         " offsetDelta: " + std::to_string(batch.offset_delta) +
         " timestamp: " + std::to_string(batch.timestamp);
}

}  // namespace

// A line for each batch that a retry may repeat: Kafka's snapshots have one of each producer, ours up to
// five.
Result<bool> dump_producer_snapshot(runtime::Disk& disk, const std::string& path, Printer& out) {
  ASSIGN_OR_RETURN(const auto bytes, runtime::read_file(disk, path, kMostIndexBytes));
  const auto table = storage::ProducerStateTable::decode(bytes);
  if (!table) return out.line(path + ": " + table.error().message), false;
  std::map<ProducerId, const storage::ProducerState*> ordered;
  for (const auto& [id, state] : table->producers()) ordered.emplace(id, &state);
  for (const auto& [id, state] : ordered) {
    if (state->batch_count == 0) out.line(producer_text(id, *state, state->last_timestamp));
    for (unsigned i = 0; i < state->batch_count; ++i) {
      const storage::AppendedBatch& batch = state->batches[i];
      out.line(producer_text(id, *state, batch.timestamp) + batch_text(batch));
    }
  }
  return true;
}

}  // namespace moldau::cli
