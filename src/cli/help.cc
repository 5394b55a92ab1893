#include "cli/help.h"

#include <algorithm>

#include "cli/json.h"

namespace moldau::cli {
namespace {

struct Line {
  std::string left;
  std::string_view right;
};

std::string in_columns(const std::vector<Line>& lines) {
  std::size_t width = 0;
  for (const Line& line : lines) width = std::max(width, std::min<std::size_t>(line.left.size(), 34));
  std::string out;
  for (const Line& line : lines) {
    out += "  " + line.left;
    if (line.left.size() > width)
      out += "\n" + std::string(width + 2, ' ');
    else
      out.append(width - line.left.size(), ' ');
    out += "  " + std::string(line.right) + "\n";
  }
  return out;
}

std::string left_of(const Flag& flag) {
  std::string out;
  for (const std::string_view name : flag.spellings()) out += (out.empty() ? "" : ", ") + std::string(name);
  if (!flag.is_switch()) out += " " + std::string(flag.value);
  return out;
}

std::string flags_text(std::span<const Flag> flags) {
  std::vector<Line> lines;
  for (const Flag& flag : flags) lines.push_back({left_of(flag), flag.help});
  return in_columns(lines);
}

std::string commands_of_noun(std::string_view noun) {
  std::vector<Line> lines;
  for (const Command& command : moldau_commands()) {
    if (!command.hidden && command.name.starts_with(std::string(noun) + " "))
      lines.push_back({std::string(command.name) + " " + std::string(command.words), command.summary});
  }
  if (lines.empty()) return {};
  return "moldau " + std::string(noun) + ":\n" + in_columns(lines) + "\nmoldau help " + std::string(noun) +
         " COMMAND tells more.\n";
}

constexpr std::string_view kFormatHelp =
    R"(The format language of produce -f, produce -o and consume -f (as in rpk and franz-go):

  %t %T   topic, its length            %p   partition        %[   log start offset
  %k %K   key, its length              %o   offset           %|   last stable offset
  %v %V   value, its length            %e   leader epoch     %]   high watermark
  %h{…}   headers; %k and %v inside    %d   timestamp        %x %y  producer id, epoch
  %H      number of headers            %i   count from 1     %a{compression|timestamp-type|…}

  numbers: {ascii} {hex64} … {hex4} {big64} … {big8} {little64} … {byte} {bool} {3}
  text:    {hex} {base64} {base64raw} {unpack[>iq$]} {re#…#} {json}
  time:    %d{strftime[%F %T]} %d{go[2006-01-02]}
  escapes: \t \n \r \\ \xNN %% %{ %}

  --kcat-format takes kcat's language instead: %s value, %k key, %S %K their lengths (-1: null), %R %S as
  4 bytes, %h headers as name=value,…, %t topic, %p partition, %o offset, %T timestamp

Examples: '%t %p %o %k %v\n'   '%V{big32}%v'   '%d{strftime[%FT%TZ]} %H%h{ %k=%v}\n'
)";

constexpr std::string_view kFilterHelp =
    R"(Conditions of --filter (on the rows that list and describe commands print) and of consume --where:

  partitions > 3 AND name = "orders*"     fields are compared with = == != < <= > >=; * is any text
  value.user.id == 7 OR headers.trace:*   paths reach into JSON; FIELD:* asks whether it is there
  isr:2   value =~ "^a.*z$"               : looks for a word in a list or text, =~ for a pattern (RE2)
  NOT internal   !(a = 1)   -a            also && || and parentheses; a field alone asks for true

--filter knows the fields that --format schema shows; --where knows topic, partition, offset, timestamp,
timestamp_type, key, value, headers, leader_epoch, producer_id and control.
)";

constexpr std::string_view kOffsetHelp =
    R"(Offsets of consume -o:

  start, end             from the beginning, from now on
  N, +N, -N              from offset N, N after the start, N before the end
  N:M, :M, :end          up to M (exclusive), up to what is there now
  @TIME, @T1:T2, @:T2    by time: 10, 13 or 19 digits, YYYY-MM-DD, RFC 3339, now, end,
                         -1h30m (before now); T2 also 1h30m (after T1)
)";

constexpr std::string_view kProfileHelp =
    R"(
Which cluster a command talks to, stronger first: flags (-b), -X, --profile, MOLDAU_BROKERS, MOLDAU_PROFILE,
.moldau.yaml in this folder or above it in its git repository, the current profile, localhost:9092.

  current: prod                      # ~/.config/moldau/config.yaml, or $XDG_CONFIG_HOME/moldau/config.yaml
  profiles:
    local: {brokers: [localhost:9092]}
    prod:
      brokers: [k1:9092, k2:9092]
      color: red                     # its name is shown on terminals
      confirm: always                # whatever changes the cluster asks first; --yes answers
      properties: {acks: all}        # of the client; moldau -X help shows these and all other keys
  globals: {command_timeout: 30s, dial_timeout: 3s, no_default_cluster: false}

A .moldau.yaml holds the keys of one profile, or profile: NAME.
)";

Json json_of(const Flag& flag) {
  Json::Array names;
  for (const std::string_view name : flag.spellings()) names.emplace_back(name);
  Json::Object out{{"names", std::move(names)}, {"help", flag.help}, {"repeats", flag.repeats}};
  out.emplace_back("value", flag.is_switch() ? Json() : Json(flag.value));
  Json::Array choices;
  for (std::string& choice : split(flag.choices, ',')) choices.emplace_back(std::move(choice));
  if (!choices.empty()) out.emplace_back("choices", std::move(choices));
  return out;
}

Json json_of(std::span<const Flag> flags) {
  Json::Array out;
  for (const Flag& flag : flags) out.push_back(json_of(flag));
  return out;
}

Json json_of(std::span<const Command> commands) {
  Json::Array out;
  for (const Command& command : commands) {
    if (command.hidden) continue;
    out.push_back(Json::Object{{"name", command.name},
                               {"summary", command.summary},
                               {"words", command.words},
                               {"flags", json_of(std::span<const Flag>(command.flags))}});
  }
  return out;
}

}  // namespace

std::string help_of(const Command& command, std::string_view program) {
  std::string out =
      std::string(command.summary) + "\n\nUsage: " + std::string(program) + std::string(command.name);
  if (!command.words.empty()) out += " " + std::string(command.words);
  if (!command.flags.empty())
    out += " [flags]\n\nFlags:\n" + flags_text(command.flags);
  else
    out += "\n";
  return out;
}

std::string moldau_overview() {
  std::vector<Line> lines;
  for (const Command& command : moldau_commands()) {
    if (!command.hidden) lines.push_back({std::string(command.name), command.summary});
  }
  return "Moldau: a log broker that speaks Kafka's protocol\n\nUsage: moldau COMMAND [flags]\n\nCommands:\n" +
         in_columns(lines) + "\nFlags of every command:\n" + flags_text(global_flags()) +
         "\nAlso: moldau help COMMAND; moldau help format, offsets or filter; moldau -X help; and Kafka's "
         "tools\n"
         "by their names (moldau kafka-topics …).\n";
}

std::string moldau_help(const std::vector<std::string>& words) {
  if (words.empty()) return moldau_overview();
  if (words.front() == "format") return std::string(kFormatHelp);
  if (words.front() == "filter") return std::string(kFilterHelp);
  if (words.front() == "offsets") return std::string(kOffsetHelp);
  std::string name(canonical_noun(words.front()));
  for (std::size_t i = 1; i < words.size(); ++i) name += " " + std::string(canonical_verb(words[i]));
  const std::string commands = commands_of_noun(name);
  for (const Command& command : moldau_commands()) {
    if (command.name == name)
      return help_of(command, "moldau ") + (commands.empty() ? "" : "\n" + commands) +
             "\nFlags of every command:\n" + flags_text(global_flags());
  }
  return name == "profile" ? commands + std::string(kProfileHelp) : commands;
}

std::string help_json() {
  const Json tree = Json::Object{{"commands", json_of(moldau_commands())},
                                 {"global_flags", json_of(global_flags())},
                                 {"kafka_tools", json_of(kafka_commands())}};
  return tree.to_pretty() + "\n";
}

}  // namespace moldau::cli
