// The BlockingPool on threads: per shard one thread for commits, and two groups that all shards share.
#pragma once

#include <memory>
#include <vector>

#include "platform/worker_group.h"
#include "runtime/pool.h"

namespace moldau::platform {

class ThreadPool final : public runtime::BlockingPool {
 public:
  ThreadPool(unsigned shards, unsigned read_threads, unsigned background_threads,
             runtime::Duration commit_spin);

  // Commits are ordered per home shard.
  void submit(runtime::Lane lane, runtime::Executor& home, runtime::Job work, runtime::Job done) override;

 private:
  WorkerGroup& group(runtime::Lane lane, unsigned shard);

  std::vector<std::unique_ptr<WorkerGroup>> commit_;
  WorkerGroup read_;
  WorkerGroup background_;
};

}  // namespace moldau::platform
