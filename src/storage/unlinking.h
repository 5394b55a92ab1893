// Unlinks what is not needed any more, off the shard, one file after another, so that other work of the pool
// comes between. Nobody waits for it: what the end of the process cuts short is found at the next start.
#pragma once

#include <string>
#include <vector>

#include "runtime/disk.h"
#include "runtime/pool.h"

namespace moldau::storage {

// These files, as far as they are there, `delay` from now.
void unlink_later(runtime::Executor& executor, runtime::BlockingPool& pool, runtime::Disk& disk,
                  runtime::Duration delay, std::vector<std::string> paths);

// The files of a folder, then the folder.
void unlink_folder(runtime::Executor& executor, runtime::BlockingPool& pool, runtime::Disk& disk,
                   std::string directory);

}  // namespace moldau::storage
