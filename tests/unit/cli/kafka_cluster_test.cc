// Kafka's tools about a cluster, on a scripted one: the very lines that Apache Kafka 4.3's own print.
#include "unit/cli/scripted_cluster.h"

namespace moldau::cli {
namespace {

using KafkaClusterTools = ScriptedCluster;

constexpr std::string_view kMoveFile =
    R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2,4]},{"topic":"t","partition":1,"replicas":[2,3,4],"log_dirs":["any","any","any"]}]})";

TEST_F(KafkaClusterTools, ReassignExecuteShowsHowToRollBackAndStarts) {
  brokers[4] = {};
  files["/project/move.json"] = kMoveFile;
  EXPECT_EQ(kafka({"kafka-reassign-partitions.sh", "--execute", "--reassignment-json-file", "move.json"}), 0)
      << out.text << err.text;
  EXPECT_EQ(
      out.text,
      "Current partition replica assignment\n\n"
      R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,2,3],"log_dirs":["any","any","any"]},)"
      R"({"topic":"t","partition":1,"replicas":[2,3,1],"log_dirs":["any","any","any"]}]})"
      "\n\nSave this to use as the --reassignment-json-file option during rollback\n"
      "Successfully started partition reassignments for t-0,t-1\n");
  EXPECT_EQ(partition("t", 0).replicas, (std::vector<NodeId>{1, 2, 4}));
  EXPECT_TRUE(changed_configs.empty()) << "no throttle was asked for";
}

TEST_F(KafkaClusterTools, AThrottleIsSetOnSourcesAndDestinationsAndClearedByVerify) {
  brokers[4] = {};
  files["/project/move.json"] = kMoveFile;
  moves_end = false;
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--execute", "--reassignment-json-file", "move.json",
                   "--throttle", "5000"}),
            0)
      << out.text;
  EXPECT_TRUE(
      printed("Warning: You must run --verify periodically, until the reassignment completes, to "
              "ensure the throttle is removed.\n"
              "The inter-broker throttle limit was set to 5000 B/s\n"));
  EXPECT_EQ(changed_configs,
            (std::vector<std::string>{"topic t leader.replication.throttled.replicas=0:1,0:2,0:3,1:1,1:2,1:3",
                                      "topic t follower.replication.throttled.replicas=0:4,1:4",
                                      "broker 1 leader.replication.throttled.rate=5000",
                                      "broker 1 follower.replication.throttled.rate=5000",
                                      "broker 2 leader.replication.throttled.rate=5000",
                                      "broker 2 follower.replication.throttled.rate=5000",
                                      "broker 3 leader.replication.throttled.rate=5000",
                                      "broker 3 follower.replication.throttled.rate=5000",
                                      "broker 4 leader.replication.throttled.rate=5000",
                                      "broker 4 follower.replication.throttled.rate=5000"}));
  changed_configs.clear();
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--verify", "--reassignment-json-file", "move.json"}), 0);
  EXPECT_EQ(out.text,
            "Status of partition reassignment:\nReassignment of partition t-0 is still in progress.\n"
            "Reassignment of partition t-1 is still in progress.\n\n");
  EXPECT_TRUE(changed_configs.empty()) << "not before the end";

  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--execute", "--reassignment-json-file", "move.json"}), 1);
  EXPECT_TRUE(out.text.starts_with("Cannot execute because there is an existing partition assignment."));

  partition("t", 0) = {.replicas = {1, 2, 4}, .isr = {1, 2, 4}};
  partition("t", 1) = {.leader = 2, .replicas = {2, 3, 1}, .isr = {1, 2, 3}};
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--verify", "--reassignment-json-file", "move.json",
                   "--preserve-throttles"}),
            0);
  EXPECT_EQ(
      out.text,
      "Status of partition reassignment:\nReassignment of partition t-0 is completed.\n"
      "There is no active reassignment of partition t-1, but replica set is 2,3,1 rather than 2,3,4.\n\n");
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--verify", "--reassignment-json-file", "move.json"}), 0);
  EXPECT_TRUE(
      printed("Clearing broker-level throttles on brokers 1,2,3,4\n"
              "Clearing topic-level throttles on topic t\n"));
  EXPECT_EQ(std::ranges::count(changed_configs, "broker 4 -replica.alter.log.dirs.io.max.bytes.per.second"),
            1);
  EXPECT_EQ(changed_configs.back(), "topic t -follower.replication.throttled.replicas");
}

TEST_F(KafkaClusterTools, ReassignListAndCancel) {
  brokers[4] = {};
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--list"}), 0);
  EXPECT_EQ(out.text, "No partition reassignments found.\n");
  partition("t", 0) = {.replicas = {4, 1, 2, 3}, .isr = {1, 2, 3}, .adding = {4}, .removing = {3}};
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--list"}), 0);
  EXPECT_EQ(out.text, "Current partition reassignments:\nt-0: replicas: 4,1,2,3. adding: 4. removing: 3.\n");
  files["/project/move.json"] = kMoveFile;
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--cancel", "--reassignment-json-file", "move.json",
                   "--preserve-throttles"}),
            0);
  EXPECT_EQ(out.text,
            "Successfully cancelled partition reassignment for: t-0\n"
            "None of the specified partition moves are active.");
  EXPECT_EQ(partition("t", 0).replicas, (std::vector<NodeId>{1, 2, 3}));
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--cancel", "--reassignment-json-file", "move.json"}), 0);
  EXPECT_TRUE(
      out.text.starts_with("None of the specified partition reassignments are active.\n"
                           "None of the specified partition moves are active.Clearing broker-level"));
}

TEST_F(KafkaClusterTools, ReassignGenerateProposesTheSameFactorOnTheBrokersNamed) {
  for (const NodeId id : {4, 5, 6}) brokers[id] = {};
  files["/project/topics.json"] = R"({"version":1,"topics":[{"topic":"t"}]})";
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", "topics.json",
                   "--broker-list", "4,5,6"}),
            0)
      << out.text << err.text;
  const auto lines = split(out.text, '\n');
  ASSERT_EQ(lines.size(), 4U) << out.text;
  EXPECT_EQ(lines[0], "Current partition replica assignment");
  EXPECT_EQ(lines[2], "Proposed partition reassignment configuration");
  EXPECT_TRUE(printed("]}\n\nProposed"));
  const auto proposed = Json::parse(lines[3]);
  ASSERT_TRUE(proposed) << lines[3];
  for (const Json& one : *proposed->find("partitions")->as_array()) {
    std::set<std::int64_t> nodes;
    for (const Json& node : *one.find("replicas")->as_array()) nodes.insert(*node.as_integer());
    EXPECT_EQ(nodes, (std::set<std::int64_t>{4, 5, 6}));
  }
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", "topics.json",
                   "--broker-list", "4,5"}),
            1);
  EXPECT_EQ(out.text, "Error: Replication factor: 3 larger than available brokers: 2.\n");
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", "topics.json",
                   "--broker-list", "4,4"}),
            1);
  EXPECT_EQ(out.text, "Error: Broker list contains duplicate entries: [4]\n");
  brokers[4].rack = "a";
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", "topics.json",
                   "--broker-list", "4,5,6"}),
            1);
  EXPECT_TRUE(printed("Error: Not all brokers have rack information."));
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--generate", "--topics-to-move-json-file", "topics.json",
                   "--broker-list", "4,5,6", "--disable-rack-aware"}),
            0);
}

TEST_F(KafkaClusterTools, ReassignmentsThatCannotBeAreRefused) {
  const auto execute = [&](const std::string& text) {
    files["/project/move.json"] = text;
    return kafka({"kafka-reassign-partitions", "--execute", "--reassignment-json-file", "move.json"});
  };
  EXPECT_EQ(execute(R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1,9]}]})"), 1);
  EXPECT_EQ(out.text, "Error: Unknown broker id 9\n");
  EXPECT_EQ(execute(R"({"version":1,"partitions":[{"topic":"t","partition":7,"replicas":[1]}]})"), 1);
  EXPECT_EQ(out.text, "Error: Unable to find partition: t-7\n");
  EXPECT_EQ(execute(R"({"version":1,"partitions":[{"topic":"u","partition":0,"replicas":[1]}]})"), 1);
  EXPECT_EQ(out.text, "Error: Topic u not found.\n");
  EXPECT_EQ(execute(R"({"version":1,"partitions":[]})"), 1);
  EXPECT_EQ(out.text, "Error: Partition reassignment list cannot be empty\n");
  EXPECT_EQ(execute(R"({"version":2,"partitions":[]})"), 1);
  EXPECT_EQ(out.text, "Error: Not supported version field value 2\n");
  EXPECT_EQ(execute("{"), 1);
  EXPECT_TRUE(out.text.starts_with("Error: The input string is not a valid JSON"));
  refusal = wire::ErrorCode::invalid_replica_assignment;
  EXPECT_EQ(execute(R"({"version":1,"partitions":[{"topic":"t","partition":0,"replicas":[1]}]})"), 1);
  EXPECT_TRUE(printed("Error reassigning partition(s):\nt-0: ")) << out.text;
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--execute", "--reassignment-json-file", "missing.json"}), 1);
}

TEST_F(KafkaClusterTools, ReassignTakesOneActionAndItsOwnFlags) {
  EXPECT_EQ(kafka({"kafka-reassign-partitions"}), 1);
  EXPECT_TRUE(
      told("Command must include exactly one action: --generate, --execute, --verify, --cancel, --list"));
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--list", "--verify"}), 1);
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--execute"}), 1);
  EXPECT_TRUE(told("Missing required argument \"[reassignment-json-file]\""));
  EXPECT_EQ(kafka({"kafka-reassign-partitions", "--list", "--additional"}), 1);
  EXPECT_TRUE(told("Option \"[additional]\" can't be used with action \"[list]\""));
}

TEST_F(KafkaClusterTools, LeaderElection) {
  EXPECT_EQ(kafka({"kafka-leader-election.sh", "--election-type", "preferred", "--all-topic-partitions"}), 0);
  EXPECT_EQ(out.text, "") << "none needs one";
  partition("t", 0).leader = 3;
  EXPECT_EQ(kafka({"kafka-leader-election", "--election-type", "PREFERRED", "--all-topic-partitions"}), 0);
  EXPECT_EQ(out.text, "Successfully completed leader election (PREFERRED) for partitions t-0\n");
  EXPECT_EQ(
      kafka({"kafka-leader-election", "--election-type", "preferred", "--topic", "t", "--partition", "1"}),
      0);
  EXPECT_EQ(out.text, "Valid replica already elected for partitions t-1\n");
  partition("t", 0) = {.leader = 3, .isr = {3}};
  files["/project/elect.json"] =
      R"({"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":1}]})";
  EXPECT_EQ(
      kafka({"kafka-leader-election", "--election-type", "preferred", "--path-to-json-file", "elect.json"}),
      1);
  EXPECT_TRUE(out.text.starts_with(
      "Valid replica already elected for partitions t-1\nError completing leader election (PREFERRED) for "
      "partition: t-0: org.apache.kafka.common.errors.PreferredLeaderNotAvailableException: "))
      << out.text;
  EXPECT_TRUE(told("1 replica(s) could not be elected"));
  partition("t", 0).leader = -1;
  EXPECT_EQ(
      kafka({"kafka-leader-election", "--election-type", "unclean", "--topic", "t", "--partition", "0"}), 0);
  EXPECT_EQ(out.text, "Successfully completed leader election (UNCLEAN) for partitions t-0\n");
}

TEST_F(KafkaClusterTools, LeaderElectionNeedsToKnowWhatIsToBeElected) {
  EXPECT_EQ(kafka({"kafka-leader-election", "--all-topic-partitions"}), 1);
  EXPECT_TRUE(told("Missing required option(s): election-type"));
  EXPECT_EQ(kafka({"kafka-leader-election", "--election-type", "preferred"}), 1);
  EXPECT_TRUE(
      told("One and only one of the following options is required: topic, all-topic-partitions, "
           "path-to-json-file"));
  EXPECT_EQ(kafka({"kafka-leader-election", "--election-type", "preferred", "--topic", "t"}), 1);
  EXPECT_TRUE(told("Missing required option(s): partition"));
  EXPECT_EQ(kafka({"kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions",
                   "--partition", "1"}),
            1);
  EXPECT_TRUE(told("Option partition is only allowed if topic is used"));
  files["/project/elect.json"] =
      R"({"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":0}]})";
  EXPECT_EQ(
      kafka({"kafka-leader-election", "--election-type", "preferred", "--path-to-json-file", "elect.json"}),
      1);
  EXPECT_TRUE(told("Replica election data contains duplicate partitions: [t-0]"));
  refusal = wire::ErrorCode::cluster_authorization_failed;
  EXPECT_EQ(kafka({"kafka-leader-election", "--election-type", "preferred", "--all-topic-partitions"}), 1);
  EXPECT_EQ(out.text, "Not authorized to perform leader election\n");
}

TEST_F(KafkaClusterTools, QuorumStatusAndReplication) {
  voters[3].end = 90;
  voters[3].caught_up = 998'000;
  observers[4] = {.directory = Uuid{}, .end = 80, .caught_up = -1};
  EXPECT_EQ(kafka({"kafka-metadata-quorum.sh", "describe", "--status"}), 0) << err.text;
  const std::string id = Uuid{7, 1}.to_string(), two = Uuid{7, 2}.to_string(), three = Uuid{7, 3}.to_string();
  EXPECT_EQ(out.text,
            "ClusterId:              fake\nLeaderId:               1\nLeaderEpoch:            4\n"
            "HighWatermark:          100\nMaxFollowerLag:         10\nMaxFollowerLagTimeMs:   2000\n"
            "CurrentVoters:          [{\"id\": 1, \"directoryId\": \"" +
                id + "\", \"endpoints\": [\"CONTROLLER://c1:9093\"]}, {\"id\": 2, \"directoryId\": \"" + two +
                "\", \"endpoints\": [\"CONTROLLER://c2:9093\"]}, {\"id\": 3, \"directoryId\": \"" + three +
                "\", \"endpoints\": [\"CONTROLLER://c3:9093\"]}]\n"
                "CurrentObservers:       [{\"id\": 4, \"directoryId\": null}]\n");
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "describe", "--replication"}), 0);
  const auto lines = split(out.text, '\n');
  ASSERT_EQ(lines.size(), 5U) << out.text;
  EXPECT_EQ(lines[0],
            "NodeId\tDirectoryId           "
            "\tLogEndOffset\tLag\tLastFetchTimestamp\tLastCaughtUpTimestamp\tStatus  \t");
  EXPECT_EQ(lines[1],
            "1     \t" + id + "\t100         \t0  \t1000000           \t1000000              \tLeader  \t");
  EXPECT_EQ(lines[3], "3     \t" + three +
                          "\t90          \t10 \t998000            \t998000               \tFollower\t");
  EXPECT_EQ(lines[4],
            "4     \tAAAAAAAAAAAAAAAAAAAAAA\t80          \t20 \t-1                \t-1                   "
            "\tObserver\t");
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "describe", "--re", "--hr"}), 0);
  EXPECT_TRUE(printed(" ms ago"));
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "describe"}), 1);
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "describe", "--status", "--hr"}), 1);
  quorum_leader = -1;
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "describe", "--status"}), 1);
  EXPECT_TRUE(told("no leader"));
}

TEST_F(KafkaClusterTools, ControllersAreAddedByTheirConfigurationFile) {
  files["/project/c.properties"] =
      "process.roles=controller\nnode.id=4\nlog.dirs=/data\ncontroller.listener.names=CONTROLLER\n"
      "listeners=CONTROLLER://0.0.0.0:9093\nadvertised.listeners=CONTROLLER://c4:9093\n";
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "--command-config", "c.properties", "add-controller"}), 1);
  EXPECT_TRUE(told("Unable to read meta.properties from /data")) << err.text;
  const std::string directory = Uuid{7, 4}.to_string();
  const std::string meta = "version=1\ncluster.id=fake\nnode.id=4\ndirectory.id=" + directory + "\n";
  ASSERT_TRUE(world.disk().create_directories("/data"));
  ASSERT_TRUE(runtime::write_file_atomically(world.disk(), "/data/meta.properties", as_bytes(meta)));
  EXPECT_EQ(
      kafka({"kafka-metadata-quorum", "--command-config", "c.properties", "add-controller", "--dry-run"}), 0)
      << err.text;
  EXPECT_EQ(out.text, "DRY RUN of adding controller 4 with directory id " + directory +
                          " and endpoints: CONTROLLER://c4:9093\n");
  EXPECT_TRUE(added_voters.empty());
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "--command-config", "c.properties", "add-controller"}), 0);
  EXPECT_TRUE(out.text.starts_with("Added controller 4 with directory id "));
  ASSERT_EQ(added_voters.size(), 1U);
  EXPECT_EQ(added_voters[0].listeners.at(0).host, "c4");
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "add-controller"}), 1);
  EXPECT_TRUE(told("You must supply the configuration file"));
  files["/project/b.properties"] = "process.roles=broker\nnode.id=4\nlog.dirs=/data\n";
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "--command-config", "b.properties", "add-controller"}), 1);
  EXPECT_TRUE(told("process.roles did not contain 'controller'"));
}

TEST_F(KafkaClusterTools, ControllersAreRemovedByIdAndDirectory) {
  const std::string directory = Uuid{7, 3}.to_string();
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "remove-controller", "-i", "3", "-d", directory, "--dry-run"}),
            0);
  EXPECT_EQ(out.text, "DRY RUN of removing  KRaft controller 3 with directory id " + directory + "\n");
  EXPECT_EQ(voters.size(), 3U);
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "remove-controller", "--controller-id", "3",
                   "--controller-directory-id", directory}),
            0);
  EXPECT_EQ(out.text, "Removed  KRaft controller 3 with directory id " + directory + "\n");
  EXPECT_EQ(voters.size(), 2U);
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "remove-controller", "-i", "3", "-d", directory}), 1);
  EXPECT_TRUE(told("VOTER_NOT_FOUND"));
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "remove-controller", "-i", "3"}), 1);
  EXPECT_EQ(kafka({"kafka-metadata-quorum", "remove-controller", "-i", "-3", "-d", directory}), 1);
  EXPECT_TRUE(told("Invalid negative --controller-id: -3"));
}

TEST_F(KafkaClusterTools, ClusterTool) {
  brokers[3].fenced = true;
  brokers[2].rack = "rack-of-two";
  EXPECT_EQ(kafka({"kafka-cluster.sh", "cluster-id"}), 0);
  EXPECT_EQ(out.text, "Cluster ID: fake\n");
  EXPECT_EQ(kafka({"kafka-cluster", "list-endpoints", "--include-fenced-brokers"}), 0);
  EXPECT_EQ(out.text,
            "ID         HOST      PORT       RACK        STATE      ENDPOINT_TYPE  \n"
            "1          127.0.0.1 9092       null        unfenced   broker         \n"
            "2          127.0.0.1 9092       rack-of-two unfenced   broker         \n"
            "3          127.0.0.1 9092       null        fenced     broker         \n");
  EXPECT_EQ(kafka({"kafka-cluster", "unregister", "--id", "3"}), 0);
  EXPECT_EQ(out.text, "Broker 3 is no longer registered.\n");
  EXPECT_EQ(unregistered, std::vector<NodeId>{3});
  EXPECT_EQ(kafka({"kafka-cluster", "unregister", "-i", "9"}), 1);
  EXPECT_TRUE(told("BROKER_ID_NOT_REGISTERED"));
  EXPECT_EQ(kafka({"kafka-cluster", "unregister"}), 1);
  broker.ranges.erase(wire::ApiKey::unregister_broker);
  EXPECT_EQ(kafka({"kafka-cluster", "unregister", "--id", "3"}), 1);
  EXPECT_EQ(out.text, "The target cluster does not support the broker unregistration API.\n");
}

TEST_F(KafkaClusterTools, ControllersMayBeTheOnesToAsk) {
  const std::string address = broker.endpoint().to_string();
  broker.ranges.erase(wire::ApiKey::metadata);
  EXPECT_EQ(run({"kafka-cluster", "list-endpoints", "-C", address}), 0) << err.text;
  EXPECT_TRUE(out.text.starts_with("ID         HOST      PORT       RACK       ENDPOINT_TYPE  \n"))
      << out.text;
  EXPECT_TRUE(printed("controller     \n"));
  EXPECT_EQ(run({"kafka-cluster", "list-endpoints", "-C", address, "--include-fenced-brokers"}), 1);
  EXPECT_EQ(run({"kafka-metadata-quorum", "--bootstrap-controller", address, "describe", "--status"}), 0)
      << err.text;
  EXPECT_TRUE(printed("LeaderId:               1\n"));
  EXPECT_EQ(run({"kafka-reassign-partitions", "--bootstrap-controller", address, "--list"}), 0) << out.text;
  EXPECT_EQ(run({"kafka-cluster", "cluster-id", "-C", address, "-b", address}), 1);
  EXPECT_TRUE(told("Please don't specify both"));
}

TEST_F(KafkaClusterTools, Features) {
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--feature", "metadata.version=29"}), 0) << err.text;
  EXPECT_EQ(out.text, "metadata.version was upgraded to 29.\n");
  EXPECT_EQ(kafka({"kafka-features", "downgrade", "--feature", "metadata.version=29", "--dry-run"}), 0);
  EXPECT_EQ(out.text, "metadata.version can be downgraded to 29.\n");
  EXPECT_EQ(kafka({"kafka-features", "disable", "--feature", "group.version"}), 0);
  EXPECT_EQ(out.text, "group.version was disabled.\n");
  refusal = wire::ErrorCode::feature_update_failed;
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--feature", "metadata.version=7"}), 1);
  EXPECT_TRUE(out.text.starts_with("Could not upgrade metadata.version to 7. ")) << out.text;
  EXPECT_TRUE(told("1 out of 1 operation(s) failed."));
  EXPECT_EQ(kafka({"kafka-features", "upgrade"}), 1);
  EXPECT_TRUE(told("You must specify at least one feature to upgrade"));
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--feature", "x"}), 1);
  EXPECT_TRUE(told("Can't parse feature=level string x: equals sign not found."));
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--feature", "x=1", "--feature", "x=2"}), 1);
  EXPECT_TRUE(told("Feature x was specified more than once."));
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--release-version", "0.8"}), 1);
  EXPECT_TRUE(told("Unknown metadata.version 0.8. Supported metadata.version are "));
  EXPECT_EQ(kafka({"kafka-features", "upgrade", "--release-version", "4.3", "--feature", "x=1"}), 1);
  EXPECT_TRUE(told("Can not specify `release-version` with other feature flags."));
}

TEST_F(KafkaClusterTools, TopicsTellOfReplicasOnTheMove) {
  partition("t", 0) = {.replicas = {1, 2, 3, 4}, .isr = {1, 2, 3}, .adding = {4}, .removing = {1}};
  EXPECT_EQ(kafka({"kafka-topics", "--describe", "--topic", "t"}), 0) << err.text;
  EXPECT_TRUE(printed("PartitionCount: 2\tReplicationFactor: 3\t")) << out.text;
  EXPECT_TRUE(
      printed("\tTopic: t\tPartition: 0\tLeader: 1\tReplicas: 1,2,3,4\tIsr: 1,2,3\tAdding Replicas: 4\t"
              "Removing Replicas: 1\tElr: N/A\tLastKnownElr: N/A\n"));
  EXPECT_TRUE(printed(
      "\tTopic: t\tPartition: 1\tLeader: 2\tReplicas: 2,3,1\tIsr: 1,2,3\tElr: N/A\tLastKnownElr: N/A\n"));
  EXPECT_EQ(kafka({"kafka-topics", "--describe", "--under-replicated-partitions"}), 0);
  EXPECT_EQ(out.text, "") << "the replica that is added does not count";
}

TEST_F(KafkaClusterTools, TopicsFilterPartitionsByTheirState) {
  const auto partitions_with = [&](const std::string& flag) {
    EXPECT_EQ(kafka({"kafka-topics", "--describe", flag}), 0) << err.text;
    std::vector<std::string> found;
    for (const std::string& line : split(out.text, '\n')) {
      const std::size_t at = line.find("Partition: ");
      if (at != std::string::npos) found.push_back(line.substr(at + 11, 1));
    }
    return found;
  };
  using Found = std::vector<std::string>;
  topics["t"] = {Partition{}, {.isr = {1, 2}}, {.isr = {1}}, {.leader = -1, .isr = {}}, {.leader = 3}};
  brokers[3].fenced = true;
  EXPECT_EQ(partitions_with("--under-replicated-partitions"), (Found{"1", "2", "3"}));
  EXPECT_EQ(partitions_with("--at-min-isr-partitions"), Found{"1"});
  EXPECT_EQ(partitions_with("--under-min-isr-partitions"), (Found{"2", "3"}));
  EXPECT_EQ(partitions_with("--unavailable-partitions"), (Found{"3", "4"}))
      << "also one whose leader is not in service";
}

}  // namespace
}  // namespace moldau::cli
