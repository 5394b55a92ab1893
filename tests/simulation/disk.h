// Drive: the simulated disk of one machine. It survives its processes; each process sees it through a
// runtime::Disk of its own (attach), which answers errors once that process has died.
//
// Fault model, no kinder than POSIX:
//  - written bytes are durable after sync_data() of the file. At a power loss each unsynced 512-byte sector
//  is
//    independently kept, lost or torn; the size is the old, the new or one between; an unsynced truncation
//    happened or not. An older version of an overwritten unsynced sector may be what is kept.
//  - a created, renamed or removed name is durable after sync_directory() of its folder. At a power loss any
//    subset of the unsynced operations (or a prefix, PowerLossOptions) has happened; a rename happens as a
//    unit.
//  - a failed sync drops a random part of the dirty pages: their bytes revert, at once or when the page
//  leaves
//    the cache, and the next sync succeeds without them.
//  - the death of a process alone (kill) loses nothing that was written.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "runtime/disk.h"
#include "simulation/disk_tree.h"
#include "simulation/faults.h"
#include "simulation/options.h"

namespace moldau::simulation {

// How many files and streams a process may hold open.
struct Descriptors {
  std::uint64_t limit = UINT64_MAX;
  std::uint64_t used = 0;
  bool available() const { return used < limit; }
};

class Drive;

// One process's time with the drive; everything that it opened refers to it.
struct DriveSession {
  Drive& drive;
  std::shared_ptr<Descriptors> descriptors;
  bool alive = true;
};

class Drive {
 public:
  Drive(std::uint64_t seed, const DiskOptions& options, FaultCounters& counters);
  ~Drive();
  Drive(const Drive&) = delete;

  // The disk as a new process sees it; only the last attached one is alive.
  std::unique_ptr<runtime::Disk> attach(std::shared_ptr<Descriptors> descriptors);
  // The process has died: what it wrote stays, its handles and locks are dead.
  void detach();
  // Decides what of the unsynced state has reached the device, forgets the rest, and detaches.
  void power_loss();
  // Called when a crash point fires, within the disk operation.
  void on_power_loss(std::function<void()> callback) { on_power_loss_ = std::move(callback); }

  // Hears every operation on a file or folder: what it is, its path, its place.
  void on_operation(
      std::function<void(std::string_view, std::string_view, std::uint64_t, std::uint64_t)> hears) {
    on_operation_ = std::move(hears);
  }

  // Crash points: operations that change the disk (write, sync, truncate, allocate, create, rename, remove,
  // sync of a folder, new folder). The n-th from now (n >= 1) loses power: it fails, and all after it.
  void crash_after(std::uint64_t operations) { crash_at_ = operations_ + operations; }
  void no_crash() { crash_at_ = 0; }
  std::uint64_t operations() const { return operations_; }

  // Rates; may be changed at any time.
  DiskFaults& faults() { return options_.faults; }
  PowerLossOptions& power_loss_options() { return options_.power_loss; }
  void set_capacity(std::uint64_t bytes) { options_.capacity_bytes = bytes; }
  std::uint64_t used_bytes() const { return tree_.used_bytes(); }

  // Single faults, for files whose path contains `part_of_path`; each fires once, at the next such call.
  void fail_next_write(std::string part_of_path) { next_write_error_ = std::move(part_of_path); }
  void fail_next_sync(std::string part_of_path) { next_sync_error_ = std::move(part_of_path); }
  void misdirect_next_write(std::string part_of_path) { next_misdirected_ = std::move(part_of_path); }
  // So many of the next calls to open one of them find no descriptor.
  void refuse_opens(std::string part_of_path, unsigned times) {
    refused_opens_ = std::move(part_of_path);
    refusals_left_ = times;
  }
  unsigned refusals_left() const { return refusals_left_; }
  // Takes back those that have not fired.
  void disarm();
  // Reads that touch the range fail until it is written again. REQUIRES: the file exists.
  void fail_reads(const std::string& path, std::uint64_t offset, std::uint64_t length);
  // Inverts one bit, in the cache and on the device. REQUIRES: the file exists and offset is inside.
  void flip_bit(const std::string& path, std::uint64_t offset, unsigned bit);
  // Inverts a random bit of [offset, offset + length) and returns its offset.
  std::uint64_t flip_random_bit(const std::string& path, std::uint64_t offset, std::uint64_t length);

  // A copy of everything, synced or not, cheap (pages are shared); and a disk made from such a copy.
  // REQUIRES of copy_from and wipe: no process is attached.
  DiskTree dump() const { return tree_.copy(); }
  void copy_from(const DiskTree& image);
  void wipe();

  // For tests and auditors: every path of a file, sorted; what a process would read; what a power loss that
  // loses everything unsynced would leave (nullopt: no such file).
  std::vector<std::string> files() const;
  std::optional<std::vector<std::byte>> contents(const std::string& path) const;
  std::optional<std::vector<std::byte>> durable_contents(const std::string& path) const;
  // Makes everything durable, as a clean shutdown of the machine does.
  void sync_all();

 private:
  friend class ProcessDisk;
  friend class OpenFile;
  friend class HeldLock;
  friend class DriveFileSystem;

  // Counts a changing operation; true when power is lost at it: the caller applies its change as an unsynced
  // one, calls lose_power() and answers the error.
  bool crashes_here();
  Error lose_power();
  void tell(std::string_view what, std::string_view path, std::uint64_t offset = 0,
            std::uint64_t length = 0) {
    if (on_operation_) on_operation_(what, path, offset, length);
  }
  bool take(std::optional<std::string>& armed, const std::string& path);
  bool refuses_open(const std::string& path);
  bool roll(double rate) { return rate > 0 && random_.chance(rate); }

  DiskOptions options_;
  FaultCounters& counters_;
  Random random_;
  DiskTree tree_;
  std::shared_ptr<DriveSession> session_;
  std::vector<const Node*> locked_;
  std::uint64_t operations_ = 0;
  std::uint64_t crash_at_ = 0;
  std::function<void()> on_power_loss_;
  std::function<void(std::string_view, std::string_view, std::uint64_t, std::uint64_t)> on_operation_;
  std::optional<std::string> next_write_error_;
  std::optional<std::string> next_sync_error_;
  std::optional<std::string> next_misdirected_;
  std::string refused_opens_;
  unsigned refusals_left_ = 0;
};

}  // namespace moldau::simulation
