#include <algorithm>
#include <iterator>

#include "client/consumer_parts.h"
#include "record/control.h"

namespace moldau::client {
namespace {

// One poll gives no more bytes than about this of one partition: batches are decompressed only then.
constexpr std::size_t kDecodedBytes = 64u << 20;

Failure corrupt(const Error& error, const std::string& what) {
  return {.code = error.code, .phase = Phase::request, .cause = what + ": " + error.message};
}

// Moves the batches of the first `count` records.
void move_batches(std::vector<FetchedBatch>& from, std::size_t count, std::vector<FetchedBatch>& to) {
  std::size_t whole = 0;
  for (FetchedBatch& batch : from) {
    if (count == 0) break;
    const std::size_t taken = std::min(count, batch.records);
    to.push_back(batch);
    to.back().records = taken;
    batch.records -= taken;
    count -= taken;
    if (batch.records == 0) ++whole;
  }
  from.erase(from.begin(), from.begin() + static_cast<std::ptrdiff_t>(whole));
}

}  // namespace

void ConsumerCore::collect(std::vector<FetchedRecords>& out, std::size_t max_records) {
  std::size_t paused = 0;
  while (ready_.size() > paused && max_records > 0) {
    Fetched fetched = std::move(ready_.front());
    ready_.pop_front();
    Partition& partition = *fetched.partition;
    if (partition.generation != fetched.generation) continue;
    if (partition.paused) {
      ready_.push_back(std::move(fetched));
      ++paused;
      continue;
    }
    auto records = decode(fetched, max_records);
    if (!records) {
      partition.buffered = false;
      refuse(partition, std::move(records).error());
      continue;
    }
    if (fetched.done()) {
      partition.buffered = false;
      partition.position = fetched.next_offset;
    } else {
      if (!records->records.empty()) partition.position = records->records.back().offset + 1;
      ready_.push_front(std::move(fetched));
    }
    if (records->records.empty()) continue;
    max_records -= records->records.size();
    out.push_back(std::move(*records));
    if (partition.buffered) break;
  }
}

Outcome<FetchedRecords> ConsumerCore::decode(Fetched& fetched, std::size_t max_records) {
  FetchedRecords out{.topic = fetched.partition->name.topic, .partition = fetched.partition->name.partition};
  std::size_t bytes = 0;
  while (out.records.size() < max_records && bytes < kDecodedBytes) {
    if (fetched.left_at < fetched.left.size()) {
      const auto from = fetched.left.begin() + static_cast<std::ptrdiff_t>(fetched.left_at);
      const std::size_t count =
          std::min(max_records - out.records.size(), fetched.left.size() - fetched.left_at);
      out.records.insert(out.records.end(), from, from + static_cast<std::ptrdiff_t>(count));
      fetched.left_at += count;
      move_batches(fetched.left_batches, count, out.batches);
      out.memory.insert(out.memory.end(), fetched.left_memory.begin(), fetched.left_memory.end());
      continue;
    }
    const std::size_t slices = out.memory.size();
    auto more = decode_batch(fetched, out);
    if (!more) return fail(std::move(more).error());
    if (!*more) break;
    for (std::size_t i = slices; i < out.memory.size(); ++i) bytes += out.memory[i].size();
  }
  if (out.records.size() > max_records) {
    const auto from = out.records.begin() + static_cast<std::ptrdiff_t>(max_records);
    fetched.left.assign(from, out.records.end());
    fetched.left_at = 0;
    fetched.left_memory = out.memory;
    out.records.erase(from, out.records.end());
    std::vector<FetchedBatch> kept;
    move_batches(out.batches, max_records, kept);
    fetched.left_batches = std::exchange(out.batches, std::move(kept));
  }
  return out;
}

// Adds the records of the next batch; false: there is no further whole batch.
Outcome<bool> ConsumerCore::decode_batch(Fetched& fetched, FetchedRecords& out) {
  const std::string where = "a batch at or after offset " + std::to_string(fetched.next_offset);
  const ByteView rest = fetched.records.view().subspan(fetched.at);
  record::BatchReader reader(rest);
  record::BatchView batch;
  const Result<bool> more = reader.next(batch);
  if (!more) return fail(corrupt(more.error(), where));
  if (!*more) {
    // Kafka cuts the last batch off, but never the first.
    if (fetched.at == 0 && !rest.empty()) {
      return fail(local_failure(Errc::truncated, where + " came incomplete"));
    }
    fetched.at = fetched.records.size();
    return false;
  }
  fetched.at += batch.size();
  if (batch.next_offset() <= fetched.from) return true;
  if (batch.base_offset() < 0 || batch.next_offset() <= batch.base_offset() ||
      batch.last_offset() < fetched.next_offset) {
    return fail(local_failure(Errc::corrupt, where + " has offsets that run backwards"));
  }
  if (options_.check_crcs && !batch.crc_matches()) {
    return fail(local_failure(Errc::corrupt, where + " does not match its checksum"));
  }
  fetched.next_offset = batch.next_offset();

  for (; fetched.aborted_at < fetched.aborted.size(); ++fetched.aborted_at) {
    const auto& aborted = fetched.aborted[fetched.aborted_at];
    if (aborted.first_offset > batch.last_offset()) break;
    fetched.aborting.insert(aborted.producer_id);
  }
  if (batch.is_control()) {
    if (batch.record_count() == 0) return true;
    const auto control = record::read_control_record(batch);
    if (!control) return fail(corrupt(control.error(), where));
    if (control->type == record::ControlType::abort) fetched.aborting.erase(batch.producer_id());
    if (!options_.control_records) return true;
  } else if (batch.is_transactional() && fetched.aborting.contains(batch.producer_id())) {
    return true;
  }

  auto bytes = record::uncompressed_records(batch, codecs_, options_.max_batch_bytes);
  if (!bytes) return fail(corrupt(bytes.error(), where));
  const Slice memory = batch.is_compressed() ? Slice::copy_of(*bytes) : fetched.records.part(*bytes);
  const bool held = !out.memory.empty() && memory.owner() == out.memory.back().owner();
  if (!held) out.memory.push_back(batch.is_compressed() ? memory : fetched.records);
  record::RecordReader records(batch, memory);
  const std::size_t before = out.records.size();
  for (record::RecordView record;;) {
    const Result<bool> next = records.next(record);
    if (!next) return fail(corrupt(next.error(), where));
    if (!*next) break;
    if (record.offset >= fetched.from) out.records.push_back(record);
  }
  if (out.records.size() > before) {
    out.batches.push_back({.records = out.records.size() - before,
                           .leader_epoch = batch.partition_leader_epoch(),
                           .producer_id = batch.producer_id(),
                           .producer_epoch = batch.producer_epoch(),
                           .attributes = batch.attributes()});
  }
  return true;
}

}  // namespace moldau::client
