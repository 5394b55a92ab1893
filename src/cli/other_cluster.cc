#include "cli/other_cluster.h"

#include "cli/connection.h"
#include "cli/diagnostics.h"

namespace moldau::cli {
namespace {

runtime::Task<client::Outcome<void>> reach(ClusterSession& other) {
  const auto deadline = other.executor().now() + other.session.first_contact;
  for (;;) {
    const auto opened = co_await other.cluster.any_connection();
    if (opened) co_return client::Outcome<void>();
    if (!opened.error().retriable || other.interrupt.raised() ||
        !co_await other.cluster.pause(std::chrono::milliseconds(100), deadline))
      co_return client::fail(opened.error());
  }
}

}  // namespace

runtime::Task<Answer<Exit>> with_other_cluster(
    ClusterSession& session, std::string brokers,
    std::function<runtime::Task<Answer<Exit>>(ClusterSession& other)> task) {
  Properties properties = session.session.properties;
  properties["bootstrap.servers"] = std::move(brokers);
  auto options = cluster_options(properties);
  if (!options) co_return trouble(std::move(options).error());
  options->connection.observer = observer_of(session.session);
  client::ClusterClient cluster(session.world, 0, std::move(*options));
  ClusterSession other{session.session, session.world, session.interrupt, cluster,
                       client::AdminCore(cluster)};
  Answer<Exit> answer = Exit::failed;
  if (const auto reached = co_await reach(other); !reached)
    answer = trouble(trouble_of(reached.error(), "cannot reach the other cluster"));
  else
    answer = co_await task(other);
  co_await cluster.close();
  co_return answer;
}

runtime::Task<Answer<Exit>> with_own_connections(
    ClusterSession& session, std::function<runtime::Task<Answer<Exit>>(ClusterSession& other)> task) {
  return with_other_cluster(session, session.session.properties.at("bootstrap.servers"), std::move(task));
}

}  // namespace moldau::cli
