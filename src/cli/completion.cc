#include "cli/completion.h"

#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/key_text.h"
#include "cli/moldau_parser.h"
#include "cli/profile_file.h"
#include "config/catalogue.h"

namespace moldau::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion for moldau
_moldau() {
  local IFS=$'\n'
  COMPREPLY=($(moldau __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _moldau moldau
)";

constexpr std::string_view kZsh = R"(#compdef moldau
_moldau() {
  local -a found
  found=("${(@f)$(moldau __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found || _files
}
compdef _moldau moldau
)";

constexpr std::string_view kFish = R"(# fish completion for moldau
function __moldau_complete
  set -l words (commandline -opc) (commandline -ct)
  moldau __complete -- $words[2..-1] 2>/dev/null
end
complete -c moldau -f -a '(__moldau_complete)'
)";

// Names of commands word by word: after "topic" its verbs.
std::vector<std::string> next_words(const std::vector<std::string>& before) {
  std::vector<std::string> out;
  for (const Command& command : moldau_commands()) {
    const auto words = split(command.name, ' ');
    if (command.hidden || words.size() <= before.size()) continue;
    if (!std::equal(before.begin(), before.end(), words.begin())) continue;
    if (std::ranges::find(out, words[before.size()]) == out.end()) out.push_back(words[before.size()]);
  }
  return out;
}

const Flag* find_flag(const Command* command, std::string_view word) {
  const auto has = [&](const Flag& flag) {
    const auto names = flag.spellings();
    return std::ranges::find(names, word) != names.end();
  };
  if (command) {
    if (const auto at = std::ranges::find_if(command->flags, has); at != command->flags.end()) return &*at;
  }
  const auto global = global_flags();
  const auto at = std::ranges::find_if(global, has);
  return at == global.end() ? nullptr : &*at;
}

constexpr std::int64_t kCachedForMs = 5'000;

// Names that a cluster told are kept for the next keys that are pressed: the first line says when they were
// asked for, and every other one is a name. One file for each list of brokers.
std::string cache_path(const Session& session) {
  const auto& process = session.invocation.process;
  const auto cache = process.environment.find("XDG_CACHE_HOME");
  const std::string folder = cache != process.environment.end() && cache->second.starts_with('/')
                                 ? cache->second
                                 : process.home + "/.cache";
  const auto brokers = session.properties.find("bootstrap.servers");
  return folder + "/moldau/topics-" + hex_of(brokers == session.properties.end() ? "" : brokers->second);
}

std::optional<std::vector<std::string>> cached_topics(const Session& session, TimestampMs now) {
  const auto text = session.invocation.process.read_file(cache_path(session));
  if (!text) return std::nullopt;
  std::vector<std::string> lines = split(*text, '\n');
  const auto asked_at = lines.empty() ? std::nullopt : whole_number(lines.front());
  if (!asked_at || *asked_at > now || now - *asked_at > kCachedForMs) return std::nullopt;
  lines.erase(lines.begin());
  return lines;
}

runtime::Task<void> keep_topics(ClusterSession& session, const std::vector<std::string>& names) {
  std::string text = std::to_string(session.world.wall_clock().now_ms()) + "\n";
  for (const std::string& name : names) text += name + "\n";
  const std::string path = cache_path(session.session);
  co_await session.world.pool().run(runtime::Lane::background, session.executor(), [&] {
    runtime::Disk& disk = session.world.disk();
    if (disk.create_directories(runtime::directory_of(path)))
      static_cast<void>(runtime::write_file_atomically(disk, path, as_bytes(text)));
  });
}

void offer_names(Session& session, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (name.starts_with(session.arguments.text("prefix"))) session.out.line(name);
  }
}

ClusterAnswer print_topics(ClusterSession& session) {
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return Exit::failed;
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) {
    if (!topic.internal) names.push_back(topic.name);
  }
  offer_names(session.session, names);
  session.out().flush();
  co_await keep_topics(session, names);
  co_return Exit::done;
}

// Asks the cluster, for 300 ms at most: completion must not hang.
void offer_topics(Session& session, const std::string& prefix) {
  session.arguments.add("prefix", prefix);
  if (!resolve_properties(session)) return;
  session.properties["default.api.timeout"] = "300ms";
  const auto from_cache = run_on_world(session, [&](Context context) -> ClusterAnswer {
    const auto names = cached_topics(session, context.world.wall_clock().now_ms());
    if (names) offer_names(session, *names);
    co_return names ? Exit::done : Exit::not_found;
  });
  if (!from_cache || *from_cache != Exit::done) static_cast<void>(run_on_cluster(session, print_topics));
}

void offer(Session& session, const std::vector<std::string>& candidates, const std::string& prefix) {
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(prefix)) session.out.line(candidate);
  }
}

std::vector<std::string> config_keys() {
  std::vector<std::string> names;
  for (const auto keys : {config::topic_keys(), config::broker_keys(), config::own_keys()}) {
    for (const config::Key& key : keys) names.emplace_back(key.name);
  }
  return names;
}

void offer_profiles(Session& session, const std::string& prefix) {
  const auto file = read_profiles(session.invocation);
  if (!file) return;
  std::vector<std::string> names;
  for (const auto& [name, profile] : file->value.profiles) names.push_back(name);
  offer(session, names, prefix);
}

void offer_values(Session& session, Complete kind, std::string_view choices, const std::string& prefix) {
  offer(session, split(choices, ','), prefix);
  switch (kind) {
    case Complete::topic:
      return offer_topics(session, prefix);
    case Complete::config_key:
      return offer(session, config_keys(), prefix);
    case Complete::explain_name:
      return offer(session, explainable_names(), prefix);
    case Complete::profile:
      return offer_profiles(session, prefix);
    case Complete::file:
    case Complete::none:
      return;
  }
}

std::vector<std::string> flag_names(const Command* command) {
  std::vector<std::string> out;
  const auto add = [&](std::span<const Flag> flags) {
    for (const Flag& flag : flags) {
      for (const std::string_view name : flag.spellings()) {
        if (name.starts_with("--")) out.emplace_back(name);
      }
    }
  };
  if (command) add(command->flags);
  add(global_flags());
  return out;
}

}  // namespace

Exit complete_words(Session& session, const std::vector<std::string>& words) {
  const std::string prefix = words.empty() ? "" : words.back();
  const std::vector<std::string> before(words.begin(), words.end() - (words.empty() ? 0 : 1));
  const Chosen chosen = choose_command(before);
  // Flags that are there already tell which cluster to ask; a line that makes no sense yet tells nothing.
  if (chosen.command) {
    if (auto arguments = parse_moldau_words(*chosen.command, chosen.rest))
      session.arguments = std::move(*arguments);
  }
  const Flag* flag = before.empty() ? nullptr : find_flag(chosen.command, before.back());
  if (flag && !flag->is_switch() && !flag->value_optional()) {
    offer_values(session, flag->complete, flag->choices, prefix);
  } else if (prefix.starts_with('-')) {
    offer(session, flag_names(chosen.command), prefix);
  } else {
    std::vector<std::string> typed;
    for (const std::string& word : chosen.named)
      typed.emplace_back(typed.empty() ? canonical_noun(word) : canonical_verb(word));
    offer(session, next_words(typed), prefix);
    if (chosen.command) offer_values(session, chosen.command->complete, "", prefix);
  }
  session.out.flush();
  return Exit::done;
}

Answer<Exit> completion(Session& session) {
  const auto& words = session.arguments.words();
  const std::string shell = words.empty() ? "" : words.front();
  if (shell == "bash")
    session.out.put(kBash);
  else if (shell == "zsh")
    session.out.put(kZsh);
  else if (shell == "fish")
    session.out.put(kFish);
  else
    return usage_trouble("completion for which shell?", "bash, zsh or fish");
  return Exit::done;
}

}  // namespace moldau::cli
