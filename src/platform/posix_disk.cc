#include "platform/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "platform/posix_file.h"
#include "platform/posix_file_system.h"

namespace moldau::platform {

using runtime::DirectoryEntry;
using runtime::DiskSpace;
using runtime::File;
using runtime::FileLock;
using runtime::OpenMode;

namespace {

std::unexpected<Error> failed(std::string_view call, const std::string& path) {
  const int error = errno;
  return fail(error_from_errno(error, std::string(call) + " " + path));
}

Status checked(int result, std::string_view call, const std::string& path) {
  if (result != 0) return failed(call, path);
  return {};
}

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read:
      return O_RDONLY;
    case OpenMode::read_write:
      return O_RDWR;
    case OpenMode::create:
      return O_RDWR | O_CREAT;
    case OpenMode::create_new:
      return O_RDWR | O_CREAT | O_EXCL;
  }
  MOLDAU_UNREACHABLE("OpenMode");
}

FileDescriptor open_descriptor(const std::string& path, int flags) {
  return FileDescriptor(retrying([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0644); }));
}

bool is_dot(const char* name) { return std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0; }

// Follows a link; describes the link itself when it leads nowhere.
bool describe(int directory, const char* name, struct stat& status) {
  return ::fstatat(directory, name, &status, 0) == 0 ||
         ::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

Status create_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0) return {};
  const int error = errno;
  struct stat status{};
  if (error == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  errno = error;
  return failed("create folder", path);
}

class OfdLock final : public FileLock {
 public:
  explicit OfdLock(FileDescriptor file) : file_(std::move(file)) {}

 private:
  FileDescriptor file_;  // closing it releases the lock
};

std::string read_owner(int file) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(file, text.data(), text.size() - 1, 0);
  const std::string owner(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return owner.substr(0, owner.find_first_not_of("0123456789"));
}

void write_owner(int file) {
  const std::string owner = std::to_string(::getpid()) + "\n";
  // Only for people: the lock counts without it.
  if (::ftruncate(file, 0) == 0) [[maybe_unused]]
    const ssize_t written = ::pwrite(file, owner.data(), owner.size(), 0);
}

}  // namespace

Result<std::unique_ptr<File>> PosixDisk::open(const std::string& path, OpenMode mode) {
  FileDescriptor file = open_descriptor(path, flags_of(mode));
  if (!file) return failed("open", path);
  return std::make_unique<PosixFile>(std::move(file), path);
}

Result<bool> PosixDisk::exists(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) return true;
  if (errno == ENOENT || errno == ENOTDIR) return false;
  return failed("stat", path);
}

Result<std::vector<DirectoryEntry>> PosixDisk::list(const std::string& directory) {
  const std::unique_ptr<DIR, decltype(&::closedir)> open(::opendir(directory.c_str()), &::closedir);
  if (!open) return failed("list", directory);
  std::vector<DirectoryEntry> entries;
  for (errno = 0; const dirent* found = ::readdir(open.get()); errno = 0) {
    if (is_dot(found->d_name)) continue;
    struct stat status{};
    if (!describe(::dirfd(open.get()), found->d_name, status)) continue;  // gone meanwhile
    const bool is_directory = S_ISDIR(status.st_mode);
    entries.push_back(
        {found->d_name, is_directory, is_directory ? 0 : static_cast<std::uint64_t>(status.st_size)});
  }
  if (errno != 0) return failed("list", directory);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Status PosixDisk::create_directories(const std::string& directory) {
  for (std::size_t end = directory.find('/', 1); end != std::string::npos;
       end = directory.find('/', end + 1)) {
    TRY(create_directory(directory.substr(0, end)));
  }
  return create_directory(directory);
}

Status PosixDisk::rename(const std::string& from, const std::string& to) {
  return checked(std::rename(from.c_str(), to.c_str()), "rename", from + " to " + to);
}

Status PosixDisk::remove_file(const std::string& path) {
  return checked(::unlink(path.c_str()), "remove", path);
}

Status PosixDisk::remove_directory(const std::string& path) {
  return checked(::rmdir(path.c_str()), "remove folder", path);
}

Status PosixDisk::sync_directory(const std::string& directory) {
  const FileDescriptor open = open_descriptor(directory, O_RDONLY | O_DIRECTORY);
  if (!open) return failed("open folder", directory);
  return checked(::fsync(open.get()), "sync folder", directory);
}

Result<std::unique_ptr<FileLock>> PosixDisk::lock(const std::string& path) {
  FileDescriptor file = open_descriptor(path, O_RDWR | O_CREAT);
  if (!file) return failed("open", path);
  struct flock whole_file{};
  whole_file.l_type = F_WRLCK;
  whole_file.l_whence = SEEK_SET;
  if (retrying([&] { return ::fcntl(file.get(), F_OFD_SETLK, &whole_file); }) != 0) {
    if (errno != EAGAIN && errno != EACCES) return failed("lock", path);
    const std::string owner = read_owner(file.get());
    return fail(Errc::locked,
                path + " is locked by another process" + (owner.empty() ? "" : ", pid " + owner));
  }
  write_owner(file.get());
  return std::make_unique<OfdLock>(std::move(file));
}

Result<std::unique_ptr<runtime::FileSystem>> PosixDisk::open_file_system(const std::string& directory) {
  return open_posix_file_system(directory);
}

Result<DiskSpace> PosixDisk::space(const std::string& path) {
  struct statvfs status{};
  if (retrying([&] { return ::statvfs(path.c_str(), &status); }) != 0)
    return failed("look at the space of", path);
  return DiskSpace{std::uint64_t{status.f_blocks} * status.f_frsize,
                   std::uint64_t{status.f_bavail} * status.f_frsize};
}

}  // namespace moldau::platform
