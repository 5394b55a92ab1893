#include "cli/session.h"

#include <csignal>

#include "cli/connection.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Exit exit_of(const Interrupt& interrupt) {
  return interrupt.signal() == SIGTERM ? Exit::terminated : Exit::interrupted;
}

// Closes the client when a signal comes and the command does not see to it itself.
Task<void> cut_off(Session& session, Interrupt& interrupt, client::ClusterClient& cluster, bool& ended) {
  while (!interrupt.raised() && !ended) co_await interrupt.changed().wait();
  if (!ended && !session.handles_interrupt) co_await cluster.close();
}

Task<Answer<Exit>> with_client(Session& session, Context context, client::ClusterOptions options,
                               ClusterTask task) {
  client::ClusterClient cluster(context.world, 0, std::move(options));
  ClusterSession on_cluster{session, context.world, context.interrupt, cluster, client::AdminCore(cluster)};
  bool ended = false;
  Task<void> guard = cut_off(session, context.interrupt, cluster, ended);
  Answer<Exit> answer = co_await task(on_cluster);
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

}  // namespace

void Session::note(std::string_view line) {
  out.flush();
  err.line(line);
  err.flush();
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
  auto answer = run_on_world(
      session, [&](Context context) { return with_client(session, context, std::move(*options), task); });
  if (!answer && answer.error().exit == Exit::unreachable && session.defaults_used)
    answer.error().hint +=
        std::string(answer.error().hint.empty() ? "" : " ") +
        "No flag, variable or profile names a cluster, so localhost:9092 was tried; name one with --brokers.";
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
    out.cause = name + " (" + std::to_string(static_cast<int>(failure.broker)) + "): " + failure.cause;
    if (out.hint.empty()) out.hint = "moldau explain " + name;
  }
  return out;
}

}  // namespace moldau::cli
