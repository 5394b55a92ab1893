#include "storage/shared_checkpoint.h"

#include <algorithm>

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

Task<Result<std::unique_ptr<SharedCheckpoint>>> SharedCheckpoint::load(runtime::Executor& home,
                                                                       runtime::BlockingPool& pool,
                                                                       runtime::Disk& disk,
                                                                       std::string path) {
  std::unique_ptr<SharedCheckpoint> checkpoint(new SharedCheckpoint(home, pool, disk, std::move(path)));
  auto read = co_await pool.run(Lane::background, home,
                                [&] { return read_offset_checkpoint(disk, checkpoint->path_); });
  if (read) {
    checkpoint->loaded_ = std::move(*read);
  } else if (read.error().code == Errc::corrupt) {
    checkpoint->damage_ = std::move(read).error();
  } else if (read.error().code != Errc::not_found) {
    co_return fail(std::move(read).error());
  }
  checkpoint->unclaimed_ = checkpoint->loaded_;
  co_return checkpoint;
}

void SharedCheckpoint::claim(unsigned part, OffsetCheckpoint offsets) {
  for (const auto& [partition, offset] : offsets) unclaimed_.erase(partition);
  parts_[part] = std::move(offsets);
}

OffsetCheckpoint SharedCheckpoint::merged() const {
  OffsetCheckpoint all = unclaimed_;
  for (const auto& [part, offsets] : parts_) {
    for (const auto& [partition, offset] : offsets) all[partition] = offset;
  }
  return all;
}

bool SharedCheckpoint::mentions(const TopicPartition& partition) const {
  return unclaimed_.contains(partition) ||
         std::ranges::any_of(parts_, [&](const auto& part) { return part.second.contains(partition); });
}

Task<Status> SharedCheckpoint::update(unsigned part, OffsetCheckpoint offsets,
                                      std::set<TopicPartition> gone) {
  for (const TopicPartition& partition : gone) {
    unclaimed_.erase(partition);
    for (auto& [other, said] : parts_) said.erase(partition);
  }
  claim(part, std::move(offsets));
  const std::uint64_t request = ++requested_;
  while (written_ < request) {
    if (writing_) {
      co_await written_signal_.wait();
      continue;
    }
    writing_ = true;
    const std::uint64_t covered = requested_;
    const OffsetCheckpoint all = merged();
    Status status = co_await pool_.run(Lane::background, home_,
                                       [&] { return write_offset_checkpoint(disk_, path_, all); });
    writing_ = false;
    if (status) written_ = covered;
    written_signal_.notify_all();
    if (!status) co_return status;
  }
  co_return Status();
}

}  // namespace moldau::storage
