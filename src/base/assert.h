// Assertions for programmer errors. They stay on in release builds: a broken invariant stops the process
// rather than corrupt a log. Errors of peers, files, settings and people are values (base/result.h) instead.
#pragma once

#include <source_location>
#include <string_view>

namespace moldau {

// Prints the condition and where it stood to stderr, then aborts.
[[noreturn]] void assertion_failed(std::string_view condition, std::string_view message,
                                   std::source_location where = std::source_location::current());

}  // namespace moldau

#define MOLDAU_ASSERT(condition, ...)                                        \
  do {                                                                       \
    if (!(condition)) [[unlikely]]                                           \
      ::moldau::assertion_failed(#condition, std::string_view(__VA_ARGS__)); \
  } while (false)

#define MOLDAU_UNREACHABLE(...) ::moldau::assertion_failed("unreachable", std::string_view(__VA_ARGS__))
