// A commit log on the simulated disk, and a model of what was appended to it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "simulation/world.h"
#include "storage/commit_log.h"

namespace moldau::storage::testing {

using Position = CommitLog::Position;

inline const std::string kFolder = "/data";
inline const std::string kCommitLogPath = "/data/commit-log-0";

// Counts what a participant is told.
struct Listener final : CommitLog::Participant {
  int durable_calls = 0;
  int poisoned_calls = 0;
  Position durable_up_to = 0;
  void on_durable(Position up_to) override {
    ++durable_calls;
    EXPECT_GE(up_to, durable_up_to);
    durable_up_to = up_to;
  }
  void on_poisoned(const Error&) override { ++poisoned_calls; }
};

inline CommitLogOptions small_options() {
  return {.capacity_bytes = 256 << 10,
          .buffer_bytes = 32 << 10,
          .retained_buffer_bytes = 64 << 10,
          .max_unsynced_bytes = 64 << 10,
          .reserve_step_bytes = 64 << 10,
          .prewrite_step_bytes = 16 << 10,
          .file_id = 7};
}

inline constexpr TopicId kTopic{11, 22};

// The i-th entry ever appended: its offset is i, its bytes follow from i and its size.
inline std::vector<std::byte> payload(std::int64_t i, std::size_t size) {
  std::vector<std::byte> bytes(size);
  Random random(static_cast<std::uint64_t>(i) + 1);
  random.fill(bytes);
  return bytes;
}

struct Model {
  struct Appended {
    std::size_t size;
    PartitionIndex partition;
    Position end;
  };
  std::vector<Appended> appended;
  std::size_t durable = 0;  // so many of them were reported durable
  std::size_t cleaned = 0;  // so many of them were given up by clean()

  // What a replay found is a run of them, without a gap, that holds all that must be there.
  void check(const std::vector<std::int64_t>& seen) const {
    const auto count = static_cast<std::int64_t>(appended.size());
    if (seen.empty()) {
      EXPECT_GE(cleaned, durable) << "acknowledged entries are missing";
      return;
    }
    for (std::size_t i = 1; i < seen.size(); ++i) EXPECT_EQ(seen[i], seen[i - 1] + 1);
    EXPECT_LE(seen.front(), static_cast<std::int64_t>(cleaned));
    EXPECT_GE(seen.back() + 1, static_cast<std::int64_t>(durable));
    EXPECT_LT(seen.back(), count);
  }
  void cut_after(const std::vector<std::int64_t>& seen) {
    appended.resize(seen.empty() ? cleaned : static_cast<std::size_t>(seen.back()) + 1);
    durable = appended.size();
    // What a replay has seen again is needed again.
    if (!seen.empty()) cleaned = static_cast<std::size_t>(seen.front());
  }
};

class CommitLogHarness {
 public:
  explicit CommitLogHarness(simulation::World& world, CommitLogOptions options = small_options())
      : world_(world), options_(options) {}
  ~CommitLogHarness() { static_cast<void>(close()); }

  Status open() {
    if (auto made = world_.disk().create_directories(kFolder); !made) return made;
    auto opened =
        world_.run(CommitLog::open(world_.shard(0), world_.pool(), world_.disk(), kCommitLogPath, options_));
    if (!opened) return fail(opened.error());
    log_ = std::move(*opened);
    return {};
  }

  // Opens and replays; the entries seen, whose bytes are checked against the model's sizes.
  Result<std::vector<std::int64_t>> open_and_replay(const Model& model) {
    TRY(open());
    std::vector<std::int64_t> seen;
    const CommitLog::Visit visit = [&](const CommitLog::Entry& entry, const Slice& batches,
                                       Position end) -> runtime::Task<Status> {
      check_entry(model, entry, batches, end);
      seen.push_back(entry.offset);
      co_return Status();
    };
    TRY(world_.run(log_->replay(visit)));
    return seen;
  }

  Result<CommitLog::Appended> append(Model& model, std::size_t size, PartitionIndex partition) {
    const auto i = static_cast<std::int64_t>(model.appended.size());
    const auto bytes = payload(i, size);
    auto appended = log_->append(
        {.topic_id = kTopic, .partition = partition, .leader_epoch = 3, .offset = i, .batches = bytes},
        listener_);
    if (!appended) return appended;
    EXPECT_TRUE(equal(appended->batches, bytes));
    model.appended.push_back({size, partition, appended->end});
    return appended;
  }

  // Appends, waiting for space as long as that helps; false once the log is poisoned.
  bool append_patiently(Model& model, std::size_t size, PartitionIndex partition) {
    for (int tries = 0; tries < 1000; ++tries) {
      const auto appended = append(model, size, partition);
      if (appended) return true;
      if (log_->poisoned() != nullptr || appended.error().code != Errc::unavailable) return false;
      note_durable(model);
      clean(model, model.durable);
      world_.run(log_->wait_for_space());
    }
    ADD_FAILURE() << "no space came";
    return false;
  }

  bool sync(Model& model) {
    const bool reached = model.appended.empty() ||
                         world_.run(log_->durable().reaches(world_.shard(0), model.appended.back().end));
    note_durable(model);
    return reached;
  }

  void note_durable(Model& model) {
    const Position durable = log_->durable().value();
    while (model.durable < model.appended.size() && model.appended[model.durable].end <= durable)
      ++model.durable;
  }

  // The first `count` entries are in segments now.
  void clean(Model& model, std::size_t count) {
    for (; model.cleaned < count; ++model.cleaned) {
      const auto& entry = model.appended[model.cleaned];
      log_->clean({kTopic, entry.partition}, entry.end);
    }
  }

  Status close() {
    if (!log_) return {};
    const Status closed = world_.run(log_->close());
    log_.reset();
    return closed;
  }
  // The process dies: what it has under way does not arrive.
  void kill() {
    world_.kill();
    log_->leave(listener_);
    listener_.durable_up_to = 0;
    static_cast<void>(world_.run(log_->close()));
    log_.reset();
    world_.restart();
  }

  CommitLog& log() { return *log_; }
  bool opened() const { return log_ != nullptr; }
  Listener& listener() { return listener_; }
  CommitLogOptions& options() { return options_; }

 private:
  static void check_entry(const Model& model, const CommitLog::Entry& entry, const Slice& batches,
                          Position end) {
    EXPECT_EQ(entry.topic_id, kTopic);
    EXPECT_EQ(entry.leader_epoch, 3);
    ASSERT_LT(entry.offset, static_cast<std::int64_t>(model.appended.size()));
    const auto& expected = model.appended[static_cast<std::size_t>(entry.offset)];
    EXPECT_EQ(entry.partition, expected.partition);
    EXPECT_EQ(end, expected.end);
    EXPECT_TRUE(equal(batches, payload(entry.offset, expected.size)));
    EXPECT_EQ(batches.data(), entry.batches.data());
  }

  simulation::World& world_;
  CommitLogOptions options_;
  Listener listener_;
  std::unique_ptr<CommitLog> log_;
};

}  // namespace moldau::storage::testing
