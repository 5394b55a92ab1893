#include "storage/commit_log.h"

#include "storage/commit_log_impl.h"

namespace moldau::storage {

using commit_format::FileHeader;
using commit_format::kBlock;

namespace {

constexpr std::uint64_t kMinCapacity = 16 * kBlock;

struct Opened {
  std::shared_ptr<CommitLogRing> ring;
  std::shared_ptr<CommitLogRing> ahead;  // for the first lap: the same file
  FileHeader header;
  std::uint64_t reserved = 0;
};

// The file appears under its name only when header and first part are on the device.
Status create_file(runtime::Disk& disk, const std::string& path, const CommitLogOptions& options) {
  const std::string temporary = path + ".tmp";
  const FileHeader header{
      .file_id = options.file_id,
      .capacity = std::max(options.capacity_bytes / kBlock * kBlock, kMinCapacity),
      .closed = true,  // with nothing in it
  };
  ASSIGN_OR_RETURN(auto file, disk.open(temporary, runtime::OpenMode::create));
  TRY(file->truncate(0));
  const std::uint64_t reserve = std::min(header.capacity, options.reserve_step_bytes);
  const Status reserved = file->allocate(0, commit_format::kRingOffset + reserve);
  if (!reserved && reserved.error().code != Errc::unsupported) return reserved;
  TRY(file->write_at(0, header.encode()));
  TRY(file->write_at(kBlock, header.encode()));
  TRY(file->sync_data());
  return disk.rename(temporary, path);
}

Result<Opened> open_file(runtime::Disk& disk, const std::string& path, const CommitLogOptions& options) {
  ASSIGN_OR_RETURN(const bool exists, disk.exists(path));
  if (!exists) TRY(create_file(disk, path, options));
  // Also of a file that is there: whoever made it may have been stopped before its name was durable.
  TRY(disk.sync_directory(runtime::directory_of(path)));
  ASSIGN_OR_RETURN(auto file, disk.open(path, runtime::OpenMode::read_write));
  ASSIGN_OR_RETURN(const FileHeader header, CommitLogRing::read_header(*file));
  auto ring = std::make_shared<CommitLogRing>(std::move(file), header.capacity);
  ASSIGN_OR_RETURN(const std::uint64_t reserved, ring->reserved());
  // The kernel reports a lost write once to each handle. With one for all, a sync of the first lap could take
  // the report that a round is waiting for.
  ASSIGN_OR_RETURN(auto second, disk.open(path, runtime::OpenMode::read_write));
  auto ahead = std::make_shared<CommitLogRing>(std::move(second), header.capacity);
  return Opened{std::move(ring), std::move(ahead), header, reserved};
}

}  // namespace

runtime::Task<Result<std::unique_ptr<CommitLog>>> CommitLog::open(runtime::Executor& executor,
                                                                  runtime::BlockingPool& pool,
                                                                  runtime::Disk& disk, std::string path,
                                                                  CommitLogOptions options) {
  CO_ASSIGN_OR_RETURN(auto opened, co_await pool.run(runtime::Lane::background, executor,
                                                     [&] { return open_file(disk, path, options); }));
  auto first_lap =
      std::make_shared<FirstLap>(executor, pool, std::move(opened.ahead), opened.reserved,
                                 FirstLap::Options{.reserve_step = options.reserve_step_bytes,
                                                   .prewrite_step = options.prewrite_step_bytes});
  auto impl = std::make_shared<Impl>(executor, pool, std::move(opened.ring), std::move(first_lap),
                                     opened.header, options);
  impl->start();
  co_return std::unique_ptr<CommitLog>(new CommitLog(std::move(impl)));
}

CommitLog::CommitLog(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
CommitLog::~CommitLog() = default;

runtime::Task<Status> CommitLog::replay(const Visit& visit) { return impl_->replay(visit); }
Result<CommitLog::Appended> CommitLog::append(const Entry& entry, Participant& participant) {
  return impl_->append(entry, participant);
}
runtime::Watermark& CommitLog::durable() { return impl_->durable(); }
CommitLog::Position CommitLog::end() const { return impl_->end(); }
void CommitLog::clean(const TopicIdPartition& partition, Position up_to) { impl_->clean(partition, up_to); }
void CommitLog::leave(Participant& participant) { impl_->leave(participant); }
void CommitLog::on_pressure(std::function<void(std::vector<TopicIdPartition>)> callback) {
  impl_->on_pressure(std::move(callback));
}
runtime::Task<void> CommitLog::wait_for_space(runtime::MonotonicTime deadline) {
  return impl_->wait_for_space(deadline);
}
runtime::Task<Status> CommitLog::close() { return impl_->close(); }
std::size_t CommitLog::max_batches_bytes() const { return impl_->max_batches_bytes(); }
std::uint64_t CommitLog::file_id() const { return impl_->file_id(); }
const Error* CommitLog::poisoned() const { return impl_->poisoned(); }
CommitLog::Stats CommitLog::stats() const { return impl_->stats(); }

}  // namespace moldau::storage
