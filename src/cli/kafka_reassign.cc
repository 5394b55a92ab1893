// kafka-reassign-partitions, with the lines of Kafka's own.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/replica_text.h"
#include "cli/replication_throttle.h"
#include "cli/text_file.h"
#include "controller/placement.h"
#include "metadata/image.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kBusy =
    "Cannot execute because there is an existing partition assignment.  Use --additional to override this "
    "and "
    "create a new partition assignment in addition to the existing one. The --additional flag can also be "
    "used "
    "to change the throttle by resubmitting the current reassignment.";
constexpr std::string_view kVerifyLater =
    "Warning: You must run --verify periodically, until the reassignment completes, to ensure the throttle "
    "is "
    "removed.";

// Kafka's tool tells failures on stdout and ends with 1.
Answer<Exit> failed(ClusterSession& session, const std::string& line) {
  session.out().line(line);
  return Exit::failed;
}
Answer<Exit> failed(ClusterSession& session, const Trouble& why) {
  if (why.exit == Exit::unreachable) return trouble(why);
  return failed(session, "Error: " + why.one_line());
}
Answer<Exit> failed(ClusterSession& session, const client::Failure& failure, std::string what) {
  return failed(session, trouble_of(failure, std::move(what)));
}

std::string names_of(const std::vector<TopicPartition>& partitions) {
  std::string out;
  for (const TopicPartition& one : partitions) out += (out.empty() ? "" : ",") + one.to_string();
  return out;
}

std::string_view plural(std::size_t count) { return count == 1 ? "" : "s"; }

std::vector<TopicPartition> partitions_of(const Assignment& assignment) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, replicas] : assignment) partitions.push_back(partition);
  return partitions;
}

Answer<std::string> file_of_flag(ClusterSession& session, std::string_view flag) {
  return read_text_file(session.session.invocation, session.arguments().text(flag));
}

// Replicas of all partitions of these topics. A topic that is not there is an error, or left out.
Task<Answer<Assignment>> assignment_now(ClusterSession& session, std::vector<std::string> topics,
                                        bool must_exist) {
  std::ranges::sort(topics);
  topics.erase(std::unique(topics.begin(), topics.end()), topics.end());
  const auto described = co_await session.admin.describe_topics(std::move(topics));
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe topics"));
  Assignment now;
  for (const auto& [name, topic] : *described) {
    if (!topic && topic.error().broker == wire::ErrorCode::unknown_topic_or_partition) {
      if (must_exist) co_return trouble(Exit::failed, "Topic " + name + " not found.");
      continue;
    }
    if (!topic) co_return trouble(trouble_of(topic.error(), "cannot describe topic " + name));
    for (const client::PartitionInfo& partition : topic->partitions)
      now[{name, partition.index}] = partition.replicas;
  }
  co_return now;
}

std::vector<std::string> topics_in(const Assignment& assignment) {
  std::vector<std::string> topics;
  for (const auto& [partition, replicas] : assignment) topics.push_back(partition.topic);
  return topics;
}

// --- generate

Answer<std::vector<NodeId>> broker_list(const Arguments& arguments) {
  std::vector<NodeId> brokers;
  std::string repeated;
  for (const std::string& text : split(arguments.text("broker-list"), ',')) {
    const auto id = whole_number(text);
    if (!id || *id < 0 || *id > INT32_MAX) return trouble(Exit::failed, text + " is no broker id");
    if (std::ranges::find(brokers, *id) != brokers.end()) repeated += (repeated.empty() ? "" : ", ") + text;
    brokers.push_back(static_cast<NodeId>(*id));
  }
  if (!repeated.empty())
    return trouble(Exit::failed, "Broker list contains duplicate entries: [" + repeated + "]");
  return brokers;
}

Task<Answer<std::vector<client::BrokerInfo>>> brokers_named(ClusterSession& session,
                                                            const std::vector<NodeId>& ids) {
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  std::vector<client::BrokerInfo> brokers;
  std::size_t without_rack = 0;
  for (client::BrokerInfo broker : cluster->brokers) {
    if (std::ranges::find(ids, broker.id) == ids.end()) continue;
    if (session.arguments().has("disable-rack-aware")) broker.rack.reset();
    if (!broker.rack) ++without_rack;
    brokers.push_back(std::move(broker));
  }
  if (without_rack != 0 && without_rack != brokers.size())
    co_return trouble(Exit::failed,
                      "Not all brokers have rack information. Add --disable-rack-aware in command line to "
                      "make replica assignment without rack information.");
  co_return brokers;
}

// The placement of new topics, on these brokers alone.
Answer<Assignment> proposal(const Assignment& now, const std::vector<client::BrokerInfo>& brokers,
                            Random& random) {
  std::vector<metadata::Record> records;
  for (const client::BrokerInfo& broker : brokers) {
    metadata::RegisterBrokerRecord record{.broker_id = broker.id, .broker_epoch = 1};
    record.rack = broker.rack;
    record.fenced = false;
    records.emplace_back(std::move(record));
  }
  const auto applied = metadata::apply_records(metadata::Image(), records);
  if (!applied) return trouble(Exit::failed, applied.error().message);
  std::map<std::string, std::vector<std::size_t>> topics;  // replication factors by partition
  for (const auto& [partition, replicas] : now) topics[partition.topic].push_back(replicas.size());
  Assignment proposed;
  for (const auto& [topic, factors] : topics) {
    const auto placed = controller::place(applied->image, static_cast<std::int32_t>(factors.size()),
                                          static_cast<std::int32_t>(factors.front()), random);
    if (!placed)
      return trouble(Exit::failed, "Replication factor: " + std::to_string(factors.front()) +
                                       " larger than available brokers: " + std::to_string(brokers.size()) +
                                       ".");
    for (std::size_t i = 0; i < placed->size(); ++i)
      proposed[{topic, static_cast<PartitionIndex>(i)}] = (*placed)[i];
  }
  return proposed;
}

Task<Answer<Exit>> generate(ClusterSession& session) {
  const auto text = file_of_flag(session, "topics-to-move-json-file");
  if (!text) co_return failed(session, text.error());
  const auto ids = broker_list(session.arguments());
  if (!ids) co_return failed(session, ids.error());
  const auto topics = parse_topics_to_move(*text);
  if (!topics) co_return failed(session, topics.error());
  const auto now = co_await assignment_now(session, *topics, true);
  if (!now) co_return failed(session, now.error());
  const auto brokers = co_await brokers_named(session, *ids);
  if (!brokers) co_return failed(session, brokers.error());
  const auto proposed = proposal(*now, *brokers, session.cluster.random());
  if (!proposed) co_return failed(session, proposed.error());
  session.out().line("Current partition replica assignment");
  session.out().line(reassignment_json(*now) + "\n");
  session.out().line("Proposed partition reassignment configuration");
  session.out().line(reassignment_json(*proposed));
  co_return Exit::done;
}

// --- execute

Task<Answer<void>> check_brokers(ClusterSession& session, const Assignment& proposed) {
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  std::set<NodeId> wanted;
  for (const auto& [partition, replicas] : proposed) wanted.insert(replicas.begin(), replicas.end());
  for (const NodeId id : wanted) {
    if (std::ranges::find(cluster->brokers, id, &client::BrokerInfo::id) == cluster->brokers.end())
      co_return trouble(Exit::failed, "Unknown broker id " + std::to_string(id));
  }
  co_return Answer<void>{};
}

Answer<Assignment> only(const Assignment& now, const Assignment& proposed) {
  Assignment found;
  std::string missing;
  for (const auto& [partition, replicas] : proposed) {
    const auto at = now.find(partition);
    if (at == now.end())
      missing += (missing.empty() ? "" : ", ") + partition.to_string();
    else
      found.insert(*at);
  }
  if (!missing.empty()) return trouble(Exit::failed, "Unable to find partition: " + missing);
  return found;
}

Task<Answer<void>> throttle(ClusterSession& session, const Moves& moves, std::int64_t between_brokers,
                            std::int64_t between_folders) {
  if (between_brokers < 0 && between_folders < 0) co_return Answer<void>{};
  session.out().line(kVerifyLater);
  if (between_brokers >= 0) {
    if (auto set = co_await set_throttle(session, moves, between_brokers); !set) co_return set;
    session.out().line("The inter-broker throttle limit was set to " + std::to_string(between_brokers) +
                       " B/s");
  }
  // There are no moves between folders whose brokers would need it.
  if (between_folders >= 0)
    session.out().line("The replica-alter-dir throttle limit was set to " + std::to_string(between_folders) +
                       " B/s");
  co_return Answer<void>{};
}

// The lines about partitions that were refused; empty when none was.
std::string refusals(const client::PerItem<TopicPartition, void>& results) {
  std::map<TopicPartition, std::string> lines;
  for (const auto& [partition, result] : results) {
    if (!result) lines[partition] = words_of(result.error());
  }
  std::string out;
  for (const auto& [partition, words] : lines) out += "\n" + partition.to_string() + ": " + words;
  return out;
}

Task<Answer<Exit>> execute(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto between_brokers = arguments.number_or("throttle", -1, -1);
  const auto between_folders = arguments.number_or("replica-alter-log-dirs-throttle", -1, -1);
  if (!between_brokers) co_return trouble(between_brokers.error());
  if (!between_folders) co_return trouble(between_folders.error());
  const auto text = file_of_flag(session, "reassignment-json-file");
  if (!text) co_return failed(session, text.error());
  const auto proposed = parse_usable_reassignment(*text);
  if (!proposed) co_return failed(session, proposed.error());
  const auto under_way = co_await session.admin.list_partition_reassignments();
  if (!under_way) co_return failed(session, under_way.error(), "cannot list reassignments");
  if (!arguments.has("additional") && !under_way->empty()) co_return failed(session, std::string(kBusy));
  if (auto checked = co_await check_brokers(session, *proposed); !checked)
    co_return failed(session, checked.error());
  const auto all = co_await assignment_now(session, topics_in(*proposed), true);
  if (!all) co_return failed(session, all.error());
  const auto now = only(*all, *proposed);
  if (!now) co_return failed(session, now.error());
  session.out().line("Current partition replica assignment\n\n" + reassignment_json(*now) +
                     "\n\nSave this to use as the --reassignment-json-file option during rollback");
  if (auto throttled = co_await throttle(session, moves_of(*under_way, *proposed, *now), *between_brokers,
                                         *between_folders);
      !throttled)
    co_return failed(session, throttled.error());
  std::vector<client::NewReassignment> wanted;
  for (const auto& [partition, replicas] : *proposed) wanted.push_back({partition, replicas});
  const auto results = co_await session.admin.alter_partition_reassignments(
      std::move(wanted), !arguments.has("disallow-replication-factor-change"));
  if (!results) co_return failed(session, results.error(), "cannot reassign partitions");
  if (const std::string refused = refusals(*results); !refused.empty())
    co_return failed(session, "Error reassigning partition(s):" + refused);
  session.out().line("Successfully started partition reassignment" + std::string(plural(proposed->size())) +
                     " for " + names_of(partitions_of(*proposed)));
  co_return Exit::done;
}

// --- verify

std::string state_line(const TopicPartition& partition, const std::vector<NodeId>& wanted,
                       const Reassignments& under_way, const Assignment& now) {
  const std::string name = "eassignment of partition " + partition.to_string();
  if (under_way.contains(partition)) return "R" + name + " is still in progress.";
  const auto at = now.find(partition);
  const std::vector<NodeId> current = at == now.end() ? std::vector<NodeId>() : at->second;
  if (current == wanted) return "R" + name + " is completed.";
  return "There is no active r" + name + ", but replica set is " + comma_joined(current) + " rather than " +
         comma_joined(wanted) + ".";
}

using Targets = std::vector<std::pair<TopicPartition, std::vector<NodeId>>>;

Task<Answer<void>> clear_throttles(ClusterSession& session, const Targets& targets) {
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  std::set<NodeId> brokers;
  std::set<std::string> topics;
  for (const client::BrokerInfo& broker : cluster->brokers) brokers.insert(broker.id);
  for (const auto& [partition, replicas] : targets) {
    brokers.insert(replicas.begin(), replicas.end());
    topics.insert(partition.topic);
  }
  session.out().line("Clearing broker-level throttles on broker" + std::string(plural(brokers.size())) + " " +
                     comma_joined({brokers.begin(), brokers.end()}));
  if (auto cleared = co_await clear_broker_throttles(session, brokers); !cleared) co_return cleared;
  std::string names;
  for (const std::string& topic : topics) names += (names.empty() ? "" : ",") + topic;
  session.out().line("Clearing topic-level throttles on topic" + std::string(plural(topics.size())) + " " +
                     names);
  co_return co_await clear_topic_throttles(session, topics);
}

Task<Answer<Exit>> verify(ClusterSession& session) {
  const auto text = file_of_flag(session, "reassignment-json-file");
  if (!text) co_return failed(session, text.error());
  const auto targets = parse_reassignment(*text);
  if (!targets) co_return failed(session, targets.error());
  const auto under_way = co_await session.admin.list_partition_reassignments();
  if (!under_way) co_return failed(session, under_way.error(), "cannot list reassignments");
  std::map<TopicPartition, std::vector<NodeId>> wanted(targets->begin(), targets->end());
  std::vector<std::string> topics;
  for (const auto& [partition, replicas] : wanted) {
    if (!under_way->contains(partition)) topics.push_back(partition.topic);
  }
  const auto now = co_await assignment_now(session, std::move(topics), false);
  if (!now) co_return failed(session, now.error());
  session.out().line("Status of partition reassignment:");
  for (const auto& [partition, replicas] : wanted)
    session.out().line(state_line(partition, replicas, *under_way, *now));
  session.out().line("");  // where Kafka tells of moves between folders
  if (!under_way->empty() || session.arguments().has("preserve-throttles")) co_return Exit::done;
  if (auto cleared = co_await clear_throttles(session, *targets); !cleared)
    co_return failed(session, cleared.error());
  co_return Exit::done;
}

// --- cancel, list

Task<Answer<Exit>> cancel(ClusterSession& session) {
  const auto text = file_of_flag(session, "reassignment-json-file");
  if (!text) co_return failed(session, text.error());
  const auto targets = parse_reassignment(*text);
  if (!targets) co_return failed(session, targets.error());
  std::set<TopicPartition> named;
  for (const auto& [partition, replicas] : *targets) named.insert(partition);
  const auto under_way = co_await session.admin.list_partition_reassignments(
      std::vector<TopicPartition>(named.begin(), named.end()));
  if (!under_way) co_return failed(session, under_way.error(), "cannot list reassignments");
  std::vector<TopicPartition> active;
  std::vector<client::NewReassignment> ends;
  for (const auto& [partition, reassignment] : *under_way) {
    if (reassignment.adding.empty() && reassignment.removing.empty()) continue;
    active.push_back(partition);
    ends.push_back({partition, std::nullopt});
  }
  if (active.empty()) {
    session.out().line("None of the specified partition reassignments are active.");
  } else {
    const auto results = co_await session.admin.alter_partition_reassignments(std::move(ends));
    if (!results) co_return failed(session, results.error(), "cannot cancel reassignments");
    if (const std::string refused = refusals(*results); !refused.empty())
      co_return failed(session,
                       "Error cancelling partition reassignment" +
                           std::string(plural(static_cast<std::size_t>(std::ranges::count(refused, '\n')))) +
                           " for:" + refused);
    session.out().line("Successfully cancelled partition reassignment" + std::string(plural(active.size())) +
                       " for: " + names_of(active));
  }
  session.out().put("None of the specified partition moves are active.");  // Kafka ends no line here
  if (session.arguments().has("preserve-throttles")) co_return Exit::done;
  if (auto cleared = co_await clear_throttles(session, *targets); !cleared)
    co_return failed(session, cleared.error());
  co_return Exit::done;
}

Task<Answer<Exit>> list(ClusterSession& session) {
  const auto under_way = co_await session.admin.list_partition_reassignments();
  if (!under_way) co_return failed(session, under_way.error(), "cannot list reassignments");
  session.out().line(under_way->empty() ? "No partition reassignments found."
                                        : "Current partition reassignments:");
  for (const auto& [partition, one] : *under_way)
    session.out().line(partition.to_string() + ": replicas: " + comma_joined(one.replicas) + "." +
                       (one.adding.empty() ? "" : " adding: " + comma_joined(one.adding) + ".") +
                       (one.removing.empty() ? "" : " removing: " + comma_joined(one.removing) + "."));
  co_return Exit::done;
}

// --- flags

struct Action {
  std::string_view name;
  Task<Answer<Exit>> (*run)(ClusterSession&);
  std::vector<std::string_view> needs;
  std::vector<std::string_view> takes;
};

const std::vector<Action>& actions() {
  static const std::vector<Action> kAll = {
      {"generate", generate, {"topics-to-move-json-file", "broker-list"}, {"disable-rack-aware"}},
      {"execute",
       execute,
       {"reassignment-json-file"},
       {"additional", "throttle", "replica-alter-log-dirs-throttle", "timeout",
        "disallow-replication-factor-change"}},
      {"verify", verify, {"reassignment-json-file"}, {"preserve-throttles"}},
      {"cancel",
       cancel,
       {"reassignment-json-file"},
       {"preserve-throttles", "timeout", "bootstrap-controller"}},
      {"list", list, {}, {"bootstrap-controller"}},
  };
  return kAll;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

Answer<const Action*> chosen_action(const Session& session) {
  const Action* chosen = nullptr;
  int count = 0;
  for (const Action& action : actions()) {
    if (session.arguments.has(action.name)) chosen = &action, ++count;
  }
  if (count != 1)
    return usage_trouble(
        "Command must include exactly one action: --generate, --execute, --verify, --cancel, --list");
  for (const std::string_view name : chosen->needs) {
    if (!session.arguments.has(name))
      return usage_trouble("Missing required argument \"[" + std::string(name) + "]\"");
  }
  constexpr std::string_view kAlways[] = {"bootstrap-server", "command-config", "help", "version"};
  for (const Flag& flag : session.command->flags) {
    const std::string_view name = flag.key();
    const bool known = std::ranges::find(kAlways, name) != std::end(kAlways) || name == chosen->name ||
                       contains(chosen->needs, name) || contains(chosen->takes, name);
    if (!known && session.arguments.has(name))
      return usage_trouble("Option \"[" + std::string(name) + "]\" can't be used with action \"[" +
                           std::string(chosen->name) + "]\"");
  }
  return chosen;
}

}  // namespace

ClusterAnswer kafka_reassign_partitions(ClusterSession& session) {
  const auto action = chosen_action(session.session);
  if (!action) co_return trouble(action.error());
  co_return co_await (*action)->run(session);
}

}  // namespace moldau::cli
