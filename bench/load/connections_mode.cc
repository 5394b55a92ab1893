#include <sys/resource.h>

#include "call.h"
#include "modes.h"
#include "open_loop.h"
#include "process.h"
#include "program.h"

namespace moldau::load {

namespace {

void raise_descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

telemetry::HistogramData latency_of(const Broker& broker, const std::string& topic, const ProduceShape& shape,
                                    double rate) {
  OpenLoop load(broker.port, topic, shape, rate);
  load.run(shape.warmup_s);
  auto measured = load.run(shape.seconds);
  load.finish();
  return measured;
}

// Connects, asks twice on each connection, and has every answer when it returns.
void storm(Connections& idle, int count, const Frame& versions, const Frame& metadata) {
  for (int i = 0; i < count; ++i) {
    const std::size_t connection = idle.open();
    idle.send(connection, versions, 0);
    idle.send(connection, metadata, 0);
    if (i % 32 == 31) idle.turn(0);
  }
  idle.drain(30);
}

}  // namespace

void connections(const Broker& broker, const std::string& row, int count, const ProduceShape& shape,
                 double rate) {
  raise_descriptor_limit();
  const std::string topic = create_topic(broker.port, shape.partitions);
  const auto before = latency_of(broker, topic, shape, rate);
  const double resident_before = resident_mib_of(broker.pids);
  const Frame versions = api_versions_frame();
  const Frame metadata = metadata_frame(topic);
  Connections idle(broker.port, [](const Connections::Answer&) {});
  const CpuMeter meter(broker.pids);
  const std::int64_t began = now_ns();
  storm(idle, count, versions, metadata);
  const double seconds = static_cast<double>(now_ns() - began) / kSecondNs;
  const double cpu = meter.taken();
  const double grown = resident_mib_of(broker.pids) - resident_before;
  const auto meanwhile = latency_of(broker, topic, shape, rate);
  JsonLine(row)
      .number("connections", count)
      .number("connections_per_s", count / seconds)
      .number("connections_per_cpu_s", count / cpu)
      .number("kib_per_connection", grown * 1024 / count)
      .latency(before, "before_")
      .latency(meanwhile)
      .print();
}

}  // namespace moldau::load
