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
  return {kServerShort,
          kController,
          {"--command-config,--config,-c", "FILE", "properties of the client"},
          {"-i,--id", "N", "broker id"},
          {"--include-fenced-brokers", "", "fenced brokers too"},
          kHelp,
          kVersionFlag};
}

std::vector<Flag> quorum_flags() {
  return with_common({kServer,
                      kController,
                      {"--status", "", "the quorum as a whole"},
                      {"--replication,--re", "", "each of its replicas"},
                      {"--human-readable,--hr", "", "times for people"}});
}

std::vector<Flag> add_controller_flags() {
  return {kServer,
          kController,
          {"--command-config", "FILE", "properties of the controller to add, and of the client"},
          {"--dry-run", "", "tell what would be done, but do not do it"},
          kHelp,
          kVersionFlag};
}

std::vector<Flag> remove_controller_flags() {
  return with_common({kServer,
                      kController,
                      {"--controller-id,-i", "N", "the controller to remove"},
                      {"--controller-directory-id,-d", "ID", "the id of its metadata folder"},
                      {"--dry-run", "", "tell what would be done, but do not do it"}});
}

std::vector<Flag> reassign_flags() {
  return {
      {"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
      {"--bootstrap-controller", "HOST:PORT", "the controllers to connect to; for --cancel and --list"},
      {"--command-config", "FILE", "properties of the client"},
      {"--generate", "", "propose an assignment for topics; changes nothing"},
      {"--execute", "", "start the moves of a file"},
      {"--verify", "", "tell how far the moves of a file are, and clear their throttles when all are done"},
      {"--cancel", "", "end the moves of a file that are under way"},
      {"--list", "", "all moves under way"},
      {"--reassignment-json-file", "FILE",
       R"({"version":1,"partitions":[{"topic","partition","replicas":[1,2]}]})"},
      {"--topics-to-move-json-file", "FILE", R"({"version":1,"topics":[{"topic"}]})"},
      {"--broker-list", "1,2", "the brokers that --generate places replicas on"},
      {"--disable-rack-aware", "", "as if no broker had a rack"},
      {"--throttle", "N", "bytes a second between brokers"},
      {"--replica-alter-log-dirs-throttle", "N", "bytes a second between folders; accepted"},
      {"--timeout", "MS", "for moves between folders; accepted"},
      {"--additional", "", "beside moves under way; also to change their throttle"},
      {"--preserve-throttles", "", "leave throttles as they are"},
      {"--disallow-replication-factor-change", "", "refuse moves that change it"},
      kHelp,
      kVersionFlag};
}

std::vector<Flag> leader_election_flags() {
  return with_common({{"--bootstrap-server", "HOST:PORT", "the servers to connect to"},
                      {"--election-type", "TYPE", "preferred or unclean"},
                      {"--topic", "NAME", "the topic, with --partition"},
                      {"--partition", "N", "the partition of --topic"},
                      {"--path-to-json-file", "FILE", R"({"partitions":[{"topic","partition"}]})"},
                      {"--all-topic-partitions", "", "all that need an election"}});
}

}  // namespace moldau::cli
