#include <algorithm>

#include "storage/commit_log_impl.h"

namespace moldau::storage {

using commit_format::FileHeader;

CommitLog::Position CommitLog::Impl::needed_from() {
  const auto oldest = dirty_.oldest();
  return oldest ? std::min(*oldest, durable_.value()) : durable_.value();
}

// The start in the file lags behind: a replay that begins too early is harmless, and each header costs a
// write.
bool CommitLog::Impl::header_is_due() {
  const Position behind = needed_from() - reusable_from_;
  if (behind <= 0) return false;
  return space_wanted_ || static_cast<std::uint64_t>(behind) >= ring_->capacity() / 8;
}

FileHeader CommitLog::Impl::next_header(bool closed) {
  FileHeader header = header_;
  ++header.sequence;
  header.start = needed_from();
  header.durable = durable_.value();
  header.closed = closed;
  return header;
}

void CommitLog::Impl::clean(const TopicIdPartition& partition, Position up_to) {
  dirty_.clean(partition, up_to);
  if (header_is_due()) schedule();
  builder_.trim();
}

runtime::Task<void> CommitLog::Impl::wait_for_space(runtime::MonotonicTime deadline) {
  if (poison_) co_return;
  co_await space_.wait(deadline);
}

runtime::Task<Status> CommitLog::Impl::close() {
  MOLDAU_ASSERT(!closing_, "the commit log is closed once");
  closing_ = true;
  close_header_wanted_ = ready_;
  while (!first_lap_->idle() || round_under_way_ || (close_header_wanted_ && !poison_)) {
    schedule();
    co_await settled_.wait();
  }
  durable_.close();
  if (poison_) co_return fail(*poison_);
  co_return Status();
}

CommitLog::Stats CommitLog::Impl::stats() const {
  Stats stats = stats_;
  stats.capacity_bytes = ring_->capacity();
  stats.used_bytes = used();
  stats.buffer_bytes = builder_.buffer_bytes();
  stats.pressed = stats.used_bytes >= stats.capacity_bytes / 2;
  if (round_under_way_) stats.under_way = executor_.now() - round_->began;
  return stats;
}

}  // namespace moldau::storage
