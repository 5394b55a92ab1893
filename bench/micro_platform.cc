// What the real World costs: a post, a timer, an echo over the loopback beside a bare epoll loop, a call on
// the pool. Prints one line per measurement; nothing here is a pass or a fail.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "platform/posix.h"
#include "platform/world.h"

using namespace moldau;
using namespace std::chrono_literals;
using platform::FileDescriptor;
using platform::RealWorld;
using runtime::Executor;
using runtime::Lane;
using runtime::Task;

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMessageBytes = 100;

// Of this thread: what others do on the machine does not count.
double cpu_ns() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

void print_each(const char* what, double cpu_start, double count) {
  std::printf("%-44s %8.1f ns\n", what, (cpu_ns() - cpu_start) / count);
}

void print_percentiles(const char* what, std::vector<double> ns) {
  std::ranges::sort(ns);
  const auto at = [&](double part) { return ns[static_cast<std::size_t>(part * (ns.size() - 1))] / 1000; };
  std::printf("%-44s p50 %7.1f  p99 %7.1f  p99.9 %7.1f us\n", what, at(0.5), at(0.99), at(0.999));
}

Task<void> spin_by_yield(Executor& executor, int rounds) {
  for (int i = 0; i < rounds; ++i) {
    co_await runtime::detail::Suspend{[&](std::coroutine_handle<> handle) { executor.post(handle); }};
  }
}

void measure_posts(RealWorld& world) {
  constexpr int kRounds = 2'000'000;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    auto start = cpu_ns();
    co_await spin_by_yield(executor, kRounds);
    print_each("post and resume of a coroutine", start, kRounds);

    start = cpu_ns();
    int ran = 0;
    for (int i = 0; i < kRounds / 100; ++i) {
      for (int j = 0; j < 100; ++j) executor.post([&ran] { ++ran; });
      co_await runtime::yield(executor);
    }
    print_each("post and run of a small job", start, ran);
  });
}

void measure_timers(RealWorld& world) {
  constexpr int kStanding = 10'000;
  constexpr int kRounds = 1'000'000;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    std::vector<runtime::TimerId> standing;
    for (int i = 0; i < kStanding; ++i) {
      standing.push_back(executor.call_at(executor.now() + 30s + i * 1us, [] {}));
    }
    const auto start = cpu_ns();
    for (int i = 0; i < kRounds; ++i) {
      runtime::TimerId& oldest = standing[static_cast<std::size_t>(i % kStanding)];
      executor.cancel(oldest);
      oldest = executor.call_at(executor.now() + 31s + i * 1us, [] {});
    }
    print_each("set and cancel a timer among 10,000", start, kRounds);
    for (const runtime::TimerId timer : standing) executor.cancel(timer);
    co_return;
  });
}

void measure_pool(RealWorld& world, Lane lane, const char* what, runtime::Duration pause) {
  std::vector<double> rounds;
  world.run_until([&]() -> Task<void> {
    Executor& executor = world.shard(0);
    for (int i = 0; i < 5'000; ++i) {
      const auto start = Clock::now();
      co_await world.pool().run(lane, executor, [] {});
      rounds.push_back(ns_since(start));
      if (pause > runtime::Duration::zero()) co_await runtime::sleep_for(executor, pause);
    }
  });
  print_percentiles(what, rounds);
}

// 1 KiB written and synced over and over in a pre-written file, as a commit log does: by the shard itself,
// and by the commit lane.
void measure_commits(RealWorld& world, const std::string& path) {
  constexpr std::uint64_t kFileBytes = 8 << 20;
  constexpr int kRounds = 2'000;
  auto file = *world.disk().open(path, runtime::OpenMode::create);
  const std::vector<std::byte> zeros(kFileBytes);
  if (!file->write_at(0, zeros) || !file->sync_data()) return;
  const std::vector<std::byte> entry(1024, std::byte{1});
  const auto commit = [&](int i) {
    return file->write_at(static_cast<std::uint64_t>(i) * entry.size() % kFileBytes, entry) &&
           file->sync_data();
  };
  std::vector<double> rounds;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = Clock::now();
    if (!commit(i)) return;
    rounds.push_back(ns_since(start));
  }
  print_percentiles("1 KiB written and synced, blocking", std::exchange(rounds, {}));
  world.run_until([&]() -> Task<void> {
    for (int i = 0; i < kRounds; ++i) {
      const auto start = Clock::now();
      if (!co_await world.pool().run(Lane::commit, world.shard(0), [&] { return commit(i); })) co_return;
      rounds.push_back(ns_since(start));
    }
  });
  print_percentiles("1 KiB written and synced, commit lane", std::move(rounds));
  (void)world.disk().remove_file(path);
}

void set_no_delay(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// The client: a blocking socket, one message in flight.
void measure_echo(const char* what, std::uint16_t port, int rounds) {
  const FileDescriptor socket(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return;
  set_no_delay(socket.get());
  char message[kMessageBytes] = {};
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    if (::send(socket.get(), message, sizeof message, 0) < 0) return;
    for (std::size_t got = 0; got < sizeof message;) {
      const ssize_t read = ::recv(socket.get(), message, sizeof message, 0);
      if (read <= 0) return;
      got += static_cast<std::size_t>(read);
    }
    times.push_back(ns_since(start));
  }
  print_percentiles(what, times);
}

Task<void> echo(std::unique_ptr<runtime::Stream> stream) {
  std::vector<std::byte> buffer(64 << 10);
  while (true) {
    const auto read = co_await stream->read_some(buffer);
    if (read.value_or(0) == 0) break;
    if (!co_await stream->write({Slice::borrow(ByteView(buffer).first(*read))})) break;
  }
  stream->close();
}

Task<void> accept_all(runtime::Listener& listener) {
  while (auto stream = co_await listener.accept()) echo(*std::move(stream)).detach();
}

void measure_our_echo(int rounds) {
  RealWorld world;
  auto listener = *world.network(0).listen({"127.0.0.1", 0}, {});
  world.start();
  world.call([&] { accept_all(*listener).detach(); });
  measure_echo("echo, our loop", listener->local().port, rounds);
  world.call([&]() -> Task<void> {
    listener->close();
    co_await runtime::sleep_for(world.shard(0), 1ms);
    listener.reset();
  });
  world.stop();
  world.join();
}

void bare_echo(int listener) {
  const FileDescriptor epoll(::epoll_create1(0));
  const int socket = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
  set_no_delay(socket);
  epoll_event event{.events = EPOLLIN, .data = {.fd = socket}};
  ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, socket, &event);
  std::vector<char> buffer(64 << 10);
  while (::epoll_wait(epoll.get(), &event, 1, -1) > 0) {
    const ssize_t read = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (read <= 0) break;
    if (::send(socket, buffer.data(), static_cast<std::size_t>(read), MSG_NOSIGNAL) < 0) break;
  }
  ::close(socket);
}

void measure_bare_echo(int rounds) {
  const FileDescriptor listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(listener.get(), reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::listen(listener.get(), 1);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&at), &size);
  std::thread server([&] { bare_echo(listener.get()); });
  measure_echo("echo, bare epoll", ntohs(at.sin_port), rounds);
  server.join();
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::stoi(argv[1]) : 20'000;
  {
    RealWorld world({.commit_spin = std::chrono::microseconds(argc > 2 ? std::stoi(argv[2]) : 20)});
    measure_posts(world);
    measure_timers(world);
    measure_pool(world, Lane::commit, "commit lane, call after call", {});
    measure_pool(world, Lane::commit, "commit lane, 300 us apart", 300us);
    measure_pool(world, Lane::read, "read lane, call after call", {});
    measure_pool(world, Lane::read, "read lane, 300 us apart", 300us);
  }
  for (const int spin_us : {0, 20, 100}) {
    std::printf("commit_spin %d us\n", spin_us);
    RealWorld world({.commit_spin = std::chrono::microseconds(spin_us)});
    measure_commits(world, std::filesystem::current_path().string() + "/micro_platform.tmp");
  }
  for (int i = 0; i < 3; ++i) {
    measure_bare_echo(rounds);
    measure_our_echo(rounds);
  }
}
