// Membership: membership in a consumer group of the classic protocol: joins, assigns when it leads, keeps
// its session, joins again when the group changes, leaves. Who owns it is told of partitions that come and
// go. Lives on the shard of its ClusterClient; close() before destruction.
//
// With cooperative assignors alone a rebalance takes away only what goes to somebody else (KIP-429); else
// everything is given back before joining again.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/assignor.h"
#include "client/cluster.h"
#include "runtime/wait.h"

namespace moldau::client {

// Kafka's names and defaults.
struct GroupOptions {
  std::string group_id;
  std::optional<std::string> instance_id;  // group.instance.id: a static member (KIP-345)
  std::vector<Assignor> assignors{Assignor::range, Assignor::cooperative_sticky};  // in order of preference
  Duration session_timeout = std::chrono::seconds(45);
  Duration heartbeat_interval = std::chrono::seconds(3);
  Duration rebalance_timeout = std::chrono::minutes(5);  // max.poll.interval.ms
  Duration look_interval = std::chrono::minutes(5);      // for topics and partitions that were added
};

// What is told to whoever owns the membership, one after the other.
class GroupListener {
 public:
  virtual ~GroupListener() = default;
  // These go to somebody else once this has ended: the time to commit.
  virtual Task<void> revoked(std::vector<TopicPartition> partitions) = 0;
  // These are somebody else's already, or may be: nothing can be committed any more.
  virtual void lost(std::vector<TopicPartition> partitions) = 0;
  virtual Task<void> assigned(std::vector<TopicPartition> partitions) = 0;
};

class Membership {
 public:
  // The topics that are subscribed to; asked before joining, and from time to time.
  using Subscription = std::function<Task<Outcome<std::vector<std::string>>>()>;

  // What is referred to outlives this object.
  Membership(ClusterClient& cluster, GroupOptions options, Subscription subscription,
             GroupListener& listener);
  ~Membership();
  Membership(const Membership&) = delete;
  Membership& operator=(const Membership&) = delete;

  // Begins to join. Once.
  void start();
  // Gives everything back and leaves; a static member stays in the group until its session ends, as Kafka's.
  Task<void> close();

  const std::string& id() const { return id_; }
  std::int32_t generation() const { return generation_; }
  std::vector<TopicPartition> owned() const { return {owned_.begin(), owned_.end()}; }
  // What no retry mends: the membership has ended.
  const std::optional<Failure>& failure() const { return failure_; }
  const GroupOptions& options() const { return options_; }
  // A commit was refused with this code: the member has to join again if the coordinator does not know it.
  void note_refusal(wire::ErrorCode code);

 private:
  enum class Step : std::uint8_t { go_on, retry, failed };

  Task<void> run();
  // The coordinator's answer, on the connection of this member.
  template <class Response, class Request>
  Task<Outcome<Response>> ask(Request request, Duration patience, CallOptions options);
  Task<Outcome<void>> connect(Duration patience);
  Task<void> disconnect();
  Task<Step> join_and_sync();
  Task<Step> join();
  Task<Step> sync(std::map<std::string, Slice> assignments);
  Task<Outcome<std::map<std::string, Slice>>> assignments_of_all();
  Task<void> take(std::vector<TopicPartition> assigned);
  Task<void> stay();
  Task<Step> heartbeat();
  Task<bool> topics_changed();
  Task<void> give_back(std::vector<TopicPartition> partitions);
  Task<void> leave();
  void lose_all();
  Step refused(wire::ErrorCode code);
  Step failed(Failure failure);
  bool cooperative() const;
  Task<Outcome<PartitionCounts>> counts_of(std::vector<std::string> topics);
  MemberSubscription subscription() const;

  ClusterClient& cluster_;
  runtime::Executor& executor_;
  GroupOptions options_;
  Subscription subscribed_;
  GroupListener& listener_;

  std::optional<NodeId> coordinator_;  // nothing: to be looked for
  // Its own: what others ask must not wait for the members of the group to come together.
  BrokerConnection::Ptr connection_;
  std::optional<NodeId> connected_to_;
  Cancellation cancellation_;  // of a request that may wait for the other members
  std::string id_;
  std::int32_t generation_ = -1;
  std::optional<std::string> protocol_;
  std::set<TopicPartition> owned_;
  std::int32_t owned_generation_ = -1;
  std::vector<std::string> topics_;  // as told in the last JoinGroup
  // As leader: what the others told, and which topics and counts the assignment is for.
  std::vector<MemberSubscription> members_;
  bool leads_ = false;
  bool skips_assignment_ = false;
  PartitionCounts counts_;
  bool rejoin_ = false;
  std::optional<Failure> failure_;
  runtime::Signal changed_;  // closing, or somebody wants it to join again
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
