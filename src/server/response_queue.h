// ResponseQueue: answers leave a connection in the order of its requests, however they are finished
// (kafka-protocol.md 6.1). Everything that is ready in one turn of the loop leaves in one write.
// Owned by its Connection, lives on one shard.
#pragma once

#include <deque>

#include "base/bytes.h"
#include "runtime/network.h"
#include "runtime/wait.h"
#include "server/frame_reader.h"

namespace moldau::server {

// Who takes an answer: a connection's queue, or the envelope that its request came in.
class AnswerSink {
 public:
  // Each sequence once.
  virtual void finish(std::uint64_t sequence, SliceList frame) = 0;
  virtual void drop(std::uint64_t sequence) = 0;

 protected:
  ~AnswerSink() = default;
};

class ResponseQueue final : private AnswerSink {
 public:
  // The place of one answer. Completed once; dropping it uncompleted ends the connection once the answers
  // before it have left, because those behind it never could.
  class Slot {
   public:
    Slot(AnswerSink& sink, std::uint64_t sequence) : sink_(&sink), sequence_(sequence) {}
    Slot(Slot&& other) noexcept : sink_(std::exchange(other.sink_, nullptr)), sequence_(other.sequence_) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot();
    // A whole frame; empty for a request that has no answer (acks=0).
    void complete(SliceList frame) &&;

   private:
    AnswerSink* sink_;
    std::uint64_t sequence_;
  };

  ResponseQueue(runtime::Executor& executor, runtime::Stream& stream, MemoryBudget& budget);

  Slot reserve();
  // Waits while this many answers, or bytes of finished ones, are not written yet: a slow reader is not read
  // from.
  struct Limits {
    std::size_t answers;
    std::size_t bytes;
  };
  runtime::Task<void> room(Limits limits);
  // Until all answers are written, the connection is broken, or the deadline.
  runtime::Task<void> drain(runtime::MonotonicTime deadline);
  std::size_t pending() const { return entries_.size(); }
  // The peer is being written to: without progress there, it does not read.
  bool writing() const { return writing_; }
  // A slot was dropped: nothing behind it will be answered.
  bool ending() const { return ending_; }
  // Waits for the write under way. REQUIRES: every slot is completed or dropped.
  runtime::Task<void> close();
  std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  struct Entry {
    bool ready = false;
    bool dropped = false;
    SliceList frame;
    MemoryBudget::Hold hold = {};
  };
  // Answers that leave together.
  struct Departure {
    SliceList slices;
    std::size_t bytes = 0;
    MemoryBudget::Hold hold = {};
  };
  Entry& entry(std::uint64_t sequence) { return entries_[sequence - first_]; }
  void finish(std::uint64_t sequence, SliceList frame) override;
  void drop(std::uint64_t sequence) override;
  void schedule();
  void break_off();
  bool front_ready() const { return !entries_.empty() && entries_.front().ready; }
  runtime::Task<void> write_ready();
  runtime::Task<void> write_in_parts(SliceList slices);
  void note(const Status& written, std::size_t bytes);
  Departure take_ready();

  runtime::Executor& executor_;
  runtime::Stream& stream_;
  MemoryBudget& budget_;
  runtime::Signal progress_;
  std::deque<Entry> entries_;
  std::uint64_t first_ = 0;  // sequence of entries_.front()
  bool writing_ = false;
  bool ending_ = false;
  bool broken_ = false;
  std::size_t unwritten_bytes_ = 0;  // of finished answers
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace moldau::server
