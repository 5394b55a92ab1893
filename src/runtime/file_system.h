// A whole file system made durable by one call, where many files wait (syncfs). Not every disk can do that:
// who is refused syncs file by file. Calls block.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "runtime/disk.h"

namespace moldau::runtime {

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // What was written, truncated, created, renamed or removed there before the call is durable when it
  // succeeds. Its error may be of any write-back on the file system since this object was made; after it
  // nothing may be assumed of what was not synced, as with File::sync_data().
  virtual Status sync() = 0;
  // The folder is on it, or is not there yet. False for one behind a link or a mount.
  virtual bool holds(const std::string& directory) = 0;
};

// What a Disk also is when it can.
class FileSystems {
 public:
  virtual ~FileSystems() = default;
  // Errc::unsupported where a sync would not tell of every failed write.
  virtual Result<std::unique_ptr<FileSystem>> open_file_system(const std::string& directory) = 0;
};

// Of the folder, before anything that it shall sync is written. Errc::unsupported: this disk cannot.
inline Result<std::unique_ptr<FileSystem>> open_file_system(Disk& disk, const std::string& directory) {
  auto* const able = dynamic_cast<FileSystems*>(&disk);
  if (able == nullptr) return fail(Errc::unsupported, directory + ": its disk syncs file by file");
  return able->open_file_system(directory);
}

}  // namespace moldau::runtime
