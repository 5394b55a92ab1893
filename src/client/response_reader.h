// ResponseReader: cuts a connection's bytes into size-prefixed frames. Believes no announced size: memory
// grows with what has arrived. A frame is a slice of the block that it was received into.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace moldau::client {

class ResponseReader {
 public:
  explicit ResponseReader(std::uint32_t max_frame_bytes) : max_frame_bytes_(max_frame_bytes) {}

  // Where the next bytes go; never empty. Tell with received() how many came.
  MutableBytes room();
  void received(std::size_t size) { end_ += size; }
  // The next whole frame without its size, or nothing when more bytes are needed. Errc::corrupt: a size that
  // no response has; Errc::too_large: over the limit.
  Result<std::optional<Slice>> next();
  bool inside_frame() const { return end_ > begin_; }

 private:
  Result<std::size_t> announced() const;
  std::size_t available() const { return end_ - begin_; }

  std::uint32_t max_frame_bytes_;
  std::shared_ptr<std::byte[]> block_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t largest_ = 0;  // frame that this peer has really sent: it may have as much at once again
};

}  // namespace moldau::client
