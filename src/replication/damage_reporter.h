// DamageReporter: tells the controller which replicas of this shard have a damaged log, and when they have
// been fetched anew (AssignReplicasToDirs, KIP-858). One request at a time, each with all that is to be told,
// again until it is answered. Lives on its shard.
#pragma once

#include <map>

#include "replication/channels.h"
#include "runtime/executor.h"
#include "runtime/wait.h"

namespace moldau::replication {

class DamageReporter {
 public:
  // All of them outlive stop(). `directory`: the data folder's id.
  DamageReporter(runtime::Executor& executor, IsrChannel& channel, const BrokerRegistration& registration,
                 DirectoryId directory);

  void report_damaged(const TopicIdPartition& key) { report(key, metadata::kLostDirectory); }
  void report_whole(const TopicIdPartition& key) { report(key, directory_); }
  // Ends with the call that is under way.
  runtime::Task<void> stop();

 private:
  using Reports = std::map<TopicIdPartition, DirectoryId>;
  void report(const TopicIdPartition& key, DirectoryId directory);
  runtime::Task<void> run();
  runtime::Task<bool> tell(const Reports& reports);
  wire::AssignReplicasToDirsRequest request_of(const Reports& reports) const;

  runtime::Executor& executor_;
  IsrChannel& channel_;
  const BrokerRegistration& registration_;
  const DirectoryId directory_;
  Reports due_;
  bool running_ = false;
  runtime::Gate gate_;
  runtime::OneShot stopping_;
};

}  // namespace moldau::replication
