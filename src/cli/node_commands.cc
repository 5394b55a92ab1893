// node drain, resume, unregister, restart-check: a broker is taken out of service and comes back, by what
// Kafka's protocol has for it: the order of replicas and preferred elections.
#include <algorithm>

#include "cli/cluster_view.h"
#include "cli/handlers.h"
#include "cli/moves.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;
using Refused = std::map<TopicPartition, client::Failure>;

Answer<NodeId> node_of_words(const Session& session) {
  const auto& words = session.arguments.words();
  const auto id = words.size() == 1 ? whole_number(words.front()) : std::nullopt;
  if (!id || *id < 0 || *id > INT32_MAX)
    return usage_trouble("which node?", "moldau cluster brokers shows their ids");
  return static_cast<NodeId>(*id);
}

const client::BrokerInfo* broker_in(const ClusterView& view, NodeId id) {
  const auto at = std::ranges::find(view.cluster.brokers, id, &client::BrokerInfo::id);
  return at == view.cluster.brokers.end() ? nullptr : &*at;
}

struct Named {
  NodeId id = kNoNode;
  ClusterView view;
};

// The broker that the words name, in a cluster that was looked at. It may be down, but must be known.
Task<Answer<Named>> named_broker(ClusterSession& session) {
  const auto id = node_of_words(session.session);
  if (!id) co_return trouble(id.error());
  auto view = co_await look_at_cluster(session);
  if (!view) co_return trouble(trouble_of(view.error(), "cannot describe the cluster"));
  if (broker_in(*view, *id) == nullptr)
    co_return trouble(Exit::not_found, "there is no broker " + std::to_string(*id), {},
                      "moldau cluster brokers shows those that there are");
  co_return Named{*id, std::move(*view)};
}

std::vector<std::string> led_by(const std::vector<client::TopicInfo>& topics, NodeId id) {
  std::vector<std::string> led;
  for (const client::TopicInfo& topic : topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (partition.leader == id) led.push_back(partition_name(topic.name, partition.index));
    }
  }
  return led;
}

// Of the partitions that the broker leads, those that the plan gives to another one.
std::size_t led_elsewhere(const Assignment& plan, const std::vector<client::TopicInfo>& topics, NodeId id) {
  std::size_t count = 0;
  for (const client::TopicInfo& topic : topics) {
    for (const client::PartitionInfo& partition : topic.partitions)
      count += partition.leader == id && plan.contains({topic.name, partition.index});
  }
  return count;
}

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 5;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kMost); ++i) text += (i ? ", " : "") + names[i];
  return text + (names.size() > kMost ? ", …" : "");
}

Answer<void> print_steps(Session& session, const Assignment& from, const Assignment& plan,
                         const Refused& refused) {
  Table table({{"partition"}, {"from"}, {"to"}, {.name = "status", .state = true}});
  for (const auto& [partition, replicas] : plan)
    table.add({partition_name(partition.topic, partition.partition), from.at(partition).front(),
               replicas.front(), status_text(refused, partition)});
  return print_table(session, std::move(table));
}

// Reorders the replicas and has the new first ones lead. False: something was refused, and was told.
Task<Answer<bool>> reorder(ClusterSession& session, const Assignment& from, const Assignment& plan,
                           runtime::Duration patience) {
  Refused refused;
  if (!plan.empty() && !session.arguments().has("dry-run")) {
    auto started = co_await start_moves(session, plan);
    if (!started) co_return trouble(std::move(started).error());
    refused = std::move(*started);
    Assignment begun;
    for (const auto& [partition, replicas] : plan) {
      if (!refused.contains(partition)) begun[partition] = replicas;
    }
    // The order of the same replicas changes at once; waiting is for what was moving before.
    if (auto waited = co_await wait_for_moves(session, begun, session.executor().now() + patience); !waited)
      co_return trouble(std::move(waited).error());
    auto elected = co_await elect_preferred(session, begun);
    if (!elected) co_return trouble(std::move(elected).error());
    refused.merge(std::move(*elected));
  }
  if (auto printed = print_steps(session.session, from, plan, refused); !printed)
    co_return trouble(printed.error());
  co_return refused.empty();
}

// What the broker still leads once everything that another one can lead is known to be led so: brokers learn
// of an election a moment after it.
Task<Answer<std::vector<std::string>>> led_after(ClusterSession& session, const Named& named,
                                                 runtime::MonotonicTime deadline) {
  const std::size_t stays =
      led_by(named.view.topics, named.id).size() -
      led_elsewhere(plan_drain(named.view.topics, named.id), named.view.topics, named.id);
  for (;;) {
    const auto topics = co_await session.admin.list_topics();
    if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
    auto led = led_by(*topics, named.id);
    if (led.size() <= stays || !co_await session.cluster.pause(std::chrono::milliseconds(100), deadline))
      co_return led;
  }
}

// --- restart-check

struct Check {
  std::string name;
  std::string result;  // ok, warn, fail
  std::string detail;
};

void check_partitions(std::vector<Check>& checks, const ClusterView& view, NodeId id) {
  std::vector<std::string> gone, blocked;
  for (const client::TopicInfo& topic : view.topics) {
    const std::size_t least = view.min_isr_of(topic.name);
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (std::ranges::find(partition.isr, id) == partition.isr.end()) continue;
      const std::size_t left = partition.isr.size() - 1;
      const std::string name = partition_name(topic.name, partition.index);
      if (left == 0)
        gone.push_back(name);
      else if (left < least)
        blocked.push_back(name);
    }
  }
  checks.push_back(gone.empty() ? Check{"availability", "ok", "every partition keeps an in-sync replica"}
                                : Check{"availability", "fail",
                                        std::to_string(gone.size()) +
                                            " partitions have no other in-sync replica: " + some_of(gone)});
  checks.push_back(blocked.empty() ? Check{"min.insync.replicas", "ok", "acks=all goes on everywhere else"}
                                   : Check{"min.insync.replicas", "fail",
                                           std::to_string(blocked.size()) +
                                               " partitions would refuse acks=all: " + some_of(blocked)});
}

void check_quorum(std::vector<Check>& checks, const ClusterView& view, NodeId id) {
  if (!view.quorum) return;
  const auto& voters = view.quorum->voters;
  if (std::ranges::find(voters, id, &client::QuorumReplica::id) == voters.end()) {
    checks.push_back({"quorum", "ok", "the node is no voter"});
    return;
  }
  std::size_t others = 0;
  for (const VoterLag& lag : voter_lags(*view.quorum))
    others += lag.id != id && lag.ms >= 0 && lag.ms < kVoterIsBehindMs;
  const std::size_t majority = voters.size() / 2 + 1;
  const std::string detail = std::to_string(others) + " other voters of " + std::to_string(voters.size()) +
                             " keep up, " + std::to_string(majority) + " are needed";
  checks.push_back({"quorum", others >= majority ? "ok" : "fail", detail});
  if (view.quorum->leader == id)
    checks.push_back(
        {"controller", "warn", "the node is the active controller: another one will be elected"});
}

void check_leaders(std::vector<Check>& checks, const ClusterView& view, NodeId id) {
  const auto led = led_by(view.topics, id);
  checks.push_back(led.empty() ? Check{"leaderships", "ok", "the broker leads nothing"}
                               : Check{"leaderships", "warn",
                                       "the broker leads " + std::to_string(led.size()) +
                                           " partitions; moldau node drain moves that away first"});
}

}  // namespace

ClusterAnswer node_drain(ClusterSession& session) {
  const auto patience = session.arguments().duration_or("wait", std::chrono::seconds(30));
  if (!patience) co_return trouble(patience.error());
  const auto named = co_await named_broker(session);
  if (!named) co_return trouble(named.error());
  const auto& topics = named->view.topics;
  const auto done =
      co_await reorder(session, assignment_of(topics), plan_drain(topics, named->id), *patience);
  if (!done) co_return trouble(done.error());
  if (session.arguments().has("dry-run")) co_return Exit::done;
  const auto left = co_await led_after(session, *named, session.executor().now() + *patience);
  if (!left) co_return trouble(left.error());
  const auto& led = *left;
  if (led.empty() && *done) co_return Exit::done;
  co_return trouble(
      Exit::failed,
      "broker " + std::to_string(named->id) + " still leads " + std::to_string(led.size()) + " partitions",
      some_of(led),
      "those have no other in-sync replica, or their election takes a moment; moldau cluster "
      "reassign --from " +
          std::to_string(named->id) + " moves the replicas themselves");
}

ClusterAnswer node_resume(ClusterSession& session) {
  const auto patience = session.arguments().duration_or("wait", std::chrono::seconds(30));
  if (!patience) co_return trouble(patience.error());
  const auto named = co_await named_broker(session);
  if (!named) co_return trouble(named.error());
  if (broker_in(named->view, named->id)->fenced)
    co_return trouble(Exit::conflict, "broker " + std::to_string(named->id) + " is not in service",
                      "the controller has fenced it",
                      "start it, and wait with moldau cluster health --wait 1m");
  const Assignment all = assignment_of(named->view.topics);
  const auto done = co_await reorder(session, all, plan_resume(all, named->id), *patience);
  if (!done) co_return trouble(done.error());
  co_return *done ? Exit::done : Exit::failed;
}

ClusterAnswer node_unregister(ClusterSession& session) {
  const auto named = co_await named_broker(session);
  if (!named) co_return trouble(named.error());
  std::size_t replicas = 0;
  for (const auto& [partition, nodes] : assignment_of(named->view.topics))
    replicas += static_cast<std::size_t>(std::ranges::count(nodes, named->id));
  std::string question = "unregister broker " + std::to_string(named->id);
  if (!broker_in(named->view, named->id)->fenced) question += ", which is in service";
  if (replicas > 0) question += " and has " + std::to_string(replicas) + " replicas";
  const auto sure = confirmed(session.session, question);
  if (!sure) co_return trouble(sure.error());
  if (!*sure) co_return usage_trouble("nothing was changed");
  const auto done = co_await session.admin.unregister_broker(named->id);
  if (!done)
    co_return trouble(trouble_of(done.error(), "cannot unregister broker " + std::to_string(named->id)));
  session.out().line("broker " + std::to_string(named->id) + " is no longer registered");
  co_return Exit::done;
}

ClusterAnswer node_restart_check(ClusterSession& session) {
  const auto named = co_await named_broker(session);
  if (!named) co_return trouble(named.error());
  std::vector<Check> checks;
  check_partitions(checks, named->view, named->id);
  check_quorum(checks, named->view, named->id);
  check_leaders(checks, named->view, named->id);
  Table table({{"check"}, {.name = "result", .state = true}, {"detail"}});
  bool safe = true;
  for (const Check& check : checks) {
    table.add({check.name, check.result, check.detail});
    safe = safe && check.result != "fail";
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return safe ? Exit::done : Exit::unhealthy;
}

}  // namespace moldau::cli
