#include "cli/cluster_guard.h"

#include <algorithm>

#include "cli/command.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

// Those that ask by themselves (topic delete, topic trim) are not among them.
constexpr std::string_view kChanging[] = {
    "topic create",       "topic alter",          "topic add-partitions", "topic copy",  "produce",
    "cluster config set", "cluster config reset", "perf produce",         "perf e2e",    "perf mix",
    "perf compare",       "cluster balance",      "node drain",           "node resume", "quorum add-voter",
};

bool takes_colour(const Session& session) {
  const std::string asked = session.arguments.text("color", "auto");
  if (asked != "auto") return asked == "always";
  const Invocation& invocation = session.invocation;
  const auto& environment = invocation.process.environment;
  const auto terminal = environment.find("TERM");
  const auto none = environment.find("NO_COLOR");
  return invocation.err_is_terminal && (none == environment.end() || none->second.empty()) &&
         (terminal == environment.end() || terminal->second != "dumb");
}

}  // namespace

bool changes_cluster(std::string_view command) {
  return std::ranges::find(kChanging, command) != std::end(kChanging);
}

std::string color_on(std::string_view name) {
  constexpr std::pair<std::string_view, int> kColors[] = {{"red", 31},  {"green", 32},   {"yellow", 33},
                                                          {"blue", 34}, {"magenta", 35}, {"cyan", 36}};
  const auto at = std::ranges::find(kColors, name, &std::pair<std::string_view, int>::first);
  return at == std::end(kColors) ? "" : "\x1b[1;" + std::to_string(at->second) + "m";
}

std::string profile_label(const Session& session) {
  const NamedCluster& cluster = session.cluster;
  if (cluster.profile.empty()) return {};
  const std::string on = takes_colour(session) ? color_on(cluster.color) : "";
  return on + "[" + cluster.profile + "]" + (on.empty() ? "" : "\x1b[0m") + " ";
}

Answer<void> pass_guard(Session& session) {
  const NamedCluster& cluster = session.cluster;
  const bool asks =
      cluster.confirm && changes_cluster(session.command->name) && !session.arguments.has("dry-run");
  if (asks) {
    const auto sure = confirmed(
        session, std::string(session.command->name) + " on " + session.properties["bootstrap.servers"]);
    if (!sure) return std::unexpected(sure.error());
    if (!*sure) return usage_trouble("nothing was changed");
    return {};
  }
  const bool shown = !cluster.color.empty() && session.invocation.err_is_terminal && !session.quiet() &&
                     !session.arguments.has("log-json");
  if (shown) session.note(profile_label(session));
  return {};
}

}  // namespace moldau::cli
