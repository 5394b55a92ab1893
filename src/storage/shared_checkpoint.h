// SharedCheckpoint: one offset checkpoint file of a data folder that the log managers of several shards write
// together. It lives on the shard `home`; others come to it by runtime::on_shard. Each manager replaces its
// own part; calls that come together share one write of the file.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "runtime/disk.h"
#include "runtime/executor.h"
#include "runtime/pool.h"
#include "runtime/wait.h"
#include "storage/checkpoint_file.h"

namespace moldau::storage {

class SharedCheckpoint {
 public:
  // Reads what the file says. A file that is damaged counts as empty: damage() says so, and what it held is
  // found again by reading the logs (recovery points), or is where the first segment begins (log starts).
  static runtime::Task<Result<std::unique_ptr<SharedCheckpoint>>> load(runtime::Executor& home,
                                                                       runtime::BlockingPool& pool,
                                                                       runtime::Disk& disk, std::string path);

  runtime::Executor& home() { return home_; }
  // What the file said at load(), for reading on any shard: it never changes.
  const OffsetCheckpoint& loaded() const { return loaded_; }
  const std::optional<Error>& damage() const { return damage_; }

  // Replaces the entries of one manager; durable when it returns. What nobody has claimed since load() is
  // kept, for managers that have not come so far. The names in `gone` are taken out of what others have said
  // too: a manager that is offline says nothing any more, whoever gets the name of a log that it had. On
  // `home`.
  runtime::Task<Status> update(unsigned part, OffsetCheckpoint offsets, std::set<TopicPartition> gone = {});
  // The same without a write: these are the manager's, forget_unclaimed() spares them. On `home`.
  void claim(unsigned part, OffsetCheckpoint offsets);
  // The file has an entry under this name, or would get one with the next write. On `home`.
  bool mentions(const TopicPartition& partition) const;
  // Every manager has its logs: what nobody claims belongs to partitions that are gone. On `home`.
  void forget_unclaimed() { unclaimed_.clear(); }

 private:
  SharedCheckpoint(runtime::Executor& home, runtime::BlockingPool& pool, runtime::Disk& disk,
                   std::string path)
      : home_(home), pool_(pool), disk_(disk), path_(std::move(path)), written_signal_(home) {}
  OffsetCheckpoint merged() const;

  runtime::Executor& home_;
  runtime::BlockingPool& pool_;
  runtime::Disk& disk_;
  std::string path_;
  OffsetCheckpoint loaded_;
  std::optional<Error> damage_;
  OffsetCheckpoint unclaimed_;
  std::map<unsigned, OffsetCheckpoint> parts_;
  std::uint64_t requested_ = 0;
  std::uint64_t written_ = 0;  // the requests up to here are on disk
  bool writing_ = false;
  runtime::Signal written_signal_;
};

}  // namespace moldau::storage
