// An open POSIX file. Errors name the call and the path. What one reader takes from the device in order, piece by piece,
// passes through the page cache and does not stay there: filling it costs far more than the reading (bench/kafka-reasons.md,
// row 6), and pushes out what others read. Two readers of one file in turn leave it to the kernel what stays.
#pragma once

#include <atomic>

#include "platform/posix.h"
#include "runtime/disk.h"

namespace moldau::platform {

class PosixFile final : public runtime::File {
 public:
  PosixFile(FileDescriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override;
  Result<std::size_t> read_cached_at(std::uint64_t offset, MutableBytes into) override;
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override;
  using runtime::File::write_at;
  Status sync_data() override;
  Status truncate(std::uint64_t size) override;
  Status allocate(std::uint64_t offset, std::uint64_t length) override;
  Result<std::uint64_t> size() const override;
  void forget(std::uint64_t offset, std::uint64_t length) override;
  const std::string& path() const override { return path_; }

 private:
  std::unexpected<Error> failed(std::string_view call) const;
  int cache_flag(std::uint64_t offset, std::size_t length);
  ssize_t read_some(std::uint64_t offset, MutableBytes into, int flags);

  FileDescriptor file_;
  // The last long read. Threads may read at once: what one of them takes for the other's only costs time.
  std::atomic<std::uint64_t> last_begin_ = 0;
  std::atomic<std::uint64_t> last_end_ = 0;
  std::atomic<int> last_flag_ = 0;
  const std::string path_;
};

}  // namespace moldau::platform
