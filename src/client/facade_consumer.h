// The inside of the public Consumer: reads either partitions that it was given or those of a group.
#pragma once

#include <atomic>

#include "client/facade_closing.h"
#include "client/facade_hooks.h"

struct moldau::sdk::Consumer::State {
  State(std::shared_ptr<Client::Core> of, Config with)
      : core(std::move(of)), config(std::move(with)), hooks(core->executor()) {}

  using GroupPtr = std::shared_ptr<client::GroupConsumer>;

  // Starts an operation on the I/O thread, `function(State&)`; close() waits for it.
  template <class F>
  auto start(F function) {
    using R = typename std::invoke_result_t<F&, State&>::value_type;
    return core->start(
        [this, function = std::move(function)]() mutable { return run<F, R>(std::move(function)); });
  }
  // Calls a function of what is read with on the I/O thread, which may be this one, as in a hook:
  // `function(ConsumerCore&, GroupConsumer*)`.
  // `otherwise`: when the consumer is closed.
  template <class F, class R>
  R on_io(R otherwise, F function) {
    if (client::on_io_thread()) return working ? function(reading(), group.get()) : otherwise;
    return core->call([&]() -> runtime::Task<R> {
      if (!working) co_return std::move(otherwise);
      co_return function(reading(), group.get());
    });
  }

  // Begins its end, if nobody has; `hooks_here`: the group's hooks are called on the I/O thread.
  Future<void> begin_close(bool hooks_here);

  // --- on the I/O thread
  client::ConsumerCore& reading() { return group ? group->records() : *direct; }
  runtime::Task<client::Outcome<Records>> poll(std::chrono::milliseconds timeout, std::uint64_t number);
  runtime::Task<client::Outcome<void>> subscribe(client::Membership::Subscription topics,
                                                 std::optional<std::string> pattern);
  runtime::Task<void> unsubscribe();
  runtime::Task<client::Outcome<void>> commit(std::optional<Offsets> offsets);
  runtime::Task<client::Outcome<Offsets>> committed(std::vector<TopicPartition> partitions);
  runtime::Task<client::Outcome<void>> seek_to_committed();
  Offsets positions();
  void interrupt(std::uint64_t number);
  runtime::Task<void> finish(bool hooks_here);

  std::shared_ptr<Client::Core> core;
  const Config config;
  HookRelay hooks;
  std::unique_ptr<client::ConsumerCore> direct;  // this and the next on the I/O thread only
  GroupPtr group;
  std::optional<runtime::Gate> working;
  // As of the last poll: who had what was polled, and how far. A member that has lost it since must not
  // commit the rest under its new generation.
  client::GroupIdentity polled_as;
  Offsets polled_to;
  std::uint64_t polling = 0;  // the number of the poll under way; 0: there is none
  std::uint64_t polls = 0;
  std::atomic<bool> closed = false;  // or about to be
  Closing closing;

 private:
  template <class F, class R>
  runtime::Task<R> run(F function) {
    if (!working) co_return client::fail(client::ClusterClient::closed());
    const runtime::Gate::Pass pass(*working);
    if (!pass) co_return client::fail(client::ClusterClient::closed());
    co_return co_await function(*this);
  }
};
