#include "server/fetch_session.h"

#include <gtest/gtest.h>

#include <numeric>

namespace moldau::server {
namespace {

using wire::ErrorCode;

constexpr std::int16_t kVersion = 13;
const TopicId kTopic{7, 7};
const runtime::MonotonicTime kNow{std::chrono::hours(1)};

wire::FetchRequest request(std::int32_t session_id, std::int32_t epoch,
                           std::vector<PartitionIndex> partitions) {
  wire::FetchRequest message;
  message.session_id = session_id;
  message.session_epoch = epoch;
  if (!partitions.empty()) {
    auto& topic = message.topics.emplace_back();
    topic.topic_id = kTopic;
    for (const PartitionIndex index : partitions) {
      auto& partition = topic.partitions.emplace_back();
      partition.partition = index;
      partition.partition_max_bytes = 1000;
    }
  }
  return message;
}

FetchOutcome outcome(PartitionIndex index, Offset high_watermark, std::string_view records = "") {
  FetchOutcome told{kTopic, "", {}};
  told.partition.partition_index = index;
  told.partition.high_watermark = high_watermark;
  told.partition.log_start_offset = 0;
  told.partition.records = SliceList();
  if (!records.empty()) told.partition.records->push_back(Slice::copy_of(records));
  return told;
}

class FetchSessions : public testing::Test {
 protected:
  // Opens a session over the partitions and answers it fully; its id.
  std::int32_t open(std::vector<PartitionIndex> partitions) {
    auto context = cache.begin(request(0, 0, partitions), kVersion, kNow);
    EXPECT_TRUE(context.has_value());
    std::vector<FetchOutcome> outcomes;
    for (const PartitionIndex index : partitions) outcomes.push_back(outcome(index, 0));
    return cache.finish(std::move(*context), std::move(outcomes)).session_id;
  }
  std::vector<PartitionIndex> told(const wire::FetchResponse& response) {
    std::vector<PartitionIndex> indexes;
    for (const auto& topic : response.responses) {
      for (const auto& partition : topic.partitions) indexes.push_back(partition.partition_index);
    }
    return indexes;
  }

  FetchSessionCache cache{0, 1, {.sessions = 2, .memory_bytes = 10'000}, Random(1)};
};

TEST_F(FetchSessions, FullFetchNamesEveryPartitionAndOpensASession) {
  auto context = cache.begin(request(0, 0, {0, 1}), kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  std::vector<FetchOutcome> outcomes;
  outcomes.push_back(outcome(0, 0));
  outcomes.push_back(outcome(1, 0));
  const auto response = cache.finish(std::move(*context), std::move(outcomes));
  EXPECT_GT(response.session_id, 0);
  EXPECT_EQ(told(response), (std::vector<PartitionIndex>{0, 1}));
}

TEST_F(FetchSessions, IncrementalFetchTellsOnlyWhatChanged) {
  const std::int32_t id = open({0, 1, 2});
  auto context = cache.begin(request(id, 1, {}), kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->targets.size(), 3u) << "the session remembers what it fetches";
  std::vector<FetchOutcome> outcomes;
  outcomes.push_back(outcome(0, 0));             // nothing new
  outcomes.push_back(outcome(1, 5));             // the high watermark moved
  outcomes.push_back(outcome(2, 0, "records"));  // data
  EXPECT_EQ(told(cache.finish(std::move(*context), std::move(outcomes))),
            (std::vector<PartitionIndex>{1, 2}));
}

TEST_F(FetchSessions, PartitionsWithDataGoToTheEnd) {
  const std::int32_t id = open({0, 1, 2});
  auto context = cache.begin(request(id, 1, {}), kVersion, kNow);
  std::vector<FetchOutcome> outcomes;
  outcomes.push_back(outcome(0, 9, "records"));
  static_cast<void>(cache.finish(std::move(*context), std::move(outcomes)));
  context = cache.begin(request(id, 2, {}), kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->targets.front().partition, 1);
  EXPECT_EQ(context->targets.back().partition, 0);
}

TEST_F(FetchSessions, AnErrorIsToldAndSoIsItsEnd) {
  const std::int32_t id = open({0});
  auto context = cache.begin(request(id, 1, {}), kVersion, kNow);
  std::vector<FetchOutcome> failed;
  failed.push_back(outcome(0, 0));
  failed.back().partition.error_code = ErrorCode::not_leader_or_follower;
  EXPECT_EQ(told(cache.finish(std::move(*context), std::move(failed))).size(), 1u);
  context = cache.begin(request(id, 2, {}), kVersion, kNow);
  std::vector<FetchOutcome> mended;
  mended.push_back(outcome(0, 0));
  EXPECT_EQ(told(cache.finish(std::move(*context), std::move(mended))).size(), 1u);
}

TEST_F(FetchSessions, WhoHasGoneAstrayIsToldTheHighWatermarkAgain) {
  const std::int32_t id = open({0});
  auto context = cache.begin(request(id, 1, {}), kVersion, kNow);
  std::vector<FetchOutcome> diverging;
  diverging.push_back(outcome(0, 7));
  diverging.back().partition.diverging_epoch = {3, 5};
  EXPECT_EQ(told(cache.finish(std::move(*context), std::move(diverging))).size(), 1u);
  context = cache.begin(request(id, 2, {}), kVersion, kNow);
  std::vector<FetchOutcome> agreeing;
  agreeing.push_back(outcome(0, 7));
  EXPECT_EQ(told(cache.finish(std::move(*context), std::move(agreeing))).size(), 1u);
}

TEST_F(FetchSessions, ForgottenPartitionsAreFetchedNoMore) {
  const std::int32_t id = open({0, 1});
  auto message = request(id, 1, {});
  message.forgotten_topics_data.push_back({"", kTopic, {0}});
  const auto context = cache.begin(message, kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  ASSERT_EQ(context->targets.size(), 1u);
  EXPECT_EQ(context->targets.front().partition, 1);
}

TEST_F(FetchSessions, WithoutItsLastPartitionASessionEnds) {
  const std::int32_t id = open({0});
  auto message = request(id, 1, {});
  message.forgotten_topics_data.push_back({"", kTopic, {0}});
  auto context = cache.begin(message, kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(cache.finish(std::move(*context), {}).session_id, 0);
  EXPECT_EQ(cache.begin(request(id, 2, {}), kVersion, kNow).error(), ErrorCode::fetch_session_id_not_found);
}

TEST_F(FetchSessions, ErrorsOfTheWholeRequest) {
  const std::int32_t id = open({0});
  EXPECT_EQ(cache.begin(request(id + 1, 1, {}), kVersion, kNow).error(),
            ErrorCode::fetch_session_id_not_found);
  EXPECT_EQ(cache.begin(request(id, 7, {}), kVersion, kNow).error(), ErrorCode::invalid_fetch_session_epoch);
  EXPECT_EQ(cache.begin(request(id, 1, {}), 12, kNow).error(), ErrorCode::fetch_session_topic_id_error);
}

TEST_F(FetchSessions, AFinalFetchClosesTheSession) {
  const std::int32_t id = open({0});
  const auto context = cache.begin(request(id, -1, {0}), kVersion, kNow);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(context->session, nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(FetchSessions, AFullCacheLeavesClientsWithoutSessionsUntilOneIsStale) {
  EXPECT_GT(open({0}), 0);
  EXPECT_GT(open({0}), 0);
  EXPECT_EQ(open({0}), 0);
  auto later = cache.begin(request(0, 0, {0}), kVersion, kNow + std::chrono::minutes(3));
  ASSERT_TRUE(later.has_value());
  EXPECT_NE(later->session, nullptr);
  EXPECT_EQ(cache.size(), 2u);
}

// RE-09: it is not the number of sessions alone that costs memory.
TEST_F(FetchSessions, LargeSessionsAreBoundedByTheirMemory) {
  std::vector<PartitionIndex> many(20);
  std::iota(many.begin(), many.end(), 0);
  const std::int32_t id = open(many);
  EXPECT_GT(id, 0);
  EXPECT_EQ(open(many), 0) << "fetches without";
  EXPECT_GT(open({0}), 0);
  EXPECT_LE(cache.memory_bytes(), 10'000u);
  many.resize(100);
  std::iota(many.begin(), many.end(), 0);
  EXPECT_EQ(open(many), 0);
  EXPECT_EQ(cache.begin(request(id, 1, many), kVersion, kNow).error(), ErrorCode::fetch_session_id_not_found)
      << "one that grows too large ends, and its client starts anew";
  EXPECT_EQ(cache.size(), 1u);
}

TEST_F(FetchSessions, MemoryOfEndedAndForgottenPartitionsComesFree) {
  const std::int32_t id = open({0, 1, 2});
  auto message = request(id, 1, {3, 0});
  message.forgotten_topics_data.push_back({"", kTopic, {0, 1}});
  ASSERT_TRUE(cache.begin(message, kVersion, kNow).has_value());
  EXPECT_GT(cache.memory_bytes(), 0u);
  ASSERT_TRUE(cache.begin(request(id, -1, {}), kVersion, kNow).has_value());
  EXPECT_EQ(cache.memory_bytes(), 0u);
  ASSERT_GT(open({0}), 0);
  ASSERT_GT(open({0}), 0);
  const auto later = kNow + std::chrono::minutes(3);
  ASSERT_TRUE(cache.begin(request(0, 0, {0}), kVersion, later).has_value());
  EXPECT_EQ(cache.size(), 2u) << "one gave way";
}

}  // namespace
}  // namespace moldau::server
