// Records of the internal topics as Kafka's formatters show them.
#include "cli/coordinator_records.h"

#include <gtest/gtest.h>

#include "wire/messages/consumer_offsets.h"
#include "wire/messages/transaction_state.h"
#include "wire/writer.h"

namespace moldau::cli {
namespace {

// With its type or version before it.
template <class Message>
Slice stored(std::int16_t prefix, const Message& message, wire::ApiVersion version) {
  wire::Writer out;
  out.number<std::int16_t>(prefix);
  message.encode(out, version);
  return std::move(out).finish_contiguous();
}

std::string shown(CoordinatorRecord kind, const std::optional<Slice>& key,
                  const std::optional<Slice>& value) {
  const auto view = [](const std::optional<Slice>& bytes) {
    return bytes ? std::optional<ByteView>(ByteView(*bytes)) : std::nullopt;
  };
  const auto json = coordinator_record_json(kind, view(key), view(value));
  if (!json) return "refused";
  return *json ? (*json)->to_line() : "nothing";
}

TEST(CoordinatorRecords, Offsets) {
  const Slice key = stored(1, wire::OffsetCommitKey{"g", "t", 2}, 0);
  const wire::OffsetCommitValue value{.offset = 5, .leader_epoch = 3, .metadata = "m", .commit_timestamp = 9};
  const wire::OffsetCommitValue old{
      .offset = 5, .metadata = "m", .commit_timestamp = 9, .expire_timestamp = 11};
  EXPECT_EQ(
      shown(CoordinatorRecord::offset, key, stored(3, value, 3)),
      R"({"key":{"type":1,"data":{"group":"g","topic":"t","partition":2}},)"
      R"("value":{"version":3,"data":{"offset":5,"leaderEpoch":3,"metadata":"m","commitTimestamp":9}}})");
  EXPECT_EQ(
      shown(CoordinatorRecord::offset, key, stored(1, old, 1)),
      R"({"key":{"type":1,"data":{"group":"g","topic":"t","partition":2}},)"
      R"("value":{"version":1,"data":{"offset":5,"metadata":"m","commitTimestamp":9,"expireTimestamp":11}}})");
  wire::OffsetCommitValue with_id = value;
  with_id.topic_id = Uuid{1, 2};
  EXPECT_NE(shown(CoordinatorRecord::offset, key, stored(4, with_id, 4))
                .find("\"topicId\":\"" + with_id.topic_id.to_string()),
            std::string::npos);
  EXPECT_EQ(shown(CoordinatorRecord::offset, key, std::nullopt),
            R"({"key":{"type":1,"data":{"group":"g","topic":"t","partition":2}},"value":null})");
}

TEST(CoordinatorRecords, Groups) {
  const Slice key = stored(2, wire::GroupMetadataKey{"g"}, 0);
  wire::GroupMetadataValue value;
  value.protocol_type = "consumer";
  value.generation = 4;
  value.protocol = "range";
  value.leader = "a";
  value.current_state_timestamp = 7;
  auto& member = value.members.emplace_back();
  member.member_id = "a";
  member.client_id = "c";
  member.client_host = "/h";
  member.rebalance_timeout = 300;
  member.session_timeout = 45;
  member.subscription = Slice::copy_of("sub");
  member.assignment = Slice::copy_of("as");
  EXPECT_EQ(
      shown(CoordinatorRecord::group, key, stored(3, value, 3)),
      R"({"key":{"type":2,"data":{"group":"g"}},"value":{"version":3,"data":{"protocolType":"consumer",)"
      R"("generation":4,"protocol":"range","leader":"a","currentStateTimestamp":7,"members":[)"
      R"({"memberId":"a","groupInstanceId":null,"clientId":"c","clientHost":"/h","rebalanceTimeout":300,)"
      R"("sessionTimeout":45,"subscription":"c3Vi","assignment":"YXM="}]}}})");
}

TEST(CoordinatorRecords, Transactions) {
  const Slice key = stored(0, wire::TransactionLogKey{"id"}, 0);
  wire::TransactionLogValue value;
  value.producer_id = 7;
  value.producer_epoch = 2;
  value.transaction_timeout_ms = 60'000;
  value.transaction_status = 1;
  value.transaction_partitions.emplace().push_back({"t", {0, 2}});
  value.transaction_last_update_timestamp_ms = 20;
  value.transaction_start_timestamp_ms = 10;
  EXPECT_EQ(
      shown(CoordinatorRecord::transaction, key, stored(0, value, 0)),
      R"({"key":{"type":0,"data":{"transactionalId":"id"}},"value":{"version":0,"data":{"producerId":7,)"
      R"("producerEpoch":2,"transactionTimeoutMs":60000,"transactionStatus":1,"transactionPartitions":[)"
      R"({"topic":"t","partitionIds":[0,2]}],"transactionLastUpdateTimestampMs":20,)"
      R"("transactionStartTimestampMs":10}}})");
  value.previous_producer_id = 6;
  value.client_transaction_version = 2;
  value.transaction_partitions.reset();
  EXPECT_EQ(
      shown(CoordinatorRecord::transaction, key, stored(1, value, 1)),
      R"({"key":{"type":0,"data":{"transactionalId":"id"}},"value":{"version":1,"data":{"producerId":7,)"
      R"("previousProducerId":6,"producerEpoch":2,"transactionTimeoutMs":60000,"transactionStatus":1,)"
      R"("transactionPartitions":null,"transactionLastUpdateTimestampMs":20,)"
      R"("transactionStartTimestampMs":10,"clientTransactionVersion":2}}})");
}

TEST(CoordinatorRecords, EachShowsItsOwnAlone) {
  const Slice offset = stored(1, wire::OffsetCommitKey{"g", "t", 2}, 0);
  const Slice group = stored(2, wire::GroupMetadataKey{"g"}, 0);
  const Slice member = stored(5, wire::ConsumerGroupMemberMetadataKey{"g", "m"}, 0);
  EXPECT_EQ(shown(CoordinatorRecord::group, offset, std::nullopt), "nothing");
  EXPECT_EQ(shown(CoordinatorRecord::offset, group, std::nullopt), "nothing");
  EXPECT_EQ(shown(CoordinatorRecord::transaction, group, std::nullopt), "nothing");
  EXPECT_EQ(shown(CoordinatorRecord::offset, member, std::nullopt), "nothing");
  EXPECT_EQ(shown(CoordinatorRecord::offset, std::nullopt, std::nullopt), "nothing") << "not keyed at all";
}

TEST(CoordinatorRecords, WhatHasNotTheFormIsRefused) {
  const Slice key = stored(1, wire::OffsetCommitKey{"g", "t", 2}, 0);
  const Slice value = stored(3, wire::OffsetCommitValue{}, 3);
  EXPECT_EQ(shown(CoordinatorRecord::offset, Slice::copy_of("\1"), value), "refused");
  EXPECT_EQ(shown(CoordinatorRecord::offset, key.cut(0, key.size() - 1), value), "refused");
  EXPECT_EQ(shown(CoordinatorRecord::offset, key, value.cut(0, 5)), "refused");
  EXPECT_EQ(shown(CoordinatorRecord::offset, key, stored(9, wire::OffsetCommitValue{}, 3)), "refused");
}

}  // namespace
}  // namespace moldau::cli
