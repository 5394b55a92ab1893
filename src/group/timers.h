// Timers: what is due when, and Timer: one moment that is put off again and again. Putting it off, which
// every heartbeat does, costs no more than noting it: the old moment comes first and finds that it is too
// early. Pure: whoever has them asks for the next moment and says when it has come.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "group/event.h"

namespace moldau::group {

class Timer;

class Timers {
 public:
  // No timer is due before; kNever: none is set.
  Time next() const { return entries_.empty() ? kNever : entries_.begin()->first.first; }
  // A timer that is due, and no longer set; null: none is.
  Timer* take_due(Time now);

 private:
  friend class Timer;
  using Place = std::pair<Time, std::uint64_t>;
  Place add(Time when, Timer* timer);

  std::map<Place, Timer*> entries_;
  std::uint64_t next_ = 0;
};

// Its own moment. Not set when made; gone from `timers`, which outlives it, when destroyed.
class Timer {
 public:
  // `member`: whose it is; empty: the group's.
  Timer(Timers& timers, std::string group, std::string member = {})
      : timers_(timers), group_(std::move(group)), member_(std::move(member)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { clear(); }

  void set(Time when);
  void clear();
  bool is_set() const { return place_.has_value(); }

  const std::string& group() const { return group_; }
  const std::string& member() const { return member_; }

 private:
  friend class Timers;
  Timers& timers_;
  const std::string group_;
  const std::string member_;
  Time when_ = kNever;
  std::optional<Timers::Place> place_;  // at `when_` or before
};

}  // namespace moldau::group
