#include "storage/tail.h"

#include <algorithm>

namespace moldau::storage {

std::size_t Tail::find(Offset offset) const {
  const auto found = std::ranges::upper_bound(batches_, offset, {}, &TailBatch::next_offset);
  return static_cast<std::size_t>(found - batches_.begin());
}

void Tail::push(TailBatch batch, Offset log_end) {
  if (empty()) before_ = log_end;
  MOLDAU_ASSERT(empty() || batch.base_offset >= batches_.back().next_offset);
  size_bytes_ += static_cast<std::int64_t>(batch.bytes.size());
  batches_.push_back(std::move(batch));
}

std::optional<Offset> Tail::mark_durable(CommitLog::Position up_to) {
  const std::size_t before = durable_;
  while (durable_ < batches_.size() && batches_[durable_].commit_end <= up_to) ++durable_;
  return durable_ == before ? std::nullopt : std::optional(batches_[durable_ - 1].next_offset);
}

void Tail::drop_front(std::size_t count) {
  MOLDAU_ASSERT(count <= durable_);
  if (count > 0) before_ = batches_[count - 1].next_offset;
  for (std::size_t i = 0; i < count; ++i) size_bytes_ -= static_cast<std::int64_t>(batches_[i].bytes.size());
  batches_.erase(batches_.begin(), batches_.begin() + static_cast<std::ptrdiff_t>(count));
  durable_ -= count;
  if (batches_.empty()) batches_ = {};
}

std::int64_t Tail::truncate_to(Offset offset) {
  std::int64_t dropped = 0;
  while (!empty() && batches_.back().next_offset > offset) {
    dropped += static_cast<std::int64_t>(batches_.back().bytes.size());
    batches_.pop_back();
  }
  size_bytes_ -= dropped;
  durable_ = std::min(durable_, batches_.size());
  return dropped;
}

}  // namespace moldau::storage
