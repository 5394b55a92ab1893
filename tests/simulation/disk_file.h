// The runtime::Disk, File and FileLock that a simulated process holds. Their session ends with the process.
#pragma once

#include "runtime/file_system.h"
#include "simulation/disk.h"

namespace moldau::simulation {

using SessionRef = std::shared_ptr<DriveSession>;

class OpenFile final : public runtime::File {
 public:
  OpenFile(SessionRef session, NodeRef node, std::string path, bool writable);
  ~OpenFile() override;

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override;
  Result<std::size_t> read_cached_at(std::uint64_t offset, MutableBytes into) override;
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override;
  Status sync_data() override;
  Status truncate(std::uint64_t size) override;
  Status allocate(std::uint64_t offset, std::uint64_t length) override;
  Result<std::uint64_t> size() const override;
  void forget(std::uint64_t offset, std::uint64_t length) override;
  const std::string& path() const override { return path_; }

 private:
  Status check(bool writing) const;
  // Writes at most `limit` bytes of the parts.
  void put(std::uint64_t offset, std::span<const ByteView> parts, std::uint64_t limit);
  std::uint64_t room_beyond(std::uint64_t end) const;

  SessionRef session_;
  Drive& drive_;
  NodeRef node_;
  std::string path_;
  bool writable_;
};

class HeldLock final : public runtime::FileLock {
 public:
  HeldLock(SessionRef session, NodeRef node);
  ~HeldLock() override;

 private:
  SessionRef session_;
  NodeRef node_;
};

class DriveFileSystem final : public runtime::FileSystem {
 public:
  DriveFileSystem(SessionRef session, std::string path)
      : session_(std::move(session)), path_(std::move(path)) {}
  Status sync() override;
  bool holds(const std::string&) override { return true; }

 private:
  SessionRef session_;
  std::string path_;
};

class ProcessDisk final : public runtime::Disk, public runtime::FileSystems {
 public:
  explicit ProcessDisk(SessionRef session) : session_(std::move(session)), drive_(session_->drive) {}

  Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::OpenMode mode) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::vector<runtime::DirectoryEntry>> list(const std::string& directory) override;
  Status create_directories(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove_file(const std::string& path) override;
  Status remove_directory(const std::string& path) override;
  Status sync_directory(const std::string& directory) override;
  Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override;
  Result<runtime::DiskSpace> space(const std::string& path) override;
  Result<std::unique_ptr<runtime::FileSystem>> open_file_system(const std::string& directory) override;

 private:
  Status check(const std::string& path) const;
  // Applies a change of names, which is an operation that a crash point may hit.
  template <class Change>
  Status change(Change&& change);
  Result<NodeRef> create_file(const DiskTree::Spot& spot);
  Result<NodeRef> directory(const std::string& path) const;

  SessionRef session_;
  Drive& drive_;
};

}  // namespace moldau::simulation
