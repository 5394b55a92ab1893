// Executor: the single-threaded event loop of one shard. Everything that a shard owns is touched only by jobs
// of its executor. The simulator is the second implementation: it picks the next ready job by its seed.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>

#include "runtime/task.h"
#include "runtime/time.h"

namespace moldau::runtime {

using Job = std::move_only_function<void()>;

enum class TimerId : std::uint64_t { none = 0 };

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs the job later on this shard, never inside the call. Call only from this shard.
  virtual void post(Job job) = 0;
  // The same for a suspended coroutine, without an allocation.
  virtual void post(std::coroutine_handle<> suspended) = 0;
  // The same from any thread.
  virtual void post_remote(Job job) = 0;

  // Runs the job at `when` or soon after, once. Call only from this shard.
  virtual TimerId call_at(MonotonicTime when, Job job) = 0;
  // No effect when the timer has fired or is `none`.
  virtual void cancel(TimerId timer) = 0;

  // The time at which the current turn of the loop began, or later.
  virtual MonotonicTime now() const = 0;
  // Index of this shard, from 0.
  virtual unsigned shard() const = 0;
};

// Gives other ready jobs their turn.
Task<void> yield(Executor& executor);
Task<void> sleep_until(Executor& executor, MonotonicTime when);
inline Task<void> sleep_for(Executor& executor, Duration duration) {
  return sleep_until(executor, executor.now() + duration);
}

namespace detail {

template <class T>
struct TaskValue {
  using type = T;
};
template <class T>
struct TaskValue<Task<T>> {
  using type = T;
};
template <class F>
using TaskValueOf = typename TaskValue<std::invoke_result_t<F&>>::type;

// Suspends, hands the handle to `start`, and goes on when somebody resumes it.
template <class Start>
struct Suspend {
  Start start;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> suspended) { start(suspended); }
  void await_resume() const noexcept {}
};
template <class Start>
Suspend(Start) -> Suspend<Start>;

template <class F, class R>
Task<R> call(F& function) {
  if constexpr (std::is_same_v<std::invoke_result_t<F&>, Task<R>>) {
    co_return co_await function();
  } else {
    co_return function();
  }
}

template <class F, class R>
Task<R> call_there(Executor& here, Executor& there, F function) {
  if constexpr (std::is_void_v<R>) {
    auto far = [](Executor& home, F& f, std::coroutine_handle<> back) -> Task<void> {
      co_await call<F, R>(f);
      home.post_remote([back] { back.resume(); });
    };
    co_await Suspend{[&](std::coroutine_handle<> suspended) {
      there.post_remote([&, suspended] { far(here, function, suspended).detach(); });
    }};
  } else {
    std::optional<R> value;
    auto far = [](Executor& home, F& f, std::optional<R>& out, std::coroutine_handle<> back) -> Task<void> {
      out.emplace(co_await call<F, R>(f));
      home.post_remote([back] { back.resume(); });
    };
    co_await Suspend{[&](std::coroutine_handle<> suspended) {
      there.post_remote([&, suspended] { far(here, function, value, suspended).detach(); });
    }};
    co_return std::move(*value);
  }
}

}  // namespace detail

// Calls `function` (which returns a value or a Task) on the shard of `there`, and comes back to `here` with
// its value. The one explicit way between shards. `function` and its value must own what they refer to, or
// refer to what outlives the call. On the same shard it is a plain call, after which `function` is gone: a
// Task that it returns must not refer to it.
template <class F>
Task<detail::TaskValueOf<F>> on_shard(Executor& here, Executor& there, F function) {
  using R = detail::TaskValueOf<F>;
  if (&here != &there) return detail::call_there<F, R>(here, there, std::move(function));
  if constexpr (std::is_same_v<std::invoke_result_t<F&>, Task<R>>) {
    return function();
  } else {
    return detail::call<F, R>(function);
  }
}

}  // namespace moldau::runtime
