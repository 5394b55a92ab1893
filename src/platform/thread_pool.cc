#include "platform/thread_pool.h"

namespace moldau::platform {

using runtime::Lane;

ThreadPool::ThreadPool(unsigned shards, unsigned read_threads, unsigned background_threads,
                       runtime::Duration commit_spin)
    : read_("moldau-read", read_threads), background_("moldau-backgr", background_threads) {
  for (unsigned shard = 0; shard < shards; ++shard) {
    commit_.push_back(
        std::make_unique<WorkerGroup>("moldau-commit" + std::to_string(shard % 100), 1, commit_spin));
  }
}

void ThreadPool::submit(Lane lane, runtime::Executor& home, runtime::Job work, runtime::Job done) {
  group(lane, home.shard()).submit(home, std::move(work), std::move(done));
}

WorkerGroup& ThreadPool::group(Lane lane, unsigned shard) {
  switch (lane) {
    case Lane::commit:
      return *commit_.at(shard);
    case Lane::read:
      return read_;
    case Lane::background:
      return background_;
  }
  MOLDAU_UNREACHABLE("Lane");
}

}  // namespace moldau::platform
