// Trouble: why a command failed, in the three parts that a person needs: what failed, why, and what to do
// next.
//
//   error: cannot reach broker at localhost:9092
//     cause: connection refused
//     hint: is the node running? Start one with: moldau start
#pragma once

#include <expected>
#include <string>

#include "base/result.h"
#include "cli/cli.h"

namespace moldau::cli {

struct Trouble {
  Exit exit = Exit::failed;
  std::string what;
  std::string cause;  // may be empty
  std::string hint;   // may be empty

  std::string to_string() const;  // the lines above, with line ends
  std::string one_line() const;   // "what: cause"
};

template <class T>
using Answer = std::expected<T, Trouble>;

inline std::unexpected<Trouble> trouble(Exit exit, std::string what, std::string cause = {},
                                        std::string hint = {}) {
  return std::unexpected(Trouble{exit, std::move(what), std::move(cause), std::move(hint)});
}
inline std::unexpected<Trouble> trouble(Trouble what) { return std::unexpected(std::move(what)); }
inline std::unexpected<Trouble> usage_trouble(std::string what, std::string hint = {}) {
  return trouble(Exit::usage, std::move(what), {}, std::move(hint));
}
// Moves the value, or else the trouble, where it belongs: for one condition over several answers.
template <class T>
bool take(Answer<T> from, T& into, Trouble& why) {
  if (from)
    into = std::move(*from);
  else
    why = std::move(from).error();
  return from.has_value();
}
// A file or the device failed.
Trouble trouble_of(const Error& error, std::string what);

}  // namespace moldau::cli
