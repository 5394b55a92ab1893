// Produce requests at a fixed rate, whether the broker keeps up or not: a request's latency counts from when
// it was due, so that a stall is charged to every request that it delays (coordinated omission).
#pragma once

#include <functional>

#include "cluster.h"
#include "connections.h"
#include "modes.h"
#include "telemetry/metrics.h"

namespace moldau::load {

class OpenLoop {
 public:
  OpenLoop(std::uint16_t port, const std::string& topic, const ProduceShape& shape, double rate);

  // Called with the partition and the due time of each request.
  void on_send(std::function<void(std::size_t partition, std::int64_t due_ns)> callback) {
    on_send_ = std::move(callback);
  }
  // Sends what is due; the time at which the next request is.
  std::int64_t send_due(std::int64_t now);
  // Sends and receives for so long: the latencies of what was answered meanwhile.
  telemetry::HistogramData run(double seconds);
  // Forgets the latencies so far.
  telemetry::HistogramData take() { return std::exchange(latency_ns_, {}); }
  Connections& connections() { return connections_; }
  void finish() { connections_.drain(90); }

 private:
  void answered(const Connections::Answer& answer);

  Leaders leaders_;
  std::vector<Frame> frames_;
  Connections connections_;
  std::function<void(std::size_t, std::int64_t)> on_send_;
  double period_ns_;
  std::int64_t began_ns_ = 0;
  std::size_t sent_ = 0;
  telemetry::HistogramData latency_ns_;
};

}  // namespace moldau::load
