// Future: an operation that is under way, in the three spellings of one:
//
//   auto sent = producer.send_async(record).get();                           // waits for it
//   auto sent = co_await producer.send_async(record);                        // suspends until then
//   producer.send_async(record).then([](Expected<RecordMetadata> sent) {});  // is called back
//
// What has to go on goes on whether or not anybody waits: a Future that is dropped detaches its operation.
//
// It is also what a coroutine may return, which then runs at once in its caller until it first has to wait:
//
//   Future<int> greet(Producer& to) {
//     auto sent = co_await to.send_async({.topic = "greetings", .value = "hello"});
//     if (!sent) co_return std::unexpected(sent.error());
//     co_return sent->partition;
//   }
//
// After a co_await the coroutine goes on on the client's I/O thread, where nothing may wait: no get(), and no
// close() of a producer or a consumer, which their destructors call unless close_async() has ended before.
// co_await future.on(executor) goes on where the executor says. An exception that leaves such a coroutine, or
// a callback, ends the program: errors are values.
#pragma once

#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

#include "moldau/error.h"

namespace moldau::sdk {

// Runs a function some time later, on a thread of its choice: posts it to an event loop, to a pool.
using Executor = std::function<void(std::function<void()>)>;

template <class T>
class Future;

namespace detail {

// Ends the program with a message when the calling thread is a client's I/O thread: it would wait for itself.
void check_may_block();
Error cancelled_error();

// Filled once, from any thread; read once.
template <class T>
class FutureState {
 public:
  using Value = Expected<T>;

  // False: it had a value already.
  bool resolve(Value value) {
    std::function<void()> next;
    {
      const std::lock_guard lock(mutex_);
      if (resolved_) return false;
      resolved_ = true;
      value_.emplace(std::move(value));
      next = std::exchange(next_, nullptr);
      canceller_ = nullptr;
    }
    filled_.notify_all();
    if (next) next();
    return true;
  }

  bool resolved() const {
    const std::lock_guard lock(mutex_);
    return resolved_;
  }
  // Calls `next` once there is a value: now, in which case it gives false, or later.
  bool call_when_resolved(std::function<void()> next) {
    {
      const std::lock_guard lock(mutex_);
      if (!resolved_) {
        next_ = std::move(next);
        return true;
      }
    }
    return false;
  }
  void wait() const {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [this] { return resolved_; });
  }
  bool wait_for(std::chrono::milliseconds time) const {
    std::unique_lock lock(mutex_);
    return filled_.wait_for(lock, time, [this] { return resolved_; });
  }
  // REQUIRES: resolved(). Once.
  Value take() { return std::move(*value_); }

  // How the operation is asked to end early; without one a cancelled Future ends at once.
  void set_canceller(std::function<void()> canceller) {
    const std::lock_guard lock(mutex_);
    if (!resolved_) canceller_ = std::move(canceller);
  }
  void cancel() {
    std::function<void()> canceller;
    {
      const std::lock_guard lock(mutex_);
      if (resolved_) return;
      canceller = canceller_;
    }
    if (canceller) return canceller();
    resolve(std::unexpected(cancelled_error()));
  }

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable filled_;
  bool resolved_ = false;
  std::optional<Value> value_;
  std::function<void()> next_;
  std::function<void()> canceller_;
};

template <class T>
struct FutureAwaiter {
  std::shared_ptr<FutureState<T>> state;
  Executor executor;  // empty: the thread that brings the value

  bool await_ready() const { return !executor && state->resolved(); }
  bool await_suspend(std::coroutine_handle<> suspended) {
    if (!executor) return state->call_when_resolved([suspended] { suspended.resume(); });
    const auto resume = [suspended, to = executor] { to([suspended] { suspended.resume(); }); };
    if (!state->call_when_resolved(resume)) resume();
    return true;
  }
  Expected<T> await_resume() { return state->take(); }
};

template <class T>
struct FuturePromise {
  std::shared_ptr<FutureState<T>> state = std::make_shared<FutureState<T>>();
  Future<T> get_return_object();
  std::suspend_never initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void return_value(Expected<T> value) { state->resolve(std::move(value)); }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }
};

}  // namespace detail

template <class T>
class [[nodiscard]] Future {
 public:
  using promise_type = detail::FuturePromise<T>;
  using State = detail::FutureState<T>;

  explicit Future(std::shared_ptr<State> state) : state_(std::move(state)) {}
  Future(Future&&) noexcept = default;
  Future& operator=(Future&&) noexcept = default;

  // There is a value: get() does not wait.
  bool ready() const { return state_->resolved(); }
  // Waits for the value and takes it. Once; not on the I/O thread.
  Expected<T> get() {
    if (!state_->resolved()) detail::check_may_block();
    state_->wait();
    return state_->take();
  }
  // False at the time-out; may be asked again.
  bool wait_for(std::chrono::milliseconds time) const {
    if (!state_->resolved()) detail::check_may_block();
    return state_->wait_for(time);
  }
  // Calls `function` with the value, once: at once on this thread when there is one, else on the I/O thread,
  // where it must not block.
  void then(std::function<void(Expected<T>)> function) && {
    const auto call = [state = state_, function = std::move(function)] { function(state->take()); };
    if (!state_->call_when_resolved(call)) call();
  }
  // The value will be ErrorKind::cancelled, unless the operation ends before. What has left for a broker may
  // still happen there: cancelling ends the waiting. Any number of times, from any thread.
  void cancel() { state_->cancel(); }
  // The same when somebody asks the token's source to stop.
  Future cancelled_by(std::stop_token token) && {
    using Callback = std::stop_callback<std::function<void()>>;
    stop_ = std::make_shared<Callback>(std::move(token), [state = state_] {
      const auto held = state;  // the callback may go while it is called
      held->cancel();
    });
    return std::move(*this);
  }
  // For co_await: goes on where `executor` says.
  detail::FutureAwaiter<T> on(Executor executor) && { return {std::move(state_), std::move(executor)}; }

  // Once.
  auto operator co_await() && {
    struct Awaiter : detail::FutureAwaiter<T> {
      std::shared_ptr<void> stop;
    };
    return Awaiter{{std::move(state_), {}}, std::move(stop_)};
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<void> stop_;  // stays while somebody waits
};

template <class T>
Future<T> detail::FuturePromise<T>::get_return_object() {
  return Future<T>(state);
}

}  // namespace moldau::sdk
