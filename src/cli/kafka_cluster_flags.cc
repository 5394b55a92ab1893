#include "cli/kafka_flags.h"

namespace moldau::cli {

std::vector<Flag> with_common(std::vector<Flag> flags) {
  flags.push_back({"--command-config,--admin.config", "FILE", "properties of the client"});
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

std::vector<Flag> cluster_flags() {
  return with_common({kServerShort,
                      kController,
                      {"-c,--config", "FILE", "properties of the client"},
                      {"-i,--id", "N", "broker id"},
                      {"--include-fenced-brokers", "", "fenced brokers too"}});
}

std::vector<Flag> quorum_flags() {
  return with_common({kServer,
                      kController,
                      {"--status", "", "the quorum as a whole"},
                      {"--replication,--re", "", "each of its replicas"},
                      {"--human-readable,--hr", "", "times for people"}});
}

}  // namespace moldau::cli
