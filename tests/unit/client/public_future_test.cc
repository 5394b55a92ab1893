// Futures: waited for, awaited, called back, cancelled; each once, from any thread.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "moldau/future.h"

namespace moldau::sdk {
namespace {

using namespace std::chrono_literals;
using State = detail::FutureState<int>;

struct Pending {
  std::shared_ptr<State> state = std::make_shared<State>();
  Future<int> future() { return Future<int>(state); }
};

TEST(Futures, AreWaitedFor) {
  Pending pending;
  Future<int> future = pending.future();
  EXPECT_FALSE(future.ready());
  EXPECT_FALSE(future.wait_for(1ms));
  std::thread other([&] { pending.state->resolve(7); });
  EXPECT_EQ(future.get(), 7);
  other.join();
}

TEST(Futures, CallBackOnceWhetherTheValueIsThereOrComes) {
  std::vector<int> seen;
  Pending early, late;
  early.state->resolve(1);
  early.future().then([&](Expected<int> value) { seen.push_back(*value); });
  late.future().then([&](Expected<int> value) { seen.push_back(*value); });
  EXPECT_EQ(seen, std::vector{1});
  EXPECT_TRUE(late.state->resolve(2));
  EXPECT_FALSE(late.state->resolve(3)) << "the first one stays";
  EXPECT_EQ(seen, (std::vector{1, 2}));
}

Future<int> sum(Future<int> one, Future<int> other) {
  const auto first = co_await std::move(one);
  if (!first) co_return std::unexpected(first.error());
  const auto second = co_await std::move(other);
  if (!second) co_return std::unexpected(second.error());
  co_return *first + *second;
}

TEST(Futures, AreAwaitedAndReturnedByCoroutines) {
  Pending one, other;
  Future<int> total = sum(one.future(), other.future());
  EXPECT_FALSE(total.ready());
  other.state->resolve(20);
  EXPECT_FALSE(total.ready());
  one.state->resolve(1);
  EXPECT_EQ(total.get(), 21);
  Pending failing;
  failing.state->resolve(std::unexpected(Error{.kind = ErrorKind::too_large}));
  EXPECT_EQ(sum(failing.future(), Pending().future()).get().error().kind, ErrorKind::too_large);
}

Future<int> on_executor(Future<int> of, Executor executor, std::thread::id& where) {
  const auto value = co_await std::move(of).on(executor);
  where = std::this_thread::get_id();
  co_return value;
}

TEST(Futures, GoOnWhereTheExecutorSays) {
  for (const bool early : {true, false}) {
    Pending pending;
    std::vector<std::function<void()>> posted;
    std::thread::id where;
    if (early) pending.state->resolve(3);
    Future<int> future = on_executor(
        pending.future(), [&](std::function<void()> job) { posted.push_back(std::move(job)); }, where);
    if (!early) std::thread([&] { pending.state->resolve(3); }).join();
    EXPECT_FALSE(future.ready());
    ASSERT_EQ(posted.size(), 1u);
    posted.front()();
    EXPECT_EQ(future.get(), 3);
    EXPECT_EQ(where, std::this_thread::get_id());
  }
}

TEST(Futures, EndAtOnceWhenTheyAreCancelledUnlessTheOperationSaysHow) {
  Pending plain;
  Future<int> future = plain.future();
  future.cancel();
  future.cancel();
  EXPECT_FALSE(plain.state->resolve(1)) << "what comes too late is dropped";
  EXPECT_EQ(future.get().error().kind, ErrorKind::cancelled);

  Pending careful;
  int asked = 0;
  careful.state->set_canceller([&] { ++asked; });
  Future<int> other = careful.future();
  other.cancel();
  EXPECT_EQ(asked, 1);
  EXPECT_FALSE(other.ready());
  EXPECT_TRUE(careful.state->resolve(5));
  other.cancel();
  EXPECT_EQ(asked, 1) << "it has ended";
  EXPECT_EQ(other.get(), 5);
}

TEST(Futures, EndWhenSomebodyStopsTheirToken) {
  Pending pending;
  std::stop_source source;
  Future<int> future = pending.future().cancelled_by(source.get_token());
  EXPECT_FALSE(future.ready());
  source.request_stop();
  EXPECT_EQ(future.get().error().kind, ErrorKind::cancelled);

  Pending late;
  Future<int> stopped_before = late.future().cancelled_by(source.get_token());
  EXPECT_TRUE(stopped_before.ready());

  Pending awaited, never;
  std::stop_source other;
  Future<int> total = sum(awaited.future().cancelled_by(other.get_token()), never.future());
  other.request_stop();
  EXPECT_EQ(total.get().error().kind, ErrorKind::cancelled);
}

}  // namespace
}  // namespace moldau::sdk
