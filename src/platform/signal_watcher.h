// Signals as jobs of a shard, by a signalfd.
#pragma once

#include <initializer_list>
#include <memory>

#include "platform/event_loop.h"

namespace moldau::platform {

class SignalWatcher final : private Watcher {
 public:
  using Handler = std::move_only_function<void(int signal)>;
  // Blocks the signals for the calling thread; the threads of this room block all anyway.
  static Result<std::unique_ptr<SignalWatcher>> start(EventLoop& loop, std::initializer_list<int> signals,
                                                      Handler handler);
  SignalWatcher(EventLoop& loop, FileDescriptor signals, Handler handler);

 private:
  void on_events(std::uint32_t epoll_events) override;

  EventLoop& loop_;
  FileDescriptor signals_;
  Handler handler_;
};

}  // namespace moldau::platform
