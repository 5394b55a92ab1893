// Groups: what the coordinator of one partition of __consumer_offsets knows and decides: the groups of the
// classic and of the consumer protocol whose ids belong there, and the offsets that they have committed. A
// group that nobody is in becomes one of the other protocol when somebody joins it so. Pure: no clock, no
// I/O; the same events give the same records and answers.
//
// What is durable changes by replay() alone. Whoever drives this appends the records that an event gives,
// then replays them before the next event, and lets an answer leave when the log is committed as far as it
// says: so nothing is shown that might be gone after a fail-over, and a new coordinator that replays the log
// knows all that was. An event whose records could not be appended is refused().
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "group/classic_group.h"
#include "group/consumer_group.h"
#include "group/event.h"
#include "group/pending_offsets.h"
#include "group/settings.h"
#include "group/timers.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/list_groups.h"
#include "wire/messages/offset_commit.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/offset_fetch.h"
#include "wire/messages/txn_offset_commit.h"

namespace moldau::group {

// One group, for metrics.
struct Glance {
  std::string id;
  std::string_view state;
  std::size_t members = 0;
  std::vector<std::pair<TopicPartition, Offset>> offsets;
};

class Groups {
 public:
  Groups(Settings settings, Random random);
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // --- the log
  // The record at `offset`: of the log that is loaded, until loaded(); later of what was appended for an
  // event.
  void replay(const Record& record, Offset offset, Now now);
  // The same of a record in a transaction: it counts once that is committed. Only offsets are committed so;
  // other records are passed over.
  void replay_pending(const Record& record, Offset offset, ProducerId producer);
  // The marker of a transaction's end.
  void replay_end(ProducerId producer, bool committed, Offset offset);
  // The log is replayed to its end: members' sessions begin. The records that follow from what was found.
  Records loaded(Now now);
  // The records of an event were not appended, none of them.
  void refused(const Records& records, wire::ErrorCode code, Now now);
  // What there is to subscribe to and to assign, for groups of the consumer protocol; until then: nothing.
  void set_topics(std::shared_ptr<const Topics> topics) { topics_ = std::move(topics); }
  // The answers to tickets since the last call: after the records of an event were replayed or refused.
  std::vector<Answer> take_answers();

  // --- requests, from loaded() on. The answers to the first two come by take_answers(), at once or later.
  Records join(const wire::JoinGroupRequest& request, const Client& client, Ticket ticket, Now now);
  Records sync(const wire::SyncGroupRequest& request, const Client& client, Ticket ticket, Now now);
  // Nobody waits for the answer to the ticket any more.
  void abandon(const std::string& group_id, Ticket ticket, Now now);
  Outcome<wire::HeartbeatResponse> heartbeat(const wire::HeartbeatRequest& request, Now now);
  Outcome<wire::ConsumerGroupHeartbeatResponse> heartbeat(const wire::ConsumerGroupHeartbeatRequest& request,
                                                          const Client& client, Now now);
  // In the form of every version.
  Outcome<wire::LeaveGroupResponse> leave(const wire::LeaveGroupRequest& request, const Client& client,
                                          Now now);
  // Topics are named by name and by id, which is zero when nobody knows it; they exist.
  Outcome<wire::OffsetCommitResponse> commit_offsets(const wire::OffsetCommitRequest& request,
                                                     const Client& client, Now now);
  // In a transaction, which whoever appends the records is sure of. Topics are named by name, and exist.
  Outcome<wire::TxnOffsetCommitResponse> commit_offsets(const wire::TxnOffsetCommitRequest& request,
                                                        Now now) const;
  // Names and ids likewise. What was committed for another topic of the same name is not found; without
  // topics everything is, and named as it was committed. What is stable only is asked for by
  // `require_stable`: UNSTABLE_OFFSET_COMMIT where a transaction is open.
  Outcome<wire::OffsetFetchResponse::Group> fetch_offsets(const wire::OffsetFetchRequest::Group& request,
                                                          bool require_stable = false) const;
  Outcome<wire::OffsetDeleteResponse> delete_offsets(const wire::OffsetDeleteRequest& request) const;
  Outcome<wire::DescribeGroupsResponse::Group> describe(const std::string& group_id,
                                                        wire::ApiVersion version) const;
  Outcome<wire::ConsumerGroupDescribeResponse::Group> describe_consumers(const std::string& group_id) const;
  Outcome<std::vector<wire::ListGroupsResponse::Group>> list(const wire::ListGroupsRequest& filters) const;
  Outcome<wire::ErrorCode> delete_group(const std::string& group_id) const;

  // --- time
  // Nothing is due before; kNever: nothing will be.
  Time next_deadline() const { return timers_.next(); }
  // What is due by now, some of it: call again while next_deadline() is not later.
  Records expire(Now now);
  // Drops offsets that nobody has needed for their time, and groups without members and offsets
  // (offsets.retention.check.interval.ms).
  Records expire_offsets(Now now);
  // These topics are gone: so are the offsets that were committed for them.
  Records forget_topics(const std::map<std::string, TopicId>& topics) const;

  // Of all that is durable; equal for equal states, however the log looks that they come from.
  std::uint64_t state_hash() const;
  std::size_t size() const { return groups_.size(); }
  // What is seen of each group, also before it is committed.
  std::vector<Glance> glances() const;

 private:
  using TopicOffsets = std::map<PartitionIndex, CommittedOffset>;
  struct Group {
    Group(const std::string& id, ClassicGroup::Parts parts) : members(id, parts) {}
    ClassicGroup members;
    std::unique_ptr<ConsumerGroup> consumer;  // while anything of one is stored
    std::map<std::string, TopicOffsets, std::less<>> offsets;
    Offset offsets_end = 0;  // where the last record of one ends
    bool has_offset(const TopicPartition& partition) const;

    // group_kinds.cc: of whichever protocol it is
    Offset stored_end() const;
    bool is_durable() const;
    bool is_empty() const;
    bool is_deserted() const;
    bool is_subscribed_to(const std::string& topic) const;
    std::optional<TimestampMs> unneeded_since(const CommittedOffset& committed) const;
    std::string_view type() const;
    std::string_view state() const;
    std::size_t size() const;  // members
    std::string protocol_type() const;
  };

  void replay_one(const OffsetRecord& record, Offset end, Now now);
  void replay_one(const GenerationRecord& record, Offset end, Now now);
  template <class ConsumerRecord>
  void replay_one(const ConsumerRecord& record, Offset end, Now now);
  Group* find(std::string_view id);
  const Group* find(std::string_view id) const;
  Group& find_or_add(const std::string& id);
  Records take_records() { return std::exchange(effects_.records, {}); }
  Records tombstones(const std::string& id, const Group& group) const;
  bool expire_offsets_of(const std::string& id, const Group& group, Now now, Records& records) const;
  wire::ErrorCode check_commit(const wire::OffsetCommitRequest& request, const Client& client, Now now);
  wire::ErrorCode check_commit(const wire::TxnOffsetCommitRequest& request) const;
  bool fits(const std::optional<std::string>& metadata) const;

  ConsumerGroup::Parts consumer_parts() { return {settings_, timers_, random_}; }

  const Settings settings_;
  Random random_;
  std::shared_ptr<const Topics> topics_;
  Timers timers_;
  std::map<std::string, std::unique_ptr<Group>, std::less<>> groups_;
  PendingOffsets pending_;
  Offset end_ = 0;  // of the last record
  bool loaded_ = false;
  Effects effects_;
  std::optional<Answer> held_;  // until the records of its event are replayed
};

}  // namespace moldau::group
