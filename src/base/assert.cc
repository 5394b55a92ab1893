#include "base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace moldau {

void assertion_failed(std::string_view condition, std::string_view message, std::source_location where) {
  std::fprintf(stderr, "%s:%u: %s: assertion failed: %.*s%s%.*s\n", where.file_name(), where.line(),
               where.function_name(), static_cast<int>(condition.size()), condition.data(),
               message.empty() ? "" : ": ", static_cast<int>(message.size()), message.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace moldau
