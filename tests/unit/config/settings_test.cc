#include "config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "config/entries.h"

namespace moldau::config {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Sources whose one file, if any, has this text.
Sources with_file(std::string name, std::string text) {
  Sources sources{.file = name};
  sources.home = "/home/jan";
  sources.hostname = "praha";
  sources.read_file = [name, text](const std::string& path) -> Result<std::string> {
    if (path == name) return text;
    if (path == "/run/secret") return "  s3cret\n";
    if (path == "/run/more.properties") return "a=1\nport=9099\n";
    return fail(Errc::not_found, "cannot be read: No such file or directory");
  };
  return sources;
}
Loaded yaml(std::string text) { return load(with_file("m.yaml", std::move(text))); }
Loaded properties(std::string text) { return load(with_file("s.properties", std::move(text))); }
Loaded nothing_but(std::map<std::string, std::string> environment, std::vector<std::string> set = {}) {
  Sources sources = with_file("m.yaml", "");
  sources.environment = std::move(environment);
  sources.set = std::move(set);
  return load(sources);
}

std::vector<std::string> texts(const Loaded& loaded, Severity least = Severity::error) {
  std::vector<std::string> all;
  for (const Problem& problem : loaded.problems)
    if (problem.severity >= least) all.push_back(problem.to_string());
  return all;
}
#define EXPECT_USABLE(loaded) EXPECT_THAT(texts(loaded), IsEmpty())

TEST(Settings, NothingGivesASingleNode) {
  const Loaded loaded = load(Sources{.home = "/home/jan"});
  EXPECT_THAT(texts(loaded, Severity::debug), IsEmpty());
  const Settings& settings = loaded.settings;
  EXPECT_EQ(settings.node_id, std::nullopt);
  EXPECT_TRUE(settings.broker_role && settings.controller_role);
  EXPECT_EQ(settings.data_dir, "/home/jan/.local/share/moldau");
  ASSERT_EQ(settings.listeners.size(), 1u);
  EXPECT_EQ(settings.listeners[0], (Listener{.name = "PLAINTEXT",
                                             .bind = {"127.0.0.1", 9092},
                                             .advertise = {"127.0.0.1", 9092},
                                             .inter_broker = true}));
  EXPECT_EQ(settings.admin_bind, (runtime::Endpoint{"127.0.0.1", 9644}));
  EXPECT_EQ(settings.durability, Durability::synced);
  EXPECT_EQ(settings.broker.at("listeners"), "PLAINTEXT://127.0.0.1:9092");
  EXPECT_EQ(load(Sources{.is_root = true, .home = "/root"}).settings.data_dir, "/var/lib/moldau");
}

// An image has its folder; whatever is configured counts more.
TEST(Settings, TheEnvironmentMayNameTheDefaultDataFolder) {
  const std::map<std::string, std::string> image{{"MOLDAU_DATA_DIR", "/volume"}};
  EXPECT_EQ(nothing_but(image).settings.data_dir, "/volume");
  EXPECT_EQ(nothing_but({{"MOLDAU_DATA_DIR", ""}}).settings.data_dir, "/home/jan/.local/share/moldau");
  EXPECT_EQ(nothing_but(image, {"log.dirs=/set"}).settings.data_dir, "/set");
  Sources sources = with_file("s.properties", "log.dirs=/file");
  sources.environment = image;
  EXPECT_EQ(load(sources).settings.data_dir, "/file");
}

TEST(Settings, ReadsTheWholeTree) {
  const Loaded loaded = yaml(R"(
version: 1
node: {id: 3, rack: a, roles: [broker], data_dir: data}
cluster: {name: prod, id: 4L6g3nShT-eMCtK--X86sw, seeds: ["m-1:9093", "m-2:9093"], initial_size: 3}
listeners:
  internal: {bind: "0.0.0.0:9092", advertise: "m-1:9092", inter_broker: true}
  external: {bind: "0.0.0.0:19092", advertise: "localhost:19092", security: PLAINTEXT}
  controller: {bind: "0.0.0.0:9093"}
admin: {bind: "127.0.0.2:9644", enabled: false}
storage: {durability: page-cache, commit_log_size: 512MiB, shards: 2, memory: 1GiB, disk_reserve: 10%}
log: {level: warn, format: json, file: /var/log/m.log, levels: {raft: debug}}
metrics: {partition: all, series_limit: 10}
bootstrap:
  topics: [{name: orders, partitions: 6}, {name: audit}]
  defaults: {num.partitions: 3, log.retention.ms: 1000}
kafka: {log.retention.hours: 24, num.partitions: 2}
)");
  EXPECT_USABLE(loaded);
  const Settings& s = loaded.settings;
  EXPECT_EQ(s.node_id, 3);
  EXPECT_EQ(s.rack, "a");
  EXPECT_FALSE(s.controller_role);
  EXPECT_EQ(s.data_dir, "/data");
  EXPECT_EQ(s.cluster_id, "4L6g3nShT-eMCtK--X86sw");
  EXPECT_THAT(s.seeds, ElementsAre(runtime::Endpoint{"m-1", 9093}, runtime::Endpoint{"m-2", 9093}));
  EXPECT_EQ(s.initial_size, 3);
  ASSERT_EQ(s.listeners.size(), 3u);
  EXPECT_TRUE(s.find_listener("controller")->controller);
  EXPECT_TRUE(s.find_listener("internal")->inter_broker);
  EXPECT_EQ(s.find_listener("External")->advertise, (runtime::Endpoint{"localhost", 19092}));
  EXPECT_FALSE(s.admin_enabled);
  EXPECT_EQ(s.durability, Durability::page_cache);
  EXPECT_EQ(s.commit_log_size_bytes, 512u << 20);
  EXPECT_EQ(s.shards, 2u);
  EXPECT_EQ(s.memory_bytes, 1u << 30);
  EXPECT_EQ(s.disk_reserve_percent, 10u);
  EXPECT_TRUE(s.log.filter.enabled(telemetry::Level::debug, "raft"));
  EXPECT_FALSE(s.log.filter.enabled(telemetry::Level::info, "storage"));
  EXPECT_EQ(s.log.format, telemetry::LogFormat::json);
  EXPECT_EQ(s.partition_metrics, PartitionMetrics::all);
  EXPECT_THAT(s.bootstrap_topics,
              ElementsAre(BootstrapTopic{"orders", 6, -1}, BootstrapTopic{"audit", -1, -1}));
  EXPECT_EQ(s.bootstrap_defaults.at("num.partitions"), "3");
  EXPECT_EQ(s.broker.at("log.retention.hours"), "24");
  EXPECT_EQ(effective_topic_config({.static_broker = &s.broker}).retention_ms, 86'400'000);
  EXPECT_EQ(effective_topic_config({.static_broker = &s.broker}).durability, Durability::page_cache);
}

TEST(Settings, TellsAllProblemsAtOnceWithTheirPlace) {
  const Loaded loaded = yaml(R"(node:
  id: many
  roels: [broker]
storage:
  durabilty: synced
  commit_log_size: 5
log: 7
kafka:
  log.retention.m: 5
  log.segment.bytes: 1
listeners:
  external: {bnd: "x:1"}
num.partitions: 3
tls: {cert: x}
banana: 1
)");
  EXPECT_THAT(
      texts(loaded),
      ElementsAre(
          "m.yaml:3: node.roels: unknown key; did you mean node.roles?",
          "m.yaml:5: storage.durabilty: unknown key; did you mean storage.durability?",
          "m.yaml:6: storage.commit_log_size: Invalid value 5: Value must be at least 16MiB",
          "m.yaml:7: log: holds a group of keys, not a value",
          "m.yaml:9: kafka.log.retention.m: unknown key; did you mean log.retention.ms?",
          "m.yaml:10: kafka.log.segment.bytes: Invalid value 1: Value must be at least 1048576",
          "m.yaml:12: listeners.external.bnd: unknown key; did you mean listeners.external.bind?",
          "m.yaml:13: num.partitions: unknown key; did you mean kafka.num.partitions?",
          "m.yaml:14: tls.cert: not supported: TLS and SASL are not served by this version; remove it "
          "and bind to a trusted network",
          "m.yaml:15: banana: unknown key",
          "m.yaml:2: node.id: Invalid value many: auto, or a number from 0 to 2147483647"));
}

TEST(Settings, BadYamlNamesTheLine) {
  EXPECT_THAT(texts(yaml("a: b\n  c: [d\n")), ElementsAre(HasSubstr("m.yaml:2: not YAML: ")));
  EXPECT_THAT(texts(yaml("just text")), ElementsAre("m.yaml:1: the file is not a map of keys to values"));
  EXPECT_THAT(texts(yaml("node: {id: 1, id: 2}")), Contains(HasSubstr("node.id: the key is there twice")));
  EXPECT_USABLE(yaml(""));
  EXPECT_USABLE(yaml("# nothing\n"));
  EXPECT_USABLE(yaml("node:\nkafka: ~\n"));
}

TEST(Settings, YamlBombsAreBounded) {
  std::string bomb = "a0: &a0 [x, y, z]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [[" + before + ", " + before + ", " +
            before + "]]\n";
  }
  EXPECT_THAT(texts(yaml(bomb)), Contains(HasSubstr("holds more than 10000 values")));
}

TEST(Settings, AMissingFileIsOneProblem) {
  Sources sources;
  sources.file = "/no/such/file.yaml";
  EXPECT_THAT(texts(load(sources)),
              ElementsAre("/no/such/file.yaml: cannot be read: No such file or directory"));
  sources.file = "/tmp";
  EXPECT_THAT(texts(load(sources)), ElementsAre("/tmp: is a folder, not a file"));
}

TEST(Settings, ServerPropertiesOfKafka) {
  const Loaded loaded = properties(R"(# KRaft
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=localhost:9093
listeners=PLAINTEXT://:9092,CONTROLLER://:9093
inter.broker.listener.name=PLAINTEXT
advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT
num.network.threads=3
socket.request.max.bytes=104857600
log.dirs=/tmp/kraft-combined-logs
num.partitions=1
offsets.topic.replication.factor=1
log.retention.hours=168
log.segment.bytes=1073741824
)");
  EXPECT_USABLE(loaded);
  const Settings& s = loaded.settings;
  EXPECT_EQ(s.node_id, 1);
  EXPECT_EQ(s.data_dir, "/tmp/kraft-combined-logs");
  ASSERT_EQ(s.listeners.size(), 2u);
  EXPECT_EQ(s.listeners[0], (Listener{.name = "CONTROLLER",
                                      .bind = {"0.0.0.0", 9093},
                                      .advertise = {"localhost", 9093},
                                      .controller = true}));
  EXPECT_EQ(s.listeners[1], (Listener{.name = "PLAINTEXT",
                                      .bind = {"0.0.0.0", 9092},
                                      .advertise = {"localhost", 9092},
                                      .inter_broker = true}));
  EXPECT_THAT(s.seeds, IsEmpty()) << "itself";
  EXPECT_EQ(s.broker.at("controller.quorum.bootstrap.servers"), "localhost:9093");
  EXPECT_THAT(texts(loaded, Severity::warning),
              ElementsAre("s.properties:12: log.dirs: data under /tmp may be gone after a reboot"));
  EXPECT_THAT(texts(loaded, Severity::debug),
              Contains("s.properties:10: num.network.threads: accepted, has no effect here"));
}

TEST(Settings, PropertiesThatCannotBeHonoured) {
  const Loaded loaded = properties(
      "zookeeper.connect=localhost:2181\nauthorizer.class.name=kafka.security.Foo\nlog.dirs=/a,/b\nbanana=1\n"
      "log.retentionn.ms=5\nnum.partitions=0\nnode.id=-1\nlisteners=SSL://"
      ":9093\nremote.log.storage.system.enable=false\n");
  EXPECT_THAT(
      texts(loaded, Severity::warning),
      ElementsAre(
          HasSubstr("s.properties:1: zookeeper.connect: not supported: the quorum is built in"),
          HasSubstr("s.properties:2: authorizer.class.name: not supported: Java classes"),
          "s.properties:4: banana: unknown key (ignored)",
          "s.properties:5: log.retentionn.ms: unknown key; did you mean log.retention.ms? (ignored)",
          "s.properties:6: num.partitions: Invalid value 0: Value must be at least 1",
          HasSubstr("s.properties:7: node.id: Invalid value -1"),
          "s.properties:3: log.dirs: a node has one data folder; name one of them",
          HasSubstr("s.properties:8: listeners: listener SSL: SSL is not supported by this version")));
}

TEST(Settings, OlderNamesYieldToNewerOnes) {
  EXPECT_EQ(properties("log.dirs=/new\nlog.dir=/old").settings.data_dir, "/new");
  EXPECT_EQ(properties("log.dir=/old\nlog.dirs=/new").settings.data_dir, "/new");
  EXPECT_EQ(properties("log.dir=/old").settings.data_dir, "/old");
  EXPECT_EQ(properties("broker.id=7").settings.node_id, 7);
  EXPECT_EQ(properties("broker.id=-1").settings.node_id, std::nullopt);
}

TEST(Settings, PrecedenceIsFlagsEnvironmentFile) {
  Sources sources =
      with_file("m.yaml", "node: {id: 1, rack: file}\nkafka: {num.partitions: 1}\ncluster: {name: file}");
  sources.environment = {
      {"MOLDAU_NODE__ID", "2"}, {"MOLDAU_NODE__RACK", "env"}, {"KAFKA_NUM_PARTITIONS", "2"}};
  sources.set = {"node.id=3", "num.partitions=3"};
  const Loaded loaded = load(sources);
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.node_id, 3);
  EXPECT_EQ(loaded.settings.rack, "env");
  EXPECT_EQ(loaded.settings.cluster_name, "file");
  EXPECT_EQ(loaded.settings.broker.at("num.partitions"), "3");
  sources.set = {"broker.id=4"};
  EXPECT_EQ(load(sources).settings.node_id, 4);
}

TEST(Settings, EnvironmentOfTestcontainers) {
  const Loaded loaded = nothing_but(
      {{"CLUSTER_ID", "4L6g3nShT-eMCtK--X86sw"},
       {"KAFKA_LISTENERS", "PLAINTEXT://:9092,BROKER://:9093,CONTROLLER://:9094"},
       {"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://localhost:32768,BROKER://praha:9093"},
       {"KAFKA_LISTENER_SECURITY_PROTOCOL_MAP", "BROKER:PLAINTEXT,PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"},
       {"KAFKA_INTER_BROKER_LISTENER_NAME", "BROKER"},
       {"KAFKA_PROCESS_ROLES", "broker,controller"},
       {"KAFKA_CONTROLLER_LISTENER_NAMES", "CONTROLLER"},
       {"KAFKA_CONTROLLER_QUORUM_VOTERS", "1@localhost:9094"},
       {"KAFKA_NODE_ID", "1"},
       {"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", "1"},
       {"KAFKA_LOG_FLUSH_INTERVAL_MESSAGES", "9223372036854775807"},
       {"KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0"},
       {"KAFKA_HEAP_OPTS", "-Xmx1G"},
       {"KAFKA_URL", "left over"},
       {"PATH", "/bin"}});
  EXPECT_USABLE(loaded);
  const Settings& s = loaded.settings;
  EXPECT_EQ(s.cluster_id, "4L6g3nShT-eMCtK--X86sw");
  EXPECT_EQ(s.node_id, 1);
  EXPECT_TRUE(s.find_listener("BROKER")->inter_broker);
  EXPECT_EQ(s.find_listener("PLAINTEXT")->advertise, (runtime::Endpoint{"localhost", 32768}));
  EXPECT_TRUE(s.find_listener("CONTROLLER")->controller);
  EXPECT_THAT(s.voters, ElementsAre(Voter{1, {"localhost", 9094}}));
  EXPECT_EQ(effective_topic_config({.static_broker = &s.broker}).flush_messages, kMax);
  EXPECT_THAT(texts(loaded, Severity::info),
              testing::UnorderedElementsAre("environment: KAFKA_URL: unknown key (ignored)",
                                            "environment: ignored, they are for a JVM: KAFKA_HEAP_OPTS"));
}

// What Apache Kafka's image keeps from its broker.
TEST(Settings, VariablesOfTheJvmAreNoProperties) {
  std::map<std::string, std::string> variables;
  for (const char* name :
       {"VERSION", "HEAP_OPTS", "LOG4J_OPTS", "OPTS", "JMX_OPTS", "JVM_PERFORMANCE_OPTS", "GC_LOG_OPTS",
        "LOG4J_ROOT_LOGLEVEL", "LOG4J_LOGGERS", "JMX_HOSTNAME", "JMX_PORT", "TOOLS_LOG4J_LOGLEVEL"})
    variables[std::string("KAFKA_") + name] = "x";
  const Loaded loaded = nothing_but(variables);
  EXPECT_THAT(texts(loaded, Severity::info),
              ElementsAre(HasSubstr("ignored, they are for a JVM: KAFKA_GC_LOG_OPTS,")));
  EXPECT_THAT(texts(loaded, Severity::warning), IsEmpty());
}

TEST(Settings, UnderscoresOfVariablesAreDotsUnderscoresAndDashes) {
  EXPECT_EQ(property_of_variable("A_B"), "a.b");
  EXPECT_EQ(property_of_variable("A__B"), "a_b");
  EXPECT_EQ(property_of_variable("A___B"), "a-b");
  EXPECT_EQ(property_of_variable("A_B__C___D_E"), "a.b_c-d.e");
  const Loaded loaded = nothing_but({{"KAFKA_LISTENER_NAME_IN___SIDE_SSL_KEY__X", "1"}});
  EXPECT_USABLE(loaded);
  EXPECT_TRUE(loaded.settings.broker.contains("listener.name.in-side.ssl.key_x"));
}

TEST(Settings, EveryNameOfTheClustersIdIsKnown) {
  for (const char* name : {"CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID", "MOLDAU_CLUSTER__ID"})
    EXPECT_EQ(nothing_but({{name, "prague"}}).settings.cluster_id, "prague") << name;
}

TEST(Settings, EnvironmentRules) {
  const Loaded loaded = nothing_but({{"KAFKA_CFG_LOG_RETENTION_MS", "5"},
                                     {"MOLDAU_LISTENERS__EXTERNAL__BIND", "0.0.0.0:19092"},
                                     {"MOLDAU_LISTENERS__EXTERNAL__ADVERTISE", "localhost:19092"},
                                     {"MOLDAU_KAFKA__NUM_PARTITIONS", "4"},
                                     {"MOLDAU_BOOTSTRAP__TOPICS", "orders:6,audit:3:1,plain"},
                                     {"MOLDAU_BROKERS", "not:ours"},
                                     {"MOLDAU_STORAGE__DURABILITY", "page-cache"}});
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.broker.at("log.retention.ms"), "5");
  EXPECT_EQ(loaded.settings.broker.at("num.partitions"), "4");
  EXPECT_EQ(loaded.settings.listeners.size(), 1u);
  EXPECT_EQ(loaded.settings.durability, Durability::page_cache);
  EXPECT_THAT(loaded.settings.bootstrap_topics,
              ElementsAre(BootstrapTopic{"orders", 6, -1}, BootstrapTopic{"audit", 3, 1},
                          BootstrapTopic{"plain", -1, -1}));
  EXPECT_THAT(texts(nothing_but({{"MOLDAU_NODE__IDD", "1"}})),
              ElementsAre("environment: MOLDAU_NODE__IDD: unknown key; did you mean node.id?"));
  EXPECT_THAT(texts(nothing_but({{"MOLDAU_BOOTSTRAP__TOPICS", "a:x"}})),
              ElementsAre(HasSubstr("name:partitions")));
  EXPECT_THAT(texts(nothing_but({{"CLUSTER_ID", "no spaces"}})), ElementsAre(HasSubstr("up to 64 letters")));
}

TEST(Settings, SetTakesOursAndKafkas) {
  const Loaded loaded =
      nothing_but({}, {"kafka.num.partitions=2", "log.retention.ms = 7", "admin.enabled=false"});
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.broker.at("num.partitions"), "2");
  EXPECT_EQ(loaded.settings.broker.at("log.retention.ms"), "7");
  EXPECT_THAT(
      texts(nothing_but({}, {"node.id", "=5", "admin.bnd=x:1", "zookeeper.connect=a"})),
      ElementsAre("--set: node.id: is not of the form key=value", "--set: =5: is not of the form key=value",
                  "--set: admin.bnd: unknown key; did you mean admin.bind?",
                  HasSubstr("--set: zookeeper.connect: not supported")));
}

TEST(Settings, ReplacesReferences) {
  Sources sources =
      with_file("m.yaml",
                "node: {rack: 'a-${env:ZONE}-${env:ZONE}'}\ncluster: {name: '${file:/run/secret}'}\n"
                "admin: {bind: '127.0.0.1:${file:/run/more.properties:port}'}");
  sources.environment = {{"ZONE", "z1"}};
  const Loaded loaded = load(sources);
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.rack, "a-z1-z1");
  EXPECT_EQ(loaded.settings.cluster_name, "s3cret");
  EXPECT_EQ(loaded.settings.admin_bind.port, 9099);
  EXPECT_THAT(
      texts(yaml("node: {rack: '${env:NONE}'}\ncluster: {name: '${file:/none}'}\nlog: {file: '${env:X'}\n"
                 "admin: {bind: '${file:/run/more.properties:b}'}")),
      ElementsAre("m.yaml:1: node.rack: ${env:NONE}: the environment has no NONE",
                  "m.yaml:2: cluster.name: ${file:/none}: cannot be read: No such file or directory",
                  "m.yaml:3: log.file: ${ has no closing }",
                  "m.yaml:4: admin.bind: ${file:/run/more.properties:b}: the file has no key b"));
}

TEST(Listeners, NamesWhatIsWrong) {
  EXPECT_THAT(texts(properties("listeners=PLAINTEXT://:9092\ninter.broker.listener.name=CLIENT")),
              ElementsAre("s.properties:2: inter.broker.listener.name: there is no listener CLIENT; "
                          "listeners: PLAINTEXT"));
  EXPECT_THAT(
      texts(properties("listeners=PLAINTEXT://:9092\nadvertised.listeners=CLIENT://x:1")),
      ElementsAre("s.properties:2: advertised.listeners: there is no listener CLIENT; listeners: PLAINTEXT"));
  EXPECT_THAT(
      texts(properties("listeners=PLAINTEXT://:9092\nadvertised.listeners=PLAINTEXT://0.0.0.0:1")),
      ElementsAre(HasSubstr("s.properties:2: advertised.listeners: clients cannot connect to 0.0.0.0:1")));
  EXPECT_THAT(texts(properties("listeners=PLAINTEXT:9092")),
              Contains("s.properties:1: listeners: \"PLAINTEXT:9092\" is not of the form NAME://host:port"));
  EXPECT_THAT(texts(properties("listeners=A://:1,a://:2\nlistener.security.protocol.map=A:PLAINTEXT")),
              ElementsAre("s.properties:1: listeners: listener A is there twice"));
  EXPECT_THAT(texts(properties("listeners=A://:1,B://:1")),
              ElementsAre("listeners A and B are both bound to 0.0.0.0:1"));
  EXPECT_THAT(
      texts(properties("listeners=CLIENT://:1\nlistener.security.protocol.map=A:PLAINTEXT")),
      ElementsAre(
          "s.properties:2: listener.security.protocol.map: no security protocol for listener CLIENT"));
  EXPECT_THAT(texts(properties("listeners=A://:1\nlistener.security.protocol.map=A:TELNET")),
              Contains(HasSubstr("NAME:PROTOCOL")));
  EXPECT_THAT(texts(properties("listeners=C://:1\ncontroller.listener.names=C")),
              ElementsAre("a broker needs a listener for clients"));
  EXPECT_THAT(texts(properties("listeners=P://:1\ncontroller.listener.names=C")),
              ElementsAre(HasSubstr("there is no listener C; listeners: P")));
  EXPECT_THAT(
      texts(yaml("listeners: {a: {bind: 'x:1', inter_broker: true}, b: {bind: 'x:2', inter_broker: true}}")),
      ElementsAre("listeners A and B both are for brokers"));
  EXPECT_THAT(texts(yaml("listeners: {a: {bind: 'x:1'}, b: {advertise: 'x:2'}}")),
              ElementsAre("m.yaml:1: listeners.b.advertise: listener b has no bind"));
  EXPECT_THAT(texts(yaml("listeners: {a: {bind: 'http://x:1'}}")),
              Contains(HasSubstr("is not an address of the form host:port")));
  EXPECT_THAT(texts(yaml("listeners: {a: {bind: '127.0.0.1:9644'}}")),
              ElementsAre("listener A and admin are both bound to 127.0.0.1:9644"));
}

TEST(Listeners, OursLieOverKafkasAndOverTheDefault) {
  Sources sources = with_file("s.properties",
                              "listeners=PLAINTEXT://127.0.0.1:9092,EXTERNAL://"
                              "127.0.0.1:9192\nadvertised.listeners=EXTERNAL://old:1");
  sources.environment = {{"MOLDAU_LISTENERS__EXTERNAL__ADVERTISE", "new:2"}};
  const Loaded loaded = load(sources);
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.find_listener("external")->advertise, (runtime::Endpoint{"new", 2}));

  const Loaded only = nothing_but({{"MOLDAU_LISTENERS__PLAINTEXT__ADVERTISE", "me:9"}});
  EXPECT_USABLE(only);
  EXPECT_EQ(only.settings.listeners[0].bind, (runtime::Endpoint{"127.0.0.1", 9092}));
  EXPECT_EQ(only.settings.listeners[0].advertise, (runtime::Endpoint{"me", 9}));

  const Loaded advertised = nothing_but({{"KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://me:9"}});
  EXPECT_USABLE(advertised);
  EXPECT_EQ(advertised.settings.listeners[0].advertise, (runtime::Endpoint{"me", 9}));
}

TEST(Listeners, ANameMayHaveDotsInYamlAsInProperties) {
  const Loaded loaded = yaml("listeners: {in.ner: {bind: '127.0.0.1:9192', security: plaintext}}");
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.find_listener("in.ner")->bind, (runtime::Endpoint{"127.0.0.1", 9192}));
}

TEST(Listeners, AWildcardAdvertisesTheHostAndSaysSo) {
  const Loaded loaded = yaml("listeners: {plain: {bind: ':9092'}}");
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.listeners[0].advertise, (runtime::Endpoint{"praha", 9092}));
  EXPECT_THAT(texts(loaded, Severity::info), Contains(HasSubstr("tells clients to connect to praha:9092")));
}

TEST(EffectiveYaml, ReadsBackToTheSameSettings) {
  const Loaded first = yaml(R"(
node: {id: 3, rack: "a: b", roles: [broker, controller], data_dir: /data}
cluster: {name: "pr\"od\n", id: abc, seeds: ["m-1:9093"]}
listeners: {internal: {bind: "0.0.0.0:9092", advertise: "[::1]:9092"}, controller: {bind: "127.0.0.1:0"}}
storage: {durability: page-cache, memory: 1GiB, disk_reserve: 7%}
log: {levels: {raft: debug}, file: "/x y"}
bootstrap: {topics: [{name: orders, partitions: 6}], defaults: {num.partitions: 3}}
kafka: {log.retention.hours: 24, super.users: "User:a;User:b"}
)");
  EXPECT_USABLE(first);
  const std::string text = effective_yaml(first.settings);
  const Loaded second = yaml(text);
  EXPECT_THAT(texts(second), IsEmpty()) << text;
  EXPECT_EQ(effective_yaml(second.settings), text);
  EXPECT_EQ(second.settings.listeners, first.settings.listeners);
  EXPECT_EQ(second.settings.broker, first.settings.broker);
  EXPECT_EQ(second.settings.bootstrap_topics, first.settings.bootstrap_topics);
  EXPECT_EQ(second.settings.cluster_name, "pr\"od\n");
}

TEST(EffectiveYaml, HidesSecrets) {
  const Loaded loaded = properties("ssl.keystore.password=geheim\nlistener.name.a.sasl.jaas.config=geheim\n");
  EXPECT_USABLE(loaded);
  const std::string text = effective_yaml(loaded.settings);
  EXPECT_THAT(text, testing::Not(HasSubstr("geheim")));
  EXPECT_THAT(text, HasSubstr("ssl.keystore.password: \"[hidden]\""));
}

std::string contents_of(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// MOLDAU_UPDATE=1 writes the file anew.
TEST(ShippedFiles, MoldauYamlIsTheCatalogue) {
  const std::string path = MOLDAU_SOURCE_DIR "/config/moldau.yaml";
  if (std::getenv("MOLDAU_UPDATE") != nullptr) std::ofstream(path) << annotated_yaml();
  EXPECT_EQ(contents_of(path), annotated_yaml()) << "MOLDAU_UPDATE=1 writes it anew";
}

TEST(ShippedFiles, MoldauYamlSaysTheDefaults) {
  const Loaded shipped = yaml(contents_of(MOLDAU_SOURCE_DIR "/config/moldau.yaml"));
  EXPECT_THAT(texts(shipped, Severity::info), IsEmpty());
  Loaded defaults = yaml("");
  defaults.settings.broker["moldau.durability"] = "synced";  // said aloud by the file
  EXPECT_EQ(effective_yaml(shipped.settings), effective_yaml(defaults.settings));
  EXPECT_EQ(shipped.settings.broker, defaults.settings.broker);
}

TEST(ShippedFiles, MoldauYamlHasEveryKey) {
  const std::string text = contents_of(MOLDAU_SOURCE_DIR "/config/moldau.yaml");
  for (const Key& key : own_keys()) {
    if (key.support == Support::unsupported || key.name.ends_with("*")) continue;
    EXPECT_THAT(text, HasSubstr(std::string(key.name.substr(key.name.rfind('.') + 1)) + ":")) << key.name;
  }
}

TEST(ShippedFiles, ServerPropertiesStartsANode) {
  const Loaded loaded = load({.file = MOLDAU_SOURCE_DIR "/config/server.properties"});
  EXPECT_USABLE(loaded);
  EXPECT_EQ(loaded.settings.node_id, 1);
  EXPECT_EQ(loaded.settings.find_listener("PLAINTEXT")->advertise, (runtime::Endpoint{"localhost", 9092}));
  EXPECT_TRUE(loaded.settings.find_listener("CONTROLLER")->controller);
}

}  // namespace
}  // namespace moldau::config
