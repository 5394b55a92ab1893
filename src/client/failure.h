// Failure: why something that was asked of a cluster did not happen, in parts that programs react to and
// people can act on: which broker, at which step, its error code, the cause, and what to do next.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/network.h"
#include "wire/error_code.h"

namespace moldau::client {

// How far it came.
enum class Phase : std::uint8_t {
  local,      // refused here, nothing was sent
  resolve,    // the host name has no address
  connect,    // nobody answers at the address
  negotiate,  // ApiVersions: what is there does not speak Kafka, or has no version in common
  request,    // the broker was asked
};
std::string_view name_of(Phase phase);

struct Failure {
  Errc code{};
  wire::ErrorCode broker = wire::ErrorCode::none;  // the broker's answer, if it gave one
  std::string address;                             // "host:port"; empty when no broker is concerned
  Phase phase = Phase::local;
  std::string cause;       // for a person
  bool retriable = false;  // the same request may succeed later
  std::string hint;        // what to do next; may be empty

  // One line: "127.0.0.1:9092: connect: connection refused".
  std::string to_string() const;
  friend bool operator==(const Failure&, const Failure&) = default;
};

template <class T>
using Outcome = std::expected<T, Failure>;

inline std::unexpected<Failure> fail(Failure failure) { return std::unexpected<Failure>(std::move(failure)); }
// Something that was refused here.
Failure local_failure(Errc code, std::string cause, std::string hint = {});
// An error of the network at this step.
Failure network_failure(Error error, Phase phase, const std::string& address);
// An error code that a broker answered; its own words, if it gave any, come before the code's description.
Failure broker_failure(wire::ErrorCode code, std::optional<std::string_view> message = {},
                       const std::string& address = {});
// What kind of error a broker's code is.
Errc errc_of(wire::ErrorCode code);

}  // namespace moldau::client
