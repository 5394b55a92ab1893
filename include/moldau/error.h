// Error: why something did not happen, in parts that a program reacts to and a person can act on.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

namespace moldau::sdk {

// What a program may react to.
enum class ErrorKind : std::uint8_t {
  invalid_argument,
  not_found,
  already_exists,
  not_authorized,
  too_large,
  unsupported,
  corrupt,
  unreachable,  // no connection, or it was lost
  timed_out,
  closed,       // the client or producer was closed meanwhile
  unavailable,  // not now; a later try may do
  cancelled,    // by Future::cancel(), a stop token, Consumer::wakeup()
  fenced,  // another one has taken this one's place: a producer's transactional id, a member's instance id
};

// How far it came.
enum class Phase : std::uint8_t { local, resolve, connect, negotiate, request };

struct Error {
  ErrorKind kind = ErrorKind::unavailable;
  std::int16_t broker = 0;  // Kafka's error code, if a broker gave one
  std::string address;      // of the broker, "host:port"; empty when none is concerned
  Phase phase = Phase::local;
  std::string cause;
  bool retriable = false;  // the same may succeed later
  std::string hint;        // what to do next; may be empty

  // One line for a person.
  std::string to_string() const;
};

template <class T>
using Expected = std::expected<T, Error>;

}  // namespace moldau::sdk
