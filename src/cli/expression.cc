#include "cli/expression.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/arguments.h"
#include "cli/expression_node.h"

namespace moldau::cli {
namespace {

std::optional<double> number_of(const Json& value) {
  if (const auto* whole = value.as_integer()) return static_cast<double>(*whole);
  if (const auto* real = value.as_real()) return *real;
  return std::nullopt;
}

std::optional<double> number_of(const Literal& literal) {
  if (literal.quoted) return std::nullopt;
  double value = 0;
  const char* end = literal.text.data() + literal.text.size();
  const auto [stop, error] = std::from_chars(literal.text.data(), end, value);
  return error == std::errc() && stop == end && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::string text_of(const Json& value) {
  const std::string* text = value.as_string();
  return text ? *text : value.to_line();
}

// A star stands for any text.
bool matches_stars(std::string_view text, std::string_view pattern) {
  const auto pieces = split(pattern, '*');
  if (pattern.find('*') == std::string_view::npos) return text == pattern;
  if (!pattern.starts_with('*') && !text.starts_with(pieces.front())) return false;
  std::size_t at = 0;
  for (const std::string& piece : pieces) {
    const std::size_t found = text.find(piece, at);
    if (found == std::string_view::npos) return false;
    at = found + piece.size();
  }
  return pattern.ends_with('*') || text.ends_with(pieces.back());
}

bool equal(const Json& value, const Literal& wanted) {
  if (value.is_null()) return !wanted.quoted && wanted.text == "null";
  const auto left = number_of(value), right = number_of(wanted);
  if (left && right) return *left == *right;
  return matches_stars(text_of(value), wanted.text);
}

bool contains(const Json& value, const Literal& wanted) {
  if (!wanted.quoted && wanted.text == "*") return !value.is_null();
  if (const auto* items = value.as_array())
    return std::ranges::any_of(*items, [&](const Json& item) { return equal(item, wanted); });
  if (value.as_object()) return value.find(wanted.text) != nullptr;
  return !value.is_null() && text_of(value).find(wanted.text) != std::string::npos;
}

int compare(const Json& value, const Literal& wanted) {
  const auto left = number_of(value), right = number_of(wanted);
  if (left && right) return *left < *right ? -1 : *left > *right;
  return text_of(value).compare(wanted.text);
}

bool is_true(const Json& value) {
  if (const bool* known = value.as_bool()) return *known;
  if (const auto* items = value.as_array()) return !items->empty();
  const auto number = number_of(value);
  return number ? *number != 0 : !value.is_null() && text_of(value) != "";
}

}  // namespace

bool Expression::Node::matches(const Json& object) const {
  const auto holds = [&](const auto& part) { return part->matches(object); };
  switch (join) {
    case Join::all:
      return std::ranges::all_of(parts, holds);
    case Join::any:
      return std::ranges::any_of(parts, holds);
    case Join::none:
      return std::ranges::none_of(parts, holds);
    case Join::leaf:
      return holds_for(found(object));
  }
  return false;
}

const Json* Expression::Node::found(const Json& object) const {
  const Json* at = &object;
  for (const std::string& name : path) {
    at = at->find(name);
    if (!at) return nullptr;
  }
  return at;
}

bool Expression::Node::holds_for(const Json* value) const {
  if (!value)
    return op == Operator::unequal || (op == Operator::equal && !literal.quoted && literal.text == "null");
  switch (op) {
    case Operator::truth:
      return is_true(*value);
    case Operator::equal:
      return equal(*value, literal);
    case Operator::unequal:
      return !equal(*value, literal);
    case Operator::has:
      return contains(*value, literal);
    case Operator::pattern:
      return !value->is_null() && RE2::PartialMatch(text_of(*value), *pattern);
    default:
      break;
  }
  if (value->is_null()) return false;
  const int order = compare(*value, literal);
  return op == Operator::less         ? order < 0
         : op == Operator::less_equal ? order <= 0
         : op == Operator::more       ? order > 0
                                      : order >= 0;
}

bool Expression::matches(const Json& object) const { return root_->matches(object); }

}  // namespace moldau::cli
