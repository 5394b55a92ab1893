// kafka-metadata-quorum: describe, add-controller, remove-controller, with the lines of Kafka's own.
#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/kafka_table.h"
#include "cli/text_file.h"
#include "storage/data_directory.h"

namespace moldau::cli {
namespace {

using runtime::Task;

const client::QuorumReplica* leader_of(const client::QuorumInfo& quorum) {
  const auto at = std::ranges::find(quorum.voters, quorum.leader, &client::QuorumReplica::id);
  return at == quorum.voters.end() ? nullptr : &*at;
}

// {"id": 1, "directoryId": "…", "endpoints": ["CONTROLLER://h:9093"]}
std::string replica_text(const client::QuorumInfo& quorum, const client::QuorumReplica& replica) {
  std::string text =
      "{\"id\": " + std::to_string(replica.id) + ", \"directoryId\": " +
      (replica.directory_id.is_zero() ? "null" : "\"" + replica.directory_id.to_string() + "\"");
  std::string endpoints;
  for (const client::QuorumNode& node : quorum.nodes) {
    if (node.id != replica.id) continue;
    for (const auto& listener : node.listeners)
      endpoints +=
          (endpoints.empty() ? "\"" : ", \"") + listener.name + "://" + listener.endpoint.to_string() + "\"";
  }
  if (!endpoints.empty()) text += ", \"endpoints\": [" + endpoints + "]";
  return text + "}";
}

std::string replicas_text(const client::QuorumInfo& quorum,
                          const std::vector<client::QuorumReplica>& replicas) {
  std::string text;
  for (const client::QuorumReplica& replica : replicas)
    text += (text.empty() ? "" : ", ") + replica_text(quorum, replica);
  return "[" + text + "]";
}

struct Lag {
  std::int64_t offsets = 0;
  std::int64_t ms = 0;  // -1: not known
};

Lag largest_lag(const client::QuorumInfo& quorum, const client::QuorumReplica& leader) {
  const auto last = std::ranges::min_element(quorum.voters, {}, &client::QuorumReplica::log_end_offset);
  if (last->log_end_offset == leader.log_end_offset) return {};
  const bool known = leader.last_caught_up >= 0 && last->last_caught_up >= 0;
  return {leader.log_end_offset - last->log_end_offset,
          known ? leader.last_caught_up - last->last_caught_up : -1};
}

void print_status(Printer& out, const std::string& cluster_id, const client::QuorumInfo& quorum,
                  const client::QuorumReplica& leader) {
  constexpr std::size_t kValueColumn = 24;
  const auto line = [&](std::string name, const std::string& value) {
    out.line(padded(std::move(name), kValueColumn) + value);
  };
  const Lag lag = largest_lag(quorum, leader);
  line("ClusterId:", cluster_id);
  line("LeaderId:", std::to_string(quorum.leader));
  line("LeaderEpoch:", std::to_string(quorum.leader_epoch));
  line("HighWatermark:", std::to_string(quorum.high_watermark));
  line("MaxFollowerLag:", std::to_string(lag.offsets));
  line("MaxFollowerLagTimeMs:", std::to_string(lag.ms));
  line("CurrentVoters:", replicas_text(quorum, quorum.voters));
  line("CurrentObservers:", replicas_text(quorum, quorum.observers));
}

void print_replication(ClusterSession& session, const client::QuorumInfo& quorum,
                       const client::QuorumReplica& leader) {
  const bool readable = session.arguments().has("human-readable");
  const TimestampMs now = session.world.wall_clock().now_ms();
  std::vector<KafkaRow> rows{{"NodeId", "DirectoryId", "LogEndOffset", "Lag", "LastFetchTimestamp",
                              "LastCaughtUpTimestamp", "Status"}};
  const auto time = [&](TimestampMs at) {
    return readable && at >= 0 ? std::to_string(now - at) + " ms ago" : std::to_string(at);
  };
  const auto add = [&](const client::QuorumReplica& replica, const std::string& status) {
    rows.push_back({std::to_string(replica.id), replica.directory_id.to_string(),
                    std::to_string(replica.log_end_offset),
                    std::to_string(leader.log_end_offset - replica.log_end_offset), time(replica.last_fetch),
                    time(replica.last_caught_up), status});
  };
  add(leader, "Leader");
  for (const client::QuorumReplica& voter : quorum.voters) {
    if (voter.id != leader.id) add(voter, "Follower");
  }
  for (const client::QuorumReplica& observer : quorum.observers) add(observer, "Observer");
  print_kafka_table(session.out(), rows);
}

Answer<void> check_describe(const Arguments& arguments) {
  if (arguments.has("status") && arguments.has("replication"))
    return trouble(Exit::failed,
                   "Only one of --status or --replication should be specified with describe sub-command");
  if (!arguments.has("status") && !arguments.has("replication"))
    return trouble(Exit::failed,
                   "One of --status or --replication must be specified with describe sub-command");
  if (arguments.has("status") && arguments.has("human-readable"))
    return trouble(Exit::failed, "The option --human-readable is only supported along with --replication");
  return {};
}

// --- the controller of a properties file

struct ControllerFile {
  NodeId id = kNoNode;
  std::string data_dir;
  std::vector<client::QuorumNode::Listener> listeners;
};

constexpr std::string_view kNotAController = " Is this a valid controller configuration file?";

std::string value_of(const Properties& properties, std::string_view key) {
  const auto at = properties.find(key);
  return at == properties.end() ? std::string() : at->second;
}

Answer<NodeId> controller_id(const Properties& properties) {
  const std::string text = value_of(properties, "node.id");
  const auto id = whole_number(text);
  if (text.empty() || !id)
    return trouble(Exit::failed, "node.id not found in configuration file." + std::string(kNotAController));
  if (*id < 0 || *id > INT32_MAX)
    return trouble(Exit::failed,
                   "node.id was negative in configuration file." + std::string(kNotAController));
  if (!value_of(properties, "process.roles").contains("controller"))
    return trouble(Exit::failed, "process.roles did not contain 'controller' in configuration file." +
                                     std::string(kNotAController));
  return static_cast<NodeId>(*id);
}

Answer<std::string> metadata_dir(const Properties& properties) {
  for (const std::string_view key : {"metadata.log.dir", "log.dirs", "log.dir"}) {
    const std::string text = value_of(properties, key);
    if (!text.empty()) return split(text, ',').front();
  }
  return trouble(Exit::failed,
                 "Neither metadata.log.dir nor log.dirs were found." + std::string(kNotAController));
}

// "NAME://host:port,…" by name; the advertised ones over those that are listened on.
std::map<std::string, runtime::Endpoint> listeners_in(const Properties& properties) {
  std::map<std::string, runtime::Endpoint> found;
  for (const std::string_view key : {"listeners", "advertised.listeners"}) {
    for (const std::string& text : split(value_of(properties, key), ',')) {
      const std::size_t scheme = text.find("://");
      if (scheme == std::string::npos) continue;
      std::string address = text.substr(scheme + 3);
      if (address.starts_with(':')) address = "localhost" + address;
      if (const auto endpoint = runtime::Endpoint::parse(address)) found[text.substr(0, scheme)] = *endpoint;
    }
  }
  return found;
}

Answer<ControllerFile> controller_in(const Properties& properties) {
  ControllerFile file;
  const auto id = controller_id(properties);
  if (!id) return std::unexpected(id.error());
  file.id = *id;
  const auto dir = metadata_dir(properties);
  if (!dir) return std::unexpected(dir.error());
  file.data_dir = *dir;
  const std::string names = value_of(properties, "controller.listener.names");
  if (names.empty())
    return trouble(Exit::failed, "controller.listener.names was not found." + std::string(kNotAController));
  const auto listeners = listeners_in(properties);
  for (const std::string& name : split(names, ',')) {
    const auto at = listeners.find(name);
    if (at == listeners.end())
      return trouble(Exit::failed, "Cannot find information about controller listener name: " + name);
    file.listeners.push_back({name, at->second});
  }
  return file;
}

Task<Answer<DirectoryId>> directory_id_of(ClusterSession& session, std::string data_dir) {
  const auto found = co_await session.world.pool().run(
      runtime::Lane::background, session.executor(),
      [&disk = session.world.disk(), data_dir] { return storage::DataDirectory::inspect(disk, data_dir); });
  if (!found)
    co_return trouble(Exit::failed, "Unable to read meta.properties from " + data_dir, found.error().message);
  if (found->directory_id.is_zero()) co_return trouble(Exit::failed, "No directory id found in " + data_dir);
  co_return found->directory_id;
}

}  // namespace

ClusterAnswer kafka_metadata_quorum(ClusterSession& session) {
  if (auto checked = check_describe(session.arguments()); !checked) co_return trouble(checked.error());
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  const client::QuorumReplica* leader = leader_of(*quorum);
  if (leader == nullptr) co_return trouble(Exit::failed, "the quorum has no leader at the moment");
  if (session.arguments().has("replication")) {
    print_replication(session, *quorum, *leader);
    co_return Exit::done;
  }
  const auto cluster = co_await session.admin.describe_cluster();
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  print_status(session.out(), cluster->cluster_id, *quorum, *leader);
  co_return Exit::done;
}

ClusterAnswer kafka_metadata_quorum_add(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  if (!arguments.has("command-config"))
    co_return trouble(Exit::failed,
                      "You must supply the configuration file of the controller you are adding when using "
                      "add-controller.");
  const auto properties = read_properties_file(session.session.invocation, arguments.text("command-config"));
  if (!properties) co_return trouble(properties.error());
  const auto file = controller_in(*properties);
  if (!file) co_return trouble(file.error());
  const auto directory =
      co_await directory_id_of(session, absolute_path(session.session.invocation, file->data_dir));
  if (!directory) co_return trouble(directory.error());
  const bool dry_run = arguments.has("dry-run");
  if (!dry_run) {
    const auto added = co_await session.admin.add_raft_voter({file->id, *directory}, file->listeners);
    if (!added)
      co_return trouble(trouble_of(added.error(), "cannot add controller " + std::to_string(file->id)));
  }
  std::string endpoints;
  for (const auto& listener : file->listeners)
    endpoints += (endpoints.empty() ? "" : ", ") + listener.name + "://" + listener.endpoint.to_string();
  session.out().line(std::string(dry_run ? "DRY RUN of adding" : "Added") + " controller " +
                     std::to_string(file->id) + " with directory id " + directory->to_string() +
                     " and endpoints: " + endpoints);
  co_return Exit::done;
}

ClusterAnswer kafka_metadata_quorum_remove(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto id = arguments.number("controller-id", INT32_MIN, INT32_MAX);
  if (!id) co_return trouble(id.error());
  if (!*id || !arguments.has("controller-directory-id"))
    co_return usage_trouble("arguments --controller-id/-i and --controller-directory-id/-d are required");
  if (**id < 0) co_return trouble(Exit::failed, "Invalid negative --controller-id: " + std::to_string(**id));
  const auto directory = Uuid::parse(arguments.text("controller-directory-id"));
  if (!directory)
    co_return trouble(Exit::failed, "Failed to parse --controller-directory-id: " +
                                        arguments.text("controller-directory-id") + " is no directory id");
  const bool dry_run = arguments.has("dry-run");
  if (!dry_run) {
    const auto removed = co_await session.admin.remove_raft_voter({static_cast<NodeId>(**id), *directory});
    if (!removed)
      co_return trouble(trouble_of(removed.error(), "cannot remove controller " + std::to_string(**id)));
  }
  // Kafka prints two blanks here.
  session.out().line(std::string(dry_run ? "DRY RUN of removing " : "Removed ") + " KRaft controller " +
                     std::to_string(**id) + " with directory id " + directory->to_string());
  co_return Exit::done;
}

}  // namespace moldau::cli
