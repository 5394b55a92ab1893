// dev, dev stop, dev purge, dev status: a cluster of real nodes on this machine.
#include "cli/dev_nodes.h"
#include "cli/dev_plan.h"
#include "cli/handlers.h"
#include "cli/http_get.h"
#include "cli/profile_file.h"
#include "cli/report.h"
#include "cli/text_file.h"
#include "runtime/disk.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kProfile = "dev";

Status write_files(runtime::Disk& disk, const DevCluster& cluster) {
  TRY(disk.create_directories(cluster.folder));
  for (int node = 1; node <= cluster.nodes; ++node) {
    const std::string text = cluster.settings_text(node);
    TRY(runtime::write_file_atomically(disk, cluster.settings_file(node), as_bytes(text)));
  }
  const std::string json = cluster.to_json();
  return runtime::write_file_atomically(disk, cluster.folder + "/cluster.json", as_bytes(json));
}

// Runs `work` on the pool.
Status on_disk(Session& session, std::function<Status(runtime::Disk&)> work) {
  Status done;
  session.environment.run_task([&](Context context) -> Task<int> {
    done = co_await context.world.pool().run(runtime::Lane::background, context.world.shard(0),
                                             [&] { return work(context.world.disk()); });
    co_return 0;
  });
  return done;
}

Task<Answer<void>> create_topics(Context context, const DevCluster& cluster,
                                 const std::vector<TopicWish>& topics) {
  if (topics.empty()) co_return Answer<void>{};
  client::ClusterOptions options;
  options.bootstrap = {cluster.kafka(1)};
  client::ClusterClient client(context.world, 0, std::move(options));
  client::AdminCore admin(client);
  std::vector<client::NewTopic> wanted;
  for (const TopicWish& topic : topics)
    wanted.push_back({.name = topic.name, .partitions = topic.partitions});
  const auto results = co_await admin.create_topics(std::move(wanted));
  co_await client.close();
  if (!results) co_return trouble(trouble_of(results.error(), "cannot create the topics"));
  for (const auto& [name, result] : *results) {
    if (!result && result.error().broker != wire::ErrorCode::topic_already_exists)
      co_return trouble(trouble_of(result.error(), "cannot create topic " + name));
  }
  co_return Answer<void>{};
}

// The profile of this name names the cluster afterwards; it is in force where no other one is.
void keep_profile(Session& session, const DevCluster& cluster) {
  auto file = usable_profiles(session.invocation);
  if (!file || profiles_path(session.invocation).empty()) return;
  file->profiles[std::string(kProfile)] = {{"brokers", cluster.brokers()}};
  if (file->current.empty()) file->current = kProfile;
  if (const auto written = write_profiles(session, *file); !written)
    session.note("no profile \"" + std::string(kProfile) + "\": " + written.error().one_line());
}

void forget_profile(Session& session, const DevCluster& cluster) {
  auto file = usable_profiles(session.invocation);
  if (!file) return;
  const auto at = file->profiles.find(kProfile);
  if (at == file->profiles.end() || at->second != Profile{{"brokers", cluster.brokers()}}) return;
  file->profiles.erase(at);
  if (file->current == kProfile) file->current.clear();
  if (file->previous == kProfile) file->previous.clear();
  static_cast<void>(write_profiles(session, *file));
}

void tell_how_to_reach(Session& session, const DevPlan& plan) {
  const DevCluster& cluster = plan.cluster;
  session.out.line("BROKERS=" + cluster.brokers());
  session.out.flush();
  for (int node = 1; node <= cluster.nodes; ++node)
    session.note("node " + std::to_string(node) + ": localhost:" + std::to_string(cluster.kafka(node).port) +
                 ", admin http://" + cluster.admin(node).to_string() + "/, log " + cluster.log_file(node));
  session.note("moldau --profile dev cluster health   " +
               std::string(plan.background ? "moldau dev stop ends it" : "Ctrl-C stops it"));
}

Answer<Exit> start_nodes(Session& session, DevNodes& nodes, const DevPlan& plan) {
  Answer<Exit> answer = Exit::done;
  session.environment.run_task([&](Context context) -> Task<int> {
    auto settled = nodes.start();
    if (settled) settled = co_await nodes.settle(context, plan.patience);
    if (settled && !context.interrupt.raised())
      settled = co_await create_topics(context, plan.cluster, plan.topics);
    if (settled && !context.interrupt.raised()) co_return 0;
    answer = settled ? Answer<Exit>(exit_of(context.interrupt)) : trouble(settled.error());
    co_await nodes.stop(context, std::chrono::seconds(30));
    co_return 0;
  });
  return answer;
}

Answer<Exit> watch_nodes(Session& session, DevNodes& nodes) {
  std::size_t left = 0;
  bool interrupted = false;
  session.environment.run_task([&](Context context) -> Task<int> {
    co_await nodes.watch(context);
    interrupted = context.interrupt.raised();
    if (interrupted) session.note("stopping the nodes");
    left = co_await nodes.stop(context, std::chrono::minutes(1));
    co_return 0;
  });
  if (left > 0)
    return trouble(Exit::unreachable, std::to_string(left) + " nodes still run", "they were asked to stop",
                   "moldau dev stop waits again");
  if (!interrupted) return trouble(Exit::failed, "every node has ended");
  return Exit::done;
}

Answer<void> stop_all(Session& session, const DevCluster& cluster, std::vector<int>& stopped) {
  const auto patience = session.arguments.duration_or("wait", std::chrono::minutes(1));
  if (!patience) return std::unexpected(patience.error());
  for (int node = 1; node <= cluster.nodes; ++node) {
    if (dev_node_pid(session, cluster, node)) stopped.push_back(node);
  }
  std::size_t left = 0;
  session.environment.run_task([&](Context context) -> Task<int> {
    DevNodes nodes(session, cluster);
    left = co_await nodes.stop(context, *patience);
    co_return 0;
  });
  if (left == 0) return {};
  return trouble(Exit::unreachable, std::to_string(left) + " nodes still run", "they were asked to stop",
                 "wait longer with --wait, or look into their logs: " + cluster.folder + "/node-*.log");
}

const Flag kDataDir{
    "--data-dir", "DIR", "the cluster's folder (default: beside that of a single node)", {}, Complete::file};
const Flag kTmp{"--tmp", "", "a folder under /tmp, removed at the end"};
const Flag kPort{"--port", "N", "of the first node (default 9092); the others follow"};
const Flag kStopWait{"--wait", "DUR", "how long to wait for their end (default 1m)"};

}  // namespace

std::vector<Command> dev_commands() {
  return {
      {"dev",
       "Run a cluster of real nodes on this machine",
       "",
       Complete::none,
       {{"-n,--nodes", "N", "how many (default 3)"},
        kPort,
        {"--topic", "A:3,B", "create these topics, with so many partitions"},
        kDataDir,
        kTmp,
        {"-d,--detach", "", "in the background, once it is in service"},
        {"--wait", "DUR", "how long it may take until it is in service (default 1m)"}},
       &dev},
      {"dev stop",
       "Stop the nodes of moldau dev",
       "",
       Complete::none,
       {kDataDir, kTmp, kPort, kStopWait},
       &dev_stop},
      {"dev purge",
       "Stop the nodes of moldau dev and remove their folder with all records",
       "",
       Complete::none,
       {kDataDir, kTmp, kPort, kStopWait, {"-y,--yes", "", "do not ask"}},
       &dev_purge},
      {"dev status",
       "Show the nodes of moldau dev",
       "",
       Complete::none,
       {kDataDir, kTmp, kPort},
       &dev_status},
  };
}

Answer<Exit> dev(Session& session) {
  const auto plan = plan_of_flags(session);
  if (!plan) return std::unexpected(plan.error());
  const DevCluster& cluster = plan->cluster;
  if (const Status written =
          on_disk(session, [&](runtime::Disk& disk) { return write_files(disk, cluster); });
      !written)
    return trouble(trouble_of(written.error(), "cannot write into " + cluster.folder));
  const auto clean_up = [&] {
    if (plan->temporary)
      static_cast<void>(
          on_disk(session, [&](runtime::Disk& disk) { return runtime::remove_tree(disk, cluster.folder); }));
  };
  DevNodes nodes(session, cluster);
  if (auto started = start_nodes(session, nodes, *plan); !started || *started != Exit::done) {
    clean_up();
    return started;
  }
  keep_profile(session, cluster);
  tell_how_to_reach(session, *plan);
  if (plan->background) return Exit::done;
  auto ended = watch_nodes(session, nodes);
  clean_up();
  return ended;
}

Answer<Exit> dev_stop(Session& session) {
  const auto cluster = find_dev_cluster(session);
  if (!cluster) return std::unexpected(cluster.error());
  std::vector<int> stopped;
  if (auto done = stop_all(session, *cluster, stopped); !done) return std::unexpected(done.error());
  if (stopped.empty())
    return trouble(Exit::not_found, "no node of the cluster in " + cluster->folder + " runs");
  session.out.line("stopped " + std::to_string(stopped.size()) + " nodes of " + cluster->folder);
  if (session.arguments.has("tmp"))
    static_cast<void>(
        on_disk(session, [&](runtime::Disk& disk) { return runtime::remove_tree(disk, cluster->folder); }));
  return Exit::done;
}

Answer<Exit> dev_purge(Session& session) {
  const auto cluster = find_dev_cluster(session);
  if (!cluster) return std::unexpected(cluster.error());
  const auto sure = confirmed(session, "remove " + cluster->folder + " with all records");
  if (!sure) return std::unexpected(sure.error());
  if (!*sure) return usage_trouble("nothing was changed");
  std::vector<int> stopped;
  if (auto done = stop_all(session, *cluster, stopped); !done) return std::unexpected(done.error());
  const Status removed =
      on_disk(session, [&](runtime::Disk& disk) { return runtime::remove_tree(disk, cluster->folder); });
  if (!removed) return trouble(trouble_of(removed.error(), "cannot remove " + cluster->folder));
  forget_profile(session, *cluster);
  session.out.line("removed " + cluster->folder);
  return Exit::done;
}

Answer<Exit> dev_status(Session& session) {
  const auto cluster = find_dev_cluster(session);
  if (!cluster) return std::unexpected(cluster.error());
  constexpr int kReady = 200;
  Table table({{"node", true},
               {.name = "state", .state = true},
               {"pid", true},
               {"kafka"},
               {"admin"},
               {"log"},
               {"settings", false, true}});
  int running = 0;
  for (int node = 1; node <= cluster->nodes; ++node) {
    const auto pid = dev_node_pid(session, *cluster, node);
    const auto ready = pid ? http_status(session, cluster->admin(node), "/v1/ready") : std::nullopt;
    running += pid ? 1 : 0;
    table.add({node,
               !pid              ? "stopped"
               : ready == kReady ? "ready"
                                 : "starting",
               pid ? Json(*pid) : Json(), "localhost:" + std::to_string(cluster->kafka(node).port),
               "http://" + cluster->admin(node).to_string(), cluster->log_file(node),
               cluster->settings_file(node)});
  }
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return running == cluster->nodes ? Exit::done : running == 0 ? Exit::not_found : Exit::unhealthy;
}

}  // namespace moldau::cli
