// Help, from the command tables.
#pragma once

#include "cli/command.h"

namespace moldau::cli {

std::string moldau_overview();
// Of a noun: its commands; of a command: usage and flags; "format", "offsets": the languages. Empty for
// anything else.
std::string moldau_help(const std::vector<std::string>& words);
std::string help_of(const Command& command, std::string_view program);
// The command tree for programs: names, summaries, flags.
std::string help_json();

}  // namespace moldau::cli
