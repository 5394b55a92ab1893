#include <csignal>

#include "call.h"
#include "modes.h"
#include "process.h"
#include "producers.h"
#include "program.h"
#include "tail.h"

namespace moldau::load {

void fill(const Broker& broker, const std::string& row, const ProduceShape& shape, const std::string& name,
          int megabytes, bool kill) {
  create_topics(broker.port,
                {{.name = name, .partitions = shape.partitions, .configs = shape.topic_configs}});
  Producers producers(broker.port, name, shape);
  const std::int64_t requests =
      megabytes * std::int64_t{1'000'000} / static_cast<std::int64_t>(producers.batch_bytes());
  const std::int64_t began = now_ns();
  const std::int64_t give_up = began + ns_of(shape.seconds);
  std::int64_t acknowledged = 0;
  while (acknowledged < requests && now_ns() < give_up) {
    producers.run_until(now_ns() + kSecondNs / 100);
    acknowledged += producers.take().requests;
  }
  const double seconds = static_cast<double>(now_ns() - began) / kSecondNs;
  if (kill) {
    ::kill(broker.pids.at(0), SIGKILL);
  } else {
    producers.finish();
    acknowledged += producers.take().requests;
  }
  JsonLine(row)
      .number("seconds", seconds)
      .number("mb", static_cast<double>(acknowledged) * static_cast<double>(producers.batch_bytes()) / 1e6)
      .number("acknowledged_records", static_cast<double>(acknowledged) * shape.records)
      .print();
}

namespace {

constexpr double kMostSeconds = 120;

}  // namespace

void catch_up(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate,
              const std::string& name, int partitions) {
  const std::int64_t records = count_records(broker.port, name, partitions);
  TailedProducers tailed(broker.port, create_topic(broker.port, shape.partitions), shape, rate, 1);
  tailed.run(shape.warmup_s);
  static_cast<void>(tailed.take());
  tailed.run(shape.seconds);
  const auto before = tailed.take();

  Consumers reader(broker.port, name, partitions, 1, {});
  reader.begin();
  const CpuMeter meter(broker.pids);
  const std::int64_t began = now_ns();
  const std::int64_t give_up = began + ns_of(kMostSeconds);
  Consumers::Counts read;
  while (read.records < records && now_ns() < give_up) {
    reader.connections().turn(0);
    tailed.turn(give_up, reader.connections().descriptor());
    const auto more = reader.take();
    read.records += more.records;
    read.bytes += more.bytes;
  }
  const double seconds = static_cast<double>(now_ns() - began) / kSecondNs;
  const double cpu = meter.taken();
  const auto meanwhile = tailed.take();
  reader.stop();
  tailed.stop();
  JsonLine(row)
      .number("drain_mb_per_s", static_cast<double>(read.bytes) / 1e6 / seconds)
      .number("drained_records", static_cast<double>(read.records))
      .number("missing_records", static_cast<double>(records - read.records))
      .number("broker_cpus", cpu / seconds)
      .latency(before.acknowledged_ns, "before_")
      .latency(meanwhile.acknowledged_ns)
      .latency(meanwhile.delivered_ns, "tail_")
      .print();
}

}  // namespace moldau::load
