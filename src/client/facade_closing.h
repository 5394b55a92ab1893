// Closing: the end of a producer or a consumer, which several threads may ask for: the first one begins it,
// all of them are told. From any thread.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "moldau/future.h"

namespace moldau::sdk {

class Closing {
 public:
  // It has ended: whoever asks now does not wait.
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }
  // What ends with it. The first call calls `start`, which sees to it that end() is called some time.
  template <class F>
  Future<void> begin(F start) {
    const auto mine = std::make_shared<Future<void>::State>();
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = !std::exchange(begun_, true);
      if (ended_)
        mine->resolve({});
      else
        waiting_.push_back(mine);
    }
    if (first) start();
    return Future<void>(mine);
  }
  // Who is told may destroy this.
  void end() {
    std::vector<std::shared_ptr<Future<void>::State>> waiting;
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
      waiting = std::exchange(waiting_, {});
    }
    for (const auto& one : waiting) one->resolve({});
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Future<void>::State>> waiting_;
  bool begun_ = false;
  bool ended_ = false;
};

}  // namespace moldau::sdk
