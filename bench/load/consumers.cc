#include "consumers.h"

#include "program.h"

namespace moldau::load {

Consumers::Consumers(std::uint16_t port, std::string topic, int partitions, int connections,
                     FetchLimits limits)
    : topic_(std::move(topic)),
      limits_(limits),
      connections_(port, [this](const Connections::Answer& answer) { answered(answer); }) {
  connections_.open(static_cast<std::size_t>(connections));
  for (int i = 0; i < connections; ++i) consumers_.push_back(std::make_unique<Consumer>());
  for (int i = 0; i < partitions; ++i) {
    consumers_[static_cast<std::size_t>(i % connections)]->positions.push_back({.partition = i});
  }
}

void Consumers::begin() {
  for (std::size_t i = 0; i < consumers_.size(); ++i) ask(i);
}

void Consumers::ask(std::size_t number) {
  Consumer& consumer = *consumers_[number];
  consumer.request = fetch_frame(topic_, consumer.positions, limits_);
  connections_.send(number, consumer.request, now_ns());
}

void Consumers::note_moves(const std::vector<Position>& before, std::vector<Position>& after,
                           std::int64_t now_ns) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    Position& position = after[i];
    if (on_records_ && position.next > before[i].next) {
      on_records_(position.partition, before[i].next, position.next, now_ns);
    }
    if (repeat_ && position.next >= position.high_watermark) position.next = 0;
  }
}

void Consumers::answered(const Connections::Answer& answer) {
  Consumer& consumer = *consumers_[answer.connection];
  const std::vector<Position> before = consumer.positions;
  const Fetched fetched = take_fetched(answer.request, answer.bytes, consumer.positions);
  note_moves(before, consumer.positions, answer.now_ns);
  ++counts_.responses;
  counts_.records += fetched.records;
  counts_.bytes += fetched.bytes;
  if (!stopping_) ask(answer.connection);
}

}  // namespace moldau::load
