#include "storage/record_builder.h"

#include <algorithm>

namespace moldau::storage {

using commit_format::kEntryHeader;
using commit_format::kRecordHeader;

void RecordBuilder::begin(Position position, std::size_t first_entry_bytes) {
  MOLDAU_ASSERT(!open_);
  const std::size_t wanted = commit_format::round_up(kRecordHeader + first_entry_bytes);
  if (lease_.bytes.size() - cursor_ < wanted) {
    lease_ = {};  // first, so that its memory may be what the next lease gets
    lease_ = buffers_.acquire(wanted);
    cursor_ = 0;
  }
  open_ = true;
  memory_ = lease_.bytes.subspan(cursor_);
  position_ = position;
  used_ = kRecordHeader;
  entries_ = 0;
}

CommitLog::Appended RecordBuilder::add(const CommitLog::Entry& entry) {
  const std::size_t bytes = kEntryHeader + entry.batches.size();
  MOLDAU_ASSERT(fits(bytes));
  const MutableBytes into = memory_.subspan(used_, bytes);
  commit_format::encode_entry(entry, into);
  used_ += bytes;
  ++entries_;
  return {.end = position_ + static_cast<Position>(used_),
          .batches = Slice(lease_.owner, into.subspan(kEntryHeader))};
}

SealedRecord RecordBuilder::seal() {
  MOLDAU_ASSERT(open_);
  open_ = false;
  SealedRecord record;
  record.header.position = position_;
  record.header.body_bytes = static_cast<std::uint32_t>(used_ - kRecordHeader);
  record.header.entries = entries_;
  record.memory = memory_.first(record.header.size());
  record.owner = lease_.owner;
  record.participants.swap(participants_);
  // What an earlier round left in the padding is nobody's business on disk.
  std::ranges::fill(record.memory.subspan(used_), std::byte{0});
  cursor_ += record.memory.size();
  return record;
}

}  // namespace moldau::storage
