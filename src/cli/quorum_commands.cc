// quorum status, add-voter, remove-voter.
#include <algorithm>

#include "cli/cluster_view.h"
#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kDefaultListener = "CONTROLLER";

Json time_or_null(TimestampMs at) { return at < 0 ? Json() : Json(rfc3339(at)); }

Json endpoints_json(const client::QuorumInfo& quorum, NodeId id) {
  Json::Array out;
  for (const client::QuorumNode& node : quorum.nodes) {
    if (node.id != id) continue;
    for (const auto& listener : node.listeners)
      out.emplace_back(listener.name + "://" + listener.endpoint.to_string());
  }
  return out;
}

Table replica_table(const client::QuorumInfo& quorum) {
  Table table({{"node", true},
               {.name = "status", .state = true},
               {"log_end_offset", true},
               {"lag", true},
               {"last_caught_up"},
               {"leader_epoch", true, true},
               {"high_watermark", true, true},
               {"directory_id", false, true},
               {"endpoints", false, true}});
  Offset leader_end = quorum.high_watermark;
  for (const client::QuorumReplica& voter : quorum.voters) {
    if (voter.id == quorum.leader) leader_end = voter.log_end_offset;
  }
  const auto add = [&](const client::QuorumReplica& replica, std::string_view status) {
    table.add({replica.id, status, replica.log_end_offset, leader_end - replica.log_end_offset,
               time_or_null(replica.last_caught_up), quorum.leader_epoch, quorum.high_watermark,
               replica.directory_id.to_string(), endpoints_json(quorum, replica.id)});
  };
  for (const client::QuorumReplica& voter : quorum.voters)
    add(voter, voter.id == quorum.leader ? "leader" : "follower");
  for (const client::QuorumReplica& observer : quorum.observers) add(observer, "observer");
  return table;
}

Answer<NodeId> node_of_words(const Session& session) {
  const auto& words = session.arguments.words();
  const auto id = words.size() == 1 ? whole_number(words.front()) : std::nullopt;
  if (!id || *id < 0 || *id > INT32_MAX)
    return usage_trouble("which node?", "moldau quorum status shows their ids");
  return static_cast<NodeId>(*id);
}

// --directory-id, or what the quorum knows of the node among these.
Answer<DirectoryId> directory_of(const Session& session, NodeId node,
                                 const std::vector<client::QuorumReplica>& replicas,
                                 const std::string& otherwise) {
  if (const auto text = session.arguments.find("directory-id")) {
    if (const auto id = Uuid::parse(*text)) return *id;
    return usage_trouble("--directory-id: \"" + *text + "\" is no directory id",
                         "moldau quorum status --format wide shows them");
  }
  const auto count = std::ranges::count(replicas, node, &client::QuorumReplica::id);
  if (count == 1) return std::ranges::find(replicas, node, &client::QuorumReplica::id)->directory_id;
  if (count > 1)
    return usage_trouble("node " + std::to_string(node) + " is there with several folders",
                         "say which with --directory-id; moldau quorum status --format wide shows them");
  return trouble(Exit::not_found, otherwise, {}, "moldau quorum status shows the quorum");
}

// "[NAME://]host:port,…".
Answer<std::vector<client::QuorumNode::Listener>> listeners_of(const Arguments& arguments) {
  std::vector<client::QuorumNode::Listener> listeners;
  for (const std::string& text : split(arguments.text("endpoint"), ',')) {
    const std::size_t scheme = text.find("://");
    const auto address =
        runtime::Endpoint::parse(scheme == std::string::npos ? text : text.substr(scheme + 3));
    if (!address)
      return usage_trouble("--endpoint: \"" + text + "\" is no address",
                           "for example k4:9093 or CONTROLLER://k4:9093");
    listeners.push_back(
        {scheme == std::string::npos ? std::string(kDefaultListener) : text.substr(0, scheme), *address});
  }
  if (listeners.empty()) return usage_trouble("where does its controller listen?", "--endpoint host:port");
  return listeners;
}

void warn_of_few(Session& session, std::size_t voters) {
  if (voters % 2 == 0)
    session.note("warning: " + std::to_string(voters) + " voters tolerate " +
                 std::to_string(tolerated_failures(voters)) + " failures, no more than " +
                 std::to_string(voters - 1) + " would");
}

}  // namespace

ClusterAnswer cluster_quorum(ClusterSession& session) {
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  if (auto printed = print_table(session.session, replica_table(*quorum)); !printed)
    co_return trouble(printed.error());
  if (!quorum->voters.empty()) warn_of_few(session.session, quorum->voters.size());
  co_return Exit::done;
}

ClusterAnswer quorum_add_voter(ClusterSession& session) {
  const auto node = node_of_words(session.session);
  if (!node) co_return trouble(node.error());
  auto listeners = listeners_of(session.arguments());
  if (!listeners) co_return trouble(std::move(listeners).error());
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  const auto directory = directory_of(session.session, *node, quorum->observers,
                                      "node " + std::to_string(*node) + " is no observer of the quorum");
  if (!directory) co_return trouble(directory.error());
  const auto added = co_await session.admin.add_raft_voter({*node, *directory}, std::move(*listeners));
  if (!added) co_return trouble(trouble_of(added.error(), "cannot add voter " + std::to_string(*node)));
  session.out().line("node " + std::to_string(*node) + " votes now, with directory " +
                     directory->to_string());
  warn_of_few(session.session, quorum->voters.size() + 1);
  co_return Exit::done;
}

ClusterAnswer quorum_remove_voter(ClusterSession& session) {
  const auto node = node_of_words(session.session);
  if (!node) co_return trouble(node.error());
  const auto quorum = co_await session.admin.describe_quorum();
  if (!quorum) co_return trouble(trouble_of(quorum.error(), "cannot describe the quorum"));
  const auto directory = directory_of(session.session, *node, quorum->voters,
                                      "node " + std::to_string(*node) + " is no voter of the quorum");
  if (!directory) co_return trouble(directory.error());
  const std::size_t left = quorum->voters.size() - 1;
  const auto sure = confirmed(session.session, "remove voter " + std::to_string(*node) + "; " +
                                                   std::to_string(left) + " voters are left and tolerate " +
                                                   std::to_string(tolerated_failures(left)) + " failures");
  if (!sure) co_return trouble(sure.error());
  if (!*sure) co_return usage_trouble("nothing was changed");
  const auto removed = co_await session.admin.remove_raft_voter({*node, *directory});
  if (!removed)
    co_return trouble(trouble_of(removed.error(), "cannot remove voter " + std::to_string(*node)));
  session.out().line("node " + std::to_string(*node) + " votes no more");
  co_return Exit::done;
}

}  // namespace moldau::cli
