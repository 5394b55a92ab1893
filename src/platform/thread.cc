#include "platform/thread.h"

#include <pthread.h>
#include <signal.h>

#include "base/assert.h"

namespace moldau::platform {

std::thread named_thread(std::string name, std::move_only_function<void()> body) {
  MOLDAU_ASSERT(name.size() < 16);
  // A thread inherits the mask of its creator: nothing can reach it before it could set its own.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([name = std::move(name), body = std::move(body)]() mutable {
    ::pthread_setname_np(::pthread_self(), name.c_str());
    body();
  });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace moldau::platform
