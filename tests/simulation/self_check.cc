#include "simulation/self_check.h"

#include <algorithm>

#include "runtime/wait.h"

namespace moldau::simulation {
namespace {

using runtime::OpenMode;
using runtime::Stream;
using runtime::Task;

constexpr std::uint16_t kPort = 7000;
constexpr const char* kJournal = "/data/journal";
// A journal entry: the count in 8 bytes and its complement in 8: enough to see a torn one.
constexpr std::size_t kEntry = 16;

struct Entry {
  std::byte bytes[kEntry];
  explicit Entry(std::uint64_t count) {
    store_be<std::uint64_t>(bytes, count);
    store_be<std::uint64_t>(bytes + 8, ~count);
  }
  static bool valid(const std::byte* at, std::uint64_t count) {
    return load_be<std::uint64_t>(at) == count && load_be<std::uint64_t>(at + 8) == ~count;
  }
};

class CountingServer {
 public:
  CountingServer(runtime::World& world, Flaw flaw)
      : world_(world),
        flaw_(flaw),
        shard_(world.shard(0)),
        sessions_(shard_),
        disk_(world.disk()),
        pool_(world.pool()) {}

  // Recovers the count from the journal and listens.
  Task<Status> start() {
    auto recovered = co_await pool_.run(runtime::Lane::background, shard_, [this] { return recover(); });
    if (!recovered) co_return recovered;
    auto listening = world_.network(0).listen({"0.0.0.0", kPort}, {});
    if (!listening) co_return fail(listening.error());
    listener_ = std::move(*listening);
    serve_all().detach();
    co_return Status();
  }

  Task<void> stop() {
    stopping_ = true;
    if (listener_) listener_->close();
    for (Stream* stream : streams_) stream->close();
    co_await sessions_.close();
  }

 private:
  Status recover() {
    TRY(disk_.create_directories("/data"));
    if (flaw_ != Flaw::no_directory_sync) TRY(disk_.sync_directory("/"));
    ASSIGN_OR_RETURN(journal_, disk_.open(kJournal, OpenMode::create));
    if (flaw_ != Flaw::no_directory_sync) TRY(disk_.sync_directory("/data"));
    ASSIGN_OR_RETURN(const std::uint64_t size, journal_->size());
    std::vector<std::byte> bytes(size);
    ASSIGN_OR_RETURN(const std::size_t read, journal_->read_at(0, bytes));
    count_ = 0;
    while ((count_ + 1) * kEntry <= read && Entry::valid(bytes.data() + count_ * kEntry, count_ + 1))
      ++count_;
    TRY(journal_->truncate(count_ * kEntry));
    return journal_->sync_data();
  }

  Task<void> serve_all() {
    const runtime::Gate::Pass pass(sessions_);
    for (;;) {
      auto accepted = co_await listener_->accept();
      if (accepted) {
        serve(std::move(*accepted)).detach();
      } else if (accepted.error().code == Errc::no_descriptors) {
        co_await runtime::sleep_for(shard_, 10ms);
      } else {
        co_return;
      }
    }
  }

  Task<void> serve(std::unique_ptr<Stream> stream) {
    const runtime::Gate::Pass pass(sessions_);
    if (!pass || stopping_) co_return;
    streams_.push_back(stream.get());
    std::byte request;
    for (;;) {
      const auto read = co_await stream->read_some({&request, 1});
      if (!read || *read == 0) break;
      const auto counted = co_await count_one();
      if (!counted) break;
      std::byte answer[8];
      store_be<std::uint64_t>(answer, *counted);
      if (!co_await stream->write({Slice::copy_of(ByteView(answer))})) break;
    }
    std::erase(streams_, stream.get());
  }

  // A failed write or sync poisons the journal until the next start.
  Task<Result<std::uint64_t>> count_one() {
    if (poisoned_) co_return fail(Errc::unavailable, "the journal failed before");
    const std::uint64_t mine = ++count_;
    const Status synced = co_await pool_.run(runtime::Lane::commit, shard_, [this, mine]() -> Status {
      TRY(journal_->write_at((mine - 1) * kEntry, ByteView(Entry(mine).bytes)));
      return flaw_ == Flaw::no_sync ? Status() : journal_->sync_data();
    });
    if (flaw_ == Flaw::sync_error_ignored) co_return mine;
    poisoned_ |= !synced;
    if (poisoned_) co_return fail(Errc::io, "the journal failed");
    co_return mine;
  }

  runtime::World& world_;
  Flaw flaw_;
  runtime::Executor& shard_;
  runtime::Gate sessions_;
  runtime::Disk& disk_;
  runtime::BlockingPool& pool_;
  std::unique_ptr<runtime::File> journal_;
  std::unique_ptr<runtime::Listener> listener_;
  std::vector<Stream*> streams_;
  std::uint64_t count_ = 0;
  bool poisoned_ = false;
  bool stopping_ = false;
};

// Asks again and again, over new connections when one breaks, and checks what it is told.
class Client {
 public:
  explicit Client(runtime::World& world)
      : network_(world.network(0)), shard_(world.shard(0)), random_(world.entropy()) {}

  Task<void> run() {
    while (!stopping) {
      auto stream = co_await network_.connect({Fabric::address_of(0), kPort}, shard_.now() + 2s);
      if (stream) co_await converse(**stream);
      co_await runtime::sleep_for(shard_, runtime::milliseconds(random_.between(1, 200)));
    }
  }

  std::uint64_t told = 0;  // the highest count in an answer
  std::uint64_t answers = 0;
  std::string problem;
  bool stopping = false;

 private:
  // A silent peer is left after a while.
  Task<void> converse(Stream& stream) {
    while (!stopping) {
      const runtime::TimerId patience = shard_.call_at(shard_.now() + 5s, [&stream] { stream.close(); });
      const bool answered = co_await ask(stream);
      shard_.cancel(patience);
      if (!answered) break;
      co_await runtime::sleep_for(shard_, runtime::milliseconds(random_.between(0, 300)));
    }
    stream.close();
  }

  Task<bool> ask(Stream& stream) {
    const std::uint64_t before = told;
    if (!co_await stream.write({Slice::copy_of("?")})) co_return false;
    std::byte answer[8];
    for (std::size_t have = 0; have < sizeof answer;) {
      const auto read = co_await stream.read_some(MutableBytes(answer).subspan(have));
      if (!read || *read == 0) co_return false;
      have += *read;
    }
    const auto count = load_be<std::uint64_t>(answer);
    if (count <= before) {
      problem = "the count went from " + std::to_string(before) + " to " + std::to_string(count);
    }
    told = std::max(told, count);
    ++answers;
    co_return true;
  }

  runtime::Network& network_;
  runtime::Executor& shard_;
  Random random_;
};

// Runs one life of the server, up to a random end of it.
void live(World& world, Flaw flaw) {
  Random& random = world.random();
  Machine& machine = world.machine(0);
  auto server = std::make_unique<CountingServer>(machine.process(), flaw);
  const Status started = world.run(server->start());
  if (!started) world.note("the server did not start: " + started.error().message);
  const auto duration = runtime::milliseconds(random.between(0, 60'000));
  if (random.one_in(3)) machine.drive().crash_after(1 + random.below(200));
  if (random.one_in(4)) world.fabric().isolate({0});
  if (random.one_in(8)) {
    machine.pause();
    world.run_for(runtime::milliseconds(random.between(1, 5'000)));
    machine.resume();
  }
  world.run_for(duration);
  world.fabric().heal_all();
  if (machine.running()) random.one_in(2) ? machine.kill() : machine.power_loss();
  world.run(server->stop());
  server.reset();
  world.run_for(runtime::milliseconds(random.between(0, 2'000)));
  machine.restart();
}

}  // namespace

Options self_check_options(Random& random) {
  Options options;
  options.machines = 2;
  options.draw_faults(random);
  return options;
}

Outcome self_check(std::uint64_t, World& world) { return self_check_with(Flaw::none, world); }

Outcome self_check_with(Flaw flaw, World& world) {
  Client client(world.machine(1));
  auto asking = client.run();
  for (int life = 0; life < 6 && client.problem.empty(); ++life) live(world, flaw);

  // Liveness: without faults the count goes on.
  world.machine(0).drive().faults() = {};
  world.fabric().faults() = {};
  CountingServer server(world.machine(0).process(), flaw);
  const Status started = world.run(server.start());
  const std::uint64_t before = client.answers;
  const bool progress = world.run_until([&] { return client.answers > before; }, 60s);
  client.stopping = true;
  world.run(std::move(asking));
  world.run(server.stop());
  if (!client.problem.empty()) return Outcome::failed(client.problem);
  if (!started)
    return Outcome::failed("the server does not start on a healthy disk: " + started.error().message);
  if (!progress) return Outcome::failed("no answer within a minute without faults: " + world.why_stopped());
  return {};
}

}  // namespace moldau::simulation
