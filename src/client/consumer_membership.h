// ConsumerMembership: a member of the consumer protocol (KIP-848). Heartbeats tell the coordinator what the
// member subscribes to and owns, and bring back what it is to own; the member gives up what it has too much,
// says so, and takes what is new, while heartbeats go on.
#pragma once

#include <set>

#include "client/coordinator_link.h"
#include "client/membership.h"
#include "wire/messages/consumer_group_heartbeat.h"

namespace moldau::client {

class ConsumerMembership final : public Membership {
 public:
  ConsumerMembership(ClusterClient& cluster, GroupOptions options, Subscription subscription,
                     GroupListener& listener);
  ~ConsumerMembership() override;

  void start() override;
  Task<void> close() override;
  void wake() override;
  const std::string& id() const override { return id_; }
  std::int32_t generation() const override { return epoch_ > 0 ? epoch_ : -1; }
  std::vector<TopicPartition> owned() const override { return {owned_.begin(), owned_.end()}; }
  const std::optional<Failure>& failure() const override { return failure_; }
  void note_refusal(wire::ErrorCode code) override;

 private:
  using Partitions = std::set<TopicPartition>;

  Task<void> run();
  Task<void> beat();
  Task<Outcome<void>> look();
  wire::ConsumerGroupHeartbeatRequest next_request();
  void accept(const wire::ConsumerGroupHeartbeatResponse& response);
  void refused(wire::ErrorCode code, const std::optional<std::string>& message);
  void failed(Failure failure);
  void rejoin();
  void lose_all();
  Task<void> sit_out();
  Task<void> leave();

  // Makes owned_ what the coordinator wants, step by step; one at a time.
  Task<void> reconcile();
  Task<std::optional<Partitions>> named_target();
  void note_names();
  Task<void> learn_names();

  ClusterClient& cluster_;
  runtime::Executor& executor_;
  const GroupOptions options_;
  Subscription subscribed_;
  GroupListener& listener_;

  CoordinatorLink coordinator_;
  Cancellation cancellation_;
  const std::string id_;      // its own, for life (KIP-1082)
  std::int32_t epoch_ = 0;    // 0: to join
  unsigned incarnation_ = 0;  // another one after everything was lost
  std::vector<std::string> topics_;
  std::optional<std::vector<std::string>> told_topics_;
  bool tell_all_ = true;
  bool tell_owned_ = false;
  Duration interval_;
  MonotonicTime next_look_{};

  Partitions owned_;
  std::map<TopicId, std::string> names_;              // of topics of the target, past and present
  std::optional<std::set<TopicIdPartition>> target_;  // nothing: not told since it joined
  bool reconciling_ = false;

  std::optional<Failure> failure_;
  runtime::Signal changed_;  // closing, or there is something to tell at once
  runtime::Signal reconciled_;
  bool hurry_ = false;
  bool closing_ = false;
  runtime::Gate gate_;
};

}  // namespace moldau::client
