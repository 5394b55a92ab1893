// doctor: every line that it may say, on brokers that advertise wrongly, on what is no broker, and on
// clusters that are set up so that they will cost somebody data or time.
#include "cli/doctor.h"

#include "unit/cli/scripted_cluster.h"

namespace moldau::cli {
namespace {

class Doctor : public ScriptedCluster {
 protected:
  Doctor() {
    for (const NodeId id : {1, 2, 3})
      broker_configs[id] = {{"default.replication.factor", "3"},
                            {"min.insync.replicas", "2"},
                            {"offsets.topic.replication.factor", "3"},
                            {"log.dirs", "/data"}};
    // As if nothing were wrong with one address for three brokers.
    brokers.erase(2);
    brokers.erase(3);
    voters.erase(2);
    voters.erase(3);
    for (auto& one : topics["t"]) one = {.leader = 1, .replicas = {1}, .isr = {1}};
    topic_configs["min.insync.replicas"] = "1";
    broker_configs[1]["default.replication.factor"] = "1";
    broker_configs[1]["min.insync.replicas"] = "1";
    broker_configs[1]["offsets.topic.replication.factor"] = "1";
    voters[1].caught_up = world.wall_clock().now_ms();
  }
  int doctor(std::vector<std::string> addresses = {}) {
    std::vector<std::string> words{"moldau", "doctor", "--format", "jsonl"};
    if (addresses.empty()) addresses = {broker.endpoint().to_string()};
    words.insert(words.end(), addresses.begin(), addresses.end());
    return run(std::move(words));
  }
  // The line about it, as JSON; empty when there is none.
  std::string line(std::string_view part) const {
    for (const std::string& one : split(out.text, '\n')) {
      if (one.contains(part)) return one;
    }
    return {};
  }
  bool says(std::string_view result, std::string_view part) const {
    return line(part).contains("\"result\":\"" + std::string(result) + "\"");
  }
};

TEST_F(Doctor, AHealthyNode) {
  EXPECT_EQ(doctor(), 0) << out.text << err.text;
  EXPECT_TRUE(says("ok", "cluster fake of 1 brokers"));
  EXPECT_TRUE(says("ok", "active controller"));
  EXPECT_TRUE(says("ok", "1 voter tolerates 0 failures"));
  EXPECT_TRUE(says("ok", "this machine and the controller agree"));
  EXPECT_TRUE(says("ok", "2 partitions, every replica in sync"));
  EXPECT_TRUE(says("ok", "fit the cluster")) << out.text;
  EXPECT_FALSE(printed("\"warn\"") || printed("\"fail\"")) << out.text;
}

TEST_F(Doctor, NobodyListens) {
  EXPECT_EQ(doctor({"127.0.0.1:9"}), 1);
  EXPECT_TRUE(says("fail", "127.0.0.1:9"));
  EXPECT_TRUE(line("127.0.0.1:9").contains("moldau start")) << out.text;
  EXPECT_EQ(doctor({"nonsense:port"}), 2);
}

TEST_F(Doctor, WhatIsNoBroker) {
  client::FakeBroker odd(world, fake, 8, 9900);
  const auto answers = [&](std::string_view bytes) {
    odd.hook = [bytes = Slice::copy_of(bytes)](const auto&) {
      return client::FakeBroker::Script{
          .kind = client::FakeBroker::Script::Kind::raw, .raw = bytes, .raw_frame = true};
    };
    doctor({odd.endpoint().to_string()});
    return line("9900");
  };
  EXPECT_TRUE(answers(std::string_view("\x15\x03\x03\x00\x02\x02\x28", 7)).contains("answers in TLS"))
      << out.text;
  EXPECT_TRUE(answers("HTTP/1.1 400 Bad Request\r\n\r\n").contains("answers in HTTP")) << out.text;
  EXPECT_TRUE(answers("SSH-2.0-OpenSSH_9.2\r\n").contains("SSH server")) << out.text;
  EXPECT_TRUE(answers("nonsense, and more of it").contains("what is no Kafka")) << out.text;
  using Kind = client::FakeBroker::Script::Kind;
  odd.hook = [](const auto&) { return client::FakeBroker::Script{.kind = Kind::drop_connection, .raw = {}}; };
  EXPECT_EQ(doctor({odd.endpoint().to_string()}), 1);
  EXPECT_TRUE(says("fail", "ends the connection without an answer")) << out.text;
  odd.hook = [](const auto&) { return client::FakeBroker::Script{.kind = Kind::never_answer, .raw = {}}; };
  EXPECT_EQ(doctor({odd.endpoint().to_string()}), 1);
  EXPECT_TRUE(says("fail", "says nothing within 3 s")) << out.text;
  world.run(odd.stop());
}

TEST_F(Doctor, AControllersPort) {
  broker.ranges.erase(wire::ApiKey::metadata);
  EXPECT_EQ(doctor(), 1);
  EXPECT_TRUE(says("fail", "\"metadata\""));
  EXPECT_TRUE(line("\"metadata\"").contains("clients connect to brokers")) << out.text;
}

TEST_F(Doctor, AdvertisedAddressesThatNobodyReaches) {
  broker.serves<wire::MetadataRequest, wire::MetadataResponse>([](const auto&) {
    wire::MetadataResponse response;
    response.cluster_id = "fake";
    response.controller_id = 1;
    response.brokers.push_back({1, "0.0.0.0", 9092});
    response.brokers.push_back({2, "0123456789ab", 9092});
    response.brokers.push_back({3, "127.0.0.1", 7});
    return response;
  });
  EXPECT_EQ(doctor(), 1);
  EXPECT_TRUE(line("broker 1 is advertised").contains("never where it is")) << out.text;
  EXPECT_TRUE(line("broker 2 is advertised").contains("container's id")) << out.text;
  EXPECT_TRUE(line("broker 3 is advertised").contains("advertised.listeners")) << out.text;
}

TEST_F(Doctor, AnAddressThatIsSomebodyElses) {
  client::FakeCluster other_cluster;
  client::FakeBroker other(world, other_cluster, 2, 9901);
  other.serves<wire::MetadataRequest, wire::MetadataResponse>([](const auto&) {
    wire::MetadataResponse response;
    response.cluster_id = "another";
    return response;
  });
  other.serves<wire::DescribeConfigsRequest, wire::DescribeConfigsResponse>([](const auto& request) {
    wire::DescribeConfigsResponse response;
    response.results.push_back({.error_code = wire::ErrorCode::invalid_request,
                                .error_message = "Unexpected broker id, expected 7 but received " +
                                                 request.resources.front().resource_name});
    return response;
  });
  broker.serves<wire::MetadataRequest, wire::MetadataResponse>([this](const auto&) {
    wire::MetadataResponse response;
    response.cluster_id = "fake";
    response.controller_id = 1;
    response.brokers.push_back({1, "127.0.0.1", broker.endpoint().port});
    response.brokers.push_back({2, "127.0.0.1", 9901});
    response.brokers.push_back({3, "127.0.0.1", 9901});
    return response;
  });
  EXPECT_EQ(doctor(), 1);
  EXPECT_TRUE(says("fail", "belongs to cluster another, not to fake")) << out.text;
  EXPECT_TRUE(says("fail", "expected 7 but received 2")) << out.text;
  EXPECT_TRUE(says("fail", "brokers 2 and 3 advertise the same address")) << out.text;
  world.run(other.stop());
}

TEST_F(Doctor, BootstrapAddressesOfTwoClusters) {
  client::FakeCluster other_cluster;
  client::FakeBroker other(world, other_cluster, 2, 9902);
  other.serves<wire::MetadataRequest, wire::MetadataResponse>([](const auto&) {
    wire::MetadataResponse response;
    response.cluster_id = "another";
    return response;
  });
  EXPECT_EQ(doctor({broker.endpoint().to_string(), other.endpoint().to_string()}), 1);
  EXPECT_TRUE(says("fail", "belongs to cluster another, not to fake")) << out.text;
  world.run(other.stop());
}

// --- what is judged without a network

ClusterView view_of(std::size_t brokers, std::size_t voters) {
  ClusterView view;
  view.cluster.controller = 1;
  view.quorum.emplace();
  view.quorum->leader = 1;
  for (std::size_t i = 1; i <= brokers; ++i) view.cluster.brokers.push_back({.id = static_cast<NodeId>(i)});
  for (std::size_t i = 1; i <= voters; ++i)
    view.quorum->voters.push_back(
        {.id = static_cast<NodeId>(i), .log_end_offset = 9, .last_caught_up = 1000});
  return view;
}

bool finds(const Findings& findings, Finding::Result result, std::string_view part) {
  return std::ranges::any_of(
      findings.all(), [&](const Finding& one) { return one.result == result && one.detail.contains(part); });
}

constexpr auto kOk = Finding::Result::ok, kWarn = Finding::Result::warn, kFail = Finding::Result::fail;

TEST(DoctorJudges, TheNumberOfVoters) {
  const auto judged = [](std::size_t brokers, std::size_t voters) {
    Findings findings;
    examine_cluster(view_of(brokers, voters), 1000, findings);
    return findings;
  };
  EXPECT_TRUE(finds(judged(2, 2), kWarn, "2 voters tolerate 0 failures"));
  EXPECT_TRUE(finds(judged(4, 4), kWarn, "4 voters tolerate 1 failure"));
  EXPECT_TRUE(finds(judged(3, 1), kWarn, "without it nothing can be changed"));
  EXPECT_TRUE(finds(judged(3, 3), kOk, "3 voters tolerate 1 failure"));
  EXPECT_TRUE(finds(judged(5, 5), kOk, "5 voters tolerate 2 failures"));
}

TEST(DoctorJudges, WhoIsNotThere) {
  ClusterView view = view_of(3, 3);
  view.cluster.brokers[2].fenced = true;
  view.quorum->voters[2].last_caught_up = -1;
  view.quorum->voters[1].last_caught_up = 1000 - kVoterIsBehindMs;
  Findings findings;
  examine_cluster(view, 1000, findings);
  EXPECT_TRUE(finds(findings, kFail, "registered and not in service"));
  EXPECT_EQ(std::ranges::count(findings.all(), kWarn, &Finding::result), 2) << "both voters";
  view.cluster.controller = kNoNode;
  Findings without;
  examine_cluster(view, 1000, without);
  EXPECT_TRUE(finds(without, kFail, "no active controller"));
}

TEST(DoctorJudges, Clocks) {
  Findings findings;
  examine_cluster(view_of(1, 1), 1000 + 61'000, findings);
  EXPECT_TRUE(finds(findings, kWarn, "61 s ahead of the controller's"));
  Findings behind;
  examine_cluster(view_of(1, 1), 1000 - 3'000, behind);
  EXPECT_TRUE(finds(behind, kWarn, "3 s behind the controller's"));
}

TEST(DoctorJudges, Partitions) {
  ClusterView view = view_of(3, 3);
  view.min_isr["t"] = 2;
  view.topics.push_back({.name = "t"});
  view.topics[0].partitions = {{.index = 0, .leader = -1, .replicas = {1, 2, 3}},
                               {.index = 1, .leader = 1, .replicas = {1, 2, 3}, .isr = {1}},
                               {.index = 2, .leader = 1, .replicas = {1, 2, 3}, .isr = {1, 2}}};
  Findings findings;
  examine_cluster(view, 1000, findings);
  EXPECT_TRUE(finds(findings, kFail, "1 partition without a leader: t/0"));
  EXPECT_TRUE(finds(findings, kFail, "1 partition refuse acks=all: t/1"));
  EXPECT_TRUE(finds(findings, kWarn, "not in sync: t/2"));
}

TEST(DoctorJudges, Configs) {
  const auto judged = [](std::map<std::string, std::string, std::less<>> configs, std::size_t brokers) {
    Findings findings;
    examine_configs({{1, std::move(configs)}}, brokers, findings);
    return findings;
  };
  EXPECT_TRUE(finds(judged({{"offsets.topic.replication.factor", "3"}}, 1), kFail,
                    "__consumer_offsets cannot be created"));
  EXPECT_TRUE(
      finds(judged({{"offsets.topic.replication.factor", "1"}}, 3), kWarn, "the loss of one broker loses"));
  EXPECT_TRUE(
      finds(judged({{"transaction.state.log.replication.factor", "3"}}, 2), kFail, "__transaction_state"));
  const auto new_topics = [&](const char* factor, const char* least, std::size_t brokers) {
    return judged({{"default.replication.factor", factor}, {"min.insync.replicas", least}}, brokers);
  };
  EXPECT_TRUE(finds(new_topics("1", "2", 3), kFail, "refuse every acks=all"));
  EXPECT_TRUE(finds(new_topics("3", "3", 3), kWarn, "the loss of one replica stops acks=all"));
  EXPECT_TRUE(finds(new_topics("1", "1", 3), kWarn, "one copy of each record"));
  EXPECT_TRUE(finds(new_topics("3", "1", 3), kWarn, "acks=all may mean one copy"));
  EXPECT_TRUE(finds(new_topics("3", "2", 3), kOk, "fit the cluster"));
  EXPECT_TRUE(finds(new_topics("1", "1", 1), kOk, "fit the cluster"));
  EXPECT_TRUE(finds(judged({{"log.dirs", "/tmp/kafka-logs"}}, 1), kWarn, "gone after a reboot"));
}

}  // namespace
}  // namespace moldau::cli
