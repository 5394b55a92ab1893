// perf e2e and perf mix: producers and consumers at the same time.
#include <fmt/format.h>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/perf_live.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Mix {
  Load load;
  LivePlan plan;
  std::int64_t producers = 1;
  client::ProducerOptions producing;
  client::ConsumerOptions consuming;
};

Answer<Mix> mix_of_flags(const Session& session, Load defaults) {
  defaults.stamped_as = 0;  // values have room for a stamp
  Mix mix;
  Trouble why;
  if (!take(load_of_flags(session, std::move(defaults)), mix.load, why) ||
      !take(live_plan_of_flags(session.arguments), mix.plan, why) ||
      !take(session.arguments.number_or("producers", 1, 1, 1000), mix.producers, why) ||
      !take(producer_options_of_flags(session), mix.producing, why) ||
      !take(consumer_options(session.properties), mix.consuming, why))
    return trouble(std::move(why));
  return mix;
}

Task<Answer<LiveResult>> measure(ClusterSession& session, Mix mix) {
  const auto producers = producers_for(session, mix.producing, mix.producers);
  if (!producers) co_return trouble(producers.error());
  Progress progress(session.session, session.executor());
  auto result =
      co_await run_live(session, std::move(mix.load), mix.plan, *producers, mix.consuming,
                        [&](const LatencyStats& written, std::int64_t bytes, runtime::Duration elapsed) {
                          progress.show(kafka_line(written, bytes, elapsed));
                        });
  progress.clear();
  co_await close_producers(session, *producers);
  co_return result;
}

// `lead`: the columns before the figures; `written` and `read`: what stands in them.
Table result_table(const LiveResult& result, const std::vector<Column>& lead, std::vector<Json> written,
                   std::vector<Json> read) {
  std::vector<Column> columns = lead, more = lead;
  add_throughput(columns, written, result.written.throughput);
  add_latencies(columns, written, result.written.latencies);
  add_throughput(more, read, result.read.throughput);
  add_latencies(more, read, result.read.latencies);
  Table table(std::move(columns));
  table.add(std::move(written));
  table.add(std::move(read));
  return table;
}

ClusterAnswer told(ClusterSession& session, const LiveResult& result, Table table) {
  if (auto written = co_await write_hgrm(session, result.read.latencies); !written)
    co_return trouble(std::move(written).error());
  if (auto printed = print_measured(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  if (session.interrupt.raised()) co_return exit_of(session.interrupt);
  if (result.missing == 0) co_return Exit::done;
  const std::string what = std::to_string(result.missing) + " acknowledged records did not reach a consumer";
  const bool may_be_behind = session.arguments().has("from-start") || session.arguments().has("consume-rate");
  if (!may_be_behind) co_return trouble(Exit::failed, what, "nothing came for 10 seconds after the last one");
  session.session.note(what + " before the load ended");
  co_return Exit::done;
}

}  // namespace

ClusterAnswer perf_e2e(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto mix =
      mix_of_flags(session.session, {.records = 1000, .rate = 100, .interval = std::chrono::seconds(1)});
  if (!mix) co_return trouble(std::move(mix).error());
  // The first records wait for connections and a producer id.
  if (!session.arguments().has("warmup"))
    mix->load.warmup = std::min<std::int64_t>(100, mix->load.records / 10);
  // A record does not wait for others, unless it was asked for.
  if (!session.session.properties.contains("linger.ms")) mix->producing.linger = runtime::Duration(0);
  const auto result = co_await measure(session, std::move(*mix));
  if (!result) co_return trouble(result.error());
  co_return co_await told(session, *result,
                          result_table(*result, {{"until"}}, {"acknowledged"}, {"consumed"}));
}

ClusterAnswer perf_mix(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto mix =
      mix_of_flags(session.session,
                   {.duration = std::chrono::seconds(10), .rate = 1000, .interval = std::chrono::seconds(1)});
  if (!mix) co_return trouble(std::move(mix).error());
  const std::int64_t producers = mix->producers, consumers = mix->plan.consumers;
  const auto result = co_await measure(session, std::move(*mix));
  if (!result) co_return trouble(result.error());
  co_return co_await told(session, *result,
                          result_table(*result, {{"side"}, {"clients", true}}, {"producers", producers},
                                       {"consumers", consumers}));
}

}  // namespace moldau::cli
