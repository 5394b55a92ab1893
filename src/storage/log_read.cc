// Reading: recent records are slices of the tail, older ones come from the segment file, without leaving the
// shard when the page cache has them. Every batch from a file is checked before anybody gets it.
#include <algorithm>

#include "record/validate.h"
#include "storage/log.h"
#include "storage/log_files.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::size_t kPieceBytes = 1 << 20;             // read at once
constexpr std::int64_t kClosedIndexInterval = 64 << 10;  // of the entries kept in memory
constexpr std::size_t kClosedTimeEntries = 1024;

// What to look for in a piece of a file.
struct Wanted {
  Offset from;
  Offset end;
  std::size_t max_bytes;
  bool at_least_one_batch;
};

// What a piece holds of it.
struct Found {
  std::size_t begin = 0;  // the batches are [begin, end)
  std::size_t end = 0;
  Offset first_offset = kNoOffset;
  Offset next_offset = kNoOffset;
  std::size_t whole_size = 0;  // of the first wanted batch, when the piece ends within it
  bool complete = false;       // nothing after it is wanted, or fits
};

class PieceReader {
 public:
  PieceReader(ByteView piece, const Wanted& wanted) : piece_(piece), wanted_(wanted) {}

  Result<Found> read() {
    const Status status = walk();
    if (!status && empty()) return fail(status.error());
    // What is missing at the wanted offset may be in a batch whose header is damaged and says that it ends
    // before.
    const bool gap = empty() ? found_.whole_size == 0 : found_.first_offset > wanted_.from;
    if (gap) TRY(check_skipped());
    if (!status) found_.complete = true;  // what came before the damage is good
    return found_;
  }
  std::size_t skipped_to() const { return at_; }

 private:
  ByteView rest() const { return at_ < piece_.size() ? piece_.subspan(at_) : ByteView(); }
  bool empty() const { return found_.first_offset == kNoOffset; }

  Status walk() {
    while (!found_.complete && found_.whole_size == 0 && rest().size() >= record::kHeaderSize) {
      ASSIGN_OR_RETURN(const auto header, record::HeaderView::at(rest()));
      if (header.last_offset() < wanted_.from) {
        if (!empty()) return fail(Errc::corrupt, "a batch that ends before the one in front of it");
        at_ += header.size();
        skipped_ = std::min(at_, piece_.size());
      } else if (takes(header)) {
        TRY(take(header));
      } else if (empty() && header.base_offset() < wanted_.end && header.last_offset() >= wanted_.end) {
        TRY(check_reach(header));
      }
    }
    return {};
  }

  // What is visible ends with a batch. One that reaches beyond it is damaged, or readers would wait before it
  // for ever.
  Status check_reach(const record::HeaderView& header) {
    if (header.size() > rest().size()) {
      found_.complete = false;
      found_.whole_size = header.size();
      return {};
    }
    ASSIGN_OR_RETURN(const auto batch, record::BatchView::at(rest()));
    if (!batch.crc_matches()) return fail(Errc::corrupt, "a damaged batch reaches beyond the end of the log");
    return {};
  }

  Status check_skipped() const {
    for (std::size_t at = 0; at < skipped_;) {
      ASSIGN_OR_RETURN(const auto header, record::HeaderView::at(piece_.subspan(at)));
      if (header.size() > skipped_ - at) return {};
      ASSIGN_OR_RETURN(const auto batch, record::BatchView::at(piece_.subspan(at)));
      TRY(record::check_stored_batch(batch, 0));
      at += header.size();
    }
    return {};
  }

  bool takes(const record::HeaderView& header) {
    const bool visible = header.last_offset() < wanted_.end;
    const bool fits = found_.end - found_.begin + header.size() <= wanted_.max_bytes ||
                      (empty() && wanted_.at_least_one_batch);
    found_.complete = !visible || !fits;
    return !found_.complete;
  }

  Status take(const record::HeaderView& header) {
    if (header.size() > rest().size()) {
      found_.whole_size = header.size();
      return {};
    }
    ASSIGN_OR_RETURN(const auto batch, record::BatchView::at(rest()));
    TRY(record::check_stored_batch(batch, empty() ? 0 : found_.next_offset));
    if (empty()) {
      found_.first_offset = batch.base_offset();
      found_.begin = at_;
    }
    at_ += batch.size();
    found_.end = at_;
    found_.next_offset = batch.next_offset();
    return {};
  }

  ByteView piece_;
  const Wanted& wanted_;
  Found found_;
  std::size_t at_ = 0;
  std::size_t skipped_ = 0;  // bytes of batches before the first wanted one
};

struct Piece {
  std::shared_ptr<std::byte[]> memory;
  std::size_t size = 0;
  std::size_t capacity = 0;

  explicit Piece(std::size_t bytes)
      : memory(std::make_shared_for_overwrite<std::byte[]>(bytes)), capacity(bytes) {}
  ByteView view() const { return {memory.get(), size}; }
  MutableBytes room() { return {memory.get(), capacity}; }
};

void append(ReadResult& result, const Piece& piece, const Found& found) {
  if (found.first_offset == kNoOffset) return;
  if (result.first_offset == kNoOffset) result.first_offset = found.first_offset;
  result.next_offset = found.next_offset;
  result.batches.emplace_back(piece.memory, piece.view().subspan(found.begin, found.end - found.begin));
}

}  // namespace

LogResult<void> Log::check_offset(Offset from) const {
  if (from >= log_start_offset_ && from <= end_offset_.value()) return {};
  return refuse(LogErrorCode::offset_out_of_range, "offset " + std::to_string(from) + " is not in [" +
                                                       std::to_string(log_start_offset_) + ", " +
                                                       std::to_string(end_offset_.value()) + "]");
}

Task<LogResult<ReadResult>> Log::read(Offset from, std::size_t max_bytes, Offset visible_end,
                                      bool at_least_one_batch) {
  const Pass pass(gate_);
  if (!pass) co_return refuse(Error{Errc::cancelled, identity_.directory + " is closed"});
  CO_TRY(check_offset(from));
  auto result = co_await read_from(from, max_bytes, visible_end, at_least_one_batch);
  if (!result) CO_TRY(check_offset(from));  // retention or a truncation may have come first
  co_return result;
}

Task<LogResult<ReadResult>> Log::read_from(Offset from, std::size_t max_bytes, Offset visible_end,
                                           bool at_least_one_batch) {
  ReadResult result{.next_offset = from};
  Cursor cursor;
  for (std::size_t left = max_bytes;; left = max_bytes - std::min(max_bytes, size_of(result.batches))) {
    const Offset end = std::min(visible_end, end_offset_.value());
    const bool first = at_least_one_batch && result.batches.empty();
    if (result.next_offset >= end || (left == 0 && !first)) co_return result;
    if (!tail_.empty() && result.next_offset >= tail_.first_offset()) {
      read_tail(result, left, end, first);
      co_return result;
    }
    auto more = co_await read_file(result, cursor, left, end, first);
    if (!more && result.batches.empty()) co_return std::unexpected(std::move(more).error());
    if (!more || !*more) co_return result;
  }
}

void Log::read_tail(ReadResult& result, std::size_t max_bytes, Offset end, bool at_least_one_batch) const {
  for (std::size_t i = tail_.find(result.next_offset); i < tail_.size(); ++i) {
    const TailBatch& batch = tail_[i];
    const bool fits = batch.bytes.size() <= max_bytes || at_least_one_batch;
    if (batch.next_offset > end || !fits) return;
    if (result.first_offset == kNoOffset) result.first_offset = batch.base_offset;
    result.batches.push_back(batch.bytes);
    result.next_offset = batch.next_offset;
    max_bytes -= std::min(max_bytes, batch.bytes.size());
    at_least_one_batch = false;
  }
}

// Reads on from the cursor. True when it got something and there may be more.
Task<LogResult<bool>> Log::read_file(ReadResult& result, Cursor& cursor, std::size_t max_bytes, Offset end,
                                     bool at_least_one_batch) {
  const Wanted wanted{result.next_offset, end, max_bytes, at_least_one_batch};
  const std::uint64_t seen = truncations_;
  if (!cursor.segment) CO_TRY(co_await find(cursor, wanted.from));
  if (seen != truncations_) {
    cursor = {};
    co_return true;
  }
  if (!cursor.segment) co_return false;  // an empty log
  const std::shared_ptr<Segment> segment = cursor.segment;
  const std::int64_t left = segment->file_bytes - cursor.position;
  if (left <= 0) {
    const bool moved = move_to_next_segment(cursor);
    if (!moved) read_tail(result, max_bytes, end, at_least_one_batch);  // behind a gap
    co_return moved;
  }
  auto file = co_await file_of(segment);
  if (!file) co_return refuse(std::move(file).error());

  const auto position = static_cast<std::uint64_t>(cursor.position);
  const std::size_t wish =
      std::max(std::min(max_bytes, kPieceBytes) + skip_allowance(*segment), cursor.whole_size);
  Piece piece(std::min(static_cast<std::size_t>(left), wish));
  Result<Found> found = Found{};
  std::size_t skipped = 0;
  const auto parse = [&](Result<std::size_t> size) -> bool {
    if (!size) return found = fail(std::move(size).error()), false;
    piece.size = *size;
    PieceReader reader(piece.view(), wanted);
    found = reader.read();
    skipped = reader.skipped_to();
    return found && (found->first_offset != kNoOffset || found->complete);
  };
  if (!parse((*file)->read_cached_at(position, piece.room()))) {
    auto size = co_await context_.pool.run(Lane::read, context_.executor,
                                           [&] { return (*file)->read_at(position, piece.room()); });
    parse(std::move(size));
  }
  if (seen != truncations_) {
    cursor = {};
    co_return true;
  }
  if (!found) co_return refuse(std::move(found).error().within(segment_name(*segment)));
  // A length that was damaged: no larger piece would hold the batch.
  if (skipped + found->whole_size > static_cast<std::size_t>(left)) {
    co_return refuse(
        Error{Errc::corrupt, segment_name(*segment) + ": a batch reaches beyond the end of the segment"});
  }
  append(result, piece, *found);
  cursor.position += static_cast<std::int64_t>(skipped);
  cursor.whole_size = found->whole_size;
  co_return !found->complete && (skipped > 0 || found->whole_size > piece.capacity);
}

// How far behind an indexed position the wanted batch may start, and its header.
std::size_t Log::skip_allowance(const Segment& segment) const {
  const std::int64_t interval = segment.finish_written ? kClosedIndexInterval : config_.index_interval_bytes;
  return static_cast<std::size_t>(interval) + record::kHeaderSize;
}

// False at the last segment. Between two there may be a gap, as compaction leaves them.
bool Log::move_to_next_segment(Cursor& cursor) const {
  const auto next = std::ranges::upper_bound(segments_, cursor.segment->base_offset, {},
                                             [](const SegmentPtr& segment) { return segment->base_offset; });
  if (next == segments_.end()) return false;
  cursor = {*next, 0, 0};
  return true;
}

std::string Log::segment_name(const Segment& segment) const {
  return file_path(identity_.directory, segment.base_offset, kLogSuffix);
}

Task<LogResult<void>> Log::find(Cursor& cursor, Offset offset) {
  if (segments_.empty()) co_return LogResult<void>();
  SegmentPtr segment = segments_[segment_index(offset)];
  if (Status status = co_await load(segment); !status) co_return refuse(std::move(status).error());
  cursor.position = segment->indexes.offsets.position_at_or_before(offset - segment->base_offset);
  cursor.segment = std::move(segment);
  co_return LogResult<void>();
}

Task<Result<std::shared_ptr<runtime::File>>> Log::file_of(SegmentPtr segment) {
  segment->used = true;
  if (segment->file) co_return segment->file;
  auto file = co_await context_.pool.run(Lane::read, context_.executor, [&] {
    return context_.disk.open(segment_name(*segment), runtime::OpenMode::read_write);
  });
  // Meanwhile somebody else may have opened it, or a compaction have put another under its name.
  if (segment->file) co_return segment->file;
  if (!file) co_return fail(std::move(file).error());
  segment->file = std::move(*file);
  co_return segment->file;
}

// The indexes of a segment that was closed before this log was opened.
Task<Status> Log::load(SegmentPtr segment) {
  if (segment->indexes_loaded) co_return Status();
  auto file = co_await file_of(segment);
  if (!file) co_return fail(std::move(file).error());
  // By value: a new configuration may come while the pool reads.
  auto loaded = co_await context_.pool.run(
      Lane::read, context_.executor,
      [&, size = segment->size_bytes, interval = config_.index_interval_bytes] {
        return load_indexes(context_.disk, **file, identity_.directory, segment->base_offset, size, interval);
      });
  if (segment->indexes_loaded) co_return Status();
  if (!loaded) co_return fail(std::move(loaded).error());
  segment->indexes = std::move(loaded->indexes);
  segment->indexes_loaded = true;
  if (loaded->rebuilt) {
    segment->finish_written = false;
    start_flush();
  } else {
    thin(*segment);
  }
  co_return Status();
}

void Log::thin(Segment& segment) {
  segment.indexes.offsets.thin(kClosedIndexInterval);
  segment.indexes.times.thin(kClosedTimeEntries);
}

}  // namespace moldau::storage
