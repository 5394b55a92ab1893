#include "metadata/topic_name.h"

#include <algorithm>

namespace moldau::metadata {

namespace {

bool is_legal(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
         c == '-';
}

}  // namespace

Status validate_topic_name(std::string_view name) {
  if (name.empty())
    return fail(Errc::invalid_argument, "Topic name is invalid: the empty string is not allowed");
  if (name == "." || name == "..")
    return fail(Errc::invalid_argument, "Topic name is invalid: '" + std::string(name) + "' is not allowed");
  if (name.size() > kMaxTopicNameLength)
    return fail(Errc::invalid_argument, "Topic name is invalid: the length of '" + std::string(name) +
                                            "' is longer than the max allowed length " +
                                            std::to_string(kMaxTopicNameLength));
  if (!std::ranges::all_of(name, is_legal))
    return fail(Errc::invalid_argument, "Topic name is invalid: '" + std::string(name) +
                                            "' contains one or more characters other than ASCII "
                                            "alphanumerics, '.', '_' and '-'");
  return {};
}

bool has_collision_characters(std::string_view name) {
  return name.find_first_of("._") != std::string_view::npos;
}

std::string collision_key(std::string_view name) {
  std::string key(name);
  std::ranges::replace(key, '.', '_');
  return key;
}

bool is_internal_topic(std::string_view name) {
  return name == kOffsetsTopic || name == kTransactionStateTopic || name == kShareGroupStateTopic;
}

}  // namespace moldau::metadata
