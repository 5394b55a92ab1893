// Whom the node leaves, and whom it waits for.
#include "unit/node/one_node.h"
#include "wire/messages/fetch.h"
#include "wire/messages/metadata.h"

namespace moldau::node::testing {
namespace {

wire::FetchRequest long_poll(std::int32_t max_wait_ms) {
  wire::FetchRequest request;
  request.max_wait_ms = max_wait_ms;
  request.min_bytes = 1;
  auto& topic = request.topics.emplace_back();
  topic.topic = kTopic;
  topic.partitions.emplace_back().partition_max_bytes = 1 << 20;
  return request;
}

class Patience : public OneNode {
 protected:
  Patience() { start(); }
};

// The peer has sent all that it has to send; it is the node that lets it wait.
TEST_F(Patience, ARequestThatWaitsBehindALongPollIsNoStalledFrame) {
  auto run = [&]() -> Task<int> {
    const auto connection = co_await connect();
    auto polled = connection->call<wire::FetchResponse>(long_poll(100'000), 12, 200s);
    wire::MetadataRequest next;
    next.topics.emplace();
    auto answered = connection->call<wire::MetadataResponse>(std::move(next), 9, 200s);
    EXPECT_TRUE((co_await std::move(polled)).has_value());
    EXPECT_TRUE((co_await std::move(answered)).has_value());
    EXPECT_FALSE(connection->broken());
    co_return 0;
  };
  world.run(run());
}

}  // namespace
}  // namespace moldau::node::testing
