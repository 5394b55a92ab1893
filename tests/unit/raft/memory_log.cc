#include "unit/raft/memory_log.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace moldau::raft::testing {

OffsetAndEpoch MemoryLog::end() const {
  return {start_.offset + static_cast<Offset>(entries_.size()),
          entries_.empty() ? start_.epoch : entries_.back().epoch};
}

OffsetAndEpoch MemoryLog::end_of_epoch(LeaderEpoch epoch) const {
  const auto after = std::ranges::upper_bound(entries_, epoch, {}, &Entry::epoch);
  if (after == entries_.begin()) return start_;
  return {start_.offset + (after - entries_.begin()), std::prev(after)->epoch};
}

void MemoryLog::truncate(Offset offset) {
  ASSERT_GE(offset, start_.offset);
  entries_.resize(static_cast<std::size_t>(offset - start_.offset));
  flushed_ = std::min(flushed_, offset);
}

void MemoryLog::crash(Random& random) {
  const Offset survived = random.between(flushed_, end().offset);
  truncate(survived);
  flushed_ = survived;
}

void MemoryLog::take_snapshot(Offset offset, const Configuration& configuration, bool cut) {
  if (offset <= start_.offset || (snapshot_ && offset <= snapshot_->offset)) return;
  const LeaderEpoch epoch = epoch_before(offset);
  snapshot_ = {offset, epoch};
  if (!cut) return;
  entries_.erase(entries_.begin(), entries_.begin() + (offset - start_.offset));
  start_ = {offset, epoch};
  at_start_ = configuration;
}

void MemoryLog::install_snapshot(OffsetAndEpoch id, const Configuration& configuration) {
  entries_.clear();
  start_ = id;
  at_start_ = configuration;
  snapshot_ = id;
  flushed_ = id.offset;
}

VoterHistory MemoryLog::history(const Configuration& initial, const std::vector<VoterSet>& table) const {
  VoterHistory out(initial);
  if (start_.offset > 0) out.install(start_.offset, at_start_);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Entry& entry = entries_[i];
    const Offset offset = start_.offset + static_cast<Offset>(i);
    if (entry.kind == EntryKind::voters) out.append(offset, table.at(entry.value));
    if (entry.kind == EntryKind::kraft_version) out.append(offset, static_cast<std::int16_t>(entry.value));
  }
  return out;
}

}  // namespace moldau::raft::testing
