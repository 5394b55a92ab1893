#include "replication/damage_reporter.h"

#include "wire/error_code.h"

namespace moldau::replication {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kTimeout = std::chrono::seconds(5);
constexpr runtime::Duration kRetry = std::chrono::milliseconds(500);

}  // namespace

DamageReporter::DamageReporter(runtime::Executor& executor, IsrChannel& channel,
                               const BrokerRegistration& registration, DirectoryId directory)
    : executor_(executor),
      channel_(channel),
      registration_(registration),
      directory_(directory),
      gate_(executor),
      stopping_(executor) {}

void DamageReporter::report(const TopicIdPartition& key, DirectoryId directory) {
  due_[key] = directory;
  if (running_ || gate_.closing()) return;
  running_ = true;
  run().detach();
}

Task<void> DamageReporter::stop() {
  stopping_.fire();
  if (!gate_.closing()) co_await gate_.close();
}

Task<void> DamageReporter::run() {
  const runtime::Gate::Pass pass(gate_);
  co_await runtime::yield(executor_);
  while (!due_.empty() && !stopping_.fired()) {
    if (!co_await tell(std::exchange(due_, {}))) co_await stopping_.wait(executor_.now() + kRetry);
  }
  running_ = false;
}

wire::AssignReplicasToDirsRequest DamageReporter::request_of(const Reports& reports) const {
  wire::AssignReplicasToDirsRequest request;
  request.broker_id = registration_.node_id();
  request.broker_epoch = registration_.epoch();
  for (const DirectoryId directory : {metadata::kLostDirectory, directory_}) {
    wire::AssignReplicasToDirsRequest::Directory part;
    part.id = directory;
    for (const auto& [key, where] : reports) {
      if (where != directory) continue;
      if (part.topics.empty() || part.topics.back().topic_id != key.topic_id) {
        part.topics.emplace_back().topic_id = key.topic_id;
      }
      part.topics.back().partitions.emplace_back().partition_index = key.partition;
    }
    if (!part.topics.empty()) request.directories.push_back(std::move(part));
  }
  return request;
}

// False when something has to be told again. What is no longer true by then has been told anew.
Task<bool> DamageReporter::tell(const Reports& reports) {
  auto response = co_await channel_.assign_replicas_to_dirs(request_of(reports), executor_.now() + kTimeout);
  Reports open = reports;
  if (response && response->error_code == ErrorCode::none) {
    for (const auto& directory : response->directories) {
      for (const auto& topic : directory.topics) {
        for (const auto& partition : topic.partitions) {
          // Whatever was refused for good, metadata says why: the topic is gone, or the replica is elsewhere.
          if (!wire::is_retriable(partition.error_code))
            open.erase({topic.topic_id, partition.partition_index});
        }
      }
    }
  }
  const bool all = open.empty();
  due_.merge(open);
  co_return all;
}

}  // namespace moldau::replication
