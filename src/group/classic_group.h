// ClassicGroup: one group of the classic protocol, in which the members agree on an assignment by way of one
// of them, their leader (kafka-protocol.md 6.6; KIP-62 rebalance time-outs, KIP-134 the initial delay,
// KIP-345 static members, KIP-389 group.max.size, KIP-394 member ids, KIP-814 the leader that skips its
// assignment).
//
// It has two states. What is stored, a Generation, changes by replay() alone, and is all that a new
// coordinator knows. What is under way (the phase, who has joined, who has synced, sessions) is in no record:
// it begins from what is stored when a coordinator takes over, and becomes it when the leader's SyncGroup
// makes a record.
//
// Pure. What is appended on its behalf is replayed, or refused(), before anything else happens to it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "group/event.h"
#include "group/settings.h"
#include "group/timers.h"
#include "wire/error_code.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/leave_group.h"

namespace moldau::group {

class ClassicGroup {
 public:
  // Shared with the other groups; outlive it.
  struct Parts {
    const Settings& settings;
    Timers& timers;
    Random& random;
  };
  // As Kafka shows them; a group that is Dead is not there.
  enum class Phase : std::uint8_t { empty, preparing_rebalance, completing_rebalance, stable };
  static std::string_view name_of(Phase phase);

  ClassicGroup(std::string id, Parts parts);

  // --- what is stored
  // A record of this group, which ends at `end`, has been appended; or, before loaded(), is in the log.
  void replay(std::optional<Generation> generation, Offset end, Now now, Effects& effects);
  // What was made of a request was not appended. `code` is what the request is answered with.
  void refused(wire::ErrorCode code, Now now, Effects& effects);
  // All that is in the log has been replayed: sessions begin.
  void loaded(Now now, Effects& effects);
  // What a group of the consumer protocol has become (KIP-848) is stored: its members join this one anew.
  void take_over(Now now, Effects& effects);
  // What it would hand to one of those: nothing when its members are no consumers, or use assignors or forms
  // that the coordinator does not know.
  struct Upgradable {
    Generation generation;
    std::map<std::string,
             std::vector<wire::ConsumerGroupMemberMetadataValue::ClassicMemberMetadata::SupportedProtocol>>
        protocols;
  };
  std::optional<Upgradable> upgradable() const;
  // Whoever waits is told to begin again.
  void interrupt(Now now, Effects& effects);
  const std::optional<Generation>& stored() const { return stored_; }
  // Where its last record ends: what is seen here must not be shown before that is committed.
  Offset stored_end() const { return stored_end_; }

  // --- requests. They name this group, and their texts are of a size that a request may have.
  void join(const wire::JoinGroupRequest& request, const Client& client, Ticket ticket, Now now,
            Effects& effects);
  void sync(const wire::SyncGroupRequest& request, Ticket ticket, Now now, Effects& effects);
  wire::ErrorCode heartbeat(const wire::HeartbeatRequest& request, Now now);
  std::vector<wire::LeaveGroupResponse::Member> leave(
      const std::vector<wire::LeaveGroupRequest::Member>& members, Now now, Effects& effects);
  // Nobody waits for the answer any more: the member has its session's time to ask again.
  void abandon(Ticket ticket, Now now);

  // Whether these offsets may be committed; if so, the member is alive.
  struct Committer {
    std::string_view member_id;
    const std::optional<std::string>& instance_id;
    std::int32_t generation = -1;
  };
  wire::ErrorCode check_commit(const Committer& committer, Now now);
  // The same of who commits in a transaction: its producer is fenced by itself, so that it may be no member,
  // and commits while the members wait for their assignments (KIP-447).
  wire::ErrorCode check_transactional_commit(const Committer& committer) const;
  // Whether offsets of topics that it is not subscribed to may be deleted.
  wire::ErrorCode check_offset_delete() const;

  // A timer of this group is due; `member`: whose, or empty.
  void on_timer(const std::string& member, Now now, Effects& effects);

  // --- what is seen
  Phase phase() const { return phase_; }
  std::size_t size() const { return members_.size(); }
  const std::optional<std::string>& protocol_type() const { return protocol_type_; }
  // Nobody is or is about to be a member.
  bool is_deserted() const { return members_.empty() && pending_.empty() && phase_ == Phase::empty; }
  // Also when nobody knows what the consumers are subscribed to.
  bool is_subscribed_to(const std::string& topic) const;
  // Since when the offset has not been needed; nothing while it is.
  std::optional<TimestampMs> unneeded_since(const CommittedOffset& committed) const;
  wire::DescribeGroupsResponse::Group describe() const;

 private:
  struct Protocol {
    std::string name;
    Slice metadata;
    friend bool operator==(const Protocol&, const Protocol&) = default;
  };
  using Protocols = std::vector<Protocol>;  // in the member's order of preference

  // A member as its JoinGroup describes it.
  struct Described {
    std::optional<std::string> instance_id;
    std::string client_id;
    std::string client_host;
    std::int32_t rebalance_timeout_ms = 0;
    std::int32_t session_timeout_ms = 0;
    Protocols protocols;

    const Slice& metadata_of(std::string_view protocol) const;
    std::size_t size_bytes() const;
  };
  struct Member : Described {
    Member(Timers& timers, const std::string& group, const std::string& id) : session(timers, group, id) {}

    Slice assignment;
    std::optional<Ticket> joining;
    std::optional<Ticket> syncing;
    // It has not been told of a generation yet: that it waits for one does not keep it in the group for ever.
    bool is_new = false;
    Timer session;
  };
  using Members = std::map<std::string, Member, std::less<>>;

  // A static member that came back under a new id while the group was stable, until that is stored (KIP-345).
  struct Replacement {
    std::string old_id;
    std::string new_id;
    std::string old_leader;
    Described described;
    Ticket ticket = 0;
    wire::ApiVersion version = 0;
  };

  // classic_group.cc: who is a member, and what is seen of it
  Member* find(std::string_view id);
  Member& add(const std::string& id, Described described);
  // Whoever waits for an answer to it gets UNKNOWN_MEMBER_ID.
  void remove(std::string id, Effects& effects);
  void describe_anew(Member& member, Described described);
  void set_phase(Phase phase, Now now);
  void restart_session(Member& member, Now now);
  wire::ErrorCode check_member(std::string_view id, const std::optional<std::string>& instance_id) const;
  bool supports(const std::string& protocol_type, const Protocols& protocols) const;
  // What all members support and most of them prefer. With `instead`: as if the member were described so.
  std::string select_protocol(const Member* member = nullptr, const Described* instead = nullptr) const;
  void read_subscriptions();
  bool is_leader(std::string_view id) const { return leader_ == id; }
  std::int32_t rebalance_timeout_ms() const;
  bool all_joined() const { return joining_ == members_.size() && pending_.empty(); }
  // What is under way, as it would be stored.
  Generation generation() const;
  // Nobody is in it any more.
  void reset(Effects& effects);

  // classic_join.cc: JoinGroup
  struct Joiner;
  bool accepts(const std::string& member_id) const;
  bool has_room_for(const Joiner& joiner) const;
  std::string new_member_id(const Joiner& joiner);
  void join_as_new(Joiner& joiner, Effects& effects);
  void join_as_known(Joiner& joiner, Effects& effects);
  void hand_out_id(const Joiner& joiner, Effects& effects);
  void add_member(Joiner& joiner, const std::string& member_id, Effects& effects);
  void rejoin(Joiner& joiner, Member& member, Effects& effects);
  void join_again(Joiner& joiner, Member& member, Effects& effects);
  void replace_member(Joiner& joiner, std::string old_id, Effects& effects);
  Member& rename_member(const std::string& old_id, const std::string& new_id, Described described,
                        Effects& effects);
  void finish_replacement(Effects& effects, Now now);
  std::vector<wire::JoinGroupResponse::Member> member_list() const;
  wire::JoinGroupResponse current_generation(const std::string& member_id) const;
  void answer_join(Member& member, wire::JoinGroupResponse response, Effects& effects);
  void refuse_join(Ticket ticket, const std::string& member_id, wire::ErrorCode code, Effects& effects) const;

  // classic_rebalance.cc: from one generation to the next
  void rebalance_or_complete(Now now, Effects& effects);
  void prepare_rebalance(Now now, Effects& effects);
  void complete_join_if_all_joined(Now now, Effects& effects);
  void complete_join(Now now, Effects& effects);
  bool elect_joined_leader();
  void next_generation(Now now);
  void extend_or_complete_initial_rebalance(Now now, Effects& effects);
  void expire_unsynced(Now now, Effects& effects);
  void expire_session(const std::string& id, Now now, Effects& effects);

  // classic_sync.cc: SyncGroup, and who stays or goes
  wire::ErrorCode check_sync(const wire::SyncGroupRequest& request) const;
  void answer_sync(Member& member, wire::ErrorCode code, Effects& effects) const;
  void take_assignments(Now now, Effects& effects);
  void end_syncs(wire::ErrorCode code, Now now, Effects& effects);
  void note_synced(const std::string& member_id);

  const std::string id_;
  const Parts parts_;

  std::optional<Generation> stored_;
  Offset stored_end_ = 0;

  Phase phase_ = Phase::empty;
  std::optional<TimestampMs> phase_since_ms_;  // nothing: not known, as of groups that old brokers stored
  std::int32_t generation_ = 0;
  std::optional<std::string> protocol_type_;
  std::optional<std::string> protocol_;
  std::string leader_;  // empty: none
  Members members_;
  std::map<std::string, std::string, std::less<>> static_members_;  // instance id to member id
  std::map<std::string, Timer, std::less<>>
      pending_;  // ids that were given out, and their owners not seen yet
  std::map<std::string, std::size_t, std::less<>> supporters_;    // of each protocol
  std::set<std::string, std::less<>> unsynced_;                   // of this generation
  std::size_t joining_ = 0;                                       // members that wait for the next generation
  std::size_t described_size_ = 0;                                // of all members' protocols
  std::optional<std::set<std::string, std::less<>>> subscribed_;  // nothing: not known

  // While rebalancing: until when members may join, then until when they may sync.
  Timer deadline_;
  // Of a rebalance that began in an empty group.
  bool initial_ = false;
  bool someone_came_ = false;  // since its delay began
  Duration delay_{};
  Duration delay_left_{};

  std::optional<Replacement> replacement_;
};

}  // namespace moldau::group
