// What the Raft core sees of the metadata log: storage::Log and the newest snapshot beside it. The log always
// starts where the newest snapshot ends.
#pragma once

#include <algorithm>
#include <optional>

#include "raft/raft.h"
#include "storage/log.h"

namespace moldau::quorum {

class QuorumLogView final : public raft::LogView {
 public:
  explicit QuorumLogView(storage::Log& log) : log_(log) {}

  raft::OffsetAndEpoch start() const override { return snapshot_.value_or(raft::OffsetAndEpoch{}); }
  raft::OffsetAndEpoch end() const override {
    return {log_.end_offset().value(), std::max(log_.latest_epoch(), start().epoch)};
  }
  raft::OffsetAndEpoch end_of_epoch(LeaderEpoch epoch) const override {
    const raft::OffsetAndEpoch last = end();
    if (epoch >= last.epoch) return last;
    const auto found = log_.offset_for_leader_epoch(epoch);
    if (found.end_offset < start().offset || found.epoch < start().epoch) return start();
    return {found.end_offset, found.epoch};
  }
  std::optional<raft::OffsetAndEpoch> latest_snapshot() const override { return snapshot_; }
  void set_latest_snapshot(raft::OffsetAndEpoch id) { snapshot_ = id; }

 private:
  storage::Log& log_;
  std::optional<raft::OffsetAndEpoch> snapshot_;
};

}  // namespace moldau::quorum
