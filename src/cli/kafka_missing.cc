// Kafka's names that Moldau does not serve, and why.
#include "cli/command.h"

namespace moldau::cli {
namespace {

struct Missing {
  std::string_view name;
  std::string_view why;
};

constexpr Missing kMissing[] = {
    {"kafka-share-groups", "kafka-share-groups: share groups are not available in this version"},
    {"kafka-streams-groups", "kafka-streams-groups: streams groups are not available in this version"},
    {"kafka-console-share-consumer",
     "kafka-console-share-consumer: share groups are not available in this version"},
    {"kafka-share-consumer-perf-test",
     "kafka-share-consumer-perf-test: share groups are not available in this version"},
    {"kafka-acls", "kafka-acls: ACLs are not available in this version"},
    {"kafka-delegation-tokens",
     "kafka-delegation-tokens: delegation tokens are not available in this version"},
    {"kafka-client-metrics", "kafka-client-metrics: client metrics are not available in this version"},
    {"kafka-replica-verification", "kafka-replica-verification: not available in this version"},
    {"kafka-streams-application-reset", "kafka-streams-application-reset: not available in this version"},
    {"kafka-jmx", "kafka-jmx: there is no JMX; metrics are at http://localhost:9644/metrics"},
    {"kafka-metadata-shell", "kafka-metadata-shell: not provided; see moldau debug dump-log"},
};

}  // namespace

std::vector<std::string_view> missing_names() {
  std::vector<std::string_view> names;
  for (const Missing& missing : kMissing) names.push_back(missing.name);
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
