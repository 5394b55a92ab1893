// HostedPartition: one partition whose state machine this broker hosts, for as long as it leads it: its log,
// whether it is loaded, and those who wait for space or for the end. Lives on the partition's shard.
#pragma once

#include <functional>

#include "coordinator/state_log.h"
#include "runtime/wait.h"
#include "wire/error_code.h"

namespace moldau::coordinator {

// What clients of coordinators understand of why a log took nothing, or did not say in time that it is
// committed.
wire::ErrorCode error_code_of(const replication::PartitionError& error);

class HostedPartition {
 public:
  // REQUIRES: as StateLog.
  HostedPartition(runtime::Executor& executor, replication::PartitionSet& partitions, TopicIdPartition key)
      : log(partitions, key), executor_(executor), key_(key), changed_(executor) {}

  const TopicIdPartition& key() const { return key_; }
  StateLog log;

  bool loaded() const { return loaded_; }
  void set_loaded() { loaded_ = true; }
  // The state is somebody else's from here on: all who wait go on.
  void leave();
  bool gone() const { return gone_; }
  // Until it is left, or the deadline.
  runtime::Task<void> wait_until_gone(runtime::MonotonicTime deadline);

  // While an append waits for space, those that came after it wait for it.
  bool stalled() const { return stalled_; }
  runtime::Task<void> wait_until_changed() { static_cast<void>(co_await changed_.wait()); }

  // What `attempt` gives, which appends to the log. A full commit log is no error of the client's: it is
  // tried again while there is no space, for `timeout` at most, and those behind it wait.
  using Attempt = std::function<replication::PartitionResult<Offset>()>;
  runtime::Task<replication::PartitionResult<Offset>> append(Attempt attempt, runtime::Duration timeout);
  runtime::Task<wire::ErrorCode> committed(Offset end, runtime::Duration timeout);

 private:
  runtime::Executor& executor_;
  const TopicIdPartition key_;
  bool loaded_ = false;
  bool stalled_ = false;
  bool gone_ = false;
  runtime::Signal changed_;
};

}  // namespace moldau::coordinator
