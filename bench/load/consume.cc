#include <poll.h>

#include <algorithm>
#include <deque>

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
  const CpuMeter meter(broker.pid);
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

namespace {

// When the records of each partition were due, oldest first, those that no consumer has seen yet.
class DueTimes {
 public:
  explicit DueTimes(std::size_t partitions) : due_(partitions) {}

  void sent(std::size_t partition, std::int64_t due_ns) { due_[partition].push_back(due_ns); }
  void seen(std::size_t partition, std::int64_t count, std::int64_t now_ns) {
    for (; count > 0 && !due_[partition].empty(); --count) {
      latency_ns.record(static_cast<std::uint64_t>(now_ns - due_[partition].front()));
      due_[partition].pop_front();
    }
  }
  telemetry::HistogramData latency_ns;

 private:
  std::vector<std::deque<std::int64_t>> due_;
};

void wait_for_either(const Connections& a, const Connections& b, std::int64_t until_ns) {
  pollfd either[] = {{.fd = a.descriptor(), .events = POLLIN, .revents = 0},
                     {.fd = b.descriptor(), .events = POLLIN, .revents = 0}};
  const std::int64_t wait = std::max<std::int64_t>(0, until_ns - now_ns());
  const timespec timeout{.tv_sec = wait / kSecondNs, .tv_nsec = wait % kSecondNs};
  ::ppoll(either, 2, &timeout, nullptr);
}

}  // namespace

void end_to_end(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate) {
  if (shape.records != 1) die("end to end takes one record a request");
  const std::string topic = create_topic(broker.port, shape.partitions);
  DueTimes due(static_cast<std::size_t>(shape.partitions));
  OpenLoop load(broker.port, topic, shape, rate);
  Consumers consumers(broker.port, topic, shape.partitions, 1, {});
  load.on_send([&](std::size_t partition, std::int64_t due_ns) { due.sent(partition, due_ns); });
  consumers.on_records([&](PartitionIndex partition, Offset from, Offset to, std::int64_t now) {
    due.seen(static_cast<std::size_t>(partition), to - from, now);
  });
  consumers.begin();
  const auto run = [&](double seconds) {
    for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) {
      const std::int64_t next_due = load.send_due(now_ns());
      load.connections().turn(0);
      consumers.connections().turn(0);
      wait_for_either(load.connections(), consumers.connections(), next_due);
    }
  };
  run(shape.warmup_s);
  due.latency_ns = {};
  const CpuMeter meter(broker.pid);
  run(shape.seconds);
  const double cpu = meter.taken();
  const auto measured = due.latency_ns;
  load.finish();
  consumers.stop();
  JsonLine(row)
      .number("records_per_s", static_cast<double>(measured.count) / shape.seconds)
      .number("broker_cpus", cpu / shape.seconds)
      .latency(measured)
      .print();
}

}  // namespace moldau::load
