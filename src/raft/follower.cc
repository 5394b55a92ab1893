#include <algorithm>

#include "raft/raft.h"

namespace moldau::raft {

void Raft::on_flushed(Offset end, Time now) {
  flushed_ = std::max(flushed_, std::min(end, log_.end().offset));
  if (role_ == Role::leader) update_high_watermark(now);
  if (role_ == Role::follower) {
    raise_high_watermark(std::min(leader_high_watermark_, flushed_));
    fetch(now);
  }
}

void Raft::poll_follower(Time now) {
  if (now >= fetch_deadline_) return lose_leader(now);
  fetch(now);
}

// Any voter knows who leads, or will: its answer to a fetch says so. They are asked in turn, ever more
// slowly.
void Raft::look_for_leader(Time now) {
  std::vector<NodeId> whom;
  for (const Voter& voter : voters())
    if (!is_self(voter.key)) whom.push_back(voter.key.id);
  for (std::size_t i = 0; i < settings_.bootstrap_servers; ++i) whom.push_back(bootstrap_node(i));
  if (whom.empty() || !may_fetch(now)) return;
  const NodeId asked = whom[next_asked_++ % whom.size()];
  fetch_from(asked, now);
}

void Raft::fetch(Time now) {
  if (role_ == Role::follower && may_fetch(now)) fetch_from(state_.leader_id, now);
}

bool Raft::may_fetch(Time now) {
  if (fetch_sent_ && now >= *fetch_sent_ + settings_.request_timeout) fetch_sent_.reset();
  return now >= next_fetch_deadline();
}

// When the next fetch may be sent, as far as time decides.
Time Raft::next_fetch_deadline() const {
  if (role_ == Role::unattached && settings_.bootstrap_servers == 0 &&
      voters().size() == (voters().contains(settings_.self.id) ? 1 : 0))
    return Time::max();  // there is nobody to ask
  if (fetch_sent_) return *fetch_sent_ + settings_.request_timeout;
  if (snapshot_) return snapshot_->complete ? Time::max() : next_fetch_;
  // The fetch offset is an acknowledgement: only what is durable may be told (RA-02). on_flushed() goes on.
  return flushed_ < log_.end().offset ? Time::max() : next_fetch_;
}

void Raft::fetch_from(NodeId node, Time now) {
  fetch_sent_ = now;
  if (snapshot_)
    return send(node, FetchSnapshotRequest{settings_.self, state_.epoch, snapshot_->id, snapshot_->position});
  const OffsetAndEpoch end = log_.end();
  send(node, FetchRequest{settings_.self, state_.epoch, end.epoch, end.offset, high_watermark_});
}

void Raft::on_response(NodeId from, const FetchRequest& request, FetchResponse response, Time now) {
  const LeaderEpoch epoch_before = state_.epoch;
  const NodeId leader_before = state_.leader_id;
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
  if (state_.epoch != epoch_before || state_.leader_id != leader_before ||
      request.current_leader_epoch != state_.epoch)
    return;
  if (role_ == Role::follower && from != state_.leader_id) return;  // asked before it knew the leader
  fetch_sent_.reset();
  next_fetch_ = now + (response.error == RaftError::none ? Duration(0) : settings_.retry_backoff);
  if (role_ == Role::unattached) {
    next_fetch_ = now + ask_backoff_;
    ask_backoff_ = std::min(ask_backoff_ * 2, settings_.election_timeout);
  }
  if (role_ != Role::follower) return;
  if (response.error == RaftError::not_leader_or_follower && response.leader_epoch == state_.epoch &&
      fetched_from_leader_) {
    // It has resigned, or begun anew: whoever is elected next, it is not worth waiting for.
    const auto most = static_cast<std::uint64_t>(settings_.election_backoff_max.count() / 8 + 1);
    leader_has_resigned(now + Duration(random_.below(most)));
  }
  if (response.error != RaftError::none) return;
  // An answer to a fetch of before (delayed, repeated) says nothing about the log of now.
  const OffsetAndEpoch end = log_.end();
  if (request.fetch_offset != end.offset || request.last_fetched_epoch != end.epoch || snapshot_)
    return fetch(now);
  refusals_ = 0;
  if (!std::exchange(answer_in_doubt_, false)) resigned_epoch_ = kNoEpoch;
  if (state_.epoch != resigned_epoch_) {
    fetched_from_leader_ = true;
    fetch_deadline_ = now + settings_.fetch_timeout;
  }
  if (response.diverging) {
    truncate_for(*response.diverging, now);
  } else if (response.snapshot) {
    next_fetch_ = response.snapshot->offset > high_watermark_ ? now : now + settings_.retry_backoff;
    if (response.snapshot->offset > high_watermark_) snapshot_ = SnapshotFetch{.id = *response.snapshot};
  } else {
    leader_high_watermark_ = std::max(leader_high_watermark_, response.high_watermark);
    raise_high_watermark(std::min(leader_high_watermark_, flushed_));
    if (size_of(response.records) > 0) return emit(AppendBatches{std::move(response.records)});
    ask_for_membership(now);
  }
  fetch(now);
}

void Raft::truncate_for(const OffsetAndEpoch& diverging, Time now) {
  const OffsetAndEpoch ours = log_.end_of_epoch(diverging.epoch);
  Offset target = ours.epoch == diverging.epoch ? std::min(ours.offset, diverging.offset) : ours.offset;
  if (!settings_.rules.keeps_what_is_committed) target = log_.start().offset;
  MOLDAU_ASSERT(target >= high_watermark_ || !settings_.rules.keeps_what_is_committed,
                "committed entries are never cut");
  if (target >= log_.end().offset) {  // nothing to learn from it; do not ask again at once
    next_fetch_ = now + settings_.retry_backoff;
    return;
  }
  flushed_ = std::min(flushed_, target);
  emit(Truncate{target});
  history_.truncate(target);
  // The view of the log is that of before the truncation until the effect is done: poll() fetches on.
  next_fetch_ = now + Duration(1);
}

void Raft::on_response(NodeId from, const FetchSnapshotRequest& request, FetchSnapshotResponse response,
                       Time now) {
  const LeaderEpoch epoch_before = state_.epoch;
  learn(response.leader_epoch, response.leader_id, response.leader_endpoint, now);
  if (state_.epoch != epoch_before || request.current_leader_epoch != state_.epoch || !snapshot_ ||
      from != state_.leader_id)
    return;
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

void Raft::on_records_refused(Time now) { next_fetch_ = now + 10 * settings_.retry_backoff; }

void Raft::on_snapshot_refused(Time now) {
  snapshot_.reset();
  next_fetch_ = now + 10 * settings_.retry_backoff;
}

void Raft::on_snapshot_installed(const Configuration& configuration, Time now) {
  snapshot_.reset();
  flushed_ = log_.end().offset;
  history_.install(log_.start().offset, configuration);
  raise_high_watermark(log_.start().offset);
  next_fetch_ = now;
  fetch(now);
}

}  // namespace moldau::raft
