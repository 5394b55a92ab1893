// Membership: membership in a consumer group of either protocol. Joins, keeps its session, takes and gives
// back what the group decides, joins again when it must, leaves. Who owns it is told of partitions that come
// and go. Lives on the shard of its ClusterClient; close() before destruction.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/assignor.h"
#include "client/cluster.h"

namespace moldau::client {

enum class GroupProtocol : std::uint8_t {
  classic,   // members assign among themselves (JoinGroup, SyncGroup)
  consumer,  // the coordinator assigns (KIP-848, ConsumerGroupHeartbeat)
};

// Kafka's names and defaults.
struct GroupOptions {
  std::string group_id;
  GroupProtocol protocol = GroupProtocol::classic;       // group.protocol
  std::optional<std::string> instance_id;                // group.instance.id: a static member (KIP-345)
  Duration rebalance_timeout = std::chrono::minutes(5);  // max.poll.interval.ms

  // Of the classic protocol.
  std::vector<Assignor> assignors{Assignor::range, Assignor::cooperative_sticky};  // in order of preference
  Duration session_timeout = std::chrono::seconds(45);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration look_interval = std::chrono::minutes(5);  // for topics and partitions that were added

  // Of the consumer protocol; the coordinator says how often it wants heartbeats.
  std::optional<std::string> remote_assignor;  // group.remote.assignor: "uniform", "range"
  std::optional<std::string> pattern;          // RE2, in place of names: the coordinator finds the topics
  std::string rack;
};

// What is told to whoever owns the membership, one after the other; heartbeats go on meanwhile.
class GroupListener {
 public:
  virtual ~GroupListener() = default;
  // These go to somebody else once this has ended: the time to commit.
  virtual Task<void> revoked(std::vector<TopicPartition> partitions) = 0;
  // These are somebody else's already, or may be: nothing can be committed any more.
  virtual void lost(std::vector<TopicPartition> partitions) = 0;
  virtual Task<void> assigned(std::vector<TopicPartition> partitions) = 0;
  // Nobody has polled for max.poll.interval.ms: the member leaves, and joins again after wake().
  virtual bool is_stalled() const { return false; }
};

class Membership {
 public:
  // The topics that are subscribed to; asked before joining, and from time to time.
  using Subscription = std::function<Task<Outcome<std::vector<std::string>>>()>;

  // Of the protocol that the options name. What is referred to outlives it. REQUIRES: a group id, and
  // assignors where they are used.
  static std::unique_ptr<Membership> make(ClusterClient& cluster, GroupOptions options,
                                          Subscription subscription, GroupListener& listener);
  virtual ~Membership() = default;

  // Begins to join. Once.
  virtual void start() = 0;
  // Gives everything back and leaves; a static member stays in the group until its session ends, as Kafka's.
  virtual Task<void> close() = 0;
  // The subscription has changed, or the owner is not stalled any more.
  virtual void wake() = 0;

  virtual const std::string& id() const = 0;
  // The generation, or the epoch of a member of the consumer protocol; below 0: not a member.
  virtual std::int32_t generation() const = 0;
  virtual std::vector<TopicPartition> owned() const = 0;
  // What no retry mends: the membership has ended.
  virtual const std::optional<Failure>& failure() const = 0;
  // A commit was refused with this code: the member has to join again if the coordinator does not know it.
  virtual void note_refusal(wire::ErrorCode code) = 0;
};

}  // namespace moldau::client
