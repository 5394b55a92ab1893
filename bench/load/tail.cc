#include "tail.h"

#include <poll.h>

#include <algorithm>

#include "call.h"
#include "cluster.h"
#include "modes.h"
#include "process.h"
#include "program.h"

namespace moldau::load {

TailedProducers::TailedProducers(std::uint16_t port, const std::string& topic, const ProduceShape& shape,
                                 double rate, int groups)
    : records_in_batch_(shape.records), load_(port, topic, shape, rate) {
  for (int i = 0; i < groups; ++i) {
    Group& group = *groups_.emplace_back(std::make_unique<Group>());
    group.due.resize(static_cast<std::size_t>(shape.partitions));
    group.consumers = std::make_unique<Consumers>(port, topic, shape.partitions, 1, FetchLimits{});
    group.consumers->on_records(
        [this, &group](PartitionIndex partition, Offset from, Offset to, std::int64_t now) {
          seen(group, static_cast<std::size_t>(partition), to - from, now);
        });
    group.consumers->begin();
  }
  load_.on_send([this](std::size_t partition, std::int64_t due_ns) {
    for (auto& group : groups_) group->due[partition].push_back(due_ns);
  });
}

void TailedProducers::seen(Group& group, std::size_t partition, std::int64_t records, std::int64_t now_ns) {
  // Batches come whole.
  for (std::int64_t batches = records / records_in_batch_; batches > 0 && !group.due[partition].empty();
       --batches) {
    delivered_ns_.record(static_cast<std::uint64_t>(now_ns - group.due[partition].front()));
    group.due[partition].pop_front();
  }
}

void TailedProducers::wait(std::int64_t until_ns, int also) {
  std::vector<pollfd> all{{.fd = load_.connections().descriptor(), .events = POLLIN, .revents = 0}};
  for (auto& group : groups_) {
    all.push_back({.fd = group->consumers->connections().descriptor(), .events = POLLIN, .revents = 0});
  }
  if (also >= 0) all.push_back({.fd = also, .events = POLLIN, .revents = 0});
  const std::int64_t wait = std::max<std::int64_t>(0, until_ns - now_ns());
  const timespec timeout{.tv_sec = wait / kSecondNs, .tv_nsec = wait % kSecondNs};
  ::ppoll(all.data(), all.size(), &timeout, nullptr);
}

void TailedProducers::turn(std::int64_t until_ns, int also) {
  const std::int64_t next_due = load_.send_due(now_ns());
  load_.connections().turn(0);
  for (auto& group : groups_) group->consumers->connections().turn(0);
  wait(std::min(next_due, until_ns), also);
}

void TailedProducers::run(double seconds) {
  for (const std::int64_t end = now_ns() + ns_of(seconds); now_ns() < end;) turn(end);
}

void TailedProducers::stop() {
  load_.finish();
  for (auto& group : groups_) group->consumers->stop();
}

TailedProducers::Measured TailedProducers::take() {
  Measured measured{load_.take(), std::exchange(delivered_ns_, {})};
  for (auto& group : groups_) {
    const auto counts = group->consumers->take();
    measured.records += counts.records;
    measured.bytes += counts.bytes;
  }
  return measured;
}

void end_to_end(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate,
                int groups) {
  const std::string topic = create_topic(broker.port, shape.partitions, shape.topic_configs, shape.replicas);
  TailedProducers tailed(broker.port, topic, shape, rate, groups);
  tailed.run(shape.warmup_s);
  static_cast<void>(tailed.take());
  const CpuMeter meter(broker.pids);
  tailed.run(shape.seconds);
  const double cpu = meter.taken();
  const auto measured = tailed.take();
  tailed.stop();
  const double megabytes = static_cast<double>(measured.bytes) / 1e6;
  JsonLine(row)
      .number("records_per_s", static_cast<double>(measured.records) / shape.seconds)
      .number("mb_out_per_s", megabytes / shape.seconds)
      .number("mb_out_per_cpu_s", megabytes / cpu)
      .number("broker_cpus", cpu / shape.seconds)
      .latency(measured.acknowledged_ns, "ack_")
      .latency(measured.delivered_ns)
      .print();
}

}  // namespace moldau::load
