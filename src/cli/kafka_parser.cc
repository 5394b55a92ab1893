#include "cli/kafka_parser.h"

#include <algorithm>

namespace moldau::cli {
namespace {

struct Written {
  std::string_view name;  // without dashes
  std::optional<std::string_view> value;
};

std::string_view without_dashes(std::string_view word) {
  word.remove_prefix(word.starts_with("--") ? 2 : 1);
  return word;
}

bool looks_like_option(std::string_view word) {
  return word.size() > 1 && word.starts_with('-') && !whole_number(word);
}

Written taken_apart(std::string_view word) {
  const std::string_view body = without_dashes(word);
  const std::size_t equals = body.find('=');
  if (equals == std::string_view::npos) return {body, std::nullopt};
  return {body.substr(0, equals), body.substr(equals + 1)};
}

class Parser {
 public:
  Parser(std::span<const Flag> flags, std::span<const std::string> words) : flags_(flags), words_(words) {}

  Answer<Arguments> parse() && {
    while (at_ < words_.size()) {
      const std::string& word = words_[at_++];
      if (word == "--") break;
      if (!looks_like_option(word)) {
        arguments_.add_word(word);
      } else if (auto done = option(word); !done) {
        return std::unexpected(std::move(done).error());
      }
    }
    for (; at_ < words_.size(); ++at_) arguments_.add_word(words_[at_]);
    return std::move(arguments_);
  }

 private:
  Answer<void> option(std::string_view word) {
    const Written written = taken_apart(word);
    const auto flag = find(written.name);
    if (!flag) return std::unexpected(flag.error());
    const Flag& found = **flag;
    arguments_.note(found.key());
    if (found.is_switch()) return {};
    if (written.value) {
      arguments_.add(found.key(), std::string(*written.value));
    } else if (found.value_optional()) {
      if (next_is_value()) take(found);
    } else if (at_ == words_.size()) {
      return usage_trouble("Option " + std::string(written.name) + " requires an argument");
    } else {
      take(found);
    }
    while (found.takes_several() && next_is_value()) take(found);
    return {};
  }

  bool next_is_value() const { return at_ < words_.size() && !looks_like_option(words_[at_]); }
  void take(const Flag& flag) { arguments_.add(flag.key(), words_[at_++]); }

  Answer<const Flag*> find(std::string_view name) const {
    std::vector<const Flag*> starting;
    for (const Flag& flag : flags_) {
      for (const std::string_view spelling : flag.spellings()) {
        const std::string_view known = without_dashes(spelling);
        if (known == name) return &flag;
        if (known.starts_with(name) && spelling.starts_with("--")) starting.push_back(&flag);
      }
    }
    starting.erase(std::unique(starting.begin(), starting.end()), starting.end());
    if (starting.size() == 1) return starting.front();
    if (starting.empty()) return usage_trouble(std::string(name) + " is not a recognized option");
    return usage_trouble(std::string(name) + " is ambiguous: --" + std::string(starting[0]->key()) +
                         " or --" + std::string(starting[1]->key()));
  }

  std::span<const Flag> flags_;
  std::span<const std::string> words_;
  std::size_t at_ = 0;
  Arguments arguments_;
};

}  // namespace

Answer<Arguments> parse_kafka_words(std::span<const Flag> flags, std::span<const std::string> words) {
  return Parser(flags, words).parse();
}

}  // namespace moldau::cli
