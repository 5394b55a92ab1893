// The loop between the Raft core and the world.
#include "quorum/batches.h"
#include "quorum/metadata_quorum.h"
#include "quorum/voter_records.h"

namespace moldau::quorum {

using runtime::MonotonicTime;
using runtime::Task;

Task<void> MetadataQuorum::drive() {
  while (!closing_ && !failure_) {
    runtime::OneShot* done = inputs_.empty() || flushed_ ? nullptr : inputs_.front().done;
    bool* carried_out = done ? inputs_.front().carried_out : nullptr;
    if (next_input()) {
      co_await carry_out();
      if (!done) continue;
      *carried_out = !failure_;
      done->fire();
    } else if (can_write()) {
      if (Status status = co_await write_or_resign(); !status) fail_with(std::move(status.error()));
    } else {
      if (snapshot_is_due()) snapshot_in_background().detach();
      co_await wake_.wait(MonotonicTime(wake_up_time()));
    }
  }
  drop_inputs();
  fail_submissions(failure_ ? failure_->message : "the node is closing");
  drive_ended_.fire();
}

raft::Time MetadataQuorum::wake_up_time() const {
  return std::min({raft_->deadline(), snapshot_time(), write_time()});
}

// Gives the core what is there for it, most urgent first; false when there is nothing.
bool MetadataQuorum::next_input() {
  if (flushed_) {
    raft_->on_flushed(*std::exchange(flushed_, std::nullopt), now());
  } else if (!inputs_.empty()) {
    const Input input = std::move(inputs_.front());
    inputs_.pop_front();
    input.run();
  } else if (now() >= raft_->deadline()) {
    raft_->poll(now());
  } else {
    return false;
  }
  return true;
}

void MetadataQuorum::post_input(std::function<void()> input) {
  inputs_.push_back({std::move(input)});
  wake_.notify_all();
}

// False when the effects were not carried out: closing, or failed.
Task<bool> MetadataQuorum::run_input(std::function<void()> input) {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass || closing_ || failure_) co_return false;
  runtime::OneShot done(executor_);
  bool carried_out = false;
  inputs_.push_back({std::move(input), &done, &carried_out});
  wake_.notify_all();
  co_await done.wait();
  co_return carried_out;
}

void MetadataQuorum::drop_inputs() {
  for (const Input& input : std::exchange(inputs_, {}))
    if (input.done) input.done->fire();
  for (const auto& [id, change] : std::exchange(changes_, {})) change->done.fire();
}

namespace {

// A state that a later one replaces before anything could depend on it need not be written.
bool superseded(const std::vector<raft::Effect>& effects, std::size_t at) {
  if (!std::holds_alternative<raft::PersistQuorumState>(effects[at])) return false;
  for (std::size_t i = at + 1; i < effects.size(); ++i) {
    if (std::holds_alternative<raft::PersistQuorumState>(effects[i])) return true;
    if (!std::holds_alternative<raft::LeaderChanged>(effects[i])) return false;
  }
  return false;
}

}  // namespace

Task<void> MetadataQuorum::carry_out() {
  for (;;) {
    std::vector<raft::Effect> effects = raft_->take_effects();
    if (effects.empty()) co_return;
    for (std::size_t i = 0; i < effects.size(); ++i) {
      if (superseded(effects, i)) continue;
      if (Status status = co_await carry_out(std::move(effects[i])); !status)
        fail_with(std::move(status.error()));
      if (failure_) co_return;
    }
  }
}

Task<Status> MetadataQuorum::carry_out(raft::Effect effect) {
  if (auto* state = std::get_if<raft::PersistQuorumState>(&effect)) co_return co_await persist(state->state);
  if (auto* sent = std::get_if<raft::Send>(&effect)) {
    if (transport_) call(sent->to, std::move(sent->request)).detach();
  } else if (auto* opening = std::get_if<raft::AppendLeaderChange>(&effect)) {
    co_return co_await append_as_leader(leader_change_batch(*opening, wall_ms()), opening->epoch);
  } else if (auto* version = std::get_if<raft::AppendKraftVersion>(&effect)) {
    co_return co_await append_voter_record(kraft_version_batch(version->version, version->epoch, wall_ms()),
                                           version->epoch);
  } else if (auto* appended = std::get_if<raft::AppendVoters>(&effect)) {
    co_return co_await append_voter_record(voters_batch(appended->voters, appended->epoch, wall_ms()),
                                           appended->epoch);
  } else if (auto* batches = std::get_if<raft::AppendBatches>(&effect)) {
    co_return co_await append_as_follower(joined(batches->batches));
  } else if (auto* truncation = std::get_if<raft::Truncate>(&effect)) {
    co_return co_await truncate(truncation->offset);
  } else if (auto* chunk = std::get_if<raft::WriteSnapshotChunk>(&effect)) {
    co_return co_await write_snapshot_chunk(std::move(*chunk));
  } else if (auto* install = std::get_if<raft::InstallSnapshot>(&effect)) {
    co_return co_await install_snapshot(install->snapshot);
  } else if (auto* advanced = std::get_if<raft::HighWatermarkAdvanced>(&effect)) {
    CO_TRY(co_await apply_to(advanced->offset));
    answer_committed();
    progress_.notify_all();
  } else if (std::holds_alternative<raft::BecameLeader>(effect)) {
    become_active().detach();
  } else if (auto* changed = std::get_if<raft::LeaderChanged>(&effect)) {
    if (changed->leader_id != options_.self.id) step_down();
    progress_.notify_all();  // fetches that are held here go elsewhere
  } else if (auto* ended = std::get_if<raft::VoterChangeEnded>(&effect)) {
    answer_change(std::move(*ended));
  }
  co_return Status();
}

void MetadataQuorum::fail_with(Error error) {
  if (failure_) return;
  failure_ = std::move(error);
  fail_submissions(failure_->message);
  step_down();
  applied_.close();
  activity_changed_.notify_all();
  progress_.notify_all();
  wake_.notify_all();
  if (on_failure_) on_failure_(*failure_);
}

}  // namespace moldau::quorum
