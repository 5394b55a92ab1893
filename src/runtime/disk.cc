#include "runtime/disk.h"

namespace moldau::runtime {

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  MOLDAU_ASSERT(slash != std::string::npos, "paths are absolute");
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<std::vector<std::byte>> read_file(Disk& disk, const std::string& path, std::uint64_t max_size_bytes) {
  ASSIGN_OR_RETURN(auto file, disk.open(path, OpenMode::read));
  ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  if (size > max_size_bytes) {
    return fail(Errc::too_large, path + " has " + std::to_string(size) + " bytes, more than the " +
                                     std::to_string(max_size_bytes) + " that such a file may have");
  }
  std::vector<std::byte> contents(size);
  ASSIGN_OR_RETURN(const std::size_t read, file->read_at(0, contents));
  contents.resize(read);
  return contents;
}

Status write_file_atomically(Disk& disk, const std::string& path, ByteView contents) {
  const std::string temporary = path + ".tmp";
  {
    ASSIGN_OR_RETURN(auto file, disk.open(temporary, OpenMode::create));
    TRY(file->truncate(0));
    TRY(file->write_at(0, contents));
    TRY(file->sync_data());
  }
  TRY(disk.rename(temporary, path));
  return disk.sync_directory(directory_of(path));
}

Status remove_tree(Disk& disk, const std::string& path) {
  ASSIGN_OR_RETURN(const auto entries, disk.list(path));
  for (const DirectoryEntry& entry : entries) {
    const std::string child = path + "/" + entry.name;
    TRY(entry.is_directory ? remove_tree(disk, child) : disk.remove_file(child));
  }
  return disk.remove_directory(path);
}

}  // namespace moldau::runtime
