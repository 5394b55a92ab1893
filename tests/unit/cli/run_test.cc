// The whole program on a fake process: what is printed where, and the exit codes. Nothing here reaches a
// cluster.
#include <gtest/gtest.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/moldau_parser.h"
#include "unit/cli/fake_process.h"

namespace moldau::cli {
namespace {

using RunTest = FakeProcess;

TEST_F(RunTest, NothingIsAUsageErrorAndHelpIsData) {
  EXPECT_EQ(run({"moldau"}), 2);
  EXPECT_TRUE(told("Usage: moldau COMMAND"));
  EXPECT_EQ(run({"moldau", "help"}), 0);
  EXPECT_TRUE(printed("topic create"));
  EXPECT_EQ(run({"moldau", "--help"}), 0);
  EXPECT_EQ(run({"moldau", "topic", "create", "--help"}), 0);
  EXPECT_TRUE(printed("--if-not-exists"));
  EXPECT_EQ(run({"moldau", "help", "format"}), 0);
  EXPECT_TRUE(printed("%{ %}"));
  EXPECT_EQ(run({"moldau", "topic"}), 2);
  EXPECT_TRUE(told("needs a verb"));
}

TEST_F(RunTest, TypingErrorsAreAnsweredWithTheNearestName) {
  EXPECT_EQ(run({"moldau", "topc", "list"}), 2);
  EXPECT_TRUE(told("did you mean moldau topic"));
  EXPECT_EQ(run({"moldau", "topic", "crate", "t"}), 2);
  EXPECT_TRUE(told("did you mean moldau topic create?"));
  EXPECT_EQ(run({"moldau", "topic", "create", "t", "--partition", "3"}), 2);
  EXPECT_TRUE(told("did you mean --partitions?"));
  EXPECT_EQ(run({"moldau", "produce", "t", "-z", "brotli"}), 2);
  EXPECT_TRUE(told("is not one of none,gzip"));
}

TEST_F(RunTest, EveryCommandParsesItsFlags) {
  for (const Command& command : moldau_commands()) {
    std::vector<std::string> words;
    for (const Flag& flag : command.flags) {
      words.emplace_back(flag.spellings().back());
      if (!flag.is_switch() && !flag.value_optional())
        words.push_back(flag.choices.empty() ? "-1" : split(flag.choices, ',').front());
    }
    const auto arguments = parse_moldau_words(command, words);
    ASSERT_TRUE(arguments) << command.name << ": " << arguments.error().what;
    for (const Flag& flag : command.flags)
      EXPECT_TRUE(arguments->has(flag.key())) << command.name << " " << flag.key();
  }
}

TEST_F(RunTest, GlobalFlagsMayStandAnywhere) {
  const std::vector<std::string> words{"-b", "h:1", "topics", "ls", "--format", "json"};
  const Chosen chosen = choose_command(words);
  ASSERT_TRUE(chosen.command);
  EXPECT_EQ(chosen.command->name, "topic list");
  const auto arguments = parse_moldau_words(*chosen.command, chosen.rest);
  ASSERT_TRUE(arguments);
  EXPECT_EQ(arguments->text("brokers"), "h:1");
  EXPECT_EQ(arguments->text("format"), "json");
}

TEST_F(RunTest, HelpJsonIsJson) {
  EXPECT_EQ(run({"moldau", "--help-json"}), 0);
  const auto tree = Json::parse(out.text);
  ASSERT_TRUE(tree);
  EXPECT_GT(tree->find("commands")->as_array()->size(), 30U);
}

TEST_F(RunTest, Explain) {
  EXPECT_EQ(run({"moldau", "explain", "NOT_ENOUGH_REPLICAS", "6", "retention.ms", "isr"}), 0);
  EXPECT_TRUE(printed("NOT_ENOUGH_REPLICAS (error 19)"));
  EXPECT_TRUE(printed("NOT_LEADER_OR_FOLLOWER (error 6)"));
  EXPECT_TRUE(printed("retention.ms (topic config)"));
  EXPECT_EQ(run({"moldau", "explain", "NOT_ENOUGH_REPLCAS"}), 5);
  EXPECT_TRUE(told("did you mean NOT_ENOUGH_REPLICAS?"));
}

TEST_F(RunTest, CompletionComesFromTheTables) {
  EXPECT_EQ(run({"moldau", "__complete", "--", "topic", "de"}), 0);
  EXPECT_EQ(out.text, "describe\ndelete\n");
  EXPECT_EQ(run({"moldau", "__complete", "--", "pro"}), 0);
  EXPECT_EQ(out.text, "produce\nprofile\n");
  run({"moldau", "__complete", "--", "produce", "t", "-z", "l"});
  EXPECT_EQ(out.text, "lz4\n");
  run({"moldau", "__complete", "--", "topic", "create", "--if"});
  EXPECT_EQ(out.text, "--if-not-exists\n");
  run({"moldau", "__complete", "--", "explain", "NOT_ENOUGH_REPLICAS_A"});
  EXPECT_EQ(out.text, "NOT_ENOUGH_REPLICAS_AFTER_APPEND\n");
  EXPECT_EQ(run({"moldau", "completion", "bash"}), 0);
  EXPECT_TRUE(printed("__complete"));
  EXPECT_EQ(run({"moldau", "completion", "csh"}), 2);
}

TEST_F(RunTest, StartReadsFilesFlagsAndVariables) {
  files["/project/node.yaml"] = "node: {data_dir: /data}\n";
  EXPECT_EQ(run({"moldau", "start", "-c", "node.yaml", "--set", "num.partitions=3", "--node-id", "7",
                 "--kafka-addr", "127.0.0.1:1234"}),
            0);
  ASSERT_TRUE(environment.started);
  EXPECT_EQ(environment.started->settings.node_id, 7);
  EXPECT_EQ(environment.started->settings.data_dir, "/data");
  EXPECT_EQ(environment.started->pid_file, "/data/moldau.pid");
  EXPECT_EQ(environment.started->settings.find_listener("plaintext")->bind.port, 1234);
  environment.start_exit = 4;
  EXPECT_EQ(run({"moldau", "start", "--data-dir", "/data"}), 4);
}

TEST_F(RunTest, BadConfigurationHasItsOwnExitCode) {
  files["/project/node.yaml"] = "node: {data_dri: /data}\n";
  EXPECT_EQ(run({"moldau", "start", "-c", "node.yaml"}), 3);
  EXPECT_TRUE(told("data_dir"));
  EXPECT_FALSE(environment.started);
  EXPECT_EQ(run({"moldau", "config", "check", "node.yaml"}), 7);
  EXPECT_TRUE(printed("error: "));
  EXPECT_EQ(run({"moldau", "start", "-c", "missing.yaml"}), 3);
  EXPECT_EQ(run({"kafka-server-start.sh", "missing.properties"}), 3);
}

TEST_F(RunTest, KafkaServerStartTakesOverrides) {
  files["/project/server.properties"] = "node.id=5\nlog.dirs=/data\nlisteners=PLAINTEXT://127.0.0.1:9999\n";
  EXPECT_EQ(run({"/opt/kafka/bin/kafka-server-start.sh", "-daemon", "server.properties", "--override",
                 "num.partitions=3"}),
            0);
  ASSERT_TRUE(environment.started);
  EXPECT_TRUE(environment.started->daemon);
  EXPECT_EQ(environment.started->settings.node_id, 5);
  EXPECT_EQ(environment.started->settings.broker.at("num.partitions"), "3");
}

TEST_F(RunTest, StopAndStatusReadThePidFile) {
  EXPECT_EQ(run({"moldau", "stop", "--data-dir", "/data"}), 5);
  files["/data/moldau.pid"] = "77\n";
  EXPECT_EQ(run({"moldau", "status", "--data-dir", "/data"}), 5);
  EXPECT_TRUE(printed("stopped"));
  environment.alive[77] = {"/usr/bin/other"};
  EXPECT_EQ(run({"moldau", "stop", "--data-dir", "/data"}), 5) << "another program has got the id";
  environment.alive[77] = {"moldau", "start"};
  EXPECT_EQ(run({"moldau", "status", "--data-dir", "/data", "--format", "jsonl"}), 0);
  EXPECT_TRUE(printed("\"state\":\"running\""));
  environment.alive[77] = {"/usr/bin/moldau", "start", "--data-dir=/data",   "--kafka-addr",
                           "127.0.0.1:1234",  "--set", "admin.enabled=false"};
  EXPECT_EQ(run({"moldau", "status", "--data-dir", "/data"}), 0);
  EXPECT_TRUE(printed("plaintext://127.0.0.1:1234") || printed("PLAINTEXT://127.0.0.1:1234")) << out.text;
  EXPECT_EQ(run({"moldau", "stop", "--data-dir", "/elsewhere"}), 5);
  EXPECT_TRUE(told("; nodes run on /data\n")) << err.text;
  EXPECT_EQ(run({"moldau", "stop", "--data-dir", "/data"}), 0);
  EXPECT_EQ(environment.signals.size(), 1U);
  EXPECT_EQ(run({"moldau", "stop", "--data-dir", "/elsewhere"}), 5);
  EXPECT_FALSE(told("nodes run on"));
}

TEST_F(RunTest, KafkaServerStop) {
  EXPECT_EQ(run({"kafka-server-stop"}), 1);
  EXPECT_EQ(out.text, "No kafka server to stop\n");
  environment.alive[5] = {"/opt/kafka/bin/kafka-server-start.sh", "server.properties"};
  environment.alive[6] = {"/opt/kafka/bin/kafka-topics.sh", "--list"};
  EXPECT_EQ(run({"kafka-server-stop.sh"}), 0);
  EXPECT_EQ(environment.signals, (std::vector<std::pair<std::int64_t, int>>{{5, 15}}));
}

TEST_F(RunTest, KafkaToolsFailWithOne) {
  EXPECT_EQ(run({"kafka-topics.sh"}), 1);
  EXPECT_EQ(run({"kafka-topics", "--colour"}), 1);
  EXPECT_TRUE(told("colour is not a recognized option"));
  EXPECT_EQ(run({"kafka-topics", "--zookeeper", "localhost:2181", "--list"}), 1);
  EXPECT_EQ(err.text, "ZooKeeper is gone; use --bootstrap-server host:9092\n");
  EXPECT_EQ(run({"kafka-storage", "format"}), 1);
  EXPECT_EQ(run({"kafka-storage"}), 1);
  EXPECT_TRUE(told("kafka-storage random-uuid"));
  EXPECT_EQ(run({"kafka-topics", "--version"}), 0);
  EXPECT_EQ(out.text, "4.3.0 (moldau 0.1.0)\n");
}

TEST_F(RunTest, MissingToolsNameTheMissingFeature) {
  for (const char* name : {"kafka-share-groups.sh", "kafka-acls", "kafka-delegation-tokens",
                           "connect-standalone.sh", "zookeeper-server-start.sh"}) {
    EXPECT_EQ(run({name, "--list"}), 1) << name;
    EXPECT_EQ(std::ranges::count(err.text, '\n'), 1) << name;
  }
  EXPECT_EQ(run({"moldau", "kafka-acls", "--list"}), 1);
  EXPECT_EQ(run({"kafka-run-class", "kafka.admin.AclCommand", "--list"}), 1);
  EXPECT_TRUE(told("ACLs"));
  EXPECT_EQ(run({"kafka-run-class", "org.example.Tool"}), 1);
}

TEST_F(RunTest, SecurityThatIsNotThereIsRefusedBeforeAnythingIsSent) {
  files["/project/client-ssl.properties"] = "security.protocol=SSL\n";
  EXPECT_EQ(run({"kafka-console-producer.sh", "--bootstrap-server", "localhost:9093", "--topic", "test",
                 "--producer.config", "client-ssl.properties"}),
            1);
  EXPECT_TRUE(told("security.protocol=SSL"));
  EXPECT_EQ(environment.tasks, 0);
  EXPECT_EQ(run({"moldau", "topic", "list", "-X", "security.protocol=SASL_SSL"}), 1);
}

TEST_F(RunTest, InstallLinks) {
  EXPECT_EQ(run({"moldau", "install-links", "--dir", "bin", "--sh"}), 0);
  EXPECT_TRUE(printed("/project/bin/kafka-topics.sh\n"));
  EXPECT_TRUE(printed("/project/bin/kafka-storage\n"));
  for (const auto& [target, link] : environment.links) EXPECT_EQ(target, "/opt/moldau/bin/moldau");
}

TEST_F(RunTest, ConfigCommands) {
  files["/project/server.properties"] = "node.id=5\nnum.partitons=3\n";
  EXPECT_EQ(run({"moldau", "config", "convert", "server.properties"}), 0);
  EXPECT_TRUE(printed("id: 5"));
  EXPECT_TRUE(told("num.partitions"));
  EXPECT_EQ(run({"moldau", "config", "print-defaults"}), 0);
  EXPECT_TRUE(printed("durability"));
  EXPECT_EQ(run({"moldau", "config", "explain", "log.retention.hour"}), 5);
  EXPECT_TRUE(told("did you mean log.retention.hours?"));
}

}  // namespace
}  // namespace moldau::cli
