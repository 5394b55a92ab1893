// A data folder with its log manager on the simulated disk, opened and closed as a node does.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "storage/log_manager.h"
#include "unit/storage/log_fixture.h"

namespace moldau::storage::testing {

inline const std::string kManaged = "/srv/moldau";

class ManagerHarness {
 public:
  explicit ManagerHarness(simulation::World& world) : world_(world) {
    options.commit_log = {.capacity_bytes = 512 << 10,
                          .buffer_bytes = 32 << 10,
                          .retained_buffer_bytes = 64 << 10,
                          .max_unsynced_bytes = 128 << 10,
                          .reserve_step_bytes = 128 << 10,
                          .prewrite_step_bytes = 16 << 10,
                          .file_id = 7};
  }
  ~ManagerHarness() { static_cast<void>(close()); }

  Status open() {
    auto& disk = world_.disk();
    auto formatted = DataDirectory::format(disk, kManaged, "cluster", 1, {1, 2});
    if (!formatted && formatted.error().code != Errc::already_exists) return fail(formatted.error());
    ASSIGN_OR_RETURN(directory_, DataDirectory::open(disk, kManaged, {"cluster", 1}, {1, 2}));
    ASSIGN_OR_RETURN(recovery_points_, load("recovery-point-offset-checkpoint"));
    ASSIGN_OR_RETURN(log_starts_, load("log-start-offset-checkpoint"));
    ASSIGN_OR_RETURN(cleaner_offsets_, load(std::string(kCleanerCheckpoint)));
    LogManagerContext context{.executor = world_.shard(0),
                              .pool = world_.pool(),
                              .disk = disk,
                              .wall_clock = world_.wall_clock(),
                              .codecs = codecs_,
                              .random = random_,
                              .directory = *directory_,
                              .recovery_points = *recovery_points_,
                              .log_starts = *log_starts_,
                              .cleaner_offsets = cleaner_offsets_.get()};
    ASSIGN_OR_RETURN(manager_, world_.run(LogManager::open(context, options)));
    return {};
  }

  Status close() {
    Status status;
    if (manager_) status = world_.run(manager_->close());
    const bool opened = manager_ != nullptr;
    manager_.reset();
    if (opened && status) status = directory_->mark_clean(5);
    directory_.reset();
    recovery_points_.reset();
    log_starts_.reset();
    cleaner_offsets_.reset();
    return status;
  }

  // The process dies, with or without the machine.
  void die(bool power_loss) {
    power_loss ? world_.power_loss() : world_.kill();
    static_cast<void>(close());
    world_.restart();
  }

  Result<Log*> log(const std::string& topic, TopicId id, PartitionIndex partition = 0,
                   LogConfig config = {}) {
    return world_.run(manager_->find_or_create({topic, partition}, id, config));
  }

  // Appends `count` batches of one record and waits until they may be acknowledged; the end offset then.
  Offset append(Log& log, int count, std::size_t value_size = 100) {
    const auto first = log.end_offset().value();
    for (int i = 0; i < count; ++i) {
      const auto number = static_cast<int>(log.end_offset().value());
      const auto appended = log.append_as_leader(make_batch({.value_size = value_size}, number),
                                                 {.now_ms = world_.wall_clock().now_ms()});
      if (!appended) {
        EXPECT_EQ(appended.error().cause, Errc::unavailable) << appended.error().message;
        world_.run(manager_->commit_log().wait_for_space());
        --i;
      }
    }
    EXPECT_TRUE(world_.run(log.durable_end_offset().reaches(world_.shard(0), first + count)));
    return log.durable_end_offset().value();
  }

  // The log holds the records numbered [log start, end).
  void expect_records(Log& log, Offset end) {
    EXPECT_EQ(log.end_offset().value(), end) << log.identity().directory;
    for (Offset at = log.log_start_offset(); at < end;) {
      const auto read = world_.run(log.read(at, 1 << 20, end, true));
      if (!read && !world_.machine(0).running()) return;
      ASSERT_TRUE(read) << read.error().message;
      ASSERT_EQ(read->first_offset, at);
      for (const Slice& batches : read->batches) {
        record::BatchReader reader(batches);
        for (record::BatchView batch; reader.next(batch).value_or(false);) {
          EXPECT_EQ(batch.base_offset(), at);
          const std::string number = std::to_string(at);
          EXPECT_NE(as_text(batch.bytes()).find(number), std::string_view::npos) << at;
          at = batch.next_offset();
        }
      }
    }
  }

  std::vector<std::string> folders() {
    std::vector<std::string> names;
    for (const auto& entry : world_.disk().list(kManaged).value()) {
      if (entry.is_directory) names.push_back(entry.name);
    }
    return names;
  }

  LogManager& manager() { return *manager_; }
  bool opened() const { return manager_ != nullptr; }
  SharedCheckpoint& recovery_points() { return *recovery_points_; }
  SharedCheckpoint& log_starts() { return *log_starts_; }
  DataDirectory& directory() { return *directory_; }

  LogManagerOptions options;

 private:
  Result<std::unique_ptr<SharedCheckpoint>> load(const std::string& name) {
    return world_.run(
        SharedCheckpoint::load(world_.shard(0), world_.pool(), world_.disk(), kManaged + "/" + name));
  }

  simulation::World& world_;
  record::Codecs codecs_;
  Random random_{3};
  std::unique_ptr<DataDirectory> directory_;
  std::unique_ptr<SharedCheckpoint> recovery_points_;
  std::unique_ptr<SharedCheckpoint> log_starts_;
  std::unique_ptr<SharedCheckpoint> cleaner_offsets_;
  std::unique_ptr<LogManager> manager_;
};

}  // namespace moldau::storage::testing
