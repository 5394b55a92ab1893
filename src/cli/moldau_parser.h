// The command lines of `moldau …`: which command, and its flags by CLI11.
#pragma once

#include <span>

#include "cli/command.h"

namespace moldau::cli {

struct Chosen {
  const Command* command = nullptr;  // null: none, or only its noun was named
  std::vector<std::string> rest;     // the words without the command's own
  std::vector<std::string> named;    // what was taken for noun and verb, as typed
};
// Global flags may stand before the noun.
Chosen choose_command(std::span<const std::string> words);

// Errors have Exit::usage.
Answer<Arguments> parse_moldau_words(const Command& command, const std::vector<std::string>& words);

// The candidate that a typing error most likely meant, or "".
std::string nearest_of(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace moldau::cli
