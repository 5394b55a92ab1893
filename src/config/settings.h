// Settings: all that is known before a node starts, from files, environment and flags. Immutable afterwards;
// what changes while the cluster runs lives in the metadata log and is layered above Settings::broker.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "config/topic_config.h"
#include "runtime/network.h"
#include "telemetry/log_sink.h"

namespace moldau::config {

enum class SecurityProtocol : std::uint8_t { plaintext, ssl, sasl_plaintext, sasl_ssl };
std::string_view name_of(SecurityProtocol protocol);  // "PLAINTEXT", "SSL" …

struct Listener {
  std::string name;  // upper case, as Kafka keeps it
  runtime::Endpoint bind;
  runtime::Endpoint advertise;  // what Metadata answers to clients of this listener; port 0: the bound port
  SecurityProtocol security = SecurityProtocol::plaintext;
  bool inter_broker = false;  // exactly one listener that is not the controller's
  bool controller = false;    // serves the quorum, not clients
  friend bool operator==(const Listener&, const Listener&) = default;
};

struct Voter {
  NodeId id = kNoNode;
  runtime::Endpoint address;
  friend bool operator==(const Voter&, const Voter&) = default;
};

// Created once, when the cluster is born.
struct BootstrapTopic {
  std::string name;
  std::int32_t partitions = -1;          // -1: num.partitions
  std::int16_t replication_factor = -1;  // -1: default.replication.factor
  friend bool operator==(const BootstrapTopic&, const BootstrapTopic&) = default;
};

enum class PartitionMetrics : std::uint8_t { all, leaders, off };

struct Settings {
  std::optional<NodeId> node_id;  // nothing: chosen at the first start and kept in the data folder
  std::optional<std::string> rack;
  bool broker_role = true;
  bool controller_role = true;
  std::string data_dir;  // absolute

  std::string cluster_name = "dev";
  std::optional<std::string>
      cluster_id;  // nothing: chosen at the first start; else must match the data folder
  // The quorum. With voters: they form it, each node names the same ones, and a controller that is not among
  // them is none yet. With seeds alone: it is there already and found by them, unless the data folder was
  // formatted with its first voters. With neither: this node alone forms it; seeds that name no other node
  // say so, too.
  std::vector<Voter> voters;  // of controller.quorum.voters, or the first initial_size seeds
  std::vector<runtime::Endpoint> seeds;
  std::int32_t initial_size = 1;

  std::vector<Listener> listeners;  // by name; never empty
  bool admin_enabled = true;
  runtime::Endpoint admin_bind{"127.0.0.1", 9644};

  Durability durability = Durability::synced;
  std::uint64_t commit_log_size_bytes = 256ULL << 20;  // of each shard
  std::uint32_t shards = 0;                            // 0: one for each core that the process may use
  std::uint64_t memory_bytes = 0;  // 0: memory_percent of the machine's or container's memory
  std::uint32_t memory_percent = 60;
  std::uint64_t disk_reserve_bytes = 0;  // 0: disk_reserve_percent of the device
  std::uint32_t disk_reserve_percent = 5;

  telemetry::LogOptions log;
  PartitionMetrics partition_metrics = PartitionMetrics::leaders;
  std::uint32_t metrics_series_cap = 2000;

  std::vector<BootstrapTopic> bootstrap_topics;
  ConfigMap bootstrap_defaults;  // cluster-wide dynamic configs set once, at the cluster's birth

  // Kafka's broker properties that were set, by their own names: the static layer of ConfigLayers. Holds the
  // settings above under their Kafka names too (node.id, listeners, log.dirs …), so that DescribeConfigs
  // shows them.
  ConfigMap broker;

  const Listener* find_listener(std::string_view name) const;  // any case
};

enum class Severity : std::uint8_t { debug, info, warning, error };

// One thing to tell about the configuration: "config/moldau.yaml:12: storage.durabilty: unknown key; did you
// mean storage.durability?"
struct Problem {
  Severity severity;
  std::string origin;  // "config/moldau.yaml:12", "environment", "--set"; empty: the configuration as a whole
  std::string key;     // as its author wrote it; may be empty
  std::string text;
  std::string to_string() const;
  friend bool operator==(const Problem&, const Problem&) = default;
};

struct Loaded {
  Settings settings;              // meaningful when usable()
  std::vector<Problem> problems;  // all of them at once, in the order of precedence and place
  bool usable() const;
  std::vector<Problem> errors() const;
};

enum class FileKind : std::uint8_t { yaml, properties };

// Reads one file for `load`; the default reads from the operating system.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;
Result<std::string> read_file_of_os(const std::string& path);  // at most 4 MiB

// Precedence: set > environment > file > defaults.
struct Sources {
  std::optional<std::string> file;                 // ".properties": Kafka's format, anything else YAML
  std::optional<FileKind> file_kind;               // when the name does not say it
  std::map<std::string, std::string> environment;  // all of it; what is not ours is left alone
  std::vector<std::string> set;                    // "key=value": our keys with dots, or Kafka's properties
  // Decide the default data folder, when the environment has no MOLDAU_DATA_DIR (an image has).
  bool is_root = false;
  std::string home;                     // of the user who is not root
  std::string working_directory = "/";  // relative data folders start here
  std::string hostname = "localhost";   // what a listener advertises that is bound to every address
  ReadFile read_file = read_file_of_os;
};
// Of this process: its environment, user and working directory.
Sources sources_of_process();

// ${env:NAME}, ${file:/path} and ${file:/path:key} in values of the file and of --set are replaced.
Loaded load(const Sources& sources);

// What is in force as a YAML document that load() reads back to the same settings; secrets are "[hidden]".
std::string effective_yaml(const Settings& settings);

// config/moldau.yaml: every key of ours with its default and a line of explanation.
std::string annotated_yaml();

// A Java properties file (java.util.Properties): comments, escapes, continuation lines. In order; a key set
// twice counts the last time.
struct Property {
  std::string key;
  std::string value;
  int line = 0;  // where it starts, from 1
};
Result<std::vector<Property>> parse_properties(std::string_view text);

}  // namespace moldau::config
