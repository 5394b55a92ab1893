// ClassicMembership: a member of the classic protocol: joins, assigns when it leads, keeps its session, joins
// again when the group changes.
//
// With cooperative assignors alone a rebalance takes away only what goes to somebody else (KIP-429); else
// everything is given back before joining again.
#pragma once

#include <set>

#include "client/coordinator_link.h"
#include "client/membership.h"

namespace moldau::client {

class ClassicMembership final : public Membership {
 public:
  ClassicMembership(ClusterClient& cluster, GroupOptions options, Subscription subscription,
                    GroupListener& listener);
  ~ClassicMembership() override;

  void start() override;
  Task<void> close() override;
  void wake() override;
  const std::string& id() const override { return id_; }
  std::int32_t generation() const override { return generation_; }
  std::vector<TopicPartition> owned() const override { return {owned_.begin(), owned_.end()}; }
  const std::optional<Failure>& failure() const override { return failure_; }
  void note_refusal(wire::ErrorCode code) override;

 private:
  enum class Step : std::uint8_t { go_on, retry, failed };

  Task<void> run();
  Task<Step> join_and_sync();
  Task<Step> join();
  Task<Step> sync(std::map<std::string, Slice> assignments);
  Task<Outcome<std::map<std::string, Slice>>> assignments_of_all();
  Task<void> take(std::vector<TopicPartition> assigned);
  // Ends with what the listener was told; heartbeats go on.
  Task<void> while_beating(Task<void> told);
  Task<void> stay();
  Task<void> sit_out();
  Task<Step> heartbeat();
  Task<Outcome<wire::ErrorCode>> beat();
  Task<bool> topics_changed();
  Task<void> give_back(std::vector<TopicPartition> partitions);
  Task<void> leave(bool also_static, std::string reason);
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

  CoordinatorLink coordinator_;
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
  bool look_now_ = false;  // for another subscription
  std::optional<Failure> failure_;
  runtime::Signal changed_;  // closing, or somebody wants it to join again
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
