// The real World: an epoll loop per shard, TCP sockets, POSIX files, threads for blocking calls. Only main
// and programs that embed the client name it; everything else is handed a runtime::World.
//
// Asio's reactor is not used: an own loop costs fewer system calls per request (every socket is registered
// once, edge-triggered; a timer is no system call), runs ready coroutines without an allocation and is about
// as long as the code that would wrap Asio's.
#pragma once

#include <csignal>
#include <initializer_list>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "runtime/world.h"

namespace moldau::platform {

class EventLoop;
class PosixDisk;
class SignalWatcher;
class SystemWallClock;
class TcpNetwork;
class ThreadPool;
class WorkerGroup;

struct WorldOptions {
  unsigned shards = 1;              // event loops, each on a thread of its own
  unsigned read_threads = 4;        // at most, started when needed
  unsigned background_threads = 2;  // at most, started when needed
  // How long a commit thread looks for its next work before it sleeps: waking it costs 45 to 90 µs on small
  // virtual machines.
  runtime::Duration commit_spin = std::chrono::microseconds(20);
};

class RealWorld final : public runtime::World {
 public:
  explicit RealWorld(WorldOptions options = {});
  // REQUIRES: not running. Finishes the work that the pool was given; jobs left on the shards are dropped.
  ~RealWorld() override;

  unsigned shard_count() const override;
  runtime::Executor& shard(unsigned index) override;
  runtime::Network& network(unsigned shard) override;
  runtime::WallClock& wall_clock() override;
  runtime::Disk& disk() override;
  runtime::BlockingPool& pool() override;
  std::uint64_t entropy() override;

  // Runs shard 0 on the calling thread and the others on threads of their own until stop(). What was posted
  // before runs then; until then the shards belong to the calling thread. May be called again afterwards.
  void run();
  // The same with shard 0 on a thread of its own too; returns at once. join() awaits the end.
  void start();
  void join();
  // From any thread or shard: every shard ends its turn, and run() or join() returns.
  void stop();

  // Calls `handler` on shard 0 whenever one of the signals comes. Call once, on the main thread, before
  // run().
  using SignalHandler = std::move_only_function<void(int signal)>;
  Status on_signals(std::initializer_list<int> signals, SignalHandler handler);

  // Calls `function` (which returns a value or a Task) on shard 0, runs until it has ended, and returns its
  // value: what a command line program's main does. REQUIRES: nobody else calls stop().
  template <class F>
  runtime::detail::TaskValueOf<F> run_until(F function) {
    using R = runtime::detail::TaskValueOf<F>;
    Slot<R> slot;
    into_slot(*this, function, slot).detach();
    run();
    return slot.take();
  }

  // The same from a thread of a program whose World was started by start(): the thread waits for the value.
  // REQUIRES: not called on a shard; nobody stops the world meanwhile.
  template <class F>
  runtime::detail::TaskValueOf<F> call(F function) {
    using R = runtime::detail::TaskValueOf<F>;
    Slot<R> slot;
    Completion completion;
    shard(0).post_remote([&] { and_complete(function, slot, completion).detach(); });
    completion.wait();
    return slot.take();
  }

  // How long the shard has slept since the world began; any thread.
  runtime::Duration idle_time(unsigned shard) const;

 private:
  template <class R>
  struct Slot {
    std::optional<R> value;
    R take() {
      MOLDAU_ASSERT(value.has_value(), "the world was stopped before the task had ended");
      return std::move(*value);
    }
  };

  // Lets one thread wait for another.
  class Completion {
   public:
    Completion();
    ~Completion();
    void wait();
    void complete();

   private:
    struct State;
    std::shared_ptr<State> state_;
  };

  template <class F, class R>
  static runtime::Task<void> fill(F& function, Slot<R>& slot) {
    if constexpr (std::is_void_v<R>) {
      co_await runtime::detail::call<F, R>(function);
      slot.ended = true;
    } else {
      slot.value.emplace(co_await runtime::detail::call<F, R>(function));
    }
  }
  template <class F, class R>
  static runtime::Task<void> into_slot(RealWorld& world, F& function, Slot<R>& slot) {
    co_await runtime::yield(world.shard(0));
    co_await fill(function, slot);
    world.stop();
  }
  template <class F, class R>
  static runtime::Task<void> and_complete(F& function, Slot<R>& slot, Completion completion) {
    co_await fill(function, slot);
    completion.complete();
  }

  void start_from(unsigned first);

  WorldOptions options_;
  std::unique_ptr<SystemWallClock> wall_clock_;
  std::unique_ptr<PosixDisk> disk_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::unique_ptr<WorkerGroup> resolvers_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<std::unique_ptr<TcpNetwork>> networks_;
  std::unique_ptr<SignalWatcher> signals_;
  std::vector<std::thread> threads_;
};

template <>
struct RealWorld::Slot<void> {
  bool ended = false;
  void take() { MOLDAU_ASSERT(ended, "the world was stopped before the task had ended"); }
};

}  // namespace moldau::platform
