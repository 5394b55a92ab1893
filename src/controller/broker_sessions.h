// BrokerSessions: which brokers the active controller has heard of lately. Soft state: it is in no record and
// begins anew with every controller (kafka-protocol.md 6.11). Pure: times are arguments.
//
// A broker is known by its id and its epoch: what an earlier process of the same id said keeps nobody alive.
// Fenced brokers have sessions too, so that a second process cannot take the id of one that starts (RA-25);
// only an unfenced broker's session ends in fencing.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "metadata/image.h"
#include "wire/messages/broker_heartbeat.h"

namespace moldau::controller {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::nanoseconds;  // since an arbitrary start, never going back
inline constexpr Time kNever = Time::max();

class BrokerSessions {
 public:
  // `broker.session.timeout.ms`.
  explicit BrokerSessions(Duration session_timeout = std::chrono::milliseconds(9000))
      : session_timeout_(session_timeout) {}

  // This node becomes the active controller. When its predecessor heard of each broker nobody knows: every
  // unfenced broker gets a whole session.
  void activate(const metadata::Image& image, Time now);

  // A broker has been registered under this epoch; a session of an earlier epoch ends.
  void registered(NodeId broker, metadata::BrokerEpoch epoch, Time now);
  // A heartbeat has been judged. `next_offset`: the offset after its records once they are submitted. Does
  // nothing for an answer with an error. A broker that was told to shut down has no session any more: its
  // next process need not wait.
  void heartbeat(const wire::BrokerHeartbeatRequest& request, const wire::BrokerHeartbeatResponse& response,
                 Offset next_offset, Time now);
  // It has been unregistered.
  void forget(NodeId broker) { sessions_.erase(broker); }

  // Whether the registered broker was heard of, under the epoch that the image has for it, within the session
  // time: `has_live_session` of register_broker().
  bool is_live(const metadata::Image& image, NodeId broker, Time now) const;

  // An unfenced broker whose session has ended, the one that was heard of first; one at a time, so that the
  // next is judged by what fencing this one has changed. Unfenced brokers without a session count as heard of
  // at `now`.
  std::optional<NodeId> next_expired(const metadata::Image& image, Time now);
  // When next_expired() could name the next one; kNever when no broker is unfenced.
  Time next_expiry(const metadata::Image& image) const;

  // Brokers that have said that all their directories are to get nothing more (cordoned).
  std::vector<NodeId> full() const;

  // Whether every active broker has applied what moved this broker's leaderships away, so that it may end
  // without anybody still asking it (Kafka's controlled shutdown offset). True when nothing is known of a
  // shutdown.
  bool has_handed_over(const metadata::Image& image, NodeId broker) const;

 private:
  struct Session {
    metadata::BrokerEpoch epoch = metadata::kNoBrokerEpoch;
    Time last_contact{};
    Offset metadata_offset = kNoOffset;  // the last record that it has applied
    // The offset after the records of its controlled shutdown.
    std::optional<Offset> shutdown_offset;
    bool full = false;
  };
  // Null when the image's broker has no session.
  const Session* session_of(const metadata::Broker& broker) const;

  Duration session_timeout_;
  std::map<NodeId, Session> sessions_;
};

}  // namespace moldau::controller
