// ClientHooks: what a client tells of its work, for a program's metrics and traces. Config::hooks has them.
//
// They are called on the client's I/O thread: they must not wait, and must not destroy what they hear of.
// What they are given is lent for the call. The span of what took so long ends at the call.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "moldau/error.h"

namespace moldau::sdk {

enum class Compression : std::uint8_t;  // config.h

// What has become of a batch of a producer: it was acknowledged, or it has failed for good. Records that were
// refused before they came into one are not told of.
struct BatchReport {
  std::string_view topic;
  std::int32_t partition = 0;
  std::int64_t base_offset = -1;  // of its first record; -1: it failed, or acks is none
  std::int32_t records = 0;
  std::size_t bytes = 0;               // as it was sent, its header included; 0: it was not built
  std::size_t uncompressed_bytes = 0;  // the same before compression
  Compression compression{};
  unsigned tries = 0;                     // 0: it was never sent
  std::chrono::nanoseconds gathered{0};   // from its first record until it was built
  std::chrono::nanoseconds under_way{0};  // from then until now, all tries and the pauses between them
  std::optional<Error> error;             // none: it was acknowledged
};

// A request to a broker that was answered, whatever the answer says, or was not.
struct RequestReport {
  std::string_view address;  // of the broker, "host:port"
  std::string_view api;      // as Kafka names it: "Produce", "Fetch" …
  std::int16_t version = 0;
  std::size_t response_bytes = 0;
  std::chrono::nanoseconds took{0};  // with the wait for its turn
  std::string_view failure;          // why there is no answer; empty: there is one
};

// A connection to a broker that was opened, could not be opened, or has ended.
struct ConnectionReport {
  std::string_view address;
  bool open = false;
  std::chrono::nanoseconds took{0};  // to connect and to agree on versions, when it was opened
  std::string_view why;              // it is not open
};

struct ClientHooks {
  std::function<void(const BatchReport&)> on_batch;            // of producers
  std::function<void(const RequestReport&)> on_request;        // of the Client, for all that it is used for
  std::function<void(const ConnectionReport&)> on_connection;  // likewise
};

}  // namespace moldau::sdk
