// FrameReader and ResponseQueue on simulated streams.
#include <gtest/gtest.h>

#include "server/frame_reader.h"
#include "server/response_queue.h"
#include "simulation/world.h"

namespace moldau::server {
namespace {

using runtime::Task;

struct Pair {
  std::unique_ptr<runtime::Stream> client;
  std::unique_ptr<runtime::Stream> server;
};

class Streams : public testing::Test {
 protected:
  Task<Pair> connect() {
    auto listener = world.network(0).listen({"127.0.0.1", 9092}, {});
    EXPECT_TRUE(listener.has_value());
    auto accepting = (*listener)->accept();
    auto client = co_await world.network(0).connect({"127.0.0.1", 9092}, runtime::kForever);
    auto server = co_await std::move(accepting);
    EXPECT_TRUE(client.has_value() && server.has_value());
    co_return Pair{std::move(*client), std::move(*server)};
  }
  static Slice frame_of(std::size_t size, std::uint64_t seed) {
    Buffer buffer;
    buffer.append_be<std::int32_t>(static_cast<std::int32_t>(size));
    Random(seed).fill(buffer.extend(size));
    return std::move(buffer).to_slice();
  }
  static Task<Status> send(runtime::Stream& stream, Slice bytes) {
    SliceList one;
    one.push_back(std::move(bytes));
    co_return co_await stream.write(std::move(one));
  }
  static Slice text(std::string_view words) { return Slice::copy_of(words); }

  simulation::World world{11};
  runtime::Executor& executor = world.shard(0);
  runtime::Watermark ended;
};

TEST_F(Streams, FramesOfAllSizesArriveWhole) {
  const std::vector<std::size_t> sizes{0, 1, 10, 2043, 2044, 2045, 5000, 70000, 300000, 8, 1000000, 3};
  auto run = [&]() -> Task<int> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 8 << 20);
    FrameReader reader(executor, *pair.server, budget, ended, {});
    SliceList all;
    for (std::size_t i = 0; i < sizes.size(); ++i) all.push_back(frame_of(sizes[i], i));
    auto writing = pair.client->write(all);
    std::vector<Frame> kept;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      auto frame = co_await reader.next();
      EXPECT_TRUE(frame.has_value() && frame->has_value());
      if (!frame || !*frame) break;
      kept.push_back(std::move(**frame));
    }
    EXPECT_EQ(kept.size(), sizes.size());
    for (std::size_t i = 0; i < kept.size(); ++i) {
      EXPECT_EQ(kept[i].bytes, frame_of(sizes[i], i).from(4))
          << "frames stay as they were while others arrive";
    }
    EXPECT_GT(budget.used_bytes(), 1300000u);
    kept.clear();
    EXPECT_EQ(budget.used_bytes(), 0u);
    static_cast<void>(co_await std::move(writing));
    pair.client->close();
    const auto end = co_await reader.next();
    EXPECT_TRUE(!end.has_value() || !end->has_value());
    co_return 0;
  };
  world.run(run());
}

TEST_F(Streams, WhatIsNoKafkaIsNamed) {
  const auto error_for = [&](std::string bytes) {
    auto run = [&]() -> Task<Error> {
      Pair pair = co_await connect();
      MemoryBudget budget(executor, 1 << 20);
      FrameReader reader(executor, *pair.server, budget, ended, {});
      static_cast<void>(co_await send(*pair.client, text(bytes)));
      pair.client->close();
      auto frame = co_await reader.next();
      EXPECT_FALSE(frame.has_value()) << bytes;
      co_return frame ? Error{Errc::io, ""} : frame.error();
    };
    return world.run(run());
  };
  EXPECT_EQ(error_for("GET / HTTP/1.1\r\n\r\n").message, "the peer speaks HTTP, not Kafka's protocol");
  EXPECT_EQ(error_for(std::string("\x16\x03\x01\x02\x00\x01", 6)).message,
            "the peer speaks TLS, not Kafka's protocol");
  EXPECT_EQ(error_for(std::string("\xff\xff\xff\xff", 4)).code, Errc::too_large);
  EXPECT_EQ(error_for(std::string("\x7f\xff\xff\xff", 4)).code, Errc::too_large);
  EXPECT_EQ(error_for(std::string("\x00\x00\x00\x10x", 5)).code, Errc::truncated);
}

TEST_F(Streams, AnAnnouncedFrameTakesMemoryOnlyAsItArrives) {
  auto run = [&]() -> Task<int> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 4 << 20);
    FrameReader reader(executor, *pair.server, budget, ended, {});
    Buffer start;
    start.append_be<std::int32_t>(100 << 20);
    start.append("abc");
    static_cast<void>(co_await send(*pair.client, std::move(start).to_slice()));
    auto reading = reader.next();
    co_await runtime::sleep_for(executor, std::chrono::seconds(1));
    EXPECT_TRUE(reader.inside_frame());
    EXPECT_LE(budget.used_bytes(), 64u << 10);
    pair.client->close();
    const auto frame = co_await std::move(reading);
    EXPECT_FALSE(frame.has_value());
    co_return 0;
  };
  world.run(run());
}

TEST_F(Streams, WithoutRequestMemoryTheWaitEnds) {
  auto run = [&]() -> Task<int> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 80 << 10);
    MemoryBudget::Hold other;
    EXPECT_TRUE(co_await budget.raise(other, 70 << 10, executor.now()));
    FrameReader reader(executor, *pair.server, budget, ended, {});
    auto writing = send(*pair.client, frame_of(50000, 1));
    const auto frame = co_await reader.next();
    EXPECT_FALSE(frame.has_value());
    if (!frame) EXPECT_EQ(frame.error().code, Errc::unavailable);
    pair.server->close();
    pair.client->close();
    static_cast<void>(co_await std::move(writing));
    co_return 0;
  };
  world.run(run());
}

TEST_F(Streams, AnswersLeaveInTheOrderOfTheirRequests) {
  auto run = [&]() -> Task<std::string> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 1 << 20);
    ResponseQueue queue(executor, *pair.server, budget);
    auto first = queue.reserve(), second = queue.reserve(), third = queue.reserve();
    std::move(third).complete({text("c")});
    std::move(second).complete({});  // acks=0: nothing leaves
    co_await runtime::sleep_for(executor, std::chrono::milliseconds(10));
    EXPECT_EQ(queue.pending(), 3u) << "nothing overtakes the first";
    std::move(first).complete({text("a"), text("b")});
    std::byte got[8];
    std::string all;
    while (all.size() < 3) {
      const auto size = co_await pair.client->read_some(got);
      EXPECT_TRUE(size.has_value());
      if (!size || *size == 0) break;
      all += as_text(ByteView(got, *size));
    }
    co_await queue.close();
    co_return all;
  };
  EXPECT_EQ(world.run(run()), "abc");
}

TEST_F(Streams, ThoseWhoHoldMemoryDoNotWaitForEachOther) {
  MemoryBudget budget(executor, 100);
  std::array<MemoryBudget::Hold, 3> holds;
  std::array<std::optional<bool>, 3> raised;
  auto raise = [&](std::size_t index, std::uint64_t bytes) -> Task<void> {
    raised[index] = co_await budget.raise(holds[index], bytes, runtime::kForever);
  };
  for (std::size_t index = 0; index < holds.size(); ++index) raise(index, 30).detach();
  for (std::size_t index = 0; index < holds.size(); ++index) {
    EXPECT_EQ(raised[index], true);
    raised[index].reset();
    raise(index, 60).detach();
  }
  EXPECT_EQ(budget.waiting(), 2u);
  EXPECT_EQ(raised[2], false) << "the last one gives up, so that the others get on";
  {
    const MemoryBudget::Hold given_back = std::move(holds[2]);
  }
  world.run_for(std::chrono::seconds(1));
  EXPECT_EQ(raised[0], true);
  {
    const MemoryBudget::Hold given_back = std::move(holds[0]);
  }
  world.run_for(std::chrono::seconds(1));
  EXPECT_EQ(raised[1], true);
}

TEST_F(Streams, APeerThatVanishesDoesNotWaitForMemory) {
  auto run = [&]() -> Task<int> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 80 << 10);
    MemoryBudget::Hold other;
    EXPECT_TRUE(co_await budget.raise(other, 70 << 10, executor.now()));
    FrameReader reader(executor, *pair.server, budget, ended, {});
    auto writing = send(*pair.client, frame_of(50000, 1));
    auto reading = reader.next();
    co_await runtime::sleep_for(executor, std::chrono::seconds(1));
    EXPECT_EQ(budget.waiting(), 1u);
    const auto before = executor.now();
    ended.advance(1);
    const auto frame = co_await std::move(reading);
    EXPECT_FALSE(frame.has_value());
    if (!frame) EXPECT_EQ(frame.error().code, Errc::truncated);
    EXPECT_LT(executor.now() - before, std::chrono::seconds(1));
    EXPECT_EQ(budget.waiting(), 0u);
    pair.server->close();
    pair.client->close();
    static_cast<void>(co_await std::move(writing));
    co_return 0;
  };
  world.run(run());
}

TEST_F(Streams, AHangUpIsToldToThoseWhoDoNotRead) {
  const auto told_after = [&](auto end) {
    auto run = [&]() -> Task<bool> {
      Pair pair = co_await connect();
      static_cast<void>(co_await send(*pair.client, text("unread")));
      EXPECT_FALSE(co_await pair.server->hung_up().wait(executor.now() + std::chrono::seconds(1)));
      end(pair);
      const bool told = co_await pair.server->hung_up().wait(executor.now() + std::chrono::seconds(5));
      co_return told;
    };
    return world.run(run());
  };
  EXPECT_TRUE(told_after([](Pair& pair) { pair.client->close(); }));
  EXPECT_TRUE(told_after([](Pair& pair) { pair.client.reset(); }));
  EXPECT_TRUE(told_after([](Pair& pair) { pair.server->close(); })) << "for one's own close too";
}

TEST_F(Streams, ADroppedSlotEndsTheConnectionAfterTheAnswersBeforeIt) {
  auto run = [&]() -> Task<std::string> {
    Pair pair = co_await connect();
    MemoryBudget budget(executor, 1 << 20);
    ResponseQueue queue(executor, *pair.server, budget);
    auto first = queue.reserve();
    {
      auto dropped = queue.reserve();
    }
    auto last = queue.reserve();
    EXPECT_TRUE(queue.ending());
    std::move(last).complete({text("never seen")});
    co_await runtime::sleep_for(executor, std::chrono::milliseconds(10));
    std::move(first).complete({text("seen")});
    std::string all;
    std::byte got[64];
    for (;;) {
      const auto size = co_await pair.client->read_some(got);
      if (!size || *size == 0) break;
      all += as_text(ByteView(got, *size));
    }
    co_await queue.close();
    EXPECT_EQ(queue.pending(), 0u);
    EXPECT_EQ(budget.used_bytes(), 0u);
    co_return all;
  };
  EXPECT_EQ(world.run(run()), "seen");
}

}  // namespace
}  // namespace moldau::server
