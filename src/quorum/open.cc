// Opening and closing.
#include "quorum/metadata_quorum.h"
#include "quorum/snapshot_file.h"
#include "quorum/voter_records.h"
#include "storage/checkpoint_file.h"

namespace moldau::quorum {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::string_view kQuorumState = "quorum-state";
constexpr std::uint64_t kMaxQuorumStateBytes = 64 << 10;

const TopicPartition& metadata_partition() {
  static const TopicPartition kPartition{"__cluster_metadata", 0};
  return kPartition;
}

storage::LogConfig log_config() {
  storage::LogConfig config;
  config.segment_ms = storage::LogConfig::kNever;
  config.retention_ms = -1;  // only snapshots let the log be cut
  config.retention_bytes = -1;
  config.file_delete_delay_ms = 0;
  config.max_message_bytes = INT32_MAX;
  config.durability = storage::Durability::page_cache;  // flush() after each batch is the sync
  return config;
}

}  // namespace

MetadataQuorum::MetadataQuorum(runtime::World& world, unsigned shard, QuorumOptions options,
                               Transport* transport)
    : world_(world),
      executor_(world.shard(shard)),
      options_(std::move(options)),
      transport_(transport),
      random_(world.entropy()),
      log_context_{.executor = executor_,
                   .pool = world.pool(),
                   .disk = world.disk(),
                   .codecs = codecs_,
                   .random = random_},
      wake_(executor_),
      progress_(executor_),
      flush_ended_(executor_),
      reserve_(world, executor_, path("reserve"), options_.reserve_bytes),
      activity_changed_(executor_),
      tasks_(executor_),
      drive_ended_(executor_) {}

MetadataQuorum::~MetadataQuorum() = default;

Task<Result<std::unique_ptr<MetadataQuorum>>> MetadataQuorum::open(runtime::World& world, unsigned shard,
                                                                   QuorumOptions options,
                                                                   Transport* transport) {
  auto quorum =
      std::unique_ptr<MetadataQuorum>(new MetadataQuorum(world, shard, std::move(options), transport));
  if (Status loaded = co_await quorum->load(); !loaded) {
    if (quorum->log_) (void)co_await quorum->log_->close();
    co_return fail(std::move(loaded.error()));
  }
  quorum->started_ = true;
  quorum->drive().detach();
  if (!quorum->reserve_.is_full()) quorum->refill_reserve().detach();
  co_return quorum;
}

Task<Status> MetadataQuorum::load() {
  CO_TRY(co_await on_pool(Lane::background, [this]() -> Status {
    runtime::Disk& disk = world_.disk();
    ASSIGN_OR_RETURN(const bool exists, disk.exists(options_.directory));
    if (!exists) TRY(disk.create_directories(options_.directory));
    // Also what is there: a process that was stopped may have left a vote where only a sync makes it durable.
    TRY(disk.sync_directory(options_.directory));
    return disk.sync_directory(runtime::directory_of(options_.directory));
  }));
  co_await reserve_.fill();
  CO_ASSIGN_OR_RETURN(const std::optional<raft::QuorumState> state, co_await load_state());
  CO_TRY(co_await load_snapshot());
  CO_TRY(co_await load_log());
  CO_TRY(co_await load_voters());
  // The vote is durable before the first entry: without it this replica could vote twice in an epoch (RA-01).
  if (!state && (view_->end() != raft::OffsetAndEpoch{}))
    co_return fail(Errc::corrupt, path(kQuorumState) + " is missing although the log beside it is not empty");
  if (state && view_->end().epoch > state->epoch)
    co_return fail(Errc::corrupt, options_.directory + ": the log ends in leader epoch " +
                                      std::to_string(view_->end().epoch) + ", but quorum-state knows only " +
                                      std::to_string(state->epoch));
  start(state.value_or(raft::QuorumState{}));
  co_return Status();
}

Task<Result<std::optional<raft::QuorumState>>> MetadataQuorum::load_state() {
  const std::string file = path(kQuorumState);
  auto bytes = co_await on_pool(
      Lane::background, [&] { return runtime::read_file(world_.disk(), file, kMaxQuorumStateBytes); });
  if (!bytes && bytes.error().code == Errc::not_found) co_return std::optional<raft::QuorumState>();
  if (!bytes) co_return fail(std::move(bytes.error()).within(file));
  auto state = raft::quorum_state_from_json(as_text(*bytes));
  if (!state) co_return fail(std::move(state.error()).within(file));
  co_return std::optional(*state);
}

// A full disk without a reserve: epoch and vote wait for room, and until then nothing that follows from them
// is said. Who leads the epoch is asked for again after a restart.
Task<Status> MetadataQuorum::persist(raft::QuorumState state) {
  const std::string file = path(kQuorumState);
  const std::string json = raft::to_json(state);
  for (;;) {
    Status written = co_await on_pool(
        Lane::commit, [&] { return runtime::write_file_atomically(world_.disk(), file, as_bytes(json)); });
    if (written) persisted_ = state;
    const bool same_promise = state.epoch == persisted_.epoch && state.voted == persisted_.voted;
    if (written || (passes(written.error().code) && same_promise)) co_return Status();
    if (co_await make_room(written.error().code)) continue;
    if (!passes(written.error().code) || leaving_) co_return written;
    co_await runtime::sleep_for(executor_, kRetryAfter);
  }
}

Task<Status> MetadataQuorum::load_snapshot() {
  auto snapshot = co_await on_pool(Lane::background, [this]() -> Result<Snapshot> {
    TRY(remove_partial_snapshots(world_.disk(), options_.directory));
    ASSIGN_OR_RETURN(const auto snapshots, list_snapshots(world_.disk(), options_.directory));
    if (snapshots.empty()) return Snapshot();
    return read_snapshot(world_.disk(), options_.directory, snapshots.back());
  });
  if (!snapshot) co_return fail(std::move(snapshot.error()));
  history_.emplace(initial_configuration(*snapshot));
  metadata::Image& image = snapshot->image;
  if (image.end_offset() == 0) co_return Status();
  history_->install(image.end_offset(), snapshot->configuration);
  metadata::Delta delta = metadata::difference(*image_, image);
  co_return publish(std::move(image), std::move(delta));
}

// Who votes before the log says it.
raft::Configuration MetadataQuorum::initial_configuration(const Snapshot& newest) const {
  const bool formatted = newest.image.end_offset() == 0 && newest.configuration.kraft_version > 0;
  if (formatted) return newest.configuration;
  if (!options_.voters.empty()) return {0, raft::VoterSet(options_.voters)};
  if (!options_.initial_voters.empty()) return {1, raft::VoterSet(options_.initial_voters)};
  if (!options_.bootstrap_servers.empty()) return {1, {}};
  return {0, raft::VoterSet::of({options_.self})};
}

// The control records of the log, in force from where they are.
Task<Status> MetadataQuorum::load_voters() {
  constexpr std::size_t kReadBytes = 1 << 20;
  const Offset end = log_->end_offset().value();
  for (Offset at = log_->log_start_offset(); at < end;) {
    auto read = co_await log_->read(at, kReadBytes, end, true);
    if (!read) co_return fail(read.error().cause, "read of the metadata log: " + read.error().message);
    if (read->batches.empty())
      co_return fail(Errc::corrupt, "the metadata log has nothing at offset " + std::to_string(at));
    const Slice batches = joined(read->batches);
    record::BatchReader reader(batches);
    for (record::BatchView batch;;) {
      CO_ASSIGN_OR_RETURN(const bool more, reader.next(batch));
      if (!more) break;
      CO_ASSIGN_OR_RETURN(auto record, voter_record_of(batch));
      if (!record) continue;
      std::visit([&](auto& value) { history_->append(batch.base_offset(), std::move(value)); }, *record);
    }
    at = read->next_offset;
  }
  co_return Status();
}

// Written by an orderly close() and good for the next open() only.
Task<Result<Offset>> MetadataQuorum::take_recovery_point() {
  co_return co_await on_pool(Lane::background, [this]() -> Result<Offset> {
    const std::string file = path(storage::kRecoveryPointCheckpoint);
    auto points = storage::read_offset_checkpoint(world_.disk(), file);
    if (!points && points.error().code == Errc::not_found) return Offset{0};
    if (!points) return fail(std::move(points.error()));
    const auto found = points->find(metadata_partition());
    if (found == points->end()) return fail(Errc::corrupt, file + " does not name the log beside it");
    return found->second;
  });
}

Task<Status> MetadataQuorum::load_log() {
  CO_ASSIGN_OR_RETURN(const Offset recovery_point, co_await take_recovery_point());
  storage::LogOpenOptions open;
  open.recovery_point = recovery_point;
  open.log_start_offset = image_->end_offset();
  open.now_ms = wall_ms();
  storage::LogIdentity identity{options_.directory, metadata_partition(), kMetadataTopicId};
  CO_ASSIGN_OR_RETURN(log_, co_await storage::Log::open(log_context_, identity, log_config(), open));
  CO_TRY(co_await log_->finish_replay());
  view_ = std::make_unique<QuorumLogView>(*log_);
  CO_TRY(co_await fit_log_to_snapshot());
  if (recovery_point == 0) co_return Status();
  co_return co_await on_pool(Lane::background, [this]() -> Status {
    TRY(world_.disk().remove_file(path(storage::kRecoveryPointCheckpoint)));
    return world_.disk().sync_directory(options_.directory);
  });
}

Task<Status> MetadataQuorum::fit_log_to_snapshot() {
  const raft::OffsetAndEpoch snapshot{image_->end_offset(), image_->end_epoch()};
  if (snapshot.offset > 0) view_->set_latest_snapshot(snapshot);
  if (log_->log_start_offset() > snapshot.offset)
    co_return fail(Errc::corrupt,
                   options_.directory + ": the log starts at offset " +
                       std::to_string(log_->log_start_offset()) +
                       ", but there is no snapshot that "
                       "reaches it: " +
                       (snapshot.offset > 0 ? snapshot_name(snapshot) + " is the newest" : "none"));
  // A snapshot of the leader was installed and the crash came before the log was cut.
  if (log_->end_offset().value() < snapshot.offset)
    co_return co_await log_->truncate_fully_and_start_at(snapshot.offset);
  co_return Status();
}

void MetadataQuorum::start(raft::QuorumState state) {
  raft::Settings settings;
  settings.self = options_.self;
  settings.self_endpoints = options_.self_endpoints;
  settings.bootstrap_servers = options_.bootstrap_servers.size();
  settings.auto_join = options_.auto_join;
  settings.election_timeout = options_.election_timeout;
  settings.fetch_timeout = options_.fetch_timeout;
  settings.request_timeout = options_.request_timeout;
  settings.retry_backoff = options_.retry_backoff;
  settings.election_backoff_max = options_.election_backoff_max;
  settings.rules = options_.rules;
  first_unsaved_ = now();
  persisted_ = state;
  raft_ = std::make_unique<raft::Raft>(std::move(settings), *view_, *std::exchange(history_, std::nullopt),
                                       state, image_->end_offset(), Random(random_.next()), now());
  for (std::size_t i = 0; transport_ && i < options_.bootstrap_servers.size(); ++i)
    transport_->locate(raft::bootstrap_node(i), options_.bootstrap_servers[i]);
}

Task<Status> MetadataQuorum::close() {
  leaving_ = true;
  if (started_ && !closing_ && !failure_ && raft_->voters().size() > 1)
    (void)co_await run_input([this] { raft_->resign(now()); });
  closing_ = true;
  step_down();
  wake_.notify_all();
  progress_.notify_all();
  if (started_) co_await drive_ended_.wait();
  applied_.close();
  activity_changed_.notify_all();
  co_await tasks_.close();
  Status closed = co_await log_->close();
  if (!closed || failure_) co_return closed;
  const storage::OffsetCheckpoint points = {{metadata_partition(), log_->end_offset().value()}};
  co_return co_await on_pool(Lane::background, [&] {
    return storage::write_offset_checkpoint(world_.disk(), path(storage::kRecoveryPointCheckpoint), points);
  });
}

}  // namespace moldau::quorum
