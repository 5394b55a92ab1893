#include "call.h"
#include "consumers.h"
#include "modes.h"
#include "open_loop.h"
#include "process.h"
#include "producers.h"
#include "program.h"

namespace moldau::load {

void consume(const Broker& broker, const std::string& row, const ConsumeShape& shape) {
  const std::string topic = create_topic(broker.port, shape.fill.partitions);
  {
    Producers producers(broker.port, topic, shape.fill);
    producers.run_requests(shape.megabytes * std::int64_t{1'000'000} /
                           static_cast<std::int64_t>(producers.batch_bytes()));
  }
  Consumers consumers(broker.port, topic, shape.fill.partitions, shape.connections,
                      {.partition_max_bytes = shape.partition_max_bytes});
  consumers.repeat(true);
  consumers.begin();
  const auto run = [&](double seconds) {
    for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) {
      consumers.connections().turn(end);
    }
  };
  run(shape.fill.warmup_s);
  static_cast<void>(consumers.take());
  const CpuMeter meter(broker.pids);
  run(shape.seconds);
  const double cpu = meter.taken();
  const auto counts = consumers.take();
  consumers.stop();
  consumers.connections().drain(10);
  const double megabytes = static_cast<double>(counts.bytes) / 1e6;
  JsonLine(row)
      .number("records_per_s", static_cast<double>(counts.records) / shape.seconds)
      .number("mb_per_s", megabytes / shape.seconds)
      .number("mb_per_cpu_s", megabytes / cpu)
      .number("records_per_cpu_s", static_cast<double>(counts.records) / cpu)
      .number("responses_per_s", static_cast<double>(counts.responses) / shape.seconds)
      .number("broker_cpus", cpu / shape.seconds)
      .print();
}

}  // namespace moldau::load
