// What is done to the log and with what it holds.
#include "quorum/batches.h"
#include "quorum/metadata_quorum.h"
#include "quorum/snapshot_file.h"

namespace moldau::quorum {

using runtime::Lane;
using runtime::Task;

namespace {

constexpr std::size_t kReadBytes = 1 << 20;
constexpr auto kRetryAfter = std::chrono::milliseconds(100);

bool passes(Errc code) {
  return code == Errc::no_space || code == Errc::no_descriptors || code == Errc::unavailable;
}

Status to_status(const storage::LogResult<storage::AppendInfo>& appended) {
  if (appended) return {};
  return fail(appended.error().cause, "append to the metadata log: " + appended.error().message);
}

}  // namespace

// Nothing is appended while the batch before is not synced.
Task<void> MetadataQuorum::idle_flush() {
  while (flushing_) co_await flush_ended_.wait();
}

Task<Status> MetadataQuorum::append_as_leader(Slice batch, LeaderEpoch epoch) {
  co_await idle_flush();
  for (;;) {
    storage::AppendOptions options;
    options.leader_epoch = epoch;
    options.now_ms = wall_ms();
    options.origin = storage::AppendOrigin::raft_leader;
    const auto appended = log_->append_as_leader(batch, options);
    // A full disk: whoever waits goes on waiting until there is room again.
    if (appended || !passes(appended.error().cause) || closing_) CO_TRY(to_status(appended));
    if (appended) break;
    co_await runtime::sleep_for(executor_, kRetryAfter);
  }
  ++stats_.batches_written;
  progress_.notify_all();
  flush().detach();
  co_return Status();
}

Task<Status> MetadataQuorum::append_as_follower(Slice batches) {
  record::BatchReader reader(batches);
  for (record::BatchView batch;;) {
    CO_ASSIGN_OR_RETURN(const bool more, reader.next(batch));
    if (!more) co_return Status();
    co_await idle_flush();
    CO_TRY(to_status(log_->append_as_follower(batches.part(batch.bytes()), wall_ms())));
    ++stats_.batches_written;
    flush().detach();
  }
}

Task<void> MetadataQuorum::flush() {
  const runtime::Gate::Pass pass(tasks_);
  if (!pass || flushing_) co_return;
  flushing_ = true;
  const Offset end = log_->end_offset().value();
  Status synced = co_await log_->flush();
  while (!synced && passes(synced.error().code) && !closing_) {
    co_await runtime::sleep_for(executor_, kRetryAfter);
    synced = co_await log_->flush();
  }
  flushing_ = false;
  if (synced) {
    flushed_ = std::max(flushed_.value_or(0), end);
  } else if (!closing_) {
    fail_with(std::move(synced.error()).within("sync of the metadata log"));
  }
  flush_ended_.notify_all();
  wake_.notify_all();
}

Task<Status> MetadataQuorum::truncate(Offset offset) {
  co_await idle_flush();
  CO_TRY(co_await log_->truncate_to(offset));
  flushed_ = log_->end_offset().value();
  co_return Status();
}

Task<Status> MetadataQuorum::write_snapshot_chunk(raft::WriteSnapshotChunk chunk) {
  const Slice bytes = joined(chunk.bytes);
  co_return co_await on_pool(Lane::background, [&] {
    return write_partial(world_.disk(), options_.directory, chunk.snapshot, chunk.position, bytes);
  });
}

Task<Status> MetadataQuorum::install_snapshot(raft::OffsetAndEpoch id) {
  co_await idle_flush();
  auto image = co_await on_pool(Lane::background, [&]() -> Result<metadata::Image> {
    auto finished = finish_partial(world_.disk(), options_.directory, id);
    if (finished) TRY(remove_older_snapshots(world_.disk(), options_.directory, id));
    return finished;
  });
  if (!image) co_return fail(std::move(image.error()));
  CO_TRY(co_await log_->truncate_fully_and_start_at(id.offset));
  view_->set_latest_snapshot(id);
  flushed_.reset();
  metadata::Delta delta = metadata::difference(*image_, *image);
  co_return publish(std::move(*image), std::move(delta));
}

Task<Status> MetadataQuorum::apply_to(Offset offset) {
  while (image_->end_offset() < offset) {
    auto read = co_await log_->read(image_->end_offset(), kReadBytes, offset, true);
    if (!read) co_return fail(read.error().cause, "read of the metadata log: " + read.error().message);
    if (read->batches.empty())
      co_return fail(Errc::corrupt,
                     "the metadata log has nothing at offset " + std::to_string(image_->end_offset()));
    const Slice batches = joined(read->batches);
    CO_TRY(apply(batches, read->next_offset, log_->epochs().epoch_of(read->next_offset - 1)));
  }
  if (static_cast<std::int64_t>(stats_.bytes_since_snapshot) > options_.max_bytes_between_snapshots &&
      !snapshotting_)
    snapshot_in_background().detach();
  co_return Status();
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
  CO_TRY(co_await on_pool(Lane::background, [this, image, now_ms = wall_ms()] {
    return write_snapshot(world_.disk(), options_.directory, *image, now_ms);
  }));
  ++stats_.snapshots_written;
  if (id.offset <= view_->start().offset) co_return Status();  // a newer one was installed meanwhile
  CO_TRY(log_->roll(wall_ms()));
  if (const auto cut = log_->set_log_start_offset(id.offset); !cut)
    co_return fail(cut.error().cause, cut.error().message);
  view_->set_latest_snapshot(id);
  const auto dropped = co_await log_->run_retention(wall_ms(), id.offset);
  if (!dropped) co_return fail(dropped.error());
  co_return co_await on_pool(Lane::background,
                             [&] { return remove_older_snapshots(world_.disk(), options_.directory, id); });
}

Task<void> MetadataQuorum::snapshot_in_background() {
  // A snapshot that could not be written leaves the log longer: nothing is lost, and the next bytes try
  // again.
  (void)co_await snapshot();
}

}  // namespace moldau::quorum
