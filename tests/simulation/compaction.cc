#include "simulation/compaction.h"

#include <algorithm>
#include <array>

#include "record/builder.h"
#include "record/control.h"
#include "record/record.h"
#include "simulation/compaction_model.h"
#include "simulation/trace_sink.h"
#include "storage/log_files.h"
#include "storage/log_manager.h"

namespace moldau::simulation {
namespace {

using storage::Log;
using storage::LogManager;

const std::string kData = "/data";
constexpr TopicId kTopic{0x7ab1e, 7};
constexpr std::uint64_t kPlenty = 1ULL << 40;
constexpr std::size_t kPiece = 1 << 16;
// Idempotent ones, and those that write transactions alone.
constexpr std::array<ProducerId, 2> kIdempotent = {1, 2};
constexpr std::array<ProducerId, 3> kTransactional = {10, 11, 12};

storage::LogConfig draw_config(Random& random) {
  storage::LogConfig config;
  config.durability = random.one_in(3) ? storage::Durability::page_cache : storage::Durability::synced;
  config.cleanup_compact = true;
  config.cleanup_delete = random.one_in(3);
  config.segment_bytes = random.between(400, 3'000);
  config.index_interval_bytes = random.between(100, 1'000);
  config.retention_ms = -1;
  config.retention_bytes = config.cleanup_delete ? 6 * config.segment_bytes : -1;
  config.file_delete_delay_ms = random.between(0, 2'000);
  config.delete_retention_ms = random.between(0, random.one_in(2) ? 2'000 : 60'000);
  config.min_compaction_lag_ms = random.one_in(2) ? 0 : random.between(1, 5'000);
  config.min_cleanable_dirty_ratio = random.unit() / 2;
  config.preallocate = random.one_in(4);
  return config;
}

storage::LogManagerOptions draw_options(Random& random) {
  storage::LogManagerOptions options;
  options.commit_log = {.capacity_bytes = 512 << 10,
                        .buffer_bytes = 32 << 10,
                        .retained_buffer_bytes = 64 << 10,
                        .max_unsynced_bytes = 128 << 10,
                        .reserve_step_bytes = 128 << 10,
                        .prewrite_step_bytes = 16 << 10,
                        .file_id = 7};
  options.tail_flush_bytes = std::int64_t{1} << random.between(8, 16);
  options.retention_check_interval = runtime::milliseconds(random.between(500, 10'000));
  options.cleaner.backoff = runtime::milliseconds(random.between(100, 3'000));
  options.cleaner.dedupe_buffer_bytes =
      random.one_in(2) ? 4 << 20 : 4 * storage::OffsetMap::kSlotSize + random.below(600);
  options.cleaner.io_buffer_bytes = 62 + random.below(2'000);
  if (random.one_in(4)) options.cleaner.bytes_per_second = static_cast<double>(random.between(2'000, 50'000));
  return options;
}

bool changes_disk(Mutant mutant) {
  return mutant != Mutant::none && mutant != Mutant::tombstones_dropped_early &&
         mutant != Mutant::cleaned_beyond_high_watermark;
}

// Of a full disk, or a log that is being cut.
bool passes(const storage::LogError& error) {
  return error.code == storage::LogErrorCode::kafka_storage_error &&
         (error.cause == Errc::no_space || error.cause == Errc::unavailable);
}

// The node's part that the scenario needs, in one life of the process.
struct Store {
  std::unique_ptr<storage::DataDirectory> directory;
  std::unique_ptr<storage::SharedCheckpoint> recovery_points;
  std::unique_ptr<storage::SharedCheckpoint> log_starts;
  std::unique_ptr<storage::SharedCheckpoint> cleaner_offsets;
  std::unique_ptr<record::Codecs> codecs;
  std::unique_ptr<Random> random;
  std::unique_ptr<LogManager> manager;
};

class CompactionRun {
 public:
  CompactionRun(World& world, Mutant mutant)
      : world_(world),
        random_(world.random()),
        machine_(world.machine(0)),
        mutant_(mutant),
        config_(draw_config(random_)),
        options_(draw_options(random_)),
        promises_{.delete_retention_ms = config_.delete_retention_ms,
                  .min_compaction_lag_ms = config_.min_compaction_lag_ms} {
    if (mutant == Mutant::tombstones_dropped_early) config_.delete_retention_ms = 0;
  }

  // Empty when all is well.
  std::string run() {
    for (std::int64_t lives = random_.between(3, 9); lives > 0 && passed() && !void_; --lives) live();
    if (passed() && !void_) finish();
    return problem_;
  }

 private:
  // --- what is found out

  bool passed() const { return problem_.empty(); }
  void report(std::string problem) {
    if (passed()) problem_ = std::move(problem);
  }
  bool runs() const { return machine_.running() && passed() && !dying_; }
  // True when it is well. A dead machine, or a log that a planted fault has poisoned, explains a failure.
  bool holds(const Status& status, std::string_view what) {
    if (status) return true;
    dying_ = true;
    if (machine_.running() && !armed_) report(std::string(what) + ": " + status.error().message);
    return false;
  }
  template <class T>
  bool holds(const storage::LogResult<T>& result, std::string_view what) {
    if (result) return true;
    if (result.error().code != storage::LogErrorCode::kafka_storage_error)
      report(std::string(what) + ": " + result.error().message);
    return holds(Status(fail(result.error().cause, result.error().message)), what);
  }

  // --- the process

  Log& log(PartitionIndex replica) { return *store_.manager->find({kTopic, replica}); }
  Log& leader() { return log(leader_); }
  Log& follower() { return log(1 - leader_); }
  TimestampMs now_ms() { return machine_.wall_clock().now_ms(); }
  static std::string folder(PartitionIndex replica) { return kData + "/table-" + std::to_string(replica); }

  Result<std::unique_ptr<storage::SharedCheckpoint>> load(runtime::World& process, std::string_view name) {
    return world_.run(storage::SharedCheckpoint::load(process.shard(0), process.pool(), process.disk(),
                                                      kData + "/" + std::string(name)));
  }

  Status open(runtime::World& process) {
    const auto formatted = storage::DataDirectory::format(process.disk(), kData, "cluster", 1, {1, 2});
    if (!formatted && formatted.error().code != Errc::already_exists) return fail(formatted.error());
    ASSIGN_OR_RETURN(store_.directory,
                     storage::DataDirectory::open(process.disk(), kData, {"cluster", 1}, {1, 2}));
    ASSIGN_OR_RETURN(store_.recovery_points, load(process, "recovery-point-offset-checkpoint"));
    ASSIGN_OR_RETURN(store_.log_starts, load(process, "log-start-offset-checkpoint"));
    ASSIGN_OR_RETURN(store_.cleaner_offsets, load(process, storage::kCleanerCheckpoint));
    store_.codecs = std::make_unique<record::Codecs>();
    store_.random = std::make_unique<Random>(process.entropy());
    const storage::LogManagerContext context{.executor = process.shard(0),
                                             .pool = process.pool(),
                                             .disk = process.disk(),
                                             .wall_clock = process.wall_clock(),
                                             .codecs = *store_.codecs,
                                             .random = *store_.random,
                                             .directory = *store_.directory,
                                             .recovery_points = *store_.recovery_points,
                                             .log_starts = *store_.log_starts,
                                             .cleaner_offsets = store_.cleaner_offsets.get()};
    ASSIGN_OR_RETURN(store_.manager, world_.run(LogManager::open(context, options_)));
    store_.manager->set_high_watermark([this](const TopicIdPartition& id) {
      Log* const found = store_.manager->find(id);
      const Offset end = found == nullptr ? 0 : found->durable_end_offset().value();
      return mutant_ == Mutant::cleaned_beyond_high_watermark ? end : std::min(high_watermark_, end);
    });
    for (const PartitionIndex replica : {0, 1}) TRY(find_nothing_left(process, replica));
    for (const PartitionIndex replica : {0, 1}) TRY(make(replica));
    return {};
  }

  Status make(PartitionIndex replica) {
    auto made = world_.run(store_.manager->find_or_create({"table", replica}, kTopic, config_));
    return made ? Status() : fail(std::move(made).error());
  }

  // A start has settled what a compaction was about to do.
  Status find_nothing_left(runtime::World& process, PartitionIndex replica) {
    const auto entries = process.disk().list(folder(replica));
    if (!entries) return entries.error().code == Errc::not_found ? Status() : fail(entries.error());
    for (const runtime::DirectoryEntry& entry : *entries) {
      if (entry.name.ends_with(storage::kCleanedSuffix) || entry.name.ends_with(storage::kSwapSuffix))
        report(entry.name + " is left after a start");
    }
    return {};
  }

  // False: the process has died meanwhile.
  bool start() {
    dying_ = armed_ = false;
    runtime::World* process = &machine_.process();
    if (changes_disk(mutant_)) process = mutated_.emplace_back(mutate(mutant_, *process)).get();
    return holds(open(*process), "the logs do not open") && settle();
  }

  // Who leads keeps what it has, if it is all that was acknowledged; the other cuts what is beyond.
  bool settle() {
    const Offset end = leader().end_offset().value();
    if (end < acknowledged_)
      report("the log ends at " + std::to_string(end) + ", acknowledged was up to " +
             std::to_string(acknowledged_));
    world_.note("started with " + std::to_string(end) + " and " +
                std::to_string(follower().end_offset().value()) + " of " + std::to_string(model_.end()) +
                ", high watermark " + std::to_string(high_watermark_));
    if (end < high_watermark_) {
      if (config_.durability == storage::Durability::synced) report("the log has lost what was committed");
      // What was compacted may have been decided by a marker that is lost. The others of a cluster have it.
      world_.note("the page cache has lost what was committed: nothing is promised any more");
      void_ = dying_ = true;
      return false;
    }
    model_.cut(end);
    in_sync_ &= follower().end_offset().value() >= high_watermark_;
    leader().assign_epoch_start(++epoch_);
    return passed() && holds(world_.run(follower().truncate_to(end)), "the follower is not cut") && check();
  }

  void close() {
    bool in_order = false;
    if (store_.manager) in_order = world_.run(store_.manager->close()).has_value();
    const bool opened = std::exchange(store_.manager, nullptr) != nullptr;
    if (opened && in_order) static_cast<void>(store_.directory->mark_clean(5));
    store_ = {};
  }

  void live() {
    if (random_.one_in(2)) machine_.drive().crash_after(1 + random_.below(600));
    if (start()) {
      for (std::int64_t left = random_.between(20, 120); left > 0 && runs(); --left) step();
      if (runs()) check();
    }
    if (passed()) end();
  }

  void end() {
    const bool synced = config_.durability == storage::Durability::synced;
    const bool opened = store_.manager != nullptr && store_.manager->find({kTopic, leader_}) != nullptr;
    if (opened) acknowledged_ = leader().durable_end_offset().value();
    machine_.drive().disarm();
    machine_.drive().set_capacity(kPlenty);
    if (dying_ || random_.one_in(3)) {
      if (machine_.running() && random_.one_in(2)) machine_.kill();
    }
    if (machine_.running() && random_.one_in(2)) machine_.power_loss();
    close();
    if (machine_.running()) machine_.kill();
    // The page cache has no such promise: what is left of it is as good as what was said.
    if (!synced) acknowledged_ = 0;
    machine_.drive().no_crash();
    machine_.restart();
    world_.faults().fire(Fault::restart);
  }

  // --- what is done

  void step() {
    switch (random_.below(24)) {
      case 0:
        return world_.run_for(runtime::milliseconds(random_.between(1, 4'000))), void();
      case 1:
        return world_.run_for(runtime::milliseconds(random_.between(1, 50))), void();
      case 2:
      case 3:
        return follow();
      case 4:
        return raise();
      case 5:
        return end_transaction();
      case 6:
        return static_cast<void>(holds(log(draw_replica()).roll(now_ms()), "a roll"));
      case 7:
        return static_cast<void>(holds(world_.run(store_.manager->flush_all()), "a flush"));
      case 8:
        return random_.one_in(3) ? elect() : follow();
      case 9:
        return random_.one_in(4) ? wipe_follower() : raise();
      case 10:
        return retry();
      case 11:
        return random_.one_in(3) ? disturb_disk() : delete_records();
      case 12:
        return static_cast<void>(check());
      default:
        return append();
    }
  }

  PartitionIndex draw_replica() { return static_cast<PartitionIndex>(random_.below(2)); }

  static Slice bytes_of(const WrittenBatch& batch, record::Codec codec, record::Codecs& codecs) {
    record::BatchFields fields;
    fields.compression.codec = codec;
    if (batch.producer_id != kNoProducerId) {
      fields.producer_id = batch.producer_id;
      fields.producer_epoch = 0;
      fields.base_sequence = batch.sequence;
      fields.transactional = batch.transactional;
    }
    record::BatchBuilder builder(fields);
    for (const KeyedRecord& record : batch.records) {
      std::optional<ByteView> value;
      if (record.value) value = as_bytes(*record.value);
      builder.append(record.timestamp, as_bytes(record.key), value);
    }
    return *std::move(builder).build(codecs);
  }

  WrittenBatch draw_batch() {
    WrittenBatch batch{.base_offset = leader().end_offset().value()};
    if (const std::uint64_t kind = random_.below(4); kind >= 2) {
      batch.transactional = kind == 3;
      batch.producer_id = batch.transactional ? kTransactional[random_.below(kTransactional.size())]
                                              : kIdempotent[random_.below(kIdempotent.size())];
      batch.sequence = model_.next_sequence(batch.producer_id);
    }
    const std::int64_t count = random_.between(1, 4);
    batch.next_offset = batch.base_offset + count;
    for (std::int64_t i = 0; i < count; ++i) {
      KeyedRecord record{.offset = batch.base_offset + i,
                         .timestamp = now_ms(),
                         .key = "k" + std::to_string(random_.below(20)),
                         .value = std::nullopt};
      if (!random_.one_in(4)) record.value = std::string(random_.below(80), 'v') + std::to_string(++written_);
      batch.records.push_back(std::move(record));
    }
    return batch;
  }

  void append() {
    WrittenBatch batch = draw_batch();
    const auto codec = random_.one_in(2) ? record::Codec::none : static_cast<record::Codec>(random_.below(5));
    add(batch, bytes_of(batch, codec, *store_.codecs), storage::AppendOrigin::client);
  }

  void end_transaction() {
    const std::set<ProducerId> open = model_.open_transactions();
    if (open.empty()) return append();
    const ProducerId producer =
        *std::next(open.begin(), static_cast<std::ptrdiff_t>(random_.below(open.size())));
    const bool drawn = random_.one_in(2);
    const Offset base = leader().end_offset().value();
    WrittenBatch marker{.base_offset = base,
                        .next_offset = base + 1,
                        .producer_id = producer,
                        .commits = model_.decision_of(producer).value_or(drawn)};
    const Slice bytes = record::end_transaction_batch({.committed = *marker.commits,
                                                       .producer_id = marker.producer_id,
                                                       .producer_epoch = 0,
                                                       .timestamp = now_ms()},
                                                      epoch_);
    add(marker, bytes, storage::AppendOrigin::coordinator);
  }

  void add(const WrittenBatch& batch, const Slice& bytes, storage::AppendOrigin origin) {
    const auto info =
        leader().append_as_leader(bytes, {.leader_epoch = epoch_, .now_ms = now_ms(), .origin = origin});
    world_.note(
        "append " + std::to_string(batch.base_offset) + " to " + std::to_string(batch.next_offset) +
        (batch.producer_id == kNoProducerId ? "" : " of producer " + std::to_string(batch.producer_id)) +
        (batch.is_marker() ? *batch.commits ? ", commit" : ", abort" : ""));
    if (info) return model_.append(batch);
    if (passes(info.error())) return world_.run_for(100ms), void();
    // Who was made anew behind all that the producer has sent knows it by a marker alone: as with Kafka.
    const WrittenBatch* last = model_.last_of(batch.producer_id);
    const bool forgotten = info.error().code == storage::LogErrorCode::out_of_order_sequence_number &&
                           last != nullptr && last->base_offset < leader().log_start_offset();
    if (forgotten) return;
    // It may have reached the file.
    if (!holds(info, "an append")) model_.append(batch);
  }

  void follow() {
    for (std::int64_t pieces = random_.between(1, 5); pieces > 0 && runs(); --pieces) {
      const Offset from = follower().end_offset().value();
      const bool anew = from < leader().log_start_offset();
      const Offset at = anew ? leader().log_start_offset() : from;
      const auto read = world_.run(leader().read(at, random_.below(3'000), model_.end(), true));
      if (!machine_.running()) return;
      if (!holds(read, "a follower's read")) return;
      // The log may start within a batch.
      const Offset start = read->batches.empty() ? at : std::min(at, read->first_offset);
      if (anew) world_.note("the follower starts anew at " + std::to_string(start));
      if (anew && !holds(world_.run(follower().truncate_fully_and_start_at(start)), "a new start")) return;
      for (const Slice& slice : read->batches) {
        const auto appended = follower().append_as_follower(slice, now_ms());
        if (!appended && passes(appended.error())) return;
        if (!holds(appended, "a follower's append")) return;
      }
      static_cast<void>(follower().set_log_start_offset(
          std::min(leader().log_start_offset(), follower().end_offset().value())));
      start_of(1 - leader_);
    }
  }

  void raise() {
    world_.run_for(runtime::milliseconds(random_.between(0, 20)));
    if (!runs()) return;
    const Offset there = follower().durable_end_offset().value();
    in_sync_ |= there >= high_watermark_;
    const Offset most = std::min(leader().durable_end_offset().value(), in_sync_ ? there : model_.end());
    if (most > high_watermark_)
      high_watermark_ +=
          static_cast<Offset>(random_.below(static_cast<std::uint64_t>(most - high_watermark_) + 1));
  }

  // The follower leads, and the other loses what only it has.
  void elect() {
    if (!in_sync_) return follow();
    leader_ = 1 - leader_;
    world_.note("replica " + std::to_string(leader_) + " leads, with " +
                std::to_string(leader().end_offset().value()) + " of " + std::to_string(model_.end()));
    const Offset end = leader().end_offset().value();
    model_.cut(end);
    leader().assign_epoch_start(++epoch_);
    holds(world_.run(follower().truncate_to(end)), "a truncation");
  }

  void wipe_follower() {
    const PartitionIndex replica = 1 - leader_;
    world_.note("replica " + std::to_string(replica) + " is wiped");
    starts_[static_cast<std::size_t>(replica)] = 0;
    in_sync_ = high_watermark_ == 0;
    if (holds(world_.run(store_.manager->remove({kTopic, replica})), "a removal"))
      static_cast<void>(holds(make(replica), "a new replica"));
    // What is half removed has no log: the next start makes it.
    if (store_.manager->find({kTopic, replica}) == nullptr) dying_ = true;
  }

  void delete_records() {
    if (!config_.cleanup_delete) return append();
    const Offset start = leader().log_start_offset();
    if (start >= high_watermark_) return;
    const auto room = static_cast<std::uint64_t>(high_watermark_ - start);
    static_cast<void>(
        holds(leader().set_log_start_offset(start + static_cast<Offset>(random_.below(room / 2 + 1))),
              "DeleteRecords"));
    start_of(leader_);
  }

  // What a producer sends again is known, whatever was compacted (TX-01).
  void retry() {
    const WrittenBatch* last = model_.last_of(kIdempotent[random_.below(kIdempotent.size())]);
    if (last == nullptr || last->base_offset < leader().log_start_offset()) return;
    const auto info = leader().append_as_leader(bytes_of(*last, record::Codec::none, *store_.codecs),
                                                {.leader_epoch = epoch_, .now_ms = now_ms()});
    if (!info && passes(info.error())) return;
    if (!holds(info, "a retry")) return;
    if (!info->duplicate || info->first_offset != last->base_offset)
      report("a retry of offset " + std::to_string(last->base_offset) + " was appended anew");
  }

  void disturb_disk() {
    armed_ = true;
    Drive& drive = machine_.drive();
    const bool synced = config_.durability == storage::Durability::synced;
    switch (random_.below(4)) {
      case 0:
        return drive.fail_next_sync(random_.one_in(2) ? ".log.cleaned" : ".timeindex.cleaned");
      case 1:
        return drive.fail_next_write(".cleaned");
      case 2:
        if (synced) drive.fail_next_sync("/table-");
        return;
      default:
        drive.set_capacity(drive.used_bytes() + random_.below(10'000));
        world_.run_for(runtime::milliseconds(random_.between(100, 5'000)));
        drive.set_capacity(kPlenty);
    }
  }

  // --- what is seen

  // False: the process has died, or something is wrong.
  bool check() {
    for (const PartitionIndex replica : {0, 1}) {
      const std::optional<CompactedView> view = look_at(replica);
      if (!view) return false;
      promises_.high_watermark = high_watermark_;
      std::string problem = model_.check(*view, promises_);
      if (!problem.empty()) {
        tell(replica, *view);
        report("replica " + std::to_string(replica) + ": " + std::move(problem));
        return false;
      }
    }
    return true;
  }

  // What was written and what is there, for whoever looks into it.
  void tell(PartitionIndex replica, const CompactedView& view) {
    world_.note(std::string(config_.durability == storage::Durability::synced ? "synced" : "page cache") +
                ", clean below " + std::to_string(view.first_dirty) + ", stable below " +
                std::to_string(view.stable_end));
    for (const WrittenBatch& batch : model_.batches()) {
      for (const KeyedRecord& record : batch.records)
        world_.note("written was " + std::to_string(record.offset) + " " + record.key +
                    (record.value ? "" : ", deleted") +
                    (batch.transactional ? " by " + std::to_string(batch.producer_id) : ""));
    }
    for (const KeyedRecord& record : view.all)
      world_.note("there is " + std::to_string(record.offset) + " " + record.key +
                  (record.value ? "" : ", deleted"));
    const auto aborted = world_.run(log(replica).aborted_transactions(0, view.end));
    if (!aborted) return;
    for (const auto& one : *aborted)
      world_.note("aborted was what producer " + std::to_string(one.producer_id) + " began at " +
                  std::to_string(one.first_offset));
  }

  // The highest that was seen: it is not durable at once, and what comes back after a crash was not cleaned.
  Offset start_of(PartitionIndex replica) {
    Offset& start = starts_[static_cast<std::size_t>(replica)];
    return start = std::max(start, log(replica).log_start_offset());
  }

  std::optional<CompactedView> look_at(PartitionIndex replica) {
    Log& log = this->log(replica);
    CompactedView view{
        .start = log.log_start_offset(), .end = log.end_offset().value(), .first_dirty = *log.first_dirty()};
    view.stable_end = log.last_stable_offset(std::min(high_watermark_, view.end));
    std::set<ProducerId> aborting;
    for (Offset at = view.start; at < view.end;) {
      const auto piece = world_.run(log.read(at, random_.below(kPiece), view.end, true));
      if (!machine_.running()) return std::nullopt;
      // Retention has come first.
      if (!piece && at < log.log_start_offset()) return look_at(replica);
      if (!holds(piece, "a read")) return std::nullopt;
      if (piece->batches.empty()) {
        report("nothing is there at " + std::to_string(at) + " of " + std::to_string(view.end));
        return std::nullopt;
      }
      const auto aborted = world_.run(log.aborted_transactions(at, piece->next_offset));
      if (!machine_.running() || !holds(aborted, "the transaction index")) return std::nullopt;
      std::size_t begun = 0;
      for (const Slice& slice : piece->batches) {
        record::BatchReader reader(slice);
        for (record::BatchView batch; reader.next(batch).value_or(false);) {
          for (; begun < aborted->size() && (*aborted)[begun].first_offset <= batch.last_offset(); ++begun)
            aborting.insert((*aborted)[begun].producer_id);
          take(batch, aborting, view);
        }
      }
      at = piece->next_offset;
    }
    view.start = start_of(replica);
    const auto gone = [&](const KeyedRecord& record) { return record.offset < view.start; };
    std::erase_if(view.all, gone);
    std::erase_if(view.committed, gone);
    view.now_ms = now_ms();
    return view;
  }

  // As a consumer does.
  void take(const record::BatchView& batch, std::set<ProducerId>& aborting, CompactedView& view) {
    if (batch.is_control()) {
      const auto control =
          batch.record_count() == 0 ? fail(Errc::not_found, "") : record::read_control_record(batch);
      if (control && control->type == record::ControlType::abort) aborting.erase(batch.producer_id());
      return;
    }
    const bool aborted = batch.is_transactional() && aborting.contains(batch.producer_id());
    const auto bytes = record::uncompressed_records(batch, *store_.codecs, 1 << 24);
    if (!bytes) return report("a batch cannot be decoded: " + bytes.error().message);
    record::RecordReader records(batch, *bytes);
    for (record::RecordView record; records.next(record).value_or(false);) {
      KeyedRecord keyed{.offset = record.offset,
                        .timestamp = record.timestamp,
                        .key = std::string(as_text(record.key.value_or(ByteView{}))),
                        .value = std::nullopt};
      if (record.value) keyed.value = std::string(as_text(*record.value));
      if (!aborted && record.offset < view.stable_end) view.committed.push_back(keyed);
      view.all.push_back(std::move(keyed));
    }
  }

  // --- the end

  // On a machine where nothing fails, all that is closed becomes clean.
  void finish() {
    config_.min_cleanable_dirty_ratio = 0;
    config_.min_compaction_lag_ms = promises_.min_compaction_lag_ms = 0;
    if (!start()) {
      if (void_) close();
      return;
    }
    for (int i = 0; i < 5 && runs(); ++i) append();
    while (runs() && !model_.open_transactions().empty()) end_transaction();
    while (runs() && follower().end_offset().value() < model_.end()) follow();
    world_.run_for(100ms);
    high_watermark_ = model_.end();
    if (!runs()) return;
    for (const PartitionIndex replica : {0, 1}) {
      if (!holds(log(replica).roll(now_ms()), "a roll")) return;
    }
    append();
    if (!holds(world_.run(store_.manager->flush_all()), "a flush")) return;
    const auto clean = [&] {
      return *log(0).first_dirty() >= high_watermark_ && *log(1).first_dirty() >= high_watermark_;
    };
    if (!world_.run_until(clean, 600s)) {
      std::string why;
      for (const auto& [id, error] : store_.manager->uncleanable()) why += error.message;
      return report("the logs do not become clean: " + std::to_string(*log(0).first_dirty()) + " and " +
                    std::to_string(*log(1).first_dirty()) + " of " + std::to_string(high_watermark_) + " " +
                    why);
    }
    check();
    close();
  }

  World& world_;
  Random& random_;
  Machine& machine_;
  Mutant mutant_;
  storage::LogConfig config_;
  storage::LogManagerOptions options_;
  CompactionModel model_;
  CompactionPromises promises_;
  std::vector<std::unique_ptr<runtime::World>> mutated_;
  Store store_;
  PartitionIndex leader_ = 0;
  LeaderEpoch epoch_ = 0;
  Offset high_watermark_ = 0;
  std::array<Offset, 2> starts_ = {};  // where each replica was seen to start
  Offset acknowledged_ = 0;            // of the leader, when the process ended
  bool in_sync_ = true;                // the follower has all up to the high watermark
  bool dying_ = false;                 // this life is over
  bool void_ = false;                  // all of them are
  bool armed_ = false;                 // a failure of the disk was planted in this life
  std::uint64_t written_ = 0;
  std::string problem_;
};

}  // namespace

Options compaction_options(Random& random) {
  Options options;
  options.draw_faults(random, 0);
  options.step_limit = 20'000'000;
  return options;
}

Outcome compaction(std::uint64_t, World& world) { return compaction_with(Mutant::none, world); }

Outcome compaction_with(Mutant mutant, World& world) {
  TraceSink sink(world);
  const telemetry::ScopedSink installed(sink);
  auto scenario = std::make_unique<CompactionRun>(world, mutant);
  const std::string problem = scenario->run();
  // After a failure its coroutines hold on to it.
  if (!problem.empty()) static_cast<void>(scenario.release());
  return problem.empty() ? Outcome() : Outcome::failed(problem);
}

}  // namespace moldau::simulation
