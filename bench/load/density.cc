#include <unistd.h>

#include <deque>
#include <map>

#include "call.h"
#include "cluster.h"
#include "connections.h"
#include "modes.h"
#include "process.h"
#include "program.h"

namespace moldau::load {

namespace {

std::vector<NewTopic> topics_of(int partitions, int topics, int replicas) {
  std::vector<NewTopic> all;
  for (int i = 0; i < topics; ++i) {
    all.push_back(
        {.name = "dense-" + std::to_string(i), .partitions = partitions / topics, .replicas = replicas});
  }
  return all;
}

void write_one_record_to_each(const Broker& broker, const std::vector<NewTopic>& topics) {
  const Slice batch = make_batch(1, 100);
  Connections connections(
      broker.port, [](const Connections::Answer& answer) { check_produced(answer.request, answer.bytes); });
  std::map<std::uint16_t, std::size_t> to;  // by port
  std::deque<Frame> frames;
  for (const NewTopic& topic : topics) {
    const Leaders leaders = Leaders::find(broker.port, topic.name, topic.partitions, topic.replicas);
    for (std::size_t leader = 0; leader < leaders.count(); ++leader) {
      const std::uint16_t port = leaders.port(leader);
      if (!to.contains(port)) to[port] = connections.open_to(port);
      for (const std::size_t partition : leaders.partitions_of(leader)) {
        frames.push_back(produce_frame(topic.name, static_cast<PartitionIndex>(partition), batch, -1));
        connections.send(to[port], frames.back(), now_ns());
      }
    }
  }
  connections.drain(50);
}

}  // namespace

void density(const Broker& broker, const std::string& row, int partitions, int topics, int replicas) {
  constexpr int kIdleSeconds = 2;
  const double empty_mib = resident_mib_of(broker.pids);
  const auto all = topics_of(partitions, topics, replicas);
  std::int64_t began = now_ns();
  // One after another: Apache Kafka refuses 10,000 partitions in one request.
  for (const NewTopic& topic : all) create_topics(broker.port, {topic});
  const double create_s = static_cast<double>(now_ns() - began) / kSecondNs;
  ::sleep(1);
  const double idle_mib = resident_mib_of(broker.pids);
  const CpuMeter meter(broker.pids);
  ::sleep(kIdleSeconds);
  const double idle_cpus = meter.taken() / kIdleSeconds;
  began = now_ns();
  write_one_record_to_each(broker, all);
  const double write_s = static_cast<double>(now_ns() - began) / kSecondNs;
  JsonLine(row)
      .number("partitions", partitions)
      .number("empty_rss_mib", empty_mib)
      .number("rss_mib", idle_mib)
      .number("rss_with_a_record_each_mib", resident_mib_of(broker.pids))
      .number("create_s", create_s)
      .number("first_records_s", write_s)
      .number("idle_cpus", idle_cpus)
      .print();
}

}  // namespace moldau::load
