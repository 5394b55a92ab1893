// BrokerLifecycle: this broker's life as the controller sees it: registered, fenced until it has caught up,
// kept alive by heartbeats, and at the end relieved of its leaderships (KIP-631, KIP-841). On shard 0.
#pragma once

#include <functional>
#include <vector>

#include "metadata/image.h"
#include "node/controller_route.h"
#include "replication/channels.h"
#include "replication/partition_set.h"

namespace moldau::node {

struct BrokerLifecycleOptions {
  runtime::Duration heartbeat_interval = std::chrono::seconds(2);  // broker.heartbeat.interval.ms
  runtime::Duration session_timeout = std::chrono::seconds(9);     // broker.session.timeout.ms
  runtime::Duration registration_timeout =
      std::chrono::seconds(60);                                   // initial.broker.registration.timeout.ms
  runtime::Duration shutdown_timeout = std::chrono::seconds(30);  // of the controlled shutdown
  // Data folders that have failed: others are to lead what is in them. Empty: none can.
  std::function<std::vector<DirectoryId>()> offline_directories = {};
  // Data folders that are to get nothing more: where others are in sync, they are to lead what is in them.
  std::function<std::vector<DirectoryId>()> cordoned_directories = {};
};

class BrokerLifecycle {
 public:
  // `images`: shard 0's, the last to get each. What is referred to outlives this object. The registration's
  // epoch is set by join().
  BrokerLifecycle(runtime::Executor& executor, ControllerRoute& route, replication::ImageHolder& images,
                  replication::BrokerRegistration& registration, BrokerLifecycleOptions options);

  // Registers what `request` says under a new epoch. While the session of a process before this one lasts,
  // the controller refuses; it is asked again until registration_timeout. Errc::already_exists: another live
  // broker has this id; Errc::mismatch: the controller will not have this broker (another cluster, missing
  // features); Errc::timed_out: no controller was found.
  runtime::Task<Status> join(wire::BrokerRegistrationRequest request);
  // Begins heartbeats; returns once the controller has unfenced this broker and the images say so.
  // Errc::timed_out.
  runtime::Task<Status> unfence(runtime::MonotonicTime deadline);
  // Asks for leave and waits until no partition is led here, at most shutdown_timeout, and not for long when
  // no controller answers.
  runtime::Task<void> leave();
  // There is something to tell before the next heartbeat is due.
  void beat_soon() { wake_.notify_all(); }
  // What join() and unfence() wait for will not come: they fail soon.
  void give_up();
  // No more heartbeats; returns when none is under way.
  runtime::Task<void> stop();

 private:
  runtime::Task<void> beat();
  runtime::Task<wire::BrokerHeartbeatResponse> heartbeat();
  void note(const wire::BrokerHeartbeatResponse& response, runtime::MonotonicTime sent_at);

  runtime::Executor& executor_;
  ControllerRoute& route_;
  replication::ImageHolder& images_;
  replication::BrokerRegistration& registration_;
  const BrokerLifecycleOptions options_;
  bool beating_ = false;
  bool leaving_ = false;
  bool stopping_ = false;
  bool may_leave_ = false;
  wire::ErrorCode last_error_ = wire::ErrorCode::none;
  runtime::MonotonicTime last_answer_{};  // without an error
  runtime::Signal wake_;                  // a heartbeat is wanted now
  runtime::Signal answered_;
  runtime::Gate gate_;
};

}  // namespace moldau::node
