#include "platform/posix_file_system.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cstdio>

namespace moldau::platform {
namespace {

constexpr decltype(statfs::f_type) kXfs = 0x58465342;  // linux/magic.h has it since 6.x only

class PosixFileSystem final : public runtime::FileSystem {
 public:
  PosixFileSystem(FileDescriptor directory, dev_t device, std::string path)
      : directory_(std::move(directory)), device_(device), path_(std::move(path)) {}

  // Not repeated after EINTR: an error is told once.
  Status sync() override {
    if (::syncfs(directory_.get()) == 0) return {};
    const int error = errno;
    return fail(error_from_errno(error, "sync the file system of " + path_));
  }
  bool holds(const std::string& directory) override {
    struct stat status{};
    if (::stat(directory.c_str(), &status) == 0) return status.st_dev == device_;
    return errno == ENOENT;
  }

 private:
  FileDescriptor directory_;  // its errors count from when it was opened
  dev_t device_;
  std::string path_;
};

bool kernel_tells() {
  utsname name{};
  unsigned major = 0, minor = 0;
  if (::uname(&name) != 0 || std::sscanf(name.release, "%u.%u", &major, &minor) != 2) return false;
  return major > 5 || (major == 5 && minor >= 8);
}

}  // namespace

Result<std::unique_ptr<runtime::FileSystem>> open_posix_file_system(const std::string& path) {
  FileDescriptor directory(
      retrying([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  struct statfs kind{};
  struct stat status{};
  if (!directory || ::fstatfs(directory.get(), &kind) != 0 || ::fstat(directory.get(), &status) != 0) {
    const int error = errno;
    return fail(error_from_errno(error, "open the file system of " + path));
  }
  const bool known = kind.f_type == EXT4_SUPER_MAGIC || kind.f_type == kXfs;
  if (!known || !kernel_tells())
    return fail(Errc::unsupported, path + ": a sync of its file system may not tell every error");
  return std::make_unique<PosixFileSystem>(std::move(directory), status.st_dev, path);
}

}  // namespace moldau::platform
