#include "simulation/scheduler.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::simulation {

// Simulated time starts at an hour, so that a time in the past stays above zero.
Scheduler::Scheduler(std::uint64_t seed, const Options& options)
    : start_(1h),
      now_(start_),
      random_(seed),
      job_time_max_ns_(static_cast<std::uint64_t>(options.job_time_max.count())),
      any_order_(options.any_order),
      hash_(seed) {}

void Scheduler::fold(std::uint64_t value) {
  hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15ULL;
  hash_ ^= hash_ >> 32;
}

std::uint32_t Scheduler::take_slot() {
  if (free_.empty()) {
    entries_.emplace_back();
    return static_cast<std::uint32_t>(entries_.size() - 1);
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

void Scheduler::free_slot(std::uint32_t slot) {
  Entry& entry = entries_[slot];
  ++entry.generation;
  entry.timed = false;
  entry.suspended = nullptr;
  free_.push_back(slot);
  // Last: what the job held may post or cancel when it is destroyed.
  const runtime::Job dropped = std::exchange(entry.job, nullptr);
}

void Scheduler::ready(const Place& place, StepKind kind, runtime::Job job) {
  const std::uint32_t slot = take_slot();
  Entry& entry = entries_[slot];
  entry.job = std::move(job);
  entry.place = &place;
  entry.kind = kind;
  ready_.push_back({slot, entry.generation});
}

void Scheduler::ready(const Place& place, std::coroutine_handle<> suspended) {
  const std::uint32_t slot = take_slot();
  Entry& entry = entries_[slot];
  entry.suspended = suspended;
  entry.place = &place;
  entry.kind = StepKind::resume;
  ready_.push_back({slot, entry.generation});
}

Scheduler::Token Scheduler::at(MonotonicTime when, const Place& place, StepKind kind, runtime::Job job) {
  const std::uint32_t slot = take_slot();
  Entry& entry = entries_[slot];
  entry.job = std::move(job);
  entry.place = &place;
  entry.kind = kind;
  entry.timed = true;
  ++live_events_;
  events_.push_back({when, next_sequence_++, slot, entry.generation});
  std::push_heap(events_.begin(), events_.end(), Later());
  return (static_cast<Token>(entry.generation) << 32) | slot;
}

void Scheduler::cancel(Token token) {
  if (token == 0) return;
  const auto slot = static_cast<std::uint32_t>(token);
  if (stale(slot, static_cast<std::uint32_t>(token >> 32))) return;
  if (entries_[slot].timed) --live_events_;
  free_slot(slot);
  drop_stale_events();
}

// Cancelled events stay in the heap until they come up or are most of it.
void Scheduler::drop_stale_events() {
  if (events_.size() < 64 || events_.size() < 2 * live_events_) return;
  std::erase_if(events_, [&](const Event& event) { return stale(event.slot, event.generation); });
  std::make_heap(events_.begin(), events_.end(), Later());
}

void Scheduler::retime(const Owner& owner, const std::function<MonotonicTime(MonotonicTime)>& moved) {
  for (Event& event : events_) {
    if (stale(event.slot, event.generation)) continue;
    const Entry& entry = entries_[event.slot];
    if (entry.kind == StepKind::timer && entry.place->owner == &owner) event.when = moved(event.when);
  }
  std::make_heap(events_.begin(), events_.end(), Later());
}

void Scheduler::resume_owner(Owner& owner) {
  owner.paused = false;
  ready_.insert(ready_.end(), owner.held.begin(), owner.held.end());
  owner.held.clear();
}

void Scheduler::clear() {
  // Dropping a job may add or cancel others.
  for (std::uint32_t slot = 0; slot < entries_.size(); ++slot) {
    const runtime::Job dropped = std::exchange(entries_[slot].job, nullptr);
  }
  ready_.clear();
  events_.clear();
}

void Scheduler::collect_due() {
  while (!events_.empty()) {
    const Event event = events_.front();
    const bool gone = stale(event.slot, event.generation);
    if (!gone && event.when > now_) return;
    std::pop_heap(events_.begin(), events_.end(), Later());
    events_.pop_back();
    if (gone) continue;
    --live_events_;
    entries_[event.slot].timed = false;
    ready_.push_back({event.slot, event.generation});
  }
}

// REQUIRES: collect_due() has just run, so the first event is live and lies ahead.
bool Scheduler::next_event(MonotonicTime limit) {
  if (events_.empty() || events_.front().when > limit) return false;
  now_ = events_.front().when;
  return true;
}

std::size_t Scheduler::choose() {
  const std::size_t index = ready_.size() == 1 ? 0 : random_.below(ready_.size());
  if (any_order_) return index;
  // The oldest of the same shard: it picks the shard, not the job.
  const auto place_of = [&](const Owner::Held& held) {
    return stale(held.slot, held.generation) ? nullptr : entries_[held.slot].place;
  };
  const Place* place = place_of(ready_[index]);
  std::size_t first = 0;
  while (place_of(ready_[first]) != place) ++first;
  return first;
}

bool Scheduler::pick(Owner::Held& picked) {
  while (!ready_.empty()) {
    const std::size_t index = choose();
    picked = ready_[index];
    if (any_order_) {
      ready_[index] = ready_.back();
      ready_.pop_back();
    } else {
      ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(index));
    }
    if (stale(picked.slot, picked.generation)) continue;
    Owner& owner = *entries_[picked.slot].place->owner;
    if (owner.abandoned) {
      free_slot(picked.slot);
    } else if (owner.paused) {
      owner.held.push_back(picked);
    } else {
      return true;
    }
  }
  return false;
}

void Scheduler::run(std::uint32_t slot) {
  Entry& entry = entries_[slot];
  const Place& place = *entry.place;
  const auto kind = static_cast<std::uint64_t>(entry.kind);
  const std::coroutine_handle<> suspended = entry.suspended;
  runtime::Job job = std::exchange(entry.job, nullptr);
  free_slot(slot);

  ++steps_;
  fold(kind | std::uint64_t{place.owner->machine} << 8 | std::uint64_t{place.shard} << 24);
  fold(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
  current_ = &place;
  if (suspended) {
    suspended.resume();
  } else {
    job();
    job = nullptr;
  }
  current_ = nullptr;
  if (job_time_max_ns_ > 0) now_ += Duration(static_cast<std::int64_t>(random_.below(job_time_max_ns_ + 1)));
  if (observer_) observer_(place);
}

Scheduler::Step Scheduler::step(MonotonicTime limit) {
  MOLDAU_ASSERT(current_ == nullptr, "the world is driven from outside, never from within one of its jobs");
  if (now_ > limit) return Step::nothing_before_limit;
  for (;;) {
    collect_due();
    Owner::Held picked;
    if (pick(picked)) {
      run(picked.slot);
      return Step::ran;
    }
    if (!next_event(limit)) return events_.empty() ? Step::nothing_at_all : Step::nothing_before_limit;
  }
}

}  // namespace moldau::simulation
