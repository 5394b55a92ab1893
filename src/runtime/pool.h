// BlockingPool: threads for calls that may wait for the device (sync, cold read, unlink, compaction). A shard
// never makes such a call itself. In the simulator the work runs on the one thread, later and after a delay.
#pragma once

#include <optional>

#include "runtime/executor.h"

namespace moldau::runtime {

// Work of one lane never waits behind another's: a sync for an acknowledgement is not queued after an unlink.
enum class Lane {
  commit,      // writes and syncs that an acknowledgement waits for
  read,        // cold reads that a fetch waits for
  background,  // segment writes, checkpoints, unlink, retention
};

class BlockingPool {
 public:
  virtual ~BlockingPool() = default;

  // Runs `work` off the shard, then `done` on `home`. Work of the lane `commit` runs in the order of
  // submission, one at a time; that of other lanes may overlap. `work` must not touch the shard's state.
  virtual void submit(Lane lane, Executor& home, Job work, Job done) = 0;

  // The value of `work()` once it has run.
  template <class F>
  Task<std::invoke_result_t<F&>> run(Lane lane, Executor& home, F work) {
    using R = std::invoke_result_t<F&>;
    if constexpr (std::is_void_v<R>) {
      co_await detail::Suspend{[&](std::coroutine_handle<> suspended) {
        submit(lane, home, [&work] { work(); }, [suspended] { suspended.resume(); });
      }};
    } else {
      std::optional<R> value;
      co_await detail::Suspend{[&](std::coroutine_handle<> suspended) {
        submit(lane, home, [&] { value.emplace(work()); }, [suspended] { suspended.resume(); });
      }};
      co_return std::move(*value);
    }
  }
};

}  // namespace moldau::runtime
