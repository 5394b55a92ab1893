// An open POSIX file. Errors name the call and the path.
#pragma once

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

  FileDescriptor file_;
  const std::string path_;
};

}  // namespace moldau::platform
