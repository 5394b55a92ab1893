// FrameReader: cuts a connection's bytes into Kafka's size-prefixed frames (kafka-protocol.md 2.1). Believes
// no announced size: memory grows with what has arrived, is counted against the shard's budget, and a frame
// over the limit ends the connection. Owned by its Connection, lives on one shard.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "runtime/network.h"
#include "runtime/wait.h"

namespace moldau::server {

// Bytes of memory that one shard may hold for frames that are still arriving or being served, and for answers
// that their readers have not taken yet.
class MemoryBudget {
 public:
  MemoryBudget(runtime::Executor& executor, std::uint64_t total_bytes)
      : total_bytes_(total_bytes), free_(executor, total_bytes) {}

  // A share of the budget; given back by its destructor, on the shard.
  class Hold {
   public:
    Hold() = default;
    Hold(Hold&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Hold() {
      if (bytes_ > 0) budget_->free_.release(bytes_);
    }
    std::uint64_t bytes() const { return bytes_; }
    // Takes over what `other` holds. REQUIRES: of the same budget.
    void join(Hold other) {
      if (other.bytes_ == 0) return;
      budget_ = other.budget_;
      bytes_ += std::exchange(other.bytes_, 0);
    }

   private:
    friend class MemoryBudget;
    MemoryBudget* budget_ = nullptr;
    std::uint64_t bytes_ = 0;
  };

  // Raises `hold` to `bytes`; false when the deadline passed, or `ended` rose above zero, before so much was
  // free. False at once when those who wait already hold so much that they may wait for each other.
  runtime::Task<bool> raise(Hold& hold, std::uint64_t bytes, runtime::MonotonicTime deadline,
                            runtime::Watermark* ended = nullptr);
  // As much of `bytes` as is free, at once: for memory that is there already.
  Hold note(std::uint64_t bytes);
  std::uint64_t total_bytes() const { return total_bytes_; }
  std::uint64_t used_bytes() const { return total_bytes_ - free_.available(); }
  // How many wait for a part of it.
  std::size_t waiting() const { return free_.waiting(); }

 private:
  std::uint64_t total_bytes_;
  runtime::Semaphore free_;
  std::uint64_t held_by_waiters_ = 0;
};

struct Frame {
  Slice bytes;  // without the size prefix
  MemoryBudget::Hold hold;
};

struct FrameLimits {
  std::uint32_t max_frame_bytes = 104857600;  // socket.request.max.bytes
  runtime::Duration budget_wait = std::chrono::seconds(30);
};

class FrameReader {
 public:
  // `ended` above zero: the peer has ended its side or is to be left; its frame waits for memory no longer.
  FrameReader(runtime::Executor& executor, runtime::Stream& stream, MemoryBudget& budget,
              runtime::Watermark& ended, FrameLimits limits);

  // The next whole frame, or nothing when the peer ended between frames. Errors: truncated (ended inside a
  // frame), too_large (over the limit), invalid_argument (no Kafka client: the message says what it speaks),
  // unavailable (no request memory came free in time), or the stream's own.
  runtime::Task<Result<std::optional<Frame>>> next();

  // True between the first byte of a frame and its last: a peer that stays here makes no progress.
  bool inside_frame() const { return end_ > begin_; }
  // Holds memory for a frame whose bytes come so slowly that it keeps others from theirs.
  bool is_slow(runtime::MonotonicTime now) const;
  std::uint64_t bytes_received() const { return bytes_received_; }

 private:
  runtime::Task<Result<bool>> receive(std::size_t want);
  runtime::Task<Status> make_room(std::size_t frame_bytes);
  Result<std::uint32_t> announced_size() const;
  Frame take(std::size_t frame_bytes);
  std::size_t available() const { return end_ - begin_; }

  runtime::Executor& executor_;
  runtime::Stream& stream_;
  MemoryBudget& budget_;
  runtime::Watermark& ended_;
  FrameLimits limits_;
  std::shared_ptr<std::byte[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // first byte not yet handed out
  std::size_t end_ = 0;    // first byte not yet received
  MemoryBudget::Hold hold_;
  runtime::MonotonicTime held_since_{};
  std::size_t largest_frame_ = 0;  // that this peer has really sent: it may have as much at once again
  std::uint64_t bytes_received_ = 0;
};

// What a peer speaks that is not Kafka's protocol, told by its first four bytes; empty when it may be Kafka.
std::string_view foreign_protocol(std::uint32_t first_four_bytes);

}  // namespace moldau::server
