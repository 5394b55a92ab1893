// One log of one partition on the simulated disk, with its commit log, recovery point checkpoint and clean
// shutdown marker kept as the data folder's owner does.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "record/builder.h"
#include "record/record.h"
#include "simulation/world.h"
#include "storage/checkpoint_file.h"
#include "storage/log.h"
#include "storage/log_files.h"

namespace moldau::storage::testing {

inline const std::string kData = "/data";
inline const std::string kLogFolder = "/data/cities-0";
inline const std::string kRecoveryPoints = "/data/recovery-point-offset-checkpoint";
inline const std::string kCleanMarker = "/data/.kafka_cleanshutdown";
inline constexpr TopicId kCities{0xc17e5, 1};

struct Producer {
  ProducerId id = kNoProducerId;
  ProducerEpoch epoch = 0;
  Sequence sequence = 0;
  bool transactional = false;
};

struct BatchSpec {
  int records = 1;
  std::size_t value_size = 20;
  TimestampMs timestamp = 1'000;
  Producer producer = {};
  record::Codec codec = record::Codec::none;
  Offset base_offset = 0;
  LeaderEpoch epoch = kNoEpoch;
};

// The value of a record says its number.
inline Slice make_batch(const BatchSpec& spec, int first_number = 0) {
  record::BatchFields fields;
  fields.base_offset = spec.base_offset;
  fields.partition_leader_epoch = spec.epoch;
  fields.compression.codec = spec.codec;
  if (spec.producer.id >= 0) {
    fields.producer_id = spec.producer.id;
    fields.producer_epoch = spec.producer.epoch;
    fields.base_sequence = spec.producer.sequence;
    fields.transactional = spec.producer.transactional;
  }
  record::BatchBuilder builder(fields);
  for (int i = 0; i < spec.records; ++i) {
    std::string value = std::to_string(first_number + i);
    value.resize(std::max(value.size(), spec.value_size), '.');
    builder.append(spec.timestamp, std::nullopt, as_bytes(value));
  }
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

struct LogHarness {
  explicit LogHarness(simulation::World& on, LogConfig with = {}, bool commit_log = true)
      : world(on), config(with), uses_commit_log(commit_log) {}
  ~LogHarness() { drop(); }

  // Starts everything as a node does; an error of Log::open or of the replay is returned.
  Status open() {
    TRY(world.disk().create_directories(kData));
    TRY(world.disk().sync_directory("/"));
    const bool clean = world.disk().exists(kCleanMarker).value_or(false);
    if (clean) TRY(world.disk().remove_file(kCleanMarker));
    if (clean) TRY(world.disk().sync_directory(kData));
    if (uses_commit_log) {
      CommitLogOptions options{.capacity_bytes = commit_log_bytes,
                               .buffer_bytes = 32 << 10,
                               .retained_buffer_bytes = 64 << 10,
                               .reserve_step_bytes = std::max<std::uint64_t>(64 << 10, commit_log_bytes / 4),
                               .prewrite_step_bytes = std::max<std::uint64_t>(16 << 10, commit_log_bytes / 4),
                               .file_id = world.entropy()};
      auto opened = world.run(
          CommitLog::open(world.shard(0), world.pool(), world.disk(), kData + "/commit-log-0", options));
      if (!opened) return fail(std::move(opened).error());
      commit_log = std::move(*opened);
    }
    codecs = std::make_unique<record::Codecs>();
    context.reset(new LogContext{.executor = world.shard(0),
                                 .pool = world.pool(),
                                 .disk = world.disk(),
                                 .commit_log = commit_log.get(),
                                 .codecs = *codecs,
                                 .random = random,
                                 .tail_flush_bytes = tail_flush_bytes});
    context->save_recovery_points = [this] { return save(); };
    auto points = read_offset_checkpoint(world.disk(), kRecoveryPoints);
    if (!points && points.error().code != Errc::not_found) return fail(points.error());
    const TopicPartition name{"cities", 0};
    const Offset point = points && points->contains(name) ? points->at(name) : 0;
    auto opened = world.run(Log::open(
        *context, {kLogFolder, name, kCities}, config,
        {.recovery_point = point, .log_start_offset = log_start, .clean_shutdown = clean, .now_ms = now}));
    if (!opened) return fail(std::move(opened).error());
    log = std::move(*opened);
    if (commit_log) {
      TRY(replay());
    }
    return world.run(log->finish_replay());
  }

  Status replay() {
    struct Replayed {
      CommitLog::Entry entry;
      Slice batches;
      CommitLog::Position end;
    };
    std::vector<Replayed> all;
    const CommitLog::Visit visit = [&](const CommitLog::Entry& entry, const Slice& batches,
                                       CommitLog::Position end) -> runtime::Task<Status> {
      const bool truncates = entry.kind == CommitLog::Entry::Kind::truncate;
      if (!truncates || !forgets_truncations) all.push_back({entry, batches, end});
      co_return Status();
    };
    TRY(world.run(commit_log->replay(visit)));
    for (int times = replays_twice ? 2 : 1; times > 0; --times) {
      for (const Replayed& one : all) TRY(world.run(log->replay_entry(one.entry, one.batches, one.end)));
    }
    return {};
  }

  runtime::Task<Status> save() {
    const OffsetCheckpoint points{{TopicPartition{"cities", 0}, log->recovery_point()}};
    co_return co_await world.pool().run(runtime::Lane::background, world.shard(0), [&] {
      return write_offset_checkpoint(world.disk(), kRecoveryPoints, points);
    });
  }

  Status close() {
    Status status = log ? world.run(log->close()) : Status();
    if (status && log) status = world.run(save());
    if (status && commit_log) status = world.run(commit_log->close());
    if (status) status = runtime::write_file_atomically(world.disk(), kCleanMarker, as_bytes("{}"));
    drop();
    return status;
  }

  // As after a crash: nothing is closed in order.
  void drop() {
    if (log) static_cast<void>(world.run(log->close()));
    log.reset();
    commit_log.reset();
    world.run_until_idle();
  }
  // kill -9, or loss of power, and a start; the log is open again unless open() failed.
  Status crash(bool power) {
    power ? world.power_loss() : world.kill();
    drop();
    world.restart();
    return open();
  }

  LogResult<AppendInfo> append(const Slice& batch, LeaderEpoch epoch = 0) {
    return log->append_as_leader(batch, {.leader_epoch = epoch, .now_ms = now});
  }
  // Appends and waits until it may be acknowledged.
  LogResult<AppendInfo> commit(const Slice& batch, LeaderEpoch epoch = 0) {
    auto info = append(batch, epoch);
    if (info && !world.run(log->durable_end_offset().reaches(world.shard(0), info->last_offset + 1))) {
      return std::unexpected(LogError{.message = "not durable"});
    }
    return info;
  }
  LogResult<ReadResult> read(Offset from, std::size_t max_bytes = 1 << 20, Offset end = 1LL << 60) {
    return world.run(log->read(from, max_bytes, end, true));
  }
  // The numbers in the values of all records from `from` to the end.
  std::vector<int> numbers(Offset from = 0) {
    std::vector<int> all;
    for (Offset at = from;;) {
      auto piece = read(at, 1 << 16);
      if (!world.machine(0).running()) return all;
      EXPECT_TRUE(piece) << (piece ? "" : piece.error().message);
      if (!piece || piece->batches.empty()) return all;
      for (const Slice& slice : piece->batches) collect(slice, from, all);
      at = piece->next_offset;
    }
  }
  static void collect(const Slice& batches, Offset from, std::vector<int>& all) {
    record::Codecs codecs;
    record::BatchReader reader(batches);
    for (record::BatchView batch; *reader.next(batch);) {
      record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 26));
      if (batch.is_control()) continue;
      for (record::RecordView record; *records.next(record);) {
        if (record.offset >= from) all.push_back(std::stoi(std::string(as_text(*record.value))));
      }
    }
  }

  simulation::World& world;
  LogConfig config;
  bool uses_commit_log;
  std::uint64_t commit_log_bytes = 512 << 10;
  std::int64_t tail_flush_bytes = 4 << 20;
  Offset log_start = 0;
  TimestampMs now = 10'000;
  // Mutants (reliability.md, appendix D).
  bool forgets_truncations = false;
  bool replays_twice = false;
  Random random{7};
  std::unique_ptr<CommitLog> commit_log;
  std::unique_ptr<record::Codecs> codecs;
  std::unique_ptr<LogContext> context;
  std::unique_ptr<Log> log;
};

inline std::vector<int> sequence(int from, int to) {
  std::vector<int> numbers;
  for (int i = from; i < to; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace moldau::storage::testing
