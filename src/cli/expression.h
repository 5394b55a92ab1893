// Conditions on JSON objects: --filter on the rows of a table, --where on records.
//
//   partitions > 3 AND name = "orders*"        value.level == "error" || key =~ "^a"
//   NOT internal      headers.trace:*          (a = 1 OR b = 2) AND c != 3
//
//   fields are paths: value.user.id, headers["x-y"]; literals are numbers, true, false, null and words, with
//   quotes where they have blanks. = == != < <= > >= compare (numbers as numbers); = knows * in a word or
//   string; : asks whether a list, text or object contains the word, or with * whether the field is there;
//   =~ searches a pattern (RE2). AND && OR || NOT ! - and parentheses join; AND and OR side by side without
//   parentheses are refused, as languages do not agree on what that means. A field alone asks for true.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/json.h"
#include "cli/trouble.h"

namespace moldau::cli {

class Expression {
 public:
  // `flag`: for the usage error, which tells where the text stops making sense.
  static Answer<Expression> parse(std::string_view text, std::string_view flag);

  bool matches(const Json& object) const;
  // The first words of its paths, each once.
  const std::vector<std::string>& fields() const { return fields_; }

  struct Node;

 private:
  explicit Expression(std::shared_ptr<const Node> root, std::vector<std::string> fields)
      : root_(std::move(root)), fields_(std::move(fields)) {}
  std::shared_ptr<const Node> root_;
  std::vector<std::string> fields_;
};

}  // namespace moldau::cli
