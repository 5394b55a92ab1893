#include "producers.h"

#include "call.h"
#include "program.h"

namespace moldau::load {

std::vector<Frame> produce_frames(const std::string& topic, const ProduceShape& shape, const Slice& batch) {
  std::vector<Frame> frames;
  for (int i = 0; i < shape.partitions; ++i) {
    frames.push_back(produce_frame(topic, i, batch, static_cast<std::int16_t>(shape.acks)));
  }
  return frames;
}

Producers::Producers(std::uint16_t port, const std::string& topic, const ProduceShape& shape)
    : shape_(shape),
      leaders_(Leaders::find(port, topic, shape.partitions, shape.replicas)),
      batch_(make_batch(shape.records, static_cast<std::size_t>(shape.value_bytes), shape.codec)),
      frames_(produce_frames(topic, shape, batch_)),
      connections_(port, [this](const Connections::Answer& answer) { answered(answer); }),
      next_(leaders_.count()) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(shape.connections); ++i) {
    connections_.open_to(leaders_.port(leaders_.leader_of_connection(i)));
    if (shape.idempotent) producers_.push_back(make_producer(port, i));
  }
}

Producers::Producer Producers::make_producer(std::uint16_t port, std::size_t connection) const {
  Producer producer{.id = init_producer_id(port)};
  for (const std::size_t partition : leaders_.partitions_of(leaders_.leader_of_connection(connection))) {
    producer.partitions.push_back(
        {std::vector<Frame>(static_cast<std::size_t>(shape_.depth), frames_[partition])});
  }
  return producer;
}

const Frame& Producers::next_sequenced(Producer& producer) {
  Sequenced& partition = producer.partitions[producer.next];
  producer.next = (producer.next + 1) % producer.partitions.size();
  Frame& frame = partition.frames[partition.next];
  partition.next = (partition.next + 1) % partition.frames.size();
  set_producer(frame, producer.id, partition.sequence);
  partition.sequence += shape_.records;
  return frame;
}

void Producers::send_next(std::size_t connection) {
  if (shape_.idempotent) {
    connections_.send(connection, next_sequenced(producers_[connection]), now_ns());
    return;
  }
  const std::size_t leader = leaders_.leader_of_connection(connection);
  const auto& partitions = leaders_.partitions_of(leader);
  connections_.send(connection, frames_[partitions[next_[leader]]], now_ns());
  next_[leader] = (next_[leader] + 1) % partitions.size();
}

void Producers::fill() {
  if (std::exchange(filling_, true)) return;
  for (int i = 0; i < shape_.depth; ++i) {
    for (std::size_t connection = 0; connection < connections_.size(); ++connection) send_next(connection);
  }
}

void Producers::answered(const Connections::Answer& answer) {
  check_produced(answer.request, answer.bytes);
  ++counts_.requests;
  counts_.latency_ns.record(static_cast<std::uint64_t>(answer.now_ns - answer.asked_ns));
  if (filling_) send_next(answer.connection);
}

void Producers::run_until(std::int64_t deadline_ns) {
  fill();
  while (now_ns() < deadline_ns) connections_.turn(deadline_ns);
}

void Producers::run_requests(std::int64_t requests) {
  const std::int64_t give_up = now_ns() + 60 * kSecondNs;
  fill();
  while (counts_.requests < requests && now_ns() < give_up) connections_.turn(give_up);
  finish();
}

}  // namespace moldau::load
