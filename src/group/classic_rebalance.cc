// From one generation to the next: members join, the generation begins, members sync or are missed.
#include <algorithm>
#include <limits>

#include "group/classic_group.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

// Between two looks for somebody who could lead, whatever members say of their patience.
constexpr Duration kLeastWait = std::chrono::seconds(1);

}  // namespace

void ClassicGroup::rebalance_or_complete(Now now, Effects& effects) {
  if (phase_ == Phase::preparing_rebalance) {
    complete_join_if_all_joined(now, effects);
  } else {
    prepare_rebalance(now, effects);
  }
}

void ClassicGroup::prepare_rebalance(Now now, Effects& effects) {
  if (phase_ == Phase::completing_rebalance) end_syncs(ErrorCode::rebalance_in_progress, now, effects);
  unsynced_.clear();
  deadline_.clear();
  initial_ = phase_ == Phase::empty;
  set_phase(Phase::preparing_rebalance, now);
  const Duration timeout = milliseconds(rebalance_timeout_ms());
  if (initial_) {
    // Consumers are mostly started together: the first waits for the others, not all for each (KIP-134).
    someone_came_ = false;
    delay_ = parts_.settings.initial_rebalance_delay;
    delay_left_ = std::max(timeout - delay_, Duration::zero());
    deadline_.set(now.monotonic + delay_);
  } else if (all_joined()) {
    complete_join(now, effects);
  } else {
    deadline_.set(now.monotonic + timeout);
  }
}

void ClassicGroup::extend_or_complete_initial_rebalance(Now now, Effects& effects) {
  if (!someone_came_ || delay_left_ == Duration::zero()) return complete_join(now, effects);
  someone_came_ = false;
  const Duration next = std::min(parts_.settings.initial_rebalance_delay, delay_left_);
  delay_left_ = std::max(delay_left_ - delay_, Duration::zero());
  delay_ = next;
  deadline_.set(now.monotonic + delay_);
}

void ClassicGroup::complete_join_if_all_joined(Now now, Effects& effects) {
  if (phase_ == Phase::preparing_rebalance && !initial_ && all_joined()) complete_join(now, effects);
}

// Static members may be away for as long as their session lasts.
void ClassicGroup::complete_join(Now now, Effects& effects) {
  deadline_.clear();
  std::vector<std::string> missing;
  for (const auto& [id, member] : members_)
    if (!member.joining && !member.instance_id) missing.push_back(id);
  for (std::string& id : missing) remove(std::move(id), effects);
  if (!members_.empty() && !elect_joined_leader()) {
    // There is nobody to begin a generation with: until one comes, or the sessions of all have ended.
    deadline_.set(now.monotonic + std::max(milliseconds(rebalance_timeout_ms()), kLeastWait));
    return;
  }
  next_generation(now);
  if (phase_ == Phase::empty) {
    effects.records.push_back(GenerationRecord{id_, generation()});
    return;
  }
  for (auto& [id, member] : members_) {
    wire::JoinGroupResponse response = current_generation(id);
    if (is_leader(id)) response.members = member_list();
    answer_join(member, std::move(response), effects);
    restart_session(member, now);
    member.is_new = false;
    unsynced_.insert(id);
  }
  deadline_.set(now.monotonic + milliseconds(rebalance_timeout_ms()));
}

bool ClassicGroup::elect_joined_leader() {
  if (find(leader_)->joining) return true;
  const auto joined =
      std::ranges::find_if(members_, [](const auto& each) { return each.second.joining.has_value(); });
  if (joined == members_.end()) return false;
  leader_ = joined->first;
  return true;
}

void ClassicGroup::next_generation(Now now) {
  generation_ = generation_ == std::numeric_limits<std::int32_t>::max() ? 1 : generation_ + 1;
  protocol_.reset();
  if (!members_.empty()) protocol_ = select_protocol();
  read_subscriptions();
  set_phase(members_.empty() ? Phase::empty : Phase::completing_rebalance, now);
}

// --- time

void ClassicGroup::on_timer(const std::string& member, Now now, Effects& effects) {
  if (!member.empty()) return expire_session(member, now, effects);
  if (phase_ != Phase::preparing_rebalance) return expire_unsynced(now, effects);
  if (initial_) return extend_or_complete_initial_rebalance(now, effects);
  complete_join(now, effects);
}

void ClassicGroup::expire_unsynced(Now now, Effects& effects) {
  if (unsynced_.empty()) return;
  const auto missing = std::move(unsynced_);
  unsynced_.clear();
  for (const std::string& id : missing) remove(id, effects);
  prepare_rebalance(now, effects);
}

void ClassicGroup::expire_session(const std::string& id, Now now, Effects& effects) {
  if (pending_.erase(id) == 0) {
    // One that waits for our answer is alive, however long that takes; but see Member::is_new.
    const Member* member = find(id);
    if (member == nullptr || (!member->is_new && (member->joining || member->syncing))) return;
    remove(id, effects);
    if (phase_ == Phase::stable || phase_ == Phase::completing_rebalance)
      return prepare_rebalance(now, effects);
  }
  if (phase_ == Phase::preparing_rebalance && all_joined()) complete_join(now, effects);
}

}  // namespace moldau::group
