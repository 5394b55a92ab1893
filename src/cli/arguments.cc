#include "cli/arguments.h"

#include <charconv>

namespace moldau::cli {

std::vector<std::string_view> Flag::spellings() const {
  std::vector<std::string_view> found;
  std::string_view rest = names;
  while (!rest.empty()) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    found.push_back(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return found;
}

std::string_view Flag::key() const {
  const auto all = spellings();
  for (const std::string_view name : all) {
    if (name.starts_with("--")) return name.substr(2);
  }
  return all.front().substr(1);
}

std::optional<std::string> Arguments::find(std::string_view key) const {
  const auto at = flags_.find(key);
  if (at == flags_.end() || at->second.empty()) return std::nullopt;
  return at->second.back();
}

std::string Arguments::text(std::string_view key, std::string_view otherwise) const {
  return find(key).value_or(std::string(otherwise));
}

const std::vector<std::string>& Arguments::all(std::string_view key) const {
  static const std::vector<std::string> kNone;
  const auto at = flags_.find(key);
  return at == flags_.end() ? kNone : at->second;
}

Answer<std::optional<std::int64_t>> Arguments::number(std::string_view key, std::int64_t least,
                                                      std::int64_t most) const {
  const auto given = find(key);
  if (!given) return std::nullopt;
  const auto value = whole_number(*given);
  if (value && *value >= least && *value <= most) return value;
  std::string range = " is not a whole number of at least " + std::to_string(least);
  if (most != INT64_MAX) range += " and at most " + std::to_string(most);
  return usage_trouble("--" + std::string(key) + ": \"" + *given + "\"" + range);
}

Answer<std::int64_t> Arguments::number_or(std::string_view key, std::int64_t otherwise, std::int64_t least,
                                          std::int64_t most) const {
  auto given = number(key, least, most);
  if (!given) return std::unexpected(std::move(given).error());
  return given->value_or(otherwise);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

namespace {

std::optional<std::int64_t> unit_ns(std::string_view unit) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  if (unit == "ns") return 1;
  if (unit == "us") return 1'000;
  if (unit == "ms") return 1'000'000;
  if (unit == "s" || unit.empty()) return kSecond;
  if (unit == "m") return 60 * kSecond;
  if (unit == "h") return 3600 * kSecond;
  if (unit == "d") return 86'400 * kSecond;
  return std::nullopt;
}

}  // namespace

std::optional<runtime::Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  double total_ns = 0;
  while (!text.empty()) {
    double count = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), count, std::chars_format::fixed);
    if (error != std::errc{} || count < 0 || text.front() == '-') return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const auto unit = unit_ns(text.substr(0, letters));
    if (!unit) return std::nullopt;
    total_ns += count * static_cast<double>(*unit);
    text.remove_prefix(letters);
  }
  if (total_ns > 9.0e18) return std::nullopt;
  return runtime::Duration(static_cast<std::int64_t>(total_ns));
}

Answer<std::optional<runtime::Duration>> Arguments::duration(std::string_view key) const {
  const auto text = find(key);
  if (!text) return std::nullopt;
  if (const auto duration = parse_duration(*text)) return duration;
  return usage_trouble("--" + std::string(key) + ": \"" + *text + "\" is no duration",
                       "for example 30s or 500ms");
}

Answer<runtime::Duration> Arguments::duration_or(std::string_view key, runtime::Duration otherwise) const {
  const auto found = duration(key);
  if (!found) return std::unexpected(found.error());
  return found->value_or(otherwise);
}

Answer<std::pair<std::string, std::string>> key_value(std::string_view text, std::string_view flag) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return usage_trouble(std::string(flag) + ": \"" + std::string(text) + "\" is not key=value");
  return std::pair(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
}

}  // namespace moldau::cli
