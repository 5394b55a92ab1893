#include "config/text.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>

namespace moldau::config {
namespace {

struct SizeUnit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::int64_t kKi = 1024;
constexpr std::int64_t kKilo = 1000;
constexpr std::array<SizeUnit, 13> kSizeUnits{{{"", 1},
                                               {"b", 1},
                                               {"k", kKi},
                                               {"kib", kKi},
                                               {"kb", kKilo},
                                               {"m", kKi* kKi},
                                               {"mib", kKi* kKi},
                                               {"mb", kKilo* kKilo},
                                               {"g", kKi* kKi* kKi},
                                               {"gib", kKi* kKi* kKi},
                                               {"gb", kKilo* kKilo* kKilo},
                                               {"t", kKi* kKi* kKi* kKi},
                                               {"tib", kKi* kKi* kKi* kKi}}};

template <class F>
std::string mapped(std::string_view text, F function) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [&](unsigned char c) { return static_cast<char>(function(c)); });
  return out;
}

template <class T>
std::optional<T> parse_whole(std::string_view text) {
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f\v";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  return mapped(text, [](int c) { return std::tolower(c); });
}
std::string upper(std::string_view text) {
  return mapped(text, [](int c) { return std::toupper(c); });
}
bool equal_ignoring_case(std::string_view a, std::string_view b) { return lower(a) == lower(b); }

bool is_name(std::string_view text) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  return !text.empty() && text.find_first_not_of(kAllowed) == std::string_view::npos;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (true) {
    const std::size_t at = text.find(from);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    out += to;
    text.remove_prefix(at + from.size());
  }
}

std::optional<std::int64_t> parse_integer(std::string_view text) { return parse_whole<std::int64_t>(text); }

std::optional<double> parse_real(std::string_view text) {
  const auto value = parse_whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<std::int64_t> parse_size(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_integer(text.substr(0, digits));
  const std::string unit = lower(trimmed(text.substr(digits)));
  const auto known = std::ranges::find(kSizeUnits, std::string_view(unit), &SizeUnit::name);
  std::int64_t bytes = 0;
  if (!number || known == kSizeUnits.end() || __builtin_mul_overflow(*number, known->bytes, &bytes))
    return std::nullopt;
  return bytes;
}

std::string size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kSuffixes{"", "KiB", "MiB", "GiB", "TiB"};
  std::size_t suffix = 0;
  while (bytes != 0 && bytes % 1024 == 0 && suffix + 1 < kSuffixes.size()) {
    bytes /= 1024;
    ++suffix;
  }
  return std::to_string(bytes).append(kSuffixes[suffix]);
}

}  // namespace moldau::config
