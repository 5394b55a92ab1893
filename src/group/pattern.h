// Regular expressions that members subscribe with (KIP-848, RE2's syntax). A topic's whole name must match.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "group/topics.h"

namespace moldau::group {

// Why it is none; nothing when it is one.
std::optional<std::string> why_no_pattern(const std::string& pattern);
// The names that match. REQUIRES: it is a pattern; else: none.
std::set<std::string> matching(const std::string& pattern, const Topics& topics);

}  // namespace moldau::group
