// Consumers: each connection fetches its share of a topic's partitions, one request in flight.
#pragma once

#include <memory>

#include "connections.h"

namespace moldau::load {

class Consumers {
 public:
  // `on_records(partition, from, to)` is told of every move of a position.
  using OnRecords = std::function<void(PartitionIndex, Offset from, Offset to, std::int64_t now_ns)>;
  Consumers(std::uint16_t port, std::string topic, int partitions, int connections, FetchLimits limits);

  // Starts at the end of a partition again from the beginning.
  void repeat(bool on) { repeat_ = on; }
  void on_records(OnRecords callback) { on_records_ = std::move(callback); }
  void begin();
  void stop() { stopping_ = true; }
  Connections& connections() { return connections_; }

  struct Counts {
    std::int64_t responses = 0;
    std::int64_t records = 0;
    std::size_t bytes = 0;
  };
  Counts take() { return std::exchange(counts_, {}); }

 private:
  struct Consumer {
    std::vector<Position> positions;
    Frame request;
  };
  void ask(std::size_t number);
  void answered(const Connections::Answer& answer);
  void note_moves(const std::vector<Position>& before, std::vector<Position>& after, std::int64_t now_ns);

  std::string topic_;
  FetchLimits limits_;
  Connections connections_;
  std::vector<std::unique_ptr<Consumer>> consumers_;
  OnRecords on_records_;
  bool repeat_ = false;
  bool stopping_ = false;
  Counts counts_;
};

}  // namespace moldau::load
