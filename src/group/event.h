// What the state machines of this room are told with every event, and what follows from one.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "group/record.h"
#include "wire/api.h"
#include "wire/messages/join_group.h"
#include "wire/messages/sync_group.h"

namespace moldau::group {

using Duration = std::chrono::nanoseconds;
using Time = std::chrono::nanoseconds;  // since an arbitrary start, never going back
inline constexpr Time kNever = Time::max();

inline Duration milliseconds(std::int64_t ms) { return std::chrono::milliseconds(ms); }

// Sessions and rebalances go by the monotonic clock, whatever the wall clock does; what is stored, shown and
// retained goes by the wall clock.
struct Now {
  Time monotonic{};
  TimestampMs wall_ms = 0;
};

// Who sent a request, and in which version of its API.
struct Client {
  std::string id;
  std::string host;
  wire::ApiVersion version = 0;
};

// A JoinGroup or SyncGroup that is answered some time. Given by whoever keeps the request, never twice.
using Ticket = std::uint64_t;

struct Answer {
  Ticket ticket = 0;
  std::variant<wire::JoinGroupResponse, wire::SyncGroupResponse> response;
  // It may leave once the log is committed up to here: it shows what is in the records before.
  Offset after = 0;
};

struct Effects {
  Records records;  // to be appended, and then replayed
  std::vector<Answer> answers;
};

// The answer to a request that is answered at once: after its records, if there are any, are committed, and
// after `after`.
template <class Response>
struct Outcome {
  Response response;
  Records records = {};
  Offset after = 0;
};

}  // namespace moldau::group
