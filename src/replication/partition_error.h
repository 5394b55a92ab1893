// Why a partition refuses a request, with the code that the client sees.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/ids.h"
#include "storage/log_error.h"
#include "wire/error_code.h"

namespace moldau::replication {

struct PartitionError {
  wire::ErrorCode code = wire::ErrorCode::unknown_server_error;
  std::string message;  // may be empty: the code says it all
  std::vector<storage::RecordError> record_errors;
  // With NOT_LEADER_OR_FOLLOWER: who is the leader, as far as the partition knows (KIP-951).
  NodeId leader = kNoNode;
  LeaderEpoch leader_epoch = kNoEpoch;
  // With OFFSET_OUT_OF_RANGE: where the log starts.
  Offset log_start = kNoOffset;
  // Only the commit log's space was missing: Partition::wait_for_space(), then try again.
  bool passes = false;
};

template <class T>
using PartitionResult = std::expected<T, PartitionError>;

wire::ErrorCode error_code_of(storage::LogErrorCode code);
std::unexpected<PartitionError> refuse(wire::ErrorCode code, std::string message = {});
std::unexpected<PartitionError> refuse(storage::LogError error);

}  // namespace moldau::replication
