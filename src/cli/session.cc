#include "cli/session.h"

#include <algorithm>
#include <csignal>

#include "cli/command.h"
#include "cli/connection.h"
#include "cli/diagnostics.h"
#include "cli/profile_file.h"
#include "cli/watch.h"

namespace moldau::cli {
namespace {

using runtime::Task;

// Nobody should wait long for a node that is not there: the first connection decides. A command that waits
// for the cluster by itself is left alone.
Task<client::Outcome<void>> reach(ClusterSession& session) {
  if (session.arguments().has("wait")) co_return client::Outcome<void>();
  const auto started = session.executor().now();
  const auto deadline =
      started + std::min(session.session.first_contact, session.cluster.options().api_timeout);
  for (bool told = false;;) {
    const auto opened = co_await session.cluster.any_connection();
    if (opened) co_return client::Outcome<void>();
    if (!opened.error().retriable) co_return client::fail(opened.error());
    if (!told && session.executor().now() - started >= std::chrono::seconds(1)) {
      session.session.note("still trying: " + opened.error().to_string());
      told = true;
    }
    if (!co_await session.cluster.pause(std::chrono::milliseconds(100), deadline))
      co_return client::fail(opened.error());
  }
}

// Closes the client when a signal comes and the command does not see to it itself.
Task<void> cut_off(Session& session, Interrupt& interrupt, client::ClusterClient& cluster, bool& ended) {
  while (!interrupt.raised() && !ended) co_await interrupt.changed().wait();
  if (!ended && !session.handles_interrupt) co_await cluster.close();
}

Task<Answer<Exit>> with_client(Session& session, Context context, client::ClusterOptions options,
                               ClusterTask task, std::optional<runtime::Duration> pause) {
  client::ClusterClient cluster(context.world, 0, std::move(options));
  ClusterSession on_cluster{session, context.world, context.interrupt, cluster, client::AdminCore(cluster)};
  bool ended = false;
  Task<void> guard = cut_off(session, context.interrupt, cluster, ended);
  Answer<Exit> answer = Exit::failed;
  if (const auto reached = co_await reach(on_cluster); !reached) {
    answer = trouble(trouble_of(reached.error(), "cannot reach the cluster"));
  } else if (pause) {
    answer = co_await watch(on_cluster, task, *pause);
  } else {
    answer = co_await task(on_cluster);
  }
  ended = true;
  context.interrupt.changed().notify_all();
  co_await std::move(guard);
  if (!cluster.is_closed()) co_await cluster.close();
  if (context.interrupt.raised() && !session.handles_interrupt) co_return exit_of(context.interrupt);
  co_return answer;
}

Exit exit_of(Errc code) {
  switch (code) {
    case Errc::not_found:
      return Exit::not_found;
    case Errc::already_exists:
    case Errc::mismatch:
      return Exit::conflict;
    case Errc::permission:
      return Exit::denied;
    case Errc::connection_refused:
    case Errc::connection_closed:
    case Errc::timed_out:
      return Exit::unreachable;
    default:
      return Exit::failed;
  }
}

bool network_failed(const client::Failure& failure) {
  using enum client::Phase;
  return failure.phase == resolve || failure.phase == connect || failure.phase == negotiate;
}

std::string hint_of(wire::ErrorCode code) {
  using enum wire::ErrorCode;
  switch (code) {
    case topic_already_exists:
      return "with --if-not-exists that is no error";
    case unknown_topic_or_partition:
      return "moldau topic list shows the topics that there are";
    case message_too_large:
      return "the topic's limit is raised by: moldau topic alter TOPIC -s max.message.bytes=N";
    case invalid_replication_factor:
      return "moldau cluster info shows the brokers that there are; one broker holds one replica";
    default:
      return "moldau explain " + std::string(wire::name_of(code));
  }
}

// For those who do not know why this address was tried.
std::string who_named_the_cluster(const Session& session) {
  if (!session.defaults_used)
    return session.cluster.from.empty() || session.cluster.from == "--brokers"
               ? ""
               : "the brokers were named by " + session.cluster.from;
  if (session.command->name.starts_with("kafka-"))
    return "localhost:9092 is only a guess; name the cluster with --bootstrap-server";
  return "nothing names a cluster: no --brokers or -X, no MOLDAU_BROKERS or MOLDAU_PROFILE, no .moldau.yaml "
         "and no current profile in " +
         profiles_path(session.invocation) + ", so the default localhost:9092 was tried";
}

}  // namespace

Exit exit_of(const Interrupt& interrupt) {
  return interrupt.signal() == SIGTERM ? Exit::terminated : Exit::interrupted;
}

Answer<Exit> run_on_world(Session& session, std::function<Task<Answer<Exit>>(Context)> task) {
  Answer<Exit> answer = Exit::failed;
  session.environment.run_task([&](Context context) -> Task<int> {
    answer = co_await task(context);
    session.out.flush();
    co_return 0;
  });
  return answer;
}

Answer<Exit> run_on_cluster(Session& session, ClusterTask task) {
  auto options = cluster_options(session.properties);
  if (!options) return std::unexpected(std::move(options).error());
  const auto pause = watch_pause(session);
  if (!pause) return std::unexpected(pause.error());
  options->connection.observer = observer_of(session);
  auto answer = run_on_world(session, [&](Context context) {
    return with_client(session, context, std::move(*options), task, *pause);
  });
  if (!answer && answer.error().exit == Exit::unreachable) {
    const std::string said = who_named_the_cluster(session);
    std::string& hint = answer.error().hint;
    if (!said.empty()) hint += (hint.empty() ? "" : hint.ends_with('?') ? " " : "; ") + said;
  }
  return answer;
}

std::string words_of(const client::Failure& failure) {
  const std::string name = std::string(wire::name_of(failure.broker)) + ": ";
  return failure.cause.starts_with(name) ? failure.cause.substr(name.size()) : failure.cause;
}

Trouble trouble_of(const client::Failure& failure, std::string what) {
  Trouble out{exit_of(failure.code), std::move(what), words_of(failure), failure.hint};
  if (network_failed(failure)) {
    out.exit = Exit::unreachable;
    out.what = "cannot reach broker at " + failure.address;
  }
  if (failure.broker != wire::ErrorCode::none) {
    const std::string name(wire::name_of(failure.broker));
    out.cause = name + " (" + std::to_string(static_cast<int>(failure.broker)) + "): " + words_of(failure);
    if (out.hint.empty()) out.hint = hint_of(failure.broker);
  }
  return out;
}

}  // namespace moldau::cli
