#include "storage/first_lap.h"

#include <algorithm>

namespace moldau::storage {

namespace {

constexpr runtime::Duration kRetryInterval = std::chrono::seconds(1);
constexpr std::uint64_t kPrewriteStepsAhead = 2;

}  // namespace

FirstLap::FirstLap(runtime::Executor& executor, runtime::BlockingPool& pool,
                   std::shared_ptr<CommitLogRing> ring, std::uint64_t reserved, Options options)
    : executor_(executor), pool_(pool), ring_(std::move(ring)), options_(options), reserved_(reserved) {}

void FirstLap::stop() {
  on_progress_ = [] {};
  on_failure_ = [](const Error&) {};
}

Status FirstLap::require(Position end) {
  const std::uint64_t wanted = std::min<std::uint64_t>(static_cast<std::uint64_t>(end), ring_->capacity());
  if (wanted <= reserved_) return {};
  reserve_more();
  if (refusal_) return fail(*refusal_);
  return fail(Errc::unavailable, ring_->path() + " is being extended");
}

void FirstLap::keep_ahead(Position end) {
  if (reserved_ < ring_->capacity() && static_cast<std::uint64_t>(end) + options_.reserve_step > reserved_) {
    reserve_more();
  }
  prewrite_more(end);
}

void FirstLap::reserve_more() {
  if (reserving_ || reserved_ >= ring_->capacity() || executor_.now() < retry_at_) return;
  reserving_ = true;
  const std::uint64_t to = std::min(reserved_ + options_.reserve_step, ring_->capacity());
  auto status = std::make_shared<Status>();
  pool_.submit(
      runtime::Lane::background, executor_,
      [ring = ring_, status, from = reserved_, to] { *status = ring->reserve(from, to); },
      [weak = weak_from_this(), status, to] {
        if (const auto self = weak.lock()) self->reserved(std::move(*status), to);
      });
}

void FirstLap::reserved(Status status, std::uint64_t to) {
  reserving_ = false;
  // Without the means to reserve there is only the write itself to find out.
  if (!status && status.error().code == Errc::unsupported) status = {};
  if (status) {
    reserved_ = to;
    refusal_.reset();
  } else {
    refusal_ = std::move(status).error();
    retry_at_ = executor_.now() + kRetryInterval;
  }
  on_progress_();
}

void FirstLap::prewrite_more(Position end) {
  const auto behind = std::max(prewritten_, static_cast<std::uint64_t>(end));
  const std::uint64_t to = std::min(behind + options_.prewrite_step, reserved_);
  const bool enough =
      prewritten_ >= static_cast<std::uint64_t>(end) + kPrewriteStepsAhead * options_.prewrite_step;
  if (zeroing_from_ || enough || behind >= to) return;
  zeroing_from_ = static_cast<Position>(behind);
  auto status = std::make_shared<Status>();
  pool_.submit(
      runtime::Lane::background, executor_,
      [ring = ring_, status, from = behind, to] {
        *status = ring->write_zeros(static_cast<Position>(from), to - from);
        // A failure of this sync may be the only report of another write's loss: it counts as one.
        if (*status) *status = ring->sync();
      },
      [weak = weak_from_this(), status, to] {
        if (const auto self = weak.lock()) self->prewritten(std::move(*status), to);
      });
}

void FirstLap::prewritten(Status status, std::uint64_t to) {
  zeroing_from_.reset();
  prewritten_ = to;
  if (!status && status.error().code != Errc::no_space) on_failure_(std::move(status).error());
  on_progress_();
}

}  // namespace moldau::storage
