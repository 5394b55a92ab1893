// What coroutines of one shard wait on: OneShot, Watermark, Signal, Gate, Semaphore. None of them is
// thread-safe; each lives on one shard. Waking posts the waiter to the executor, so it never runs inside the
// waker's call.
#pragma once

#include <coroutine>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/executor.h"

namespace moldau::runtime {

// Fires at most once and is awaited by at most one coroutine at a time, with a deadline.
class OneShot {
 public:
  explicit OneShot(Executor& executor) : executor_(executor) {}
  OneShot(const OneShot&) = delete;
  OneShot& operator=(const OneShot&) = delete;
  ~OneShot();

  void fire();
  bool fired() const { return fired_; }
  Executor& executor() const { return executor_; }

  // True when it fired, false when the deadline passed first. May be awaited again after a deadline.
  Task<bool> wait(MonotonicTime deadline = kForever);

 private:
  void wake();

  Executor& executor_;
  std::coroutine_handle<> waiter_;
  TimerId timer_ = TimerId::none;
  bool fired_ = false;
};

// A number that only rises, and those who wait until it reaches theirs: log end offset, high watermark,
// durable position. Advancing costs O(waiters that it satisfies).
class Watermark {
 public:
  explicit Watermark(std::int64_t initial = 0) : value_(initial) {}
  Watermark(const Watermark&) = delete;
  Watermark& operator=(const Watermark&) = delete;
  ~Watermark();

  std::int64_t value() const { return value_; }
  // Moves forward to `value`; a lower one has no effect.
  void advance(std::int64_t value);
  // Starts over at `value`, which may be lower: after a truncation. Waiters stay.
  void reset(std::int64_t value);
  // Nothing will come any more (closed, deleted, deposed): fires every waiter, now and later.
  void close();
  bool closed() const { return closed_; }

  // Fires `shot` once the watermark is at `target` or closed. Unsubscribes when destroyed. The watcher may
  // outlive the watermark.
  class Watcher {
   public:
    Watcher(Watermark& watermark, std::int64_t target, OneShot& shot);
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher();
    // The target was reached; false while waiting and after the watermark was closed below it.
    bool reached() const { return reached_; }

   private:
    friend class Watermark;
    Watermark* watermark_;
    std::int64_t target_;
    OneShot& shot_;
    Watcher* previous_ = nullptr;
    Watcher* next_ = nullptr;
    bool reached_ = false;
  };

  // True when the value is reached; false when the deadline passed or the watermark was closed or destroyed
  // below it.
  Task<bool> reaches(Executor& executor, std::int64_t target, MonotonicTime deadline = kForever);

 private:
  void unlink(Watcher& watcher);

  std::int64_t value_;
  bool closed_ = false;
  // Ordered by target; insertion searches from the back, where nearly every new waiter belongs.
  Watcher* first_ = nullptr;
  Watcher* last_ = nullptr;
};

// "Something changed": wakes everybody who waits at that moment.
class Signal {
 public:
  explicit Signal(Executor& executor) : executor_(executor) {}
  ~Signal();
  void notify_all();
  // True when notified, false at the deadline.
  Task<bool> wait(MonotonicTime deadline = kForever);

 private:
  Executor& executor_;
  std::vector<OneShot*> waiters_;
};

// Counts running work so that its owner can wait for the end of all of it.
class Gate {
 public:
  explicit Gate(Executor& executor) : idle_(executor) {}
  // False once closed: the caller must not start.
  bool enter();
  void leave();
  bool closing() const { return closing_; }
  std::size_t entered() const { return count_; }
  // No more entries; returns when everybody has left. Call once.
  Task<void> close();

  // Enters in the constructor and leaves in the destructor.
  class Pass {
   public:
    explicit Pass(Gate& gate) : gate_(gate.enter() ? &gate : nullptr) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_) gate_->leave();
    }
    explicit operator bool() const { return gate_ != nullptr; }

   private:
    Gate* gate_;
  };

 private:
  OneShot idle_;
  std::size_t count_ = 0;
  bool closing_ = false;
};

// Units of something bounded (bytes of request memory, operations in flight), given out in order of asking.
class Semaphore {
 public:
  Semaphore(Executor& executor, std::uint64_t units) : executor_(executor), available_(units) {}
  // Waits until `units` are free. REQUIRES: units <= the total. False at the deadline, or once `ended` is
  // above zero.
  Task<bool> acquire(std::uint64_t units, MonotonicTime deadline = kForever, Watermark* ended = nullptr);
  bool try_acquire(std::uint64_t units);
  void release(std::uint64_t units);
  std::uint64_t available() const { return available_; }
  std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    std::uint64_t units;
    OneShot* shot;
  };
  void grant();

  Executor& executor_;
  std::uint64_t available_;
  std::deque<Waiter> waiters_;
};

}  // namespace moldau::runtime
