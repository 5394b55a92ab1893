// One replica on the simulated world: what was committed survives power loss at every point, damage is
// refused by name, snapshots replace the log's prefix.
#include <gtest/gtest.h>

#include <memory>

#include "quorum/metadata_quorum.h"
#include "quorum/snapshot_file.h"
#include "simulation/world.h"

namespace moldau::quorum {
namespace {

using metadata::Image;
using metadata::Record;
using runtime::Task;
using namespace std::chrono_literals;

const std::string kFolder = "/data/__cluster_metadata-0";

QuorumOptions options() {
  QuorumOptions out;
  out.directory = kFolder;
  out.self = {1, {0, 101}};
  out.cluster_id = "cluster";
  out.bootstrap = {metadata::ClusterIdRecord{"cluster"},
                   metadata::FeatureLevelRecord{"metadata.version", 30}};
  return out;
}

// The n-th change of a history: what exists tells which changes were applied.
std::vector<Record> change(std::uint64_t n) {
  const TopicId id{7, n + 1};
  std::vector<Record> out = {metadata::TopicRecord{"topic" + std::to_string(n), id}};
  for (PartitionIndex p = 0; p < static_cast<PartitionIndex>(1 + n % 3); ++p)
    out.push_back(
        metadata::PartitionRecord{.topic_id = id, .partition = p, .replicas = {1}, .isr = {1}, .leader = 1});
  return out;
}
// Whether the image is that of the first `n` changes for some n, and which.
std::optional<std::uint64_t> changes_in(const Image& image) {
  const std::uint64_t count = image.topic_count();
  for (std::uint64_t n = 0; n < count; ++n) {
    const metadata::Topic* topic = image.topic("topic" + std::to_string(n));
    if (!topic || topic->partition_count() != static_cast<std::int32_t>(1 + n % 3)) return std::nullopt;
  }
  return count;
}

class QuorumTest : public ::testing::Test {
 protected:
  explicit QuorumTest(std::uint64_t seed = 1) { begin(seed); }
  ~QuorumTest() override { close(); }

  void begin(std::uint64_t seed) {
    close();
    world_ = std::make_unique<simulation::World>(seed);
    // The data folder is its owner's: there, and durable, before the quorum starts.
    EXPECT_TRUE(world_->disk().create_directories("/data") && world_->disk().sync_directory("/"));
    acknowledged_ = submitted_ = 0;
  }
  Status open(QuorumOptions options = quorum::options()) {
    auto opened = world_->run(MetadataQuorum::open(*world_, 0, std::move(options)));
    if (!opened) return fail(std::move(opened.error()));
    quorum_ = std::move(*opened);
    return {};
  }
  bool active() { return world_->run(quorum_->becomes_active(world_->shard(0).now() + 60s)); }
  void close() {
    if (quorum_) (void)world_->run(quorum_->close());
    quorum_.reset();
  }
  void power_loss() {
    world_->power_loss();
    close();
    world_->restart();
  }
  Result<Offset> submit(std::vector<Record> records) {
    return world_->run(quorum_->submit(std::move(records)));
  }

  // Submits the next change in the background and counts its acknowledgement.
  void start_change() { submit_change(*quorum_, submitted_++, acknowledged_).detach(); }
  static Task<void> submit_change(MetadataQuorum& quorum, std::uint64_t n, std::uint64_t& acknowledged) {
    if (co_await quorum.submit(change(n))) acknowledged = std::max(acknowledged, n + 1);
  }
  // What the folder says after a restart: everything acknowledged and nothing that was never submitted.
  void expect_nothing_lost(const std::string& when) {
    const Status opened = open();
    ASSERT_TRUE(opened) << when << ": " << opened.error().message;
    ASSERT_TRUE(active()) << when << (quorum_->failure() ? quorum_->failure()->message : "");
    const auto changes = changes_in(*quorum_->image());
    ASSERT_TRUE(changes) << when;
    EXPECT_GE(*changes, acknowledged_) << when;
    EXPECT_LE(*changes, submitted_) << when;
    EXPECT_EQ(quorum_->image()->cluster_id(), "cluster");
  }
  std::string message_of_refusal() {
    const Status opened = open();
    if (!opened) return opened.error().message;
    const bool works = active();
    const std::string message = quorum_->failure() ? quorum_->failure()->message
                                : works            ? "(works)"
                                                   : "(hangs)";
    close();
    return message;
  }
  std::vector<std::string> files_like(std::string_view part) {
    std::vector<std::string> out;
    for (const std::string& file : world_->drive().files())
      if (file.find(part) != std::string::npos) out.push_back(file);
    return out;
  }

  std::unique_ptr<simulation::World> world_;
  std::unique_ptr<MetadataQuorum> quorum_;
  std::uint64_t submitted_ = 0;
  std::uint64_t acknowledged_ = 0;
};

TEST_F(QuorumTest, StartsOnAnEmptyFolderAndWritesTheFirstRecords) {
  ASSERT_TRUE(open());
  EXPECT_FALSE(quorum_->is_active());
  EXPECT_FALSE(quorum_->submit({}).ended() && quorum_->is_active());
  ASSERT_TRUE(active());
  EXPECT_EQ(quorum_->image()->cluster_id(), "cluster");
  EXPECT_EQ(quorum_->image()->feature_level("metadata.version"), 30);
  EXPECT_EQ(quorum_->leader_id(), 1);
  EXPECT_EQ(quorum_->leader_epoch(), 1);
  EXPECT_EQ(quorum_->next_offset(), 3);  // leader change and two records
  EXPECT_EQ(quorum_->high_watermark(), 3);
  const QuorumDescription description = quorum_->describe();
  ASSERT_EQ(description.voters.size(), 1u);
  EXPECT_EQ(description.voters[0].log_end_offset, 3);
  EXPECT_NE(description.voters[0].last_fetch_ms, kNoTimestamp);
}

TEST_F(QuorumTest, ASubmittedChangeIsCommittedDurableAndPublished) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  std::vector<Published> seen;
  quorum_->subscribe([&](const Published& published) { seen.push_back(published); });
  const Offset first = quorum_->next_offset();
  const auto end = submit(change(0));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(*end, first + 2);
  EXPECT_EQ(quorum_->image()->end_offset(), *end);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].delta.created_topics.size(), 1u);
  EXPECT_NE(seen[0].image->topic("topic0"), nullptr);
  EXPECT_EQ(*submit({}), *end);
  world_->drive().power_loss_options().torn_sector = 1;
  power_loss();
  acknowledged_ = submitted_ = 1;
  expect_nothing_lost("after power loss");
}

TEST_F(QuorumTest, RA_17_WhatIsNotCommittedIsSeenOnlyByTheLeadersImage) {  // RA-17, I-R14
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  start_change();
  EXPECT_NE(quorum_->leader_image().topic("topic0"), nullptr);
  EXPECT_EQ(quorum_->image()->topic("topic0"), nullptr);
  start_change();
  ASSERT_TRUE(submit({}));  // an answer from the leader's image waits for what it was judged by
  EXPECT_EQ(acknowledged_, 2u);
  EXPECT_NE(quorum_->image()->topic("topic1"), nullptr);
}

TEST_F(QuorumTest, ChangesThatArriveTogetherShareABatch) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  const auto before = quorum_->stats().batches_written;
  for (int i = 0; i < 200; ++i) start_change();
  ASSERT_TRUE(submit({}));
  EXPECT_EQ(acknowledged_, 200u);
  EXPECT_LE(quorum_->stats().batches_written - before, 3u);
}

TEST_F(QuorumTest, RA_16_RecordsThatDoNotFitAreRefusedAndHarmNothing) {  // RA-16
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  ASSERT_TRUE(submit(change(0)));
  const auto twice = submit(change(0));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().code, Errc::corrupt);
  start_change();
  submitted_ = 1;
  const auto beside_uncommitted = submit(change(0));
  EXPECT_FALSE(beside_uncommitted);
  ASSERT_TRUE(submit(change(1)));
  EXPECT_EQ(quorum_->failure(), nullptr);
}

TEST_F(QuorumTest, OversizedChangesAreRefused) {
  QuorumOptions small = options();
  small.max_batch_bytes = 1000;
  ASSERT_TRUE(open(small));
  ASSERT_TRUE(active());
  const auto refused =
      submit({metadata::ConfigRecord{{metadata::ResourceType::broker, ""}, "k", std::string(2000, 'x')}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::too_large);
  EXPECT_NE(refused.error().message.find("1000"), std::string::npos);
  EXPECT_TRUE(submit(change(0)));
}

TEST_F(QuorumTest, RA_22_ARestartGivesTheSameImage) {
  for (const bool orderly : {true, false}) {
    begin(5);
    ASSERT_TRUE(open());
    ASSERT_TRUE(active());
    for (int i = 0; i < 20; ++i) start_change();
    ASSERT_TRUE(submit({}));
    const auto before = quorum_->image();
    orderly ? close() : power_loss();
    ASSERT_TRUE(open());
    ASSERT_TRUE(active());
    EXPECT_TRUE(quorum_->image()->same_state(*before));
    EXPECT_EQ(quorum_->leader_epoch(), 2);
  }
}

TEST_F(QuorumTest, RA_02_RA_15_RA_23_PowerLossAtAnyPointLosesNothingThatWasAcknowledged) {  // I-R8
  for (std::uint64_t point = 1; point <= 150; ++point) {
    begin(point);
    ASSERT_TRUE(open());
    ASSERT_TRUE(active());
    world_->drive().crash_after(point);
    for (int round = 0; round < 40; ++round) {
      for (std::uint64_t n = world_->random().below(4); n > 0; --n) start_change();
      world_->run_for(std::chrono::milliseconds(world_->random().below(10)));
    }
    world_->drive().no_crash();
    power_loss();
    expect_nothing_lost("crash point " + std::to_string(point));
    if (HasFailure()) return;
    // And once more, right after the recovery.
    power_loss();
    expect_nothing_lost("second loss after crash point " + std::to_string(point));
    if (HasFailure()) return;
  }
}

TEST_F(QuorumTest, PowerLossDuringTheFirstStartIsHarmless) {
  for (std::uint64_t point = 1; point <= 40; ++point) {
    begin(point);
    world_->drive().crash_after(point);
    if (open()) world_->run_for(1s);
    world_->drive().no_crash();
    power_loss();
    expect_nothing_lost("crash point " + std::to_string(point));
    if (HasFailure()) return;
  }
}

TEST_F(QuorumTest, RA_09_RA_10_PowerLossAroundSnapshotsIsHarmless) {  // RA-09, RA-10
  QuorumOptions often = options();
  often.max_bytes_between_snapshots = 600;
  for (std::uint64_t point = 1; point <= 150; ++point) {
    begin(point);
    ASSERT_TRUE(open(often));
    ASSERT_TRUE(active());
    world_->drive().crash_after(point);
    for (int round = 0; round < 30; ++round) {
      start_change();
      world_->run_for(std::chrono::milliseconds(world_->random().below(10)));
    }
    world_->drive().no_crash();
    power_loss();
    expect_nothing_lost("crash point " + std::to_string(point));
    if (HasFailure()) return;
  }
}

TEST_F(QuorumTest, SnapshotsReplaceTheLogsPrefix) {
  QuorumOptions often = options();
  often.max_bytes_between_snapshots = 2000;
  ASSERT_TRUE(open(often));
  ASSERT_TRUE(active());
  for (int i = 0; i < 100; ++i) {
    start_change();
    world_->run_for(20ms);
  }
  ASSERT_TRUE(submit({}));
  world_->run_for(1s);
  EXPECT_GT(quorum_->stats().snapshots_written, 3u);
  EXPECT_EQ(files_like(".checkpoint").size(), 2u);  // the newest, and one that somebody may be fetching
  EXPECT_LE(files_like(".log").size(), 2u);
  const auto before = quorum_->image();
  close();
  ASSERT_TRUE(open(often));
  EXPECT_GT(quorum_->image()->topic_count(), 50u);  // from the snapshot, before any election
  ASSERT_TRUE(active());
  EXPECT_TRUE(quorum_->image()->same_state(*before));
  EXPECT_LT(quorum_->stats().records_applied, 150u);
}

TEST_F(QuorumTest, ASnapshotIsWrittenAfterAWhileEvenOfLittle) {
  QuorumOptions hourly = options();
  hourly.max_snapshot_interval = 60s;
  ASSERT_TRUE(open(hourly));
  ASSERT_TRUE(active());
  ASSERT_TRUE(submit(change(0)));
  world_->run_for(50s);
  EXPECT_EQ(quorum_->stats().snapshots_written, 0u);
  world_->run_for(15s);
  EXPECT_EQ(quorum_->stats().snapshots_written, 1u);
  world_->run_for(600s);  // nothing new
  EXPECT_EQ(quorum_->stats().snapshots_written, 1u);
}

TEST_F(QuorumTest, RecordsMayWaitForMore) {
  QuorumOptions lingering = options();
  lingering.append_linger = 25ms;
  ASSERT_TRUE(open(lingering));
  ASSERT_TRUE(active());
  const std::uint64_t before = quorum_->stats().batches_written;
  start_change();
  world_->run_for(10ms);
  start_change();
  EXPECT_EQ(quorum_->stats().batches_written, before);
  world_->run_for(30ms);
  EXPECT_EQ(acknowledged_, 2u);
  EXPECT_EQ(quorum_->stats().batches_written, before + 1);
}

TEST_F(QuorumTest, ASnapshotAloneIsEnough) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  for (int i = 0; i < 5; ++i) start_change();
  ASSERT_TRUE(submit({}));
  ASSERT_TRUE(world_->run(quorum_->snapshot()));
  EXPECT_TRUE(world_->run(quorum_->snapshot()));  // nothing new: nothing written
  EXPECT_EQ(quorum_->stats().snapshots_written, 1u);
  close();
  ASSERT_TRUE(open());
  EXPECT_EQ(quorum_->image()->topic_count(), 5u);
  ASSERT_TRUE(active());
  ASSERT_TRUE(submit(change(5)));
}

// --- damage

TEST_F(QuorumTest, DamagedFilesAreRefusedByName) {
  const auto damaged = [&](std::string_view file, std::uint64_t seed) {
    begin(seed);
    EXPECT_TRUE(open());
    EXPECT_TRUE(active());
    for (int i = 0; i < 5; ++i) start_change();
    EXPECT_TRUE(submit({}));
    EXPECT_TRUE(world_->run(quorum_->snapshot()));
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(submit(change(submitted_++)));
    close();
    const auto found = files_like(file);
    EXPECT_EQ(found.size(), 1u) << file;
    if (found.empty()) return std::string();
    const auto size = world_->drive().contents(found[0])->size();
    world_->drive().flip_random_bit(found[0], 0, size);
    return message_of_refusal();
  };
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const std::string snapshot = damaged("1.checkpoint", seed);
    EXPECT_NE(snapshot.find(".checkpoint"), std::string::npos) << snapshot;
    const std::string log = damaged(".log", seed);  // after close(): also in the last batch
    EXPECT_NE(log.find(kFolder), std::string::npos) << log << ", seed " << seed;
    if (HasFailure()) return;
  }
  begin(1);
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  close();
  auto file = world_->disk().open(kFolder + "/quorum-state", runtime::OpenMode::read_write);
  ASSERT_TRUE(file && (*file)->write_at(0, as_bytes("[")));
  const std::string state = message_of_refusal();
  EXPECT_NE(state.find("quorum-state"), std::string::npos) << state;
}

TEST_F(QuorumTest, AMissingPartIsRefusedByName) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  ASSERT_TRUE(submit(change(0)));
  ASSERT_TRUE(world_->run(quorum_->snapshot()));
  ASSERT_TRUE(submit(change(1)));
  close();
  const auto saved = world_->drive().dump();
  ASSERT_TRUE(world_->disk().remove_file(kFolder + "/quorum-state"));
  EXPECT_NE(message_of_refusal().find("quorum-state"), std::string::npos);
  world_->kill();
  world_->drive().copy_from(saved);
  world_->restart();
  ASSERT_TRUE(world_->disk().remove_file(files_like("1.checkpoint").at(0)));
  EXPECT_NE(message_of_refusal().find("snapshot"), std::string::npos);
}

TEST_F(QuorumTest, AnotherClustersFolderIsRefused) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  close();
  QuorumOptions other = options();
  other.cluster_id = "other";
  ASSERT_TRUE(open(other));
  EXPECT_FALSE(active());
  ASSERT_NE(quorum_->failure(), nullptr);
  EXPECT_EQ(quorum_->failure()->code, Errc::mismatch);
  EXPECT_NE(quorum_->failure()->message.find("cluster"), std::string::npos);
}

TEST_F(QuorumTest, RA_18_AFailedSyncStopsTheNodeAndAcknowledgesNothing) {  // RA-18
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  ASSERT_TRUE(submit(change(0)));
  std::string told;
  quorum_->on_failure([&](const Error& error) { told = error.message; });
  world_->drive().fail_next_sync(".log");
  const auto lost = submit(change(1));
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Errc::unavailable);
  ASSERT_NE(quorum_->failure(), nullptr);
  EXPECT_FALSE(told.empty());
  EXPECT_FALSE(quorum_->is_active());
  EXPECT_FALSE(submit(change(2)));
  EXPECT_FALSE(active());
}

TEST_F(QuorumTest, ClosingFailsWhoWaits) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(active());
  auto waiting = quorum_->submit(change(0));
  EXPECT_FALSE(waiting.ended());
  (void)world_->run(quorum_->close());
  ASSERT_TRUE(waiting.ended());
  EXPECT_FALSE(std::move(waiting).take());
  quorum_.reset();
}

// --- snapshot files

Image sample_image() {
  Image image;
  std::vector<Record> records = options().bootstrap;
  for (std::uint64_t n = 0; n < 300; ++n)
    for (Record& record : change(n)) records.push_back(std::move(record));
  return metadata::apply_records(image, records)->image.at(500, 7);
}

TEST(SnapshotFile, RoundTrips) {
  const Image image = sample_image();
  const Slice bytes = encode_snapshot(image, 1000);
  const auto decoded = decode_snapshot(bytes, {500, 7});
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_TRUE(decoded->image.same_state(image));
  EXPECT_EQ(decoded->image.end_offset(), 500);
  EXPECT_EQ(decoded->image.end_epoch(), 7);
}

TEST(SnapshotFile, AnyDamageIsSeen) {
  const Slice bytes = encode_snapshot(sample_image(), 1000);
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::byte> damaged(bytes.view().begin(), bytes.view().end());
    const std::size_t at = random.below(damaged.size());
    if (random.one_in(2)) {
      damaged.resize(at);
    } else {
      damaged[at] ^= static_cast<std::byte>(1U << random.below(8));
    }
    EXPECT_FALSE(decode_snapshot(damaged, {500, 7})) << at;
  }
  EXPECT_FALSE(decode_snapshot(bytes.cut(0, bytes.size() - 1), {500, 7}));
  EXPECT_FALSE(decode_snapshot({}, {500, 7}));
}

TEST(SnapshotFile, NamesAreKafkas) {
  EXPECT_EQ(snapshot_name({500, 7}), "00000000000000000500-0000000007.checkpoint");
  EXPECT_EQ(snapshot_of_name("00000000000000000500-0000000007.checkpoint"), (raft::OffsetAndEpoch{500, 7}));
  for (const char* bad :
       {"", "00000000000000000500-0000000007.checkpoint.part", "0000000000000000050-0000000007.checkpoint",
        "0000000000000000050x-0000000007.checkpoint", "leader-epoch-checkpoint"})
    EXPECT_FALSE(snapshot_of_name(bad)) << bad;
}

}  // namespace
}  // namespace moldau::quorum
