// What is done to the log and with what it holds.
#include <algorithm>
#include <utility>

#include "quorum/batches.h"
#include "quorum/metadata_quorum.h"
#include "quorum/snapshot_file.h"
#include "quorum/voter_records.h"

namespace moldau::quorum {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::size_t kReadBytes = 1 << 20;
constexpr runtime::Duration kFirstRefill = std::chrono::milliseconds(10);
constexpr runtime::Duration kLastRefill = std::chrono::seconds(1);
constexpr auto kSnapshotUse = std::chrono::minutes(1);  // how long after its last chunk one is kept

Status to_status(const storage::LogResult<storage::AppendInfo>& appended) {
  if (appended) return {};
  return fail(appended.error().cause, "append to the metadata log: " + appended.error().message);
}

}  // namespace

bool MetadataQuorum::passes(Errc code) {
  return code == Errc::no_space || code == Errc::no_descriptors || code == Errc::unavailable;
}

Task<bool> MetadataQuorum::make_room(Errc why) {
  if (why != Errc::no_space) co_return false;
  const bool made = co_await reserve_.give();
  // Soon, for what is left of the piece is anybody's.
  const bool refilling = std::exchange(refill_pause_, kFirstRefill) != runtime::Duration{};
  if (refilling) progress_.notify_all();
  if (!refilling) refill_reserve().detach();
  co_return made;
}

Task<void> MetadataQuorum::refill_reserve() {
  const runtime::Gate::Pass pass(tasks_);
  while (pass && !closing_ && !reserve_.is_full()) {
    const runtime::MonotonicTime last = executor_.now();
    while (!closing_ && executor_.now() < last + refill_pause_) co_await progress_.wait(last + refill_pause_);
    refill_pause_ = std::clamp(2 * refill_pause_, kFirstRefill, kLastRefill);
    if (!closing_) co_await reserve_.fill();
  }
  refill_pause_ = {};
}

Task<Status> MetadataQuorum::patiently(std::function<Status()> work) {
  for (;;) {
    Status done = co_await on_pool(Lane::background, [&work] { return work(); });
    if (done || !passes(done.error().code)) co_return done;
    if (co_await make_room(done.error().code)) continue;
    if (leaving_) co_return done;
    co_await runtime::sleep_for(executor_, kRetryAfter);
  }
}

raft::Time MetadataQuorum::room_patience() const {
  return raft_->voters().size() > 1 ? now() + std::chrono::milliseconds(300) : raft::Time::max();
}

// Nothing is appended while the batch before is not synced.
Task<void> MetadataQuorum::idle_flush() {
  while (flushing_) co_await flush_ended_.wait();
}

Task<Status> MetadataQuorum::append_as_leader(Slice batch, LeaderEpoch epoch, raft::Time patience) {
  co_await idle_flush();
  for (;;) {
    storage::AppendOptions options;
    options.leader_epoch = epoch;
    options.now_ms = wall_ms();
    options.origin = storage::AppendOrigin::raft_leader;
    const auto appended = log_->append_as_leader(batch, options);
    if (appended) break;
    if (co_await make_room(appended.error().cause)) continue;
    // A full disk: whoever waits goes on waiting until there is room again.
    if (!passes(appended.error().cause) || leaving_ || now() >= patience) co_return to_status(appended);
    co_await runtime::sleep_for(executor_, kRetryAfter);
  }
  ++stats_.batches_written;
  progress_.notify_all();
  flush().detach();
  co_return Status();
}

// A control record that the core asks for. What was submitted before has its offsets promised: it goes first,
// and what is submitted from here on comes after.
Task<Status> MetadataQuorum::append_voter_record(Slice batch, LeaderEpoch epoch) {
  while (!pending_.empty() && raft_->is_ready_leader()) CO_TRY(co_await write_pending());
  ++next_offset_;
  CO_TRY(co_await append_as_leader(batch, epoch));
  co_return note_voter_record(batch, log_->end_offset().value() - 1);
}

// Tells the core when the batch that was just appended is about the voters.
Status MetadataQuorum::note_voter_record(ByteView batch, Offset offset) {
  record::BatchReader reader(batch);
  record::BatchView view;
  ASSIGN_OR_RETURN(const bool there, reader.next(view));
  MOLDAU_ASSERT(there, "a control batch has one record");
  ASSIGN_OR_RETURN(auto record, voter_record_of(view));
  if (!record) return {};
  if (const auto* version = std::get_if<std::int16_t>(&*record))
    raft_->on_kraft_version_appended(offset, *version);
  if (auto* voters = std::get_if<raft::VoterSet>(&*record))
    raft_->on_voters_appended(offset, std::move(*voters), now());
  return {};
}

// What comes from the leader is input: damage costs a little time, not the node. The checksum says nothing of
// offset and epoch, so both must go on where the log ends.
bool MetadataQuorum::goes_on(const record::BatchView& batch) const {
  const raft::OffsetAndEpoch end = view_->end();
  return batch.base_offset() <= end.offset && batch.partition_leader_epoch() >= end.epoch &&
         batch.partition_leader_epoch() <= raft_->epoch();
}

Task<Status> MetadataQuorum::append_as_follower(Slice batches) {
  record::BatchReader reader(batches);
  const Offset before = log_->end_offset().value();
  for (record::BatchView batch;;) {
    const auto more = reader.next(batch);
    if (more && !*more && log_->end_offset().value() > before) co_return Status();
    co_await idle_flush();
    if (!more || !*more || !goes_on(batch)) {
      raft_->on_records_refused(now());
      co_return Status();
    }
    const Slice bytes = batches.part(batch.bytes());
    auto appended = log_->append_as_follower(bytes, wall_ms());
    while (!appended && co_await make_room(appended.error().cause))
      appended = log_->append_as_follower(bytes, wall_ms());
    if (!appended &&
        (appended.error().code == storage::LogErrorCode::corrupt_message || passes(appended.error().cause))) {
      raft_->on_records_refused(now());
      co_return Status();
    }
    CO_TRY(to_status(appended));
    ++stats_.batches_written;
    if (batch.is_control()) CO_TRY(note_voter_record(bytes, batch.base_offset()));
    flush().detach();
  }
}

Task<void> MetadataQuorum::flush() {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass || flushing_) co_return;
  flushing_ = true;
  const raft::Time patience = room_patience();
  const Offset end = log_->end_offset().value();
  Status synced = co_await log_->flush();
  while (!synced && passes(synced.error().code) && !leaving_) {
    if (!co_await make_room(synced.error().code)) {
      co_await runtime::sleep_for(executor_, kRetryAfter);
      if (now() >= patience) post_input([this] { raft_->resign(now()); });
    }
    synced = co_await log_->flush();
  }
  flushing_ = false;
  if (synced) {
    flushed_ = std::max(flushed_.value_or(0), end);
  } else if (!closing_ && !(leaving_ && passes(synced.error().code))) {
    fail_with(std::move(synced.error()).within("sync of the metadata log"));
  }
  flush_ended_.notify_all();
  wake_.notify_all();
}

Task<Status> MetadataQuorum::truncate(Offset offset) {
  co_await idle_flush();
  CO_TRY(co_await log_->truncate_to(offset));
  ++stats_.truncations;
  flushed_ = log_->end_offset().value();
  co_return Status();
}

Task<Status> MetadataQuorum::write_snapshot_chunk(raft::WriteSnapshotChunk chunk) {
  const Slice bytes = joined(chunk.bytes);
  const auto before = std::exchange(incoming_snapshot_, chunk.snapshot);
  co_return co_await patiently([&]() -> Status {
    if (before && *before != chunk.snapshot) TRY(remove_partial(world_.disk(), options_.directory, *before));
    return write_partial(world_.disk(), options_.directory, chunk.snapshot, chunk.position, bytes);
  });
}

Task<Status> MetadataQuorum::install_snapshot(raft::OffsetAndEpoch id) {
  co_await idle_flush();
  incoming_snapshot_.reset();
  auto snapshot = co_await on_pool(Lane::background, [&, used = used_snapshots()]() -> Result<Snapshot> {
    auto finished = finish_partial(world_.disk(), options_.directory, id);
    if (finished) TRY(remove_older_snapshots(world_.disk(), options_.directory, used));
    return finished;
  });
  if (!snapshot && snapshot.error().code == Errc::corrupt) {  // on its way, or at the leader
    raft_->on_snapshot_refused(now());
    co_return co_await on_pool(Lane::background,
                               [&] { return remove_partial(world_.disk(), options_.directory, id); });
  }
  if (!snapshot) co_return fail(std::move(snapshot.error()));
  CO_TRY(co_await log_->truncate_fully_and_start_at(id.offset));
  view_->set_latest_snapshot(id);
  flushed_.reset();
  ++stats_.snapshots_installed;
  stats_.bytes_since_snapshot = 0;
  metadata::Delta delta = metadata::difference(*image_, snapshot->image);
  CO_TRY(publish(std::move(snapshot->image), std::move(delta)));
  raft_->on_snapshot_installed(snapshot->configuration, now());
  co_return Status();
}

Task<Status> MetadataQuorum::apply_to(Offset offset) {
  while (image_->end_offset() < offset) {
    auto read = co_await log_->read(image_->end_offset(), kReadBytes, offset, true);
    if (!read && passes(read.error().cause) && !leaving_) {
      co_await runtime::sleep_for(executor_, kRetryAfter);
      continue;
    }
    if (!read) co_return fail(read.error().cause, "read of the metadata log: " + read.error().message);
    if (read->batches.empty())
      co_return fail(Errc::corrupt,
                     "the metadata log has nothing at offset " + std::to_string(image_->end_offset()));
    const Slice batches = joined(read->batches);
    CO_TRY(apply(batches, read->next_offset, log_->epochs().epoch_of(read->next_offset - 1)));
  }
  if (snapshot_is_due()) snapshot_in_background().detach();
  co_return Status();
}

bool MetadataQuorum::snapshot_is_due() const {
  if (snapshotting_ || stats_.bytes_since_snapshot == 0) return false;
  return static_cast<std::int64_t>(stats_.bytes_since_snapshot) > options_.max_bytes_between_snapshots ||
         now() >= snapshot_time();
}

// When a snapshot is due although the log has not grown by much.
raft::Time MetadataQuorum::snapshot_time() const {
  if (snapshotting_ || stats_.bytes_since_snapshot == 0 || options_.max_snapshot_interval.count() == 0)
    return raft::Time::max();
  return first_unsaved_ + options_.max_snapshot_interval;
}

std::vector<raft::OffsetAndEpoch> MetadataQuorum::used_snapshots() const {
  std::vector<raft::OffsetAndEpoch> out;
  for (const auto& [id, last_read] : snapshot_reads_)
    if (now() - last_read < kSnapshotUse) out.push_back(id);
  return out;
}

Status MetadataQuorum::apply(ByteView batches, Offset end_offset, LeaderEpoch end_epoch) {
  const auto in_log = [&](Error error) {
    return fail(std::move(error).within(options_.directory + ", offsets " +
                                        std::to_string(image_->end_offset()) + " to " +
                                        std::to_string(end_offset)));
  };
  auto records = records_of(batches, image_->end_epoch());
  if (!records) return in_log(std::move(records.error()));
  auto applied = metadata::apply_records(*image_, *records);
  if (!applied) return in_log(std::move(applied.error()));
  stats_.records_applied += records->size();
  if (stats_.bytes_since_snapshot == 0) first_unsaved_ = now();
  stats_.bytes_since_snapshot += batches.size();
  return publish(applied->image.at(end_offset, end_epoch), std::move(applied->delta));
}

Status MetadataQuorum::publish(metadata::Image image, metadata::Delta delta) {
  if (!image.cluster_id().empty() && image.cluster_id() != options_.cluster_id)
    return fail(Errc::mismatch, options_.directory + " belongs to cluster " + image.cluster_id() + ", not " +
                                    options_.cluster_id);
  image_ = std::make_shared<const metadata::Image>(std::move(image));
  const Published published{image_, std::move(delta)};
  for (const auto& subscriber : subscribers_) subscriber(published);
  applied_.advance(image_->end_offset());
  return {};
}

Task<Status> MetadataQuorum::snapshot() {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass || snapshotting_) co_return fail(Errc::unavailable, "closing, or a snapshot is being written");
  snapshotting_ = true;
  Status status = co_await snapshot_now();
  snapshotting_ = false;
  co_return status;
}

Task<Status> MetadataQuorum::snapshot_now() {
  const std::shared_ptr<const metadata::Image> image = image_;
  const raft::OffsetAndEpoch id{image->end_offset(), image->end_epoch()};
  if (id.offset <= view_->start().offset) co_return Status();
  stats_.bytes_since_snapshot = 0;
  const raft::Configuration configuration = raft_->configuration_before(id.offset);
  CO_TRY(co_await on_pool(Lane::background, [this, image, &configuration, now_ms = wall_ms()] {
    return write_snapshot(world_.disk(), options_.directory, *image, configuration, now_ms);
  }));
  ++stats_.snapshots_written;
  if (id.offset <= view_->start().offset) co_return Status();  // a newer one was installed meanwhile
  CO_TRY(log_->roll(wall_ms()));
  if (const auto cut = log_->set_log_start_offset(id.offset); !cut)
    co_return fail(cut.error().cause, cut.error().message);
  view_->set_latest_snapshot(id);
  raft_->on_log_start_moved();
  const auto dropped = co_await log_->run_retention(wall_ms(), id.offset);
  if (!dropped) co_return fail(dropped.error());
  co_return co_await on_pool(Lane::background, [this, used = used_snapshots()] {
    return remove_older_snapshots(world_.disk(), options_.directory, used);
  });
}

Task<void> MetadataQuorum::snapshot_in_background() {
  // A snapshot that could not be written leaves the log longer: nothing is lost, and the next bytes try
  // again.
  (void)co_await snapshot();
}

}  // namespace moldau::quorum
