#include "quorum/reserve.h"

#include <algorithm>
#include <utility>

#include "telemetry/log.h"

namespace moldau::quorum {

using runtime::OpenMode;
using runtime::Task;

Reserve::Reserve(runtime::World& world, runtime::Executor& executor, std::string path,
                 std::uint64_t size_bytes)
    : world_(world),
      executor_(executor),
      path_(std::move(path)),
      full_bytes_(size_bytes / kBlock * kBlock),
      changed_(executor) {}

Task<void> Reserve::fill() {
  if (!is_full()) (void)co_await change(&Reserve::grow);
}

Task<bool> Reserve::give() {
  if (full_bytes_ == 0) co_return false;
  co_return co_await change(&Reserve::shrink);
}

// Whether the file has another size by it.
Task<bool> Reserve::change(Result<std::uint64_t> (Reserve::*work)()) {
  while (changing_) co_await changed_.wait();
  changing_ = true;
  const Result<std::uint64_t> size = co_await world_.pool().run(runtime::Lane::background, executor_,
                                                                [this, work] { return (this->*work)(); });
  changing_ = false;
  changed_.notify_all();
  if (size) co_return std::exchange(size_bytes_, *size) != *size;
  const Errc code = size.error().code;
  const bool passes = code == Errc::no_space || code == Errc::no_descriptors;
  if (!passes && full_bytes_ > 0) {
    telemetry::log_warn("quorum", "no room can be reserved for the metadata log", {{"error", size.error()}});
    full_bytes_ = 0;
  }
  co_return false;
}

// Also over what the file has: one that was copied may have lost its blocks.
Result<std::uint64_t> Reserve::grow() {
  ASSIGN_OR_RETURN(const auto file, world_.disk().open(path_, OpenMode::create));
  ASSIGN_OR_RETURN(std::uint64_t size, file->size());
  if (size > full_bytes_) {
    TRY(file->truncate(full_bytes_));
    size = full_bytes_;
  }
  ASSIGN_OR_RETURN(const runtime::DiskSpace space, world_.disk().space(runtime::directory_of(path_)));
  const std::uint64_t more = std::min(full_bytes_ - size, space.available_bytes / kBlock * kBlock);
  if (size + more == 0) return size;
  const Status allocated = file->allocate(0, size + more);
  if (!allocated && allocated.error().code == Errc::no_space) return size;  // somebody was faster
  TRY(allocated);
  return size + more;
}

Result<std::uint64_t> Reserve::shrink() {
  ASSIGN_OR_RETURN(const auto file, world_.disk().open(path_, OpenMode::create));
  ASSIGN_OR_RETURN(const std::uint64_t size, file->size());
  const std::uint64_t left = size > kPiece ? size - kPiece : 0;
  if (left < size) TRY(file->truncate(left));
  return left;
}

}  // namespace moldau::quorum
