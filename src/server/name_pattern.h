// NamePattern: the expression that names are asked to match as a whole, as by Kafka's ListTransactions
// (KIP-1152): RE2's syntax, in which no expression takes long.
#pragma once

#include <memory>
#include <string_view>

namespace re2 {
class RE2;
}

namespace moldau::server {

class NamePattern {
 public:
  explicit NamePattern(std::string_view expression);
  ~NamePattern();
  NamePattern(const NamePattern&) = delete;
  NamePattern& operator=(const NamePattern&) = delete;

  // Whether it is an expression at all; matches() is asked of these only.
  bool valid() const;
  bool matches(std::string_view name) const;

 private:
  const std::unique_ptr<re2::RE2> expression_;
};

}  // namespace moldau::server
