// JSON values: what commands print in every machine format, and what they read from people (RFC 8259). Bytes
// that are not UTF-8 never reach a string: callers encode them first.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace moldau::cli {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;  // in the order of insertion

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::int32_t value) : value_(std::int64_t{value}) {}
  Json(std::int16_t value) : value_(std::int64_t{value}) {}
  Json(std::size_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  const bool* as_bool() const { return std::get_if<bool>(&value_); }
  const std::int64_t* as_integer() const { return std::get_if<std::int64_t>(&value_); }
  const double* as_real() const { return std::get_if<double>(&value_); }
  const std::string* as_string() const { return std::get_if<std::string>(&value_); }
  const Array* as_array() const { return std::get_if<Array>(&value_); }
  const Object* as_object() const { return std::get_if<Object>(&value_); }
  // Of an object; null when there is none of this name.
  const Json* find(std::string_view name) const;

  std::string to_line() const;                        // one line, no blanks
  std::string to_pretty() const;                      // two blanks for each level
  std::string to_yaml(std::size_t indent = 0) const;  // with line ends
  // What a table's cell or a CSV field shows: strings as they are, lists joined by commas, null as "-".
  std::string to_cell() const;

  // Errc::invalid_argument names the position. Depth is bounded. `rest` gets what follows the value; without
  // it nothing but blanks may follow.
  static Result<Json> parse(std::string_view text, std::string_view* rest = nullptr);

  friend bool operator==(const Json&, const Json&) = default;

 private:
  void write(std::string& out, int indent) const;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// With quotes around it, escaped.
std::string quoted(std::string_view text);
bool is_utf8(std::string_view text);
std::string base64_of(std::string_view bytes, bool padded = true);
std::optional<std::string> base64_bytes(std::string_view text);  // with or without padding
std::string hex_of(std::string_view bytes);
std::optional<std::string> hex_bytes(std::string_view text);

}  // namespace moldau::cli
