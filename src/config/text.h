// Small text helpers of this room.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace moldau::config {

std::string_view trimmed(std::string_view text);
std::string lower(std::string_view text);
std::string upper(std::string_view text);
bool equal_ignoring_case(std::string_view a, std::string_view b);
// Of a listener, or the rest of a key of which the catalogue knows the beginning: letters, digits, '_', '-'
// and '.'.
bool is_name(std::string_view text);
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

template <class List, class T>
bool has(const List& list, const T& value) {
  return std::ranges::find(list, value) != std::ranges::end(list);
}

// A whole decimal number and nothing else; a leading '+' is allowed, as in Java.
std::optional<std::int64_t> parse_integer(std::string_view text);
// A finite decimal number and nothing else.
std::optional<double> parse_real(std::string_view text);
// "4096", "512MiB", "512M" (both 2^20), "1GB" (10^9); bytes.
std::optional<std::int64_t> parse_size(std::string_view text);
// The shortest exact form that parse_size reads: "256MiB".
std::string size_text(std::uint64_t bytes);

}  // namespace moldau::config
