#include "client/facade_hooks.h"

#include <utility>

namespace moldau::sdk {

using runtime::Task;

void HookRelay::set(sdk::RebalanceHooks hooks) {
  const std::lock_guard lock(mutex_);
  hooks_ = std::move(hooks);
}

HookRelay::EventPtr HookRelay::add(Kind kind, const std::vector<moldau::TopicPartition>& partitions) {
  sdk::RebalanceHooks::Partitions which;
  for (const auto& one : partitions) which.push_back({one.topic, one.partition});
  const auto event = std::make_shared<Event>(executor_, kind, std::move(which));
  const std::lock_guard lock(mutex_);
  events_.push_back(event);
  changed_.notify_all();
  return event;
}

Task<void> HookRelay::revoked(std::vector<moldau::TopicPartition> partitions) {
  const EventPtr event = add(Kind::revoked, partitions);
  if (here_ > 0) call_waiting();
  co_await event->ended.wait();
}

Task<void> HookRelay::assigned(std::vector<moldau::TopicPartition> partitions) {
  const EventPtr event = add(Kind::assigned, partitions);
  if (here_ > 0) call_waiting();
  co_await event->ended.wait();
}

void HookRelay::lost(std::vector<moldau::TopicPartition> partitions) {
  add(Kind::lost, partitions);
  if (here_ > 0) call_waiting();
}

void HookRelay::call(const Event& event) {
  const auto& hook = event.kind == Kind::assigned  ? hooks_.on_assigned
                     : event.kind == Kind::revoked ? hooks_.on_revoked
                                                   : hooks_.on_lost;
  if (hook) hook(event.partitions);
}

void HookRelay::call_waiting() {
  for (;;) {
    EventPtr event;
    {
      const std::lock_guard lock(mutex_);
      if (events_.empty()) return;
      event = std::move(events_.front());
      events_.pop_front();
    }
    call(*event);
    event->ended.fire();
  }
}

void HookRelay::call_first(std::unique_lock<std::mutex>& lock) {
  const EventPtr event = std::move(events_.front());
  events_.pop_front();
  lock.unlock();
  call(*event);
  executor_.post_remote([event] { event->ended.fire(); });
  lock.lock();
}

}  // namespace moldau::sdk
