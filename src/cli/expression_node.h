// The inside of Expression: a condition as a tree.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/expression.h"

namespace re2 {
class RE2;
}

namespace moldau::cli {

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

struct Expression::Node {
  Join join = Join::leaf;
  std::vector<std::shared_ptr<const Node>> parts;  // of a join
  // Of a leaf.
  std::vector<std::string> path;
  Operator op = Operator::truth;
  Literal literal;
  std::shared_ptr<re2::RE2> pattern;

  bool matches(const Json& object) const;

 private:
  const Json* found(const Json& object) const;
  bool holds_for(const Json* value) const;
};

}  // namespace moldau::cli
