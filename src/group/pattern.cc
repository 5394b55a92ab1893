#include "group/pattern.h"

#include <re2/re2.h>

namespace moldau::group {

namespace {

// A pattern comes from a member: what it may cost is bounded.
constexpr std::int64_t kMaxMemory = 1 << 20;

RE2::Options options() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  return options;
}

}  // namespace

std::optional<std::string> why_no_pattern(const std::string& pattern) {
  const RE2 compiled(pattern, options());
  if (compiled.ok()) return std::nullopt;
  return compiled.error();
}

std::set<std::string> matching(const std::string& pattern, const Topics& topics) {
  const RE2 compiled(pattern, options());
  std::set<std::string> names;
  if (!compiled.ok()) return names;
  topics.for_each_name([&](const std::string& name) {
    if (RE2::FullMatch(name, compiled)) names.insert(name);
  });
  return names;
}

}  // namespace moldau::group
