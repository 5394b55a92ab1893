#include "simulation/file_body.h"

#include <algorithm>
#include <cstring>

namespace moldau::simulation {
namespace {

std::size_t pages_for(std::uint64_t size) { return (size + FileBody::kPage - 1) / FileBody::kPage; }

// The page, no longer shared with anybody.
FileBody::Page& unshared(FileBody::PageRef& page) {
  if (!page) {
    page = std::make_shared<FileBody::Page>();
  } else if (page.use_count() > 1) {
    page = std::make_shared<FileBody::Page>(*page);
  }
  return *page;
}

void zero_beyond(std::vector<FileBody::PageRef>& pages, std::uint64_t size) {
  pages.resize(std::min(pages.size(), pages_for(size)));
  const std::size_t inside = size % FileBody::kPage;
  if (inside == 0 || pages.size() < pages_for(size) || !pages.back()) return;
  FileBody::Page& last = unshared(pages.back());
  std::fill(last.begin() + static_cast<std::ptrdiff_t>(inside), last.end(), std::byte{0});
}

void copy_page(const FileBody::PageRef& page, std::size_t from, std::byte* to, std::size_t length) {
  if (page) {
    std::memcpy(to, page->data() + from, length);
  } else {
    std::memset(to, 0, length);
  }
}

}  // namespace

std::size_t FileBody::read(std::uint64_t offset, MutableBytes into) const {
  if (offset >= size_) return 0;
  const std::size_t total = std::min<std::uint64_t>(into.size(), size_ - offset);
  for (std::size_t done = 0; done < total;) {
    const std::uint64_t at = offset + done;
    const std::size_t inside = at % kPage;
    const std::size_t length = std::min(kPage - inside, total - done);
    copy_page(cached_[at / kPage].page, inside, into.data() + done, length);
    done += length;
  }
  return total;
}

void FileBody::write(std::uint64_t offset, ByteView bytes, Random& random) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size_) grow(offset + bytes.size());
  for (std::size_t done = 0; done < bytes.size();) {
    const std::uint64_t at = offset + done;
    const std::size_t inside = at % kPage;
    const std::size_t length = std::min(kPage - inside, bytes.size() - done);
    mark_dirty(at / kPage, inside / kSector, (inside + length - 1) / kSector, random);
    std::memcpy(unshared(cached_[at / kPage].page).data() + inside, bytes.data() + done, length);
    done += length;
  }
  if (damages_.empty()) return;
  std::erase_if(damages_, [&](const Damage& damage) {
    return damage.offset < offset + bytes.size() && offset < damage.offset + damage.length;
  });
}

// REQUIRES: the page's bytes have not been changed yet.
void FileBody::mark_dirty(std::size_t page, std::size_t first_sector, std::size_t last_sector,
                          Random& random) {
  Cached& cached = cached_[page];
  if (cached.dirty == 0) dirty_pages_.push_back(static_cast<std::uint32_t>(page));
  for (std::size_t sector = first_sector; sector <= last_sector; ++sector) {
    const auto bit = static_cast<std::uint8_t>(1U << sector);
    // The kernel may have written the older version back meanwhile: it can be what a power loss leaves.
    if ((cached.dirty & bit) != 0 && random.one_in(4)) write_back(page, sector);
    cached.dirty |= bit;
  }
}

void FileBody::write_back(std::size_t page, std::size_t sector) {
  commit_truncation();
  if (page >= durable_.size()) durable_.resize(page + 1);
  copy_page(cached_[page].page, sector * kSector, unshared(durable_[page]).data() + sector * kSector,
            kSector);
}

void FileBody::grow(std::uint64_t size) {
  size_ = std::max(size_, size);
  cached_.resize(pages_for(size_));
}

void FileBody::truncate(std::uint64_t size) {
  if (size >= size_) return grow(size);
  truncated_to_ = std::min(truncated_to_.value_or(size), size);
  size_ = size;
  cached_.resize(pages_for(size));
  const std::size_t inside = size % kPage;
  if (inside == 0 || !cached_.back().page) return;
  Page& last = unshared(cached_.back().page);
  std::fill(last.begin() + static_cast<std::ptrdiff_t>(inside), last.end(), std::byte{0});
}

void FileBody::commit_truncation() {
  if (!truncated_to_) return;
  zero_beyond(durable_, *truncated_to_);
  durable_size_ = std::min(durable_size_, *truncated_to_);
  truncated_to_.reset();
}

void FileBody::sync() {
  commit_truncation();
  durable_.resize(cached_.size());
  for (const std::uint32_t page : dirty_pages_) {
    if (page >= cached_.size() || cached_[page].dirty == 0) continue;
    durable_[page] = cached_[page].page;
    cached_[page].dirty = 0;
    cached_[page].phantom = false;
  }
  dirty_pages_.clear();
  durable_size_ = size_;
}

void FileBody::fail_sync(Random& random) {
  commit_truncation();
  durable_.resize(std::max(durable_.size(), cached_.size()));
  const bool revert_at_once = random.one_in(2);
  bool dropped = false;
  for (const std::uint32_t page : dirty_pages_) {
    if (page >= cached_.size() || cached_[page].dirty == 0) continue;
    Cached& cached = cached_[page];
    cached.dirty = 0;
    if (dropped && random.one_in(2)) {
      durable_[page] = cached.page;
      cached.phantom = false;
      continue;
    }
    dropped = true;
    cached.phantom = true;
    phantom_pages_.push_back(page);
  }
  dirty_pages_.clear();
  if (revert_at_once) evict();
}

void FileBody::evict() {
  for (const std::uint32_t page : phantom_pages_) {
    if (page < cached_.size() && cached_[page].phantom && cached_[page].dirty == 0) revert(page);
  }
  phantom_pages_.clear();
}

void FileBody::revert(std::size_t page) {
  Cached& cached = cached_[page];
  cached.phantom = false;
  cached.page = page < durable_.size() ? durable_[page] : nullptr;
  const std::size_t inside = size_ % kPage;
  if (page + 1 != cached_.size() || inside == 0 || !cached.page) return;
  Page& last = unshared(cached.page);
  std::fill(last.begin() + static_cast<std::ptrdiff_t>(inside), last.end(), std::byte{0});
}

void FileBody::keep_sector(std::size_t page, std::size_t sector, Random& random, bool torn) {
  if (page >= durable_.size()) durable_.resize(page + 1);
  std::size_t from = sector * kSector;
  std::size_t to = from + kSector;
  if (torn) (random.one_in(2) ? from : to) = from + 1 + random.below(kSector - 1);
  copy_page(cached_[page].page, from, unshared(durable_[page]).data() + from, to - from);
}

void FileBody::power_loss(Random& random, const PowerLossOptions& options, FaultCounters& counters) {
  const bool truncation_lost = truncated_to_ && random.one_in(2);
  const std::uint64_t sectors_end = truncation_lost ? *truncated_to_ / kSector * kSector : UINT64_MAX;
  if (!truncation_lost) commit_truncation();
  truncated_to_.reset();

  // All, none or some: each as likely, since both extremes are what real disks mostly do.
  const std::uint64_t mode = random.below(3);
  const double keep = mode == 0 ? 0 : mode == 1 ? 1 : random.unit();
  for (const std::uint32_t page : dirty_pages_) {
    if (page >= cached_.size()) continue;
    const std::uint8_t dirty = std::exchange(cached_[page].dirty, 0);
    for (std::size_t sector = 0; sector < kSectors; ++sector) {
      if ((dirty & (1U << sector)) == 0) continue;
      const bool within = page * kPage + (sector + 1) * kSector <= sectors_end;
      if (!within || !random.chance(keep)) {
        counters.fire(Fault::lost_sector);
        continue;
      }
      const bool torn = random.chance(options.torn_sector);
      counters.fire(torn ? Fault::torn_sector : Fault::kept_sector);
      keep_sector(page, sector, random, torn);
    }
  }
  if (!truncation_lost && size_ > durable_size_) {
    const std::uint64_t choice = random.below(3);
    if (choice == 1) durable_size_ = size_;
    if (choice == 2) durable_size_ += random.below(size_ - durable_size_ + 1);
  }
  settle();
}

// What the device holds is all that there is.
void FileBody::settle() {
  zero_beyond(durable_, durable_size_);
  durable_.resize(pages_for(durable_size_));
  size_ = durable_size_;
  cached_.clear();
  cached_.resize(durable_.size());
  for (std::size_t page = 0; page < durable_.size(); ++page) cached_[page].page = durable_[page];
  dirty_pages_.clear();
  phantom_pages_.clear();
}

void FileBody::flip_bit(std::uint64_t offset, unsigned bit) {
  MOLDAU_ASSERT(offset < size_, "the bit to flip lies outside of the file");
  const std::size_t page = offset / kPage;
  const std::byte mask{static_cast<unsigned char>(1U << bit)};
  unshared(cached_[page].page)[offset % kPage] ^= mask;
  if (page < durable_.size()) unshared(durable_[page])[offset % kPage] ^= mask;
}

void FileBody::damage(std::uint64_t offset, std::uint64_t length) { damages_.push_back({offset, length}); }

bool FileBody::damaged(std::uint64_t offset, std::uint64_t length) const {
  return std::ranges::any_of(damages_, [&](const Damage& damage) {
    return damage.offset < offset + length && offset < damage.offset + damage.length;
  });
}

std::vector<std::byte> FileBody::contents() const {
  std::vector<std::byte> bytes(size_);
  read(0, bytes);
  return bytes;
}

std::vector<std::byte> FileBody::durable_contents() const {
  std::vector<std::byte> bytes(durable_size_);
  for (std::size_t page = 0; page < pages_for(durable_size_) && page < durable_.size(); ++page) {
    copy_page(durable_[page], 0, bytes.data() + page * kPage,
              std::min<std::size_t>(kPage, bytes.size() - page * kPage));
  }
  return bytes;
}

}  // namespace moldau::simulation
