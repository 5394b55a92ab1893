// Looking records up by timestamp, and the aborted transactions of a range.
#include <algorithm>

#include "record/record.h"
#include "storage/log.h"

namespace moldau::storage {

using runtime::Task;

namespace {

constexpr std::size_t kScanBytes = 1 << 20;
constexpr std::size_t kMaxUncompressedBytes = std::size_t{128} << 20;

}  // namespace

Task<LogResult<std::optional<TimestampOffset>>> Log::offset_for_timestamp(TimestampMs timestamp) {
  const Pass pass(gate_);
  if (!pass) co_return refuse(Error{Errc::cancelled, identity_.directory + " is closed"});
  const std::vector<SegmentPtr> segments = segments_;
  for (const SegmentPtr& segment : segments) {
    if (Status status = co_await load(segment); !status) co_return refuse(std::move(status).error());
    if (segment->indexes.max_timestamp < timestamp) continue;
    const std::int64_t older = segment->indexes.times.older_up_to(timestamp);
    const Offset from = std::max(segment->base_offset + older + 1, log_start_offset_);
    auto found = co_await find_timestamp(timestamp, from, end_of(segment));
    if (!found || *found) co_return found;
  }
  co_return std::nullopt;
}

Task<LogResult<std::optional<TimestampOffset>>> Log::offset_of_max_timestamp() {
  const Pass pass(gate_);
  if (!pass) co_return refuse(Error{Errc::cancelled, identity_.directory + " is closed"});
  const std::vector<SegmentPtr> segments = segments_;
  TimestampMs highest = kNoTimestamp;
  for (const SegmentPtr& segment : segments) {
    if (Status status = co_await load(segment); !status) co_return refuse(std::move(status).error());
    const Offset highest_at = segment->base_offset + segment->indexes.max_timestamp_offset;
    if (highest_at >= log_start_offset_) {
      highest = std::max(highest, segment->indexes.max_timestamp);
    } else if (end_of(segment) > log_start_offset_) {  // the record that had it was deleted
      auto remaining = co_await highest_timestamp(log_start_offset_, end_of(segment));
      if (!remaining) co_return std::unexpected(std::move(remaining).error());
      highest = std::max(highest, *remaining);
    }
  }
  if (highest == kNoTimestamp) co_return std::nullopt;
  for (const SegmentPtr& segment : segments) {
    if (segment->indexes.max_timestamp < highest || end_of(segment) <= log_start_offset_) continue;
    const std::int64_t older = segment->indexes.times.older_up_to(highest);
    const Offset from = std::max(segment->base_offset + older + 1, log_start_offset_);
    auto found = co_await find_timestamp(highest, from, end_of(segment));
    if (!found || *found) co_return found;
  }
  co_return std::nullopt;
}

Offset Log::end_of(const SegmentPtr& segment) const {
  const auto next = std::ranges::upper_bound(segments_, segment->base_offset, {},
                                             [](const SegmentPtr& other) { return other->base_offset; });
  return next == segments_.end() ? end_offset_.value() : (*next)->base_offset;
}

Task<LogResult<std::optional<TimestampOffset>>> Log::find_timestamp(TimestampMs timestamp, Offset from,
                                                                    Offset to) {
  while (from < to) {
    auto piece = co_await read_from(from, kScanBytes, end_offset_.value(), true);
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->batches.empty()) co_return std::nullopt;
    for (const Slice& slice : piece->batches) {
      auto found = find_in(slice, timestamp);
      if (!found) co_return refuse(std::move(found).error());
      if (*found) co_return std::move(*found);
    }
    from = piece->next_offset;
  }
  co_return std::nullopt;
}

Result<std::optional<TimestampOffset>> Log::find_in(const Slice& batches, TimestampMs timestamp) const {
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) return std::nullopt;
    if (batch.max_timestamp() < timestamp || batch.last_offset() < log_start_offset_) continue;
    ASSIGN_OR_RETURN(auto found, find_in(batch, timestamp));
    if (found) return found;
  }
}

Result<std::optional<TimestampOffset>> Log::find_in(const record::BatchView& batch,
                                                    TimestampMs timestamp) const {
  ASSIGN_OR_RETURN(const ByteView records,
                   record::uncompressed_records(batch, context_.codecs, kMaxUncompressedBytes));
  record::RecordReader reader(batch, records);
  for (record::RecordView record;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(record));
    if (!more) return std::nullopt;
    if (record.timestamp < timestamp || record.offset < log_start_offset_) continue;
    return TimestampOffset{record.timestamp, record.offset, batch.partition_leader_epoch()};
  }
}

// Of the records at or above `from`; the batch that holds `from` may begin with records below.
Task<LogResult<TimestampMs>> Log::highest_timestamp(Offset from, Offset to) {
  TimestampMs highest = kNoTimestamp;
  while (from < to) {
    auto piece = co_await read_from(from, kScanBytes, to, true);
    if (!piece) co_return std::unexpected(std::move(piece).error());
    if (piece->batches.empty()) break;
    for (const Slice& slice : piece->batches) {
      if (Status status = raise_to_highest(highest, slice); !status)
        co_return refuse(std::move(status).error());
    }
    from = piece->next_offset;
  }
  co_return highest;
}

Status Log::raise_to_highest(TimestampMs& highest, const Slice& batches) const {
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) return {};
    if (batch.base_offset() >= log_start_offset_) {
      highest = std::max(highest, batch.max_timestamp());
      continue;
    }
    ASSIGN_OR_RETURN(const ByteView records,
                     record::uncompressed_records(batch, context_.codecs, kMaxUncompressedBytes));
    record::RecordReader walk(batch, records);
    for (record::RecordView record;;) {
      ASSIGN_OR_RETURN(const bool one, walk.next(record));
      if (!one) break;
      if (record.offset >= log_start_offset_) highest = std::max(highest, record.timestamp);
    }
  }
}

Task<LogResult<std::vector<AbortedProducer>>> Log::aborted_transactions(Offset first, Offset end) {
  const Pass pass(gate_);
  if (!pass) co_return refuse(Error{Errc::cancelled, identity_.directory + " is closed"});
  std::vector<AbortedProducer> aborted;
  const std::vector<SegmentPtr> segments = segments_;
  for (const SegmentPtr& segment : segments) {
    if (end_of(segment) <= first) continue;
    if (Status status = co_await load(segment); !status) co_return refuse(std::move(status).error());
    bool complete = false;
    for (const AbortedTransaction& entry : segment->indexes.aborted) {
      if (entry.last_offset >= first && entry.first_offset < end) {
        aborted.push_back({entry.producer_id, entry.first_offset});
      }
      complete |= entry.last_stable_offset >= end;
    }
    if (complete) break;
  }
  std::ranges::sort(aborted, {}, &AbortedProducer::first_offset);
  co_return aborted;
}

}  // namespace moldau::storage
