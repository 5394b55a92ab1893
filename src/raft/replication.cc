#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

namespace {

constexpr Duration kObserverSession = std::chrono::minutes(5);
constexpr std::size_t kMaxObservers = 10'000;

}  // namespace

// --- leader

void Raft::poll_leader(Time now) {
  if (settings_.voters.size() > 1 && now >= quorum_deadline_) return become_resigned(now);
  announce_epoch(now);
}

void Raft::announce_epoch(Time now) {
  for (const ReplicaKey& key : settings_.voters) {
    if (is_self(key)) continue;
    Replica& voter = voters_.at(key.id);
    if (now < voter.next_begin) continue;
    voter.next_begin = now + settings_.fetch_timeout / 2;
    const bool fetches = voter.last_fetch && now - *voter.last_fetch < settings_.fetch_timeout / 2;
    if (!fetches) send(key.id, BeginQuorumEpochRequest{settings_.self.id, state_.epoch, key});
  }
}

RaftError Raft::check_leader(LeaderEpoch epoch) const {
  if (epoch < state_.epoch) return RaftError::fenced_leader_epoch;
  if (epoch > state_.epoch) return RaftError::unknown_leader_epoch;
  return role_ == Role::leader ? RaftError::none : RaftError::not_leader_or_follower;
}

Raft::Replica* Raft::replica_of(const ReplicaKey& key) {
  const ReplicaKey* voter = find_voter(key.id);
  if (voter && voter->matches(key)) return is_self(key) ? nullptr : &voters_.at(key.id);
  if (key.id < 0) return nullptr;
  if (observers_.size() >= kMaxObservers && !observers_.contains(key)) return nullptr;
  return &observers_[key];
}

FetchResponse Raft::on_fetch(const FetchRequest& request, Time now) {
  FetchResponse out{
      .leader_epoch = state_.epoch, .leader_id = state_.leader_id, .high_watermark = high_watermark_};
  out.error = check_leader(request.current_leader_epoch);
  if (out.error != RaftError::none) return out;
  if (request.fetch_offset < 0 || request.last_fetched_epoch < 0 || is_self(request.replica)) {
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
  replica->last_fetch = now;
  if (voters_.contains(request.replica.id) && replica == &voters_.at(request.replica.id))
    note_voter_fetch(request.replica.id, now);
  if (out.diverging || out.snapshot) return out;
  replica->end_offset = request.fetch_offset;
  if (request.fetch_offset >= log_.end().offset) replica->last_caught_up = now;
  update_high_watermark(now);
  out.high_watermark = high_watermark_;
  return out;
}

FetchSnapshotResponse Raft::on_fetch_snapshot(const FetchSnapshotRequest& request, Time now) {
  FetchSnapshotResponse out{.leader_epoch = state_.epoch, .leader_id = state_.leader_id};
  out.error = check_leader(request.current_leader_epoch);
  out.snapshot = request.snapshot;
  out.position = request.position;
  if (out.error != RaftError::none) return out;
  if (request.position < 0) out.error = RaftError::position_out_of_range;
  if (Replica* replica = replica_of(request.replica)) {
    replica->last_fetch = now;
    if (voters_.contains(request.replica.id) && replica == &voters_.at(request.replica.id))
      note_voter_fetch(request.replica.id, now);
  }
  return out;
}

// Check-quorum: a leader that a majority does not fetch from leads nobody (RA-05).
void Raft::note_voter_fetch(NodeId voter, Time now) {
  fetched_voters_.insert(voter);
  if (fetched_voters_.size() + 1 < majority()) return;
  fetched_voters_.clear();
  quorum_deadline_ = now + settings_.fetch_timeout * 3 / 2;
}

void Raft::forget_old_observers(Time now) {
  if (observers_.size() < kMaxObservers) return;
  std::erase_if(observers_, [&](const auto& entry) {
    return entry.second.last_fetch && now - *entry.second.last_fetch > kObserverSession;
  });
}

void Raft::update_high_watermark(Time) {
  std::vector<Offset> durable = {flushed_};
  for (const auto& [id, voter] : voters_) durable.push_back(std::min(voter.end_offset, log_.end().offset));
  std::ranges::sort(durable, std::greater());
  const Offset by_majority = durable[majority() - 1];
  // Raft 5.4.2: entries of earlier epochs are committed only together with one of this epoch.
  if (by_majority > epoch_start_) raise_high_watermark(by_majority);
  if (!ready_ && high_watermark_ > epoch_start_) {
    ready_ = true;
    emit(BecameLeader{state_.epoch});
  }
}

void Raft::raise_high_watermark(Offset offset) {
  if (offset <= high_watermark_) return;
  high_watermark_ = offset;
  emit(HighWatermarkAdvanced{offset});
}

std::vector<ReplicaProgress> Raft::voter_progress() const {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> out;
  for (const ReplicaKey& key : settings_.voters) {
    if (is_self(key)) {
      out.push_back({key, log_.end().offset, {}, {}});
    } else {
      const Replica& voter = voters_.at(key.id);
      out.push_back({key, voter.end_offset, voter.last_fetch, voter.last_caught_up});
    }
  }
  return out;
}

std::vector<ReplicaProgress> Raft::observer_progress() const {
  MOLDAU_ASSERT(role_ == Role::leader);
  std::vector<ReplicaProgress> out;
  for (const auto& [key, observer] : observers_)
    out.push_back({key, observer.end_offset, observer.last_fetch, observer.last_caught_up});
  return out;
}

void Raft::on_flushed(Offset end, Time now) {
  flushed_ = std::max(flushed_, std::min(end, log_.end().offset));
  if (role_ == Role::leader) update_high_watermark(now);
  if (role_ == Role::follower) {
    raise_high_watermark(std::min(leader_high_watermark_, flushed_));
    fetch(now);
  }
}

// --- follower

void Raft::poll_follower(Time now) {
  if (now >= fetch_deadline_) {
    if (is_voter_) return become_prospective(now);
    return become_unattached(state_.epoch, now);
  }
  fetch(now);
}

void Raft::fetch(Time now) {
  if (role_ == Role::follower) fetch_from(state_.leader_id, now);
}

void Raft::fetch_from(NodeId node, Time now) {
  if (fetch_sent_ && now >= *fetch_sent_ + settings_.request_timeout) fetch_sent_.reset();
  if (fetch_sent_ || now < next_fetch_ || node == settings_.self.id) return;
  if (snapshot_) {
    if (snapshot_->complete) return;
    fetch_sent_ = now;
    return send(node, FetchSnapshotRequest{settings_.self, state_.epoch, snapshot_->id, snapshot_->position});
  }
  const OffsetAndEpoch end = log_.end();
  // The fetch offset is an acknowledgement: only what is durable may be told (RA-02).
  if (flushed_ < end.offset) return;
  fetch_sent_ = now;
  send(node, FetchRequest{settings_.self, state_.epoch, end.epoch, end.offset, high_watermark_});
}

void Raft::on_response(NodeId from, const FetchRequest& request, FetchResponse response, Time now) {
  if (!find_voter(from)) return;
  const LeaderEpoch epoch_before = state_.epoch;
  learn(response.leader_epoch, response.leader_id, now);
  if (state_.epoch != epoch_before || request.current_leader_epoch != state_.epoch) return;
  fetch_sent_.reset();
  next_fetch_ = now + (response.error == RaftError::none ? Duration(0) : settings_.retry_backoff);
  if (role_ != Role::follower || from != state_.leader_id || response.error != RaftError::none) return;
  // An answer to a fetch of before (delayed, repeated) says nothing about the log of now.
  const OffsetAndEpoch end = log_.end();
  if (request.fetch_offset != end.offset || request.last_fetched_epoch != end.epoch || snapshot_)
    return fetch(now);
  fetched_from_leader_ = true;
  fetch_deadline_ = now + settings_.fetch_timeout;
  if (response.diverging) {
    truncate_for(*response.diverging, now);
  } else if (response.snapshot) {
    next_fetch_ = response.snapshot->offset > high_watermark_ ? now : now + settings_.retry_backoff;
    if (response.snapshot->offset > high_watermark_) snapshot_ = SnapshotFetch{.id = *response.snapshot};
  } else {
    leader_high_watermark_ = std::max(leader_high_watermark_, response.high_watermark);
    raise_high_watermark(std::min(leader_high_watermark_, flushed_));
    if (size_of(response.records) > 0) return emit(AppendBatches{std::move(response.records)});
  }
  fetch(now);
}

void Raft::truncate_for(const OffsetAndEpoch& diverging, Time now) {
  const OffsetAndEpoch ours = log_.end_of_epoch(diverging.epoch);
  const Offset target = ours.epoch == diverging.epoch ? std::min(ours.offset, diverging.offset) : ours.offset;
  MOLDAU_ASSERT(target >= high_watermark_, "committed entries are never cut");
  if (target >= log_.end().offset) {  // nothing to learn from it; do not ask again at once
    next_fetch_ = now + settings_.retry_backoff;
    return;
  }
  flushed_ = std::min(flushed_, target);
  emit(Truncate{target});
  // The view of the log is that of before the truncation until the effect is done: poll() fetches on.
  next_fetch_ = now + Duration(1);
}

void Raft::on_response(NodeId from, const FetchSnapshotRequest& request, FetchSnapshotResponse response,
                       Time now) {
  if (!find_voter(from)) return;
  const LeaderEpoch epoch_before = state_.epoch;
  learn(response.leader_epoch, response.leader_id, now);
  if (state_.epoch != epoch_before || request.current_leader_epoch != state_.epoch || !snapshot_) return;
  fetch_sent_.reset();
  next_fetch_ = now;
  if (request.snapshot != snapshot_->id || request.position != snapshot_->position || snapshot_->complete)
    return;
  const auto length = static_cast<std::int64_t>(size_of(response.bytes));
  const bool fits = response.error == RaftError::none && response.snapshot == snapshot_->id &&
                    response.position == snapshot_->position && length > 0 &&
                    length <= response.size - response.position;
  if (!fits) {
    snapshot_.reset();  // the leader may have a newer one: begin with a fetch
    next_fetch_ = now + settings_.retry_backoff;
    return;
  }
  fetch_deadline_ = now + settings_.fetch_timeout;
  emit(WriteSnapshotChunk{snapshot_->id, snapshot_->position, std::move(response.bytes)});
  snapshot_->position += length;
  if (snapshot_->position == response.size) {
    snapshot_->complete = true;
    return emit(InstallSnapshot{snapshot_->id});
  }
  fetch(now);
}

void Raft::on_snapshot_installed(Time now) {
  snapshot_.reset();
  flushed_ = log_.end().offset;
  raise_high_watermark(log_.start().offset);
  next_fetch_ = now;
  fetch(now);
}

void Raft::on_request_failed(NodeId to, const Request& request, Time now) {
  const bool was_fetch =
      std::holds_alternative<FetchRequest>(request) || std::holds_alternative<FetchSnapshotRequest>(request);
  if (!was_fetch || !fetch_sent_) return;
  fetch_sent_.reset();
  next_fetch_ = now + settings_.retry_backoff;
}

}  // namespace moldau::raft
