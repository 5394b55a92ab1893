#include "runtime/wait.h"

#include <algorithm>
#include <optional>

namespace moldau::runtime {

OneShot::~OneShot() { MOLDAU_ASSERT(!waiter_, "a OneShot was destroyed while somebody waits on it"); }

void OneShot::fire() {
  if (fired_) return;
  fired_ = true;
  wake();
}

void OneShot::wake() {
  if (!waiter_) return;
  executor_.cancel(std::exchange(timer_, TimerId::none));
  executor_.post(std::exchange(waiter_, nullptr));
}

Task<bool> OneShot::wait(MonotonicTime deadline) {
  if (fired_) co_return true;
  if (deadline <= executor_.now()) co_return false;
  MOLDAU_ASSERT(!waiter_, "a OneShot has one waiter");
  co_await detail::Suspend{[&](std::coroutine_handle<> suspended) {
    waiter_ = suspended;
    if (deadline == kForever) return;
    timer_ = executor_.call_at(deadline, [this] {
      timer_ = TimerId::none;
      wake();
    });
  }};
  co_return fired_;
}

Watermark::~Watermark() {
  for (Watcher* watcher = first_; watcher != nullptr;) {
    Watcher* next = watcher->next_;
    watcher->watermark_ = nullptr;
    watcher->shot_.fire();
    watcher = next;
  }
}

void Watermark::advance(std::int64_t value) {
  if (value <= value_) return;
  value_ = value;
  while (first_ != nullptr && first_->target_ <= value_) {
    Watcher& reached = *first_;
    unlink(reached);
    reached.watermark_ = nullptr;
    reached.reached_ = true;
    reached.shot_.fire();
  }
}

void Watermark::reset(std::int64_t value) {
  if (value >= value_) return advance(value);
  value_ = value;
}

void Watermark::close() {
  closed_ = true;
  while (first_ != nullptr) {
    Watcher& watcher = *first_;
    unlink(watcher);
    watcher.watermark_ = nullptr;
    watcher.shot_.fire();
  }
}

void Watermark::unlink(Watcher& watcher) {
  (watcher.previous_ ? watcher.previous_->next_ : first_) = watcher.next_;
  (watcher.next_ ? watcher.next_->previous_ : last_) = watcher.previous_;
}

Watermark::Watcher::Watcher(Watermark& watermark, std::int64_t target, OneShot& shot)
    : watermark_(&watermark), target_(target), shot_(shot) {
  if (watermark.closed_ || watermark.value_ >= target) {
    reached_ = watermark.value_ >= target;
    watermark_ = nullptr;
    shot.fire();
    return;
  }
  Watcher* before = watermark.last_;
  while (before != nullptr && before->target_ > target) before = before->previous_;
  previous_ = before;
  next_ = before ? before->next_ : watermark.first_;
  (previous_ ? previous_->next_ : watermark.first_) = this;
  (next_ ? next_->previous_ : watermark.last_) = this;
}

Watermark::Watcher::~Watcher() {
  if (watermark_ != nullptr) watermark_->unlink(*this);
}

Task<bool> Watermark::reaches(Executor& executor, std::int64_t target, MonotonicTime deadline) {
  if (value_ >= target) co_return true;
  if (closed_) co_return false;
  OneShot shot(executor);
  Watcher watcher(*this, target, shot);
  co_await shot.wait(deadline);
  co_return watcher.reached();
}

Signal::~Signal() { notify_all(); }

void Signal::notify_all() {
  for (OneShot* waiter : std::exchange(waiters_, {})) waiter->fire();
}

Task<bool> Signal::wait(MonotonicTime deadline) {
  OneShot shot(executor_);
  waiters_.push_back(&shot);
  const bool notified = co_await shot.wait(deadline);
  if (!notified) std::erase(waiters_, &shot);
  co_return notified;
}

bool Gate::enter() {
  if (closing_) return false;
  ++count_;
  return true;
}

void Gate::leave() {
  MOLDAU_ASSERT(count_ > 0);
  if (--count_ == 0 && closing_) idle_.fire();
}

Task<void> Gate::close() {
  MOLDAU_ASSERT(!closing_, "a gate is closed once");
  closing_ = true;
  if (count_ == 0) co_return;
  co_await idle_.wait();
}

bool Semaphore::try_acquire(std::uint64_t units) {
  if (!waiters_.empty() || available_ < units) return false;
  available_ -= units;
  return true;
}

Task<bool> Semaphore::acquire(std::uint64_t units, MonotonicTime deadline, Watermark* ended) {
  if (try_acquire(units)) co_return true;
  OneShot shot(executor_);
  waiters_.push_back({units, &shot});
  std::optional<Watermark::Watcher> watcher;
  if (ended != nullptr) watcher.emplace(*ended, 1, shot);
  co_await shot.wait(deadline);
  const bool granted =
      std::erase_if(waiters_, [&](const Waiter& waiter) { return waiter.shot == &shot; }) == 0;
  if (!granted) grant();
  co_return granted;
}

void Semaphore::release(std::uint64_t units) {
  available_ += units;
  grant();
}

void Semaphore::grant() {
  while (!waiters_.empty() && waiters_.front().units <= available_) {
    available_ -= waiters_.front().units;
    waiters_.front().shot->fire();
    waiters_.pop_front();
  }
}

}  // namespace moldau::runtime
