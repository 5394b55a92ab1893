// Producers with a fixed number of requests in flight: the closed loop under several measurements.
#pragma once

#include "cluster.h"
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
  std::int64_t in_flight() const { return static_cast<std::int64_t>(connections_.in_flight()); }
  // Since the last call.
  Counts take() { return std::exchange(counts_, {}); }
  std::size_t batch_bytes() const { return batch_.size(); }

 private:
  // A connection's frames for one partition. An idempotent producer changes a frame before it is sent: it has
  // as many as may be in flight and uses them in turn.
  struct Sequenced {
    std::vector<Frame> frames;
    std::size_t next = 0;
    Sequence sequence = 0;
  };
  struct Producer {
    ProducerId id = kNoProducerId;
    std::vector<Sequenced> partitions;  // of the leader that the connection goes to
    std::size_t next = 0;               // partition
  };

  Producer make_producer(std::uint16_t port, std::size_t connection) const;
  void fill();
  void send_next(std::size_t connection);
  const Frame& next_sequenced(Producer& producer);
  void answered(const Connections::Answer& answer);

  ProduceShape shape_;
  Leaders leaders_;
  Slice batch_;
  std::vector<Frame> frames_;
  std::vector<Producer> producers_;  // one for each connection, when idempotent
  Connections connections_;
  std::vector<std::size_t> next_;  // by leader: the place of the next partition among its own
  bool filling_ = false;
  Counts counts_;
};

}  // namespace moldau::load
