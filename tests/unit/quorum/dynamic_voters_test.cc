// Voters in the log (kraft.version 1): a cluster that begins with one node or three, grows, shrinks, and
// finds its voters again in log and snapshot.
#include "quorum/snapshot_file.h"
#include "quorum/voter_records.h"
#include "unit/quorum/net.h"

namespace moldau::quorum {
namespace {

using testing::Net;
using namespace std::chrono_literals;

class DynamicVoters : public ::testing::Test {
 protected:
  DynamicVoters() { net_.dynamic_ = true; }
  void form(NodeId first) {
    QuorumOptions options = net_.options(first);
    options.initial_voters = {net_.voter(first)};
    net_.start(first, options);
    ASSERT_EQ(net_.active(), first);
  }
  std::vector<NodeId> voters(NodeId at) {
    std::vector<NodeId> out;
    for (const raft::Voter& voter : net_.nodes_.at(at)->voters()) out.push_back(voter.key.id);
    return out;
  }
  bool runs_until(auto condition) { return net_.world_.run_until(condition, 60s); }

  Net net_{1};
};

TEST_F(DynamicVoters, AStandaloneNodeGrowsToThree) {
  form(1);
  net_.start(2);
  net_.start(3);
  ASSERT_TRUE(net_.submit(0));
  ASSERT_TRUE(net_.alike());
  EXPECT_EQ(net_.change(raft::AddVoterRequest{net_.voter(2), 5s}), raft::RaftError::none);
  EXPECT_EQ(net_.change(raft::AddVoterRequest{net_.voter(3), 5s}), raft::RaftError::none);
  EXPECT_EQ(voters(1), (std::vector<NodeId>{1, 2, 3}));
  ASSERT_TRUE(net_.submit(1));
  const QuorumDescription description = net_.nodes_.at(1)->describe();
  ASSERT_EQ(description.nodes.size(), 3u);
  EXPECT_EQ(description.nodes[2].endpoints, Net::endpoints(3));
  EXPECT_EQ(description.voters[1].key, net_.key(2));
  net_.stop(1);
  const NodeId next = net_.active();
  ASSERT_NE(next, kNoNode);
  ASSERT_TRUE(net_.submit(2));
  net_.start(1);  // without being told who votes: its log knows
  ASSERT_TRUE(net_.alike());
  EXPECT_EQ(voters(1), (std::vector<NodeId>{1, 2, 3}));
}

TEST_F(DynamicVoters, JoinByThemselvesWhereThatIsWished) {
  form(1);
  for (const NodeId id : {2, 3}) {
    QuorumOptions options = net_.options(id);
    options.auto_join = true;
    net_.start(id, options);
  }
  EXPECT_TRUE(runs_until([&] { return voters(1).size() == 3; }));
  ASSERT_TRUE(net_.submit(0));
  ASSERT_TRUE(net_.alike());
}

TEST_F(DynamicVoters, RA_12_AWipedVoterTakesItsOldPlaceAsANewOne) {
  form(1);
  for (const NodeId id : {2, 3}) {
    QuorumOptions options = net_.options(id);
    options.auto_join = true;
    net_.start(id, options);
  }
  ASSERT_TRUE(runs_until([&] { return voters(1).size() == 3; }));
  ASSERT_TRUE(net_.alike());
  const raft::ReplicaKey lost = net_.key(3);
  net_.stop(3);
  net_.directories_[3] = 999;
  QuorumOptions options = net_.options(3);
  options.directory = "/new/__cluster_metadata-0";
  options.auto_join = true;
  net_.start(3, options);
  EXPECT_FALSE(net_.nodes_.at(1)->voters().contains(net_.key(3)));
  EXPECT_TRUE(runs_until([&] { return net_.nodes_.at(1)->voters().contains(net_.key(3)); }));
  EXPECT_FALSE(net_.nodes_.at(1)->voters().contains(lost));
}

TEST_F(DynamicVoters, RA_14_TheActiveControllerIsRemoved) {
  form(1);
  net_.start(2);
  net_.start(3);
  ASSERT_TRUE(net_.alike());
  ASSERT_EQ(net_.change(raft::AddVoterRequest{net_.voter(2), 5s}), raft::RaftError::none);
  ASSERT_EQ(net_.change(raft::AddVoterRequest{net_.voter(3), 5s}), raft::RaftError::none);
  ASSERT_TRUE(net_.submit(0));
  ASSERT_EQ(net_.active(), 1);
  EXPECT_EQ(net_.change(raft::RemoveVoterRequest{net_.key(1)}), raft::RaftError::none);
  ASSERT_TRUE(runs_until([&] { return !net_.nodes_.at(1)->is_active() && net_.active() != kNoNode; }));
  ASSERT_TRUE(net_.submit(1));
  ASSERT_TRUE(net_.alike());  // it observes
  EXPECT_EQ(voters(net_.active()), (std::vector<NodeId>{2, 3}));
}

TEST_F(DynamicVoters, RecordsKeepTheOffsetsThatWerePromised) {
  form(1);
  net_.start(2);
  ASSERT_TRUE(net_.submit(0));
  ASSERT_TRUE(net_.alike());
  MetadataQuorum& quorum = *net_.nodes_.at(1);
  std::vector<runtime::Task<Result<Offset>>> submissions;
  std::vector<Offset> promised;
  const auto submit = [&](std::uint64_t n) {
    promised.push_back(quorum.next_offset() + 1);
    submissions.push_back(quorum.submit({metadata::TopicRecord{"p" + std::to_string(n), {8, n + 1}}}));
  };
  for (std::uint64_t n = 0; n < 5; ++n) submit(n);
  auto change = quorum.handle(raft::AddVoterRequest{net_.voter(2), 5s}, net_.world_.shard(0).now() + 10s);
  for (std::uint64_t n = 5; n < 40; ++n) {
    submit(n);
    net_.world_.run_for(std::chrono::microseconds(300));
  }
  ASSERT_TRUE(net_.world_.run_until([&] { return change.ended(); }, 30s));
  EXPECT_EQ(std::get<raft::VoterChangeResponse>(*std::move(change).take()).error, raft::RaftError::none);
  for (std::size_t i = 0; i < submissions.size(); ++i) {
    ASSERT_TRUE(net_.world_.run_until([&] { return submissions[i].ended(); }, 30s));
    EXPECT_EQ(*std::move(submissions[i]).take(), promised[i]);
  }
}

TEST_F(DynamicVoters, SnapshotsKnowTheVoters) {
  form(1);
  net_.start(2);
  ASSERT_TRUE(net_.alike());
  ASSERT_EQ(net_.change(raft::AddVoterRequest{net_.voter(2), 5s}), raft::RaftError::none);
  ASSERT_TRUE(net_.submit(0));
  ASSERT_TRUE(net_.alike());
  ASSERT_TRUE(net_.world_.run(net_.nodes_.at(1)->snapshot()));
  ASSERT_TRUE(net_.submit(1));
  net_.start(3);  // has it from the snapshot
  ASSERT_TRUE(net_.alike());
  EXPECT_EQ(voters(3), (std::vector<NodeId>{1, 2}));
  EXPECT_EQ(net_.nodes_.at(3)->kraft_version(), 1);
  net_.stop(3);
  net_.start(3);
  EXPECT_EQ(voters(3), (std::vector<NodeId>{1, 2}));
  net_.stop(1);
  net_.start(1);  // and so has who wrote it
  EXPECT_EQ(voters(1), (std::vector<NodeId>{1, 2}));
}

TEST_F(DynamicVoters, AFolderMayBeFormattedWithThem) {
  const raft::VoterSet initial({net_.voter(1), net_.voter(2), net_.voter(3)});
  for (NodeId id = 1; id <= 3; ++id) {
    ASSERT_TRUE(write_initial_voters(net_.world_.disk(), Net::folder(id), initial, 1));
    EXPECT_EQ(write_initial_voters(net_.world_.disk(), Net::folder(id), initial, 1).error().code,
              Errc::already_exists);
    net_.start(id);
  }
  ASSERT_NE(net_.active(), kNoNode);
  ASSERT_TRUE(net_.submit(0));
  ASSERT_TRUE(net_.alike());
  for (NodeId id = 1; id <= 3; ++id) EXPECT_EQ(voters(id), (std::vector<NodeId>{1, 2, 3}));
}

TEST_F(DynamicVoters, AVoterThatMovedIsFoundAgain) {
  form(1);
  net_.start(2);
  ASSERT_TRUE(net_.alike());
  ASSERT_EQ(net_.change(raft::AddVoterRequest{net_.voter(2), 5s}), raft::RaftError::none);
  net_.stop(2);
  QuorumOptions options = net_.options(2);
  options.self_endpoints[0].port = 19093;
  net_.start(2, options);
  EXPECT_TRUE(runs_until([&] {
    const raft::Voter* second = net_.nodes_.at(1)->voters().find(2);
    return second && second->endpoints[0].port == 19093;
  }));
}

TEST(VoterRecords, AreKafkas) {
  const raft::VoterSet voters({{{1, {0, 101}}, {{"CONTROLLER", "one", 9093}}, {0, 1}},
                               {{2, {0, 102}}, {{"CONTROLLER", "two", 9094}, {"INNER", "two", 1}}, {1, 1}}});
  const Slice batch = voters_batch(voters, 7, 1000, 5);
  record::BatchReader reader(batch);
  record::BatchView view;
  ASSERT_TRUE(reader.next(view));
  EXPECT_EQ(view.base_offset(), 5);
  EXPECT_EQ(view.partition_leader_epoch(), 7);
  const auto read = voter_record_of(view);
  ASSERT_TRUE(read && *read);
  EXPECT_EQ(std::get<raft::VoterSet>(**read), voters);
  const Slice version = kraft_version_batch(1, 7, 1000);
  record::BatchReader again(version);
  ASSERT_TRUE(again.next(view));
  EXPECT_EQ(std::get<std::int16_t>(**voter_record_of(view)), 1);
}

TEST(SnapshotFile, HasTheVoters) {
  const raft::VoterSet voters({{{1, {0, 101}}, {{"CONTROLLER", "one", 9093}}, {0, 1}}});
  const metadata::Image image = metadata::Image().at(500, 7);
  const Slice bytes = encode_snapshot(image, 1000, {1, voters});
  const auto snapshot = decode_snapshot(bytes, {500, 7});
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(snapshot->configuration, (raft::Configuration{1, voters}));
  EXPECT_EQ(decode_snapshot(encode_snapshot(image, 1000), {500, 7})->configuration, raft::Configuration());
}

TEST(SnapshotFile, TheNewestTwoAndThoseInUseAreKept) {
  simulation::World world(1);
  runtime::Disk& disk = world.disk();
  ASSERT_TRUE(disk.create_directories("/data"));
  std::vector<raft::OffsetAndEpoch> ids;
  for (const Offset offset : {10, 20, 30, 40}) {
    ids.push_back({offset, 1});
    ASSERT_TRUE(write_snapshot(disk, "/data", metadata::Image().at(offset, 1), {}, 1));
  }
  ASSERT_TRUE(write_partial(disk, "/data", {50, 1}, 0, as_bytes("x")));
  ASSERT_TRUE(remove_older_snapshots(disk, "/data", std::vector{ids[0]}));
  EXPECT_EQ(*list_snapshots(disk, "/data"), (std::vector{ids[0], ids[2], ids[3]}));
  EXPECT_TRUE(*disk.exists("/data/" + snapshot_name({50, 1}) + ".part"));
  ASSERT_TRUE(remove_partial_snapshots(disk, "/data"));
  EXPECT_FALSE(*disk.exists("/data/" + snapshot_name({50, 1}) + ".part"));
}

}  // namespace
}  // namespace moldau::quorum
