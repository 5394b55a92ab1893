// A connection of a simulated client: real frames over the simulated network, pipelined, answers matched in
// order. Nothing here is the broker's code but the wire format.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "runtime/wait.h"
#include "runtime/world.h"
#include "wire/frame.h"

namespace moldau::simulation {

class BrokerConnection : public std::enable_shared_from_this<BrokerConnection> {
 public:
  // Connects and asks for ApiVersions. `problem` hears what no broker may do.
  static runtime::Task<std::shared_ptr<BrokerConnection>> open(runtime::World& world, runtime::Endpoint to,
                                                               std::function<void(std::string)> problem);
  BrokerConnection(runtime::Executor& executor, std::unique_ptr<runtime::Stream> stream,
                   std::function<void(std::string)> problem);

  // Sends at once, in the order of calls. A connection that breaks, or that gives no answer in time, is
  // closed.
  template <class Response, class Request>
  runtime::Task<Result<Response>> call(Request request, wire::ApiVersion version, runtime::Duration timeout) {
    const std::int32_t correlation_id = next_correlation_id_++;
    SliceList frame = wire::encode_request(
        {Request::kKey, version, correlation_id, std::string("simulated-client")}, request);
    auto answer = co_await exchange(Request::kKey, version, correlation_id, std::move(frame),
                                    executor_.now() + timeout);
    if (!answer) co_return fail(std::move(answer).error());
    auto decoded = Response::decode(*answer, version);
    if (!decoded) problem_("an answer cannot be decoded: " + decoded.error().message);
    co_return decoded;
  }

  // A request that is never answered, as Produce with acks=0. False: it was not sent.
  template <class Request>
  runtime::Task<bool> tell(Request request, wire::ApiVersion version, runtime::Duration timeout) {
    SliceList frame = wire::encode_request(
        {Request::kKey, version, next_correlation_id_++, std::string("simulated-client")}, request);
    return write_alone(std::move(frame), executor_.now() + timeout);
  }

  bool broken() const { return broken_; }
  void close();

 private:
  struct Pending {
    Pending(runtime::Executor& executor, wire::ApiKey key, wire::ApiVersion version, std::int32_t id)
        : key(key), version(version), correlation_id(id), done(executor) {}
    wire::ApiKey key;
    wire::ApiVersion version;
    std::int32_t correlation_id;
    Result<Slice> body = fail(Errc::connection_closed, "the connection broke");
    runtime::OneShot done;
  };

  runtime::Task<Result<Slice>> exchange(wire::ApiKey key, wire::ApiVersion version,
                                        std::int32_t correlation_id, SliceList frame,
                                        runtime::MonotonicTime deadline);
  runtime::Task<bool> write_alone(SliceList frame, runtime::MonotonicTime deadline);
  runtime::Task<bool> write_until(SliceList frame, runtime::MonotonicTime deadline);
  static runtime::Task<void> read_answers(std::shared_ptr<BrokerConnection> self);
  runtime::Task<Result<Slice>> read_frame();
  runtime::Task<Status> read_exactly(MutableBytes into);
  bool deliver(const Slice& frame);
  runtime::Task<bool> negotiate();

  runtime::Executor& executor_;
  std::unique_ptr<runtime::Stream> stream_;
  std::function<void(std::string)> problem_;
  runtime::Semaphore writing_;
  std::deque<std::shared_ptr<Pending>> pending_;
  std::int32_t next_correlation_id_ = 1;
  bool broken_ = false;
};

}  // namespace moldau::simulation
