#include <re2/re2.h>

#include <algorithm>
#include <cctype>

#include "cli/expression_node.h"

namespace moldau::cli {
namespace {

constexpr unsigned kMostDepth = 64;

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

}  // namespace moldau::cli
