#include "group/subscription.h"

#include <algorithm>

#include "wire/messages/consumer_protocol.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::group {

std::optional<std::vector<std::string>> subscribed_topics(const Slice& subscription) {
  constexpr wire::ApiVersion kFirstVersion = 0;
  wire::Reader in(subscription);
  const auto version = in.number<std::int16_t>();
  wire::ConsumerProtocolSubscription parsed;
  parsed.read(in, kFirstVersion);
  if (version < kFirstVersion || !in.finish(false)) return std::nullopt;
  return std::move(parsed.topics);
}

namespace {

// Of the newest version that is known, if its own is a later one: that begins the same.
template <class Message>
std::optional<Message> read_message(const Slice& bytes) {
  wire::Reader in(bytes);
  const auto version = in.number<std::int16_t>();
  Message message;
  message.read(in, std::clamp<std::int16_t>(version, Message::kMinVersion, Message::kMaxVersion));
  if (version < Message::kMinVersion || !in.finish(false)) return std::nullopt;
  return message;
}

std::vector<TopicPartition> partitions_of(const auto& topics) {
  std::vector<TopicPartition> partitions;
  for (const auto& topic : topics)
    for (const PartitionIndex index : topic.partitions) partitions.push_back({topic.topic, index});
  return partitions;
}

}  // namespace

std::optional<ClassicSubscription> read_subscription(const Slice& subscription) {
  auto message = read_message<wire::ConsumerProtocolSubscription>(subscription);
  if (!message) return std::nullopt;
  return ClassicSubscription{std::move(message->topics), partitions_of(message->owned_partitions),
                             std::move(message->rack_id)};
}

std::optional<ClassicAssignment> read_assignment(const Slice& assignment) {
  if (assignment.size() == 0) return ClassicAssignment();
  const auto message = read_message<wire::ConsumerProtocolAssignment>(assignment);
  if (!message) return std::nullopt;
  return ClassicAssignment{partitions_of(message->assigned_partitions),
                           message->user_data && message->user_data->size() > 0};
}

Slice write_assignment(const std::vector<TopicPartition>& partitions, const Slice& subscription) {
  using Message = wire::ConsumerProtocolAssignment;
  wire::Reader in(subscription);
  const auto version =
      std::clamp<std::int16_t>(in.number<std::int16_t>(), Message::kMinVersion, Message::kMaxVersion);
  Message message;
  for (const TopicPartition& one : partitions) {
    if (message.assigned_partitions.empty() || message.assigned_partitions.back().topic != one.topic)
      message.assigned_partitions.emplace_back().topic = one.topic;
    message.assigned_partitions.back().partitions.push_back(one.partition);
  }
  wire::Writer out;
  out.number<std::int16_t>(version);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

}  // namespace moldau::group
