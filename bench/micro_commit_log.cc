// Synced appends through the commit log on the real disk: `depth` writers, each waits for its own append to
// be durable before the next. Prints one line per case: acknowledgements a second, latency, appends per sync.
//
//   micro_commit_log [folder [appends]]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "platform/world.h"
#include "storage/commit_log.h"

using namespace moldau;
using platform::RealWorld;
using runtime::Task;
using storage::CommitLog;

namespace {

using Clock = std::chrono::steady_clock;

struct Case {
  int partitions;
  int depth;
  std::size_t bytes;
  int laps = 0;  // of the ring, before measuring: 0 measures the first lap
};

struct Told final : CommitLog::Participant {
  void on_durable(CommitLog::Position) override {}
  void on_poisoned(const Error& error) override { std::fprintf(stderr, "%s\n", error.message.c_str()); }
};

struct Run {
  RealWorld& world;
  CommitLog& log;
  Case shape;
  std::int64_t left;
  std::vector<std::byte> payload;
  std::vector<Told> told;
  std::vector<std::int64_t> latencies_ns = {};
};

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Task<void> write_one_after_another(Run& run, PartitionIndex partition) {
  auto& executor = run.world.shard(0);
  while (run.left-- > 0) {
    const auto began = Clock::now();
    auto appended = run.log.append({.topic_id = {1, 1}, .partition = partition, .batches = run.payload},
                                   run.told[static_cast<std::size_t>(partition)]);
    while (!appended && run.log.poisoned() == nullptr) {
      co_await run.log.wait_for_space();
      appended = run.log.append({.topic_id = {1, 1}, .partition = partition, .batches = run.payload},
                                run.told[static_cast<std::size_t>(partition)]);
    }
    if (!appended || !co_await run.log.durable().reaches(executor, appended->end)) std::exit(1);
    run.latencies_ns.push_back((Clock::now() - began).count());
    // As if the segment had been filled at once.
    run.log.clean({{1, 1}, partition}, appended->end);
  }
}

Task<void> write_all(Run& run) {
  std::vector<Task<void>> writers;
  for (int i = 0; i < run.shape.depth; ++i) {
    writers.push_back(write_one_after_another(run, i % run.shape.partitions));
  }
  for (Task<void>& writer : writers) co_await std::move(writer);
}

Run make_run(RealWorld& world, CommitLog& log, const Case& shape, std::int64_t appends) {
  return {.world = world,
          .log = log,
          .shape = shape,
          .left = appends,
          .payload = std::vector<std::byte>(shape.bytes, std::byte{42}),
          .told = std::vector<Told>(static_cast<std::size_t>(shape.partitions))};
}

Task<Status> measure(RealWorld& world, std::string folder, Case shape, std::int64_t appends) {
  const auto opened_at = Clock::now();
  CO_ASSIGN_OR_RETURN(
      auto log, co_await CommitLog::open(world.shard(0), world.pool(), world.disk(), folder + "/commit-log-0",
                                         {.capacity_bytes = 64 << 20, .file_id = world.entropy()}));
  const CommitLog::Visit nothing = [](const CommitLog::Entry&, const Slice&,
                                      CommitLog::Position) -> Task<Status> { co_return Status(); };
  CO_TRY(co_await log->replay(nothing));
  const double open_ms = std::chrono::duration<double, std::milli>(Clock::now() - opened_at).count();
  const auto filled = static_cast<std::int64_t>(shape.laps) * (64 << 20);
  if (filled > 0) {
    Run warm = make_run(world, *log, {1, 32, 64 << 10}, filled / (64 << 10));
    co_await write_all(warm);
  }
  Run run = make_run(world, *log, shape, appends);
  const auto before = log->stats();
  const double cpu_before = cpu_seconds();
  const auto began = Clock::now();
  co_await write_all(run);
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
  const double cpu = cpu_seconds() - cpu_before;
  const auto after = log->stats();
  std::ranges::sort(run.latencies_ns);
  const auto quantile = [&](double q) {
    const auto last = static_cast<double>(run.latencies_ns.size() - 1);
    return static_cast<double>(run.latencies_ns[static_cast<std::size_t>(last * q)]) / 1e6;
  };
  const auto count = static_cast<double>(run.latencies_ns.size());
  std::printf(
      "%4d partitions  depth %4d  %7zu B  %s lap: %9.0f acks/s  %7.1f MB/s  p50 %.2f  p99 %.2f  p99.9 %.2f "
      "ms  "
      "%.1f appends/sync  %.0f acks/CPU-s  new file open after %.1f ms\n",
      shape.partitions, shape.depth, shape.bytes, shape.laps > 0 ? "later" : "first", count / seconds,
      count * static_cast<double>(shape.bytes) / seconds / 1e6, quantile(0.5), quantile(0.99),
      quantile(0.999), count / static_cast<double>(after.rounds - before.rounds), count / cpu, open_ms);
  std::fflush(stdout);
  co_return co_await log->close();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string base = argc > 1 ? argv[1] : "/var/tmp";
  const std::int64_t appends = argc > 2 ? std::atoll(argv[2]) : 40'000;
  const std::string folder = std::filesystem::absolute(base) / "moldau-micro-commit-log";
  for (const Case& shape : {Case{1, 1, 1024, 2}, Case{1, 64, 1024}, Case{1, 64, 1024, 2},
                            Case{100, 64, 1024, 2}, Case{100, 100, 1024, 2}, Case{1000, 1000, 1024, 2},
                            Case{16, 16, 64 << 10, 2}, Case{16, 16, 1 << 20, 2}}) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    RealWorld world;
    const auto scaled = std::max<std::int64_t>(200, appends * 1024 / static_cast<std::int64_t>(shape.bytes));
    const std::int64_t count = shape.depth == 1 ? appends / 20 : std::min(scaled, appends);
    const Status status = world.run_until([&] { return measure(world, folder, shape, count); });
    if (!status) {
      std::fprintf(stderr, "%s\n", status.error().message.c_str());
      return 1;
    }
  }
  std::filesystem::remove_all(folder);
}
