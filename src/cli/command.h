// The command tables: everything that can be typed, once. Parsing, help, --help-json and shell completion
// read them.
#pragma once

#include <span>
#include <string_view>
#include <variant>

#include "cli/session.h"

namespace moldau::cli {

using LocalTask = Answer<Exit> (*)(Session&);

struct Command {
  std::string_view name;               // "topic create", "kafka-topics"; nouns of more words with a blank
  std::string_view summary;            // one line
  std::string_view words;              // "TOPIC...": for the usage line; "" takes none
  Complete complete = Complete::none;  // of the words
  std::vector<Flag> flags;
  std::variant<LocalTask, ClusterTask> task;
  bool hidden = false;
};

// `moldau <name>`.
std::span<const Command> moldau_commands();
// Parts of them: `moldau topic …`, produce and consume; `moldau group …`; `moldau cluster …`, quorum, node
// and doctor; `moldau perf …`; `moldau dev …`.
std::vector<Command> topic_commands();
std::vector<Command> group_commands();
std::vector<Command> cluster_commands();
std::vector<Command> dev_commands();
std::vector<Command> perf_commands();
inline constexpr std::string_view kCodecs = "none,gzip,snappy,lz4,zstd";
// Flags that every `moldau` command takes.
std::span<const Flag> global_flags();

// Tools under Kafka's names, without ".sh".
std::span<const Command> kafka_commands();
const Command* find_kafka_command(std::string_view name);
// Every name that links are made for: also of tools that only say why they are not there.
std::vector<std::string> kafka_names();
// Of them, those that are not served.
std::vector<std::string_view> missing_names();
// Why a name of Kafka's is not served: one line; empty when it is no such name.
std::string_view missing_tool(std::string_view name);

// Aliases that people type: "ls", "rm", "topics" … The word itself when it is none.
std::string_view canonical_noun(std::string_view word);
std::string_view canonical_verb(std::string_view word);

}  // namespace moldau::cli
