// The disk of this machine. Errors name the call and the path.
#pragma once

#include "runtime/disk.h"
#include "runtime/file_system.h"

namespace moldau::platform {

class PosixDisk final : public runtime::Disk, public runtime::FileSystems {
 public:
  Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<runtime::DirectoryEntry>> list(const std::string& directory) override;
  Status create_directories(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove_file(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status sync_directory(const std::string& directory) override;
  // An open file description lock on the whole file, which also excludes a Kafka broker in the same folder
  // (it locks its .lock by POSIX record locks). The file holds the owner's process id for people to read.
  Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;
  Result<runtime::DiskSpace> space(const std::string& path) override;
  Result<std::unique_ptr<runtime::FileSystem>> open_file_system(const std::string& directory) override;
};

}  // namespace moldau::platform
