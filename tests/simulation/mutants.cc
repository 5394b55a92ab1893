#include "simulation/mutants.h"

#include <algorithm>
#include <map>
#include <string>

#include "base/random.h"
#include "simulation/mutant_network.h"

namespace moldau::simulation {
namespace {

constexpr MutantName kMutants[] = {
    {Mutant::commit_log_sync_skipped, "commit-log-sync-skipped"},
    {Mutant::commit_log_sync_late, "commit-log-sync-late"},
    {Mutant::sync_errors_ignored, "sync-errors-ignored"},
    {Mutant::directory_sync_skipped, "directory-sync-skipped"},
    {Mutant::metadata_sync_skipped, "metadata-sync-skipped"},
    {Mutant::segment_write_lost, "segment-write-lost"},
    {Mutant::segment_write_misdirected, "segment-write-misdirected"},
    {Mutant::commit_log_tail_forgotten, "commit-log-tail-forgotten"},
    {Mutant::index_off_by_one, "index-off-by-one"},
    {Mutant::stale_read, "stale-read"},
    {Mutant::retry_as_new, "retry-as-new"},
    {Mutant::cleaned_sync_skipped, "cleaned-sync-skipped"},
    {Mutant::swap_directory_sync_skipped, "swap-directory-sync-skipped"},
    {Mutant::swap_leaves_old, "swap-leaves-old"},
    {Mutant::tombstones_dropped_early, "tombstones-dropped-early"},
    {Mutant::cleaned_beyond_high_watermark, "cleaned-beyond-high-watermark"},
    {Mutant::vote_not_persisted, "vote-not-persisted"},
    {Mutant::snapshot_sync_skipped, "snapshot-sync-skipped"},
    {Mutant::snapshot_end_off_by_one, "snapshot-end-off-by-one"},
    {Mutant::vote_for_shorter_log, "vote-for-shorter-log"},
    {Mutant::high_watermark_too_high, "high-watermark-too-high"},
    {Mutant::divergence_ignored, "divergence-ignored"},
    {Mutant::fetch_epoch_unchecked, "fetch-epoch-unchecked"},
    {Mutant::diverging_fetch_counted, "diverging-fetch-counted"},
    {Mutant::stale_broker_epoch_accepted, "stale-broker-epoch-accepted"},
    {Mutant::acknowledged_at_append, "acknowledged-at-append"},
    {Mutant::old_epochs_committed, "old-epochs-committed"},
    {Mutant::never_resigns, "never-resigns"},
    {Mutant::wiped_voter_counted, "wiped-voter-counted"},
    {Mutant::voter_changes_overlap, "voter-changes-overlap"},
    {Mutant::committed_entries_cut, "committed-entries-cut"},
    {Mutant::truncated_to_high_watermark, "truncated-to-high-watermark"},
    {Mutant::unknown_epoch_agreed, "unknown-epoch-agreed"},
    {Mutant::current_isr_counted, "current-isr-counted"},
    {Mutant::small_isr_commits, "small-isr-commits"},
    {Mutant::joins_at_high_watermark, "joins-at-high-watermark"},
    {Mutant::fenced_replica_elected, "fenced-replica-elected"},
    {Mutant::believes_before_truncation, "believes-before-truncation"},
};

constexpr std::uint64_t kRing = 8192;  // where entries begin in a commit log file
constexpr std::uint64_t kBlock = 4096;

class MutantFile final : public runtime::File {
 public:
  MutantFile(Mutant mutant, std::unique_ptr<runtime::File> file, Random& random)
      : mutant_(mutant), file_(std::move(file)), random_(random) {}

  Result<std::size_t> read_at(std::uint64_t offset, MutableBytes into) override {
    if (mutant_ == Mutant::stale_read && is_segment() && offset > 64 && random_.one_in(50)) offset -= 64;
    auto read = file_->read_at(offset, into);
    if (mutant_ == Mutant::commit_log_tail_forgotten && is_commit_log()) forget_tail(offset, into);
    return read;
  }
  Result<std::size_t> read_cached_at(std::uint64_t offset, MutableBytes into) override {
    return file_->read_cached_at(offset, into);
  }
  Status write_at(std::uint64_t offset, std::span<const ByteView> parts) override {
    if (mutant_ == Mutant::segment_write_lost && is_segment() && random_.one_in(100)) return {};
    if (mutant_ == Mutant::segment_write_misdirected && is_segment() && random_.one_in(100)) offset += 512;
    if (mutant_ == Mutant::index_off_by_one && ends_with(".index")) return write_index(offset, parts);
    return file_->write_at(offset, parts);
  }
  Status sync_data() override {
    const bool skipped =
        ((mutant_ == Mutant::commit_log_sync_skipped || mutant_ == Mutant::commit_log_sync_late) &&
         is_commit_log()) ||
        (mutant_ == Mutant::metadata_sync_skipped && contains("__cluster_metadata")) ||
        (mutant_ == Mutant::snapshot_sync_skipped && contains(".checkpoint")) ||
        (mutant_ == Mutant::cleaned_sync_skipped && contains(".cleaned"));
    // Late: the next sync takes this one's bytes along.
    if (skipped && (mutant_ != Mutant::commit_log_sync_late || (late_ = !late_))) return {};
    Status synced = file_->sync_data();
    return mutant_ == Mutant::sync_errors_ignored ? Status() : synced;
  }
  Status truncate(std::uint64_t size) override { return file_->truncate(size); }
  Status allocate(std::uint64_t offset, std::uint64_t length) override {
    return file_->allocate(offset, length);
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  void forget(std::uint64_t offset, std::uint64_t length) override { file_->forget(offset, length); }
  const std::string& path() const override { return file_->path(); }

 private:
  bool contains(std::string_view part) const { return path().find(part) != std::string::npos; }
  bool ends_with(std::string_view end) const { return path().ends_with(end); }
  bool is_commit_log() const { return contains("/commit-log-"); }
  bool is_segment() const { return ends_with(".log") && !contains("__cluster_metadata"); }

  // The last block read that holds anything reads as if it had never been written.
  static void forget_tail(std::uint64_t offset, MutableBytes into) {
    if (offset < kRing || into.size() < kBlock) return;
    for (std::size_t end = into.size() / kBlock * kBlock; end > 0; end -= kBlock) {
      const MutableBytes block = into.subspan(end - kBlock, kBlock);
      bool used = false;
      for (const std::byte byte : block) used |= byte != std::byte{0};
      if (!used) continue;
      std::fill(block.begin(), block.end(), std::byte{0});
      return;
    }
  }

  Status write_index(std::uint64_t offset, std::span<const ByteView> parts) {
    std::vector<std::byte> bytes;
    for (const ByteView part : parts) bytes.insert(bytes.end(), part.begin(), part.end());
    for (std::size_t at = 4; at + 4 <= bytes.size(); at += 8)
      store_be<std::uint32_t>(bytes.data() + at, load_be<std::uint32_t>(bytes.data() + at) + 1);
    const ByteView view(bytes);
    return file_->write_at(offset, std::span(&view, 1));
  }

  Mutant mutant_;
  std::unique_ptr<runtime::File> file_;
  Random& random_;
  bool late_ = false;
};

// `<20 digits>-<10 digits>.checkpoint`.
std::string next_snapshot_name(const std::string& path) {
  constexpr std::size_t kDigits = 20, kRest = 1 + 10 + std::string_view(".checkpoint").size();
  if (path.size() < kDigits + kRest) return path;
  const std::size_t at = path.size() - kRest - kDigits;
  std::string number = std::to_string(std::stoll(path.substr(at, kDigits)) + 1);
  number.insert(0, kDigits - number.size(), '0');
  return path.substr(0, at) + number + path.substr(at + kDigits);
}

class MutantDisk final : public runtime::Disk {
 public:
  MutantDisk(Mutant mutant, runtime::Disk& disk, std::uint64_t seed)
      : mutant_(mutant), disk_(disk), random_(seed) {}

  Result<std::unique_ptr<runtime::File>> open(const std::string& path, runtime::OpenMode mode) override {
    ASSIGN_OR_RETURN(auto file, disk_.open(path, mode));
    return std::make_unique<MutantFile>(mutant_, std::move(file), random_);
  }
  Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
  Result<std::vector<runtime::DirectoryEntry>> list(const std::string& directory) override {
    return disk_.list(directory);
  }
  Status create_directories(const std::string& directory) override {
    return disk_.create_directories(directory);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (mutant_ == Mutant::vote_not_persisted && to.ends_with("/quorum-state") &&
        disk_.exists(to).value_or(false))
      return disk_.remove_file(from);
    if (mutant_ == Mutant::snapshot_end_off_by_one && to.ends_with(".checkpoint"))
      return disk_.rename(from, next_snapshot_name(to));
    if (mutant_ == Mutant::swap_leaves_old && to.ends_with(".deleted")) return {};
    return disk_.rename(from, to);
  }
  Status remove_file(const std::string& path) override { return disk_.remove_file(path); }
  Status remove_directory(const std::string& path) override { return disk_.remove_directory(path); }
  Status sync_directory(const std::string& directory) override {
    const bool skipped = mutant_ == Mutant::directory_sync_skipped ||
                         (mutant_ == Mutant::swap_directory_sync_skipped && is_swapping(directory));
    return skipped ? Status() : disk_.sync_directory(directory);
  }
  Result<std::unique_ptr<runtime::FileLock>> lock(const std::string& path) override {
    return disk_.lock(path);
  }
  Result<runtime::DiskSpace> space(const std::string& path) override { return disk_.space(path); }

 private:
  bool is_swapping(const std::string& directory) {
    const auto entries = disk_.list(directory);
    return entries && std::ranges::any_of(*entries, [](const runtime::DirectoryEntry& entry) {
             return entry.name.ends_with(".swap");
           });
  }

  Mutant mutant_;
  runtime::Disk& disk_;
  Random random_;
};

class MutantWorld final : public runtime::World {
 public:
  MutantWorld(Mutant mutant, runtime::World& world)
      : world_(world), disk_(mutant, world.disk(), world.entropy()) {
    if (!changes_frames(mutant)) return;
    for (unsigned shard = 0; shard < world.shard_count(); ++shard)
      networks_.push_back(mutate_network(mutant, world.network(shard)));
  }

  unsigned shard_count() const override { return world_.shard_count(); }
  runtime::Executor& shard(unsigned index) override { return world_.shard(index); }
  runtime::Network& network(unsigned shard) override {
    return networks_.empty() ? world_.network(shard) : *networks_[shard];
  }
  runtime::WallClock& wall_clock() override { return world_.wall_clock(); }
  runtime::Disk& disk() override { return disk_; }
  runtime::BlockingPool& pool() override { return world_.pool(); }
  std::uint64_t entropy() override { return world_.entropy(); }

 private:
  runtime::World& world_;
  MutantDisk disk_;
  std::vector<std::unique_ptr<runtime::Network>> networks_;
};

}  // namespace

std::span<const MutantName> mutants() { return kMutants; }

node::Rules rules_of(Mutant mutant) {
  node::Rules rules;
  switch (mutant) {
    case Mutant::old_epochs_committed:
      rules.raft.commits_through_own_epoch = false;
      break;
    case Mutant::never_resigns:
      rules.raft.resigns_without_majority = false;
      break;
    case Mutant::wiped_voter_counted:
      rules.names_its_directory = false;
      break;
    case Mutant::voter_changes_overlap:
      rules.raft.one_change_at_a_time = false;
      break;
    case Mutant::committed_entries_cut:
      rules.raft.keeps_what_is_committed = false;
      break;
    case Mutant::truncated_to_high_watermark:
      rules.replication.truncates_by_epoch = false;
      break;
    case Mutant::unknown_epoch_agreed:
      rules.replication.answers_unknown_epochs = false;
      break;
    case Mutant::current_isr_counted:
      rules.replication.counts_maximal_isr = false;
      break;
    case Mutant::small_isr_commits:
      rules.replication.stands_still_below_min_isr = false;
      break;
    case Mutant::joins_at_high_watermark:
      rules.replication.joins_from_epoch_start = false;
      break;
    case Mutant::fenced_replica_elected:
      rules.elects_unfenced_only = false;
      break;
    case Mutant::believes_before_truncation:
      rules.replication.believes_after_truncation = false;
      break;
    default:
      break;
  }
  return rules;
}

std::unique_ptr<runtime::World> mutate(Mutant mutant, runtime::World& world) {
  return std::make_unique<MutantWorld>(mutant, world);
}

}  // namespace moldau::simulation
