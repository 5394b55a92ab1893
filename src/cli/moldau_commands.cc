#include <algorithm>
#include <iterator>

#include "cli/command.h"
#include "cli/handlers.h"
#include "cli/profile_commands.h"
#include "cli/transaction_commands.h"

namespace moldau::cli {
namespace {

std::vector<Flag> start_flags() {
  return {
      {"-c,--config", "FILE", "moldau.yaml, or a server.properties", {}, Complete::file},
      {"--set", "K=V", "one setting; also Kafka's broker properties", {}, Complete::config_key, true},
      {"--node-id", "N", "id of this node"},
      {"--data-dir", "DIR", "where the data is", {}, Complete::file},
      {"--kafka-addr", "ADDR", "[name://]host:port to listen on, several with commas"},
      {"--advertise-kafka-addr", "ADDR", "[name://]host:port that clients are told, several with commas"},
      {"--admin-addr", "ADDR", "host:port of the admin port"},
      {"--daemon", "", "run in the background"},
  };
}

std::vector<Flag> data_dir_flags() {
  return {{"-c,--config", "FILE", "the node's configuration", {}, Complete::file},
          {"--set", "K=V", "one setting", {}, Complete::config_key, true},
          {"--data-dir", "DIR", "the node's data folder", {}, Complete::file}};
}

std::vector<Command> node_commands() {
  return {
      {"start", "Start a node", "", Complete::none, start_flags(), &start},
      {"stop", "Stop the node of a data folder", "", Complete::none,
       [] {
         auto flags = data_dir_flags();
         flags.push_back({"--wait", "DUR", "how long to wait for its end (default 60s)"});
         return flags;
       }(),
       &stop},
      {"status", "Tell whether the node of a data folder runs and is ready", "", Complete::none,
       data_dir_flags(), &status},
  };
}

std::vector<Command> local_commands() {
  return {
      {"config check",
       "Check a configuration file",
       "FILE",
       Complete::file,
       {{"--set", "K=V", "one setting", {}, Complete::config_key, true}},
       &config_check},
      {"config explain", "Explain a configuration key", "KEY...", Complete::config_key, {}, &config_explain},
      {"config print-defaults",
       "Print a configuration file with every key, its default and a line about it",
       "",
       Complete::none,
       {},
       &config_print_defaults},
      {"config convert",
       "Make a moldau.yaml of a server.properties",
       "FILE",
       Complete::file,
       {},
       &config_convert},
      {"debug dump-log",
       "Show what is in log files",
       "FILE...",
       Complete::file,
       {{"--print-data-log", "", "the records too"},
        {"--batches", "", "only the batches (default)"},
        {"--verify-index-only", "", "check index files against their segments"},
        {"--index-sanity-check", "", "check the form of index files"}},
       &dump_log},
      {"explain",
       "Explain an error, a configuration key or a state",
       "NAME...",
       Complete::explain_name,
       {},
       &explain},
      {"completion",
       "Print the completion script of a shell",
       "bash|zsh|fish",
       Complete::none,
       {},
       &completion},
      {"version", "Print the version", "", Complete::none, {{"--json", "", "as JSON"}}, &version},
      {"install-links",
       "Make links for Kafka's tool names",
       "",
       Complete::none,
       {{"--dir", "DIR", "where (default: beside the binary)", {}, Complete::file},
        {"--sh", "", "names with .sh, too"}},
       &install_links},
  };
}

std::vector<Flag> make_global_flags() {
  return {
      {"-b,--brokers,--bootstrap-server,--bootstrap-servers,-B", "ADDRS", "host:port,… to start from"},
      {"--profile", "NAME", "the cluster of this profile; see: moldau help profile", {}, Complete::profile},
      {"-X",
       "K=V",
       "a key of the profile or property of the client; -X list, -X help",
       {},
       Complete::none,
       true},
      {"--command-config", "FILE", "a client.properties", {}, Complete::file},
      {"--format", "F", "table, wide, json, jsonl, yaml, csv, tsv, name or schema", kFormats},
      {"--fields", "A,B", "only these fields"},
      {"--sort", "F[:desc]", "order of the rows"},
      {"--filter", "EXPR", "only rows for which it holds: 'partitions > 3'; see: moldau help filter"},
      {"--watch", "[DUR]", "look again every 2 s or --watch=DUR: what changed"},
      {"--color", "WHEN", "of state words: auto, always or never", "auto,always,never"},
      {"--no-heading", "", "no line of column names"},
      {"--timeout", "DUR", "how long to try (default 30s)"},
      {"-y,--yes", "", "do not ask"},
      {"-q,--quiet", "", "only data and errors"},
      {"-v,--verbose", "", "tell about connections; -vv: about every request", {}, Complete::none, true},
      {"--log-json", "", "errors and notes on stderr as JSON lines"},
      {"--no-progress", "", "no progress line"},
      {"-h,--help", "", "help for the command"},
      {"--help-json", "", "the command tables as JSON"},
  };
}

}  // namespace

std::span<const Command> moldau_commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> commands;
    for (const auto part : {node_commands, dev_commands, topic_commands, group_commands, txn_commands,
                            cluster_commands, local_commands, perf_commands, profile_commands})
      std::ranges::move(part(), std::back_inserter(commands));
    return commands;
  }();
  return kCommands;
}

std::span<const Flag> global_flags() {
  static const std::vector<Flag> kFlags = make_global_flags();
  return kFlags;
}

std::string_view canonical_noun(std::string_view word) {
  if (word == "topics") return "topic";
  if (word == "groups") return "group";
  if (word == "txns" || word == "transaction" || word == "transactions") return "txn";
  if (word == "clusters") return "cluster";
  if (word == "nodes") return "node";
  if (word == "configs") return "config";
  if (word == "profiles") return "profile";
  if (word == "tail") return "consume";
  return word;
}

std::string_view canonical_verb(std::string_view word) {
  if (word == "ls") return "list";
  if (word == "rm") return "delete";
  if (word == "log-dirs") return "logdirs";
  return word;
}

}  // namespace moldau::cli
