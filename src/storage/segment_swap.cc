#include "storage/segment_swap.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "storage/log_files.h"
#include "storage/segment_scan.h"
#include "storage/unreadable.h"

namespace moldau::storage {
namespace {

// The log's comes first: as long as it is a .swap, nothing of its segment has its final name.
constexpr std::string_view kSuffixes[] = {kLogSuffix, kOffsetIndexSuffix, kTimeIndexSuffix,
                                          kTransactionIndexSuffix};

// `name` without its ending, if it has it.
std::optional<std::string_view> without(std::string_view name, std::string_view ending) {
  if (!name.ends_with(ending)) return std::nullopt;
  return name.substr(0, name.size() - ending.size());
}

// The base offset of a segment's file.
std::optional<Offset> base_of(std::string_view name) {
  for (const std::string_view suffix : kSuffixes) {
    if (const auto offset = offset_of_name(name, suffix)) return offset;
  }
  return std::nullopt;
}

std::optional<Offset> base_of(std::string_view name, std::string_view ending) {
  const auto plain = without(name, ending);
  return plain ? base_of(*plain) : std::nullopt;
}

bool holds(const std::vector<std::string>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Status rename_if_there(runtime::Disk& disk, const std::string& from, const std::string& to) {
  const Status status = disk.rename(from, to);
  return status || status.error().code == Errc::not_found ? Status() : status;
}

class Swapping {
 public:
  Swapping(runtime::Disk& disk, const SegmentSwap& swap) : disk_(disk), swap_(swap) {}

  SwapOutcome run() {
    Status status = commit();
    if (status) return {finish(), true};
    Status taken_back = take_back();
    if (taken_back) return {std::move(status), false};
    return {fail(Errc::io, std::move(taken_back).error().message), true};
  }

 private:
  std::string path(Offset base, std::string_view suffix, std::string_view ending = {}) const {
    return file_path(swap_.directory, base, suffix).append(ending);
  }

  // A leftover of an earlier pass would take this one back at the next start.
  Status remove_leftovers() {
    ASSIGN_OR_RETURN(const auto entries, disk_.list(swap_.directory));
    for (const runtime::DirectoryEntry& entry : entries) {
      const bool own = base_of(entry.name, kCleanedSuffix) == swap_.base_offset &&
                       (swap_.transaction_index || !entry.name.contains(kTransactionIndexSuffix));
      if (entry.name.ends_with(kCleanedSuffix) && !own)
        TRY(remove_if_there(disk_, swap_.directory + "/" + entry.name));
    }
    return {};
  }

  Status commit() {
    TRY(remove_leftovers());
    // Every file has one of its two names from now on: a start sees that one is missing among the swaps.
    TRY(disk_.sync_directory(swap_.directory));
    for (const std::string_view suffix : kSuffixes) {
      if (suffix == kTransactionIndexSuffix && !swap_.transaction_index) continue;
      TRY(disk_.rename(path(swap_.base_offset, suffix, kCleanedSuffix),
                       path(swap_.base_offset, suffix, kSwapSuffix)));
    }
    return disk_.sync_directory(swap_.directory);
  }

  // Nothing is known of a sync that failed: the swap is taken back in any case, the log first, without which
  // the rest is nothing.
  Status take_back() {
    for (const std::string_view suffix : kSuffixes) {
      TRY(remove_if_there(disk_, path(swap_.base_offset, suffix, kSwapSuffix)));
      TRY(remove_if_there(disk_, path(swap_.base_offset, suffix, kCleanedSuffix)));
      if (suffix == kLogSuffix) TRY(disk_.sync_directory(swap_.directory));
    }
    return disk_.sync_directory(swap_.directory);
  }

  Status finish() {
    for (const Offset base : swap_.replaced) {
      for (const std::string_view suffix : kSuffixes) {
        TRY(rename_if_there(disk_, path(base, suffix), path(base, suffix, kDeletedSuffix)));
      }
    }
    for (const Offset offset : swap_.snapshots) TRY(remove_if_there(disk_, path(offset, kSnapshotSuffix)));
    TRY(disk_.sync_directory(swap_.directory));
    for (const std::string_view suffix : kSuffixes) {
      TRY(rename_if_there(disk_, path(swap_.base_offset, suffix, kSwapSuffix),
                          path(swap_.base_offset, suffix)));
      if (suffix == kLogSuffix) TRY(disk_.sync_directory(swap_.directory));
    }
    return disk_.sync_directory(swap_.directory);
  }

  runtime::Disk& disk_;
  const SegmentSwap& swap_;
};

class Settling {
 public:
  Settling(runtime::Disk& disk, const std::string& directory, const std::vector<std::string>& names)
      : disk_(disk), directory_(directory), names_(names) {}

  Result<bool> run() {
    sort();
    if (cleaned_.empty() && swapped_.empty()) return false;
    TRY(take_back());
    for (const std::string& name : swapped_) {
      if (const auto base = offset_of_name(*without(name, kSwapSuffix), kLogSuffix))
        TRY(replace(*base, name));
    }
    TRY(disk_.sync_directory(directory_));
    for (const std::string_view suffix : kSuffixes) TRY(give_names(suffix));
    return true;
  }

 private:
  std::string path(std::string_view name) const { return directory_ + "/" + std::string(name); }

  void sort() {
    for (const std::string& name : names_) {
      if (const auto base = base_of(name, kCleanedSuffix)) {
        cleaned_.push_back(name);
        first_cleaned_ = std::min(first_cleaned_, *base);
      } else if (base_of(name, kSwapSuffix)) {
        swapped_.push_back(name);
      }
    }
  }

  // The swaps before what says that they are none.
  Status take_back() {
    const auto uncommitted = [&](const std::string& name) {
      return *base_of(name, kSwapSuffix) >= first_cleaned_;
    };
    for (const std::string& name : swapped_) {
      if (uncommitted(name)) TRY(remove_if_there(disk_, path(name)));
    }
    if (std::erase_if(swapped_, uncommitted) > 0) TRY(disk_.sync_directory(directory_));
    for (const std::string& name : cleaned_) TRY(remove_if_there(disk_, path(name)));
    return {};
  }

  // Removes what the new segment stands for. Its last batch says how far that reaches.
  Status replace(Offset base, const std::string& name) {
    ASSIGN_OR_RETURN(const auto file, or_unreadable(disk_.open(path(name), runtime::OpenMode::read)));
    ASSIGN_OR_RETURN(const std::uint64_t size, or_unreadable(file->size()));
    constexpr Offset kGapsAllowed = std::numeric_limits<Offset>::max();
    ASSIGN_OR_RETURN(const SegmentScan scan,
                     or_unreadable(scan_segment(*file, 0, static_cast<std::int64_t>(size), base, kGapsAllowed,
                                                [](const record::BatchView&, std::int64_t) {})));
    if (scan.damage) {
      return fail(Errc::corrupt,
                  path(name) + " at position " + std::to_string(scan.valid_bytes) + ": " + *scan.damage);
    }
    for (const std::string& other : names_) {
      const auto old = base_of(other);
      if (old && *old >= base && *old < scan.next_offset) TRY(remove_if_there(disk_, path(other)));
    }
    return {};
  }

  // An index without its log was to get its name next; or it is left of a swap that was taken back, and the
  // old one still has the name.
  Status give_names(std::string_view suffix) {
    for (const std::string& name : swapped_) {
      const std::string_view plain = *without(name, kSwapSuffix);
      const auto base = offset_of_name(plain, suffix);
      if (!base) continue;
      const bool alone = !holds(swapped_, file_name(*base, kLogSuffix).append(kSwapSuffix));
      const bool named = holds(names_, plain);
      TRY(alone && named ? remove_if_there(disk_, path(name))
                         : rename_if_there(disk_, path(name), path(plain)));
    }
    return disk_.sync_directory(directory_);
  }

  runtime::Disk& disk_;
  const std::string& directory_;
  const std::vector<std::string>& names_;
  std::vector<std::string> cleaned_;
  std::vector<std::string> swapped_;
  Offset first_cleaned_ = std::numeric_limits<Offset>::max();
};

}  // namespace

SwapOutcome swap_segments(runtime::Disk& disk, const SegmentSwap& swap) { return Swapping(disk, swap).run(); }

std::vector<std::string> swapped_out(const SegmentSwap& swap) {
  std::vector<std::string> paths;
  for (const Offset base : swap.replaced) {
    for (const std::string_view suffix : kSuffixes) {
      paths.push_back(file_path(swap.directory, base, suffix).append(kDeletedSuffix));
    }
  }
  return paths;
}

Result<bool> settle_swaps(runtime::Disk& disk, const std::string& directory,
                          const std::vector<std::string>& names) {
  return Settling(disk, directory, names).run();
}

}  // namespace moldau::storage
