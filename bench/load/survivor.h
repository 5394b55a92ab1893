// A producer that outlives its brokers, as Kafka's own do: it numbers its batches, has one of each partition
// in flight, asks for the new leaders when a connection ends, and sends again what was not answered.
#pragma once

#include <deque>
#include <optional>

#include "frames.h"
#include "modes.h"
#include "socket.h"
#include "telemetry/metrics.h"

namespace moldau::load {

class Survivor {
 public:
  // `rate`: batches a second, over all partitions of the topic.
  Survivor(const std::vector<Member>& brokers, std::string topic, const ProduceShape& shape, double rate);

  void run(double seconds);
  // SIGKILL to this broker; from now on it is not spoken to.
  void kill(std::int32_t id);
  // Goes on until every partition is acknowledged again; dies after so many seconds.
  void recover(double seconds);
  // Sends nothing new, and waits for all that is under way.
  void finish(double seconds);

  bool leads(std::int32_t id) const;
  telemetry::HistogramData take() { return std::exchange(latency_ns_, {}); }
  std::int64_t acknowledged_records() const;

  // From the kill until partitions were acknowledged again: the first and the last of those that the dead
  // broker led, and the last of all, whose follower it was.
  struct Recovery {
    double first_ms = 0;
    double led_ms = 0;
    double all_ms = 0;
    int led = 0;  // so many partitions did it lead
  };
  Recovery recovery() const;

  // What the log holds: records that were acknowledged and are not there, and records that are there again.
  struct Audit {
    std::int64_t lost = 0;
    std::int64_t repeated = 0;
  };
  Audit audit() const;

 private:
  struct Partition {
    Frame frame;        // its batch in flight
    Sequence next = 0;  // of the next batch: as many records are acknowledged
    std::int64_t due_ns = 0;
    std::int64_t asked_ns = 0;  // when the batch was sent first
    bool in_flight = false;
    bool sent = false;         // to its leader; else it waits for one
    std::uint16_t leader = 0;  // port
    bool was_led_by_dead = false;
    std::int64_t again_ns = 0;  // first acknowledgement after the kill
  };
  struct Link {
    Member broker;
    bool dead = false;
    std::optional<Socket> socket;
    std::deque<std::size_t> asked;  // partitions whose answers come, in this order
    std::vector<std::byte> in;
  };

  void turn(std::int64_t until_ns);
  void begin(Partition& partition, std::int64_t now);
  bool send(std::size_t number);
  void find_leaders();
  void wait(std::int64_t until_ns);
  void receive(Link& link);
  void answered(Link& link, ByteView answer);
  void acknowledged(Partition& partition, std::int64_t now);
  void break_off(Link& link);
  Link* link_to(std::uint16_t port);
  std::uint16_t living_port() const;
  Audit audit(std::size_t number, std::uint16_t leader) const;

  std::string topic_;
  int records_;
  ProducerId id_;
  std::int64_t period_ns_;  // of a partition
  std::vector<Partition> partitions_;
  std::vector<Link> links_;
  bool filling_ = true;
  std::int64_t killed_ns_ = 0;
  std::int64_t ask_again_ns_ = 0;
  telemetry::HistogramData latency_ns_;
};

}  // namespace moldau::load
