// The active controller's side: from records to committed records.
#include <algorithm>

#include "quorum/batches.h"
#include "quorum/metadata_quorum.h"

namespace moldau::quorum {

using runtime::MonotonicTime;
using runtime::Task;

Task<bool> MetadataQuorum::reaches(Offset end_offset, MonotonicTime deadline) {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass) co_return false;
  co_return co_await applied_.reaches(executor_, end_offset, deadline);
}

Task<bool> MetadataQuorum::becomes_active(MonotonicTime deadline) {
  const runtime::Gate::Pass pass(tasks_);
  while (pass && !active_ && !failure_ && !closing_)
    if (!co_await activity_changed_.wait(deadline)) co_return active_;
  co_return active_;
}

// All that the log holds is committed and applied: an epoch begins with one control record and nothing else.
Task<void> MetadataQuorum::become_active() {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass) co_return;
  leader_image_ = *image_;
  next_offset_ = log_->end_offset().value();
  if (image_->cluster_id().empty() && !options_.bootstrap.empty()) {
    const LeaderEpoch epoch = raft_->epoch();
    if (!co_await enqueue(options_.bootstrap) || !raft_->is_ready_leader() || raft_->epoch() != epoch)
      co_return;
  }
  if (closing_ || failure_) co_return;
  active_ = true;
  activity_changed_.notify_all();
}

void MetadataQuorum::step_down() {
  active_ = false;
  fail_submissions("not the active controller any more");
}

Task<Result<Offset>> MetadataQuorum::submit(std::vector<metadata::Record> records) {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass || !active_) co_return fail(Errc::unavailable, "not the active controller");
  co_return co_await enqueue(std::move(records));
}

Task<Result<Offset>> MetadataQuorum::enqueue(std::vector<metadata::Record> records) {
  auto applied = metadata::apply_records(leader_image_, records);
  if (!applied) co_return fail(std::move(applied.error()));
  Submission submission(executor_);
  for (const metadata::Record& record : records) {
    submission.values.push_back(metadata::serialize(record));
    submission.size_bytes += submission.values.back().size();
  }
  if (submission.size_bytes > options_.max_batch_bytes)
    co_return fail(Errc::too_large, "the change takes " + std::to_string(submission.size_bytes) +
                                        " bytes of metadata records, at most " +
                                        std::to_string(options_.max_batch_bytes) + " are allowed");
  if (pending_bytes_ + submission.size_bytes > options_.max_pending_bytes)
    co_return fail(Errc::too_large, "too many changes are waiting to be written");
  leader_image_ = std::move(applied->image);
  next_offset_ += static_cast<Offset>(records.size());
  submission.end_offset = next_offset_;
  pending_bytes_ += submission.size_bytes;
  if (pending_.empty()) first_pending_ = now();
  pending_.push_back(&submission);
  wake_.notify_all();
  co_await submission.done.wait();
  co_return std::move(submission.outcome);
}

bool MetadataQuorum::can_write() const { return now() >= write_time(); }

// When the linger of what is pending ends.
raft::Time MetadataQuorum::write_time() const {
  const bool writes = !pending_.empty() && !flushing_ && !flushed_ && raft_->is_ready_leader();
  return writes ? first_pending_ + options_.append_linger : raft::Time::max();
}

// One batch of as many submissions as fit.
Task<Status> MetadataQuorum::write_pending(raft::Time patience) {
  std::vector<Slice> values;
  std::size_t size_bytes = 0;
  while (!pending_.empty() && size_bytes + pending_.front()->size_bytes <= options_.max_batch_bytes) {
    Submission* const next = pending_.front();
    pending_.pop_front();
    std::ranges::move(next->values, std::back_inserter(values));
    size_bytes += next->size_bytes;
    appended_.push_back(next);
  }
  pending_bytes_ -= size_bytes;
  if (values.empty()) {
    answer_committed();
    co_return Status();
  }
  const Offset base = log_->end_offset().value();
  const LeaderEpoch epoch = raft_->epoch();
  CO_TRY(co_await append_as_leader(data_batch(values, base, epoch, wall_ms()), epoch, patience));
  MOLDAU_ASSERT(appended_.empty() || log_->end_offset().value() == appended_.back()->end_offset,
                "records have the offsets that were promised");
  co_return Status();
}

Task<Status> MetadataQuorum::write_or_resign() {
  Status status = co_await write_pending(room_patience());
  if (status || !passes(status.error().code) || leaving_) co_return status;
  raft_->resign(now());
  co_await carry_out();  // and whoever waits for what was not written is told
  co_return Status();
}

void MetadataQuorum::answer_committed() {
  while (!appended_.empty() && appended_.front()->end_offset <= image_->end_offset()) {
    Submission* const committed = appended_.front();
    appended_.pop_front();
    committed->outcome = committed->end_offset;
    committed->done.fire();
  }
}

void MetadataQuorum::fail_submissions(const std::string& why) {
  for (auto* queue : {&appended_, &pending_}) {
    for (Submission* submission : std::exchange(*queue, {})) {
      submission->outcome = fail(Errc::unavailable, why);
      submission->done.fire();
    }
  }
  pending_bytes_ = 0;
}

QuorumDescription MetadataQuorum::describe() const {
  MOLDAU_ASSERT(raft_->role() == raft::Role::leader);
  const TimestampMs wall = wall_ms();
  const auto wall_of = [&](std::optional<raft::Time> time) {
    if (!time) return kNoTimestamp;
    return wall - std::chrono::duration_cast<std::chrono::milliseconds>(now() - *time).count();
  };
  const auto described = [&](const raft::ReplicaProgress& replica) {
    const bool self = replica.key.id == options_.self.id;
    return ReplicaDescription{replica.key, replica.end_offset, self ? wall : wall_of(replica.last_fetch),
                              self ? wall : wall_of(replica.last_caught_up)};
  };
  QuorumDescription out{raft_->leader_id(), raft_->epoch(), raft_->high_watermark(), {}, {}, {}};
  std::ranges::transform(raft_->voter_progress(), std::back_inserter(out.voters), described);
  std::ranges::transform(raft_->observer_progress(now()), std::back_inserter(out.observers), described);
  for (const raft::Voter& voter : raft_->voters()) out.nodes.push_back({voter.key.id, voter.endpoints});
  return out;
}

}  // namespace moldau::quorum
