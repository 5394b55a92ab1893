// FileBody: the bytes of one simulated file, as a process reads them and as the device holds them, in pages
// of 4 KiB that both share until one changes, with dirty sectors of 512 bytes.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "simulation/faults.h"
#include "simulation/options.h"

namespace moldau::simulation {

class FileBody {
 public:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kSector = 512;
  static constexpr std::size_t kSectors = kPage / kSector;
  using Page = std::array<std::byte, kPage>;
  using PageRef = std::shared_ptr<Page>;  // null: zeros

  std::uint64_t size() const { return size_; }
  std::size_t read(std::uint64_t offset, MutableBytes into) const;
  void write(std::uint64_t offset, ByteView bytes, Random& random);
  void truncate(std::uint64_t size);
  void grow(std::uint64_t size);  // zeros

  void sync();
  // The sync failed: some dirty pages reached the device, at least one did not, and none is dirty any more.
  void fail_sync(Random& random);
  // Pages leave the cache: bytes that a failed sync dropped revert now.
  void evict();
  void power_loss(Random& random, const PowerLossOptions& options, FaultCounters& counters);

  // Changes the bytes in the cache and on the device alike.
  void flip_bit(std::uint64_t offset, unsigned bit);
  // Latent bad sectors.
  void damage(std::uint64_t offset, std::uint64_t length);
  bool damaged(std::uint64_t offset, std::uint64_t length) const;

  std::vector<std::byte> contents() const;
  std::vector<std::byte> durable_contents() const;

 private:
  struct Cached {
    PageRef page;
    std::uint8_t dirty = 0;  // a bit per sector
    bool phantom = false;    // clean, yet not what the device holds: a failed sync dropped it
  };
  void mark_dirty(std::size_t page, std::size_t first_sector, std::size_t last_sector, Random& random);
  void write_back(std::size_t page, std::size_t sector);
  void keep_sector(std::size_t page, std::size_t sector, Random& random, bool torn);
  void commit_truncation();
  void revert(std::size_t page);
  void settle();

  std::vector<Cached> cached_;
  std::vector<PageRef> durable_;
  std::vector<std::uint32_t> dirty_pages_;
  std::vector<std::uint32_t> phantom_pages_;
  std::uint64_t size_ = 0;
  std::uint64_t durable_size_ = 0;
  std::optional<std::uint64_t>
      truncated_to_;  // the lowest size since the last sync, when below durable_size_
  struct Damage {
    std::uint64_t offset;
    std::uint64_t length;
  };
  std::vector<Damage> damages_;
};

}  // namespace moldau::simulation
