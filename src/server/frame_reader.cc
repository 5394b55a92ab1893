#include "server/frame_reader.h"

#include <algorithm>

#include "base/sole_owner.h"

namespace moldau::server {
namespace {

constexpr std::size_t kSizePrefix = 4;
constexpr std::size_t kSmallBlock = 2048;       // what an idle connection keeps
constexpr std::size_t kFirstBlock = 64 * 1024;  // of a large frame from an unknown peer
// What a frame has to bring on average to keep its memory while others wait for some.
constexpr std::int64_t kLeastBytesPerSecond = 16 * 1024;
constexpr std::chrono::seconds kSlowStart(15);

std::string_view text_of(std::uint32_t word, char (&out)[4]) {
  store_be<std::uint32_t>(reinterpret_cast<std::byte*>(out), word);
  return {out, 4};
}

}  // namespace

std::string_view foreign_protocol(std::uint32_t first_four_bytes) {
  // A TLS record of type handshake: 16 03 01..04.
  if (first_four_bytes >> 16 == 0x1603) return "TLS";
  char buffer[4];
  const std::string_view text = text_of(first_four_bytes, buffer);
  if (text == "PRI ") return "HTTP/2";
  for (std::string_view verb : {"GET ", "POST", "HEAD", "PUT ", "DELE", "OPTI", "CONN", "PATC", "TRAC"}) {
    if (text == verb) return "HTTP";
  }
  if (text == "SSH-") return "SSH";
  return {};
}

runtime::Task<bool> MemoryBudget::raise(Hold& hold, std::uint64_t bytes, runtime::MonotonicTime deadline,
                                        runtime::Watermark* ended) {
  hold.budget_ = this;
  if (bytes <= hold.bytes_) co_return true;
  const std::uint64_t more = bytes - hold.bytes_;
  if (bytes > total_bytes_) co_return false;
  if (!free_.try_acquire(more)) {
    const std::uint64_t held = hold.bytes_;
    // A quarter is never held by those who wait: it comes free again, whatever their peers do.
    if (held > 0 && held_by_waiters_ + held > total_bytes_ / 4 * 3) co_return false;
    held_by_waiters_ += held;
    const bool granted = co_await free_.acquire(more, deadline, ended);
    held_by_waiters_ -= held;
    if (!granted) co_return false;
  }
  hold.bytes_ += more;
  co_return true;
}

MemoryBudget::Hold MemoryBudget::note(std::uint64_t bytes) {
  Hold hold;
  const std::uint64_t free = std::min(bytes, free_.available());
  if (free == 0 || !free_.try_acquire(free)) return hold;
  hold.budget_ = this;
  hold.bytes_ = free;
  return hold;
}

FrameReader::FrameReader(runtime::Executor& executor, runtime::Stream& stream, MemoryBudget& budget,
                         runtime::Watermark& ended, FrameLimits limits)
    : executor_(executor), stream_(stream), budget_(budget), ended_(ended), limits_(limits) {}

runtime::Task<Result<std::optional<Frame>>> FrameReader::next() {
  CO_ASSIGN_OR_RETURN(const bool more, co_await receive(kSizePrefix));
  if (!more) co_return std::optional<Frame>();
  CO_ASSIGN_OR_RETURN(const std::uint32_t size, announced_size());
  CO_ASSIGN_OR_RETURN(const bool whole, co_await receive(kSizePrefix + size));
  if (!whole) co_return fail(Errc::truncated, "the peer ended inside a frame");
  co_return std::optional<Frame>(take(size));
}

Result<std::uint32_t> FrameReader::announced_size() const {
  const auto word = load_be<std::uint32_t>(block_.get() + begin_);
  if (bytes_received_ == available()) {
    const std::string_view protocol = foreign_protocol(word);
    if (!protocol.empty()) {
      return fail(Errc::invalid_argument,
                  "the peer speaks " + std::string(protocol) + ", not Kafka's protocol");
    }
  }
  if (word > limits_.max_frame_bytes) {
    return fail(Errc::too_large, "a frame of " + std::to_string(static_cast<std::int32_t>(word)) +
                                     " bytes is announced, outside 0 to socket.request.max.bytes=" +
                                     std::to_string(limits_.max_frame_bytes));
  }
  return word;
}

// Until `want` bytes are there. False when the peer ended before the first of them.
runtime::Task<Result<bool>> FrameReader::receive(std::size_t want) {
  while (available() < want) {
    CO_TRY(co_await make_room(want));
    // A large frame is read to its end and no further, so that the next one starts in a small block again.
    const std::size_t limit = want > kSmallBlock ? std::min(capacity_, begin_ + want) : capacity_;
    CO_ASSIGN_OR_RETURN(const std::size_t got,
                        co_await stream_.read_some(MutableBytes(block_.get() + end_, limit - end_)));
    if (got == 0) {
      if (available() == 0) co_return false;
      co_return fail(Errc::truncated, "the peer ended inside a frame");
    }
    end_ += got;
    bytes_received_ += got;
  }
  co_return true;
}

// Makes the block writable at end_: fresh when frames that were handed out still use it, larger when the
// frame needs it and the peer has sent enough to be believed.
runtime::Task<Status> FrameReader::make_room(std::size_t want) {
  const bool unshared = block_ && sole_owner(block_);
  if (unshared && begin_ == end_) begin_ = end_ = 0;
  const bool fits = begin_ + want <= capacity_;
  const bool growing = capacity_ > kSmallBlock && end_ < capacity_;
  if (fits || growing) co_return Status();

  std::size_t capacity = kSmallBlock;
  if (want > kSmallBlock) {
    const std::size_t believed = std::max({kFirstBlock, 2 * available(), 2 * largest_frame_});
    capacity = std::min(want, believed);
    const auto deadline = executor_.now() + limits_.budget_wait;
    if (hold_.bytes() == 0) held_since_ = executor_.now();
    if (!co_await budget_.raise(hold_, capacity, deadline, &ended_)) {
      if (ended_.value() > 0) co_return fail(Errc::truncated, "the peer ended inside a frame");
      co_return fail(Errc::unavailable, "no request memory: " + std::to_string(budget_.used_bytes()) +
                                            " of " + std::to_string(budget_.total_bytes()) +
                                            " bytes are in use");
    }
  }
  auto block = std::make_shared_for_overwrite<std::byte[]>(capacity);
  std::copy_n(block_.get() + begin_, available(), block.get());
  end_ -= begin_;
  begin_ = 0;
  block_ = std::move(block);
  capacity_ = capacity;
  co_return Status();
}

bool FrameReader::is_slow(runtime::MonotonicTime now) const {
  if (hold_.bytes() == 0) return false;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - held_since_ - kSlowStart);
  return static_cast<std::int64_t>(available()) < seconds.count() * kLeastBytesPerSecond;
}

Frame FrameReader::take(std::size_t frame_bytes) {
  const ByteView view(block_.get() + begin_ + kSizePrefix, frame_bytes);
  begin_ += kSizePrefix + frame_bytes;
  largest_frame_ = std::max(largest_frame_, frame_bytes);
  Frame frame{Slice(block_, view), std::move(hold_)};
  hold_ = MemoryBudget::Hold();
  // A large block goes with its frame.
  if (capacity_ > kSmallBlock && begin_ == end_) {
    block_.reset();
    capacity_ = begin_ = end_ = 0;
  }
  return frame;
}

}  // namespace moldau::server
