#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

namespace {

constexpr Duration kObserverSession = std::chrono::minutes(5);
constexpr std::size_t kMaxObservers = 10'000;

}  // namespace

void Raft::poll_leader(Time now) {
  if (settings_.rules.resigns_without_majority && !is_only_voter() && now >= quorum_deadline_)
    return become_resigned(now);
  if (change_ && now >= change_->deadline)
    end_change(change_->id, RaftError::request_timed_out,
               change_->joining ? "The new voter " + change_->joining->key.to_string() +
                                      " has not caught up with the leader's log in time"
                                : "The change was not committed in time; it may still take effect");
  announce_epoch(now);
}

void Raft::announce_epoch(Time now) {
  for (const Voter& voter : voters()) {
    if (is_self(voter.key)) continue;
    Replica& replica = voters_.at(voter.key.id);
    if (now < replica.next_begin) continue;
    replica.next_begin = now + settings_.fetch_timeout / 2;
    const bool fetches = replica.last_fetch && now - *replica.last_fetch < settings_.fetch_timeout / 2;
    if (!fetches)
      send(voter.key.id,
           BeginQuorumEpochRequest{settings_.self.id, state_.epoch, voter.key, settings_.self_endpoints});
  }
}

RaftError Raft::check_leader(LeaderEpoch epoch) const {
  if (epoch < state_.epoch) return RaftError::fenced_leader_epoch;
  if (epoch > state_.epoch) return RaftError::unknown_leader_epoch;
  return role_ == Role::leader ? RaftError::none : RaftError::not_leader_or_follower;
}

Raft::Replica* Raft::replica_of(const ReplicaKey& key) {
  if (voters().contains(key)) return is_self(key) ? nullptr : &voters_.at(key.id);
  if (key.id < 0) return nullptr;
  if (observers_.size() >= kMaxObservers && !observers_.contains(key)) return nullptr;
  return &observers_[key];
}

FetchResponse Raft::on_fetch(const FetchRequest& request, Time now) {
  FetchResponse out{
      .leader_epoch = state_.epoch, .leader_id = state_.leader_id, .high_watermark = high_watermark_};
  out.leader_endpoint = leader_endpoint();
  out.error = check_leader(request.current_leader_epoch);
  if (out.error != RaftError::none) return out;
  const bool is_this = request.replica.id == settings_.self.id && settings_.self.matches(request.replica);
  if (request.fetch_offset < 0 || request.last_fetched_epoch < 0 || is_this) {
    out.error = RaftError::invalid_request;
    return out;
  }
  const OffsetAndEpoch start = log_.start();
  if (request.fetch_offset < start.offset || (start.offset > 0 && request.last_fetched_epoch < start.epoch)) {
    out.snapshot = log_.latest_snapshot();
    MOLDAU_ASSERT(out.snapshot && out.snapshot->offset >= start.offset, "a log starts at a snapshot");
  } else if (request.fetch_offset > 0) {
    const OffsetAndEpoch end = log_.end_of_epoch(request.last_fetched_epoch);
    if (end.epoch != request.last_fetched_epoch || end.offset < request.fetch_offset) out.diverging = end;
  }
  Replica* replica = replica_of(request.replica);
  if (!replica) return out;
  forget_old_observers(now);
  const std::optional<Time> before = replica->last_fetch;
  note_fetch(*replica, request.replica, now);
  if (out.diverging || out.snapshot) return out;
  replica->end_offset = request.fetch_offset;
  if (request.fetch_offset >= log_.end().offset) {
    replica->last_caught_up = now;
  } else if (before && request.fetch_offset >= replica->leader_end) {
    replica->last_caught_up = before;  // it has what there was when it fetched before
  }
  replica->leader_end = log_.end().offset;
  update_high_watermark(now);
  if (role_ == Role::leader) go_on_with_change(now);
  out.high_watermark = high_watermark_;
  return out;
}

FetchSnapshotResponse Raft::on_fetch_snapshot(const FetchSnapshotRequest& request, Time now) {
  FetchSnapshotResponse out{.leader_epoch = state_.epoch, .leader_id = state_.leader_id};
  out.leader_endpoint = leader_endpoint();
  out.error = check_leader(request.current_leader_epoch);
  out.snapshot = request.snapshot;
  out.position = request.position;
  if (out.error != RaftError::none) return out;
  if (request.position < 0) out.error = RaftError::position_out_of_range;
  if (Replica* replica = replica_of(request.replica)) note_fetch(*replica, request.replica, now);
  return out;
}

// Check-quorum: a leader that a majority does not fetch from leads nobody (RA-05).
void Raft::note_fetch(Replica& replica, const ReplicaKey& key, Time now) {
  replica.last_fetch = now;
  if (!voters().contains(key)) return;
  fetched_voters_.insert(key.id);
  if (fetched_voters_.size() + (is_voter() ? 1 : 0) < majority()) return;
  fetched_voters_.clear();
  quorum_deadline_ = now + settings_.fetch_timeout * 3 / 2;
}

void Raft::forget_old_observers(Time now) {
  if (observers_.size() < kMaxObservers) return;
  std::erase_if(observers_, [&](const auto& entry) {
    return entry.second.last_fetch && now - *entry.second.last_fetch > kObserverSession;
  });
}

void Raft::update_high_watermark(Time now) {
  std::vector<Offset> durable;
  if (is_voter()) durable.push_back(flushed_);
  for (const auto& [id, voter] : voters_) durable.push_back(std::min(voter.end_offset, log_.end().offset));
  std::ranges::sort(durable, std::greater());
  const Offset by_majority = durable[majority() - 1];
  // Raft 5.4.2: entries of earlier epochs are committed only together with one of this epoch.
  if (by_majority > epoch_start_ || !settings_.rules.commits_through_own_epoch)
    raise_high_watermark(by_majority);
  if (!ready_ && high_watermark_ > epoch_start_) {
    ready_ = true;
    emit(BecameLeader{state_.epoch});
  }
  if (ready_) check_removed(now);
}

// A leader that is no voter any more has led until that was committed, and goes (RA-14).
void Raft::check_removed(Time now) {
  const bool settled = high_watermark_ > history_.voters_offset();
  if (settled && change_ && change_->offset != kNoOffset && change_->offset < high_watermark_)
    end_change(change_->id, RaftError::none);
  if (settled && !is_voter()) return become_resigned(now);
  if (settled) update_self(now);
}

void Raft::raise_high_watermark(Offset offset) {
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  emit(HighWatermarkAdvanced{offset});
}

std::vector<ReplicaProgress> Raft::voter_progress() const {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> out;
  for (const ReplicaKey& key : voters().keys()) {
    if (is_self(key)) {
      out.push_back({key, log_.end().offset, {}, {}});
    } else {
      const Replica& voter = voters_.at(key.id);
      out.push_back({key, voter.end_offset, voter.last_fetch, voter.last_caught_up});
    }
  }
  return out;
}

std::vector<ReplicaProgress> Raft::observer_progress(Time now) const {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> out;
  for (const auto& [key, observer] : observers_)
    if (observer.last_fetch && now - *observer.last_fetch <= kObserverSession)
      out.push_back({key, observer.end_offset, observer.last_fetch, observer.last_caught_up});
  return out;
}

}  // namespace moldau::raft
