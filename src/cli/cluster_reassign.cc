// cluster reassign, balance, elect: where replicas and leaders are.
#include <algorithm>

#include "cli/cluster_view.h"
#include "cli/handlers.h"
#include "cli/moves.h"
#include "cli/replica_text.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::chrono::hours kForAsLongAsItTakes{24 * 365};

// The brokers that are there; of them those in `only`, when that has any, without those in `never`.
Answer<std::vector<client::BrokerInfo>> targets_of(const client::ClusterInfo& cluster,
                                                   const std::vector<NodeId>& only,
                                                   const std::vector<NodeId>& never) {
  std::vector<client::BrokerInfo> targets;
  for (const client::BrokerInfo& broker : cluster.brokers) {
    const bool named = only.empty() || std::ranges::find(only, broker.id) != only.end();
    const bool excluded = std::ranges::find(never, broker.id) != never.end();
    if (named && !excluded && (!broker.fenced || !only.empty())) targets.push_back(broker);
  }
  for (const NodeId id : only) {
    if (std::ranges::find(targets, id, &client::BrokerInfo::id) == targets.end())
      return trouble(Exit::not_found, "there is no broker " + std::to_string(id), {},
                     "moldau cluster brokers shows those that there are");
  }
  return targets;
}

Answer<Exit> print_under_way(Session& session, const std::map<TopicPartition, client::Reassignment>& moving) {
  Table table({{"topic"}, {"partition", true}, {"replicas"}, {"adding"}, {"removing"}});
  for (const auto& [partition, one] : moving)
    table.add({partition.topic, partition.partition, nodes_json(one.replicas), nodes_json(one.adding),
               nodes_json(one.removing)});
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return Exit::done;
}

Task<Answer<Exit>> list(ClusterSession& session) {
  const auto moving = co_await session.admin.list_partition_reassignments();
  if (!moving) co_return trouble(trouble_of(moving.error(), "cannot list reassignments"));
  co_return print_under_way(session.session, *moving);
}

Task<Answer<Exit>> cancel(ClusterSession& session) {
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const auto named = partitions_of_words(session.arguments().words(), *topics);
  if (!named) co_return trouble(named.error());
  const auto moving = co_await session.admin.list_partition_reassignments(*named);
  if (!moving) co_return trouble(trouble_of(moving.error(), "cannot list reassignments"));
  std::vector<client::NewReassignment> ends;
  for (const auto& [partition, one] : *moving) ends.push_back({partition, std::nullopt});
  if (ends.empty()) {
    session.session.note("nothing is moving");
    co_return Exit::done;
  }
  const auto results = co_await session.admin.alter_partition_reassignments(std::move(ends));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot cancel reassignments"));
  ItemReport report("partition");
  for (const auto& [partition, result] : *results) {
    const std::string name = partition_name(partition.topic, partition.partition);
    if (result)
      report.done(name);
    else
      report.failed(name, result.error());
  }
  co_return std::move(report).finish(session.session);
}

// Shows the plan with what became of its start; then waits when --wait says so.
Task<Answer<Exit>> carry_out(ClusterSession& session, const Assignment& from, const Assignment& plan) {
  if (plan.empty()) {
    session.session.note("every replica is where it should be");
    co_return Exit::done;
  }
  if (session.arguments().has("dry-run")) {
    if (auto printed = print_plan(session.session, from, plan); !printed) co_return trouble(printed.error());
    co_return Exit::done;
  }
  const auto patience = session.arguments().duration_or("wait", kForAsLongAsItTakes);
  if (!patience) co_return trouble(patience.error());
  const auto refused = co_await start_moves(session, plan);
  if (!refused) co_return trouble(refused.error());
  std::vector<TopicPartition> left;
  if (session.arguments().has("wait")) {
    session.session.handles_interrupt = true;
    auto waited = co_await wait_for_moves(session, plan, session.executor().now() + *patience);
    if (!waited) co_return trouble(std::move(waited).error());
    left = std::move(*waited);
    if (auto elected = co_await elect_preferred(session, plan); !elected) co_return trouble(elected.error());
  }
  Table table({{"topic"}, {"partition", true}, {"from"}, {"to"}, {.name = "status", .state = true}});
  for (const auto& [partition, replicas] : plan) {
    const bool still = std::ranges::find(left, partition) != left.end();
    table.add({partition.topic, partition.partition, nodes_json(from.at(partition)), nodes_json(replicas),
               still ? std::string("MOVING") : status_text(*refused, partition)});
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  if (session.interrupt.raised()) co_return exit_of(session.interrupt);
  if (!left.empty())
    co_return trouble(Exit::unreachable, std::to_string(left.size()) + " partitions are still moving", {},
                      "moldau cluster reassign shows them; they go on without this command");
  co_return refused->empty() ? Exit::done : Exit::failed;
}

Task<Answer<Exit>> move(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto to = parse_nodes(arguments.text("to"), "--to");
  if (!to) co_return trouble(to.error());
  const auto from = parse_nodes(arguments.text("from"), "--from");
  if (!from) co_return trouble(from.error());
  const auto factor = arguments.number("replicas", 1, INT16_MAX);
  if (!factor) co_return trouble(factor.error());
  const auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const auto named = partitions_of_words(arguments.words(), *topics);
  if (!named) co_return trouble(named.error());
  const auto targets = targets_of(*cluster, *to, *from);
  if (!targets) co_return trouble(targets.error());
  const Assignment all = assignment_of(*topics);
  Assignment moving;
  for (const TopicPartition& partition : *named) {
    const auto& replicas = all.at(partition);
    const bool concerned = from->empty() || std::ranges::any_of(replicas, [&](NodeId node) {
                             return std::ranges::find(*from, node) != from->end();
                           });
    if (concerned) moving[partition] = replicas;
  }
  MoveRequest request{.targets = *targets};
  if (*factor) request.replication_factor = static_cast<std::size_t>(**factor);
  const auto plan = plan_move(all, moving, request);
  if (!plan) co_return trouble(plan.error());
  co_return co_await carry_out(session, all, *plan);
}

}  // namespace

ClusterAnswer cluster_reassign(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const bool moves = arguments.has("to") || arguments.has("from") || arguments.has("replicas");
  if (arguments.has("cancel") && moves)
    co_return usage_trouble("--cancel ends moves, --to, --from and --replicas start them");
  if (arguments.has("cancel")) co_return co_await cancel(session);
  if (moves) co_return co_await move(session);
  if (!arguments.words().empty())
    co_return usage_trouble("where to?",
                            "--to 1,2,3, --from 4 or --replicas 3; without words: what is moving");
  co_return co_await list(session);
}

ClusterAnswer cluster_balance(ClusterSession& session) {
  const auto cluster = co_await session.admin.describe_cluster(true);
  if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const auto moving = co_await session.admin.list_partition_reassignments();
  if (!moving) co_return trouble(trouble_of(moving.error(), "cannot list reassignments"));
  if (!moving->empty())
    co_return trouble(Exit::conflict, std::to_string(moving->size()) + " partitions are moving already", {},
                      "wait for their end, or moldau cluster reassign --cancel");
  const auto brokers = targets_of(*cluster, {}, {});
  if (!brokers) co_return trouble(brokers.error());
  const Assignment all = assignment_of(*topics);
  co_return co_await carry_out(session, all, plan_balance(all, *brokers));
}

ClusterAnswer cluster_elect(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const bool unclean = arguments.has("unclean");
  if (unclean && arguments.words().empty())
    co_return usage_trouble("--unclean: which partitions?",
                            "moldau cluster health shows those without a leader");
  if (unclean) {
    const auto sure =
        confirmed(session.session, "elect replicas that may not have every acknowledged record");
    if (!sure) co_return trouble(sure.error());
    if (!*sure) co_return usage_trouble("nothing was changed");
  }
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  const auto partitions = partitions_of_words(arguments.words(), *topics);
  if (!partitions) co_return trouble(partitions.error());
  const auto results = co_await session.admin.elect_leaders(
      unclean ? client::ElectionType::unclean : client::ElectionType::preferred, *partitions);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot elect leaders"));
  ItemReport report("partition");
  std::size_t not_needed = 0;
  for (const auto& [partition, result] : *results) {
    const std::string name = partition_name(partition.topic, partition.partition);
    if (result)
      report.done(name);
    else if (result.error().broker == wire::ErrorCode::election_not_needed)
      ++not_needed;
    else
      report.failed(name, result.error());
  }
  auto finished = std::move(report).finish(session.session);
  if (not_needed > 0) session.session.note(std::to_string(not_needed) + " partitions needed no election");
  co_return finished;
}

}  // namespace moldau::cli
