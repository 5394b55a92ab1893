// A listening TCP socket on the loop of its shard.
#pragma once

#include "platform/event_loop.h"
#include "runtime/network.h"

namespace moldau::platform {

class TcpListener final : public runtime::Listener, private Watcher {
 public:
  // Takes a listening, non-blocking socket.
  static Result<std::unique_ptr<runtime::Listener>> adopt(EventLoop& loop, FileDescriptor socket);
  TcpListener(EventLoop& loop, FileDescriptor socket);
  ~TcpListener() override;

  // One call at a time. After Errc::no_descriptors the connection waits in the backlog for the next call.
  runtime::Task<Result<std::unique_ptr<runtime::Stream>>> accept() override;
  void close() override;
  const runtime::Endpoint& local() const override { return local_; }

 private:
  void on_events(std::uint32_t epoll_events) override;

  EventLoop& loop_;
  FileDescriptor socket_;
  const runtime::Endpoint local_;
  bool busy_ = false;
  std::coroutine_handle<> waiter_;
  std::uint64_t turn_ = 0;
  unsigned accepted_ = 0;  // in turn_
};

}  // namespace moldau::platform
