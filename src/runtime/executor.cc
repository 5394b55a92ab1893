#include "runtime/executor.h"

namespace moldau::runtime {

Task<void> yield(Executor& executor) {
  co_await detail::Suspend{[&](std::coroutine_handle<> suspended) { executor.post(suspended); }};
}

Task<void> sleep_until(Executor& executor, MonotonicTime when) {
  co_await detail::Suspend{[&](std::coroutine_handle<> suspended) {
    executor.call_at(when, [suspended] { suspended.resume(); });
  }};
}

}  // namespace moldau::runtime
