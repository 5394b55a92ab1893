#include "client/connection.h"

#include "client/response_reader.h"
#include "fixture.h"

namespace moldau::client {
namespace {

using Kind = FakeBroker::Script::Kind;
using wire::ApiKey;

class ConnectionTest : public ClientTest {
 protected:
  ~ConnectionTest() override {
    if (connection_) {
      connection_->close();
      world_.run(connection_->ended());
    }
  }
  Outcome<void> open(ConnectionOptions options = {}) { return open_at(broker().endpoint(), options); }
  Outcome<void> open_at(Endpoint endpoint, ConnectionOptions options = {}) {
    auto opened = world_.run(BrokerConnection::open(world_.shard(0), world_.network(0), endpoint, options));
    if (!opened) return fail(opened.error());
    connection_ = *opened;
    return {};
  }
  Outcome<wire::MetadataResponse> ask(CallOptions options = {}) {
    return world_.run(connection_->call<wire::MetadataResponse>(wire::MetadataRequest(), options));
  }
  void on(ApiKey key, FakeBroker::Script script) {
    broker().hook = [=](const wire::RequestFrame& request) {
      return request.header.api_key == key ? std::optional(script) : std::nullopt;
    };
  }

  BrokerConnection::Ptr connection_;
};

TEST_F(ConnectionTest, NegotiatesAndPicksTheHighestCommonVersion) {
  broker().ranges[ApiKey::metadata] = {0, 9};
  ASSERT_TRUE(open());
  ASSERT_TRUE(ask());
  EXPECT_EQ(broker().seen.back().api_version, 9);
  ASSERT_TRUE(ask({.max_version = 5}));
  EXPECT_EQ(broker().seen.back().api_version, 5);
  EXPECT_EQ(broker().seen.front().api_key, ApiKey::api_versions);
}

TEST_F(ConnectionTest, FallsBackWhenTheBrokerIsOlder) {
  broker().api_versions_max = 2;
  ASSERT_TRUE(open());
  ASSERT_EQ(broker().seen.size(), 2u);
  EXPECT_EQ(broker().seen[0].api_version, 4);
  EXPECT_EQ(broker().seen[1].api_version, 2);
  EXPECT_TRUE(ask());
}

TEST_F(ConnectionTest, NoCommonVersionIsToldWithoutSending) {
  broker().ranges[ApiKey::metadata] = {90, 99};
  ASSERT_TRUE(open());
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::unsupported);
  EXPECT_EQ(broker().count(ApiKey::metadata), 0u);
}

TEST_F(ConnectionTest, UnknownHostIsToldAsSuch) {
  const auto opened = open_at({"no-such-host", 9092});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().phase, Phase::resolve);
  EXPECT_EQ(opened.error().code, Errc::not_found);
  EXPECT_EQ(opened.error().address, "no-such-host:9092");
  EXPECT_FALSE(opened.error().retriable);
}

TEST_F(ConnectionTest, RefusedConnectIsToldAsSuch) {
  const auto opened = open_at({"127.0.0.1", 1});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().phase, Phase::connect);
  EXPECT_EQ(opened.error().code, Errc::connection_refused);
  EXPECT_TRUE(opened.error().retriable);
  EXPECT_NE(opened.error().hint.find("127.0.0.1:1"), std::string::npos);
}

TEST_F(ConnectionTest, ASilentPeerFailsTheNegotiationAtTheTimeOut) {
  on(ApiKey::api_versions, {.kind = Kind::never_answer});
  const auto opened = open({.request_timeout = 3s});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().phase, Phase::negotiate);
  EXPECT_EQ(opened.error().code, Errc::timed_out);
}

TEST_F(ConnectionTest, APeerThatSpeaksHttpIsRefused) {
  on(ApiKey::api_versions,
     {.kind = Kind::raw, .raw = Slice::copy_of("HTTP/1.1 400 Bad Request\r\n"), .raw_frame = true});
  const auto opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().phase, Phase::negotiate);
  EXPECT_EQ(opened.error().code, Errc::too_large);
  EXPECT_FALSE(opened.error().hint.empty());
}

TEST_F(ConnectionTest, AnUnansweredRequestEndsTheConnectionAndAllUnderWay) {
  ASSERT_TRUE(open({.request_timeout = 5s}));
  on(ApiKey::metadata, {.kind = Kind::never_answer});
  auto first = connection_->call<wire::MetadataResponse>(wire::MetadataRequest());
  auto second = connection_->call<wire::MetadataResponse>(wire::MetadataRequest(), {.timeout = 20s});
  const auto one = world_.run(std::move(first));
  const auto two = world_.run(std::move(second));
  ASSERT_FALSE(one);
  ASSERT_FALSE(two);
  EXPECT_EQ(one.error().code, Errc::timed_out);
  EXPECT_EQ(two.error().code, Errc::timed_out);
  EXPECT_LT(world_.elapsed(), 10s);
  EXPECT_TRUE(connection_->is_closed());
  EXPECT_FALSE(ask());
}

TEST_F(ConnectionTest, RequestsArePipelinedAndAnsweredInOrder) {
  ASSERT_TRUE(open({.max_in_flight = 3}));
  std::vector<Task<Outcome<wire::MetadataResponse>>> calls;
  for (int i = 0; i < 20; ++i)
    calls.push_back(connection_->call<wire::MetadataResponse>(wire::MetadataRequest()));
  EXPECT_LE(connection_->in_flight(), 3u);
  for (auto& call : calls) EXPECT_TRUE(world_.run(std::move(call)));
  for (std::size_t i = 1; i < broker().seen.size(); ++i) {
    EXPECT_EQ(broker().seen[i].correlation_id, broker().seen[i - 1].correlation_id + 1);
  }
}

TEST_F(ConnectionTest, TooManyWaitingRequestsAreRefused) {
  ASSERT_TRUE(open({.max_in_flight = 1, .max_waiting = 2}));
  std::vector<Task<Outcome<wire::MetadataResponse>>> calls;
  for (int i = 0; i < 6; ++i)
    calls.push_back(connection_->call<wire::MetadataResponse>(wire::MetadataRequest()));
  unsigned refused = 0;
  for (auto& call : calls) {
    const auto answer = world_.run(std::move(call));
    if (!answer) refused += answer.error().code == Errc::unavailable;
  }
  EXPECT_EQ(refused, 3u);
}

TEST_F(ConnectionTest, GarbageInPlaceOfAResponseEndsTheConnection) {
  ASSERT_TRUE(open());
  on(ApiKey::metadata, {.kind = Kind::raw, .raw = Slice::copy_of("\xff\xff\xff\xff garbage")});
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::corrupt);
  EXPECT_TRUE(connection_->is_closed());
}

TEST_F(ConnectionTest, AShortResponseIsRefused) {
  ASSERT_TRUE(open());
  broker().hook = [](const wire::RequestFrame& request) {
    std::vector<std::byte> bytes(6);
    store_be<std::int32_t>(bytes.data(), request.header.correlation_id);
    return FakeBroker::Script{.kind = Kind::raw, .raw = Slice::take(bytes)};
  };
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::corrupt);
  EXPECT_EQ(answer.error().address, connection_->address());
}

TEST_F(ConnectionTest, AnOversizedResponseIsRefused) {
  ASSERT_TRUE(open({.max_response_bytes = 4096}));
  std::vector<std::byte> bytes(8);
  store_be<std::int32_t>(bytes.data(), 4097);
  on(ApiKey::metadata, {.kind = Kind::raw, .raw = Slice::take(bytes), .raw_frame = true});
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::too_large);
}

TEST_F(ConnectionTest, ALostConnectionFailsWhatIsUnderWayAsRetriable) {
  ASSERT_TRUE(open());
  on(ApiKey::metadata, {.kind = Kind::drop_connection});
  const auto answer = ask();
  ASSERT_FALSE(answer);
  EXPECT_TRUE(answer.error().retriable);
  EXPECT_EQ(answer.error().phase, Phase::request);
}

TEST_F(ConnectionTest, ACancelledCallLeavesTheConnectionUsable) {
  ASSERT_TRUE(open());
  Cancellation cancellation;
  auto call =
      connection_->call<wire::MetadataResponse>(wire::MetadataRequest(), {.cancellation = &cancellation});
  cancellation.cancel();
  const auto answer = world_.run(std::move(call));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Errc::cancelled);
  EXPECT_TRUE(ask());
}

TEST(ResponseReaderTest, FramesSurviveAnyCutting) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::byte> bytes;
    std::vector<std::size_t> sizes;
    for (int i = 0; i < 10; ++i) {
      const std::size_t size = 4 + random.below(random.one_in(4) ? 200000 : 50);
      sizes.push_back(size);
      std::byte head[4];
      store_be<std::int32_t>(head, static_cast<std::int32_t>(size));
      bytes.insert(bytes.end(), head, head + 4);
      bytes.insert(bytes.end(), size, static_cast<std::byte>(i));
    }
    ResponseReader reader(1 << 20);
    std::vector<Slice> frames;
    for (std::size_t at = 0; at < bytes.size();) {
      const MutableBytes room = reader.room();
      ASSERT_FALSE(room.empty());
      const std::size_t size = std::min({room.size(), bytes.size() - at, 1 + random.below(70000)});
      std::memcpy(room.data(), bytes.data() + at, size);
      reader.received(size);
      at += size;
      for (;;) {
        auto frame = reader.next();
        ASSERT_TRUE(frame);
        if (!*frame) break;
        frames.push_back(std::move(**frame));
      }
    }
    ASSERT_EQ(frames.size(), sizes.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
      ASSERT_EQ(frames[i].size(), sizes[i]);
      for (const std::byte byte : frames[i].view()) ASSERT_EQ(byte, static_cast<std::byte>(i));
    }
    EXPECT_FALSE(reader.inside_frame());
  }
}

TEST(ResponseReaderTest, MemoryGrowsWithWhatArrived) {
  ResponseReader reader(1u << 30);
  const MutableBytes room = reader.room();
  store_be<std::int32_t>(room.data(), 1 << 29);
  reader.received(4);
  ASSERT_TRUE(reader.next());
  EXPECT_LE(reader.room().size(), 1u << 17);
}

}  // namespace
}  // namespace moldau::client
