#include "coordinator/state_log.h"

#include "hosted.h"

namespace moldau::coordinator::testing {
namespace {

constexpr TopicIdPartition kKey{kTopicId, 0};

class StateLogs : public Hosted {
 protected:
  static StateLog::Entry entry(const std::string& key, const std::optional<std::string>& value) {
    StateLog::Entry entry{Slice::copy_of(key), std::nullopt};
    if (value) entry.value = Slice::copy_of(*value);
    return entry;
  }
  std::vector<std::string> read(StateLog& log, std::size_t at_once = 1 << 20) {
    std::vector<std::string> found;
    const auto done = world.run(log.read_all(
        world.shard(0), at_once, [&](Offset offset, const Slice& key, const std::optional<Slice>& value) {
          found.push_back(std::to_string(offset) + " " + std::string(key.text()) + "=" +
                          (value ? std::string(value->text()) : "null"));
        }));
    EXPECT_TRUE(done.has_value()) << done.error().message;
    return found;
  }
};

using Texts = std::vector<std::string>;

TEST_F(StateLogs, GiveBackWhatWasAppended) {
  open();
  create_topic();
  StateLog log(partitions(), kKey);
  EXPECT_EQ(read(log), Texts{});
  const std::vector<StateLog::Entry> first{entry("a", "1"), entry("b", std::nullopt)};
  const std::vector<StateLog::Entry> second{entry("a", "2")};
  EXPECT_EQ(log.append(first, 1'000, record::Codec::none).value(), 0);
  EXPECT_EQ(log.append(second, 1'001, record::Codec::zstd).value(), 2);
  const Texts all{"0 a=1", "1 b=null", "2 a=2"};
  EXPECT_EQ(read(log), all) << "also what is not committed yet";
  EXPECT_FALSE(log.is_committed(3));
  EXPECT_TRUE(world.run(log.committed(3, world.shard(0).now() + 1s)).has_value());
  EXPECT_TRUE(log.is_committed(3));
  EXPECT_EQ(read(log, 1), all) << "in small pieces";
}

TEST_F(StateLogs, PassOverTransactions) {
  open();
  create_topic();
  StateLog log(partitions(), kKey);
  ASSERT_TRUE(log.append(std::vector{entry("a", "1")}, 1'000, record::Codec::none));
  record::BatchFields fields;
  fields.producer_id = 9;
  fields.producer_epoch = 0;
  fields.base_sequence = 0;
  fields.transactional = true;
  record::BatchBuilder batch(fields);
  batch.append(1'000, as_bytes("k"), as_bytes("v"));
  ASSERT_TRUE(partition(0).append(std::move(batch).build_uncompressed(), {}, 1'000));
  ASSERT_TRUE(log.append(std::vector{entry("b", "2")}, 1'000, record::Codec::none));
  EXPECT_EQ(read(log), (Texts{"0 a=1", "2 b=2"}));
}

TEST_F(StateLogs, EndWithTheLeadership) {
  open();
  create_topic();
  StateLog log(partitions(), kKey);
  ASSERT_TRUE(log.append(std::vector{entry("a", "1")}, 1'000, record::Codec::none));
  EXPECT_TRUE(log.is_led());
  elect(0, kNoNode);
  EXPECT_FALSE(StateLog::is_leading(partitions(), kKey));
  elect(0, kSelf);
  EXPECT_TRUE(StateLog::is_leading(partitions(), kKey));
  EXPECT_FALSE(log.is_led()) << "what happened between nobody knows";
  EXPECT_EQ(log.append(std::vector{entry("a", "2")}, 1'000, record::Codec::none).error().code,
            ErrorCode::not_leader_or_follower);
  EXPECT_EQ(world.run(log.committed(1, runtime::kForever)).error().code, ErrorCode::not_leader_or_follower);
  EXPECT_EQ(world.run(log.read_all(world.shard(0), 1, StateLog::Visit())).error().code,
            ErrorCode::not_leader_or_follower);
  StateLog again(partitions(), kKey);
  EXPECT_EQ(read(again), Texts{"0 a=1"});
}

TEST_F(StateLogs, SayWhatFitsIntoABatch) {
  open();
  create_topic({{"max.message.bytes", "1000"}});
  StateLog log(partitions(), kKey);
  const std::vector<StateLog::Entry> entries(50, entry("key", std::string(90, 'x')));
  const std::size_t count = log.fitting(entries);
  EXPECT_GT(count, 5U);
  EXPECT_LT(count, 15U);
  EXPECT_TRUE(log.append(std::span(entries).first(count), 1'000, record::Codec::none));
  EXPECT_EQ(log.append(entries, 1'000, record::Codec::none).error().code, ErrorCode::message_too_large);
  EXPECT_EQ(log.fitting(std::vector{entry("k", std::string(5'000, 'x'))}), 1U);
}

}  // namespace
}  // namespace moldau::coordinator::testing
