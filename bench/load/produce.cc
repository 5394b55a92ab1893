#include "call.h"
#include "modes.h"
#include "process.h"
#include "producers.h"
#include "program.h"

namespace moldau::load {

void produce(const Broker& broker, const std::string& row, const ProduceShape& shape) {
  const std::string topic = create_topic(broker.port, shape.partitions, shape.topic_configs, shape.replicas);
  Producers producers(broker.port, topic, shape);
  producers.run_until(now_ns() + ns_of(shape.warmup_s));
  static_cast<void>(producers.take());

  const CpuMeter meter(broker.pids);
  const std::int64_t began = now_ns();
  producers.run_until(began + ns_of(shape.seconds));
  const double seconds = static_cast<double>(now_ns() - began) / kSecondNs;
  const double cpu = meter.taken();
  const auto counts = producers.take();
  producers.finish();

  const auto requests = static_cast<double>(counts.requests);
  const double records = requests * shape.records;
  const double megabytes = requests * static_cast<double>(producers.batch_bytes()) / 1e6;
  JsonLine(row)
      .number("requests_per_s", requests / seconds)
      .number("records_per_s", records / seconds)
      .number("mb_per_s", megabytes / seconds)
      .number("requests_per_cpu_s", requests / cpu)
      .number("records_per_cpu_s", records / cpu)
      .number("mb_per_cpu_s", megabytes / cpu)
      .number("cpu_s_per_gb", cpu / megabytes * 1e3)
      .number("broker_cpus", cpu / seconds)
      .number("rss_mib", resident_mib_of(broker.pids))
      .latency(counts.latency_ns)
      .print();
}

}  // namespace moldau::load
