#include <algorithm>
#include <iterator>

#include "cli/command.h"
#include "cli/handlers.h"
#include "cli/kafka_flags.h"
#include "cli/transaction_commands.h"
#include "cli/verifiable.h"

namespace moldau::cli {
namespace {

std::vector<Command> make_commands() {
  return {
      {"kafka-topics", "Create, list, describe, alter and delete topics", "", Complete::none, topics_flags(),
       &kafka_topics},
      {"kafka-console-producer", "Write lines of the input to a topic", "", Complete::none,
       console_producer_flags(), &kafka_console_producer},
      {"kafka-console-consumer", "Print records of a topic", "", Complete::none, console_consumer_flags(),
       &kafka_console_consumer},
      {"kafka-configs", "Show and change configs", "", Complete::none, configs_flags(), &kafka_configs},
      {"kafka-broker-api-versions", "Show the API versions of all brokers", "", Complete::none,
       with_common({kServer}), &kafka_broker_api_versions},
      {"kafka-get-offsets", "Show offsets of partitions", "", Complete::none,
       with_common({kServer,
                    {"--topic", "PATTERN", "the topics"},
                    {"--topic-partitions", "T:0,T:1-3", "topics and partitions"},
                    {"--partitions", "0,1", "only these partitions"},
                    {"--time", "TIME", "latest, earliest, max-timestamp … or a timestamp"},
                    {"--exclude-internal-topics", "", "without internal topics"}}),
       &kafka_get_offsets},
      {"kafka-delete-records", "Delete records below offsets", "", Complete::none,
       with_common(
           {kServer, {"--offset-json-file", "FILE", R"({"partitions":[{"topic","partition","offset"}]})"}}),
       &kafka_delete_records},
      {"kafka-log-dirs", "Show what is on the disks", "", Complete::none,
       with_common({kServer,
                    {"--describe", "", "show"},
                    {"--topic-list", "A,B", "only these topics"},
                    {"--broker-list", "1,2", "only these brokers"}}),
       &kafka_log_dirs},
      {"kafka-dump-log", "Show what is in log files", "", Complete::none, dump_log_flags(), &kafka_dump_log},
      {"kafka-storage random-uuid",
       "Print a random id",
       "",
       Complete::none,
       {kHelp},
       &kafka_storage_random_uuid},
      {"kafka-storage format", "Format the log folders", "", Complete::none, storage_format_flags(),
       &kafka_storage_format},
      {"kafka-storage info", "Show the log folders", "", Complete::none, storage_flags(),
       &kafka_storage_info},
      {"kafka-storage version-mapping",
       "Show the features of a release",
       "",
       Complete::none,
       {{"-r,--release-version", "VERSION", "the release"}, kHelp},
       &kafka_storage_version_mapping},
      {"kafka-storage feature-dependencies",
       "Show what features need",
       "",
       Complete::none,
       {{"-f,--feature", "K=V", "a feature's level", {}, Complete::none, true}, kHelp},
       &kafka_storage_feature_dependencies},
      {"kafka-server-start",
       "Start a node",
       "FILE",
       Complete::file,
       {{"-daemon,--daemon", "", "in the background"},
        {"--override", "K=V", "a setting", {}, Complete::none, true},
        {"-name", "NAME", "accepted"},
        {"-loggc", "", "accepted"},
        kVersionFlag,
        kHelp},
       &kafka_server_start},
      {"kafka-server-stop",
       "Stop the nodes of this machine",
       "",
       Complete::none,
       {{"--process-role", "ROLE", "broker or controller"}, {"--node-id", "N", "only this node"}, kHelp},
       &kafka_server_stop},
      {"kafka-cluster cluster-id", "Show the cluster's id", "", Complete::none, cluster_flags(),
       &kafka_cluster_id},
      {"kafka-cluster list-endpoints", "Show the brokers' endpoints", "", Complete::none, cluster_flags(),
       &kafka_cluster_list_endpoints},
      {"kafka-cluster unregister", "Unregister a broker", "", Complete::none, cluster_flags(),
       &kafka_cluster_unregister},
      {"kafka-features describe", "Show feature levels", "", Complete::none, features_flags(),
       &kafka_features_describe},
      {"kafka-features upgrade", "Raise feature levels", "", Complete::none, features_flags(),
       &kafka_features_update},
      {"kafka-features downgrade", "Lower feature levels", "", Complete::none, features_flags(),
       &kafka_features_update},
      {"kafka-features disable", "Set features to level 0", "", Complete::none, features_flags(),
       &kafka_features_update},
      {"kafka-features version-mapping", "Show the features of a release", "", Complete::none,
       features_flags(), &kafka_storage_version_mapping},
      {"kafka-features feature-dependencies", "Show what features need", "", Complete::none, features_flags(),
       &kafka_storage_feature_dependencies},
      {"kafka-metadata-quorum describe", "Show the metadata quorum", "", Complete::none, quorum_flags(),
       &kafka_metadata_quorum},
      {"kafka-metadata-quorum add-controller", "Add a controller to the quorum", "", Complete::none,
       add_controller_flags(), &kafka_metadata_quorum_add},
      {"kafka-metadata-quorum remove-controller", "Remove a controller from the quorum", "", Complete::none,
       remove_controller_flags(), &kafka_metadata_quorum_remove},
      {"kafka-reassign-partitions", "Move partitions between brokers", "", Complete::none, reassign_flags(),
       &kafka_reassign_partitions},
      {"kafka-leader-election", "Elect leaders of partitions", "", Complete::none, leader_election_flags(),
       &kafka_leader_election},
      {"kafka-groups", "List groups of every kind", "", Complete::none, groups_flags(), &kafka_groups},
      {"kafka-consumer-groups", "List, show, move and delete consumer groups", "", Complete::none,
       consumer_groups_flags(), &kafka_consumer_groups},
      {"kafka-producer-perf-test", "Measure producing", "", Complete::none, producer_perf_flags(),
       &kafka_producer_perf_test},
      {"kafka-consumer-perf-test", "Measure consuming", "", Complete::none, consumer_perf_flags(),
       &kafka_consumer_perf_test},
      {"kafka-e2e-latency", "Measure how long a record takes to a consumer",
       "[BROKERS TOPIC N ACKS SIZE [FILE]]", Complete::none, e2e_latency_flags(), &kafka_e2e_latency},
  };
}

}  // namespace

std::span<const Command> kafka_commands() {
  static const std::vector<Command> kCommands = [] {
    std::vector<Command> commands = make_commands();
    for (const auto part : {kafka_transactions_commands, verifiable_commands})
      std::ranges::move(part(), std::back_inserter(commands));
    return commands;
  }();
  return kCommands;
}

const Command* find_kafka_command(std::string_view name) {
  for (const Command& command : kafka_commands()) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

std::vector<std::string> kafka_names() {
  std::vector<std::string> names{"kafka-run-class"};
  for (const Command& command : kafka_commands()) {
    std::string name(command.name.substr(0, command.name.find(' ')));
    if (name != names.back()) names.push_back(std::move(name));
  }
  for (const std::string_view name : missing_names()) names.emplace_back(name);
  return names;
}

}  // namespace moldau::cli
