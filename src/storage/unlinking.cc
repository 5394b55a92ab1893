#include "storage/unlinking.h"

#include <memory>

namespace moldau::storage {

namespace {

// Jobs that hand each other the work, and no coroutine: one that still waits at the end of the process would
// never be freed.
struct Unlinking {
  runtime::Executor& executor;
  runtime::BlockingPool& pool;
  runtime::Disk& disk;
  std::vector<std::string> files;  // the next one last
  std::string directory;           // empty: none
  bool listed = false;

  void list() {
    listed = true;
    const auto entries = disk.list(directory);
    if (!entries) return;
    for (const runtime::DirectoryEntry& entry : *entries) files.push_back(directory + "/" + entry.name);
  }
  // On the pool. What cannot be removed now is found at the next start too.
  void step() {
    if (!listed) return list();
    if (files.empty()) {
      static_cast<void>(disk.remove_directory(directory));
      return directory.clear();
    }
    static_cast<void>(disk.remove_file(files.back()));
    files.pop_back();
  }
  bool ended() const { return listed && files.empty() && directory.empty(); }
};

void go_on(const std::shared_ptr<Unlinking>& work) {
  if (work->ended()) return;
  work->pool.submit(
      runtime::Lane::background, work->executor, [work] { work->step(); }, [work] { go_on(work); });
}

}  // namespace

void unlink_later(runtime::Executor& executor, runtime::BlockingPool& pool, runtime::Disk& disk,
                  runtime::Duration delay, std::vector<std::string> paths) {
  const std::vector<std::string> reversed(paths.rbegin(), paths.rend());
  const auto work = std::make_shared<Unlinking>(Unlinking{executor, pool, disk, reversed, "", true});
  executor.call_at(executor.now() + delay, [work] { go_on(work); });
}

void unlink_folder(runtime::Executor& executor, runtime::BlockingPool& pool, runtime::Disk& disk,
                   std::string directory) {
  go_on(std::make_shared<Unlinking>(Unlinking{executor, pool, disk, {}, std::move(directory)}));
}

}  // namespace moldau::storage
