#include "cli/dev_nodes.h"

#include <algorithm>
#include <csignal>

#include "cli/node_settings.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr runtime::Duration kLook = std::chrono::milliseconds(100);

std::string ending(int code) {
  constexpr int kSignalled = 128;
  if (code > kSignalled) return "was ended by signal " + std::to_string(code - kSignalled);
  return "ended with exit code " + std::to_string(code);
}

// Whether the cluster says that all nodes are in service.
Task<bool> is_in_service(client::AdminCore& admin, int nodes) {
  const auto cluster = co_await admin.describe_cluster(true);
  if (!cluster || cluster->controller < 0) co_return false;
  const auto up = std::ranges::count(cluster->brokers, false, &client::BrokerInfo::fenced);
  co_return up == nodes;
}

}  // namespace

Answer<void> DevNodes::start() {
  for (int number = 1; number <= cluster_.nodes; ++number) {
    // Variables that are meant for one node would be meant for all.
    const Environment::Spawn node{
        {session_.environment.executable_path(), "start", "-c", cluster_.settings_file(number)},
        cluster_.log_file(number),
        {"MOLDAU_", "KAFKA_"}};
    const auto pid = session_.environment.spawn(node);
    if (!pid) return trouble(trouble_of(pid.error(), "cannot start node " + std::to_string(number)));
    nodes_.push_back({number, *pid});
  }
  return {};
}

std::optional<std::pair<DevNodes::Node, int>> DevNodes::next_ended() {
  for (Node& node : nodes_) {
    if (node.ended) continue;
    const auto code = session_.environment.ended(node.pid);
    if (!code) continue;
    node.ended = true;
    return std::pair(node, *code);
  }
  return std::nullopt;
}

// What a person would look for in the log: its last lines, those of errors before others.
std::string DevNodes::last_words(int node) const {
  constexpr std::size_t kLines = 5;
  const auto text = session_.invocation.process.read_file(cluster_.log_file(node));
  if (!text) return {};
  auto lines = split(*text, '\n');
  std::erase(lines, "");
  const auto error =
      std::ranges::find_if(lines, [](const std::string& line) { return line.starts_with("error:"); });
  const auto first = error != lines.end()    ? error
                     : lines.size() > kLines ? lines.end() - kLines
                                             : lines.begin();
  std::string words;
  for (auto at = first; at != lines.end(); ++at) words += (words.empty() ? "" : "\n    ") + *at;
  return words;
}

Task<Answer<void>> DevNodes::settle(Context context, runtime::Duration patience) {
  client::ClusterOptions options;
  for (int node = 1; node <= cluster_.nodes; ++node) options.bootstrap.push_back(cluster_.kafka(node));
  options.api_timeout = options.connection.request_timeout = std::chrono::seconds(2);
  options.connection.connect_timeout = std::chrono::seconds(1);
  client::ClusterClient client(context.world, 0, std::move(options));
  client::AdminCore admin(client);
  const auto deadline = client.executor().now() + patience;
  Progress progress(session_, client.executor());
  Answer<void> answer;
  while (!co_await is_in_service(admin, cluster_.nodes)) {
    if (const auto gone = next_ended()) {
      const std::string name = "node " + std::to_string(gone->first.number);
      answer = trouble(Exit::failed, name + " " + ending(gone->second), last_words(gone->first.number),
                       "its log: " + cluster_.log_file(gone->first.number));
      break;
    }
    if (context.interrupt.raised()) break;
    progress.show("waiting for " + std::to_string(cluster_.nodes) + " nodes");
    if (!co_await client.pause(kLook, deadline)) {
      answer = trouble(Exit::unreachable, "the nodes are not in service yet", {},
                       "their logs: " + cluster_.folder + "/node-*.log");
      break;
    }
  }
  progress.clear();
  co_await client.close();
  co_return answer;
}

Task<void> DevNodes::watch(Context context) {
  runtime::Executor& executor = context.world.shard(0);
  while (!context.interrupt.raised()) {
    while (const auto gone = next_ended()) {
      const std::string name = "node " + std::to_string(gone->first.number);
      session_.note(name + " " + ending(gone->second) +
                    "; its log: " + cluster_.log_file(gone->first.number) +
                    "\n  again: moldau start --daemon -c " + cluster_.settings_file(gone->first.number));
    }
    const bool all_ended = std::ranges::all_of(nodes_, &Node::ended);
    if (all_ended && running().empty()) co_return;
    co_await context.interrupt.changed().wait(executor.now() + kLook);
  }
}

std::vector<std::pair<int, std::int64_t>> DevNodes::running() {
  std::vector<std::pair<int, std::int64_t>> found;
  for (const Node& node : nodes_) {
    if (!node.ended && !session_.environment.ended(node.pid)) found.emplace_back(node.number, node.pid);
  }
  for (int number = 1; number <= cluster_.nodes; ++number) {
    const auto pid = dev_node_pid(session_, cluster_, number);
    const bool known = std::ranges::find(found, number, &std::pair<int, std::int64_t>::first) != found.end();
    if (pid && !known) found.emplace_back(number, *pid);
  }
  return found;
}

Task<std::size_t> DevNodes::stop(Context context, runtime::Duration patience) {
  runtime::Executor& executor = context.world.shard(0);
  const auto deadline = executor.now() + patience;
  for (const auto& [number, pid] : running()) {
    const Status asked = session_.environment.send_signal(pid, SIGTERM);
    if (!asked) session_.note("cannot stop node " + std::to_string(number) + ": " + asked.error().message);
  }
  runtime::Signal never(executor);
  for (;;) {
    const std::size_t left = running().size();
    if (left == 0 || executor.now() >= deadline) co_return left;
    co_await never.wait(executor.now() + kLook);
  }
}

}  // namespace moldau::cli
