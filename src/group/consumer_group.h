// ConsumerGroup: one group of the consumer protocol (KIP-848, kafka-protocol.md 6.7), in which the
// coordinator assigns, and each member gets to its part of the assignment at its own pace.
//
// Three epochs follow one another: the group's, which rises when subscriptions or topics change; that of the
// target assignment, which is computed for it; and each member's, which it takes over once it has given up
// what the target gives to others.
//
// All of it but the timers is stored, and changes by replay() alone: a heartbeat gives records, which are
// appended together or not at all. Pure.
#pragma once

#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/random.h"
#include "group/event.h"
#include "group/reconcile.h"
#include "group/server_assignor.h"
#include "group/settings.h"
#include "group/timers.h"
#include "group/topics.h"
#include "wire/error_code.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/leave_group.h"

namespace moldau::group {

using ClassicProtocols = std::vector<Subscription::ClassicMemberMetadata::SupportedProtocol>;

CurrentRecord current_record(const std::string& group, const std::string& member,
                             const CurrentAssignment& current);

class ConsumerGroup {
 public:
  // Shared with the other groups; outlive it.
  struct Parts {
    const Settings& settings;
    Timers& timers;
    Random& random;
  };
  // As Kafka shows them.
  enum class State : std::uint8_t { empty, assigning, reconciling, stable };
  static std::string_view name_of(State state);

  ConsumerGroup(std::string id, Parts parts) : id_(std::move(id)), parts_(parts) {}

  // --- what is stored
  // A record of this group, which ends at `end`, has been appended (`now` is when), or is in the log
  // (nothing).
  void replay(const EpochRecord& record, Offset end, std::optional<Now> now);
  void replay(const SubscriptionRecord& record, Offset end, std::optional<Now> now);
  void replay(const TargetEpochRecord& record, Offset end, std::optional<Now> now);
  void replay(const TargetRecord& record, Offset end, std::optional<Now> now);
  void replay(const CurrentRecord& record, Offset end, std::optional<Now> now);
  void replay(const PatternRecord& record, Offset end, std::optional<Now> now);
  // All that is in the log has been replayed: sessions begin.
  void loaded(Now now);
  // False: nothing in the log tells of it.
  bool is_stored() const;
  Offset stored_end() const { return stored_end_; }
  // What would be written to store it as it is, in that order; and what deletes it.
  Records snapshot() const;
  Records tombstones() const;

  // --- requests. The request names this group; members join also one that is not stored yet.
  Outcome<wire::ConsumerGroupHeartbeatResponse> heartbeat(const wire::ConsumerGroupHeartbeatRequest& request,
                                                          const Client& client, const Topics& topics,
                                                          Now now);
  // What is wrong with a request whatever the group.
  struct Refusal {
    wire::ErrorCode code;
    std::string message;
  };
  static std::optional<Refusal> check(const wire::ConsumerGroupHeartbeatRequest& request,
                                      const Client& client);
  // Of members that speak the classic protocol (KIP-848, migration): each of them is assigned to by the
  // coordinator, too, and told to join again when it has to give something up or is to get something.
  Outcome<wire::JoinGroupResponse> join(const wire::JoinGroupRequest& request, const Client& client,
                                        const Topics& topics, Now now);
  wire::SyncGroupResponse sync(const wire::SyncGroupRequest& request, const Topics& topics, Now now);
  wire::ErrorCode heartbeat(const wire::HeartbeatRequest& request, Now now);
  // Of either protocol, as administrators ask for it.
  Outcome<std::vector<wire::LeaveGroupResponse::Member>> leave(
      const std::vector<wire::LeaveGroupRequest::Member>& members, const Topics& topics) const;
  // What a classic group becomes; what this one becomes once only classic members are left, while `without`
  // go.
  static Records upgraded(const std::string& id, const Generation& generation,
                          const std::map<std::string, ClassicProtocols>& protocols, const Topics& topics);
  std::optional<Records> downgraded(const std::set<std::string>& without, const Topics& topics) const;

  // Whether offsets may be committed or, if only `fetches`, read by a member that says this of itself.
  wire::ErrorCode check_offsets(std::string_view member_id, std::int32_t epoch, bool fetches) const;
  bool speaks_classic(std::string_view member_id) const;

  // A timer of this member is due: it has been silent, or has not given up what it should have, for too long.
  Records on_timer(const std::string& member, const Topics& topics, Now now);

  // --- what is seen
  State state() const;
  bool is_empty() const { return members_.empty(); }
  std::size_t size() const { return members_.size(); }
  bool is_subscribed_to(const std::string& topic) const;
  wire::ConsumerGroupDescribeResponse::Group describe(const Topics& topics) const;

 private:
  struct Member {
    Member(Timers& timers, const std::string& group, const std::string& id)
        : session(timers, group, id), rebalance(timers, group, id) {}
    Subscription subscription;
    CurrentAssignment current;
    Timer session;
    Timer rebalance;  // set while it has to give something up
  };
  // A member as it will be once the records of a heartbeat are replayed.
  struct Draft {
    std::string id;
    bool is_new = false;
    bool rejoins = false;                    // it says that it has nothing
    std::optional<std::string> in_place_of;  // the static member that it continues, under another id
    Subscription subscription;
    CurrentAssignment current;
    Partitions target;
  };
  // What a heartbeat changes in the group as a whole.
  struct Plan {
    std::int32_t epoch = 0;
    std::int32_t target_epoch = 0;
  };
  using Request = wire::ConsumerGroupHeartbeatRequest;
  using Response = wire::ConsumerGroupHeartbeatResponse;
  using Patterns = std::map<std::string, std::set<std::string>>;  // and the topics that each matches

  // consumer_group.cc
  Member& find_or_add(const std::string& id, std::optional<Now> now);
  const Member* find(std::string_view id) const;
  void forget_instance(const std::string& id, const Member& member);
  const Partitions& target_of(const std::string& id) const;
  void hold(const std::string& id, const CurrentAssignment& before, const CurrentAssignment& after);
  bool is_free_for(const std::string& id, const TopicIdPartition& one) const;
  void restart_session(const std::string& id, Now now);
  Records removal_of(const std::string& id) const;
  ServerAssignor preferred_assignor(const Draft* draft) const;
  // Of the members as they will be; `without`: those that go.
  using VisitSubscription = std::function<void(const std::string& id, const Subscription& subscription)>;
  void for_each_subscription(const Draft* draft, const std::set<std::string>& without,
                             const VisitSubscription& visit) const;

  // consumer_heartbeat.cc
  Outcome<Response> refuse(Refusal refusal) const;
  std::expected<Draft, Refusal> draft_of(const Request& request, const Client& client) const;
  std::expected<Draft, Refusal> draft_of_static(const Request& request) const;
  std::optional<Refusal> check_epoch(const Request& request, const Member& member) const;
  Draft draft_of_new(const Request& request) const;
  Outcome<Response> leave(const Request& request, const Topics& topics) const;
  void write_patterns(const Draft* draft, const std::set<std::string>& without, const Topics& topics,
                      Records& records, Patterns& resolved) const;
  std::set<std::string> subscribed_topics(const Subscription& subscription, const Patterns& resolved) const;
  std::uint64_t metadata_hash(const Draft* draft, const std::set<std::string>& without, const Topics& topics,
                              const Patterns& resolved) const;
  Plan write_epoch(const Draft& draft, bool changed, const Topics& topics, const Patterns& resolved,
                   Records& records);
  void write_target(Draft& draft, Plan& plan, const Topics& topics, const Patterns& resolved,
                    Records& records) const;
  // Whether the group has to have a new target assignment now; else one of the next heartbeats makes it.
  enum class Target : std::uint8_t { at_once, when_due };
  bool is_target_due(Target target, Now now) const;
  CurrentAssignment advance(Draft& draft, const Partitions* owned, const Topics& topics, Target target,
                            Now now, Records& records);
  std::int32_t heartbeat_interval_ms(const CurrentAssignment& next, const Records& records) const;
  Records fence(const std::set<std::string>& ids, const Topics& topics) const;

  // consumer_classic.cc
  bool supports(const std::string& member, const ClassicProtocols& protocols) const;
  std::expected<Draft, wire::ErrorCode> draft_of(const wire::JoinGroupRequest& request,
                                                 const Client& client) const;
  const Member* find_classic(const std::string& id, const std::optional<std::string>& instance_id,
                             wire::ErrorCode& code) const;
  bool must_join_again(const std::string& id, const Member& member) const;

  const std::string id_;
  const Parts parts_;

  std::optional<std::int32_t> epoch_;
  std::uint64_t metadata_hash_ = 0;
  std::int32_t target_epoch_ = 0;
  std::map<std::string, Member, std::less<>> members_;
  std::map<std::string, Partitions, std::less<>> targets_;
  std::map<std::string, PatternRecord::Value, std::less<>> patterns_;
  std::map<std::string, std::string, std::less<>> static_members_;  // instance id to member id
  std::map<TopicIdPartition, std::string> holders_;                 // of what is assigned or not given up yet
  Offset stored_end_ = 0;
  // When the target assignment was made; nothing: not since the group was loaded.
  std::optional<Time> target_made_;
  // The version of the topics that the hash is known to fit to.
  std::optional<std::uint64_t> checked_topics_;
};

}  // namespace moldau::group
