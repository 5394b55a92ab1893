#include "server/name_pattern.h"

#include <re2/re2.h>

namespace moldau::server {
namespace {

re2::StringPiece piece(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

NamePattern::NamePattern(std::string_view expression)
    : expression_(std::make_unique<re2::RE2>(piece(expression), re2::RE2::Quiet)) {}

NamePattern::~NamePattern() = default;

bool NamePattern::valid() const { return expression_->ok(); }

bool NamePattern::matches(std::string_view name) const {
  return re2::RE2::FullMatch(piece(name), *expression_);
}

}  // namespace moldau::server
