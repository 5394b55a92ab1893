#include "platform/signal_watcher.h"

#include <signal.h>
#include <sys/signalfd.h>

namespace moldau::platform {

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::start(EventLoop& loop,
                                                            std::initializer_list<int> signals,
                                                            Handler handler) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr)) {
    return fail(error_from_errno(error, "block signals"));
  }
  FileDescriptor file(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!file) return fail(error_from_errno(errno, "open a descriptor for signals"));
  auto watcher = std::make_unique<SignalWatcher>(loop, std::move(file), std::move(handler));
  TRY(loop.watch(watcher->signals_.get(), *watcher));
  return watcher;
}

SignalWatcher::SignalWatcher(EventLoop& loop, FileDescriptor signals, Handler handler)
    : loop_(loop), signals_(std::move(signals)), handler_(std::move(handler)) {}

void SignalWatcher::on_events(std::uint32_t) {
  signalfd_siginfo info{};
  while (retrying([&] { return ::read(signals_.get(), &info, sizeof info); }) == sizeof info) {
    loop_.post([this, signal = static_cast<int>(info.ssi_signo)] { handler_(signal); });
  }
}

}  // namespace moldau::platform
