#include <algorithm>

#include "cli/arguments.h"
#include "cli/handlers.h"
#include "cli/key_text.h"
#include "cli/moldau_parser.h"
#include "config/catalogue.h"
#include "wire/error_code.h"

namespace moldau::cli {
namespace {

struct State {
  std::string_view name;
  std::string_view text;
};

constexpr State kStates[] = {
    {"isr",
     "In-sync replicas: the leader and those followers that have all its records, or had within\n"
     "replica.lag.time.max.ms. acks=all waits for all of them.\n"
     "Look with: moldau topic describe TOPIC -p"},
    {"elr",
     "Eligible leader replicas (KIP-966): replicas that left the ISR while it was at min.insync.replicas; "
     "they\n"
     "hold every committed record and may become leader without loss.\n"
     "Look with: moldau topic describe TOPIC -p --format wide"},
    {"under-replicated",
     "A partition whose ISR is smaller than its replica list: a replica is down or behind.\n"
     "Look with: moldau topic describe TOPIC --under-replicated, moldau cluster info"},
    {"leaderless",
     "A partition without a leader: every replica that may lead is down. Nothing can be produced or read.\n"
     "Look with: moldau topic describe TOPIC --unavailable, moldau cluster health"},
    {"under-min-isr",
     "A partition with fewer in-sync replicas than min.insync.replicas: acks=all gets NOT_ENOUGH_REPLICAS.\n"
     "Look with: kafka-topics --describe --under-min-isr-partitions"},
    {"fenced",
     "A broker whose heartbeats stopped, or that is starting: it leads nothing and counts in no ISR.\n"
     "Look with: moldau cluster info --nodes"},
    {"offline-log-dir",
     "A data folder that failed: its replicas are offline until the node starts with a usable folder.\n"
     "Look with: moldau cluster logdirs --by-dir"},
    {"high-watermark",
     "Up to where every in-sync replica has the records: consumers read below it.\n"
     "Look with: moldau topic offsets TOPIC"},
    {"last-stable-offset", "Up to where no transaction is open: read_committed consumers read below it."},
};

std::string_view scope_text(config::Scope scope) {
  switch (scope) {
    case config::Scope::topic:
      return "topic config";
    case config::Scope::broker:
      return "broker property of Kafka";
    case config::Scope::ours:
      return "setting of moldau.yaml";
  }
  return "";
}

std::string_view dynamic_text(const config::Key& key) {
  if (key.scope == config::Scope::topic) return "while running: moldau topic alter TOPIC --set …";
  switch (key.dynamic) {
    case config::Dynamic::read_only:
      return "at the start of a node";
    case config::Dynamic::per_broker:
      return "while running, on each broker";
    case config::Dynamic::cluster_wide:
      return "while running: moldau cluster config set …";
  }
  return "";
}

std::string key_text(const config::Key& key) {
  std::string out = std::string(key.name) + " (" + std::string(scope_text(key.scope)) + ")\n  " +
                    std::string(key.doc) + "\n";
  const auto line = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) out += "  " + std::string(name) + ": " + std::string(value) + "\n";
  };
  line("type", config::name_of(key.type));
  line("default",
       key.default_value ? (key.default_value->empty() ? "(empty)" : *key.default_value) : "(none)");
  line("range", config::range_text(key));
  line("also from", key.synonyms);
  line("changed", dynamic_text(key));
  if (key.support == config::Support::harmless) line("here", "accepted, without effect");
  if (key.support == config::Support::unsupported) line("here", "not supported");
  line("advice", key.advice);
  return out;
}

std::string error_text(wire::ErrorCode code) {
  const wire::ErrorInfo& info = wire::info_of(code);
  std::string out = std::string(info.name) + " (error " + std::to_string(static_cast<int>(code)) + ")\n  " +
                    std::string(info.description) + "\n";
  out +=
      std::string("  retriable: ") + (info.retriable ? "yes: clients try again by themselves" : "no") + "\n";
  if (info.refresh_metadata) out += "  clients look up metadata again first\n";
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == '_' || c == ' ' ? '-' : c;
  return out;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c == '-' ? '_' : c;
  return out;
}

std::optional<wire::ErrorCode> find_error(std::string_view name) {
  if (const auto number = whole_number(name); number && *number >= -1 && *number <= INT16_MAX)
    return wire::find_error(static_cast<std::int16_t>(*number));
  return wire::find_error(upper(name));
}

}  // namespace

std::string explain_key(std::string_view name) {
  std::string out;
  for (const config::Key* key :
       {config::find_own_key(name), config::find_topic_key(name), config::find_broker_key(name)}) {
    if (key) out += key_text(*key);
  }
  return out;
}

std::string explain_name(std::string_view name) {
  if (const auto code = find_error(name)) return error_text(*code);
  if (std::string text = explain_key(name); !text.empty()) return text;
  for (const State& state : kStates) {
    if (state.name == lower(name)) return std::string(state.name) + "\n" + std::string(state.text) + "\n";
  }
  return {};
}

std::vector<std::string> explainable_names() {
  std::vector<std::string> names;
  for (const wire::ErrorInfo& error : wire::errors()) names.emplace_back(error.name);
  for (const State& state : kStates) names.emplace_back(state.name);
  for (const auto keys : {config::own_keys(), config::topic_keys(), config::broker_keys()}) {
    for (const config::Key& key : keys) names.emplace_back(key.name);
  }
  return names;
}

Answer<Exit> explain(Session& session) {
  if (session.arguments.words().empty())
    return usage_trouble("explain what?",
                         "an error (NOT_LEADER_OR_FOLLOWER, 6), a configuration key, or a state (isr)");
  for (const std::string& word : session.arguments.words()) {
    const std::string text = explain_name(word);
    if (text.empty()) {
      std::string near = nearest_of(word, explainable_names());
      if (near.empty()) near = nearest_of(upper(word), explainable_names());
      return trouble(Exit::not_found, "nothing is known about " + word, {},
                     near.empty() ? "" : "did you mean " + near + "?");
    }
    session.out.put(text);
  }
  return Exit::done;
}

}  // namespace moldau::cli
