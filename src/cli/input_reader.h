// InputReader: gathers an Input's bytes for a parser on shard 0 without blocking the shard. Ends early when a
// signal comes.
#pragma once

#include <string>
#include <string_view>

#include "cli/cli.h"

namespace moldau::cli {

class InputReader {
 public:
  InputReader(runtime::World& world, Interrupt& interrupt, Input& input);

  std::string_view buffered() const { return std::string_view(buffer_).substr(consumed_); }
  // REQUIRES: count <= buffered().size().
  void consume(std::size_t count) { consumed_ += count; }
  bool at_end() const { return at_end_; }

  // Reads more; returns once there is some, or at the end. Errc::too_large when `kMaxBuffered` bytes were
  // read and none consumed.
  runtime::Task<Status> more();
  // The next line without its end; the last one may lack it. Nothing at the end.
  runtime::Task<Result<std::optional<std::string>>> line();

 private:
  static constexpr std::size_t kChunk = 128 * 1024;
  static constexpr std::size_t kMaxBuffered = std::size_t{1} << 30;

  runtime::World& world_;
  Interrupt& interrupt_;
  Input& input_;
  std::string buffer_;
  std::size_t consumed_ = 0;
  bool at_end_ = false;
};

}  // namespace moldau::cli
