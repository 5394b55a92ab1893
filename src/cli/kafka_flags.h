// The flags of Kafka's tools, by tool: with their names before and after KIP-1147. Parsing and usage read
// them through the table in kafka_commands.cc.
#pragma once

#include <vector>

#include "cli/arguments.h"

namespace moldau::cli {

inline constexpr Flag kServer{"--bootstrap-server,--broker-list", "HOST:PORT", "the servers to connect to"};
inline constexpr Flag kServerShort{"--bootstrap-server,-b", "HOST:PORT", "the servers to connect to"};
inline constexpr Flag kController{"--bootstrap-controller,-C", "HOST:PORT", "the controllers to connect to"};
inline constexpr Flag kHelp{"--help,-h", "", "usage"};
inline constexpr Flag kVersionFlag{"--version", "", "the version"};

// And those that every tool has which talks to a cluster.
std::vector<Flag> with_common(std::vector<Flag> flags);

// kafka_cluster_flags.cc: what changes and shows a cluster.
std::vector<Flag> topics_flags();
std::vector<Flag> configs_flags();
std::vector<Flag> features_flags();
std::vector<Flag> cluster_flags();
std::vector<Flag> quorum_flags();
std::vector<Flag> add_controller_flags();
std::vector<Flag> remove_controller_flags();
std::vector<Flag> reassign_flags();
std::vector<Flag> leader_election_flags();
// kafka_group_flags.cc: what shows and changes groups.
std::vector<Flag> groups_flags();
std::vector<Flag> consumer_groups_flags();
// kafka_record_flags.cc: what reads and writes records.
std::vector<Flag> console_producer_flags();
std::vector<Flag> console_consumer_flags();
std::vector<Flag> producer_perf_flags();
std::vector<Flag> consumer_perf_flags();
std::vector<Flag> e2e_latency_flags();
// kafka_file_flags.cc: what works on folders and files.
std::vector<Flag> dump_log_flags();
std::vector<Flag> storage_flags();
std::vector<Flag> storage_format_flags();

}  // namespace moldau::cli
