#include "cli/command.h"
#include "cli/handlers.h"

namespace moldau::cli {
namespace {

// The flags of every tool that talks to a cluster, with their names before and after KIP-1147.
const Flag kServer{"--bootstrap-server,--broker-list", "HOST:PORT", "the servers to connect to"};
const Flag kServerShort{"--bootstrap-server,-b", "HOST:PORT", "the servers to connect to"};
const Flag kController{"--bootstrap-controller,-C", "HOST:PORT", "the controllers to connect to"};
const Flag kConfigFile{"--command-config,--consumer.config,--producer.config,--admin.config,--config", "FILE",
                       "properties of the client"};
const Flag kConfigFileOnly{"--command-config,--admin.config", "FILE", "properties of the client"};
const Flag kProperty{"--command-property,--consumer-property,--producer-property",
                     "K=V",
                     "a property of the client",
                     {},
                     Complete::none,
                     true};
const Flag kHelp{"--help,-h", "", "usage"};
const Flag kVersionFlag{"--version", "", "the version"};

std::vector<Flag> with_common(std::vector<Flag> flags) {
  flags.push_back(kConfigFileOnly);
  flags.push_back(kHelp);
  flags.push_back(kVersionFlag);
  return flags;
}

std::vector<Flag> topics_flags() {
  return with_common({
      kServer,
      {"--create", "", "create a topic"},
      {"--list", "", "list topics"},
      {"--describe", "", "describe topics"},
      {"--alter", "", "change the number of partitions"},
      {"--delete", "", "delete topics"},
      {"--topic", "NAME", "the topic; a pattern but for --create"},
      {"--topic-id", "ID", "the topic's id, for --describe"},
      {"--partitions", "N", "number of partitions"},
      {"--replication-factor", "N", "number of replicas"},
      {"--replica-assignment", "0:1,1:2", "replicas of each partition"},
      {"--config", "K=V", "a topic config", {}, Complete::none, true},
      {"--delete-config", "K", "use kafka-configs", {}, Complete::none, true},
      {"--if-exists", "", "a topic that is not there is no error"},
      {"--if-not-exists", "", "a topic that is there is no error"},
      {"--exclude-internal", "", "without internal topics"},
      {"--under-replicated-partitions", "", "only these"},
      {"--unavailable-partitions", "", "only these"},
      {"--under-min-isr-partitions", "", "only these"},
      {"--at-min-isr-partitions", "", "only these"},
      {"--topics-with-overrides", "", "only topics with configs of their own"},
      {"--partition-size-limit-per-response", "N", "partitions in one answer"},
  });
}

std::vector<Flag> console_producer_flags() {
  return {
      kServer,
      kConfigFile,
      kProperty,
      {"--topic", "NAME", "the topic"},
      {"--property,--reader-property",
       "K=V",
       "of the line reader: parse.key, key.separator …",
       {},
       Complete::none,
       true},
      {"--reader-config", "FILE", "properties of the line reader"},
      {"--line-reader", "CLASS", "accepted; there is one line reader"},
      {"--sync", "", "wait for each record"},
      {"--compression-codec", "[CODEC]", "none, gzip (default), snappy, lz4 or zstd"},
      {"--batch-size,--max-partition-memory-bytes", "N", "bytes of a batch"},
      {"--message-send-max-retries", "N", "accepted: retries end with delivery.timeout.ms"},
      {"--retry-backoff-ms", "MS", "pause between retries"},
      {"--timeout", "MS", "how long records wait to be sent together (default 1000)"},
      {"--request-required-acks", "N", "all, 0 or 1"},
      {"--request-timeout-ms", "MS", "of a request"},
      {"--metadata-expiry-ms", "MS", "age of metadata"},
      {"--max-block-ms", "MS", "how long to wait for metadata and memory"},
      {"--max-memory-bytes", "N", "memory for records not sent yet"},
      {"--socket-buffer-size", "N", "accepted"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> console_consumer_flags() {
  return {
      kServer,
      kConfigFile,
      kProperty,
      {"--topic", "NAME", "the topic"},
      {"--include,--whitelist", "PATTERN", "the topics"},
      {"--from-beginning", "", "everything that is there"},
      {"--max-messages", "N", "stop after so many"},
      {"--timeout-ms", "MS", "stop when nothing came for so long"},
      {"--group", "GROUP", "consumer group"},
      {"--partition", "N", "only this partition"},
      {"--offset", "OFFSET", "earliest, latest or a number; with --partition"},
      {"--property,--formatter-property",
       "K=V",
       "of the formatter: print.key, key.separator …",
       {},
       Complete::none,
       true},
      {"--formatter-config", "FILE", "properties of the formatter"},
      {"--formatter", "CLASS", "how to print"},
      {"--key-deserializer", "CLASS", "of keys"},
      {"--value-deserializer", "CLASS", "of values"},
      {"--isolation-level", "LEVEL", "read_committed or read_uncommitted"},
      {"--skip-message-on-error", "", "accepted"},
      {"--enable-systest-events", "", "accepted"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> configs_flags() {
  return with_common({
      kServer,
      kController,
      {"--describe", "", "show configs"},
      {"--alter", "", "change configs"},
      {"--all", "", "all configs, not only those that were set"},
      {"--entity-type", "TYPE", "topics, brokers, …", {}, Complete::none, true},
      {"--entity-name", "NAME", "topic, broker id …", {}, Complete::none, true},
      {"--entity-default", "", "the default of all entities"},
      {"--topic", "NAME", "the topic"},
      {"--broker", "ID", "the broker"},
      {"--broker-defaults", "", "the default of all brokers"},
      {"--broker-logger", "ID", "the broker's loggers"},
      {"--client", "NAME", "client quotas"},
      {"--client-defaults", "", "client quotas"},
      {"--user", "NAME", "user quotas and credentials"},
      {"--user-defaults", "", "user quotas"},
      {"--ip", "ADDRESS", "connection quotas"},
      {"--ip-defaults", "", "connection quotas"},
      {"--group", "NAME", "group configs"},
      {"--client-metrics", "NAME", "metrics subscriptions"},
      {"--add-config", "K=V,K=[A,B]", "configs to set"},
      {"--add-config-file", "FILE", "configs to set"},
      {"--delete-config", "K,K", "configs to remove"},
      {"--force", "", "do not ask"},
  });
}

std::vector<Flag> producer_perf_flags() {
  return {
      {"--topic", "NAME", "the topic"},
      {"--num-records", "N", "records to send"},
      {"--record-size", "BYTES", "size of each"},
      {"--throughput", "N", "records a second; -1: as fast as it goes"},
      {"--command-property,--producer-props",
       "K=V...",
       "properties of the producer",
       {},
       Complete::none,
       true},
      {"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
      {"--command-config,--producer.config", "FILE", "properties of the producer"},
      {"--payload-file", "FILE", "records to send"},
      {"--payload-delimiter", "TEXT", "between them (default \\n)"},
      {"--payload-monotonic", "", "numbers as records"},
      {"--print-metrics", "", "counters at the end"},
      {"--transactional-id", "ID", "send in transactions"},
      {"--transaction-id", "ID", "send in transactions"},
      {"--transaction-duration-ms", "MS", "of each transaction"},
      {"--reporting-interval", "MS", "between lines (default 5000)"},
      {"--warmup-records", "N", "records that are not counted"},
      {"--record-key-range", "N", "keys 0 to N-1"},
      {"--key-distribution", "NAME", "sequential or random"},
      {"--random-seed", "N", "of payloads and keys"},
      kHelp,
  };
}

std::vector<Flag> consumer_perf_flags() {
  return {
      kServer,
      {"--topic,--include", "NAME", "the topic"},
      {"--messages,--num-records", "N", "records to read"},
      {"--group", "GROUP", "accepted: reads without a group"},
      {"--fetch-size", "N", "bytes of a fetch of one partition"},
      {"--from-latest", "", "only what comes from now on"},
      {"--socket-buffer-size", "N", "accepted"},
      {"--command-config,--consumer.config", "FILE", "properties of the consumer"},
      kProperty,
      {"--print-metrics", "", "counters at the end"},
      {"--show-detailed-stats", "", "a line for each interval"},
      {"--reporting-interval", "MS", "between lines (default 5000)"},
      {"--timeout", "MS", "stop when nothing came for so long (default 10000)"},
      {"--date-format", "FORMAT", "of times (default yyyy-MM-dd HH:mm:ss:SSS)"},
      {"--hide-header", "", "no line of names"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> dump_log_flags() {
  return {
      {"--files", "A,B", "segments and indexes"},
      {"--print-data-log", "", "the records too"},
      {"--deep-iteration", "", "each record of each batch"},
      {"--index-sanity-check", "", "the form of index files"},
      {"--verify-index-only", "", "index files against their segments"},
      {"--max-bytes", "N", "read no more of each segment"},
      {"--max-message-size", "N", "accepted"},
      {"--skip-record-metadata", "", "only keys and values of records"},
      {"--offsets-decoder", "", "records of __consumer_offsets"},
      {"--transaction-log-decoder", "", "records of __transaction_state"},
      {"--cluster-metadata-decoder", "", "records of the metadata log"},
      {"--remote-log-metadata-decoder", "", "records of __remote_log_metadata"},
      {"--share-group-state-decoder", "", "records of __share_group_state"},
      {"--key-decoder-class", "CLASS", "of keys"},
      {"--value-decoder-class", "CLASS", "of values"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> storage_flags() {
  return {{"-c,--config", "FILE", "server.properties"}, kHelp, kVersionFlag};
}

std::vector<Flag> storage_format_flags() {
  return {
      {"-t,--cluster-id", "ID", "the cluster's id"},
      {"-c,--config", "FILE", "server.properties"},
      {"-g,--ignore-formatted", "", "a folder that is formatted is no error"},
      {"-S,--add-scram", "SPEC", "credentials", {}, Complete::none, true},
      {"-r,--release-version", "VERSION", "metadata version"},
      {"-f,--feature", "K=V", "feature level", {}, Complete::none, true},
      {"-s,--standalone", "", "a quorum of this node alone"},
      {"-N,--no-initial-controllers", "", "no quorum yet"},
      {"-I,--initial-controllers", "SPEC", "the quorum's members"},
      kHelp,
      kVersionFlag,
  };
}

std::vector<Flag> features_flags() {
  return with_common({kServer,
                      kController,
                      {"--release-version", "VERSION", "levels of this release"},
                      {"--metadata", "VERSION", "level of metadata.version"},
                      {"--feature", "K=V", "a feature's level", {}, Complete::none, true},
                      {"--unsafe", "", "downgrade that loses metadata"},
                      {"--dry-run", "", "check only"},
                      {"--node-id", "N", "of this node"}});
}

std::vector<Command> make_commands() {
  const auto cluster_flags = [] {
    return with_common({kServerShort,
                        kController,
                        {"-c,--config", "FILE", "properties of the client"},
                        {"-i,--id", "N", "broker id"},
                        {"--include-fenced-brokers", "", "fenced brokers too"}});
  };
  const auto quorum_flags = [] {
    return with_common({kServer,
                        kController,
                        {"--status", "", "the quorum as a whole"},
                        {"--replication,--re", "", "each of its replicas"},
                        {"--human-readable,--hr", "", "times for people"}});
  };
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
      {"kafka-producer-perf-test", "Measure producing", "", Complete::none, producer_perf_flags(),
       &kafka_producer_perf_test},
      {"kafka-consumer-perf-test", "Measure consuming", "", Complete::none, consumer_perf_flags(),
       &kafka_consumer_perf_test},
  };
}

struct Missing {
  std::string_view name;
  std::string_view why;
};

constexpr Missing kMissing[] = {
    {"kafka-consumer-groups", "kafka-consumer-groups: consumer groups are not available in this version"},
    {"kafka-groups", "kafka-groups: groups are not available in this version"},
    {"kafka-share-groups", "kafka-share-groups: share groups are not available in this version"},
    {"kafka-streams-groups", "kafka-streams-groups: streams groups are not available in this version"},
    {"kafka-console-share-consumer",
     "kafka-console-share-consumer: share groups are not available in this version"},
    {"kafka-share-consumer-perf-test",
     "kafka-share-consumer-perf-test: share groups are not available in this version"},
    {"kafka-acls", "kafka-acls: ACLs are not available in this version"},
    {"kafka-delegation-tokens",
     "kafka-delegation-tokens: delegation tokens are not available in this version"},
    {"kafka-transactions", "kafka-transactions: transactions are not available in this version"},
    {"kafka-reassign-partitions", "kafka-reassign-partitions: reassignment is not available in this version"},
    {"kafka-leader-election",
     "kafka-leader-election: elections by request are not available in this version"},
    {"kafka-client-metrics", "kafka-client-metrics: client metrics are not available in this version"},
    {"kafka-e2e-latency", "kafka-e2e-latency: not available in this version; use kafka-producer-perf-test"},
    {"kafka-verifiable-producer", "kafka-verifiable-producer: not available in this version"},
    {"kafka-verifiable-consumer", "kafka-verifiable-consumer: not available in this version"},
    {"kafka-replica-verification", "kafka-replica-verification: not available in this version"},
    {"kafka-streams-application-reset",
     "kafka-streams-application-reset: consumer groups are not available in this version"},
    {"kafka-jmx", "kafka-jmx: there is no JMX; metrics are at http://localhost:9644/metrics"},
    {"kafka-metadata-shell", "kafka-metadata-shell: not provided; see moldau debug dump-log"},
};

}  // namespace

std::span<const Command> kafka_commands() {
  static const std::vector<Command> kCommands = make_commands();
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
  for (const Missing& missing : kMissing) names.emplace_back(missing.name);
  return names;
}

std::string_view missing_tool(std::string_view name) {
  for (const Missing& missing : kMissing) {
    if (missing.name == name) return missing.why;
  }
  if (name.starts_with("connect-"))
    return "Kafka Connect is no part of Moldau; run Apache Kafka's connect-* against it";
  if (name.starts_with("zookeeper-")) return "there is no ZooKeeper: the metadata quorum is built in";
  if (name == "trogdor") return "trogdor is not provided";
  return {};
}

}  // namespace moldau::cli
