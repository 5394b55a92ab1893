#include "cli/expression.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cli/arguments.h"

namespace moldau::cli {
namespace {

constexpr unsigned kMostDepth = 64;

enum class Operator : std::uint8_t {
  truth,
  equal,
  unequal,
  less,
  less_equal,
  more,
  more_equal,
  has,
  pattern
};
enum class Join : std::uint8_t { leaf, all, any, none };

struct Literal {
  std::string text;
  bool quoted = false;
};

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

struct Expression::Node {
  Join join = Join::leaf;
  std::vector<std::shared_ptr<const Node>> parts;
  std::vector<std::string> path;
  Operator op = Operator::truth;
  Literal literal;
  std::shared_ptr<RE2> pattern;

  bool matches(const Json& object) const {
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

 private:
  const Json* found(const Json& object) const {
    const Json* at = &object;
    for (const std::string& name : path) {
      at = at->find(name);
      if (!at) return nullptr;
    }
    return at;
  }

  bool holds_for(const Json* value) const {
    if (!value) return op == Operator::unequal || (op == Operator::equal && literal.text == "null");
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
};

namespace {

using Node = Expression::Node;
using NodePtr = std::shared_ptr<const Node>;

class Parser {
 public:
  Parser(std::string_view text, std::string_view flag) : text_(text), flag_(flag) {}
  std::vector<std::string> fields;

  Answer<NodePtr> whole() {
    auto node = sequence(0);
    if (node && !rest().empty()) return wrong("AND, OR or the end");
    return node;
  }

 private:
  std::string_view rest() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return text_.substr(at_);
  }
  std::unexpected<Trouble> wrong(std::string_view expected) {
    const std::string_view left = rest();
    return usage_trouble(std::string(flag_) + ": expected " + std::string(expected) + " at \"" +
                             std::string(left.substr(0, 30)) + "\"",
                         "for example: --" + std::string(flag_.substr(2)) +
                             (flag_ == "--where" ? " 'value.level == \"error\"'" : " 'partitions > 3'"));
  }
  static bool in_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || std::string_view("_-+*.%/@").contains(c) ||
           (c & 0x80) != 0;
  }
  bool take(std::string_view token) {
    const std::string_view left = rest();
    if (!left.starts_with(token)) return false;
    const bool is_word = std::isalpha(static_cast<unsigned char>(token[0]));
    if (is_word && left.size() > token.size() && in_word(left[token.size()])) return false;
    at_ += token.size();
    return true;
  }

  Answer<NodePtr> sequence(unsigned depth) {
    auto node = std::make_shared<Node>();
    for (;;) {
      auto part = negated(depth);
      if (!part) return part;
      node->parts.push_back(std::move(*part));
      const bool all = take("AND") || take("&&");
      if (!all && !take("OR") && !take("||")) break;
      const Join join = all ? Join::all : Join::any;
      if (node->join != Join::leaf && node->join != join)
        return usage_trouble(std::string(flag_) + ": AND and OR side by side", "put parentheses around one");
      node->join = join;
    }
    if (node->parts.size() == 1) return node->parts.front();
    return node;
  }

  Answer<NodePtr> negated(unsigned depth) {
    if (depth > kMostDepth) return wrong("less depth");
    const bool negative = take("NOT") || (!rest().starts_with("!=") && take("!")) || take("-");
    auto inner = negative ? negated(depth + 1) : simple(depth);
    if (!inner || !negative) return inner;
    auto node = std::make_shared<Node>();
    node->join = Join::none;
    node->parts.push_back(std::move(*inner));
    return node;
  }

  Answer<NodePtr> simple(unsigned depth) {
    if (!take("(")) return comparison();
    auto inner = sequence(depth + 1);
    if (inner && !take(")")) return wrong("a closing parenthesis");
    return inner;
  }

  Answer<NodePtr> comparison() {
    auto node = std::make_shared<Node>();
    if (!path(node->path)) return wrong("a field");
    if (std::ranges::find(fields, node->path.front()) == fields.end()) fields.push_back(node->path.front());
    static constexpr std::pair<std::string_view, Operator> kOperators[] = {
        {"==", Operator::equal},      {"!=", Operator::unequal}, {"<=", Operator::less_equal},
        {">=", Operator::more_equal}, {"=~", Operator::pattern}, {"=", Operator::equal},
        {"<", Operator::less},        {">", Operator::more},     {":", Operator::has}};
    for (const auto& [token, op] : kOperators) {
      if (!take(token)) continue;
      node->op = op;
      if (!literal(node->literal)) return wrong("a value");
      if (op != Operator::pattern) return node;
      node->pattern = std::make_shared<RE2>(node->literal.text, RE2::Quiet);
      if (!node->pattern->ok())
        return usage_trouble(std::string(flag_) + ": bad pattern: " + node->pattern->error());
      return node;
    }
    return node;
  }

  bool path(std::vector<std::string>& names) {
    for (;;) {
      const std::string_view left = rest();
      std::size_t end = 0;
      while (end < left.size() && (std::isalnum(static_cast<unsigned char>(left[end])) || left[end] == '_' ||
                                   (left[end] == '-' && end > 0) || (left[end] & 0x80) != 0))
        ++end;
      if (end == 0) return false;
      names.emplace_back(left.substr(0, end));
      at_ += end;
      while (take("[")) {
        Literal key;
        if (!literal(key) || !take("]")) return false;
        names.push_back(std::move(key.text));
      }
      if (at_ == text_.size() || text_[at_] != '.') return true;
      ++at_;
    }
  }

  bool literal(Literal& into) {
    const std::string_view left = rest();
    if (left.empty()) return false;
    if (left.front() == '"' || left.front() == '\'') return quoted_literal(left, into);
    std::size_t end = 0;
    while (end < left.size() && in_word(left[end])) ++end;
    into.text = left.substr(0, end);
    at_ += end;
    return end > 0;
  }

  bool quoted_literal(std::string_view left, Literal& into) {
    into.quoted = true;
    for (std::size_t i = 1; i < left.size(); ++i) {
      if (left[i] == left.front()) return at_ += i + 1, true;
      if (left[i] == '\\' && i + 1 < left.size() && (left[i + 1] == left.front() || left[i + 1] == '\\')) ++i;
      into.text += left[i];
    }
    return false;
  }

  std::string_view text_;
  std::string_view flag_;
  std::size_t at_ = 0;
};

}  // namespace

Answer<Expression> Expression::parse(std::string_view text, std::string_view flag) {
  Parser parser(text, flag);
  auto root = parser.whole();
  if (!root) return std::unexpected(std::move(root).error());
  return Expression(std::move(*root), std::move(parser.fields));
}

bool Expression::matches(const Json& object) const { return root_->matches(object); }

}  // namespace moldau::cli
