#include "server/response_queue.h"

namespace moldau::server {

ResponseQueue::Slot::~Slot() {
  if (queue_ == nullptr) return;
  queue_->broken_ = true;
  queue_->stream_.close();
  queue_->finish(sequence_, {});
}

void ResponseQueue::Slot::complete(SliceList frame) && {
  MOLDAU_ASSERT(queue_ != nullptr, "an answer is given once");
  std::exchange(queue_, nullptr)->finish(sequence_, std::move(frame));
}

ResponseQueue::ResponseQueue(runtime::Executor& executor, runtime::Stream& stream, MemoryBudget& budget)
    : executor_(executor), stream_(stream), budget_(budget), progress_(executor) {}

ResponseQueue::Slot ResponseQueue::reserve() {
  entries_.emplace_back();
  return Slot(*this, first_ + entries_.size() - 1);
}

runtime::Task<void> ResponseQueue::room(Limits limits) {
  while ((entries_.size() >= limits.answers || unwritten_bytes_ >= limits.bytes) && !broken_) {
    co_await progress_.wait();
  }
}

runtime::Task<void> ResponseQueue::drain(runtime::MonotonicTime deadline) {
  while ((!entries_.empty() || writing_) && !broken_ && co_await progress_.wait(deadline)) {
  }
}

void ResponseQueue::finish(std::uint64_t sequence, SliceList frame) {
  Entry& entry = entries_[sequence - first_];
  MOLDAU_ASSERT(!entry.ready);
  entry.ready = true;
  entry.frame = std::move(frame);
  const std::size_t bytes = size_of(entry.frame);
  entry.hold = budget_.note(bytes);
  unwritten_bytes_ += bytes;
  if (sequence == first_) schedule();
}

void ResponseQueue::schedule() {
  if (writing_) return;
  writing_ = true;
  // Posted, so that the other answers of this turn go along.
  executor_.post([this] { write_ready().detach(); });
}

runtime::Task<void> ResponseQueue::write_ready() {
  while (!entries_.empty() && entries_.front().ready) {
    Departure departure = take_ready();
    if (!broken_ && departure.bytes > 0) {
      if (const Status written = co_await stream_.write(std::move(departure.slices)); written) {
        bytes_sent_ += departure.bytes;
      } else {
        broken_ = true;
        stream_.close();
      }
    }
    unwritten_bytes_ -= departure.bytes;
    departure.holds.clear();
    progress_.notify_all();
  }
  writing_ = false;
  progress_.notify_all();
}

ResponseQueue::Departure ResponseQueue::take_ready() {
  Departure departure;
  SliceList& slices = departure.slices;
  while (!entries_.empty() && entries_.front().ready) {
    Entry& entry = entries_.front();
    departure.bytes += size_of(entry.frame);
    slices.insert(slices.end(), std::make_move_iterator(entry.frame.begin()),
                  std::make_move_iterator(entry.frame.end()));
    if (entry.hold.bytes() > 0) departure.holds.push_back(std::move(entry.hold));
    entries_.pop_front();
    ++first_;
  }
  return departure;
}

runtime::Task<void> ResponseQueue::close() {
  while (writing_) co_await progress_.wait();
}

}  // namespace moldau::server
