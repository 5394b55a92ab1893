#include "storage/segment_reader.h"

#include <algorithm>

#include "record/validate.h"
#include "storage/unreadable.h"

namespace moldau::storage {

// The bytes from the position on, at least so many.
Result<ByteView> SegmentReader::at_least(std::size_t wanted) {
  const std::int64_t buffered = buffer_at_ + static_cast<std::int64_t>(buffer_.size()) - position_;
  if (buffered < static_cast<std::int64_t>(wanted)) {
    const auto left = static_cast<std::size_t>(end_ - position_);
    if (wanted > left) return fail(Errc::corrupt, "a batch reaches beyond the end of the segment");
    const std::size_t size = std::min(left, std::max(buffer_bytes_, wanted));
    if (buffer_.capacity() > std::max(buffer_bytes_, size)) buffer_ = {};  // a large batch is behind us
    buffer_.resize(size);
    ASSIGN_OR_RETURN(const std::size_t read,
                     or_unreadable(file_->read_at(static_cast<std::uint64_t>(position_), buffer_)));
    buffer_.resize(read);
    buffer_at_ = position_;
    if (read < wanted) return fail(Errc::corrupt, "the file is shorter than its segment");
  }
  return ByteView(buffer_).subspan(static_cast<std::size_t>(position_ - buffer_at_));
}

Result<record::BatchView> SegmentReader::read() {
  ASSIGN_OR_RETURN(ByteView bytes, at_least(record::kHeaderSize));
  ASSIGN_OR_RETURN(const auto header, record::HeaderView::at(bytes));
  ASSIGN_OR_RETURN(bytes, at_least(header.size()));
  ASSIGN_OR_RETURN(const auto batch, record::BatchView::at(bytes));
  TRY(record::check_stored_batch(batch, next_offset_));
  return batch;
}

Result<bool> SegmentReader::next(record::BatchView& batch) {
  if (at_end()) return false;
  auto read = this->read();
  if (!read) {
    const bool damaged = read.error().code == Errc::truncated || read.error().code == Errc::unsupported;
    if (damaged) read.error().code = Errc::corrupt;
    return fail(std::move(read).error().within(file_->path() + " at position " + std::to_string(position_)));
  }
  batch = *read;
  position_ += static_cast<std::int64_t>(batch.size());
  next_offset_ = batch.next_offset();
  return true;
}

}  // namespace moldau::storage
