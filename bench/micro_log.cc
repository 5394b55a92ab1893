// A log of one partition on the real disk: appends to the page cache, appends that await the commit log,
// reads of the newest records from memory, and reads of older ones from the page cache. Files go to the
// current folder and are removed. items_per_second counts batches.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <memory>
#include <string>

#include "platform/world.h"
#include "record/builder.h"
#include "storage/commit_log.h"
#include "storage/log.h"

namespace moldau::storage {
namespace {

using platform::RealWorld;
using runtime::Task;

constexpr TimestampMs kNow = 1'700'000'000'000;

Slice batch_of(std::int64_t records) {
  record::BatchBuilder builder({});
  const std::string value(100, 'x');
  for (std::int64_t i = 0; i < records; ++i) builder.append(kNow, std::nullopt, as_bytes(value));
  return std::move(builder).build_uncompressed();
}

// One data folder with a log in it; a benchmark that fails says why and measures nothing.
class LogOnDisk {
 public:
  LogOnDisk(RealWorld& world, Durability durability) : world_(world) {
    config_.durability = durability;
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~LogOnDisk() {
    context_.reset();
    std::filesystem::remove_all(folder_);
  }

  Task<Status> open() {
    CO_ASSIGN_OR_RETURN(commit_log_,
                        co_await CommitLog::open(world_.shard(0), world_.pool(), world_.disk(),
                                                 folder_ + "/commit-log-0", {.file_id = world_.entropy()}));
    const CommitLog::Visit nothing = [](const CommitLog::Entry&, const Slice&,
                                        CommitLog::Position) -> Task<Status> { co_return Status(); };
    CO_TRY(co_await commit_log_->replay(nothing));
    context_.reset(new LogContext{.executor = world_.shard(0),
                                  .pool = world_.pool(),
                                  .disk = world_.disk(),
                                  .commit_log = commit_log_.get(),
                                  .codecs = codecs_,
                                  .random = random_});
    context_->save_recovery_points = []() -> Task<Status> { co_return Status(); };
    commit_log_->on_pressure([this](std::vector<TopicIdPartition>) { flush().detach(); });
    const LogIdentity identity{folder_ + "/cities-0", {"cities", 0}, {1, 1}};
    CO_ASSIGN_OR_RETURN(log_, co_await Log::open(*context_, identity, config_, {.now_ms = kNow}));
    co_return co_await log_->finish_replay();
  }

  Task<Status> append(Slice batch, bool wait) {
    auto info = log_->append_as_leader(batch, {.now_ms = kNow});
    while (!info && info.error().cause == Errc::unavailable && commit_log_->poisoned() == nullptr) {
      co_await commit_log_->wait_for_space();
      info = log_->append_as_leader(batch, {.now_ms = kNow});
    }
    if (!info) co_return fail(Errc::io, info.error().message);
    if (wait) co_await log_->durable_end_offset().reaches(world_.shard(0), info->last_offset + 1);
    co_return Status();
  }

  Task<Status> close() {
    if (log_) CO_TRY(co_await log_->close());
    if (commit_log_) CO_TRY(co_await commit_log_->close());
    co_return Status();
  }

  Log& log() { return *log_; }

 private:
  Task<void> flush() { static_cast<void>(co_await log_->flush()); }

  RealWorld& world_;
  const std::string folder_ = std::filesystem::current_path().string() + "/micro_log.data";
  LogConfig config_;
  record::Codecs codecs_;
  Random random_{1};
  std::unique_ptr<CommitLog> commit_log_;
  std::unique_ptr<LogContext> context_;
  std::unique_ptr<Log> log_;
};

// Opens, runs `body`, closes; the first error is the benchmark's.
template <class Body>
void run(benchmark::State& state, Durability durability, Body body) {
  RealWorld world;
  LogOnDisk disk(world, durability);
  const auto all = [&]() -> Task<Status> {
    CO_TRY(co_await disk.open());
    CO_TRY(co_await body(disk));
    co_return co_await disk.close();
  };
  if (const Status status = world.run_until(all); !status)
    state.SkipWithError(status.error().message.c_str());
}

void count(benchmark::State& state, std::int64_t batches, std::size_t batch_bytes) {
  state.SetItemsProcessed(batches);
  state.SetBytesProcessed(batches * static_cast<std::int64_t>(batch_bytes));
}

Task<Status> append_all(benchmark::State& state, LogOnDisk& disk, const Slice& batch, bool wait) {
  for (auto _ : state) CO_TRY(co_await disk.append(batch, wait));
  co_return Status();
}

// range(0): records of 100 bytes in a batch.
void append(benchmark::State& state, Durability durability, bool wait) {
  const Slice batch = batch_of(state.range(0));
  run(state, durability, [&](LogOnDisk& disk) { return append_all(state, disk, batch, wait); });
  count(state, state.iterations(), batch.size());
}
BENCHMARK_CAPTURE(append, page_cache, Durability::page_cache, false)->Arg(1)->Arg(150)->Arg(1000);
BENCHMARK_CAPTURE(append, synced_not_awaited, Durability::synced, false)
    ->Arg(1)
    ->Arg(150)
    ->Arg(1000)
    ->UseRealTime();
BENCHMARK_CAPTURE(append, synced_one_in_flight, Durability::synced, true)->Arg(1)->Arg(150)->UseRealTime();

Task<Status> read_all(benchmark::State& state, LogOnDisk& disk, const Slice& batch, std::int64_t batches) {
  for (std::int64_t i = 0; i < batches; ++i) CO_TRY(co_await disk.append(batch, i + 1 == batches));
  Log& log = disk.log();
  const Offset end = log.end_offset().value();
  Offset from = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    auto result = co_await log.read(from, std::size_t{1} << 20, end, true);
    if (!result) co_return fail(Errc::io, result.error().message);
    bytes += size_of(result->batches);
    from = result->next_offset >= end ? 0 : result->next_offset;
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
  co_return Status();
}

// Reads of up to 1 MiB; items are reads. Two MiB are still in the tail, 64 MiB are in segments.
void read(benchmark::State& state, Durability durability, std::int64_t log_bytes) {
  const Slice batch = batch_of(state.range(0));
  const std::int64_t batches = log_bytes / static_cast<std::int64_t>(batch.size());
  run(state, durability, [&](LogOnDisk& disk) { return read_all(state, disk, batch, batches); });
}
BENCHMARK_CAPTURE(read, tail, Durability::synced, 2 << 20)->Arg(1)->Arg(150)->UseRealTime();
BENCHMARK_CAPTURE(read, page_cache, Durability::page_cache, 64 << 20)->Arg(1)->Arg(150)->UseRealTime();

}  // namespace
}  // namespace moldau::storage
