#include "client/assignor.h"

#include <algorithm>

#include "client/sticky.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::client {

namespace {

constexpr std::int16_t kSubscriptionVersion = 2;  // with owned partitions and their generation; 3 adds racks
constexpr std::int16_t kAssignmentVersion = 1;

// Static members first, by their instance ids: they get the same again after a restart.
bool comes_before(const MemberSubscription& one, const MemberSubscription& other) {
  if (one.instance_id && other.instance_id) return *one.instance_id < *other.instance_id;
  if (one.instance_id || other.instance_id) return one.instance_id.has_value();
  return one.member_id < other.member_id;
}

bool subscribes(const MemberSubscription& member, const std::string& topic) {
  return std::ranges::find(member.topics, topic) != member.topics.end();
}

// Of each topic a contiguous range of partitions to each of its subscribers, the first ones one more.
MemberAssignments assign_ranges(const std::vector<MemberSubscription>& members,
                                const PartitionCounts& counts) {
  MemberAssignments assignments;
  for (const auto& [topic, count] : counts) {
    std::vector<const MemberSubscription*> subscribers;
    for (const MemberSubscription& member : members)
      if (subscribes(member, topic)) subscribers.push_back(&member);
    PartitionIndex next = 0;
    for (std::size_t i = 0; i < subscribers.size(); ++i) {
      const auto size = static_cast<std::int32_t>(subscribers.size());
      const std::int32_t share = count / size + (static_cast<std::int32_t>(i) < count % size ? 1 : 0);
      for (std::int32_t n = 0; n < share; ++n)
        assignments[subscribers[i]->member_id].push_back({topic, next++});
    }
  }
  return assignments;
}

// All partitions in order, to the members in turn, passing over those that do not subscribe.
MemberAssignments assign_in_turn(const std::vector<MemberSubscription>& members,
                                 const PartitionCounts& counts) {
  MemberAssignments assignments;
  std::size_t turn = 0;
  for (const auto& [topic, count] : counts) {
    if (std::ranges::none_of(members, [&](const auto& member) { return subscribes(member, topic); }))
      continue;
    for (PartitionIndex index = 0; index < count; ++index) {
      while (!subscribes(members[turn], topic)) turn = (turn + 1) % members.size();
      assignments[members[turn].member_id].push_back({topic, index});
      turn = (turn + 1) % members.size();
    }
  }
  return assignments;
}

void encode_partitions(auto& topics, const std::vector<TopicPartition>& partitions) {
  std::map<std::string, std::vector<std::int32_t>> by_topic;
  for (const TopicPartition& one : partitions) by_topic[one.topic].push_back(one.partition);
  for (auto& [topic, indexes] : by_topic) topics.push_back({topic, std::move(indexes)});
}

std::vector<TopicPartition> partitions_of(const auto& topics) {
  std::vector<TopicPartition> partitions;
  for (const auto& topic : topics)
    for (const PartitionIndex index : topic.partitions) partitions.push_back({topic.topic, index});
  return partitions;
}

template <class Message>
Slice encode(std::int16_t version, const Message& message) {
  wire::Writer out;
  out.number<std::int16_t>(version);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

template <class Message>
Result<std::pair<Message, std::int16_t>> decode(const Slice& bytes) {
  wire::Reader in(bytes);
  const auto version = in.number<std::int16_t>();
  const auto known = std::clamp<std::int16_t>(version, Message::kMinVersion, Message::kMaxVersion);
  Message message;
  message.read(in, known);
  if (version < 0) return fail(Errc::corrupt, "a version below 0");
  TRY(in.finish(false));
  return std::pair(std::move(message), known);
}

}  // namespace

std::string_view name_of(Assignor assignor) {
  switch (assignor) {
    case Assignor::range:
      return "range";
    case Assignor::round_robin:
      return "roundrobin";
    case Assignor::cooperative_sticky:
      return "cooperative-sticky";
  }
  MOLDAU_UNREACHABLE("an assignor");
}

std::optional<Assignor> assignor_of(std::string_view name) {
  for (const Assignor each : {Assignor::range, Assignor::round_robin, Assignor::cooperative_sticky})
    if (name_of(each) == name) return each;
  return std::nullopt;
}

MemberAssignments assign(Assignor assignor, std::vector<MemberSubscription> members,
                         const PartitionCounts& counts) {
  std::ranges::sort(members, comes_before);
  MemberAssignments assignments;
  switch (assignor) {
    case Assignor::range:
      assignments = assign_ranges(members, counts);
      break;
    case Assignor::round_robin:
      assignments = assign_in_turn(members, counts);
      break;
    case Assignor::cooperative_sticky:
      assignments = assign_cooperatively(members, counts);
      break;
  }
  for (const MemberSubscription& member : members) assignments.try_emplace(member.member_id);
  return assignments;
}

Slice encode_subscription(const MemberSubscription& member) {
  wire::ConsumerProtocolSubscription message;
  message.topics = member.topics;
  encode_partitions(message.owned_partitions, member.owned);
  message.generation_id = member.generation;
  return encode(kSubscriptionVersion, message);
}

Slice encode_assignment(const std::vector<TopicPartition>& partitions) {
  wire::ConsumerProtocolAssignment message;
  encode_partitions(message.assigned_partitions, partitions);
  return encode(kAssignmentVersion, message);
}

Result<MemberSubscription> decode_subscription(const Slice& bytes) {
  ASSIGN_OR_RETURN(auto decoded, decode<wire::ConsumerProtocolSubscription>(bytes));
  MemberSubscription member;
  member.topics = std::move(decoded.first.topics);
  member.owned = partitions_of(decoded.first.owned_partitions);
  member.generation = decoded.first.generation_id;
  return member;
}

Result<std::vector<TopicPartition>> decode_assignment(const Slice& bytes) {
  if (bytes.size() == 0) return std::vector<TopicPartition>();
  ASSIGN_OR_RETURN(const auto decoded, decode<wire::ConsumerProtocolAssignment>(bytes));
  return partitions_of(decoded.first.assigned_partitions);
}

}  // namespace moldau::client
