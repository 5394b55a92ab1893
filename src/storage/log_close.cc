// Closing a log, alone or together with many.
#include "storage/log.h"

namespace moldau::storage {

using runtime::Lane;
using runtime::Task;

Task<Status> Log::close() {
  if (std::exchange(closed_, true)) co_return Status();
  co_await wait_until_durable();
  co_await changes_.acquire(1);
  Status status = co_await flush_locked(true);
  changes_.release(1);
  co_await let_go();
  co_return status;
}

// What was appended becomes durable, or the commit log fails, without anybody's help.
Task<void> Log::wait_until_durable() {
  if (!tail_.empty()) co_await durable_end_offset_.reaches(context_.executor, end_offset_.value());
}

Task<void> Log::let_go() {
  end_offset_.close();
  close_durable_end();
  co_await gate_.close();
  for (const SegmentPtr& segment : segments_) segment->file = nullptr;
  leave_commit_log();
}

void Log::leave_commit_log() {
  if (context_.commit_log) context_.commit_log->leave(*this);
}

Task<void> Log::write_closing() {
  MOLDAU_ASSERT(!closed_, "a log is closed once");
  closed_ = true;
  closing_ = std::make_unique<Closing>();
  co_await wait_until_durable();
  co_await changes_.acquire(1);
  closing_->status = co_await write_unsynced();
}

Task<Status> Log::write_unsynced() {
  if (poison_) co_return fail(*poison_);
  if (nothing_says_where_it_starts()) CO_TRY(co_await name_start());
  if (!segments_.empty() && active().indexes_loaded) active().indexes.finish();
  FlushPlan& plan = closing_->plan = plan_flush(true);
  plan.job.syncs_later = true;
  FlushOutcome outcome = co_await context_.pool.run(Lane::background, context_.executor,
                                                    [&] { return run(context_.disk, plan.job); });
  if (!outcome.status && !outcome.may_retry) poison(outcome.status.error());
  co_return std::move(outcome.status);
}

Task<void> Log::name_closing() {
  if (!closing_->status || closing_->plan.job.unpublished.empty()) co_return;
  closing_->status = co_await context_.pool.run(Lane::background, context_.executor,
                                                [&] { return publish(context_.disk, closing_->plan.job); });
  if (!closing_->status) poison(closing_->status.error());
}

void Log::settle_closing(const Status& synced) {
  if (closing_->status && !synced) {
    closing_->status = synced;
    poison(synced.error());
  }
  if (!closing_->status) return;
  epochs_dirty_ = epochs_dirty_ && !closing_->plan.job.epochs;
  apply(closing_->plan);
}

Task<Status> Log::end_closing(Status saved) {
  const auto closing = std::exchange(closing_, nullptr);
  Status status = std::move(closing->status);
  if (status && !saved) status = std::move(saved);
  if (status && context_.commit_log != nullptr && closing->plan.clean_up_to > given_back_) {
    given_back_ = closing->plan.clean_up_to;
    context_.commit_log->clean(identity_.id(), given_back_);
  }
  changes_.release(1);
  co_await let_go();
  co_return status;
}

}  // namespace moldau::storage
