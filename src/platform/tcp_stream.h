// One TCP connection on the loop of its shard.
#pragma once

#include "platform/event_loop.h"
#include "runtime/network.h"

namespace moldau::platform {

class TcpStream final : public runtime::Stream, private Watcher {
 public:
  // Takes a connected, non-blocking socket and watches it; Errc::no_descriptors and the like when that fails.
  static Result<std::unique_ptr<runtime::Stream>> adopt(EventLoop& loop, FileDescriptor socket,
                                                        runtime::Endpoint peer, runtime::Endpoint local);
  TcpStream(EventLoop& loop, FileDescriptor socket, runtime::Endpoint peer, runtime::Endpoint local);
  ~TcpStream() override;

  runtime::Task<Result<std::size_t>> read_some(MutableBytes into) override;
  runtime::Task<Status> write(SliceList slices) override;
  runtime::OneShot& hung_up() override { return hung_up_; }
  void close() override;
  const runtime::Endpoint& peer() const override { return peer_; }
  const runtime::Endpoint& local() const override { return local_; }

 private:
  // One direction: whether a call may get anywhere, and who waits until it may.
  struct Side {
    bool ready = true;
    bool busy = false;  // a call is under way
    std::coroutine_handle<> waiter;
  };
  class Use;

  void on_events(std::uint32_t epoll_events) override;
  void wake(Side& side);
  auto until_ready(Side& side);
  auto next_turn();
  bool had_its_share();
  Error cancelled() const;
  Error failed(std::string_view what) const;

  EventLoop& loop_;
  FileDescriptor socket_;
  const runtime::Endpoint peer_;
  const runtime::Endpoint local_;
  Side in_;
  Side out_;
  // An end or error is there to be read: a short read does not mean "nothing more".
  runtime::OneShot hung_up_;
  std::uint64_t turn_ = 0;
  unsigned calls_ = 0;  // in turn_
};

}  // namespace moldau::platform
