// perf consume and kafka-consumer-perf-test.
#include <fmt/format.h>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/perf_report.h"
#include "cli/reading.h"
#include "cli/report.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

using runtime::Duration;
using runtime::Task;

struct Reading {
  std::string topic;
  std::int64_t most = INT64_MAX;
  bool from_latest = false;
  Duration idle = std::chrono::seconds(10);
  client::ConsumerOptions options;
};

struct Measured {
  Throughput counts;
  TimestampMs started_ms = 0;
  TimestampMs ended_ms = 0;
  ReadEnd end = ReadEnd::complete;
};

using OnRecord = std::function<void(const Throughput&)>;

std::int64_t ms_of(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
}

Task<Answer<Measured>> measure(ClusterSession& session, Reading reading, OnRecord on_record) {
  auto partitions = co_await partitions_of(session, {reading.topic}, {});
  if (!partitions) co_return trouble(std::move(partitions).error());
  const OffsetRange range{{reading.from_latest ? OffsetBound::Kind::end : OffsetBound::Kind::start, 0}, {}};
  auto spans = co_await spans_of(session, std::move(*partitions), range);
  if (!spans) co_return trouble(std::move(spans).error());
  Measured out;
  out.started_ms = session.world.wall_clock().now_ms();
  const auto started = session.executor().now();
  auto last = started;
  const auto visit = [&](const PrintedRecord& printed) {
    ++out.counts.records;
    out.counts.bytes += static_cast<std::int64_t>((printed.record.key ? printed.record.key->size() : 0) +
                                                  (printed.record.value ? printed.record.value->size() : 0));
    on_record(out.counts);
    return go_on_if(out.counts.records < reading.most);
  };
  const auto end = co_await read_records(session, reading.options, std::move(*spans), {.idle = reading.idle},
                                         visit, [&] { last = session.executor().now(); });
  if (!end) co_return trouble(end.error());
  out.end = *end;
  // Waiting in vain at the end is no part of the measurement.
  out.counts.elapsed = last - started;
  out.ended_ms = out.started_ms + ms_of(out.counts.elapsed);
  co_return out;
}

// Java's SimpleDateFormat, of which people use these letters.
std::string java_date(TimestampMs at, std::string_view format) {
  constexpr std::pair<std::string_view, std::string_view> kLetters[] = {
      {"yyyy", "%Y"}, {"MM", "%m"}, {"dd", "%d"}, {"HH", "%H"}, {"mm", "%M"}, {"ss", "%S"}, {"SSS", "%L"}};
  std::string translated;
  while (!format.empty()) {
    std::size_t taken = 0;
    for (const auto& [letters, conversion] : kLetters) {
      if (!format.starts_with(letters)) continue;
      translated += conversion;
      taken = letters.size();
      break;
    }
    if (taken == 0) translated += format.front(), taken = 1;
    format.remove_prefix(taken);
  }
  return strftime_text(at, translated);
}

// From data.consumed.in.MB on. `whole`: what the amounts are of; `rated`: what the rates are of.
std::string kafka_columns(const Throughput& whole, const Throughput& rated) {
  return fmt::format("{:.4f}, {:.4f}, {}, {:.4f}, 0, {}, {:.4f}, {:.4f}",
                     static_cast<double>(whole.bytes) / kMebibyte, rated.mebibytes_per_second(),
                     whole.records, rated.records_per_second(), ms_of(rated.elapsed),
                     rated.mebibytes_per_second(), rated.records_per_second());
}

Answer<Reading> reading_of_kafka_flags(const Session& session) {
  const Arguments& arguments = session.arguments;
  for (const std::string_view required : {"topic", "messages"}) {
    if (!arguments.has(required))
      return usage_trouble("Missing required option(s) [" + std::string(required) + "]");
  }
  Reading reading{.topic = arguments.text("topic"), .from_latest = arguments.has("from-latest")};
  const auto most = arguments.number_or("messages", 0, 1);
  if (!most) return std::unexpected(most.error());
  const auto timeout = arguments.number_or("timeout", 10'000, 0);
  if (!timeout) return std::unexpected(timeout.error());
  const auto size = arguments.number_or("fetch-size", 1 << 20, 1, INT32_MAX);
  if (!size) return std::unexpected(size.error());
  auto options = consumer_options(session.properties);
  if (!options) return std::unexpected(std::move(options).error());
  reading.most = *most;
  reading.idle = runtime::milliseconds(*timeout);
  reading.options = std::move(*options);
  reading.options.max_partition_fetch_bytes = static_cast<std::int32_t>(*size);
  return reading;
}

}  // namespace

ClusterAnswer perf_consume(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const Arguments& arguments = session.arguments();
  if (arguments.words().size() != 1) co_return usage_trouble("which topic?", "moldau perf consume TOPIC");
  Reading reading{.topic = arguments.words().front(), .from_latest = arguments.has("from-latest")};
  const auto most = arguments.number_or("num-records", INT64_MAX, 1);
  if (!most) co_return trouble(most.error());
  const auto idle = arguments.duration_or("idle-exit", std::chrono::seconds(10));
  if (!idle) co_return trouble(idle.error());
  auto options = consumer_options(session.session.properties);
  if (!options) co_return trouble(std::move(options).error());
  reading.most = *most;
  reading.idle = *idle;
  reading.options = std::move(*options);
  Progress progress(session.session, session.executor());
  const auto measured = co_await measure(session, std::move(reading), [&](const Throughput& counts) {
    if (progress.due())
      progress.show(fmt::format("{} records, {:.1f} MiB", counts.records,
                                static_cast<double>(counts.bytes) / kMebibyte));
  });
  progress.clear();
  if (!measured) co_return trouble(measured.error());
  std::vector<Column> columns;
  std::vector<Json> cells;
  add_throughput(columns, cells, measured->counts);
  Table table(std::move(columns));
  table.add(std::move(cells));
  if (auto printed = print_measured(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return measured->end == ReadEnd::interrupted ? Exit::interrupted : Exit::done;
}

ClusterAnswer kafka_consumer_perf_test(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const Arguments& arguments = session.arguments();
  auto reading = reading_of_kafka_flags(session.session);
  if (!reading) co_return trouble(std::move(reading).error());
  const auto interval = arguments.number_or("reporting-interval", 5000, 1);
  if (!interval) co_return trouble(interval.error());
  const std::string date_format = arguments.text("date-format", "yyyy-MM-dd HH:mm:ss:SSS");
  const bool detailed = arguments.has("show-detailed-stats");
  if (!arguments.has("hide-header"))
    session.out().line(
        detailed ? "time, threadId, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
                   "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec"
                 : "start.time, end.time, data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, "
                   "rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec");
  const std::int64_t most = reading->most;
  const Duration idle = reading->idle;
  auto last = session.executor().now();
  Throughput before;
  const auto report = [&](const Throughput& counts) {
    const Duration elapsed = session.executor().now() - last;
    if (!detailed || elapsed < runtime::milliseconds(*interval)) return;
    const Throughput since{counts.records - before.records, counts.bytes - before.bytes, elapsed};
    session.out().line(fmt::format("{}, 0, {}", java_date(session.world.wall_clock().now_ms(), date_format),
                                   kafka_columns(counts, since)));
    session.out().flush();
    before = counts;
    last = session.executor().now();
  };
  const auto measured = co_await measure(session, std::move(*reading), report);
  if (!measured) co_return trouble(measured.error());
  if (measured->counts.records < most && measured->end == ReadEnd::idle)
    session.out().line(
        fmt::format("WARNING: Exiting before consuming the expected number of messages: timeout ({} ms) "
                    "exceeded. You can use the "
                    "--timeout option to increase the timeout.",
                    ms_of(idle)));
  if (!detailed)
    session.out().line(fmt::format("{}, {}, {}", java_date(measured->started_ms, date_format),
                                   java_date(measured->ended_ms, date_format),
                                   kafka_columns(measured->counts, measured->counts)));
  co_return measured->end == ReadEnd::interrupted ? Exit::interrupted : Exit::done;
}

}  // namespace moldau::cli
