// The disk: files and folders with exactly the durability that POSIX promises. What is written is durable
// after sync_data(); a created, renamed or removed name is durable after sync_directory() of its folder.
// Calls block: those that may reach the device belong on a BlockingPool, except as noted. Paths are absolute.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace moldau::runtime {

enum class OpenMode {
  read,        // must exist
  read_write,  // must exist
  create,      // read and write, created when missing
  create_new,  // read and write, must not exist
};

// An open file, closed by its destructor. One owner; positions are explicit, so there is no cursor.
class File {
 public:
  virtual ~File() = default;

  // Reads up to into.size() bytes; fewer only at the end of the file (0 beyond it).
  virtual Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) = 0;
  // The same, only from memory: Errc::would_block where the device would have to be read. Safe on a shard.
  // May return fewer bytes than asked for although more follow, when only those are in memory.
  virtual Result<std::size_t> read_cached_at(std::uint64_t offset, MutableBytes into) = 0;
  // Writes all of the parts one after another, or fails; after a failure any prefix may have been written.
  virtual Status write_at(std::uint64_t offset, std::span<const ByteView> parts) = 0;
  Status write_at(std::uint64_t offset, ByteView bytes) { return write_at(offset, std::span(&bytes, 1)); }
  // Makes contents and size durable (fdatasync). After a failure nothing may be assumed about unsynced bytes,
  // and a later success proves nothing about them: never retry into an acknowledgement.
  virtual Status sync_data() = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  // Reserves device blocks for the range; the size grows to cover it and reads there give zeros.
  virtual Status allocate(std::uint64_t offset, std::uint64_t length) = 0;
  virtual Result<std::uint64_t> size() const = 0;
  // Tells the page cache that the range will not be read again soon. A hint.
  virtual void forget(std::uint64_t offset, std::uint64_t length) = 0;
  virtual const std::string& path() const = 0;
};

// Held while the object lives; released by its destructor or by the end of the process.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

struct DirectoryEntry {
  std::string name;
  bool is_directory = false;
  std::uint64_t size_bytes = 0;  // of a file
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
};

class Disk {
 public:
  virtual ~Disk() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Sorted by name, without "." and "..". Errc::not_found when there is no such folder.
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
  virtual Status create_directories(const std::string& directory) = 0;
  // Replaces `to` when it is there. Atomic.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove_file(const std::string& path) = 0;
  virtual Status remove_directory(const std::string& path) = 0;  // must be empty
  virtual Status sync_directory(const std::string& directory) = 0;
  // Creates the file when missing and locks it; Errc::locked when another owner holds it.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;
  virtual Result<DiskSpace> space(const std::string& path) = 0;
};

// Built from the calls above; they block and belong on a BlockingPool too.
Result<std::vector<std::byte>> read_file(Disk& disk, const std::string& path, std::uint64_t max_size_bytes);
// Replaces the file as a unit: temporary file, sync, rename, sync of the folder.
Status write_file_atomically(Disk& disk, const std::string& path, ByteView contents);
Status remove_tree(Disk& disk, const std::string& path);
std::string directory_of(const std::string& path);

}  // namespace moldau::runtime
