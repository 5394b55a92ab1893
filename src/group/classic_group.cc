// Who is a member, what is stored, and what is seen of a group.
#include "group/classic_group.h"

#include <algorithm>

#include "group/subscription.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

std::optional<std::string> if_any(std::string text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

ClassicGroup::ClassicGroup(std::string id, Parts parts)
    : id_(std::move(id)), parts_(parts), deadline_(parts.timers, id_) {}

std::string_view ClassicGroup::name_of(Phase phase) {
  switch (phase) {
    case Phase::empty:
      return "Empty";
    case Phase::preparing_rebalance:
      return "PreparingRebalance";
    case Phase::completing_rebalance:
      return "CompletingRebalance";
    case Phase::stable:
      return "Stable";
  }
  MOLDAU_UNREACHABLE("phase of a group");
}

const Slice& ClassicGroup::Described::metadata_of(std::string_view protocol) const {
  static const Slice kNone;
  const auto found = std::ranges::find(protocols, protocol, &Protocol::name);
  return found == protocols.end() ? kNone : found->metadata;
}

std::size_t ClassicGroup::Described::size_bytes() const {
  std::size_t size = 0;
  for (const Protocol& protocol : protocols) size += protocol.name.size() + protocol.metadata.size();
  return size;
}

// --- who is a member

ClassicGroup::Member* ClassicGroup::find(std::string_view id) {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

ClassicGroup::Member& ClassicGroup::add(const std::string& id, Described described) {
  if (described.instance_id) static_members_[*described.instance_id] = id;
  if (leader_.empty()) leader_ = id;
  Member& member = members_.try_emplace(id, parts_.timers, id_, id).first->second;
  describe_anew(member, std::move(described));
  return member;
}

void ClassicGroup::describe_anew(Member& member, Described described) {
  described_size_ -= member.size_bytes();
  for (const Protocol& protocol : member.protocols)
    if (--supporters_[protocol.name] == 0) supporters_.erase(protocol.name);
  static_cast<Described&>(member) = std::move(described);
  for (const Protocol& protocol : member.protocols) ++supporters_[protocol.name];
  described_size_ += member.size_bytes();
}

void ClassicGroup::remove(std::string id, Effects& effects) {
  const auto found = members_.find(id);
  if (found == members_.end()) return;
  Member& member = found->second;
  wire::JoinGroupResponse gone;
  gone.error_code = ErrorCode::unknown_member_id;
  answer_join(member, std::move(gone), effects);
  answer_sync(member, ErrorCode::unknown_member_id, effects);
  if (member.instance_id) static_members_.erase(*member.instance_id);
  describe_anew(member, {});
  members_.erase(found);
  unsynced_.erase(id);
  if (is_leader(id)) leader_ = members_.empty() ? "" : members_.begin()->first;
}

void ClassicGroup::set_phase(Phase phase, Now now) {
  phase_ = phase;
  phase_since_ms_ = now.wall_ms;
}

void ClassicGroup::restart_session(Member& member, Now now) {
  member.session.set(now.monotonic + milliseconds(member.session_timeout_ms));
}

ErrorCode ClassicGroup::check_member(std::string_view id,
                                     const std::optional<std::string>& instance_id) const {
  if (instance_id) {
    const auto known = static_members_.find(*instance_id);
    if (known == static_members_.end()) return ErrorCode::unknown_member_id;
    if (known->second != id) return ErrorCode::fenced_instance_id;
  }
  return members_.contains(id) ? ErrorCode::none : ErrorCode::unknown_member_id;
}

bool ClassicGroup::supports(const std::string& protocol_type, const Protocols& protocols) const {
  if (phase_ == Phase::empty) return !protocol_type.empty() && !protocols.empty();
  if (protocol_type_ != protocol_type) return false;
  return std::ranges::any_of(protocols, [this](const Protocol& protocol) {
    const auto found = supporters_.find(protocol.name);
    return (found == supporters_.end() ? 0 : found->second) == members_.size();
  });
}

// Every member votes for the first of its protocols that all of them support. Where the votes are equal the
// leader's order decides: it is who will use the protocol.
std::string ClassicGroup::select_protocol(const Member* member, const Described* instead) const {
  MOLDAU_ASSERT(!members_.empty());
  const auto described = [&](const Member& each) -> const Described& {
    return &each == member ? *instead : each;
  };
  std::map<std::string_view, std::size_t> supporters;
  for (const auto& [id, each] : members_)
    for (const Protocol& protocol : described(each).protocols) ++supporters[protocol.name];
  const auto vote = [&](const Member& each) {
    const auto& protocols = described(each).protocols;
    const auto found = std::ranges::find_if(
        protocols, [&](const Protocol& protocol) { return supporters[protocol.name] == members_.size(); });
    MOLDAU_ASSERT(found != protocols.end(), "every member supports what all of them do");
    return std::string_view(found->name);
  };
  std::map<std::string_view, std::size_t> votes;
  for (const auto& [id, each] : members_) ++votes[vote(each)];
  std::size_t most = 0;
  for (const auto& [protocol, count] : votes) most = std::max(most, count);
  const auto leader = members_.find(leader_);
  const Member& first = leader == members_.end() ? members_.begin()->second : leader->second;
  for (const Protocol& protocol : described(first).protocols)
    if (votes.contains(protocol.name) && votes[protocol.name] == most) return protocol.name;
  MOLDAU_UNREACHABLE("the leader supports what others have voted for");
}

std::int32_t ClassicGroup::rebalance_timeout_ms() const {
  std::int32_t longest = 0;
  for (const auto& [id, member] : members_) longest = std::max(longest, member.rebalance_timeout_ms);
  return longest;
}

void ClassicGroup::read_subscriptions() {
  subscribed_.reset();
  if (protocol_type_ != kConsumerProtocolType) return;
  std::set<std::string, std::less<>> all;
  for (const auto& [id, member] : members_) {
    if (!protocol_) return;
    auto topics = subscribed_topics(member.metadata_of(*protocol_));
    if (!topics) return;
    all.insert(std::make_move_iterator(topics->begin()), std::make_move_iterator(topics->end()));
  }
  subscribed_ = std::move(all);
}

// --- what is stored

Generation ClassicGroup::generation() const {
  Generation stored;
  stored.protocol_type = protocol_type_.value_or("");
  stored.generation = generation_;
  stored.protocol = protocol_;
  if (!leader_.empty()) stored.leader = leader_;
  stored.current_state_timestamp = phase_since_ms_.value_or(kNoTimestamp);
  for (const auto& [id, member] : members_) {
    Generation::Member& out = stored.members.emplace_back();
    out.member_id = id;
    out.group_instance_id = member.instance_id;
    out.client_id = member.client_id;
    out.client_host = member.client_host;
    out.rebalance_timeout = member.rebalance_timeout_ms;
    out.session_timeout = member.session_timeout_ms;
    out.subscription = member.metadata_of(protocol_.value_or(""));
    out.assignment = member.assignment;
  }
  return stored;
}

void ClassicGroup::replay(std::optional<Generation> generation, Offset end, Now now, Effects& effects) {
  stored_ = std::move(generation);
  stored_end_ = end;
  if (!stored_) return reset(effects);
  if (replacement_) return finish_replacement(effects, now);
  if (phase_ == Phase::completing_rebalance) take_assignments(now, effects);
}

void ClassicGroup::refused(ErrorCode code, Now now, Effects& effects) {
  if (replacement_) {
    refuse_join(replacement_->ticket, "", code, effects);
    replacement_.reset();
  } else if (phase_ == Phase::completing_rebalance) {
    end_syncs(code, now, effects);
    prepare_rebalance(now, effects);
  }
}

void ClassicGroup::loaded(Now now, Effects& effects) {
  if (!stored_) return;
  generation_ = stored_->generation;
  protocol_type_ = if_any(stored_->protocol_type);
  protocol_ = stored_->protocol;
  leader_ = stored_->leader.value_or("");
  if (stored_->current_state_timestamp != kNoTimestamp) phase_since_ms_ = stored_->current_state_timestamp;
  for (const Generation::Member& stored : stored_->members) {
    Described described;
    described.instance_id = stored.group_instance_id;
    described.client_id = stored.client_id;
    described.client_host = stored.client_host;
    described.session_timeout_ms = stored.session_timeout;
    described.rebalance_timeout_ms =
        stored.rebalance_timeout < 0 ? stored.session_timeout : stored.rebalance_timeout;
    described.protocols.push_back({protocol_.value_or(""), stored.subscription});
    Member& member = add(stored.member_id, std::move(described));
    member.assignment = stored.assignment;
    restart_session(member, now);
  }
  if (!members_.contains(leader_)) leader_ = members_.empty() ? "" : members_.begin()->first;
  phase_ = members_.empty() ? Phase::empty : Phase::stable;
  read_subscriptions();
  // The limit may have been lowered meanwhile: who rejoins last is refused.
  if (members_.size() > static_cast<std::size_t>(parts_.settings.max_size)) prepare_rebalance(now, effects);
}

// --- to and from the consumer protocol

void ClassicGroup::take_over(Now now, Effects& effects) {
  loaded(now, effects);
  if (!members_.empty() && phase_ == Phase::stable) prepare_rebalance(now, effects);
}

void ClassicGroup::reset(Effects& effects) {
  while (!members_.empty()) remove(members_.begin()->first, effects);
  pending_.clear();
  unsynced_.clear();
  deadline_.clear();
  replacement_.reset();
  phase_ = Phase::empty;
  protocol_type_.reset();
  protocol_.reset();
  subscribed_.reset();
}

void ClassicGroup::interrupt(Now now, Effects& effects) {
  for (auto& [id, member] : members_) {
    wire::JoinGroupResponse again;
    again.error_code = ErrorCode::rebalance_in_progress;
    again.member_id = id;
    answer_join(member, std::move(again), effects);
    answer_sync(member, ErrorCode::rebalance_in_progress, effects);
    restart_session(member, now);
  }
}

std::optional<ClassicGroup::Upgradable> ClassicGroup::upgradable() const {
  if (protocol_type_ != kConsumerProtocolType) return std::nullopt;
  Upgradable out{generation(), {}};
  for (Generation::Member& stored : out.generation.members) {
    const Member& member = members_.find(stored.member_id)->second;
    auto& protocols = out.protocols[stored.member_id];
    for (const Protocol& protocol : member.protocols) protocols.push_back({protocol.name, protocol.metadata});
    const auto assigned = read_assignment(stored.assignment);
    const bool known = !protocols.empty() && read_subscription(protocols.front().metadata) && assigned;
    if (!known || assigned->has_user_data) return std::nullopt;
  }
  return out;
}

// --- what is seen

bool ClassicGroup::is_subscribed_to(const std::string& topic) const {
  return subscribed_ ? subscribed_->contains(topic) : protocol_type_ == kConsumerProtocolType;
}

// KIP-211.
std::optional<TimestampMs> ClassicGroup::unneeded_since(const CommittedOffset& committed) const {
  if (!protocol_type_) return committed.commit_ms;  // nobody joins this group, it is for its offsets alone
  if (phase_ == Phase::empty) return phase_since_ms_.value_or(committed.commit_ms);
  if (phase_ == Phase::stable && subscribed_) return committed.commit_ms;
  return std::nullopt;
}

wire::DescribeGroupsResponse::Group ClassicGroup::describe() const {
  wire::DescribeGroupsResponse::Group described;
  described.group_id = id_;
  described.group_state = name_of(phase_);
  described.protocol_type = protocol_type_.value_or("");
  const bool stable = phase_ == Phase::stable;
  if (stable) described.protocol_data = protocol_.value_or("");
  for (const auto& [id, member] : members_) {
    auto& out = described.members.emplace_back();
    out.member_id = id;
    out.group_instance_id = member.instance_id;
    out.client_id = member.client_id;
    out.client_host = member.client_host;
    if (stable) out.member_metadata = member.metadata_of(protocol_.value_or(""));
    out.member_assignment = member.assignment;
  }
  return described;
}

}  // namespace moldau::group
