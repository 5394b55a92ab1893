// Producers with a fixed number of requests in flight: the closed loop under several measurements.
#pragma once

#include "connections.h"
#include "modes.h"
#include "telemetry/metrics.h"

namespace moldau::load {

// One frame for each partition of a topic.
std::vector<Frame> produce_frames(const std::string& topic, const ProduceShape& shape, const Slice& batch);

class Producers {
 public:
  Producers(std::uint16_t port, const std::string& topic, const ProduceShape& shape);

  // Keeps every connection filled until then.
  void run_until(std::int64_t deadline_ns);
  // The same until so many requests were answered.
  void run_requests(std::int64_t requests);
  // Awaits what is in flight; after it nothing is.
  void finish() {
    filling_ = false;
    connections_.drain(20);
  }

  struct Counts {
    std::int64_t requests = 0;
    telemetry::HistogramData latency_ns;
  };
  // Since the last call.
  Counts take() { return std::exchange(counts_, {}); }
  std::size_t batch_bytes() const { return batch_.size(); }

 private:
  void fill();
  void send_next(std::size_t connection);
  void answered(const Connections::Answer& answer);

  ProduceShape shape_;
  Slice batch_;
  std::vector<Frame> frames_;
  Connections connections_;
  std::size_t next_ = 0;  // frame
  bool filling_ = false;
  Counts counts_;
};

}  // namespace moldau::load
