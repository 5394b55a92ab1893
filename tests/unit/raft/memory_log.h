// A replica's log in memory: what is flushed survives a crash, of the rest any prefix.
#pragma once

#include <optional>
#include <vector>

#include "base/random.h"
#include "raft/raft.h"

namespace moldau::raft::testing {

enum class EntryKind : std::uint32_t { data, leader_change, kraft_version, voters };

struct Entry {
  LeaderEpoch epoch = 0;
  EntryKind kind = EntryKind::data;
  std::uint64_t value = 0;  // of voters: the set's place in the cluster's table
  friend bool operator==(const Entry&, const Entry&) = default;
};

class MemoryLog final : public LogView {
 public:
  OffsetAndEpoch end() const override;
  OffsetAndEpoch start() const override { return start_; }
  OffsetAndEpoch end_of_epoch(LeaderEpoch epoch) const override;
  std::optional<OffsetAndEpoch> latest_snapshot() const override { return snapshot_; }

  void append(Entry entry) { entries_.push_back(entry); }
  void truncate(Offset offset);
  void flush() { flushed_ = end().offset; }
  Offset flushed() const { return flushed_; }
  void crash(Random& random);
  const Entry& at(Offset offset) const {
    return entries_.at(static_cast<std::size_t>(offset - start_.offset));
  }
  LeaderEpoch epoch_before(Offset offset) const {
    return offset == start_.offset ? start_.epoch : at(offset - 1).epoch;
  }
  // Takes a snapshot of all below `offset`, if there is none so far; `cut`: and forgets what it covers.
  void take_snapshot(Offset offset, const Configuration& configuration, bool cut);
  void install_snapshot(OffsetAndEpoch id, const Configuration& configuration = {});
  // What start() and the control records say of the voters.
  VoterHistory history(const Configuration& initial, const std::vector<VoterSet>& table) const;

 private:
  std::vector<Entry> entries_;
  OffsetAndEpoch start_;
  Configuration at_start_;
  Offset flushed_ = 0;
  std::optional<OffsetAndEpoch> snapshot_;
};

}  // namespace moldau::raft::testing
