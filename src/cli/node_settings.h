// The settings of a node of this machine, from the flags of start, stop and status.
#pragma once

#include "cli/session.h"
#include "cli/text_file.h"

namespace moldau::cli {

// Files, environment and flags. `file_kind`: when the file's name does not tell.
config::Loaded load_settings(const Session& session, std::optional<std::string> file,
                             std::vector<std::string> set, std::optional<config::FileKind> file_kind = {});
// --config, --set, --data-dir and the other flags of start; the session's own, or those of another process.
config::Loaded load_settings_of_flags(const Session& session);
config::Loaded load_settings_of_flags(const Session& session, const Arguments& flags);
// Those that a node's process was started with, as far as its command line tells. Nothing when it is no node
// or cannot be read.
std::optional<config::Settings> settings_of_process(const Session& session,
                                                    const Environment::Process& process);
bool is_node_process(const Environment::Process& process);
// All that is wrong, as one Trouble with the exit code of bad_config.
Answer<config::Settings> usable_settings(Session& session, config::Loaded loaded);

// What the pid file of the data folder says. Not found: there is none.
Result<std::int64_t> read_pid(const Invocation& invocation, const std::string& data_dir);
// Whether the process is there and a node (not another program that got its id later).
bool is_running_node(Environment& environment, std::int64_t pid);

// Kafka's property files: always FileKind::properties unless the name ends in .yaml or .yml.
std::optional<config::FileKind> kafka_file_kind(const std::string& path);

Answer<Exit> start_with(Session& session, config::Loaded loaded, bool daemon);

}  // namespace moldau::cli
