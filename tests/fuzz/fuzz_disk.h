// The simulated disk without a world around it, new for each input: a Drive and the one process on it.
#pragma once

#include <memory>
#include <string>

#include "runtime/disk.h"
#include "simulation/disk.h"

namespace moldau::fuzz {

class FuzzDisk {
 public:
  FuzzDisk()
      : drive_(1, quiet(), counters_), disk_(drive_.attach(std::make_shared<simulation::Descriptors>())) {}

  runtime::Disk& get() { return *disk_; }
  void put(const std::string& path, ByteView bytes) {
    const auto file = disk_->open(path, runtime::OpenMode::create);
    MOLDAU_ASSERT(file && (*file)->truncate(0) && (*file)->write_at(0, bytes));
  }
  void make(const std::string& directory) { MOLDAU_ASSERT(disk_->create_directories(directory)); }
  std::optional<std::vector<std::byte>> contents(const std::string& path) const {
    return drive_.contents(path);
  }
  std::vector<std::string> files() const { return drive_.files(); }

 private:
  static simulation::DiskOptions quiet() {
    simulation::DiskOptions options;
    options.faults.cache_miss = options.faults.short_cached_read = 0;
    return options;
  }

  simulation::FaultCounters counters_;
  simulation::Drive drive_;
  std::unique_ptr<runtime::Disk> disk_;
};

}  // namespace moldau::fuzz
