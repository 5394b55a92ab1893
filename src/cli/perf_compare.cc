// perf compare: the same load on two clusters by turns, so that what changes on the machine meanwhile meets
// both alike.
#include <fmt/format.h>

#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/other_cluster.h"
#include "cli/perf_load.h"
#include "cli/perf_report.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

using runtime::Task;

// A figure of a run, and how it is called.
struct Figure {
  std::string_view name;
  double (*of)(const Throughput&, const LatencyStats&);
};

constexpr Figure kFigures[] = {
    {"records_per_s", [](const Throughput& t, const LatencyStats&) { return t.records_per_second(); }},
    {"mib_per_s", [](const Throughput& t, const LatencyStats&) { return t.mebibytes_per_second(); }},
    {"mean_ms", [](const Throughput&, const LatencyStats& l) { return l.mean_ms(); }},
    {"p50_ms", [](const Throughput&, const LatencyStats& l) { return l.percentile_ms(0.5); }},
    {"p95_ms", [](const Throughput&, const LatencyStats& l) { return l.percentile_ms(0.95); }},
    {"p99_ms", [](const Throughput&, const LatencyStats& l) { return l.percentile_ms(0.99); }},
    {"p999_ms", [](const Throughput&, const LatencyStats& l) { return l.percentile_ms(0.999); }},
    {"max_ms", [](const Throughput&, const LatencyStats& l) { return l.max_ms(); }},
};
constexpr std::size_t kFigureCount = std::size(kFigures);

// What one cluster has done in all rounds.
struct Side {
  Throughput throughput;
  LatencyStats latencies;
  std::vector<std::array<double, kFigureCount>> rounds;

  void add(const LoadRun& run) {
    const Throughput round{run.total().count(), run.bytes(), run.elapsed()};
    throughput.records += round.records;
    throughput.bytes += round.bytes;
    throughput.elapsed += round.elapsed;
    latencies.add(run.total());
    auto& figures = rounds.emplace_back();
    for (std::size_t i = 0; i < kFigureCount; ++i) figures[i] = kFigures[i].of(round, run.total());
  }
};

struct Plan {
  Load load;
  client::ProducerOptions options;
  std::int64_t producers = 1;
  std::int64_t rounds = 3;
};

Answer<Plan> plan_of(const Session& session) {
  Plan plan;
  Trouble why;
  const Load defaults{.records = 100'000, .interval = std::chrono::seconds(1)};
  if (!take(load_of_flags(session, defaults), plan.load, why) ||
      !take(producer_options_of_flags(session), plan.options, why) ||
      !take(session.arguments.number_or("producers", 1, 1, 1000), plan.producers, why) ||
      !take(session.arguments.number_or("rounds", 3, 1, 1000), plan.rounds, why))
    return trouble(std::move(why));
  return plan;
}

Task<Answer<void>> one_round(ClusterSession& session, const Plan& plan, Progress& progress, std::string label,
                             Side& side) {
  const auto producers = producers_for(session, plan.options, plan.producers);
  if (!producers) co_return trouble(producers.error());
  LoadRun run(session, plan.load, *producers,
              [&](const LatencyStats& stats, std::int64_t bytes, runtime::Duration elapsed) {
                progress.show(label + ": " + kafka_line(stats, bytes, elapsed));
              });
  auto ran = co_await run.run();
  co_await close_producers(session, *producers);
  if (ran && !session.interrupt.raised()) side.add(run);
  co_return ran;
}

// The first of a round is the second of the next one.
Task<Answer<void>> all_rounds(ClusterSession& first, ClusterSession& second, const Plan& plan, Side& one,
                              Side& two) {
  Progress progress(first.session, first.executor());
  for (std::int64_t turn = 0; turn < 2 * plan.rounds && !first.interrupt.raised(); ++turn) {
    const bool is_first = (turn % 4 == 0) || (turn % 4 == 3);
    const std::string label =
        fmt::format("round {} of {}, {} cluster", turn / 2 + 1, plan.rounds, is_first ? "first" : "second");
    auto ran = co_await one_round(is_first ? first : second, plan, progress, label, is_first ? one : two);
    if (!ran) co_return ran;
  }
  co_return Answer<void>{};
}

Json ratio(double above, double below) { return below > 0 ? rounded(above / below) : Json(); }

// `ratio`: the second's figure over the first's; least and most of the rounds.
Table ratio_table(const Side& one, const Side& two) {
  Table table({{"figure"},
               {"first", true},
               {"second", true},
               {"ratio", true},
               {"ratio_least", true},
               {"ratio_most", true}});
  for (std::size_t i = 0; i < kFigureCount; ++i) {
    std::vector<double> ratios;
    for (std::size_t round = 0; round < std::min(one.rounds.size(), two.rounds.size()); ++round) {
      const double below = one.rounds[round][i];
      if (below > 0) ratios.push_back(two.rounds[round][i] / below);
    }
    std::ranges::sort(ratios);
    const double first = kFigures[i].of(one.throughput, one.latencies);
    const double second = kFigures[i].of(two.throughput, two.latencies);
    table.add({kFigures[i].name, rounded(first), rounded(second), ratio(second, first),
               ratios.empty() ? Json() : rounded(ratios.front()),
               ratios.empty() ? Json() : rounded(ratios.back())});
  }
  return table;
}

Task<Answer<Exit>> compare(ClusterSession& first, ClusterSession& second, const Plan& plan) {
  Side one, two;
  if (auto ran = co_await all_rounds(first, second, plan, one, two); !ran)
    co_return trouble(std::move(ran).error());
  if (first.interrupt.raised()) co_return exit_of(first.interrupt);
  if (auto printed = print_measured(first.session, ratio_table(one, two)); !printed)
    co_return trouble(printed.error());
  co_return Exit::done;
}

}  // namespace

ClusterAnswer perf_compare(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const auto plan = plan_of(session.session);
  if (!plan) co_return trouble(plan.error());
  const auto with = session.arguments().find("with");
  if (!with)
    co_return usage_trouble("compare with which cluster?",
                            "moldau perf compare TOPIC --brokers HOST:PORT --with HOST:PORT");
  co_return co_await with_other_cluster(
      session, *with, [&](ClusterSession& other) { return compare(session, other, *plan); });
}

}  // namespace moldau::cli
