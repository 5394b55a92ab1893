#include "replication/throttle.h"

#include <charconv>

namespace moldau::replication {
namespace {

std::optional<std::int32_t> number(std::string_view text) {
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

ThrottledReplicas ThrottledReplicas::parse(std::string_view text, PartitionIndex partition) {
  ThrottledReplicas throttled;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view item = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (item == "*") throttled.all_ = true;
    const std::size_t colon = item.find(':');
    if (colon == std::string_view::npos || number(item.substr(0, colon)) != partition) continue;
    if (const auto replica = number(item.substr(colon + 1))) throttled.replicas_.push_back(*replica);
  }
  return throttled;
}

}  // namespace moldau::replication
