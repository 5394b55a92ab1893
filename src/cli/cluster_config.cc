// cluster config get, set, reset, list: the cluster-wide defaults of the brokers.
#include "cli/handlers.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

client::ConfigResource everywhere() { return {client::ConfigResourceType::broker, ""}; }

// A broker's own view: the cluster-wide layer alone has only what was set.
Task<Answer<std::vector<client::ConfigEntry>>> entries_of(ClusterSession& session,
                                                          std::optional<std::vector<std::string>> keys) {
  std::string node = session.arguments().text("node");
  if (node.empty()) {
    const auto cluster = co_await session.admin.describe_cluster();
    if (!cluster) co_return trouble(trouble_of(cluster.error(), "cannot describe the cluster"));
    if (cluster->brokers.empty()) co_return trouble(Exit::failed, "the cluster has no broker");
    node = std::to_string(cluster->brokers.front().id);
  }
  const auto results = co_await session.admin.describe_configs(
      {.resources = {{client::ConfigResourceType::broker, node}}, .keys = std::move(keys), .synonyms = true});
  if (!results) co_return trouble(trouble_of(results.error(), "cannot describe configs"));
  const auto& entries = results->front().second;
  if (!entries) co_return trouble(trouble_of(entries.error(), "cannot describe configs of broker " + node));
  co_return *entries;
}

Task<Answer<Exit>> change(ClusterSession& session, client::ConfigChange change) {
  const std::string name = change.name;
  const auto results = co_await session.admin.incremental_alter_configs({{everywhere(), {std::move(change)}}},
                                                                        session.arguments().has("dry-run"));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot change " + name));
  const auto& result = results->front().second;
  if (!result) co_return trouble(trouble_of(result.error(), "cannot change " + name));
  co_return Exit::done;
}

Task<Answer<Exit>> print(ClusterSession& session, const std::vector<client::ConfigEntry>& entries) {
  Table table({{"key"}, {"value"}, {"source"}, {"read_only"}, {"sensitive", false, true}});
  for (const client::ConfigEntry& entry : entries) {
    const bool built_in = entry.source == client::ConfigSource::built_in;
    if (session.arguments().has("overridden") && built_in) continue;
    table.add({entry.name, entry.value ? Json(*entry.value) : Json(), client::name_of(entry.source),
               entry.read_only, entry.sensitive});
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

}  // namespace

ClusterAnswer cluster_config_get(ClusterSession& session) {
  const auto& words = session.arguments().words();
  if (words.empty()) co_return usage_trouble("which key?", "moldau cluster config list");
  const auto entries = co_await entries_of(session, words);
  if (!entries) co_return trouble(entries.error());
  if (entries->empty())
    co_return trouble(Exit::not_found, "no config " + words.front(), {},
                      "moldau config explain " + words.front());
  const bool plain = words.size() == 1 && !session.arguments().has("format");
  if (!plain) co_return co_await print(session, *entries);
  session.out().line(entries->front().value.value_or(""));
  co_return Exit::done;
}

ClusterAnswer cluster_config_set(ClusterSession& session) {
  std::vector<std::string> words = session.arguments().words();
  if (words.size() == 1)
    words = {words[0].substr(0, words[0].find('=')), words[0].substr(words[0].find('=') + 1)};
  if (words.size() != 2 || words[0] == words[1])
    co_return usage_trouble("moldau cluster config set KEY VALUE");
  co_return co_await change(session, {words[0], client::ConfigOperation::set, words[1]});
}

ClusterAnswer cluster_config_reset(ClusterSession& session) {
  const auto& words = session.arguments().words();
  if (words.size() != 1) co_return usage_trouble("moldau cluster config reset KEY");
  co_return co_await change(session, {words[0], client::ConfigOperation::remove, std::nullopt});
}

ClusterAnswer cluster_config_list(ClusterSession& session) {
  const auto entries = co_await entries_of(session, std::nullopt);
  if (!entries) co_return trouble(entries.error());
  co_return co_await print(session, *entries);
}

}  // namespace moldau::cli
