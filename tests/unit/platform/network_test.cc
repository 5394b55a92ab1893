#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/random.h"
#include "platform/posix.h"
#include "platform/world.h"
#include "runtime/wait.h"

namespace moldau::platform {
namespace {

using namespace std::chrono_literals;
using runtime::Endpoint;
using runtime::Listener;
using runtime::Stream;
using runtime::Task;

Slice pattern(std::size_t size) {
  std::vector<std::byte> bytes(size);
  Random(size).fill(bytes);
  return Slice::take(std::move(bytes));
}

class NetworkTest : public testing::Test {
 protected:
  // A connected pair over the loopback.
  struct Pair {
    std::unique_ptr<Stream> client;
    std::unique_ptr<Stream> server;
  };

  runtime::Executor& executor() { return world_.shard(0); }
  runtime::MonotonicTime soon() { return executor().now() + 5s; }
  std::unique_ptr<Listener> listen(const std::string& host = "127.0.0.1") {
    auto listener = world_.network(0).listen({host, 0}, {});
    EXPECT_TRUE(listener) << listener.error().message;
    return *std::move(listener);
  }
  Task<std::unique_ptr<Stream>> connect(Endpoint to) {
    auto stream = co_await world_.network(0).connect(std::move(to), soon());
    EXPECT_TRUE(stream) << stream.error().message;
    co_return *std::move(stream);
  }
  Task<Pair> make_pair() {
    const auto listener = listen();
    auto client = co_await connect(listener->local());
    auto server = co_await listener->accept();
    EXPECT_TRUE(server);
    co_return Pair{std::move(client), *std::move(server)};
  }
  static Task<std::vector<std::byte>> read_all(Stream& stream, std::size_t size, std::size_t chunk) {
    std::vector<std::byte> all(size);
    std::size_t done = 0;
    while (done < size) {
      const auto read =
          co_await stream.read_some(MutableBytes(all).subspan(done, std::min(chunk, size - done)));
      EXPECT_TRUE(read);
      if (read.value_or(0) == 0) break;
      done += *read;
    }
    all.resize(done);
    co_return all;
  }
  // A plain blocking socket, for what our own Stream would never do.
  FileDescriptor raw_client(const Endpoint& to) {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(to.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return socket;
  }

  RealWorld world_;
};

TEST_F(NetworkTest, BothSidesKnowBothAddresses) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    EXPECT_EQ(listener->local().host, "127.0.0.1");
    EXPECT_NE(listener->local().port, 0);
    const auto client = co_await connect(listener->local());
    const auto server = co_await listener->accept();
    EXPECT_EQ(client->peer(), listener->local());
    EXPECT_EQ((*server)->local(), listener->local());
    EXPECT_EQ(client->local(), (*server)->peer());
  });
}

TEST_F(NetworkTest, BytesArriveInOrderHoweverTheyAreCut) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    const Slice sent = pattern(300'000);
    Random random(1);
    for (const std::size_t chunk : {std::size_t{1000}, std::size_t{7}, std::size_t{300'000}}) {
      SliceList slices;
      for (std::size_t at = 0; at < sent.size();) {
        const std::size_t size = std::min<std::size_t>(random.below(2000), sent.size() - at);
        slices.push_back(sent.cut(at, size));
        at += size;
      }
      auto writing = pair.client->write(std::move(slices));
      const auto received = co_await read_all(*pair.server, sent.size(), chunk);
      EXPECT_TRUE(co_await std::move(writing));
      EXPECT_TRUE(equal(received, sent));
    }
    EXPECT_TRUE(co_await pair.client->write({}));
    EXPECT_TRUE(co_await pair.client->write({Slice(), Slice()}));
  });
}

TEST_F(NetworkTest, ABigWriteWaitsForASlowReader) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    const Slice sent = pattern(20 << 20);
    auto writing = pair.server->write({sent, sent.cut(0, 100)});
    co_await runtime::sleep_for(executor(), 5ms);
    EXPECT_FALSE(writing.ended());
    const auto received = co_await read_all(*pair.client, sent.size() + 100, 64 << 10);
    EXPECT_TRUE(co_await std::move(writing));
    EXPECT_TRUE(equal(ByteView(received).first(sent.size()), sent));
  });
}

TEST_F(NetworkTest, BothDirectionsAtOnce) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    const Slice sent = pattern(8 << 20);
    auto there = pair.client->write({sent});
    auto back = pair.server->write({sent});
    auto at_server = read_all(*pair.server, sent.size(), 10'000);
    auto at_client = read_all(*pair.client, sent.size(), 10'000);
    EXPECT_TRUE(equal(co_await std::move(at_server), sent));
    EXPECT_TRUE(equal(co_await std::move(at_client), sent));
    EXPECT_TRUE(co_await std::move(there));
    EXPECT_TRUE(co_await std::move(back));
  });
}

TEST_F(NetworkTest, TheEndOfThePeerIsReadAfterItsBytesAndStays) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    EXPECT_TRUE(co_await pair.client->write({Slice::copy_of("last words")}));
    pair.client->close();
    std::byte into[100];
    EXPECT_EQ(co_await pair.server->read_some(into), 10u);
    EXPECT_EQ(co_await pair.server->read_some(into), 0u);
    EXPECT_EQ(co_await pair.server->read_some(into), 0u);
  });
}

TEST_F(NetworkTest, AHalfClosedPeerStillGetsItsAnswer) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    const FileDescriptor client = raw_client(listener->local());
    auto server = *co_await listener->accept();
    EXPECT_EQ(::send(client.get(), "ask", 3, 0), 3);
    ::shutdown(client.get(), SHUT_WR);
    std::byte into[100];
    EXPECT_EQ(co_await server->read_some(into), 3u);
    EXPECT_EQ(co_await server->read_some(into), 0u);
    EXPECT_TRUE(co_await server->write({Slice::copy_of("answer")}));
    char answer[10];
    EXPECT_EQ(::recv(client.get(), answer, sizeof answer, 0), 6);
  });
}

TEST_F(NetworkTest, AResetEndsAWaitingReadAndAWaitingWrite) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    FileDescriptor client = raw_client(listener->local());
    auto server = *co_await listener->accept();
    auto writing = server->write({pattern(20 << 20)});
    std::byte into[100];
    auto reading = server->read_some(into);
    co_await runtime::sleep_for(executor(), 2ms);
    EXPECT_FALSE(reading.ended());
    const linger reset{1, 0};
    ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client.close();
    // The error is told once, to whoever asks first; the other one sees the end.
    const auto read = co_await std::move(reading);
    const auto written = co_await std::move(writing);
    EXPECT_TRUE(read ? *read == 0 : read.error().code == Errc::connection_closed);
    EXPECT_EQ(written.error().code, Errc::connection_closed);
    EXPECT_NE(written.error().message.find(server->peer().to_string()), std::string::npos);
    EXPECT_FALSE(co_await server->write({Slice::copy_of("more")}));
  });
}

// Somebody who works for the peer, and neither reads nor writes meanwhile.
TEST_F(NetworkTest, AHangUpIsToldWithoutARead) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    const auto told_after = [&](auto end) -> Task<bool> {
      FileDescriptor client = raw_client(listener->local());
      auto server = *co_await listener->accept();
      EXPECT_EQ(::send(client.get(), "unread", 6, 0), 6);
      EXPECT_FALSE(co_await server->hung_up().wait(executor().now() + 5ms));
      end(client, *server);
      co_return co_await server->hung_up().wait(soon());
    };
    const auto half_close = [](FileDescriptor& client, Stream&) { ::shutdown(client.get(), SHUT_WR); };
    const auto close = [](FileDescriptor& client, Stream&) { client.close(); };
    const auto reset = [](FileDescriptor& client, Stream&) {
      const linger at_once{1, 0};
      ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      client.close();
    };
    const auto close_here = [](FileDescriptor&, Stream& server) { server.close(); };
    EXPECT_TRUE(co_await told_after(half_close));
    EXPECT_TRUE(co_await told_after(close));
    EXPECT_TRUE(co_await told_after(reset));
    EXPECT_TRUE(co_await told_after(close_here));
  });
}

TEST_F(NetworkTest, CloseCancelsWhatIsUnderWay) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    auto writing = pair.server->write({pattern(20 << 20)});
    std::byte into[100];
    auto reading = pair.server->read_some(into);
    co_await runtime::sleep_for(executor(), 2ms);
    pair.server->close();
    pair.server->close();
    EXPECT_FALSE(reading.ended());  // never inside the call
    EXPECT_EQ((co_await std::move(reading)).error().code, Errc::cancelled);
    EXPECT_EQ((co_await std::move(writing)).error().code, Errc::cancelled);
    EXPECT_EQ((co_await pair.server->read_some(into)).error().code, Errc::cancelled);
    EXPECT_EQ((co_await pair.server->write({Slice::copy_of("x")})).error().code, Errc::cancelled);
  });
}

TEST_F(NetworkTest, CloseInTheTurnInWhichBytesArriveIsSafe) {
  world_.run_until([&]() -> Task<void> {
    for (int i = 0; i < 200; ++i) {
      auto pair = co_await make_pair();
      std::byte into[10];
      auto reading = pair.server->read_some(into);
      auto writing = pair.client->write({Slice::copy_of("x")});
      if (i % 2) co_await runtime::yield(executor());
      pair.server->close();
      const auto read = co_await std::move(reading);
      EXPECT_TRUE(!read || *read == 1);
      EXPECT_TRUE(co_await std::move(writing));
    }
  });
}

TEST_F(NetworkTest, APeerThatAlwaysHasMoreDoesNotKeepTheShard) {
  world_.run_until([&]() -> Task<void> {
    auto pair = co_await make_pair();
    auto writing = pair.client->write({pattern(4 << 20)});
    bool others_ran = false;
    executor().post([&] { others_ran = true; });
    std::byte into[16];
    for (int i = 0; i < 100 && !others_ran; ++i) EXPECT_TRUE(co_await pair.server->read_some(into));
    EXPECT_TRUE(others_ran);
    pair.client->close();
    co_await std::move(writing);
  });
}

TEST_F(NetworkTest, ManyConnections) {
  constexpr int kConnections = 500;
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    std::vector<Task<std::unique_ptr<Stream>>> connecting;
    for (int i = 0; i < kConnections; ++i) connecting.push_back(connect(listener->local()));
    std::vector<std::unique_ptr<Stream>> clients;
    std::vector<std::unique_ptr<Stream>> servers;
    for (int i = 0; i < kConnections; ++i) servers.push_back(*co_await listener->accept());
    for (auto& each : connecting) clients.push_back(co_await std::move(each));
    for (int round = 0; round < 3; ++round) {
      for (auto& client : clients) {
        EXPECT_TRUE(co_await client->write({Slice::copy_of(std::to_string(client->local().port))}));
      }
      for (auto& server : servers) {
        std::byte into[16];
        const auto read = co_await server->read_some(into);
        EXPECT_EQ(as_text(ByteView(into).first(read.value_or(0))), std::to_string(server->peer().port));
      }
    }
  });
}

TEST_F(NetworkTest, ConnectionRefusedNamesTheAddress) {
  world_.run_until([&]() -> Task<void> {
    auto listener = listen();
    const Endpoint nobody = listener->local();
    listener.reset();
    const auto stream = co_await world_.network(0).connect(nobody, soon());
    EXPECT_EQ(stream.error().code, Errc::connection_refused);
    EXPECT_NE(stream.error().message.find(nobody.to_string()), std::string::npos);
  });
}

TEST_F(NetworkTest, ConnectEndsAtTheDeadline) {
  world_.run_until([&]() -> Task<void> {
    // A listener whose backlog is full does not answer any more.
    const auto listener = world_.network(0).listen({"127.0.0.1", 0}, {.backlog = 0});
    std::vector<std::unique_ptr<Stream>> filling;
    while (filling.size() < 10) {
      const auto before = executor().now();
      auto stream = co_await world_.network(0).connect((*listener)->local(), executor().now() + 50ms);
      if (stream) {
        filling.push_back(*std::move(stream));
        continue;
      }
      EXPECT_EQ(stream.error().code, Errc::timed_out);
      EXPECT_LT(executor().now() - before, 1s);
      co_return;
    }
    ADD_FAILURE() << "never timed out";
  });
}

TEST_F(NetworkTest, NamesAreLookedUp) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    const auto client = co_await connect({"localhost", listener->local().port});
    EXPECT_EQ(client->peer(), listener->local());
    const auto unknown = co_await world_.network(0).connect({"no-such-host.invalid", 1}, soon());
    EXPECT_FALSE(unknown);
    EXPECT_NE(unknown.error().message.find("no-such-host.invalid"), std::string::npos);
    const auto bad = world_.network(0).listen({"192.0.2.1", 0}, {});
    EXPECT_FALSE(bad);
    EXPECT_NE(bad.error().message.find("192.0.2.1:0"), std::string::npos);
  });
}

TEST_F(NetworkTest, Version6AndAllInterfaces) {
  world_.run_until([&]() -> Task<void> {
    const auto any = listen("");
    const auto client = co_await connect({"127.0.0.1", any->local().port});
    const auto server = *co_await any->accept();
    EXPECT_EQ(server->peer().host, "127.0.0.1");
    if (auto v6 = world_.network(0).listen({"::1", 0}, {})) {
      const auto there = co_await connect((*v6)->local());
      EXPECT_EQ(there->peer().host, "::1");
    }
  });
}

TEST_F(NetworkTest, AnAddressInUseSaysSo) {
  world_.run_until([&]() -> Task<void> {
    const auto first = listen();
    const auto second = world_.network(0).listen(first->local(), {});
    EXPECT_EQ(second.error().code, Errc::address_in_use);
    EXPECT_NE(second.error().message.find(first->local().to_string()), std::string::npos);
    co_return;
  });
}

TEST_F(NetworkTest, APortJustLeftMayBeTakenAgain) {
  world_.run_until([&]() -> Task<void> {
    auto listener = listen();
    const Endpoint at = listener->local();
    const auto client = co_await connect(at);
    (*co_await listener->accept())->close();  // the server's side waits in TIME_WAIT
    listener.reset();
    EXPECT_TRUE(world_.network(0).listen(at, {}));
  });
}

TEST_F(NetworkTest, ListenersMaySharePort) {
  world_.run_until([&]() -> Task<void> {
    const auto first = world_.network(0).listen({"127.0.0.1", 0}, {.share_port = true});
    EXPECT_TRUE(world_.network(0).listen((*first)->local(), {.share_port = true}));
    EXPECT_FALSE(world_.network(0).listen((*first)->local(), {}));
    co_return;
  });
}

TEST_F(NetworkTest, ClosingTheListenerCancelsAccept) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    auto accepting = listener->accept();
    EXPECT_FALSE(accepting.ended());
    listener->close();
    EXPECT_EQ((co_await std::move(accepting)).error().code, Errc::cancelled);
    EXPECT_EQ((co_await listener->accept()).error().code, Errc::cancelled);
  });
}

TEST_F(NetworkTest, WithoutDescriptorsAcceptFailsAndLaterGoesOn) {
  world_.run_until([&]() -> Task<void> {
    const auto listener = listen();
    const auto client = co_await connect(listener->local());
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const rlimit limit{3, before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    const auto refused = co_await listener->accept();
    const auto connected = co_await world_.network(0).connect(listener->local(), soon());
    ::setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(refused.error().code, Errc::no_descriptors);
    EXPECT_EQ(connected.error().code, Errc::no_descriptors);
    EXPECT_TRUE(co_await listener->accept());
  });
}

TEST(Shards, StreamsLiveOnTheShardThatAcceptedThem) {
  RealWorld world({.shards = 2});
  world.run_until([&]() -> Task<void> {
    auto listener = *world.network(0).listen({"127.0.0.1", 0}, {});
    const Endpoint at = listener->local();
    auto echo = runtime::on_shard(world.shard(0), world.shard(1), [&world, at]() -> Task<bool> {
      auto stream = *co_await world.network(1).connect(at, runtime::kForever);
      std::byte into[1];
      for (int i = 0; i < 1000; ++i) {
        if (!co_await stream->write({Slice::copy_of("x")})) co_return false;
        if (co_await stream->read_some(into) != 1u) co_return false;
      }
      co_return true;
    });
    auto server = *co_await listener->accept();
    std::byte into[16];
    while (true) {
      const auto read = co_await server->read_some(into);
      if (read.value_or(0) == 0) break;
      EXPECT_TRUE(co_await server->write({Slice::copy_of(ByteView(into).first(*read))}));
    }
    EXPECT_TRUE(co_await std::move(echo));
  });
}

}  // namespace
}  // namespace moldau::platform
