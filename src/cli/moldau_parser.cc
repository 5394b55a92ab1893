#include "cli/moldau_parser.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace moldau::cli {
namespace {

constexpr std::size_t kMostWords = 3;  // of a command's name: "cluster config get"

const Flag* find_global(std::string_view word) {
  for (const Flag& flag : global_flags()) {
    for (const std::string_view spelling : flag.spellings()) {
      if (spelling == word) return &flag;
    }
  }
  return nullptr;
}

// The values of one flag while CLI11 fills them in.
struct Slot {
  const Flag* flag;
  std::vector<std::string> values;
  CLI::Option* option = nullptr;
};

CLI::Option* declare(CLI::App& app, Slot& slot) {
  const std::string names(slot.flag->names);
  if (slot.flag->is_switch()) return app.add_flag(names);
  // --flag or --flag=value; a word behind it is none of its.
  if (slot.flag->value_optional()) return app.add_flag(names, slot.values);
  return app.add_option(names, slot.values)->allow_extra_args(slot.flag->takes_several());
}

std::vector<std::string> spellings_of(std::span<const Flag> flags) {
  std::vector<std::string> found;
  for (const Flag& flag : flags) {
    for (const std::string_view spelling : flag.spellings()) found.emplace_back(spelling);
  }
  return found;
}

std::string hint_for(const Command& command, const std::vector<std::string>& words) {
  const auto own = spellings_of(command.flags);
  auto known = spellings_of(global_flags());
  known.insert(known.end(), own.begin(), own.end());
  for (const std::string& word : words) {
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::ranges::find(known, name) != known.end()) continue;
    if (const std::string near = nearest_of(name, known); !near.empty()) return "did you mean " + near + "?";
  }
  return "moldau help " + std::string(command.name);
}

Answer<void> check_choices(const Slot& slot) {
  if (slot.flag->choices.empty()) return {};
  const auto allowed = split(slot.flag->choices, ',');
  for (const std::string& value : slot.values) {
    if (std::ranges::find(allowed, value) != allowed.end()) continue;
    return usage_trouble("--" + std::string(slot.flag->key()) + ": \"" + value + "\" is not one of " +
                         std::string(slot.flag->choices));
  }
  return {};
}

}  // namespace

Chosen choose_command(std::span<const std::string> words) {
  Chosen chosen;
  std::vector<std::size_t> taken;
  for (std::size_t i = 0; i < words.size() && taken.size() < kMostWords; ++i) {
    const Flag* global = find_global(words[i]);
    if (global && !global->is_switch() && !global->value_optional())
      ++i;
    else if (words[i] == "--")
      break;
    else if (!words[i].starts_with('-'))
      taken.push_back(i);
  }
  std::string name;
  std::size_t used = 0;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    const std::string& word = words[taken[i]];
    chosen.named.push_back(word);
    name += (i ? " " : "") + std::string(i ? canonical_verb(word) : canonical_noun(word));
    for (const Command& command : moldau_commands()) {
      if (command.name == name) chosen.command = &command, used = i + 1;
    }
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool own = std::ranges::find(taken.begin(), taken.begin() + static_cast<std::ptrdiff_t>(used), i) !=
                     taken.begin() + static_cast<std::ptrdiff_t>(used);
    if (!own) chosen.rest.push_back(words[i]);
  }
  return chosen;
}

Answer<Arguments> parse_moldau_words(const Command& command, const std::vector<std::string>& words) {
  std::vector<Slot> slots;
  for (const Flag& flag : command.flags) slots.push_back({&flag, {}});
  // A command's own flag hides the global one of the same name.
  for (const Flag& flag : global_flags()) {
    const bool hidden = std::ranges::any_of(command.flags, [&](const Flag& own) {
      return std::ranges::any_of(own.spellings(), [&](std::string_view name) {
        const auto theirs = flag.spellings();
        return std::ranges::find(theirs, name) != theirs.end();
      });
    });
    if (!hidden) slots.push_back({&flag, {}});
  }
  std::vector<std::string> positional;
  Arguments arguments;
  try {
    CLI::App app;
    app.set_help_flag();
    for (Slot& slot : slots) slot.option = declare(app, slot);
    if (!command.words.empty()) app.add_option("words", positional);
    std::vector<std::string> reversed(words.rbegin(), words.rend());
    app.parse(reversed);
    for (Slot& slot : slots) {
      if (slot.option->count() > 0) arguments.note(slot.flag->key());
      // Without a value CLI11 says "true".
      if (slot.flag->value_optional()) std::erase(slot.values, "true");
      if (slot.flag->is_switch() && slot.flag->repeats) slot.values.resize(slot.option->count());
    }
  } catch (const CLI::ParseError& error) {
    return usage_trouble(error.what(), hint_for(command, words));
  }
  for (Slot& slot : slots) {
    if (auto checked = check_choices(slot); !checked) return std::unexpected(checked.error());
    for (std::string& value : slot.values) arguments.add(slot.flag->key(), std::move(value));
  }
  for (std::string& word : positional) arguments.add_word(std::move(word));
  return arguments;
}

std::string nearest_of(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t least = word.size() / 3 + 1;
  for (const std::string& candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j < row.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i - 1] != candidate[j - 1]);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
      }
    }
    if (row.back() <= least && (best.empty() || row.back() < least)) least = row.back(), best = candidate;
  }
  return best;
}

}  // namespace moldau::cli
