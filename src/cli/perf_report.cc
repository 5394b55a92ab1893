#include "cli/perf_report.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/report.h"
#include "cli/text_file.h"

namespace moldau::cli {

double Throughput::seconds() const { return std::max(1e-9, std::chrono::duration<double>(elapsed).count()); }

Json rounded(double value) { return Json(std::floor(value * 100) / 100); }

void add_throughput(std::vector<Column>& columns, std::vector<Json>& cells, const Throughput& throughput) {
  columns.insert(columns.end(),
                 {{"records", true}, {"seconds", true}, {"records_per_s", true}, {"mib_per_s", true}});
  cells.insert(cells.end(),
               {throughput.records, rounded(throughput.seconds()), rounded(throughput.records_per_second()),
                rounded(throughput.mebibytes_per_second())});
}

void add_latencies(std::vector<Column>& columns, std::vector<Json>& cells, const LatencyStats& stats) {
  columns.insert(columns.end(), {{"mean_ms", true},
                                 {"p50_ms", true},
                                 {"p95_ms", true},
                                 {"p99_ms", true},
                                 {"p999_ms", true},
                                 {"max_ms", true}});
  cells.insert(cells.end(), {rounded(stats.mean_ms()), rounded(stats.percentile_ms(0.5)),
                             rounded(stats.percentile_ms(0.95)), rounded(stats.percentile_ms(0.99)),
                             rounded(stats.percentile_ms(0.999)), rounded(stats.max_ms())});
}

std::string kafka_line(const LatencyStats& stats, std::int64_t bytes, runtime::Duration elapsed) {
  const Throughput throughput{stats.count(), bytes, elapsed};
  return fmt::format(
      "{} records sent, {:.1f} records/sec ({:.2f} MB/sec), {:.1f} ms avg latency, {:.1f} ms max latency",
      stats.count(), throughput.records_per_second(), throughput.mebibytes_per_second(), stats.mean_ms(),
      stats.max_ms());
}

Answer<void> print_measured(Session& session, Table table) {
  if (!session.arguments.has("json")) return print_table(session, std::move(table));
  session.out.put(table.render(Format::jsonl));
  return {};
}

runtime::Task<Answer<void>> write_hgrm(ClusterSession& session, const LatencyStats& stats) {
  const auto name = session.arguments().find("hdr");
  if (!name) co_return Answer<void>{};
  const std::string path = absolute_path(session.session.invocation, *name);
  const std::string text = stats.hgrm();
  const Status written = co_await session.world.pool().run(
      runtime::Lane::background, session.executor(),
      [&] { return runtime::write_file_atomically(session.world.disk(), path, as_bytes(text)); });
  if (!written) co_return trouble(trouble_of(written.error(), "cannot write " + path));
  co_return Answer<void>{};
}

}  // namespace moldau::cli
