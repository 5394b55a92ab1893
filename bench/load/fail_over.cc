#include "call.h"
#include "cluster.h"
#include "modes.h"
#include "program.h"
#include "survivor.h"

namespace moldau::load {

namespace {

constexpr double kMostSeconds = 120;

std::int32_t choose(const std::vector<Member>& brokers, const Survivor& producer, Victim victim) {
  const std::int32_t controller = active_controller(brokers.front().port);
  for (const Member& broker : brokers) {
    if (producer.leads(broker.id) && (broker.id == controller) == (victim == Victim::controller))
      return broker.id;
  }
  die("no broker that leads is one to be killed");
}

}  // namespace

void fail_over(const std::vector<Member>& brokers, const std::string& row, const ProduceShape& shape,
               double rate, Victim victim) {
  const std::string topic =
      "fail-over-" + std::to_string(now_ns());  // it stays: little, and who would be asked?
  create_topics(brokers.front().port, {{.name = topic,
                                        .partitions = shape.partitions,
                                        .configs = shape.topic_configs,
                                        .replicas = shape.replicas}});
  Survivor producer(brokers, topic, shape, rate);
  producer.run(shape.warmup_s);
  static_cast<void>(producer.take());
  producer.run(shape.seconds);
  const auto before = producer.take();
  producer.kill(choose(brokers, producer, victim));
  producer.recover(kMostSeconds);
  producer.run(shape.seconds);
  producer.finish(kMostSeconds);
  const auto recovery = producer.recovery();
  const auto audit = producer.audit();
  JsonLine(row)
      .number("fail_over_ms", recovery.led_ms)
      .number("first_ack_ms", recovery.first_ms)
      .number("all_acknowledge_ms", recovery.all_ms)
      .number("led_partitions", recovery.led)
      .number("acknowledged_records", static_cast<double>(producer.acknowledged_records()))
      .number("lost_records", static_cast<double>(audit.lost))
      .number("repeated_records", static_cast<double>(audit.repeated))
      .latency(before, "before_")
      .print();
}

}  // namespace moldau::load
