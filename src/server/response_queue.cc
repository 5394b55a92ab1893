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

ResponseQueue::ResponseQueue(runtime::Executor& executor, runtime::Stream& stream)
    : executor_(executor), stream_(stream), progress_(executor) {}

ResponseQueue::Slot ResponseQueue::reserve() {
  entries_.emplace_back();
  return Slot(*this, first_ + entries_.size() - 1);
}

runtime::Task<void> ResponseQueue::room(std::size_t max_pending) {
  while (entries_.size() >= max_pending && !broken_) co_await progress_.wait();
}

void ResponseQueue::finish(std::uint64_t sequence, SliceList frame) {
  Entry& entry = entries_[sequence - first_];
  MOLDAU_ASSERT(!entry.ready);
  entry.ready = true;
  entry.frame = std::move(frame);
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
    SliceList slices = take_ready();
    if (!broken_ && !slices.empty()) {
      const std::size_t bytes = size_of(slices);
      if (const Status written = co_await stream_.write(std::move(slices)); written) {
        bytes_sent_ += bytes;
      } else {
        broken_ = true;
        stream_.close();
      }
    }
    progress_.notify_all();
  }
  writing_ = false;
  progress_.notify_all();
}

SliceList ResponseQueue::take_ready() {
  SliceList slices;
  while (!entries_.empty() && entries_.front().ready) {
    SliceList& frame = entries_.front().frame;
    slices.insert(slices.end(), std::make_move_iterator(frame.begin()), std::make_move_iterator(frame.end()));
    entries_.pop_front();
    ++first_;
  }
  return slices;
}

runtime::Task<void> ResponseQueue::close() {
  while (writing_) co_await progress_.wait();
}

}  // namespace moldau::server
