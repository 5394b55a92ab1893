#include "simulation/broker_client.h"

#include "wire/messages/api_versions.h"

namespace moldau::simulation {

using namespace std::chrono_literals;
using runtime::Task;

namespace {

constexpr std::uint32_t kMaxFrame = 64 << 20;
constexpr wire::ApiVersion kApiVersionsVersion = 3;

}  // namespace

Task<std::shared_ptr<BrokerConnection>> BrokerConnection::open(runtime::World& world, runtime::Endpoint to,
                                                               std::function<void(std::string)> problem) {
  runtime::Executor& executor = world.shard(0);
  auto stream = co_await world.network(0).connect(std::move(to), executor.now() + 3s);
  if (!stream) co_return nullptr;
  auto connection = std::make_shared<BrokerConnection>(executor, std::move(*stream), std::move(problem));
  read_answers(connection).detach();
  if (co_await connection->negotiate()) co_return connection;
  connection->close();
  co_return nullptr;
}

BrokerConnection::BrokerConnection(runtime::Executor& executor, std::unique_ptr<runtime::Stream> stream,
                                   std::function<void(std::string)> problem)
    : executor_(executor), stream_(std::move(stream)), problem_(std::move(problem)), writing_(executor, 1) {}

Task<bool> BrokerConnection::negotiate() {
  wire::ApiVersionsRequest request;
  request.client_software_name = "simulated-client";
  request.client_software_version = "1";
  const auto answer = co_await call<wire::ApiVersionsResponse>(std::move(request), kApiVersionsVersion, 10s);
  if (!answer) co_return false;
  if (answer->error_code != wire::ErrorCode::none) problem_("ApiVersions answers an error");
  co_return answer->error_code == wire::ErrorCode::none;
}

void BrokerConnection::close() {
  broken_ = true;
  stream_->close();
}

// A peer that lost its power reads nothing any more, and a write to it would wait for ever.
Task<bool> BrokerConnection::write_until(SliceList frame, runtime::MonotonicTime deadline) {
  const auto self = shared_from_this();
  const runtime::TimerId overdue = executor_.call_at(deadline, [self] { self->close(); });
  const Status written = co_await stream_->write(std::move(frame));
  executor_.cancel(overdue);
  if (!written) close();
  co_return written.has_value();
}

Task<bool> BrokerConnection::write_alone(SliceList frame, runtime::MonotonicTime deadline) {
  const auto self = shared_from_this();
  co_await writing_.acquire(1);
  const bool written = !broken_ && co_await write_until(std::move(frame), deadline);
  writing_.release(1);
  co_return written;
}

Task<Result<Slice>> BrokerConnection::exchange(wire::ApiKey key, wire::ApiVersion version,
                                               std::int32_t correlation_id, SliceList frame,
                                               runtime::MonotonicTime deadline) {
  const auto self = shared_from_this();
  const auto pending = std::make_shared<Pending>(executor_, key, version, correlation_id);
  co_await writing_.acquire(1);
  if (broken_) {
    writing_.release(1);
    co_return fail(Errc::connection_closed, "the connection broke");
  }
  pending_.push_back(pending);
  co_await write_until(std::move(frame), deadline);
  writing_.release(1);
  if (!co_await pending->done.wait(deadline)) {
    close();
    co_await pending->done.wait();  // the reader gives up on all that wait
    co_return fail(Errc::timed_out, "no answer in time");
  }
  co_return std::move(pending->body);
}

Task<void> BrokerConnection::read_answers(std::shared_ptr<BrokerConnection> self) {
  for (;;) {
    const auto frame = co_await self->read_frame();
    if (!frame || !self->deliver(*frame)) break;
  }
  self->close();
  // A request whose writing is under way may still join the queue.
  co_await self->writing_.acquire(1);
  for (const auto& pending : self->pending_) pending->done.fire();
  self->pending_.clear();
  self->writing_.release(1);
}

Task<Status> BrokerConnection::read_exactly(MutableBytes into) {
  for (std::size_t have = 0; have < into.size();) {
    const auto read = co_await stream_->read_some(into.subspan(have));
    if (!read) co_return fail(read.error());
    if (*read == 0) co_return fail(Errc::connection_closed, "ended");
    have += *read;
  }
  co_return Status();
}

Task<Result<Slice>> BrokerConnection::read_frame() {
  std::byte size_bytes[4];
  CO_TRY(co_await read_exactly(size_bytes));
  const auto size = load_be<std::uint32_t>(size_bytes);
  if (size > kMaxFrame) {
    problem_("an answer of " + std::to_string(size) + " bytes");
    co_return fail(Errc::corrupt, "too large");
  }
  std::vector<std::byte> bytes(size);
  CO_TRY(co_await read_exactly(bytes));
  co_return Slice::take(std::move(bytes));
}

bool BrokerConnection::deliver(const Slice& frame) {
  if (pending_.empty()) {
    problem_("an answer without a request");
    return false;
  }
  const auto pending = pending_.front();
  pending_.pop_front();
  auto decoded = wire::decode_response_frame(frame, pending->key, pending->version);
  const bool fits = decoded && decoded->correlation_id == pending->correlation_id;
  if (!fits) problem_("an answer that is not the next request's");
  if (fits) pending->body = std::move(decoded->body);
  pending->done.fire();
  return fits;
}

}  // namespace moldau::simulation
