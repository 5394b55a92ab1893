// HookRelay: brings what the group tells on the I/O thread to the program's hooks: into the call of poll() or
// close() that is under way, or the next one; while poll_async() is under way, on the I/O thread itself.
// Whatever the group takes waits for such a call, so that what was polled before has been dealt with.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>

#include "client/embedded.h"
#include "client/group_consumer.h"

namespace moldau::sdk {

class HookRelay final : public client::RebalanceHooks {
 public:
  explicit HookRelay(runtime::Executor& executor) : executor_(executor) {}

  // --- on the I/O thread
  runtime::Task<void> revoked(std::vector<moldau::TopicPartition> partitions) override;
  runtime::Task<void> assigned(std::vector<moldau::TopicPartition> partitions) override;
  void lost(std::vector<moldau::TopicPartition> partitions) override;
  // While one of these lives, hooks are called here.
  class Here {
   public:
    explicit Here(HookRelay& relay) : relay_(relay) {
      ++relay_.here_;
      relay_.call_waiting();
    }
    ~Here() { --relay_.here_; }
    Here(const Here&) = delete;

   private:
    HookRelay& relay_;
  };

  // From any thread, while no call is under way.
  void set(sdk::RebalanceHooks hooks);

  // On a program's thread: waits for the value, and calls hooks meanwhile.
  template <class T>
  Expected<T> serve(Future<T> future) {
    detail::check_may_block();
    std::optional<Expected<T>> value;
    std::move(future).then([&](Expected<T> arrived) {
      const std::lock_guard lock(mutex_);
      value.emplace(std::move(arrived));
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return value || !events_.empty(); });
      if (value) return std::move(*value);
      call_first(lock);
    }
  }

 private:
  enum class Kind : std::uint8_t { assigned, revoked, lost };
  struct Event {
    Event(runtime::Executor& executor, Kind of, sdk::RebalanceHooks::Partitions which)
        : kind(of), partitions(std::move(which)), ended(executor) {}
    Kind kind;
    sdk::RebalanceHooks::Partitions partitions;
    runtime::OneShot ended;  // on the I/O thread only
  };
  using EventPtr = std::shared_ptr<Event>;

  EventPtr add(Kind kind, const std::vector<moldau::TopicPartition>& partitions);
  void call(const Event& event);
  void call_waiting();
  void call_first(std::unique_lock<std::mutex>& lock);

  runtime::Executor& executor_;
  unsigned here_ = 0;  // on the I/O thread only
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<EventPtr> events_;
  sdk::RebalanceHooks hooks_;
};

}  // namespace moldau::sdk
