#include "storage/segment_cleaner.h"

#include <algorithm>

#include "record/record.h"
#include "storage/log_files.h"
#include "storage/unreadable.h"

namespace moldau::storage {
namespace {

constexpr std::size_t kMaxUncompressedBytes = std::size_t{128} << 20;
constexpr std::string_view kSuffixes[] = {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix,
                                          kTransactionIndexSuffix};

Result<std::shared_ptr<runtime::File>> open(const CleaningTools& tools, const SegmentSource& source) {
  if (source.file) return source.file;
  ASSIGN_OR_RETURN(std::shared_ptr<runtime::File> file,
                   or_unreadable(tools.disk.open(file_path(tools.directory, source.base_offset, kLogSuffix),
                                                 runtime::OpenMode::read)));
  return file;
}

}  // namespace

Result<bool> MapPass::open_next() {
  if (reader_) map_.advance(sources_[opened_ - 1].end_offset - 1);
  if (opened_ == sources_.size()) return false;
  const SegmentSource& source = sources_[opened_++];
  ASSIGN_OR_RETURN(auto file, open(tools_, source));
  reader_.emplace(std::move(file), source.position, source.size_bytes, tools_.buffer_bytes);
  return true;
}

Result<bool> MapPass::step(std::int64_t bytes) {
  const std::int64_t until = bytes_read_ + bytes;
  while (bytes_read_ < until) {
    record::BatchView batch;
    bool more = false;
    if (reader_) {
      ASSIGN_OR_RETURN(more, reader_->next(batch));
    }
    if (!more) {
      ASSIGN_OR_RETURN(const bool opened, open_next());
      if (!opened) return false;
      continue;
    }
    bytes_read_ += static_cast<std::int64_t>(batch.size());
    ASSIGN_OR_RETURN(const bool fits, note(batch));
    if (!fits) return false;
  }
  return true;
}

// False: the map is full.
Result<bool> MapPass::note(const record::BatchView& batch) {
  if (batch.is_control()) {
    TRY(transactions_.note_control(batch));
  } else if (!transactions_.note_data(batch) && batch.record_count() > 0 && batch.last_offset() >= start_) {
    ASSIGN_OR_RETURN(const ByteView records,
                     record::uncompressed_records(batch, tools_.codecs, kMaxUncompressedBytes));
    record::RecordReader reader(batch, records);
    for (record::RecordView record;;) {
      ASSIGN_OR_RETURN(const bool more, reader.next(record));
      if (!more) break;
      if (record.key && record.offset >= start_ && !map_.put(*record.key, record.offset)) return false;
    }
  }
  if (batch.last_offset() >= start_) map_.advance(batch.last_offset());
  return true;
}

std::string GroupPass::path(std::string_view suffix) const {
  return file_path(tools_.directory, base_offset(), suffix) + std::string(kCleanedSuffix);
}

Result<bool> GroupPass::open_next() {
  if (opened_ == sources_.size()) return false;
  if (!out_) {
    ASSIGN_OR_RETURN(out_, tools_.disk.open(path(kLogSuffix), runtime::OpenMode::create));
    TRY(out_->truncate(0));
  }
  const SegmentSource& source = sources_[opened_++];
  ASSIGN_OR_RETURN(auto file, open(tools_, source));
  files_.push_back(file);
  reader_.emplace(std::move(file), 0, source.size_bytes, tools_.buffer_bytes);
  return true;
}

Result<bool> GroupPass::step(std::int64_t bytes) {
  const std::int64_t until = stats_.bytes_read + bytes;
  while (stats_.bytes_read < until) {
    record::BatchView batch;
    bool more = false;
    if (reader_) {
      ASSIGN_OR_RETURN(more, reader_->next(batch));
    }
    if (!more) {
      ASSIGN_OR_RETURN(const bool opened, open_next());
      if (!opened) return false;
      continue;
    }
    TRY(take(batch));
  }
  return true;
}

Status GroupPass::take(const record::BatchView& batch) {
  const bool ends_group = opened_ == sources_.size() && reader_->at_end();
  stats_.bytes_read += static_cast<std::int64_t>(batch.size());
  ASSIGN_OR_RETURN(const FilteredBatch filtered, filter_.filter(batch, ends_group));
  stats_.records_read += filtered.records_read;
  stats_.records_kept += filtered.records_kept;
  changed_ |= filtered.fate != FilteredBatch::Fate::whole;
  if (filtered.fate == FilteredBatch::Fate::dropped) return {};
  write(filtered.fate == FilteredBatch::Fate::whole ? batch.bytes() : ByteView(filtered.bytes));
  return pending_.size() >= tools_.buffer_bytes ? write_out() : Status();
}

void GroupPass::write(ByteView batch) {
  const std::int64_t position = written_ + static_cast<std::int64_t>(pending_.size());
  indexes_.note(record::HeaderView::trusted(batch), base_offset(), position, tools_.index_interval_bytes);
  pending_.append(batch);
  stats_.bytes_written += static_cast<std::int64_t>(batch.size());
}

Status GroupPass::write_out() {
  if (pending_.empty()) return {};
  TRY(out_->write_at(static_cast<std::uint64_t>(written_), pending_.view()));
  written_ += static_cast<std::int64_t>(pending_.size());
  if (pending_.size() > 2 * tools_.buffer_bytes) {
    pending_ = Buffer();
  } else {
    pending_.clear();
  }
  return {};
}

Status GroupPass::write_index(std::string_view suffix, const Buffer& bytes) {
  ASSIGN_OR_RETURN(const auto file, tools_.disk.open(path(suffix), runtime::OpenMode::create));
  TRY(file->truncate(0));
  if (!bytes.empty()) TRY(file->write_at(0, bytes.view()));
  return file->sync_data();
}

Result<CleanedSegment> GroupPass::finish() {
  TRY(write_out());
  TRY(out_->sync_data());
  indexes_.finish();
  indexes_.aborted = transactions_.take_marked();
  Buffer offsets;
  indexes_.offsets.encode(0, indexes_.offsets.size(), offsets);
  TRY(write_index(kOffsetIndexSuffix, offsets));
  Buffer times;
  indexes_.times.encode(0, indexes_.times.size(), times);
  TRY(write_index(kTimeIndexSuffix, times));
  if (!indexes_.aborted.empty()) {
    Buffer aborted;
    encode_transaction_index(indexes_.aborted, aborted);
    TRY(write_index(kTransactionIndexSuffix, aborted));
  }
  return CleanedSegment{out_, written_, std::move(indexes_), changed_ || sources_.size() > 1};
}

void GroupPass::discard() {
  out_ = nullptr;
  // What stays is removed at the next start, or overwritten by the next pass.
  for (const std::string_view suffix : kSuffixes) {
    static_cast<void>(remove_if_there(tools_.disk, path(suffix)));
  }
}

}  // namespace moldau::storage
