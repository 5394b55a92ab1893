// HostedPartitions: the partitions of an internal topic whose state machines this broker hosts, each for as
// long as it leads it: taken when an image says so, read from its log, and left when it is led no longer.
// Lives on the partitions' shard.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "coordinator/hosted_partition.h"
#include "metadata/image.h"
#include "runtime/wait.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

// `Hosted`: a HostedPartition and its state, of which size() tells how much there is, once it is loaded.
template <class Hosted>
class HostedPartitions {
 public:
  using Ptr = std::shared_ptr<Hosted>;
  // What the states are called when something is told about them.
  struct Words {
    std::string_view states;
    std::string_view count;  // the name of what size() gives
  };
  struct Hooks {
    // Begins a new state and reads the log into it, and counts the records that it could make nothing of.
    // After an error it is called again, as long as the partition is led.
    std::function<runtime::Task<replication::PartitionResult<void>>(Hosted&, std::size_t& malformed)> read;
    // A partition's first event.
    std::function<runtime::Task<void>(Ptr)> loaded;
    // It has been left.
    std::function<void(Hosted&)> left;
  };

  HostedPartitions(runtime::Executor& executor, replication::PartitionSet& partitions, Words words,
                   Hooks hooks)
      : executor_(executor),
        partitions_(partitions),
        words_(words),
        hooks_(std::move(hooks)),
        gate_(executor) {}
  // REQUIRES: stop() has ended.
  ~HostedPartitions() { MOLDAU_ASSERT(stopped_ && gate_.entered() == 0); }
  HostedPartitions(const HostedPartitions&) = delete;
  HostedPartitions& operator=(const HostedPartitions&) = delete;

  // The topic as an image has it; null: there is none.
  void apply(const metadata::Topic* topic);
  // From now on, again and again, for one partition after another that is ready.
  void repeat(runtime::Duration interval, std::function<runtime::Task<void>(Ptr)> chore);
  // Leaves all of them, and waits for those who have entered the gate.
  runtime::Task<void> stop();
  bool stopped() const { return stopped_; }
  // Of all that is under way for a partition.
  runtime::Gate& gate() { return gate_; }

  // The partition, once no event before waits for space. Errors: NOT_COORDINATOR,
  // COORDINATOR_LOAD_IN_PROGRESS.
  runtime::Task<std::expected<Ptr, wire::ErrorCode>> ready(PartitionIndex at);
  const std::map<PartitionIndex, Ptr>& all() const { return hosted_; }
  // Of all, for who gives way between two of them.
  std::vector<PartitionIndex> indexes() const;

 private:
  static constexpr runtime::Duration kLoadRetry = std::chrono::seconds(1);

  void host(TopicIdPartition key);
  void leave(PartitionIndex at);
  runtime::Task<void> load(Ptr hosted);
  runtime::Task<bool> read(Hosted& hosted);
  runtime::Task<void> from_time_to_time(runtime::Duration interval, runtime::OneShot& stopping,
                                        std::function<runtime::Task<void>(Ptr)> chore);
  // Most partitions of such a topic are empty in most clusters.
  static telemetry::Level level_for(std::size_t size) {
    return size > 0 ? telemetry::Level::info : telemetry::Level::debug;
  }
  std::string sentence(std::string_view end) const {
    return std::string("the ").append(words_.states).append(" of a partition ").append(end);
  }

  runtime::Executor& executor_;
  replication::PartitionSet& partitions_;
  const Words words_;
  const Hooks hooks_;
  std::map<PartitionIndex, Ptr> hosted_;
  std::list<runtime::OneShot> stopping_;  // of each chore
  bool stopped_ = false;
  runtime::Gate gate_;
};

template <class Hosted>
void HostedPartitions<Hosted>::apply(const metadata::Topic* topic) {
  if (stopped_) return;
  std::vector<PartitionIndex> lost;
  for (const auto& [at, hosted] : hosted_) {
    const bool is_there = topic != nullptr && topic->id == hosted->key().topic_id;
    if (!is_there || !hosted->log.is_led()) lost.push_back(at);
  }
  for (const PartitionIndex at : lost) leave(at);
  if (topic == nullptr) return;
  for (PartitionIndex at = 0; at < topic->partition_count(); ++at) {
    const TopicIdPartition key{topic->id, at};
    if (!hosted_.contains(at) && StateLog::is_leading(partitions_, key)) host(key);
  }
}

template <class Hosted>
void HostedPartitions<Hosted>::host(TopicIdPartition key) {
  auto hosted = std::make_shared<Hosted>(executor_, partitions_, key);
  hosted_.emplace(key.partition, hosted);
  load(std::move(hosted)).detach();
}

template <class Hosted>
void HostedPartitions<Hosted>::leave(PartitionIndex at) {
  const auto found = hosted_.find(at);
  if (found == hosted_.end()) return;
  const Ptr hosted = std::move(found->second);
  hosted_.erase(found);
  hosted->leave();
  if (hooks_.left) hooks_.left(*hosted);
  const std::size_t size = hosted->loaded() ? hosted->size() : 0;
  telemetry::log(level_for(size), "coordinator", sentence("are unloaded"),
                 {{"partition", at}, {words_.count, size}});
}

// A log that cannot be read is tried again: as long as this broker leads it, nobody else can.
template <class Hosted>
runtime::Task<void> HostedPartitions<Hosted>::load(Ptr hosted) {
  const runtime::Gate::Pass pass(gate_);
  const auto began = executor_.now();
  while (!co_await read(*hosted)) {
    co_await hosted->wait_until_gone(executor_.now() + kLoadRetry);
    if (hosted->gone()) co_return;
    if (!hosted->log.is_led()) co_return leave(hosted->key().partition);
  }
  if (hosted->gone()) co_return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(executor_.now() - began);
  const std::size_t size = hosted->size();
  telemetry::log(level_for(size), "coordinator", sentence("are loaded"),
                 {{"partition", hosted->key().partition}, {words_.count, size}, {"ms", took.count()}});
  hosted->set_loaded();
  co_await hooks_.loaded(hosted);
}

template <class Hosted>
runtime::Task<bool> HostedPartitions<Hosted>::read(Hosted& hosted) {
  std::size_t malformed = 0;
  const auto read = co_await hooks_.read(hosted, malformed);
  if (malformed > 0) {
    const std::string event = std::string("records of ")
                                  .append(words_.states)
                                  .append(" that have not Kafka's form were passed over");
    telemetry::log_warn("coordinator", event,
                        {{"partition", hosted.key().partition}, {"records", malformed}});
  }
  if (read) co_return true;
  if (hosted.gone() || !hosted.log.is_led()) co_return false;
  telemetry::log_error("coordinator", sentence("cannot be loaded"),
                       {{"partition", hosted.key().partition},
                        {"code", wire::name_of(read.error().code)},
                        {"error", read.error().message}});
  co_return false;
}

template <class Hosted>
auto HostedPartitions<Hosted>::ready(PartitionIndex at)
    -> runtime::Task<std::expected<Ptr, wire::ErrorCode>> {
  for (;;) {
    const auto found = hosted_.find(at);
    if (found == hosted_.end()) co_return std::unexpected(wire::ErrorCode::not_coordinator);
    const Ptr hosted = found->second;
    if (!hosted->log.is_led()) {
      leave(at);
      co_return std::unexpected(wire::ErrorCode::not_coordinator);
    }
    if (!hosted->loaded()) co_return std::unexpected(wire::ErrorCode::coordinator_load_in_progress);
    if (!hosted->stalled()) co_return hosted;
    co_await hosted->wait_until_changed();
  }
}

template <class Hosted>
std::vector<PartitionIndex> HostedPartitions<Hosted>::indexes() const {
  std::vector<PartitionIndex> all;
  for (const auto& [at, hosted] : hosted_) all.push_back(at);
  return all;
}

template <class Hosted>
void HostedPartitions<Hosted>::repeat(runtime::Duration interval,
                                      std::function<runtime::Task<void>(Ptr)> chore) {
  runtime::OneShot& stopping = stopping_.emplace_back(executor_);
  from_time_to_time(interval, stopping, std::move(chore)).detach();
}

template <class Hosted>
runtime::Task<void> HostedPartitions<Hosted>::from_time_to_time(
    runtime::Duration interval, runtime::OneShot& stopping, std::function<runtime::Task<void>(Ptr)> chore) {
  const runtime::Gate::Pass pass(gate_);
  while (!co_await stopping.wait(executor_.now() + interval)) {
    for (const PartitionIndex at : indexes()) {
      if (const auto hosted = co_await ready(at)) co_await chore(*hosted);
      if (stopped_) co_return;
      co_await runtime::yield(executor_);
    }
  }
}

template <class Hosted>
runtime::Task<void> HostedPartitions<Hosted>::stop() {
  if (std::exchange(stopped_, true)) co_return;
  for (runtime::OneShot& stopping : stopping_) stopping.fire();
  while (!hosted_.empty()) leave(hosted_.begin()->first);
  co_await gate_.close();
}

}  // namespace moldau::coordinator
