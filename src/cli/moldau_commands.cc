#include <algorithm>
#include <iterator>

#include "cli/command.h"
#include "cli/handlers.h"
#include "cli/profile_commands.h"

namespace moldau::cli {
namespace {

const Flag kRegex{"-r,--regex", "", "the words are patterns (RE2); a whole name must match"};
const Flag kPartitionList{"-p,--partitions", "0,1,4-6", "only these partitions"};

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

std::vector<Flag> produce_flags() {
  return {
      {"-f,--format", "FMT", "how to read the input (default %v\\n); see: moldau help format"},
      {"--kcat-format", "FMT", "the same in kcat's language: '%k:%s\\n'; see: moldau help format"},
      {"--input", "FORM", "jsonl: one JSON object a line, as consume prints them", "format,jsonl"},
      {"-i,--file", "FILE", "one file is one record", {}, Complete::file, true},
      {"-k,--key", "KEY", "key of every record"},
      {"-H,--header", "K:V", "header of every record", {}, Complete::none, true},
      {"-p,--partition", "N", "partition of every record"},
      {"-z,--compression", "CODEC", "none, gzip, snappy, lz4 or zstd", kCodecs},
      {"--acks", "N", "-1 (all), 0 or 1", "-1,0,1,all"},
      {"-Z,--tombstone", "", "an empty value is null"},
      {"-o,--output-format", "FMT", "what to print for each acknowledged record; '' for nothing"},
      {"--delivery-timeout", "DUR", "how long a record may take"},
      {"--max-message-bytes", "N", "largest record and request"},
      {"--create", "", "create the topic when it is not there"},
      {"--rate", "N", "records a second"},
      {"--count", "N", "stop after so many records"},
  };
}

std::vector<Flag> consume_flags() {
  return {
      {"-o,--offset", "OFFSET", "start, end, N, N:M, :end, +N, -N, @TIME, @TIME:TIME, @-1h (default start)"},
      {"-n,--num", "N", "stop after so many records"},
      kPartitionList,
      {"-g,--group", "GROUP", "read as a member of a group"},
      kRegex,
      {"-f,--format", "FMT", "json, jsonl, raw, hex, or a format; see: moldau help format"},
      {"--kcat-format", "FMT", "a format in kcat's language: '%o %k %s\\n'; see: moldau help format"},
      {"--meta-only", "", "sizes instead of key, value and headers"},
      {"--read-committed", "", "leave aborted and open transactions out"},
      {"--rack", "RACK", "read from replicas in this rack"},
      {"--key-format", "FORM", "utf8, hex, base64, json, i32 … for JSON"},
      {"--value-format", "FORM", "utf8, hex, base64, json, i32 … for JSON"},
      {"--print-control-records", "", "commit and abort markers, too"},
      {"--grep", "RE", "only records whose value matches"},
      {"--where", "EXPR",
       "only records for which it holds: 'value.level == \"error\"'; see: moldau help filter"},
      {"--exit-at-end", "", "stop at what is there now"},
      {"--idle-exit", "DUR", "stop when nothing came for so long"},
  };
}

std::vector<Command> make_commands() {
  const Flag dry_run{"--dry-run", "", "check only, change nothing"};
  const Flag yes{"-y,--yes", "", "do not ask"};
  const Flag config{"-c,--config", "K=V", "a topic config", {}, Complete::config_key, true};
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
      {"topic list",
       "List topics",
       "",
       Complete::none,
       {{"-r,--regex", "RE", "only topics whose whole name matches"},
        {"-i,--internal", "", "internal topics too"},
        {"--detail", "", "every column, as --format wide"}},
       &topic_list},
      {"topic create",
       "Create topics",
       "TOPIC...",
       Complete::none,
       {{"-p,--partitions", "N", "partitions (default: the cluster's)"},
        {"-r,--replicas", "N", "replicas of each partition (default: the cluster's)"},
        config,
        {"--if-not-exists", "", "a topic that is there is no error"},
        {"--assign", "0:1,1:2", "replicas of each partition"},
        {"--wait", "", "until every partition has a leader"},
        dry_run},
       &topic_create},
      {"topic describe",
       "Show partitions and configs of topics",
       "TOPIC...",
       Complete::topic,
       {{"-s,--summary", "", "the summary"},
        {"-c,--configs", "", "the configs"},
        {"-p,--partitions", "", "the partitions"},
        {"-a,--all", "", "all three"},
        {"--under-replicated", "", "only partitions whose replicas are not all in sync"},
        {"--unavailable", "", "only partitions without a leader"},
        {"--under-min-isr", "", "only partitions with fewer in sync than min.insync.replicas"},
        {"--at-min-isr", "", "only partitions with just min.insync.replicas in sync"},
        kRegex},
       &topic_describe},
      {"topic alter",
       "Change configs of topics",
       "TOPIC...",
       Complete::topic,
       {{"-s,--set", "K=V", "set a config", {}, Complete::config_key, true},
        {"-d,--delete", "K", "back to the default", {}, Complete::config_key, true},
        {"--append", "K=V", "add to a list", {}, Complete::config_key, true},
        {"--subtract", "K=V", "take out of a list", {}, Complete::config_key, true},
        kRegex,
        dry_run},
       &topic_alter},
      {"topic add-partitions",
       "Add partitions to topics",
       "TOPIC...",
       Complete::topic,
       {{"-n,--partitions", "N", "how many more"}, kRegex, dry_run},
       &topic_add_partitions},
      {"topic delete", "Delete topics", "TOPIC...", Complete::topic, {kRegex, yes, dry_run}, &topic_delete},
      {"topic trim",
       "Delete the oldest records of a topic",
       "TOPIC",
       Complete::topic,
       {{"--before", "OFFSET", "up to this offset, @TIME, or end"},
        {"-f,--file", "FILE", "lines: TOPIC PARTITION OFFSET", {}, Complete::file},
        kPartitionList,
        yes,
        dry_run},
       &topic_trim},
      {"topic offsets",
       "Show where partitions begin and end",
       "TOPIC...",
       Complete::topic,
       {{"--at", "TIME", "the first offset at or after this time, too"}, kPartitionList, kRegex},
       &topic_offsets},
      {"topic analyze",
       "Show who writes topics, how fast and how well packed",
       "TOPIC...",
       Complete::topic,
       {{"-t,--time-range", "RANGE", "which batches: -1m:end (default), @TIME:TIME, or offsets: start:end"},
        {"--batches", "N", "at most so many of each partition (default 10000)"},
        {"--summary", "", "the summary"},
        {"--sizes", "", "how large batches, records, keys and values are"},
        {"--codecs", "", "the codecs"},
        {"--by-partition", "", "the partitions"},
        {"--producers", "", "the producers"},
        kPartitionList,
        kRegex},
       &topic_analyze},
      {"topic storage",
       "Show what topics take up on the brokers' disks",
       "[TOPIC...]",
       Complete::topic,
       {{"--by-topic", "", "one row for each topic"}, kPartitionList, kRegex},
       &topic_storage},
      {"produce", "Write records from the input to a topic", "[TOPIC]", Complete::topic, produce_flags(),
       &produce},
      {"consume", "Print records of topics", "TOPIC...", Complete::topic, consume_flags(), &consume},
      {"cluster info",
       "Show brokers, controller and topics",
       "",
       Complete::none,
       {{"-c,--cluster", "", "the cluster"},
        {"--nodes", "", "the brokers"},
        {"-t,--topics", "", "the topics"}},
       &cluster_info},
      {"cluster health",
       "Tell whether the cluster is healthy",
       "",
       Complete::none,
       {{"--wait", "DUR", "until it is healthy, at most so long"},
        {"--ready", "", "only: does the broker serve?"}},
       &cluster_health},
      {"cluster config get",
       "Show one cluster-wide config",
       "KEY",
       Complete::config_key,
       {},
       &cluster_config_get},
      {"cluster config set",
       "Set a cluster-wide config",
       "KEY VALUE",
       Complete::config_key,
       {dry_run},
       &cluster_config_set},
      {"cluster config reset",
       "Remove a cluster-wide config",
       "KEY",
       Complete::config_key,
       {dry_run},
       &cluster_config_reset},
      {"cluster config list",
       "List the brokers' configs",
       "",
       Complete::none,
       {{"--overridden", "", "only those that differ from the default"}, {"--node", "N", "of this broker"}},
       &cluster_config_list},
      {"cluster quorum", "Show the metadata quorum", "", Complete::none, {}, &cluster_quorum},
      {"cluster logdirs",
       "Show what is on the disks",
       "[TOPIC...]",
       Complete::topic,
       {{"--node", "N,M", "only these brokers"}, {"--by-dir", "", "one row for each folder"}},
       &cluster_logdirs},
      {"cluster features", "Show feature levels", "", Complete::none, {}, &cluster_features},
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
    auto commands = make_commands();
    std::ranges::move(perf_commands(), std::back_inserter(commands));
    std::ranges::move(profile_commands(), std::back_inserter(commands));
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
  if (word == "clusters") return "cluster";
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
