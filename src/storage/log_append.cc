// Appending: checks, offsets, the way into the commit log or the segment file, and what is noted beside it.
#include <algorithm>
#include <limits>

#include "storage/log.h"
#include "storage/log_files.h"
#include "storage/passing.h"

namespace moldau::storage {
namespace {

LogErrorCode code_of(record::RejectionReason reason) {
  switch (reason) {
    case record::RejectionReason::corrupt_message:
      return LogErrorCode::corrupt_message;
    case record::RejectionReason::invalid_record:
      return LogErrorCode::invalid_record;
    case record::RejectionReason::invalid_timestamp:
      return LogErrorCode::invalid_timestamp;
    case record::RejectionReason::message_too_large:
      return LogErrorCode::message_too_large;
    case record::RejectionReason::record_list_too_large:
      return LogErrorCode::record_list_too_large;
    case record::RejectionReason::unsupported_compression_type:
      return LogErrorCode::unsupported_compression_type;
  }
  MOLDAU_UNREACHABLE("rejection reason");
}

std::unexpected<LogError> refuse(record::Rejection rejection) {
  LogError error{.code = code_of(rejection.reason), .message = std::move(rejection.message)};
  for (record::RecordError& record : rejection.record_errors) {
    error.record_errors.push_back({record.batch_index, std::move(record.message)});
  }
  return std::unexpected(std::move(error));
}

// The commit log computes checksums when it writes, which is never within the turn that appends: until then
// the copy in its buffer may be changed by who put it there.
void stamp_copy(const Slice& copy, ByteView header) {
  std::memcpy(const_cast<std::byte*>(copy.data()), header.data(), header.size());
}

// Spreads rolls that are due by time, the same way each time for one segment.
std::int64_t jitter_of(const TopicIdPartition& id, Offset base_offset, std::int64_t jitter_ms) {
  if (jitter_ms <= 0) return 0;
  const std::uint64_t mixed =
      std::hash<TopicIdPartition>()(id) ^ (static_cast<std::uint64_t>(base_offset) * 0x9e3779b97f4a7c15ULL);
  return static_cast<std::int64_t>(mixed % static_cast<std::uint64_t>(jitter_ms));
}

}  // namespace

LogResult<AppendInfo> Log::append_as_leader(const Slice& batch, const AppendOptions& options) {
  if (Status usable = check_usable(); !usable) return refuse(std::move(usable).error());
  MOLDAU_ASSERT(options.leader_epoch >= latest_epoch(), "an append of a deposed leader");
  ASSIGN_OR_RETURN(const record::ValidatedBatch validated, validate(batch, options));
  ASSIGN_OR_RETURN(const AppendedBatch* duplicate, check_producer(validated.view(), options));
  if (duplicate != nullptr) return info_of(*duplicate, validated);
  const Batch stamped = stamp(validated.bytes, options.leader_epoch);
  TRY(place(stamped, options.now_ms));
  note(stamped);
  note_unflushed(stamped, options.now_ms);
  AppendInfo info = info_of(stamped);
  info.max_timestamp = validated.max_timestamp;
  return info;
}

LogResult<record::ValidatedBatch> Log::validate(const Slice& batch, const AppendOptions& options) const {
  if (options.origin == AppendOrigin::client) {
    const auto rules = config_.validation_rules(options.now_ms, options.produce_version);
    auto validated = record::validate_for_append(batch, rules, context_.codecs);
    if (!validated) return refuse(std::move(validated).error());
    return std::move(*validated);
  }
  const auto view = record::BatchView::at(batch);
  if (!view || view->size() != batch.size() || !view->crc_matches()) {
    return storage::refuse(LogErrorCode::corrupt_message, "not exactly one well-formed batch");
  }
  return record::ValidatedBatch{
      .bytes = batch, .record_count = view->record_count(), .max_timestamp = view->max_timestamp()};
}

LogResult<const AppendedBatch*> Log::check_producer(const record::BatchView& batch,
                                                    const AppendOptions& options) const {
  if (!batch.has_producer_id() || options.origin == AppendOrigin::raft_leader) return nullptr;
  if (options.origin == AppendOrigin::client) return producers_.check_client_batch(batch);
  if (const auto marker = transaction_marker_of(batch)) {
    TRY(producers_.check_marker(*marker, options.transaction_version));
  } else {
    TRY(producers_.check_epoch(batch.producer_id(), batch.producer_epoch()));
  }
  return nullptr;
}

Log::Batch Log::stamp(const Slice& bytes, LeaderEpoch epoch) const {
  Batch batch{.header = {}, .bytes = bytes};
  std::memcpy(batch.header.data(), bytes.data(), record::kHeaderSize);
  store_be<std::int64_t>(batch.header.data() + record::kBaseOffsetAt, end_offset_.value());
  store_be<std::int32_t>(batch.header.data() + record::kPartitionLeaderEpochAt, epoch);
  return batch;
}

AppendInfo Log::info_of(const Batch& batch) const {
  const record::HeaderView view = batch.view();
  const bool append_time = view.timestamp_type() == record::TimestampType::log_append_time;
  return {.first_offset = view.base_offset(),
          .last_offset = view.last_offset(),
          .log_append_time = append_time ? view.max_timestamp() : kNoTimestamp,
          .log_start_offset = log_start_offset_,
          .record_count = view.record_count(),
          .size_bytes = batch.bytes.size()};
}

AppendInfo Log::info_of(const AppendedBatch& original, const record::ValidatedBatch& repeated) const {
  const bool append_time = config_.timestamp_type == record::TimestampType::log_append_time;
  return {.first_offset = original.first_offset(),
          .last_offset = original.last_offset,
          .log_append_time = append_time ? original.timestamp : kNoTimestamp,
          .log_start_offset = log_start_offset_,
          .max_timestamp = original.timestamp,
          .record_count = repeated.record_count,
          .size_bytes = repeated.size_bytes(),
          .duplicate = true};
}

LogResult<AppendInfo> Log::append_as_follower(const Slice& batches, TimestampMs now_ms,
                                              LeaderEpoch max_epoch) {
  AppendInfo info{.log_start_offset = log_start_offset_};
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    if (Status usable = check_usable(); !usable) return storage::refuse(std::move(usable).error());
    auto more = reader.next(batch);
    if (!more) return storage::refuse(std::move(more).error());
    if (!*more) return info;
    if (batch.last_offset() < end_offset_.value()) continue;
    if (batch.partition_leader_epoch() > max_epoch) return info;
    if (Status status = record::check_stored_batch(batch, end_offset_.value()); !status) {
      return storage::refuse(std::move(status).error());
    }
    Batch copy{.header = {}, .bytes = batches.part(batch.bytes())};
    std::ranges::copy(batch.header_bytes(), copy.header.begin());
    TRY(place(copy, now_ms));
    note(copy);
    note_unflushed(copy, now_ms);
    if (info.first_offset == kNoOffset) info.first_offset = batch.base_offset();
    info.last_offset = batch.last_offset();
    info.max_timestamp = std::max(info.max_timestamp, batch.max_timestamp());
    info.record_count += batch.record_count();
    info.size_bytes += batch.size();
  }
}

void Log::make_place(const Batch& batch, TimestampMs now_ms) {
  const record::HeaderView view = batch.view();
  if (segments_.empty()) {
    add_segment(view.base_offset(), now_ms);
  } else if (should_roll(view, now_ms)) {
    // Where the one before it ends: compaction has left gaps in what a follower gets, not between segments.
    constexpr Offset kMaxRelative = std::numeric_limits<std::int32_t>::max();
    const bool reaches = view.last_offset() - end_offset_.value() <= kMaxRelative;
    roll_to(reaches ? end_offset_.value() : view.base_offset(), now_ms);
  }
}

LogResult<void> Log::place(const Batch& batch, TimestampMs now_ms) {
  make_place(batch, now_ms);
  Status status = buffers() ? buffer(batch) : write(batch);
  if (status) return {};
  if (status.error().code == Errc::too_large) {
    return storage::refuse(LogErrorCode::record_list_too_large, std::move(status).error().message);
  }
  if (!passes(status.error().code)) poison(status.error());
  return storage::refuse(std::move(status).error());
}

bool Log::should_roll(const record::HeaderView& batch, TimestampMs now_ms) {
  const Segment& segment = active();
  const SegmentIndexes& indexes = segment.indexes;
  if (segment.size_bytes == 0) return false;
  constexpr std::int64_t kMaxRelative = std::numeric_limits<std::int32_t>::max();
  const std::int64_t size_after = segment.size_bytes + static_cast<std::int64_t>(batch.size());
  if (size_after > std::min(config_.segment_bytes, kMaxRelative)) return true;
  if (batch.last_offset() - segment.base_offset > kMaxRelative) return true;
  const auto max_entries = static_cast<std::size_t>(config_.segment_index_bytes) / TimeIndex::kEntrySize;
  if (indexes.offsets.size() >= max_entries || indexes.times.size() + 1 >= max_entries) return true;
  const std::int64_t age = indexes.first_timestamp >= 0 && batch.max_timestamp() >= 0
                               ? batch.max_timestamp() - indexes.first_timestamp
                               : now_ms - segment.created_ms;
  return age > config_.longest_segment_ms() -
                   jitter_of(identity_.id(), segment.base_offset, config_.segment_jitter_ms);
}

Status Log::roll(TimestampMs now_ms) {
  TRY(check_usable());
  if (!segments_.empty() && active().size_bytes > 0) roll_to(end_offset_.value(), now_ms);
  return {};
}

// No file is touched: a flush completes the old segment, the first write creates the new one.
void Log::roll_to(Offset base_offset, TimestampMs now_ms) {
  active().indexes.finish();
  active().finished = true;
  pending_snapshots_.emplace_back(end_offset_.value(), producers_.encode());
  add_segment(base_offset, now_ms);
  if (!replaying_) start_flush();
}

void Log::add_segment(Offset base_offset, TimestampMs now_ms) {
  segments_.push_back(std::make_shared<Segment>(base_offset, now_ms));
}

// Whether the next batch goes to the commit log. Between it and the synced segments nothing may be missing,
// so that what was written to a segment directly is synced before.
bool Log::buffers() {
  if (!tail_.empty()) return true;
  return context_.commit_log != nullptr && wants_sync() && unsynced_bytes_ == 0;
}

Status Log::buffer(const Batch& batch) {
  const record::HeaderView view = batch.view();
  const CommitLog::Entry entry{.kind = CommitLog::Entry::Kind::append,
                               .topic_id = identity_.topic_id,
                               .partition = identity_.topic_partition.partition,
                               .leader_epoch = view.partition_leader_epoch(),
                               .offset = view.base_offset(),
                               .batches = batch.bytes};
  auto appended = context_.commit_log->append(entry, *this);
  if (!appended) return fail(commit_log_error(std::move(appended).error()));
  stamp_copy(appended->batches, batch.header);
  commit_end_ = appended->end;
  tail_.push({std::move(appended->batches), view.base_offset(), view.next_offset(), appended->end},
             end_offset_.value());
  return {};
}

// A commit log that is poisoned stays so, although it answers like a full one.
Error Log::commit_log_error(Error error) const {
  const Error* poison = context_.commit_log->poisoned();
  return poison != nullptr ? *poison : std::move(error);
}

// As Kafka does it: into the page cache, on the shard.
Status Log::write(const Batch& batch) {
  Segment& segment = active();
  TRY(ensure_file(segment));
  const ByteView parts[] = {batch.header, batch.bytes.view().subspan(record::kHeaderSize)};
  const auto position = static_cast<std::uint64_t>(segment.size_bytes);
  if (Status status = segment.file->write_at(position, parts); !status) {
    static_cast<void>(segment.file->truncate(position));
    return status;
  }
  segment.file_bytes += static_cast<std::int64_t>(batch.bytes.size());
  unsynced_bytes_ += static_cast<std::int64_t>(batch.bytes.size());
  return {};
}

Status Log::ensure_file(Segment& segment) {
  if (segment.file) return {};
  if (!partition_metadata_written_) {
    TRY(create_partition_directory(context_.disk, identity_.directory, identity_.topic_id));
    partition_metadata_written_ = true;
  }
  const std::string path = file_path(identity_.directory, segment.base_offset, kLogSuffix);
  const bool exists = segment.in_directory;
  if (!exists && directory_dirty_) {  // seldom: the roll before this one has started a flush
    TRY(context_.disk.sync_directory(identity_.directory));
    directory_dirty_ = false;
  }
  ASSIGN_OR_RETURN(
      std::shared_ptr<runtime::File> file,
      context_.disk.open(path, exists ? runtime::OpenMode::read_write : runtime::OpenMode::create));
  if (!exists) {
    TRY(file->truncate(0));
    if (config_.preallocate) TRY(file->allocate(0, static_cast<std::uint64_t>(config_.segment_bytes)));
    directory_dirty_ = true;
  }
  segment.in_directory = true;
  segment.file = std::move(file);
  return {};
}

// The batch is in the log: everything that is known beside it follows, and can not fail.
void Log::note(const Batch& batch) {
  const record::HeaderView view = batch.view();
  Segment& segment = active();
  segment.indexes.note(view, segment.base_offset, segment.size_bytes, config_.index_interval_bytes);
  segment.size_bytes += static_cast<std::int64_t>(batch.bytes.size());
  if (epochs_.assign(view.partition_leader_epoch(), view.base_offset())) epochs_dirty_ = true;
  if (view.has_producer_id()) {
    if (auto aborted = note_producer(producers_, view, record::BatchView::trusted(batch.bytes)))
      segment.indexes.aborted.push_back(*aborted);
    if (context_.producer_budget) context_.producer_budget->note(*this);
  }
  end_offset_.advance(view.next_offset());
}

void Log::note_unflushed(const Batch& batch, TimestampMs now_ms) {
  if (unflushed_messages_ == 0) unflushed_since_ms_ = now_ms;
  unflushed_messages_ += batch.view().record_count();
  if (unflushed_messages_ >= config_.flush_messages) start_flush();
  if (unsynced_bytes_ == 0) return;
  if (wants_sync()) {
    start_flush();
  } else {
    durable_up_to(end_offset_.value());
  }
}

}  // namespace moldau::storage
