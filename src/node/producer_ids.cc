#include "node/producer_ids.h"

namespace moldau::node {

using runtime::Task;

namespace {

constexpr runtime::Duration kAllocateTimeout = std::chrono::seconds(10);

}  // namespace

Task<Status> ProducerIds::allocate() {
  wire::AllocateProducerIdsRequest request;
  request.broker_id = registration_.node_id();
  request.broker_epoch = registration_.epoch();
  const auto response = co_await route_.ask(request, executor_.now() + kAllocateTimeout);
  if (response.error_code != wire::ErrorCode::none || response.producer_id_len <= 0)
    co_return fail(Errc::unavailable, std::string(wire::describe(response.error_code)));
  next_ = response.producer_id_start;
  block_end_ = next_ + response.producer_id_len;
  co_return Status();
}

Task<Result<ProducerId>> ProducerIds::next() {
  for (;;) {
    co_await allocation_.acquire(1);
    Status allocated;
    if (next_ == block_end_) allocated = co_await allocate();
    allocation_.release(1);
    if (!allocated) co_return fail(std::move(allocated).error());
    // Those who waited meanwhile may have used it up.
    if (next_ != block_end_) co_return next_++;
  }
}

}  // namespace moldau::node
