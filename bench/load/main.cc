// moldau_load MODE [options]: puts load on a broker in Kafka's own protocol and prints one line of JSON.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "call.h"
#include "modes.h"
#include "program.h"

using namespace moldau;
using namespace moldau::load;

namespace {

struct Options {
  Broker broker;
  std::string row;
  ProduceShape shape;
  ConsumeShape consume;
  double rate = 1000;
  int connections = 5000;
  int partitions = 1000;
  int topics = 1;
  std::string folder = ".";
  std::string topic;
  int groups = 1;
  int megabytes = 512;
  bool kill = false;
  int touch_megabytes = 1000;
  RebalanceShape rebalance;
  std::string output = "/dev/null";
  std::vector<std::string> command;
  std::vector<std::string> members;
  bool kill_controller = false;
  CompactionShape compaction;
};

// ID:PORT:PID of a broker.
Member member_of(const std::string& text) {
  Member member;
  int port = 0;
  if (std::sscanf(text.c_str(), "%d:%d:%d", &member.id, &port, &member.pid) != 3)
    throw CLI::ValidationError("--broker", text + " is not ID:PORT:PID");
  member.port = static_cast<std::uint16_t>(port);
  return member;
}

CLI::App* add_mode(CLI::App& app, Options& options, const std::string& name, const std::string& what) {
  CLI::App* mode = app.add_subcommand(name, what);
  mode->add_option("--row", options.row, "name of the printed row");
  mode->add_option("--port", options.broker.port, "of the broker on 127.0.0.1")->capture_default_str();
  mode->add_option("--pid", options.broker.pids, "of the broker; several: of all brokers of a cluster");
  return mode;
}

record::Codec codec(const std::string& name) {
  const auto found = record::codec_named(name);
  if (!found) throw CLI::ValidationError("--codec", "no codec " + name);
  return *found;
}

void add_shape(CLI::App* mode, ProduceShape& shape) {
  mode->add_option("--connections", shape.connections)->capture_default_str();
  mode->add_option("--depth", shape.depth, "requests in flight on each connection")->capture_default_str();
  mode->add_option("--partitions", shape.partitions)->capture_default_str();
  mode->add_option("--replicas", shape.replicas, "3: the topic is spread over a cluster")
      ->capture_default_str();
  mode->add_option("--records", shape.records, "in a batch")->capture_default_str();
  mode->add_option("--bytes", shape.value_bytes, "of a record's value")->capture_default_str();
  mode->add_option("--acks", shape.acks, "-1 or 1")->capture_default_str();
  mode->add_option_function<std::string>(
      "--codec", [&](const std::string& name) { shape.codec = codec(name); },
      "none, gzip, snappy, lz4, zstd");
  mode->add_option("--idempotent", shape.idempotent, "true or false")->capture_default_str();
  mode->add_option("--topic-config", shape.topic_configs, "key=value, for the topic");
  mode->add_option("--warmup", shape.warmup_s, "seconds")->capture_default_str();
  mode->add_option("--seconds", shape.seconds, "measured")->capture_default_str();
}

void add_producing_modes(CLI::App& app, Options& o) {
  auto* mode = add_mode(app, o, "produce", "as fast as it goes");
  add_shape(mode, o.shape);
  mode->callback([&] { produce(o.broker, o.row, o.shape); });

  mode = add_mode(app, o, "latency", "acknowledgements at a fixed rate, open loop");
  add_shape(mode, o.shape);
  mode->add_option("--rate", o.rate, "requests a second")->capture_default_str();
  mode->callback([&] { latency(o.broker, o.row, o.shape, o.rate); });

  mode = add_mode(app, o, "end-to-end", "from producer to waiting consumer at a fixed rate, open loop");
  add_shape(mode, o.shape);
  mode->add_option("--rate", o.rate, "records a second")->capture_default_str();
  mode->add_option("--groups", o.groups, "consumers of everything")->capture_default_str();
  mode->callback([&] { end_to_end(o.broker, o.row, o.shape, o.rate, o.groups); });

  mode = add_mode(app, o, "fill", "produces so much to a new topic");
  add_shape(mode, o.shape);
  mode->add_option("--topic", o.topic)->required();
  mode->add_option("--megabytes", o.megabytes)->capture_default_str();
  mode->add_option("--kill", o.kill, "true: SIGKILL to the broker at the end, under load")
      ->capture_default_str();
  mode->callback([&] { fill(o.broker, o.row, o.shape, o.topic, o.megabytes, o.kill); });

  mode = add_mode(app, o, "catch-up",
                  "reads a topic from its beginning beside producers and a consumer of another");
  add_shape(mode, o.shape);
  mode->add_option("--rate", o.rate, "requests a second beside it")->capture_default_str();
  mode->add_option("--topic", o.topic)->required();
  mode->add_option("--topic-partitions", o.partitions)->capture_default_str();
  mode->callback([&] { catch_up(o.broker, o.row, o.shape, o.rate, o.topic, o.partitions); });

  mode = add_mode(app, o, "round-trip", "one request in flight, beside a bare echo of the same bytes");
  add_shape(mode, o.shape);
  mode->callback([&] { round_trip(o.broker, o.row, o.shape); });
}

GroupProtocol protocol(const std::string& name) {
  if (name == "classic") return GroupProtocol::classic;
  if (name == "consumer") return GroupProtocol::consumer;
  throw CLI::ValidationError("--protocol", name + " is neither classic nor consumer");
}

void add_rebalance_mode(CLI::App& app, Options& o) {
  auto* mode = add_mode(app, o, "rebalance", "a group that members join and leave");
  mode->add_option_function<std::string>(
      "--protocol", [&](const std::string& name) { o.rebalance.protocol = protocol(name); },
      "classic, consumer");
  mode->add_option("--members", o.rebalance.members)->capture_default_str()->check(CLI::Range(1, 20'000));
  mode->add_option("--partitions", o.rebalance.partitions)
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000));
  mode->add_option("--percent", o.rebalance.percent, "of the members, that come and go")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  mode->add_option("--cycles", o.rebalance.cycles)->capture_default_str()->check(CLI::Range(1, 1000));
  mode->add_option("--heartbeat-ms", o.rebalance.heartbeat_ms, "of members of the classic protocol")
      ->capture_default_str()
      ->check(CLI::Range(1, 30'000));
  mode->callback([&] { rebalance(o.broker, o.row, o.rebalance); });
}

void add_other_modes(CLI::App& app, Options& o) {
  auto* mode = add_mode(app, o, "consume", "reads what it has produced, again and again");
  add_shape(mode, o.consume.fill);
  mode->add_option("--consumers", o.consume.connections)->capture_default_str();
  mode->add_option("--megabytes", o.consume.megabytes)->capture_default_str();
  mode->add_option("--partition-max-bytes", o.consume.partition_max_bytes)->capture_default_str();
  mode->callback([&] {
    o.consume.seconds = o.consume.fill.seconds;
    consume(o.broker, o.row, o.consume);
  });

  mode = add_mode(app, o, "connections", "a storm of connections, then idle ones");
  mode->add_option("--count", o.connections)->capture_default_str();
  mode->add_option("--rate", o.rate, "requests a second beside them")->capture_default_str();
  mode->add_option("--seconds", o.shape.seconds, "of the load beside them")->capture_default_str();
  mode->add_option("--warmup", o.shape.warmup_s, "seconds before each")->capture_default_str();
  mode->callback([&] { connections(o.broker, o.row, o.connections, o.shape, o.rate); });

  mode = add_mode(app, o, "density", "memory and time of many partitions");
  mode->add_option("--partitions", o.partitions)->capture_default_str();
  mode->add_option("--topics", o.topics)->capture_default_str();
  mode->add_option("--replicas", o.shape.replicas)->capture_default_str();
  mode->callback([&] { density(o.broker, o.row, o.partitions, o.topics, o.shape.replicas); });

  mode = add_mode(app, o, "fail-over", "kills a broker of a cluster under a producer that goes on");
  add_shape(mode, o.shape);
  mode->add_option("--rate", o.rate, "requests a second")->capture_default_str();
  mode->add_option("--broker", o.members, "ID:PORT:PID of each")->required();
  mode->add_option("--kill-controller", o.kill_controller,
                   "true: the leader that is the active controller, too")
      ->capture_default_str();
  mode->callback([&] {
    std::vector<Member> members;
    for (const std::string& text : o.members) members.push_back(member_of(text));
    fail_over(members, o.row, o.shape, o.rate, o.kill_controller ? Victim::controller : Victim::leader);
  });

  mode = add_mode(app, o, "compaction", "fills a compacted topic and has it compacted beside producers");
  add_shape(mode, o.shape);
  mode->add_option("--rate", o.rate, "requests a second beside it")->capture_default_str();
  mode->add_option("--folder", o.compaction.folder, "data folder of the broker")->required();
  mode->add_option("--megabytes", o.compaction.megabytes)->capture_default_str();
  mode->add_option("--keys", o.compaction.keys)->capture_default_str();
  mode->add_option("--topic-partitions", o.compaction.partitions)->capture_default_str();
  mode->add_option("--value-bytes", o.compaction.value_bytes)->capture_default_str();
  mode->add_option("--segment-megabytes", o.compaction.segment_megabytes)->capture_default_str();
  mode->callback([&] { compaction(o.broker, o.row, o.shape, o.rate, o.compaction); });

  mode = add_mode(app, o, "start", "starts a broker: time to listen, to answer, to acknowledge");
  mode->add_option("--output", o.output, "file for what the broker prints")->capture_default_str();
  mode->add_option("command", o.command, "the broker's command line, after --")->required();
  mode->add_option("--topic", o.topic, "that is there already; else one is created");
  mode->add_option("--partitions", o.partitions, "of that topic, whose records are counted");
  mode->callback([&] {
    start(o.broker.port, o.row, o.output, o.command, {o.topic, o.topic.empty() ? 1 : o.partitions});
  });

  mode = add_mode(app, o, "machine", "the machine's own limits");
  mode->add_option("--folder", o.folder, "for files")->capture_default_str();
  mode->callback([&] { machine(o.folder); });

  mode = add_mode(app, o, "touch", "takes memory and gives it back");
  mode->add_option("--megabytes", o.touch_megabytes)->capture_default_str();
  mode->callback([&] { touch(o.touch_megabytes); });
}

}  // namespace

int main(int argc, char** argv) {
  ::prctl(PR_SET_TIMERSLACK, 1);
  Options options;
  CLI::App app("Load for a broker on 127.0.0.1, in Kafka's protocol");
  app.require_subcommand(1);
  add_producing_modes(app, options);
  add_other_modes(app, options);
  add_rebalance_mode(app, options);
  app.parse_complete_callback([&] {
    if (options.row.empty()) options.row = app.get_subcommands().front()->get_name();
  });
  CLI11_PARSE(app, argc, argv);
  moldau::load::delete_created_topics();
}
