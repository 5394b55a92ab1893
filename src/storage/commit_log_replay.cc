#include <algorithm>

#include "storage/commit_log_impl.h"

namespace moldau::storage {

using commit_format::FileHeader;
using commit_format::RecordHeader;

runtime::Task<Status> CommitLog::Impl::replay(const Visit& visit) {
  MOLDAU_ASSERT(!ready_, "the commit log is replayed once");
  CommitLogReader reader(*ring_, header_);
  while (true) {
    CO_ASSIGN_OR_RETURN(const auto records, co_await pool_.run(runtime::Lane::background, executor_,
                                                               [&reader] { return reader.read_some(); }));
    if (records.empty()) break;
    for (const CommitLogReader::Record& record : records) {
      CO_TRY(co_await replay_record(visit, record.header, record.body()));
      keep_unproven(record);
    }
  }
  CO_TRY(co_await pool_.run(runtime::Lane::background, executor_, [&reader] { return reader.check_end(); }));
  next_ = reader.position();
  CO_TRY(co_await rewrite_unproven());
  CO_TRY(co_await begin_session(std::max(header_.session, reader.last_session()) + 1));
  durable_.advance(next_);
  ready_ = true;
  first_lap_->keep_ahead(next_);
  schedule();
  co_return Status();
}

runtime::Task<Status> CommitLog::Impl::replay_record(const Visit& visit, const RecordHeader& header,
                                                     const Slice& body) {
  dirty_.begin_record(header.position);
  ByteView left = body;
  for (std::uint32_t i = 0; i < header.entries; ++i) {
    const auto entry = commit_format::take_entry(left);
    if (!entry) {
      co_return fail(
          Error(entry.error()).within(ring_->path() + " at position " + std::to_string(header.position)));
    }
    const Position end =
        header.position + static_cast<Position>(commit_format::kRecordHeader + body.size() - left.size());
    dirty_.note(entry->topic_id_partition(), end);
    CO_TRY(co_await visit(*entry, body.part(entry->batches), end));
  }
  co_return Status();
}

void CommitLog::Impl::keep_unproven(const CommitLogReader::Record& record) {
  const Position proven = std::max(header_.durable, record.header.durable);
  std::erase_if(unproven_, [proven](const auto& earlier) { return earlier.header.end() <= proven; });
  if (record.header.end() > proven) unproven_.push_back(record);
}

// After a sync that failed, the page cache may hold what the device does not, as clean pages that no later
// sync would write (fsyncgate). Before an entry is applied, or a header calls it durable, it is written once
// more. That is the last round at most.
runtime::Task<Status> CommitLog::Impl::rewrite_unproven() {
  if (unproven_.empty()) co_return Status();
  Status status = co_await pool_.run(runtime::Lane::commit, executor_, [this]() -> Status {
    std::vector<ByteView> parts;
    for (const CommitLogReader::Record& record : unproven_) parts.push_back(record.bytes);
    TRY(ring_->write(unproven_.front().header.position, parts));
    return ring_->sync();
  });
  unproven_.clear();
  co_return status;
}

// Both copies name the session before a record of it is written: what an earlier session left behind the end
// is told apart from what follows by its lower number.
runtime::Task<Status> CommitLog::Impl::begin_session(std::uint32_t session) {
  for (int copy = 0; copy < 2; ++copy) {
    FileHeader header = header_;
    ++header.sequence;
    header.session = session;
    header.durable = next_;
    header.closed = false;
    CO_TRY(co_await pool_.run(runtime::Lane::commit, executor_, [this, &header]() -> Status {
      TRY(ring_->write_header(header));
      return ring_->sync();
    }));
    header_ = header;
  }
  co_return Status();
}

}  // namespace moldau::storage
