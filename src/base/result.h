// Result<T>: a value or an Error that the caller handles. No exception crosses a room's boundary.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace moldau {

// What a caller may react to. A code exists only if some caller treats it differently from the others.
enum class Errc {
  invalid_argument,  // a value given by a person, a file or a peer is outside its domain
  corrupt,           // bytes do not have the form or the checksum that they must have
  truncated,         // bytes end before the value does
  not_found,
  already_exists,
  io,              // the device or the operating system failed
  no_space,        // ENOSPC, EDQUOT
  no_descriptors,  // EMFILE, ENFILE
  permission,
  locked,  // another process holds the lock
  address_in_use,
  connection_refused,
  connection_closed,  // by the peer, or reset
  timed_out,
  cancelled,    // the owner closed it while the caller waited
  would_block,  // a cached read would have touched the device
  too_large,    // over a limit that the message names
  unsupported,
  mismatch,     // identity differs: another cluster, node, topic id
  unavailable,  // not now; a later try may do
};

std::string_view name_of(Errc code);

// A handled error: what failed and why, in words for a person. `code` is what programs react to.
struct Error {
  Errc code;
  std::string message;

  // The same error with the caller's own words before it: "open /data/x: permission denied".
  Error within(std::string_view context) &&;
  friend bool operator==(const Error&, const Error&) = default;
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> fail(Errc code, std::string message) {
  return std::unexpected<Error>(Error{code, std::move(message)});
}
inline std::unexpected<Error> fail(Error error) { return std::unexpected<Error>(std::move(error)); }

// Error for an errno value after a failed system call: "WHAT: strerror".
Error error_from_errno(int error_number, std::string_view what);

}  // namespace moldau

#define MOLDAU_CONCAT_(a, b) a##b
#define MOLDAU_CONCAT(a, b) MOLDAU_CONCAT_(a, b)

// TRY(expression): returns the error to the caller (also from a coroutine with CO_TRY), else goes on.
#define TRY(...)                                                                                    \
  do {                                                                                              \
    if (auto status_ = (__VA_ARGS__); !status_) return std::unexpected(std::move(status_).error()); \
  } while (false)
#define CO_TRY(...)                                                                                    \
  do {                                                                                                 \
    if (auto status_ = (__VA_ARGS__); !status_) co_return std::unexpected(std::move(status_).error()); \
  } while (false)

// ASSIGN_OR_RETURN(auto x, expression): declares x from the value, or returns the error.
#define ASSIGN_OR_RETURN(declaration, ...)                                       \
  auto MOLDAU_CONCAT(result_, __LINE__) = (__VA_ARGS__);                         \
  if (!MOLDAU_CONCAT(result_, __LINE__))                                         \
    return std::unexpected(std::move(MOLDAU_CONCAT(result_, __LINE__)).error()); \
  declaration = std::move(*MOLDAU_CONCAT(result_, __LINE__))
#define CO_ASSIGN_OR_RETURN(declaration, ...)                                       \
  auto MOLDAU_CONCAT(result_, __LINE__) = (__VA_ARGS__);                            \
  if (!MOLDAU_CONCAT(result_, __LINE__))                                            \
    co_return std::unexpected(std::move(MOLDAU_CONCAT(result_, __LINE__)).error()); \
  declaration = std::move(*MOLDAU_CONCAT(result_, __LINE__))
