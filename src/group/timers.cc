#include "group/timers.h"

namespace moldau::group {

Timers::Place Timers::add(Time when, Timer* timer) {
  const Place place(when, next_++);
  entries_.emplace(place, timer);
  return place;
}

Timer* Timers::take_due(Time now) {
  while (!entries_.empty() && entries_.begin()->first.first <= now) {
    Timer* timer = entries_.begin()->second;
    entries_.erase(entries_.begin());
    timer->place_.reset();
    if (timer->when_ <= now) return timer;
    timer->place_ = add(timer->when_, timer);
  }
  return nullptr;
}

void Timer::set(Time when) {
  when_ = when;
  if (place_ && place_->first <= when) return;
  clear();
  place_ = timers_.add(when, this);
}

void Timer::clear() {
  if (place_) timers_.entries_.erase(*place_);
  place_.reset();
}

}  // namespace moldau::group
