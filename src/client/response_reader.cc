#include "client/response_reader.h"

#include <algorithm>
#include <string>

#include "base/sole_owner.h"

namespace moldau::client {
namespace {

constexpr std::size_t kSizeBytes = 4;
constexpr std::size_t kBlockBytes = 64 << 10;
constexpr std::size_t kLeastRoom = 4 << 10;

}  // namespace

Result<std::size_t> ResponseReader::announced() const {
  const auto size = load_be<std::int32_t>(block_.get() + begin_);
  if (size < 4)
    return fail(Errc::corrupt, "a response of " + std::to_string(size) + " bytes is none of Kafka's");
  if (static_cast<std::uint32_t>(size) > max_frame_bytes_) {
    return fail(Errc::too_large, "a response of " + std::to_string(size) + " bytes is over the limit of " +
                                     std::to_string(max_frame_bytes_));
  }
  return static_cast<std::size_t>(size);
}

MutableBytes ResponseReader::room() {
  if (available() == 0 && sole_owner(block_)) begin_ = end_ = 0;
  std::size_t wanted = kLeastRoom;
  if (available() >= kSizeBytes) {
    // next() has refused a size that is not possible.
    const std::size_t whole =
        kSizeBytes + static_cast<std::size_t>(load_be<std::int32_t>(block_.get() + begin_));
    wanted = std::min(whole, std::max(2 * available(), largest_)) - available();
    wanted = std::max<std::size_t>(wanted, 1);
  }
  if (capacity_ - end_ < wanted) {
    const std::size_t capacity = std::max(kBlockBytes, available() + wanted);
    auto block = std::make_shared_for_overwrite<std::byte[]>(capacity);
    if (available() > 0) std::memcpy(block.get(), block_.get() + begin_, available());
    end_ = available();
    begin_ = 0;
    capacity_ = capacity;
    block_ = std::move(block);
  }
  return {block_.get() + end_, capacity_ - end_};
}

Result<std::optional<Slice>> ResponseReader::next() {
  if (available() < kSizeBytes) return std::nullopt;
  ASSIGN_OR_RETURN(const std::size_t size, announced());
  if (available() < kSizeBytes + size) return std::nullopt;
  Slice frame(block_, {block_.get() + begin_ + kSizeBytes, size});
  begin_ += kSizeBytes + size;
  largest_ = std::max(largest_, kSizeBytes + size);
  return frame;
}

}  // namespace moldau::client
