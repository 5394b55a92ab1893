// What is true of encoding and decoding as such: sharing of memory, tags, nulls, errors, JSON.
#include <gtest/gtest.h>

#include <algorithm>

#include "bytes.h"
#include "wire/messages/api_versions.h"
#include "wire/messages/fetch.h"
#include "wire/messages/list_offsets.h"
#include "wire/messages/metadata.h"
#include "wire/messages/produce.h"
#include "wire/messages/sasl_authenticate.h"
#include "wire/reader.h"
#include "wire/writer.h"

namespace moldau::wire {
namespace {

Slice block(std::size_t size, char letter) { return Slice::copy_of(std::string(size, letter)); }

ProduceRequest produce(SliceList records) {
  ProduceRequest request;
  request.topic_data = {{.name = "t", .partition_data = {{.index = 0, .records = std::move(records)}}}};
  return request;
}

SliceList encoded(const ProduceRequest& request, ApiVersion version) {
  Writer out;
  request.encode(out, version);
  return std::move(out).finish();
}

TEST(Writer, SplicesLargeRecordsAndCopiesSmallOnes) {
  const Slice large = block(Writer::kSpliceSize, 'l');
  const Slice small = block(Writer::kSpliceSize - 1, 's');
  const SliceList out = encoded(produce({small, large, small, large}), 9);
  ASSERT_EQ(out.size(), 5u);
  EXPECT_EQ(out[1].data(), large.data());
  EXPECT_EQ(out[3].data(), large.data());
  const auto decoded = ProduceRequest::decode(joined(out), 9);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(joined(*decoded->topic_data[0].partition_data[0].records), joined({small, large, small, large}));
}

TEST(Writer, GrowsAndCountsWhatWasSpliced) {
  Writer out(1);
  for (int i = 0; i < 1000; ++i) out.number<std::int32_t>(i);
  out.splice(block(5000, 'x'));
  out.splice(Slice());
  out.number<std::int8_t>(1);
  EXPECT_EQ(out.size(), 9001u);
  const SliceList slices = std::move(out).finish();
  EXPECT_EQ(slices.size(), 3u);
  EXPECT_EQ(size_of(slices), 9001u);
}

TEST(Writer, TagsLongerThan127BytesHaveLongerLengths) {
  Writer out;
  out.tag(3, [&] { out.raw(block(300, 'x')); });
  const Slice bytes = std::move(out).finish_contiguous();
  EXPECT_EQ(to_hex(bytes.cut(0, 4)), "03ac0278");
  EXPECT_EQ(bytes.size(), 303u);
}

TEST(Writer, CopiesIntoTagsWhateverTheSize) {
  Writer out;
  out.splice(block(2000, 'b'));
  out.tag(1, [&] { out.tag(2, [&] { out.splice(block(2000, 't')); }); });
  const SliceList slices = std::move(out).finish();
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(to_hex(slices[1].cut(0, 7)), "01d30f02d00f74");
  EXPECT_EQ(slices[1].size(), 2006u);
}

TEST(Writer, CutsStringsAtTheLimitAndAtACharacter) {
  Writer out;
  out.string(std::string(kMaxStringSize - 1, 'a') + "\xe2\x82\xac", true);
  const Slice bytes = std::move(out).finish_contiguous();
  EXPECT_EQ(bytes.size(), 3 + kMaxStringSize - 1);
  std::string text;
  Reader in(bytes);
  in.string(text, true);
  EXPECT_TRUE(in.finish().has_value());
  EXPECT_EQ(text, std::string(kMaxStringSize - 1, 'a'));
}

TEST(Decoding, SharesTheBodyInsteadOfCopying) {
  const Slice body = joined(encoded(produce({block(100, 'r')}), 7));
  auto request = ProduceRequest::decode(body, 7);
  ASSERT_TRUE(request.has_value());
  const SliceList& records = *request->topic_data[0].partition_data[0].records;
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].owner(), body.owner());
  EXPECT_GE(records[0].data(), body.data());
}

TEST(Decoding, EmptyRecordsAreNotNull) {
  const auto empty = ProduceRequest::decode(joined(encoded(produce({}), 9)), 9);
  ASSERT_TRUE(empty->topic_data[0].partition_data[0].records.has_value());
  EXPECT_TRUE(empty->topic_data[0].partition_data[0].records->empty());
}

TEST(Decoding, SkipsUnknownTags) {
  const auto request = ApiVersionsRequest::decode(hex("01 01  02  00 01 ff  05 02 abcd"), 3);
  ASSERT_TRUE(request.has_value()) << request.error().message;
  EXPECT_EQ(*request, ApiVersionsRequest());
}

TEST(Decoding, RefusesBrokenTagSections) {
  const auto error = [](std::string_view bytes) { return ApiVersionsRequest::decode(hex(bytes), 3).error(); };
  EXPECT_EQ(error("01 01  02  05 00  05 00").code, Errc::corrupt);     // twice
  EXPECT_EQ(error("01 01  02  05 00  04 00").code, Errc::corrupt);     // descending
  EXPECT_EQ(error("01 01  01  05 02 00").code, Errc::truncated);       // longer than the message
  EXPECT_EQ(error("01 01  ffffffff0f  05 00").code, Errc::truncated);  // more than there are
  EXPECT_EQ(error("01 01  ffffffffff01").code, Errc::corrupt);         // too wide
  EXPECT_EQ(error("01 01  ff").code, Errc::truncated);
}

TEST(Decoding, RefusesATagWhoseSizeIsNotItsValues) {
  const std::string_view head = "0000  01  00000000";
  const auto decode = [&](std::string_view tags) {
    return ApiVersionsResponse::decode(hex(std::string(head) + std::string(tags)), 3);
  };
  EXPECT_TRUE(decode("01  01 08 0000000000000007").has_value());
  EXPECT_EQ(decode("01  01 09 0000000000000007 00").error().code, Errc::corrupt);
  EXPECT_EQ(decode("01  01 07 00000000000007").error().code, Errc::truncated);
}

// As librdkafka 2.15 asks for all topics: the null array is written in four bytes instead of one.
TEST(Decoding, IgnoresBytesAfterARequest) {
  const auto all_topics = MetadataRequest::decode(hex("00000000 01 00 00"), 13);
  ASSERT_TRUE(all_topics.has_value()) << all_topics.error().message;
  EXPECT_FALSE(all_topics->topics.has_value());
}

TEST(Decoding, RefusesNullWhereNoneIsAllowed) {
  const auto null_name = ListOffsetsRequest::decode(hex("ffffffff 00000001 ffff 00000000"), 1);
  ASSERT_FALSE(null_name.has_value());
  EXPECT_EQ(null_name.error().code, Errc::corrupt);
  EXPECT_EQ(ListOffsetsRequest::decode(hex("ffffffff ffffffff"), 1).error().code, Errc::corrupt);
  // The name of a topic may be null from Metadata v10 on.
  EXPECT_EQ(MetadataRequest::decode(hex("02 00 00  01 00 00  00"), 9).error().code, Errc::corrupt);
  EXPECT_TRUE(MetadataRequest::decode(hex("02 00000000000000000000000000000001 00 00  01 00 00  00"), 10)
                  .has_value());
}

TEST(Decoding, RefusesNegativeLengthsBelowNull) {
  EXPECT_EQ(MetadataRequest::decode(hex("fffffffe"), 1).error().code, Errc::corrupt);
  EXPECT_EQ(MetadataRequest::decode(hex("00000001 fffe"), 1).error().code, Errc::corrupt);
}

TEST(Decoding, TellsWhatBrokeAndWhere) {
  const auto error = MetadataRequest::decode(hex("00000001 0005 61"), 1).error();
  EXPECT_EQ(error.code, Errc::truncated);
  EXPECT_EQ(error.message, "MetadataRequest v1: the bytes end before the value does at byte 6");
}

// JSON written with ' for ".
std::string json(std::string text) {
  std::ranges::replace(text, '\'', '"');
  return text;
}

TEST(Json, HasKafkasNamesAndOnlyTheVersionsFields) {
  EXPECT_EQ(produce({block(10, 'r')}).to_json(9),
            json("{'transactionalId':null,'acks':0,'timeoutMs':0,'topicData':[{'name':'t',"
                 "'partitionData':[{'index':0,'records':'(10 bytes of records)'}]}]}"));
  FetchResponse response;
  response.error_code = ErrorCode::fetch_session_id_not_found;
  EXPECT_EQ(response.to_json(4), json("{'throttleTimeMs':0,'responses':[]}"));
  EXPECT_EQ(response.to_json(7), json("{'throttleTimeMs':0,'errorCode':'FETCH_SESSION_ID_NOT_FOUND',"
                                      "'sessionId':0,'responses':[]}"));
}

TEST(Json, EscapesWhatMustBeEscaped) {
  ApiVersionsRequest request;
  request.client_software_name = "a\"\\\n\xff\xc3\xa9";
  EXPECT_EQ(request.to_json(3), json("{'clientSoftwareName':'a") + "\\\"\\\\\\u000a\\u00ff\xc3\xa9" +
                                    json("','clientSoftwareVersion':''}"));
}

TEST(Json, LeavesSecretsOut) {
  SaslAuthenticateRequest request;
  request.auth_bytes = Slice::copy_of("hunter2");
  EXPECT_EQ(request.to_json(2), json("{'authBytes':'(secret)'}"));
}

}  // namespace
}  // namespace moldau::wire
