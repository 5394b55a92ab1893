// Producers at a fixed rate and consumers that wait for what they write: latency from when a batch was due
// until a consumer has it.
#pragma once

#include <deque>

#include "consumers.h"
#include "open_loop.h"

namespace moldau::load {

class TailedProducers {
 public:
  // Each of `groups` consumers reads all partitions on one connection.
  TailedProducers(std::uint16_t port, const std::string& topic, const ProduceShape& shape, double rate,
                  int groups);

  // One round of sending and receiving, not beyond `until_ns`; `also` (or -1) is another descriptor that may
  // be readable.
  void turn(std::int64_t until_ns, int also = -1);
  void run(double seconds);
  void stop();

  struct Measured {
    telemetry::HistogramData acknowledged_ns;  // due to acknowledgement
    telemetry::HistogramData delivered_ns;     // due to consumer, of every batch in every group
    std::int64_t records = 0;                  // delivered
    std::size_t bytes = 0;                     // delivered
  };
  // Since the last call.
  Measured take();

 private:
  // When the batches of a partition were due that this group has not seen, oldest first.
  struct Group {
    std::unique_ptr<Consumers> consumers;
    std::vector<std::deque<std::int64_t>> due;
  };
  void seen(Group& group, std::size_t partition, std::int64_t records, std::int64_t now_ns);
  void wait(std::int64_t until_ns, int also);

  int records_in_batch_;
  OpenLoop load_;
  std::vector<std::unique_ptr<Group>> groups_;
  telemetry::HistogramData delivered_ns_;
};

}  // namespace moldau::load
