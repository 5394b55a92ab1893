#include "platform/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#include <algorithm>
#include <array>

namespace moldau::platform {

using runtime::Duration;
using runtime::Job;
using runtime::MonotonicTime;
using runtime::TimerId;

namespace {

// Between two looks at the sockets: enough that the look (200 ns) does not count, few enough that it is soon.
constexpr int kJobsPerTurn = 128;
constexpr int kEventsPerTurn = 256;

thread_local const EventLoop* running_here = nullptr;

MonotonicTime read_clock() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return MonotonicTime(std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec));
}

// epoll_wait with a time-out in nanoseconds, or in milliseconds rounded up where the kernel has no other.
int wait_for_events(int epoll, std::span<epoll_event> events, Duration timeout) {
  static std::atomic<bool> has_pwait2{true};
  const int room = static_cast<int>(events.size());
  if (timeout == Duration::zero()) return ::epoll_wait(epoll, events.data(), room, 0);
  if (timeout == Duration::max()) return ::epoll_wait(epoll, events.data(), room, -1);
  if (has_pwait2.load(std::memory_order_relaxed)) {
    const timespec limit{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
    const int count = ::epoll_pwait2(epoll, events.data(), room, &limit, nullptr);
    if (count >= 0 || (errno != ENOSYS && errno != EPERM)) return count;
    has_pwait2 = false;
  }
  const auto ms = std::min<std::int64_t>((timeout.count() + 999'999) / 1'000'000, 1'000'000);
  return ::epoll_wait(epoll, events.data(), room, static_cast<int>(ms));
}

}  // namespace

EventLoop::EventLoop(unsigned shard)
    : shard_(shard),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      now_(read_clock()) {
  MOLDAU_ASSERT(epoll_ && wake_, "no descriptors left for an event loop");
  // Edge-triggered: every write is a new event, so nobody has to read the counter back.
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  MOLDAU_ASSERT(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
}

EventLoop::~EventLoop() { MOLDAU_ASSERT(!running_, "an event loop was destroyed while it ran"); }

bool EventLoop::mine() const { return running_here == this || !running_.load(std::memory_order_relaxed); }

void EventLoop::post(Job job) {
  MOLDAU_ASSERT(mine(), "post() from another thread: post_remote() is for that");
  ready_.push(std::move(job));
}

void EventLoop::post(std::coroutine_handle<> suspended) {
  MOLDAU_ASSERT(mine(), "post() from another thread: post_remote() is for that");
  ready_.push(suspended);
}

void EventLoop::post_remote(Job job) {
  bool wake = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(job));
    wake = std::exchange(sleeping_, false);
    inbox_filled_.store(true, std::memory_order_relaxed);
  }
  if (!wake) return;
  const std::uint64_t one = 1;
  MOLDAU_ASSERT(retrying([&] { return ::write(wake_.get(), &one, sizeof one); }) == sizeof one);
}

TimerId EventLoop::call_at(MonotonicTime when, Job job) {
  MOLDAU_ASSERT(mine(), "call_at() from another thread");
  return timers_.add(when, std::move(job));
}

void EventLoop::cancel(TimerId timer) {
  MOLDAU_ASSERT(mine(), "cancel() from another thread");
  timers_.cancel(timer);
}

void EventLoop::stop() {
  post_remote([this] { stopping_ = true; });
}

void EventLoop::run() {
  MOLDAU_ASSERT(!running_.exchange(true), "an event loop runs on one thread");
  const EventLoop* outer = std::exchange(running_here, this);
  while (!stopping_) {
    ++turn_;
    if (!std::exchange(clock_read_, false)) now_ = read_clock();
    take_inbox();
    timers_.run_due(now_);
    run_ready();
    if (!stopping_) poll();
  }
  stopping_ = false;
  running_here = outer;
  running_ = false;
}

void EventLoop::take_inbox() {
  if (!inbox_filled_.load(std::memory_order_relaxed)) return;
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.swap(taken_);
    inbox_filled_.store(false, std::memory_order_relaxed);
  }
  for (Job& job : taken_) ready_.push(std::move(job));
  taken_.clear();
}

void EventLoop::run_ready() {
  for (int i = 0; i < kJobsPerTurn && !ready_.empty() && !stopping_; ++i) ready_.run_front();
}

void EventLoop::poll() {
  if (!ready_.empty() || timers_.next() <= now_) return wait(now_);
  {
    const std::lock_guard lock(inbox_mutex_);
    if (!inbox_.empty()) return;
    sleeping_ = true;
  }
  sleep();
  const std::lock_guard lock(inbox_mutex_);
  sleeping_ = false;
}

void EventLoop::sleep() {
  const MonotonicTime before = now_ = read_clock();
  wait(timers_.next());
  now_ = read_clock();
  clock_read_ = true;
  idle_ns_.store((idle_time() + (now_ - before)).count(), std::memory_order_relaxed);
}

void EventLoop::wait(MonotonicTime until) {
  std::array<epoll_event, kEventsPerTurn> events;
  const Duration timeout =
      until == runtime::kForever ? Duration::max() : std::max(until - now_, Duration::zero());
  const int count = wait_for_events(epoll_.get(), events, timeout);
  MOLDAU_ASSERT(count >= 0 || errno == EINTR, "epoll_wait failed");
  for (int i = 0; i < count; ++i) {
    if (auto* watcher = static_cast<Watcher*>(events[i].data.ptr)) watcher->on_events(events[i].events);
  }
}

Status EventLoop::watch(int fd, Watcher& watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &watcher}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(error_from_errno(errno, "watch a descriptor"));
  }
  return {};
}

void EventLoop::unwatch(int fd) {
  epoll_event ignored{};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, &ignored);
}

}  // namespace moldau::platform
