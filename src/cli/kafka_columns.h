// Columns of Kafka's tools: text with blanks behind it.
#pragma once

#include <algorithm>
#include <string>

namespace moldau::cli {

inline std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

}  // namespace moldau::cli
