// Task<T>: an eager coroutine. It runs in its caller until its first suspension; its one awaiter goes on, in
// the same call stack, when it ends. A Task belongs to one shard and is never touched from another.
//
// A Task must be awaited or detached: dropping one that has not ended is a programmer's error and asserts.
// Errors travel as Result<T>; an exception that leaves a task body terminates the process.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

#include "base/assert.h"

namespace moldau::runtime {

template <class T = void>
class Task;

namespace detail {

// Memory of coroutine frames. A request starts a dozen of them, always of the same sizes: each thread keeps a
// bounded number of freed ones for the next.
void* take_frame(std::size_t bytes);
void give_frame(void* frame, std::size_t bytes) noexcept;

struct PromiseBase {
  std::coroutine_handle<> continuation;
  bool detached = false;

  static void* operator new(std::size_t bytes) { return take_frame(bytes); }
  static void operator delete(void* frame, std::size_t bytes) noexcept { give_frame(frame, bytes); }

  std::suspend_never initial_suspend() noexcept { return {}; }
  [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

  struct FinalAwaiter {
    bool await_ready() noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) noexcept {
      PromiseBase& promise = ended.promise();
      if (promise.continuation) return promise.continuation;
      if (promise.detached) ended.destroy();
      return std::noop_coroutine();
    }
    void await_resume() noexcept {}
  };
  FinalAwaiter final_suspend() noexcept { return {}; }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() { return std::move(*value); }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() {}
  void take() {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using value_type = T;

  explicit Task(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      release();
      frame_ = std::exchange(other.frame_, nullptr);
    }
    return *this;
  }
  ~Task() { release(); }

  bool ended() const { return frame_ && frame_.done(); }

  // Lets the task run on by itself; its frame is freed when it ends and its value is dropped.
  void detach() && {
    if (frame_.done()) {
      release();
    } else {
      std::exchange(frame_, nullptr).promise().detached = true;
    }
  }

  // The value of a task that has ended. REQUIRES: ended().
  T take() && {
    MOLDAU_ASSERT(ended());
    return frame_.promise().take();
  }

  auto operator co_await() && noexcept {
    struct Awaiter {
      std::coroutine_handle<promise_type> frame;
      bool await_ready() const noexcept { return frame.done(); }
      void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        frame.promise().continuation = awaiting;
      }
      T await_resume() { return frame.promise().take(); }
    };
    MOLDAU_ASSERT(frame_, "a task is awaited once");
    return Awaiter{frame_};
  }

 private:
  void release() {
    if (!frame_) return;
    MOLDAU_ASSERT(frame_.done(), "a task was dropped before its end: await or detach it");
    std::exchange(frame_, nullptr).destroy();
  }

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> detail::Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace moldau::runtime
