#include "cli/coordinator_records.h"

#include "wire/messages/consumer_offsets.h"
#include "wire/messages/transaction_state.h"
#include "wire/reader.h"

namespace moldau::cli {
namespace {

using wire::ApiVersion;

constexpr std::int16_t kOldOffset = 0, kOffset = 1, kGroup = 2, kTransaction = 0;

struct Typed {
  std::int16_t type = 0;
  Slice body;
};

Result<Typed> read_type(ByteView bytes) {
  const Slice borrowed = Slice::borrow(bytes);
  wire::Reader in(borrowed);
  const auto type = in.number<std::int16_t>();
  TRY(in.finish(false));
  return Typed{type, in.rest()};
}

Json text(const std::string& content) { return is_utf8(content) ? Json(content) : Json(base64_of(content)); }
Json text(const std::optional<std::string>& content) { return content ? text(*content) : Json(); }
Json bytes(const Slice& content) { return Json(base64_of(content.text())); }

// --- keys

Json data_of(const wire::OffsetCommitKey& key) {
  return Json::Object{{"group", text(key.group)}, {"topic", text(key.topic)}, {"partition", key.partition}};
}
Json data_of(const wire::GroupMetadataKey& key) { return Json::Object{{"group", text(key.group)}}; }
Json data_of(const wire::TransactionLogKey& key) {
  return Json::Object{{"transactionalId", text(key.transactional_id)}};
}

// --- values; what Kafka has as a tagged field is there when it is not the default

Json data_of(const wire::OffsetCommitValue& value, ApiVersion version) {
  Json::Object data{{"offset", value.offset}};
  if (version >= 3) data.emplace_back("leaderEpoch", value.leader_epoch);
  data.emplace_back("metadata", text(value.metadata));
  data.emplace_back("commitTimestamp", value.commit_timestamp);
  if (version == 1) data.emplace_back("expireTimestamp", value.expire_timestamp);
  if (!value.topic_id.is_zero()) data.emplace_back("topicId", value.topic_id.to_string());
  return data;
}

Json data_of(const wire::GroupMetadataValue& value, ApiVersion version) {
  Json::Object data{{"protocolType", text(value.protocol_type)},
                    {"generation", value.generation},
                    {"protocol", text(value.protocol)},
                    {"leader", text(value.leader)}};
  if (version >= 2) data.emplace_back("currentStateTimestamp", value.current_state_timestamp);
  Json::Array members;
  for (const auto& member : value.members) {
    Json::Object one{{"memberId", text(member.member_id)}};
    if (version >= 3) one.emplace_back("groupInstanceId", text(member.group_instance_id));
    one.emplace_back("clientId", text(member.client_id));
    one.emplace_back("clientHost", text(member.client_host));
    if (version >= 1) one.emplace_back("rebalanceTimeout", member.rebalance_timeout);
    one.emplace_back("sessionTimeout", member.session_timeout);
    one.emplace_back("subscription", bytes(member.subscription));
    one.emplace_back("assignment", bytes(member.assignment));
    members.emplace_back(std::move(one));
  }
  data.emplace_back("members", std::move(members));
  return data;
}

Json data_of(const wire::TransactionLogValue& value, ApiVersion) {
  Json::Object data{{"producerId", value.producer_id}};
  if (value.previous_producer_id != kNoProducerId)
    data.emplace_back("previousProducerId", value.previous_producer_id);
  if (value.next_producer_id != kNoProducerId) data.emplace_back("nextProducerId", value.next_producer_id);
  data.emplace_back("producerEpoch", value.producer_epoch);
  if (value.next_producer_epoch != kNoProducerEpoch)
    data.emplace_back("nextProducerEpoch", value.next_producer_epoch);
  data.emplace_back("transactionTimeoutMs", value.transaction_timeout_ms);
  data.emplace_back("transactionStatus", std::int32_t{value.transaction_status});
  Json partitions;
  if (value.transaction_partitions) {
    Json::Array topics;
    for (const auto& topic : *value.transaction_partitions) {
      Json::Array ids;
      for (const PartitionIndex id : topic.partition_ids) ids.emplace_back(id);
      topics.emplace_back(Json::Object{{"topic", text(topic.topic)}, {"partitionIds", std::move(ids)}});
    }
    partitions = Json(std::move(topics));
  }
  data.emplace_back("transactionPartitions", std::move(partitions));
  data.emplace_back("transactionLastUpdateTimestampMs", value.transaction_last_update_timestamp_ms);
  data.emplace_back("transactionStartTimestampMs", value.transaction_start_timestamp_ms);
  if (value.client_transaction_version != 0)
    data.emplace_back("clientTransactionVersion", value.client_transaction_version);
  return data;
}

template <class Key, class Value>
Result<std::optional<Json>> json_of(const Typed& key, const std::optional<ByteView>& value) {
  constexpr ApiVersion kKeyVersion = 0;  // its type says all
  ASSIGN_OR_RETURN(const Key decoded_key, Key::decode(key.body, kKeyVersion));
  Json shown;
  if (value) {
    ASSIGN_OR_RETURN(const Typed stored, read_type(*value));
    if (stored.type < Value::kMinVersion || stored.type > Value::kMaxVersion)
      return fail(Errc::corrupt, "value version " + std::to_string(stored.type) + " is not known");
    ASSIGN_OR_RETURN(const Value decoded, Value::decode(stored.body, stored.type));
    shown = Json::Object{{"version", stored.type}, {"data", data_of(decoded, stored.type)}};
  }
  return Json(Json::Object{{"key", Json::Object{{"type", key.type}, {"data", data_of(decoded_key)}}},
                           {"value", std::move(shown)}});
}

}  // namespace

Result<std::optional<Json>> coordinator_record_json(CoordinatorRecord kind,
                                                    const std::optional<ByteView>& key,
                                                    const std::optional<ByteView>& value) {
  if (!key) return std::nullopt;
  ASSIGN_OR_RETURN(const Typed typed, read_type(*key));
  switch (kind) {
    case CoordinatorRecord::offset:
      if (typed.type != kOldOffset && typed.type != kOffset) return std::nullopt;
      return json_of<wire::OffsetCommitKey, wire::OffsetCommitValue>(typed, value);
    case CoordinatorRecord::group:
      if (typed.type != kGroup) return std::nullopt;
      return json_of<wire::GroupMetadataKey, wire::GroupMetadataValue>(typed, value);
    case CoordinatorRecord::transaction:
      if (typed.type != kTransaction) return std::nullopt;
      return json_of<wire::TransactionLogKey, wire::TransactionLogValue>(typed, value);
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace moldau::cli
