// Streams over the file descriptors of a process, for main.cc.
#pragma once

#include "cli/cli.h"

namespace moldau::cli {

class DescriptorInput final : public Input {
 public:
  explicit DescriptorInput(int descriptor) : descriptor_(descriptor) {}
  Result<std::optional<std::size_t>> read(MutableBytes into, runtime::Duration wait) override;

 private:
  int descriptor_;
};

// Waits while a pipe is full. The process must ignore SIGPIPE.
class DescriptorOutput final : public Output {
 public:
  explicit DescriptorOutput(int descriptor) : descriptor_(descriptor) {}
  Status write(std::string_view text) override;

 private:
  int descriptor_;
};

}  // namespace moldau::cli
