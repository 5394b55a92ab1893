#include <algorithm>

#include "cli/handlers.h"
#include "cli/replica_text.h"
#include "cli/replication_throttle.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

// Kafka's tool tells failures on stdout, in this form, and ends with 1.
Answer<Exit> failed(ClusterSession& session, const std::string& message) {
  session.out().line("Error while executing topic command : " + message);
  return Exit::failed;
}
Answer<Exit> failed(ClusterSession& session, const client::Failure& failure) {
  return failed(session, words_of(failure));
}

std::string pattern_of(const Arguments& arguments) {
  std::string pattern = arguments.text("topic", ".*");
  std::ranges::replace(pattern, ',', '|');
  return pattern;
}

Task<Answer<std::vector<std::string>>> selected(ClusterSession& session, bool must_exist) {
  const Arguments& arguments = session.arguments();
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) {
    if (const auto id = arguments.find("topic-id"); id && topic.id.to_string() != *id) continue;
    if (!topic.internal || !arguments.has("exclude-internal")) names.push_back(topic.name);
  }
  auto found = matching(pattern_of(arguments), names);
  if (!found || !found->empty() || !must_exist || arguments.has("if-exists")) co_return found;
  const bool by_id = arguments.has("topic-id");
  co_return trouble(Exit::not_found,
                    by_id ? "TopicId '" + arguments.text("topic-id") + "' does not exist as expected"
                          : "Topic '" + arguments.text("topic") + "' does not exist as expected");
}

Task<Answer<Exit>> create(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("topic")) co_return usage_trouble("Missing required argument \"[topic]\"");
  auto topic = new_topic(arguments, arguments.text("topic"), "replication-factor", "replica-assignment");
  if (!topic) co_return trouble(topic.error());
  const std::string name = topic->name;
  if (name.find_first_of("._") != std::string::npos)
    session.out().line(
        "WARNING: Due to limitations in metric names, topics with a period ('.') or underscore ('_') could "
        "collide. "
        "To avoid issues it is best to use either, but not both.");
  const auto results = co_await session.admin.create_topics({std::move(*topic)});
  if (!results) co_return trouble(trouble_of(results.error(), "cannot create topic " + name));
  const auto& result = results->front().second;
  if (result) {
    session.out().line("Created topic " + name + ".");
    co_return Exit::done;
  }
  if (result.error().broker == wire::ErrorCode::topic_already_exists) {
    if (arguments.has("if-not-exists")) co_return Exit::done;
    co_return failed(session, "Topic '" + name + "' already exists.");
  }
  co_return failed(session, result.error());
}

Task<Answer<Exit>> list(ClusterSession& session) {
  const auto names = co_await selected(session, false);
  if (!names) co_return trouble(names.error());
  for (const std::string& name : *names) session.out().line(name);
  co_return Exit::done;
}

struct TopicConfigs {
  std::string text;  // "a=b,c=d": what differs from the default, on the topic or on all brokers
  std::int64_t min_isr = 1;
};

Task<Answer<std::map<std::string, TopicConfigs>>> configs_of(ClusterSession& session,
                                                             const std::vector<std::string>& names) {
  std::map<std::string, TopicConfigs> found;
  client::ConfigQuery query;
  for (const std::string& name : names) query.resources.push_back({client::ConfigResourceType::topic, name});
  const auto results = co_await session.admin.describe_configs(std::move(query));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot describe configs"));
  for (const auto& [resource, entries] : *results) {
    if (!entries) continue;
    TopicConfigs& configs = found[resource.name];
    for (const client::ConfigEntry& entry : *entries) {
      if (entry.name == "min.insync.replicas")
        configs.min_isr = whole_number(entry.value.value_or("1")).value_or(1);
      if (entry.source == client::ConfigSource::built_in || entry.source == client::ConfigSource::unknown)
        continue;
      configs.text += (configs.text.empty() ? "" : ",") + entry.name + "=" + entry.value.value_or("");
    }
  }
  co_return found;
}

bool filters_partitions(const Arguments& arguments) {
  return arguments.has("under-replicated-partitions") || arguments.has("unavailable-partitions") ||
         arguments.has("under-min-isr-partitions") || arguments.has("at-min-isr-partitions");
}

// What partitions are judged by.
struct Surroundings {
  std::set<NodeId> live_brokers;
  Reassignments reassignments;

  const client::Reassignment* reassignment(const std::string& topic, PartitionIndex partition) const {
    const auto at = reassignments.find({topic, partition});
    return at == reassignments.end() ? nullptr : &at->second;
  }
};

// While replicas are added, as many as there are without those.
std::size_t replication_factor(const client::PartitionInfo& partition, const client::Reassignment* moving) {
  return moving ? moving->replicas.size() - moving->adding.size() : partition.replicas.size();
}

bool wanted(const Arguments& arguments, const client::PartitionInfo& partition, std::int64_t min_isr,
            const client::Reassignment* moving, const std::set<NodeId>& live_brokers) {
  if (!filters_partitions(arguments)) return true;
  const auto in_sync = static_cast<std::int64_t>(partition.isr.size());
  const bool has_leader = partition.leader >= 0;
  return (arguments.has("under-replicated-partitions") &&
          partition.isr.size() < replication_factor(partition, moving)) ||
         (arguments.has("unavailable-partitions") &&
          (!has_leader || !live_brokers.contains(partition.leader))) ||
         (arguments.has("under-min-isr-partitions") && (!has_leader || in_sync < min_isr)) ||
         (arguments.has("at-min-isr-partitions") && in_sync == min_isr);
}

std::string elr_text(const std::optional<std::vector<NodeId>>& nodes) {
  return nodes ? comma_joined(*nodes) : "N/A";
}

std::string moving_text(const client::Reassignment* moving) {
  if (moving == nullptr) return {};
  return "\tAdding Replicas: " + comma_joined(moving->adding) +
         "\tRemoving Replicas: " + comma_joined(moving->removing);
}

void print_partition(Printer& out, const std::string& topic, const client::PartitionInfo& partition,
                     const client::Reassignment* moving) {
  out.line("\tTopic: " + topic + "\tPartition: " + std::to_string(partition.index) +
           "\tLeader: " + (partition.leader < 0 ? "none" : std::to_string(partition.leader)) +
           "\tReplicas: " + comma_joined(partition.replicas) + "\tIsr: " + comma_joined(partition.isr) +
           moving_text(moving) + "\tElr: " + elr_text(partition.eligible_leader_replicas) +
           "\tLastKnownElr: " + elr_text(partition.last_known_elr));
}

void print_topic(ClusterSession& session, const client::TopicInfo& topic, const TopicConfigs& configs,
                 const Surroundings& surroundings) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("topics-with-overrides") && configs.text.empty()) return;
  if (!filters_partitions(arguments))
    session.out().line(
        "Topic: " + topic.name + "\tTopicId: " + topic.id.to_string() +
        "\tPartitionCount: " + std::to_string(topic.partitions.size()) + "\tReplicationFactor: " +
        std::to_string(
            topic.partitions.empty()
                ? 0
                : replication_factor(topic.partitions.front(),
                                     surroundings.reassignment(topic.name, topic.partitions.front().index))) +
        "\tConfigs: " + configs.text);
  if (arguments.has("topics-with-overrides")) return;
  for (const client::PartitionInfo& partition : topic.partitions) {
    const client::Reassignment* moving = surroundings.reassignment(topic.name, partition.index);
    if (wanted(arguments, partition, configs.min_isr, moving, surroundings.live_brokers))
      print_partition(session.out(), topic.name, partition, moving);
  }
}

// A broker that does not tell of reassignments has none to tell of, as in Kafka's tool.
Task<Answer<Surroundings>> look_around(ClusterSession& session) {
  Surroundings around;
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  for (const client::BrokerInfo& broker : cluster->brokers) around.live_brokers.insert(broker.id);
  auto reassignments = co_await session.admin.list_partition_reassignments();
  if (reassignments)
    around.reassignments = std::move(*reassignments);
  else if (reassignments.error().code != Errc::unsupported && reassignments.error().code != Errc::permission)
    co_return trouble(trouble_of(reassignments.error(), "cannot list reassignments"));
  co_return around;
}

Task<Answer<Exit>> describe(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto names = co_await selected(session, arguments.has("topic") || arguments.has("topic-id"));
  if (!names)
    co_return names.error().exit == Exit::not_found ? failed(session, names.error().what)
                                                    : trouble(names.error());
  if (names->empty()) co_return Exit::done;
  const auto topics = co_await session.admin.describe_topics(*names);
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot describe topics"));
  auto configs = co_await configs_of(session, *names);
  if (!configs) co_return trouble(configs.error());
  const auto around = co_await look_around(session);
  if (!around) co_return trouble(around.error());
  for (const auto& [name, topic] : *topics) {
    if (!topic) co_return failed(session, topic.error());
    print_topic(session, *topic, (*configs)[name], *around);
  }
  co_return Exit::done;
}

Task<Answer<Exit>> alter(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("topic")) co_return usage_trouble("Missing required argument \"[topic]\"");
  const auto count = arguments.number("partitions", 1, INT32_MAX);
  if (!count) co_return trouble(count.error());
  if (!*count) co_return usage_trouble("--alter needs --partitions; configs are changed by kafka-configs");
  const auto names = co_await selected(session, true);
  if (!names) co_return failed(session, names.error().what);
  std::vector<client::NewPartitions> changes;
  for (const std::string& name : *names) {
    changes.push_back({name, static_cast<std::int32_t>(**count), {}});
    if (const auto assignment = arguments.find("replica-assignment")) {
      auto parsed = parse_assignment(*assignment);
      if (!parsed) co_return trouble(parsed.error());
      changes.back().assignment = std::move(*parsed);
    }
  }
  const auto results = co_await session.admin.create_partitions(std::move(changes));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot alter topics"));
  for (const auto& [name, result] : *results) {
    if (!result) co_return failed(session, result.error());
  }
  co_return Exit::done;
}

Task<Answer<Exit>> remove(ClusterSession& session) {
  if (!session.arguments().has("topic")) co_return usage_trouble("Missing required argument \"[topic]\"");
  const auto names = co_await selected(session, true);
  if (!names) co_return failed(session, names.error().what);
  if (names->empty()) co_return Exit::done;
  const auto results = co_await session.admin.delete_topics(*names);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot delete topics"));
  for (const auto& [name, result] : *results) {
    if (!result) co_return failed(session, result.error());
  }
  co_return Exit::done;
}

}  // namespace

ClusterAnswer kafka_topics(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  using Action = Task<Answer<Exit>> (*)(ClusterSession&);
  constexpr std::pair<std::string_view, Action> kActions[] = {
      {"create", create}, {"list", list}, {"describe", describe}, {"alter", alter}, {"delete", remove}};
  Action action = nullptr;
  int count = 0;
  for (const auto& [flag, task] : kActions) {
    if (arguments.has(flag)) action = task, ++count;
  }
  if (count != 1)
    co_return usage_trouble(
        "Command must include exactly one action: --list, --describe, --create, --alter or --delete");
  co_return co_await action(session);
}

}  // namespace moldau::cli
