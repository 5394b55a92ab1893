// The inside of the public client (include/moldau): one I/O thread with a World of its own, and the way from
// a program's threads to it. The World comes from outside: src/embedded_client.cc for programs, a test's
// otherwise.
#pragma once

#include <future>
#include <memory>
#include <optional>
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

}  // namespace moldau::client

struct moldau::sdk::Client::Core {
  Core(Config with, std::unique_ptr<client::EmbeddedWorld> in, client::ClusterOptions options);
  ~Core();
  Core(const Core&) = delete;

  runtime::Executor& executor() { return embedded->world().shard(0); }

  // Calls `function` (which returns a Task) on the I/O thread; the caller's thread waits for its value. What
  // the function borrows lives in the caller's frame.
  template <class F>
  auto call(F function) {
    using R = typename std::invoke_result_t<F&>::value_type;
    std::promise<R> promise;
    std::future<R> value = promise.get_future();
    executor().post_remote([&] { fulfil<F, R>(function, std::move(promise)).detach(); });
    return value.get();
  }

  Config config;
  std::unique_ptr<client::EmbeddedWorld> embedded;
  std::optional<client::ClusterClient> cluster;  // touched on the I/O thread only

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
};
