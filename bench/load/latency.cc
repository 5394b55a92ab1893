#include "call.h"
#include "modes.h"
#include "open_loop.h"
#include "process.h"
#include "producers.h"
#include "program.h"

namespace moldau::load {

OpenLoop::OpenLoop(std::uint16_t port, const std::string& topic, const ProduceShape& shape, double rate)
    : leaders_(Leaders::find(port, topic, shape.partitions, shape.replicas)),
      frames_(produce_frames(
          topic, shape, make_batch(shape.records, static_cast<std::size_t>(shape.value_bytes), shape.codec))),
      connections_(port, [this](const Connections::Answer& answer) { answered(answer); }),
      period_ns_(static_cast<double>(kSecondNs) / rate) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.connections); ++i)
    connections_.open_to(leaders_.port(leaders_.leader_of_connection(i)));
}

void OpenLoop::answered(const Connections::Answer& answer) {
  check_produced(answer.request, answer.bytes);
  latency_ns_.record(static_cast<std::uint64_t>(answer.now_ns - answer.asked_ns));
}

std::int64_t OpenLoop::send_due(std::int64_t now) {
  if (began_ns_ == 0) began_ns_ = now;
  while (true) {
    const auto due = began_ns_ + static_cast<std::int64_t>(static_cast<double>(sent_) * period_ns_);
    if (due > now) return due;
    // A partition keeps to one connection, so that its records are appended in the order in which they were
    // due.
    const std::size_t partition = sent_ % frames_.size();
    connections_.send(leaders_.connection_of(partition, connections_.size()), frames_[partition], due);
    if (on_send_) on_send_(partition, due);
    ++sent_;
  }
}

telemetry::HistogramData OpenLoop::run(double seconds) {
  latency_ns_ = {};
  const std::int64_t end = now_ns() + ns_of(seconds);
  for (std::int64_t now = now_ns(); now < end; now = now_ns()) connections_.turn(send_due(now));
  return latency_ns_;
}

void latency(const Broker& broker, const std::string& row, const ProduceShape& shape, double rate) {
  const std::string topic = create_topic(broker.port, shape.partitions, shape.topic_configs, shape.replicas);
  OpenLoop load(broker.port, topic, shape, rate);
  load.run(shape.warmup_s);
  const CpuMeter meter(broker.pids);
  const auto measured = load.run(shape.seconds);
  const double cpu = meter.taken();
  load.finish();
  JsonLine(row)
      .number("requests_per_s", static_cast<double>(measured.count) / shape.seconds)
      .number("broker_cpus", cpu / shape.seconds)
      .latency(measured)
      .print();
}

}  // namespace moldau::load
