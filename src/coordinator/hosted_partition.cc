#include "coordinator/hosted_partition.h"

#include <algorithm>

namespace moldau::coordinator {

using replication::PartitionResult;
using runtime::Task;
using wire::ErrorCode;

namespace {

// How often it is seen whether a partition that waits for space is still led.
constexpr runtime::Duration kSpaceCheck = std::chrono::milliseconds(200);

}  // namespace

ErrorCode error_code_of(const replication::PartitionError& error) {
  switch (error.code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out:
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return error.passes ? ErrorCode::coordinator_not_available : ErrorCode::not_coordinator;
    case ErrorCode::invalid_producer_epoch:
    case ErrorCode::invalid_txn_state:
      return error.code;
    default:
      return ErrorCode::unknown_server_error;
  }
}

void HostedPartition::leave() {
  gone_ = true;
  changed_.notify_all();
}

Task<void> HostedPartition::wait_until_gone(runtime::MonotonicTime deadline) {
  while (!gone_ && executor_.now() < deadline) static_cast<void>(co_await changed_.wait(deadline));
}

Task<PartitionResult<Offset>> HostedPartition::append(Attempt attempt, runtime::Duration timeout) {
  const auto deadline = executor_.now() + timeout;
  for (;;) {
    if (gone_) co_return replication::refuse(ErrorCode::not_leader_or_follower);
    auto appended = attempt();
    const bool waits = !appended && appended.error().passes && executor_.now() < deadline;
    if (!waits) {
      if (std::exchange(stalled_, false)) changed_.notify_all();
      co_return appended;
    }
    stalled_ = true;
    co_await log.wait_for_space(std::min(deadline, executor_.now() + kSpaceCheck));
  }
}

Task<ErrorCode> HostedPartition::committed(Offset end, runtime::Duration timeout) {
  if (log.is_committed(end)) co_return ErrorCode::none;
  const auto done = co_await log.committed(end, executor_.now() + timeout);
  co_return done ? ErrorCode::none : error_code_of(done.error());
}

}  // namespace moldau::coordinator
