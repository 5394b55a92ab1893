#include "platform/world.h"

#include <sys/random.h>

#include <condition_variable>
#include <mutex>

#include "platform/event_loop.h"
#include "platform/posix_disk.h"
#include "platform/signal_watcher.h"
#include "platform/tcp_network.h"
#include "platform/thread.h"
#include "platform/thread_pool.h"
#include "platform/worker_group.h"

namespace moldau::platform {

class SystemWallClock final : public runtime::WallClock {
 public:
  TimestampMs now_ms() const override {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
  }
};

namespace {

constexpr unsigned kResolverThreads = 2;

}  // namespace

RealWorld::RealWorld(WorldOptions options)
    : options_(options),
      wall_clock_(std::make_unique<SystemWallClock>()),
      disk_(std::make_unique<PosixDisk>()) {
  MOLDAU_ASSERT(options.shards > 0);
  for (unsigned shard = 0; shard < options.shards; ++shard)
    loops_.push_back(std::make_unique<EventLoop>(shard));
  resolvers_ = std::make_unique<WorkerGroup>("moldau-resolve", kResolverThreads);
  pool_ = std::make_unique<ThreadPool>(options.shards, options.read_threads, options.background_threads,
                                       options.commit_spin);
  for (auto& loop : loops_) networks_.push_back(std::make_unique<TcpNetwork>(*loop, *resolvers_));
}

RealWorld::~RealWorld() {
  MOLDAU_ASSERT(threads_.empty(), "a world was destroyed while it ran: stop and join it");
}

unsigned RealWorld::shard_count() const { return static_cast<unsigned>(loops_.size()); }
runtime::Executor& RealWorld::shard(unsigned index) { return *loops_.at(index); }
runtime::Network& RealWorld::network(unsigned shard) { return *networks_.at(shard); }
runtime::WallClock& RealWorld::wall_clock() { return *wall_clock_; }
runtime::Disk& RealWorld::disk() { return *disk_; }
runtime::BlockingPool& RealWorld::pool() { return *pool_; }
runtime::Duration RealWorld::idle_time(unsigned shard) const { return loops_.at(shard)->idle_time(); }

std::uint64_t RealWorld::entropy() {
  std::uint64_t bits = 0;
  MOLDAU_ASSERT(retrying([&] { return ::getrandom(&bits, sizeof bits, 0); }) == sizeof bits);
  return bits;
}

void RealWorld::run() {
  start_from(1);
  prefer_latency();
  loops_.front()->run();
  join();
}

void RealWorld::start() { start_from(0); }

void RealWorld::start_from(unsigned first) {
  MOLDAU_ASSERT(threads_.empty(), "a world runs once at a time");
  for (unsigned shard = first; shard < shard_count(); ++shard) {
    threads_.push_back(
        named_thread("moldau-" + std::to_string(shard), [loop = loops_[shard].get()] { loop->run(); }));
  }
}

void RealWorld::join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void RealWorld::stop() {
  for (auto& loop : loops_) loop->stop();
}

Status RealWorld::on_signals(std::initializer_list<int> signals, SignalHandler handler) {
  MOLDAU_ASSERT(!signals_, "signals have one handler");
  ASSIGN_OR_RETURN(signals_, SignalWatcher::start(*loops_.front(), signals, std::move(handler)));
  return {};
}

struct RealWorld::Completion::State {
  std::mutex mutex;
  std::condition_variable changed;
  bool complete = false;
};

RealWorld::Completion::Completion() : state_(std::make_shared<State>()) {}
RealWorld::Completion::~Completion() = default;

void RealWorld::Completion::wait() {
  std::unique_lock lock(state_->mutex);
  state_->changed.wait(lock, [&] { return state_->complete; });
}

void RealWorld::Completion::complete() {
  const std::lock_guard lock(state_->mutex);
  state_->complete = true;
  state_->changed.notify_all();
}

}  // namespace moldau::platform
