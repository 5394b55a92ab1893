#include "simulation/network.h"

#include <gtest/gtest.h>

#include "runtime/wait.h"
#include "simulation/world.h"

namespace moldau::simulation {
namespace {

using runtime::Endpoint;
using runtime::Listener;
using runtime::Stream;
using runtime::Task;

// Machine 0 listens at port 9092, machine 1 connects; `client` and `server` are the two ends.
struct Pair {
  explicit Pair(std::uint64_t seed, Options options = {}) : world(seed, with_machines(options)) {
    auto listening = world.machine(0).network(0).listen({"0.0.0.0", 9092}, {});
    EXPECT_TRUE(listening);
    listener = std::move(*listening);
  }
  static Options with_machines(Options options) {
    options.machines = 2;
    return options;
  }
  MonotonicTime deadline(Duration after = 10s) { return world.machine(1).shard(0).now() + after; }
  Task<Result<std::unique_ptr<Stream>>> connecting(Duration patience = 10s) {
    return world.machine(1).network(0).connect({"10.0.0.1", 9092}, deadline(patience));
  }
  void connect() {
    auto connected = world.run(connecting());
    ASSERT_TRUE(connected) << connected.error().message;
    client = std::move(*connected);
    auto accepted = world.run(listener->accept());
    ASSERT_TRUE(accepted) << accepted.error().message;
    server = std::move(*accepted);
  }
  World world;
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Stream> client;
  std::unique_ptr<Stream> server;
};

Task<Result<std::string>> read_to_end(Stream& stream) {
  std::string all;
  for (;;) {
    std::byte into[1000];
    const auto read = co_await stream.read_some(into);
    if (!read) co_return fail(read.error());
    if (*read == 0) co_return all;
    all += as_text(ByteView(into, *read));
  }
}

// Gives what came before the error too.
Task<std::string> read_until_trouble(Stream& stream) {
  std::string all;
  for (;;) {
    std::byte into[1000];
    const auto read = co_await stream.read_some(into);
    if (!read || *read == 0) co_return all;
    all += as_text(ByteView(into, *read));
  }
}

Task<void> write_and_close(Stream& stream, std::string text) {
  SliceList slices;
  slices.push_back(Slice::copy_of(std::string_view(text).substr(0, text.size() / 3)));
  slices.push_back(Slice::copy_of(std::string_view(text).substr(text.size() / 3)));
  EXPECT_TRUE(co_await stream.write(std::move(slices)));
  stream.close();
}

std::string long_text() {
  std::string text;
  while (text.size() < 300'000) text += std::to_string(text.size()) + ",";
  return text;
}

TEST(Network, BytesArriveInOrderThroughDelayLossAndSmallWindows) {
  const std::string text = long_text();
  FaultCounters faults;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    Options options;
    options.network.window_bytes = 10'000;
    options.network.segment_bytes_max = 4'000;
    options.network.faults.delay = 0.02;
    options.network.faults.loss = 0.05;
    Pair pair(seed, options);
    pair.connect();
    write_and_close(*pair.client, text).detach();
    const auto received = pair.world.run(read_to_end(*pair.server));
    ASSERT_TRUE(received) << received.error().message;
    EXPECT_EQ(*received, text);
    faults.add(pair.world.faults());
  }
  for (const Fault fault : {Fault::loss, Fault::delay, Fault::split_segment, Fault::short_read}) {
    EXPECT_GT(faults[fault], 30U) << name_of(fault);
  }
}

TEST(Network, AWriteWaitsWhileThePeerDoesNotRead) {
  Pair pair(1, {.network = {.window_bytes = 1000}});
  pair.connect();
  auto writing = pair.client->write({Slice::copy_of(std::string(5000, 'x'))});
  pair.world.run_for(10s);
  EXPECT_FALSE(writing.ended());
  std::byte into[4500];
  for (std::size_t total = 0; total < 4500;) total += *pair.world.run(pair.server->read_some(into));
  EXPECT_TRUE(pair.world.run(std::move(writing)));
}

TEST(Network, BandwidthBoundsTheFlow) {
  Pair pair(1);
  pair.world.fabric().link(1, 0).bytes_per_second = 100'000;
  pair.connect();
  write_and_close(*pair.client, std::string(1'000'000, 'x')).detach();
  EXPECT_TRUE(pair.world.run(read_to_end(*pair.server)));
  EXPECT_GE(pair.world.elapsed(), 9s);
  EXPECT_LT(pair.world.elapsed(), 12s);
}

TEST(Network, ACutHoldsBytesOfOneDirectionUntilItHeals) {
  Pair pair(1);
  pair.connect();
  pair.world.fabric().cut(1, 0);
  EXPECT_TRUE(pair.world.run(pair.client->write({Slice::copy_of("to the server")})));
  EXPECT_TRUE(pair.world.run(pair.server->write({Slice::copy_of("to the client")})));
  std::byte into[100];
  std::byte other[100];
  auto at_server = pair.server->read_some(into);
  EXPECT_TRUE(pair.world.run(pair.client->read_some(other)));
  pair.world.run_for(20s);
  EXPECT_FALSE(at_server.ended());
  pair.world.fabric().heal(1, 0);
  EXPECT_TRUE(pair.world.run(std::move(at_server), 10s));
  EXPECT_GT(pair.world.faults()[Fault::held_by_cut], 3U);
}

TEST(Network, ALongCutEndsTheSender) {
  Pair pair(1);
  pair.connect();
  pair.world.fabric().cut_both(0, 1);
  EXPECT_TRUE(pair.world.run(pair.client->write({Slice::copy_of("lost")})));
  std::byte into[10];
  EXPECT_EQ(pair.world.run(pair.client->read_some(into)).error().code, Errc::timed_out);
}

TEST(Network, ResetsCutFramesAtAnyByte) {
  const std::string text = long_text();
  std::set<std::size_t> lengths;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Options options;
    options.network.segment_bytes_max = 8'000;
    options.network.window_bytes = 16'000;
    Pair pair(seed, options);
    pair.connect();
    auto writing = pair.client->write({Slice::copy_of(text)});
    auto reading = read_until_trouble(*pair.server);
    pair.world.run_for(2ms);
    ASSERT_FALSE(writing.ended());
    pair.world.fabric().reset_connections(0, 1);
    EXPECT_EQ(pair.world.run(std::move(writing)).error().code, Errc::connection_closed);
    const std::string received = pair.world.run(std::move(reading));
    EXPECT_TRUE(text.starts_with(received)) << "a prefix arrives, whole";
    lengths.insert(received.size());
  }
  EXPECT_GT(lengths.size(), 50U);
}

TEST(Network, RandomResetsFire) {
  Options options;
  options.network.faults.reset = 0.5;
  Pair pair(3, options);
  pair.connect();
  Status status;
  for (int i = 0; i < 50 && status; ++i) status = pair.world.run(pair.client->write({Slice::copy_of("x")}));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::connection_closed);
  EXPECT_EQ(pair.world.faults()[Fault::reset], 1U);
}

TEST(Network, ConnectIsRefusedOrTimesOut) {
  Pair pair(1);
  auto& network = pair.world.machine(1).network(0);
  EXPECT_EQ(pair.world.run(network.connect({"machine-0", 1}, pair.deadline())).error().code,
            Errc::connection_refused);
  EXPECT_EQ(pair.world.run(network.connect({"nowhere", 1}, pair.deadline())).error().code, Errc::not_found);
  EXPECT_EQ(pair.world.run(network.connect({"127.0.0.1", 9092}, pair.deadline())).error().code,
            Errc::connection_refused)
      << "that is machine 1 itself";
  pair.world.fabric().isolate({0});
  const auto before = pair.world.elapsed();
  EXPECT_EQ(pair.world.run(pair.connecting(3s)).error().code, Errc::timed_out);
  EXPECT_GE(pair.world.elapsed() - before, 3s);
  auto patient = pair.connecting(60s);
  pair.world.run_for(5s);
  pair.world.fabric().heal_all();
  EXPECT_TRUE(pair.world.run(std::move(patient))) << "the first packet is sent again";
}

TEST(Network, PortsAreTakenSharedOrChosen) {
  World world(1);
  runtime::Network& network = world.network(0);
  const auto first = network.listen({"0.0.0.0", 9092}, {});
  EXPECT_EQ(network.listen({"127.0.0.1", 9092}, {}).error().code, Errc::address_in_use);
  const auto any = network.listen({"127.0.0.1", 0}, {});
  ASSERT_TRUE(any);
  EXPECT_GT((*any)->local().port, 0);
  const auto one = network.listen({"localhost", 7000}, {.share_port = true});
  const auto two = network.listen({"localhost", 7000}, {.share_port = true});
  EXPECT_TRUE(one && two);
  EXPECT_EQ(network.listen({"localhost", 7000}, {}).error().code, Errc::address_in_use);
  EXPECT_FALSE(network.listen({"10.9.9.9", 1}, {}));
}

TEST(Network, CloseCancelsWhatWaits) {
  Pair pair(1);
  pair.connect();
  std::byte into[10];
  auto reading = pair.client->read_some(into);
  auto accepting = pair.listener->accept();
  pair.client->close();
  pair.client->close();
  pair.listener->close();
  EXPECT_EQ(pair.world.run(std::move(reading)).error().code, Errc::cancelled);
  EXPECT_EQ(pair.world.run(std::move(accepting)).error().code, Errc::cancelled);
  EXPECT_EQ(pair.world.run(pair.server->read_some(into)), 0U) << "the peer sees the end";
  Status status;
  for (int i = 0; i < 100 && status; ++i) {
    status = pair.world.run(pair.server->write({Slice::copy_of("x")}));
    pair.world.run_for(1ms);
  }
  EXPECT_FALSE(status) << "writing to a closed peer ends in a reset";
}

TEST(Network, KillResetsAndPowerLossIsSilent) {
  std::byte into[10];
  for (const bool power : {false, true}) {
    Pair pair(1);
    pair.connect();
    auto reading = pair.client->read_some(into);
    power ? pair.world.power_loss() : pair.world.kill();
    EXPECT_EQ(pair.world.run(pair.server->read_some(into)).error().code, Errc::cancelled);
    pair.world.run_for(30s);
    EXPECT_EQ(reading.ended(), !power);
    const auto again = pair.world.run(pair.connecting());
    EXPECT_EQ(again.error().code, power ? Errc::timed_out : Errc::connection_refused);
    pair.server.reset();
    pair.listener.reset();
    pair.world.restart();
    static_cast<void>(pair.world.run(pair.client->write({Slice::copy_of("hello?")})));
    EXPECT_EQ(pair.world.run(std::move(reading)).error().code, Errc::connection_closed);
  }
}

TEST(Network, AcceptRunsOutOfDescriptorsAndRecovers) {
  Options options;
  options.descriptors = 2;  // the listener and one stream
  Pair pair(1, options);
  pair.connect();
  auto second = pair.world.run(pair.world.machine(1).network(0).connect({"10.0.0.1", 9092}, pair.deadline()));
  ASSERT_TRUE(second);
  EXPECT_EQ(pair.world.run(pair.listener->accept()).error().code, Errc::no_descriptors);
  pair.server.reset();
  EXPECT_TRUE(pair.world.run(pair.listener->accept())) << "the connection had waited";
}

TEST(Network, ABacklogIsBounded) {
  World world(1, {.machines = 2});
  auto listener = world.machine(0).network(0).listen({"", 1}, {.backlog = 1});
  ASSERT_TRUE(listener);
  const auto connect = [&](Duration patience) {
    auto& machine = world.machine(1);
    return world.run(machine.network(0).connect({"10.0.0.1", 1}, machine.shard(0).now() + patience));
  };
  EXPECT_TRUE(connect(5s));
  EXPECT_EQ(connect(5s).error().code, Errc::timed_out);
}

}  // namespace
}  // namespace moldau::simulation
