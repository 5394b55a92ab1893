// Messages as bytes, worked out by hand from the protocol's rules: what the generated code must read and
// write.
#include <gtest/gtest.h>

#include "bytes.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/broker_heartbeat.h"
#include "wire/messages/describe_topic_partitions.h"
#include "wire/messages/fetch.h"
#include "wire/messages/join_group.h"
#include "wire/messages/metadata.h"
#include "wire/messages/offset_delete.h"
#include "wire/messages/produce.h"
#include "wire/writer.h"

namespace moldau::wire {
namespace {

template <class Message>
std::string encoded(const Message& message, ApiVersion version) {
  Writer out;
  message.encode(out, version);
  return to_hex(std::move(out).finish_contiguous());
}

template <class Message>
void expect_same(const Message& message, ApiVersion version, std::string_view bytes) {
  EXPECT_EQ(encoded(message, version), to_hex(hex(bytes)));
  const auto decoded = Message::decode(hex(bytes), version);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(*decoded, message);
}

TEST(Vectors, ApiVersionsRequest) {
  expect_same(ApiVersionsRequest(), 0, "");
  ApiVersionsRequest request;
  request.client_software_name = "kcat";
  request.client_software_version = "1.7";
  expect_same(request, 3, "05 6b636174  04 312e37  00");
}

TEST(Vectors, ApiVersionsResponse) {
  ApiVersionsResponse response;
  response.error_code = ErrorCode::unsupported_version;
  response.api_keys = {{.api_key = 18, .min_version = 0, .max_version = 4}};
  expect_same(response, 0, "0023  00000001  0012 0000 0004");
  response.throttle_time_ms = 5;
  expect_same(response, 1, "0023  00000001  0012 0000 0004  00000005");
  response.finalized_features_epoch = 7;
  response.finalized_features = {{.name = "kraft.version", .max_version_level = 1, .min_version_level = 1}};
  expect_same(response, 3,
              "0023  02  0012 0000 0004 00  00000005"
              "02  01 08 0000000000000007  02 14 02 0e 6b726166742e76657273696f6e 0001 0001 00");
}

TEST(Vectors, MetadataRequest) {
  MetadataRequest request;
  request.topics.emplace();
  request.topics->push_back({.name = "ab"});
  expect_same(request, 1, "00000001  0002 6162");
  request.allow_auto_topic_creation = false;
  expect_same(request, 4, "00000001  0002 6162  00");
  request.topics->front().topic_id = Uuid{1, 2};
  request.topics->front().name.reset();
  request.include_topic_authorized_operations = true;
  expect_same(request, 12, "02  0000000000000001 0000000000000002  00  00   00  01  00");
}

TEST(Vectors, MetadataRequestForAllTopics) {
  const MetadataRequest all;
  expect_same(all, 1, "ffffffff");
  expect_same(all, 9, "00  01  00 00  00");
  // Version 0 has no null: there the empty list asks for all topics.
  EXPECT_EQ(encoded(all, 0), "00000000");
  EXPECT_FALSE(MetadataRequest::decode(hex("ffffffff"), 0).has_value());
}

TEST(Vectors, MetadataResponse) {
  MetadataResponse response;
  response.brokers = {{.node_id = 1, .host = "h", .port = 9092, .rack = std::nullopt}};
  response.controller_id = 1;
  MetadataResponse::Topic topic{.error_code = ErrorCode::leader_not_available, .name = "t"};
  topic.is_internal = true;
  topic.partitions = {{.error_code = ErrorCode::none,
                       .partition_index = 0,
                       .leader_id = 1,
                       .replica_nodes = {1, 2},
                       .isr_nodes = {1}}};
  response.topics = {topic};
  expect_same(response, 1,
              "00000001  00000001 0001 68 00002384 ffff"
              "00000001"
              "00000001  0005 0001 74 01"
              "00000001  0000 00000000 00000001  00000002 00000001 00000002  00000001 00000001");
}

TEST(Vectors, ProduceRequest) {
  ProduceRequest request;
  request.acks = -1;
  request.timeout_ms = 1500;
  request.topic_data = {{.name = "t", .partition_data = {{.index = 3, .records = SliceList{hex("010203")}}}}};
  expect_same(request, 7, "ffff  ffff  000005dc  00000001 0001 74  00000001 00000003  00000003 010203");
  expect_same(request, 9, "00  ffff  000005dc  02 02 74  02 00000003 04 010203 00  00  00");
  request.topic_data[0].name.clear();
  request.topic_data[0].topic_id = Uuid{0x0102030405060708, 0x090a0b0c0d0e0f10};
  expect_same(request, 13,
              "00  ffff  000005dc  02 0102030405060708090a0b0c0d0e0f10  02 00000003 04 010203 00  00  00");
  request.topic_data[0].partition_data[0].records.reset();
  expect_same(request, 13,
              "00  ffff  000005dc  02 0102030405060708090a0b0c0d0e0f10  02 00000003 00 00  00  00");
}

TEST(Vectors, ProduceResponseNamesTheNewLeader) {
  ProduceResponse response;
  ProduceResponse::TopicResponse::PartitionResponse partition{
      .index = 0, .error_code = ErrorCode::not_leader_or_follower, .base_offset = -1};
  partition.current_leader = {.leader_id = 2, .leader_epoch = 5};
  response.responses = {{.name = "t", .partition_responses = {partition}}};
  response.node_endpoints = {{.node_id = 2, .host = "h", .port = 9092}};
  expect_same(response, 10,
              "02  02 74  02  00000000 0006 ffffffffffffffff ffffffffffffffff ffffffffffffffff 01 00"
              "  01 00 09 00000002 00000005 00"
              "  00  00000000  01 00 0d 02 00000002 02 68 00002384 00 00");
}

TEST(Vectors, FetchRequest) {
  FetchRequest request;
  request.max_wait_ms = 500;
  request.min_bytes = 1;
  request.max_bytes = 0x100000;
  request.isolation_level = 1;
  request.topics = {
      {.topic = "t",
       .partitions = {
           {.partition = 1, .current_leader_epoch = 4, .fetch_offset = 9, .partition_max_bytes = 0x10000}}}};
  request.rack_id = "r";
  expect_same(request, 11,
              "ffffffff 000001f4 00000001 00100000 01 00000000 ffffffff"
              "00000001 0001 74  00000001 00000001 00000004 0000000000000009 ffffffffffffffff 00010000"
              "00000000  0001 72");
}

TEST(Vectors, FetchRequestOfAFollower) {
  FetchRequest request;
  request.replica_state = {.replica_id = 3, .replica_epoch = 8};
  request.max_wait_ms = 500;
  request.session_epoch = 0;
  // Replica state is tag 1, the cluster id tag 0.
  request.cluster_id = "c";
  expect_same(request, 17,
              "000001f4 00000000 7fffffff 00 00000000 00000000  01  01  01"
              "02  00 02 0263  01 0d 00000003 0000000000000008 00");
}

TEST(Vectors, FetchResponse) {
  FetchResponse response;
  FetchResponse::TopicResponse::PartitionResponse partition{.partition_index = 1, .high_watermark = 10};
  partition.last_stable_offset = 9;
  partition.log_start_offset = 2;
  partition.aborted_transactions = {{{.producer_id = 5, .first_offset = 3}}};
  partition.records = SliceList{hex("aabb")};
  response.session_id = 7;
  response.responses = {{.topic = "t", .partitions = {partition}}};
  expect_same(response, 11,
              "00000000 0000 00000007  00000001 0001 74  00000001"
              "00000001 0000 000000000000000a 0000000000000009 0000000000000002"
              "00000001 0000000000000005 0000000000000003  ffffffff  00000002 aabb");
  response.responses[0].partitions[0].diverging_epoch = {.epoch = 1, .end_offset = 4};
  expect_same(response, 12,
              "00000000 0000 00000007  02 02 74  02"
              "00000001 0000 000000000000000a 0000000000000009 0000000000000002"
              "02 0000000000000005 0000000000000003 00  ffffffff  03 aabb"
              "01 00 0d 00000001 0000000000000004 00"
              "00  00");
}

TEST(Vectors, JoinGroupRequest) {
  JoinGroupRequest request;
  request.group_id = "g";
  request.session_timeout_ms = 1;
  request.rebalance_timeout_ms = 2;
  request.protocol_type = "consumer";
  request.protocols = {{.name = "range", .metadata = hex("0001")}};
  expect_same(request, 5,
              "0001 67  00000001 00000002  0000  ffff  0008 636f6e73756d6572"
              "00000001 0005 72616e6765 00000002 0001");
  expect_same(request, 8,
              "02 67  00000001 00000002  01  00  09 636f6e73756d6572  02 06 72616e6765 03 0001 00  00  00");
}

TEST(Vectors, NullableStruct) {
  DescribeTopicPartitionsRequest request;
  request.response_partition_limit = 5;
  expect_same(request, 0, "01 00000005 ff 00");
  request.cursor.emplace();
  request.cursor->topic_name = "t";
  request.cursor->partition_index = 2;
  expect_same(request, 0, "01 00000005 01 02 74 00000002 00 00");
}

TEST(Vectors, TaggedArraysOfUuids) {
  BrokerHeartbeatRequest request;
  request.broker_id = 1;
  request.broker_epoch = 2;
  request.current_metadata_offset = 3;
  expect_same(request, 0, "00000001 0000000000000002 0000000000000003 00 00 00");
  request.offline_log_dirs = {Uuid{0, 9}};
  request.cordoned_log_dirs.emplace();
  expect_same(request, 2,
              "00000001 0000000000000002 0000000000000003 00 00"
              "02  00 11 02 00000000000000000000000000000009  01 01 01");
  // Version 1 has only the first; what a version lacks is left out.
  EXPECT_EQ(encoded(request, 1), to_hex(hex("00000001 0000000000000002 0000000000000003 00 00"
                                            "01  00 11 02 00000000000000000000000000000009")));
}

TEST(Vectors, NeverFlexible) {
  OffsetDeleteRequest request;
  request.group_id = "g";
  request.topics = {{.name = "t", .partitions = {{.partition_index = 1}}}};
  expect_same(request, 0, "0001 67  00000001 0001 74  00000001 00000001");
}

}  // namespace
}  // namespace moldau::wire
