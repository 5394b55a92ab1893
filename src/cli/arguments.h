// The words of a command line once they are sorted into flags with values and the rest. Two parsers make
// them: CLI11 for `moldau …` (moldau_parser.h), our own for Kafka's names (kafka_parser.h); both read the
// same declarations, as do help, completion and --help-json.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/trouble.h"

namespace moldau::cli {

// What completion offers for a value.
enum class Complete : std::uint8_t { none, file, topic, config_key, explain_name, profile };

struct Flag {
  std::string_view names;  // "-p,--partitions"; Arguments know it by its first long name: "partitions"
  std::string_view
      value;  // placeholder: "N"; "" a switch; "[N]" may be left out; "K=V..." takes several words
  std::string_view help;
  std::string_view choices = {};  // "none,gzip": the only values allowed
  Complete complete = Complete::none;
  bool repeats = false;  // may be given several times; else the last one counts

  bool is_switch() const { return value.empty(); }
  bool value_optional() const { return value.starts_with('['); }
  bool takes_several() const { return value.ends_with("..."); }
  std::string_view key() const;
  std::vector<std::string_view> spellings() const;  // with their dashes
};

class Arguments {
 public:
  void add(std::string_view key, std::string value) { flags_[std::string(key)].push_back(std::move(value)); }
  void note(std::string_view key) { flags_[std::string(key)]; }
  void add_word(std::string word) { words_.push_back(std::move(word)); }

  bool has(std::string_view key) const { return flags_.contains(key); }
  // The last value; empty when the flag is not there or has none.
  std::optional<std::string> find(std::string_view key) const;
  std::string text(std::string_view key, std::string_view otherwise = {}) const;
  const std::vector<std::string>& all(std::string_view key) const;
  // How often a switch that repeats was given: -vv.
  std::size_t count(std::string_view key) const { return all(key).size(); }
  // A whole number in the range, or the usage error that says so.
  Answer<std::optional<std::int64_t>> number(std::string_view key, std::int64_t least,
                                             std::int64_t most) const;
  Answer<std::int64_t> number_or(std::string_view key, std::int64_t otherwise, std::int64_t least,
                                 std::int64_t most = INT64_MAX) const;
  // "1h30m"; nothing when the flag is not there.
  Answer<std::optional<runtime::Duration>> duration(std::string_view key) const;
  Answer<runtime::Duration> duration_or(std::string_view key, runtime::Duration otherwise) const;

  const std::vector<std::string>& words() const { return words_; }

 private:
  std::map<std::string, std::vector<std::string>, std::less<>> flags_;
  std::vector<std::string> words_;
};

std::vector<std::string> split(std::string_view text, char separator);
std::optional<std::int64_t> whole_number(std::string_view text);
// "1h30m", "500ms", "30s", "2d", "250" (seconds); not negative.
std::optional<runtime::Duration> parse_duration(std::string_view text);
// "key=value"; usage error naming `flag` otherwise.
Answer<std::pair<std::string, std::string>> key_value(std::string_view text, std::string_view flag);

}  // namespace moldau::cli
