// Collects entries of the commit log into records inside its write buffers. A record is one run of memory:
// room for its header, the entries, padding to whole blocks. One per commit log, on its shard.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "storage/commit_log.h"
#include "storage/commit_log_format.h"
#include "storage/write_buffers.h"

namespace moldau::storage {

// Complete but for its header, which is written just before the record is.
struct SealedRecord {
  commit_format::RecordHeader header;  // position, body_bytes and entries are set
  MutableBytes memory;                 // whole blocks
  std::shared_ptr<const void> owner;
  std::vector<CommitLog::Participant*> participants;  // each once; null after leave()
};

class RecordBuilder {
 public:
  using Position = CommitLog::Position;

  RecordBuilder(std::size_t buffer_bytes, std::size_t retained_bytes)
      : buffers_(buffer_bytes, retained_bytes) {}

  bool open() const { return open_; }
  Position start() const { return position_; }
  // Where the open record would end, in whole blocks, with `more` bytes of entries added.
  Position end_with(std::size_t more) const {
    return position_ + static_cast<Position>(commit_format::round_up(used_ + more));
  }
  bool fits(std::size_t more) const { return open_ && used_ + more <= memory_.size(); }

  // REQUIRES: !open().
  void begin(Position position, std::size_t first_entry_bytes);
  // REQUIRES: fits() the entry.
  CommitLog::Appended add(const CommitLog::Entry& entry);
  std::vector<CommitLog::Participant*>& participants() { return participants_; }
  // REQUIRES: open().
  SealedRecord seal();

  std::size_t buffer_bytes() const { return buffers_.total_bytes(); }
  void trim() { buffers_.trim(); }

 private:
  WriteBuffers buffers_;
  WriteBuffers::Lease lease_;
  std::size_t cursor_ = 0;  // of the lease: where the next record begins

  bool open_ = false;
  MutableBytes memory_;  // from the record's begin to the end of the lease
  Position position_ = 0;
  std::size_t used_ = 0;
  std::uint32_t entries_ = 0;
  std::vector<CommitLog::Participant*> participants_;
};

}  // namespace moldau::storage
