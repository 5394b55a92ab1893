// The inside of the public client (include/moldau): one I/O thread with a World of its own, and the way from
// a program's threads to it. The World comes from outside: src/embedded_client.cc for programs, a test's
// otherwise.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "client/cluster.h"
#include "moldau/client.h"

namespace moldau::client {

// A running World whose shard 0 is not the caller's thread. Stopped by its destructor, which no job of it
// calls.
class EmbeddedWorld {
 public:
  virtual ~EmbeddedWorld() = default;
  virtual runtime::World& world() = 0;
};

// The calling thread is the I/O thread of a client: it must not wait for that.
bool on_io_thread();

sdk::Error to_public(Failure failure);
template <class T>
sdk::Expected<T> to_public(Outcome<T> outcome) {
  if (!outcome) return std::unexpected(to_public(std::move(outcome).error()));
  if constexpr (std::is_void_v<T>) {
    return {};
  } else {
    return std::move(*outcome);
  }
}

sdk::Expected<sdk::Client> connect(sdk::Config config, std::unique_ptr<EmbeddedWorld> world);

namespace detail {
template <class T>
struct PublicValue {
  using type = T;
};
template <class T>
struct PublicValue<Outcome<T>> {
  using type = T;
};
template <class T>
struct PublicValue<sdk::Expected<T>> {
  using type = T;
};
}  // namespace detail

}  // namespace moldau::client

struct moldau::sdk::Client::Core {
  Core(Config with, std::unique_ptr<client::EmbeddedWorld> in, client::ClusterOptions options);
  // Ends what is under way; not on the I/O thread.
  ~Core();
  Core(const Core&) = delete;

  runtime::Executor& executor() { return embedded->world().shard(0); }

  // Calls `function` (which returns a Task) on the I/O thread; the caller's thread waits for its value. What
  // the function borrows lives in the caller's frame. REQUIRES: not on the I/O thread.
  template <class F>
  auto call(F function) {
    using R = typename std::invoke_result_t<F&>::value_type;
    detail::check_may_block();
    std::promise<R> promise;
    std::future<R> value = promise.get_future();
    executor().post_remote([&] { fulfil<F, R>(function, std::move(promise)).detach(); });
    return value.get();
  }

  // Starts `function` (which returns a Task of an Outcome, an Expected or nothing) on the I/O thread. It owns
  // what it uses, or that lives until the client is closed, which waits for it.
  template <class F>
  auto start(F function) {
    using R = typename std::invoke_result_t<F&>::value_type;
    using T = typename client::detail::PublicValue<R>::type;
    const auto state = std::make_shared<typename Future<T>::State>();
    executor().post_remote([this, state, function = std::move(function)]() mutable {
      run<F, R, T>(*this, std::move(function), state).detach();
    });
    return Future<T>(state);
  }

  Config config;
  std::unique_ptr<client::EmbeddedWorld> embedded;
  std::optional<client::ClusterClient> cluster;  // this and the next are touched on the I/O thread only
  std::optional<runtime::Gate> started;          // operations under way

 private:
  template <class F, class R>
  static runtime::Task<void> fulfil(F& function, std::promise<R> promise) {
    if constexpr (std::is_void_v<R>) {
      co_await function();
      promise.set_value();
    } else {
      promise.set_value(co_await function());
    }
  }
  template <class F, class R, class T>
  static runtime::Task<void> run(Core& core, F function, std::shared_ptr<typename Future<T>::State> state) {
    const runtime::Gate::Pass pass(*core.started);
    if (!pass) {
      state->resolve(std::unexpected(client::to_public(client::ClusterClient::closed())));
      co_return;
    }
    if constexpr (std::is_void_v<R>) {
      co_await function();
      state->resolve({});
    } else if constexpr (std::is_same_v<R, Expected<T>>) {
      state->resolve(co_await function());
    } else {
      state->resolve(client::to_public(co_await function()));
    }
  }
};
