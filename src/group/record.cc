#include "group/record.h"

#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::group {

using wire::ApiVersion;

namespace {

enum class Type : std::int16_t {
  legacy_offset = 0,
  offset = 1,
  generation = 2,
  epoch = 3,
  subscription = 5,
  target_epoch = 6,
  target = 7,
  current = 8,
  pattern = 16,
};

// What is written; everything that the messages have is read.
constexpr ApiVersion kKeyVersion = 0;
constexpr ApiVersion kOffsetVersion = 4;
constexpr ApiVersion kExpiringOffsetVersion = 1;  // the only one with a time to expire at
constexpr ApiVersion kGenerationVersion = 3;      // 4 is Kafka's to read only
constexpr ApiVersion kConsumerVersion = 0;        // of every record of the consumer protocol

template <class Message>
Slice with_prefix(std::int16_t prefix, const Message& message, ApiVersion version) {
  wire::Writer out;
  out.number<std::int16_t>(prefix);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

Slice encode_key(Type type, const auto& key) {
  return with_prefix(static_cast<std::int16_t>(type), key, kKeyVersion);
}

Slice encode_value(const CommittedOffset& committed) {
  wire::OffsetCommitValue value;
  value.offset = committed.offset;
  value.leader_epoch = committed.leader_epoch;
  value.metadata = committed.metadata;
  value.commit_timestamp = committed.commit_ms;
  value.expire_timestamp = committed.expire_ms;
  value.topic_id = committed.topic_id;
  const ApiVersion version = committed.expire_ms == kNoTimestamp ? kOffsetVersion : kExpiringOffsetVersion;
  return with_prefix(version, value, version);
}

Slice encode_value(const Generation& value) {
  return with_prefix(kGenerationVersion, value, kGenerationVersion);
}

Slice encode_consumer_value(const auto& value) {
  return with_prefix(kConsumerVersion, value, kConsumerVersion);
}
Slice encode_value(const EpochRecord::Value& value) { return encode_consumer_value(value); }
Slice encode_value(const SubscriptionRecord::Value& value) { return encode_consumer_value(value); }
Slice encode_value(const TargetEpochRecord::Value& value) { return encode_consumer_value(value); }
Slice encode_value(const TargetRecord::Value& value) { return encode_consumer_value(value); }
Slice encode_value(const CurrentRecord::Value& value) { return encode_consumer_value(value); }
Slice encode_value(const PatternRecord::Value& value) { return encode_consumer_value(value); }

template <class Value>
std::optional<Slice> encode_if(const std::optional<Value>& value) {
  if (!value) return std::nullopt;
  return encode_value(*value);
}

struct Prefixed {
  std::int16_t prefix = 0;
  Slice body;
};

Result<Prefixed> read_prefix(const Slice& bytes) {
  wire::Reader in(bytes);
  const auto prefix = in.number<std::int16_t>();
  TRY(in.finish(false));
  return Prefixed{prefix, in.rest()};
}

// Nothing for a version that is not known.
template <class Message>
Result<std::optional<Message>> read_value(const Slice& bytes) {
  ASSIGN_OR_RETURN(const Prefixed value, read_prefix(bytes));
  if (value.prefix < Message::kMinVersion || value.prefix > Message::kMaxVersion) return std::nullopt;
  return Message::decode(value.body, value.prefix);
}

Result<std::optional<Record>> decode_offset(const Slice& body, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(wire::OffsetCommitKey key, wire::OffsetCommitKey::decode(body, kKeyVersion));
  OffsetRecord record{std::move(key.group), {std::move(key.topic), key.partition}, std::nullopt};
  if (!value) return record;
  ASSIGN_OR_RETURN(auto known, read_value<wire::OffsetCommitValue>(*value));
  if (!known) return std::nullopt;
  CommittedOffset& committed = record.value.emplace();
  committed.offset = known->offset;
  committed.leader_epoch = known->leader_epoch;
  committed.metadata = std::move(known->metadata);
  committed.commit_ms = known->commit_timestamp;
  committed.expire_ms = known->expire_timestamp;
  committed.topic_id = known->topic_id;
  return record;
}

Result<std::optional<Record>> decode_generation(const Slice& body, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(wire::GroupMetadataKey key, wire::GroupMetadataKey::decode(body, kKeyVersion));
  GenerationRecord record{std::move(key.group), std::nullopt};
  if (!value) return record;
  ASSIGN_OR_RETURN(record.value, read_value<Generation>(*value));
  if (!record.value) return std::nullopt;
  // What is read comes in large pieces of the log, which must not live as long as a group.
  for (Generation::Member& member : record.value->members) {
    member.subscription = Slice::copy_of(member.subscription);
    member.assignment = Slice::copy_of(member.assignment);
  }
  return record;
}

EncodedRecord encoded(const OffsetRecord& record) {
  const wire::OffsetCommitKey key{record.group, record.partition.topic, record.partition.partition};
  return {encode_key(Type::offset, key), encode_if(record.value)};
}

EncodedRecord encoded(const GenerationRecord& record) {
  return {encode_key(Type::generation, wire::GroupMetadataKey{record.group}), encode_if(record.value)};
}

EncodedRecord encoded(const EpochRecord& record) {
  return {encode_key(Type::epoch, wire::ConsumerGroupMetadataKey{record.group}), encode_if(record.value)};
}
EncodedRecord encoded(const SubscriptionRecord& record) {
  const wire::ConsumerGroupMemberMetadataKey key{record.group, record.member};
  return {encode_key(Type::subscription, key), encode_if(record.value)};
}
EncodedRecord encoded(const TargetEpochRecord& record) {
  const wire::ConsumerGroupTargetAssignmentMetadataKey key{record.group};
  return {encode_key(Type::target_epoch, key), encode_if(record.value)};
}
EncodedRecord encoded(const TargetRecord& record) {
  const wire::ConsumerGroupTargetAssignmentMemberKey key{record.group, record.member};
  return {encode_key(Type::target, key), encode_if(record.value)};
}
EncodedRecord encoded(const CurrentRecord& record) {
  const wire::ConsumerGroupCurrentMemberAssignmentKey key{record.group, record.member};
  return {encode_key(Type::current, key), encode_if(record.value)};
}
EncodedRecord encoded(const PatternRecord& record) {
  const wire::ConsumerGroupRegularExpressionKey key{record.group, record.pattern};
  return {encode_key(Type::pattern, key), encode_if(record.value)};
}

// Fills in the value; nothing when its version is not known.
template <class OneRecord>
Result<std::optional<Record>> with_value(OneRecord record, const std::optional<Slice>& value) {
  if (!value) return record;
  ASSIGN_OR_RETURN(record.value, read_value<typename OneRecord::Value>(*value));
  if (!record.value) return std::nullopt;
  return record;
}

template <class OneRecord, class Key>
Result<std::optional<Record>> decode_of_group(const Slice& body, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(Key key, Key::decode(body, kKeyVersion));
  return with_value(OneRecord{.group = std::move(key.group_id), .value = {}}, value);
}

template <class OneRecord, class Key>
Result<std::optional<Record>> decode_of_member(const Slice& body, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(Key key, Key::decode(body, kKeyVersion));
  return with_value(OneRecord{std::move(key.group_id), std::move(key.member_id), {}}, value);
}

Result<std::optional<Record>> decode_subscription(const Slice& body, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(auto decoded,
                   (decode_of_member<SubscriptionRecord, wire::ConsumerGroupMemberMetadataKey>(body, value)));
  if (!decoded) return std::nullopt;
  auto& subscription = std::get<SubscriptionRecord>(*decoded).value;
  // What is read comes in large pieces of the log, which must not live as long as a group.
  if (subscription && subscription->classic_member_metadata) {
    for (auto& protocol : subscription->classic_member_metadata->supported_protocols)
      protocol.metadata = Slice::copy_of(protocol.metadata);
  }
  return decoded;
}

Result<std::optional<Record>> decode_pattern(const Slice& body, const std::optional<Slice>& value) {
  using Key = wire::ConsumerGroupRegularExpressionKey;
  ASSIGN_OR_RETURN(Key key, Key::decode(body, kKeyVersion));
  return with_value(PatternRecord{std::move(key.group_id), std::move(key.regular_expression), {}}, value);
}

}  // namespace

EncodedRecord encode(const Record& record) {
  return std::visit([](const auto& of_type) { return encoded(of_type); }, record);
}

Result<std::optional<Record>> decode(const Slice& key, const std::optional<Slice>& value) {
  ASSIGN_OR_RETURN(const Prefixed typed, read_prefix(key));
  switch (static_cast<Type>(typed.prefix)) {
    case Type::legacy_offset:
    case Type::offset:
      return decode_offset(typed.body, value);
    case Type::generation:
      return decode_generation(typed.body, value);
    case Type::epoch:
      return decode_of_group<EpochRecord, wire::ConsumerGroupMetadataKey>(typed.body, value);
    case Type::subscription:
      return decode_subscription(typed.body, value);
    case Type::target_epoch:
      return decode_of_group<TargetEpochRecord, wire::ConsumerGroupTargetAssignmentMetadataKey>(typed.body,
                                                                                                value);
    case Type::target:
      return decode_of_member<TargetRecord, wire::ConsumerGroupTargetAssignmentMemberKey>(typed.body, value);
    case Type::current:
      return decode_of_member<CurrentRecord, wire::ConsumerGroupCurrentMemberAssignmentKey>(typed.body,
                                                                                            value);
    case Type::pattern:
      return decode_pattern(typed.body, value);
  }
  return std::nullopt;
}

}  // namespace moldau::group
