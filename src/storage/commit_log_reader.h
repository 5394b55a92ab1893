// Reads a commit log's records for its replay, and tells a torn tail from damage. Blocks: runs on a pool.
#pragma once

#include <cstdint>
#include <vector>

#include "storage/commit_log_ring.h"

namespace moldau::storage {

class CommitLogReader {
 public:
  using Position = commit_format::Position;

  CommitLogReader(const CommitLogRing& ring, const commit_format::FileHeader& header)
      : ring_(ring), header_(header), next_(header.start) {}

  struct Record {
    commit_format::RecordHeader header;
    Slice bytes;  // as it stands in the ring, with header and padding
    Slice body() const { return bytes.cut(commit_format::kRecordHeader, header.body_bytes); }
  };
  // The next records, in order; empty when there is no valid one at position().
  Result<std::vector<Record>> read_some();
  // Where the next record would begin: the end of the log once read_some() gave nothing.
  Position position() const { return next_; }

  // After the last record: success when what follows was never acknowledged; Errc::corrupt, with file and
  // position, when the header or a later record says that position() had been durable.
  Status check_end();
  // The highest session of any record seen, also behind the end.
  std::uint32_t last_session() const { return seen_session_; }

 private:
  bool ended_in_order() const { return header_.closed && next_ == header_.durable; }
  bool belongs(const commit_format::RecordHeader& header) const;
  Result<Slice> read_window(Position at, std::uint64_t wanted) const;
  // Whether a record in the window behind the end says that the end was durable.
  bool claims_durable(Position window_at, ByteView window);
  std::unexpected<Error> damaged() const;

  const CommitLogRing& ring_;
  commit_format::FileHeader header_;
  Position next_;
  std::uint32_t session_ = 0;  // of the last valid record: they never fall along the log
  std::uint32_t seen_session_ = 0;
};

}  // namespace moldau::storage
