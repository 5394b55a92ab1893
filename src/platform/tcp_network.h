// The TCP network of one shard.
#pragma once

#include "platform/address.h"
#include "platform/event_loop.h"
#include "platform/worker_group.h"
#include "runtime/network.h"

namespace moldau::platform {

class TcpNetwork final : public runtime::Network {
 public:
  // `resolvers` are the threads that look up names; both outlive the network.
  TcpNetwork(EventLoop& loop, WorkerGroup& resolvers) : loop_(loop), resolvers_(resolvers) {}

  // An empty host means all interfaces. A host name is looked up in the call, which may block: for start-up.
  Result<std::unique_ptr<runtime::Listener>> listen(const runtime::Endpoint& at,
                                                    runtime::ListenOptions options) override;
  // Tries the addresses of the host one after another, each with its share of the time that is left.
  runtime::Task<Result<std::unique_ptr<runtime::Stream>>> connect(runtime::Endpoint to,
                                                                  runtime::MonotonicTime deadline) override;

 private:
  runtime::Task<Result<std::vector<SocketAddress>>> look_up(const runtime::Endpoint& to,
                                                            runtime::MonotonicTime deadline);
  runtime::Task<Result<std::unique_ptr<runtime::Stream>>> connect_to(const SocketAddress& address,
                                                                     const runtime::Endpoint& to,
                                                                     runtime::MonotonicTime deadline);

  EventLoop& loop_;
  WorkerGroup& resolvers_;
};

}  // namespace moldau::platform
