// EpochFence: the leader epoch that a replica acts in, and the newest state of its partition that it has
// heard of (KIP-320, KIP-497). Pure.
#pragma once

#include "metadata/image.h"
#include "replication/partition_error.h"

namespace moldau::replication {

class EpochFence {
 public:
  LeaderEpoch leader_epoch() const { return leader_epoch_; }
  std::int32_t partition_epoch() const { return partition_epoch_; }

  // What metadata says, or the controller's answer to AlterPartition, whichever comes first: false for what
  // was overtaken by the other.
  bool admit(const metadata::Partition& state) {
    if (state.partition_epoch < partition_epoch_ || state.leader_epoch < leader_epoch_) return false;
    partition_epoch_ = state.partition_epoch;
    leader_epoch_ = state.leader_epoch;
    return true;
  }

  // What a request says of the epoch that it was sent for; kNoEpoch: nothing.
  PartitionResult<void> check(LeaderEpoch current_leader_epoch) const {
    if (current_leader_epoch == kNoEpoch || current_leader_epoch == leader_epoch_) return {};
    return refuse(current_leader_epoch < leader_epoch_ ? wire::ErrorCode::fenced_leader_epoch
                                                       : wire::ErrorCode::unknown_leader_epoch);
  }

 private:
  LeaderEpoch leader_epoch_ = kNoEpoch;
  std::int32_t partition_epoch_ = -1;
};

}  // namespace moldau::replication
