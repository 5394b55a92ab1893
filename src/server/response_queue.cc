#include "server/response_queue.h"

namespace moldau::server {
namespace {

constexpr std::size_t kPartBytes = 4 << 20;

}  // namespace

ResponseQueue::Slot::~Slot() {
  if (sink_ != nullptr) sink_->drop(sequence_);
}

void ResponseQueue::Slot::complete(SliceList frame) && {
  MOLDAU_ASSERT(sink_ != nullptr, "an answer is given once");
  std::exchange(sink_, nullptr)->finish(sequence_, std::move(frame));
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
  Entry& entry = this->entry(sequence);
  MOLDAU_ASSERT(!entry.ready);
  entry.ready = true;
  entry.frame = std::move(frame);
  const std::size_t bytes = size_of(entry.frame);
  entry.hold = budget_.note(bytes);
  unwritten_bytes_ += bytes;
  if (sequence == first_) schedule();
}

void ResponseQueue::drop(std::uint64_t sequence) {
  ending_ = true;
  entry(sequence).dropped = true;
  finish(sequence, {});
}

void ResponseQueue::schedule() {
  if (writing_) return;
  writing_ = true;
  // Posted, so that the other answers of this turn go along.
  executor_.post([this] { write_ready().detach(); });
}

void ResponseQueue::break_off() {
  broken_ = true;
  stream_.close();
}

runtime::Task<void> ResponseQueue::write_ready() {
  while (front_ready()) {
    Departure departure = take_ready();
    if (departure.bytes > kPartBytes) {
      co_await write_in_parts(std::move(departure.slices));
    } else if (departure.bytes > 0 && !broken_) {
      note(co_await stream_.write(std::move(departure.slices)), departure.bytes);
    }
    unwritten_bytes_ -= departure.bytes;
    if (front_ready() && entries_.front().dropped) {
      break_off();
      entries_.front().dropped = false;
    }
    progress_.notify_all();
  }
  writing_ = false;
  progress_.notify_all();
}

void ResponseQueue::note(const Status& written, std::size_t bytes) {
  if (!written) return break_off();
  bytes_sent_ += bytes;
}

// So that a reader is seen to get on with a large answer.
runtime::Task<void> ResponseQueue::write_in_parts(SliceList slices) {
  for (std::size_t next = 0; next < slices.size() && !broken_;) {
    SliceList part;
    std::size_t bytes = 0;
    while (next < slices.size() && (part.empty() || bytes + slices[next].size() <= kPartBytes)) {
      bytes += slices[next].size();
      part.push_back(std::move(slices[next++]));
    }
    note(co_await stream_.write(std::move(part)), bytes);
  }
}

ResponseQueue::Departure ResponseQueue::take_ready() {
  Departure departure;
  while (front_ready() && !entries_.front().dropped) {
    Entry& entry = entries_.front();
    departure.bytes += size_of(entry.frame);
    if (departure.slices.empty()) {
      departure.slices = std::move(entry.frame);
    } else {
      departure.slices.insert(departure.slices.end(), std::make_move_iterator(entry.frame.begin()),
                              std::make_move_iterator(entry.frame.end()));
    }
    departure.hold.join(std::move(entry.hold));
    entries_.pop_front();
    ++first_;
  }
  return departure;
}

runtime::Task<void> ResponseQueue::close() {
  while (writing_) co_await progress_.wait();
}

}  // namespace moldau::server
