// perf produce and kafka-producer-perf-test.
#include <fmt/format.h>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/perf_load.h"
#include "cli/perf_report.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Duration;
using runtime::Task;

std::string kafka_total_line(const LoadRun& run) {
  const LatencyStats& stats = run.total();
  return kafka_line(stats, run.bytes(), run.elapsed()) +
         fmt::format(", {:.0f} ms 50th, {:.0f} ms 95th, {:.0f} ms 99th, {:.0f} ms 99.9th.",
                     stats.percentile_ms(0.5), stats.percentile_ms(0.95), stats.percentile_ms(0.99),
                     stats.percentile_ms(0.999));
}

Table result_table(const LoadRun& run) {
  std::vector<Column> columns;
  std::vector<Json> cells;
  add_throughput(columns, cells, {run.total().count(), run.bytes(), run.elapsed()});
  add_latencies(columns, cells, run.total());
  Table table(std::move(columns));
  table.add(std::move(cells));
  return table;
}

Answer<Load> load_of_kafka_flags(const Session& session) {
  const Arguments& arguments = session.arguments;
  for (const std::string_view required : {"topic", "num-records", "throughput"}) {
    if (!arguments.has(required))
      return usage_trouble("argument --" + std::string(required) + " is required");
  }
  if (arguments.has("record-size") + arguments.has("payload-file") + arguments.has("payload-monotonic") != 1)
    return usage_trouble("one of the arguments --record-size --payload-file --payload-monotonic is required");
  if (arguments.has("transactional-id") || arguments.has("transaction-id") ||
      arguments.has("transaction-duration-ms"))
    return trouble(Exit::failed, "this command has no transactions in this version");
  Load load{.topic = arguments.text("topic")};
  Trouble why;
  std::int64_t interval_ms = 0, seed = 0;
  std::string delimiter = arguments.text("payload-delimiter", "\n");
  if (delimiter == "\\n") delimiter = "\n";
  if (!take(arguments.number_or("num-records", 0, 1), load.records, why) ||
      !take(arguments.number_or("record-size", 100, 1, 1 << 30), load.record_size, why) ||
      !take(arguments.number_or("warmup-records", 0, 0), load.warmup, why) ||
      !take(arguments.number_or("record-key-range", 0, 0), load.key_range, why) ||
      !take(arguments.number_or("reporting-interval", 5000, 1), interval_ms, why) ||
      !take(arguments.number_or("random-seed", 0, 0), seed, why) ||
      !take(payloads_of(session, delimiter), load.payloads, why))
    return trouble(std::move(why));
  char* end = nullptr;
  const std::string throughput = arguments.text("throughput");
  load.rate = std::strtod(throughput.c_str(), &end);
  if (end != throughput.c_str() + throughput.size())
    return usage_trouble("--throughput: " + throughput + " is no number");
  load.random_keys = arguments.text("key-distribution") == "random";
  load.monotonic = arguments.has("payload-monotonic");
  load.interval = runtime::milliseconds(interval_ms);
  load.seed = static_cast<std::uint64_t>(seed);
  return load;
}

Task<Answer<Exit>> ended(ClusterSession& session, const Producers& producers, Answer<void> ran) {
  co_await close_producers(session, producers);
  if (!ran) co_return trouble(std::move(ran).error());
  if (session.interrupt.raised()) co_return Exit::interrupted;
  co_return Exit::done;
}

}  // namespace

ClusterAnswer perf_produce(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto load = load_of_flags(session.session, {.records = 100'000, .interval = std::chrono::seconds(1)});
  if (!load) co_return trouble(std::move(load).error());
  auto options = producer_options_of_flags(session.session);
  if (!options) co_return trouble(std::move(options).error());
  const auto count = session.arguments().number_or("producers", 1, 1, 1000);
  if (!count) co_return trouble(count.error());
  const auto producers = producers_for(session, *options, *count);
  if (!producers) co_return trouble(producers.error());
  Progress progress(session.session, session.executor());
  LoadRun run(session, std::move(*load), *producers,
              [&](const LatencyStats& stats, std::int64_t bytes, Duration elapsed) {
                progress.show(kafka_line(stats, bytes, elapsed));
              });
  auto ran = co_await run.run();
  progress.clear();
  const bool done = ran.has_value();
  const auto exit = co_await ended(session, *producers, std::move(ran));
  if (!done) co_return exit;
  if (auto written = co_await write_hgrm(session, run.total()); !written)
    co_return trouble(std::move(written).error());
  if (auto printed = print_measured(session.session, result_table(run)); !printed)
    co_return trouble(printed.error());
  co_return exit;
}

ClusterAnswer kafka_producer_perf_test(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto load = load_of_kafka_flags(session.session);
  if (!load) co_return trouble(std::move(load).error());
  auto options = producer_options(session.session.properties);
  if (!options) co_return trouble(std::move(options).error());
  const auto producers = producers_for(session, *options, 1);
  if (!producers) co_return trouble(producers.error());
  LoadRun run(session, std::move(*load), *producers,
              [&](const LatencyStats& stats, std::int64_t bytes, Duration elapsed) {
                session.out().line(kafka_line(stats, bytes, elapsed) + ".");
                session.out().flush();
              });
  auto ran = co_await run.run();
  const bool done = ran.has_value();
  const auto counters = producers->front()->counters();
  const auto exit = co_await ended(session, *producers, std::move(ran));
  if (!done) co_return exit;
  session.out().line(kafka_total_line(run));
  if (session.arguments().has("print-metrics"))
    session.out().line(
        fmt::format("records-delivered: {}  batches-sent: {}  requests-sent: {}  bytes-sent: {}  retries: {}",
                    counters.records_delivered, counters.batches_sent, counters.requests_sent,
                    counters.bytes_sent, counters.retries));
  co_return exit;
}

}  // namespace moldau::cli
