#include "cli/doctor.h"

#include <algorithm>

#include "cli/connection.h"
#include "cli/diagnostics.h"
#include "cli/handlers.h"
#include "cli/report.h"

namespace moldau::cli {

using runtime::Task;

std::string_view name_of(Finding::Result result) {
  switch (result) {
    case Finding::Result::ok:
      return "ok";
    case Finding::Result::warn:
      return "warn";
    case Finding::Result::fail:
      return "fail";
  }
  MOLDAU_UNREACHABLE();
}

bool Findings::any_failed() const {
  return std::ranges::any_of(all_, [](const Finding& one) { return one.result == Finding::Result::fail; });
}

namespace {

constexpr runtime::Duration kPatience = std::chrono::seconds(5);

// Of a node of ours whose version takes a setting of Kafka's without having what it is about.
bool has_no_effect(const client::ConfigEntry& entry) {
  return entry.documentation && entry.documentation->starts_with("Accepted and without effect");
}

// Where nobody has set it, a node of ours gives the topic no more replicas than there are brokers.
bool fits_by_itself(const client::ConfigEntry& entry) {
  return entry.source == client::ConfigSource::built_in && entry.documentation &&
         entry.documentation->contains("a cluster of fewer brokers has as many.");
}

Task<client::Outcome<BrokerConfigs>> configs_of(ClusterSession& session, const client::ClusterInfo& cluster) {
  BrokerConfigs configs;
  for (const client::BrokerInfo& broker : cluster.brokers) {
    if (broker.fenced) continue;
    client::ConfigQuery query{
        .resources = {{client::ConfigResourceType::broker, std::to_string(broker.id)}},
        .keys = std::vector<std::string>(std::begin(kExaminedKeys), std::end(kExaminedKeys)),
        .documentation = true};
    const auto results = co_await session.admin.describe_configs(std::move(query));
    if (!results) co_return client::fail(results.error());
    for (const auto& [resource, entries] : *results) {
      if (!entries) continue;
      for (const client::ConfigEntry& entry : *entries) {
        if (!has_no_effect(entry) && !fits_by_itself(entry))
          configs[broker.id][entry.name] = entry.value.value_or("");
      }
    }
  }
  co_return configs;
}

Task<void> examine_whole(ClusterSession& session, Findings& findings) {
  const auto view = co_await look_at_cluster(session);
  if (!view) {
    findings.fail("cluster", "", "cannot be asked about itself: " + words_of(view.error()),
                  "see the lines about addresses above");
    co_return;
  }
  examine_cluster(*view, session.world.wall_clock().now_ms(), findings);
  const auto configs = co_await configs_of(session, view->cluster);
  if (configs)
    examine_configs(*configs, view->cluster.brokers.size(), findings);
  else
    findings.warn("config", "", "cannot be read: " + words_of(configs.error()), "");
}

Answer<void> print(Session& session, const Findings& findings) {
  Table table({{.name = "result", .state = true}, {"check"}, {"target"}, {"detail"}, {"fix"}});
  for (const Finding& one : findings.all())
    table.add({name_of(one.result), one.check, one.target.empty() ? Json() : Json(one.target), one.detail,
               one.fix.empty() ? Json() : Json(one.fix)});
  return print_table(session, std::move(table));
}

// The addresses of the words, or else of --brokers, profile and environment.
Answer<client::ClusterOptions> options_of(Session& session) {
  if (auto resolved = resolve_properties(session); !resolved) return std::unexpected(resolved.error());
  std::string addresses;
  for (const std::string& word : session.arguments.words())
    addresses += (addresses.empty() ? "" : ",") + word;
  if (!addresses.empty()) session.properties["bootstrap.servers"] = addresses;
  auto options = cluster_options(session.properties);
  if (!options) return options;
  options->api_timeout = std::min(options->api_timeout, kPatience);
  options->connection.request_timeout = std::min(options->connection.request_timeout, kPatience);
  options->connection.connect_timeout = std::min(options->connection.connect_timeout, kPatience);
  options->connection.observer = observer_of(session);
  return options;
}

}  // namespace

Answer<Exit> doctor(Session& session) {
  const auto options = options_of(session);
  if (!options) return std::unexpected(options.error());
  return run_on_world(session, [&](Context context) -> Task<Answer<Exit>> {
    Findings findings;
    co_await examine_addresses(context, options->connection, options->bootstrap, findings);
    const bool reached = std::ranges::any_of(findings.all(), [](const Finding& one) {
      return one.check == "cluster" && one.result == Finding::Result::ok;
    });
    if (context.interrupt.raised()) co_return exit_of(context.interrupt);
    if (reached) {
      client::ClusterClient cluster(context.world, 0, *options);
      ClusterSession on_cluster{session, context.world, context.interrupt, cluster,
                                client::AdminCore(cluster)};
      co_await examine_whole(on_cluster, findings);
      co_await cluster.close();
    }
    if (auto printed = print(session, findings); !printed) co_return trouble(printed.error());
    co_return findings.any_failed() ? Exit::failed : Exit::done;
  });
}

}  // namespace moldau::cli
