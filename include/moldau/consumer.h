// Consumer: reads partitions that it is given (assign), or those that a group gives it (subscribe).
//
// One poll at a time; everything else from any thread. Heartbeats are sent whether or not anybody polls; who
// does not poll for max.poll.interval.ms leaves its group, and the next poll says so.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "moldau/future.h"
#include "moldau/record.h"

namespace moldau::sdk {

// Where a consumer begins in a partition.
struct StartAt {
  enum class Kind : std::uint8_t { offset, beginning, end, timestamp } kind = Kind::end;
  std::int64_t value = 0;
  static StartAt offset(std::int64_t offset) { return {Kind::offset, offset}; }
  static StartAt beginning() { return {Kind::beginning, 0}; }
  static StartAt end() { return {Kind::end, 0}; }
  static StartAt timestamp(std::int64_t ms) { return {Kind::timestamp, ms}; }
};

// What a group has committed, or is to commit: the offset of the next record to be read.
struct CommittedOffset {
  std::int64_t offset = -1;
  std::int32_t leader_epoch = -1;  // of the record before; -1 unknown
  std::string metadata;
};
using Offsets = std::map<TopicPartition, CommittedOffset>;

// Called while the group changes; the group waits for them (for max.poll.interval.ms). They run in the calls
// of poll() and close(), on the caller's thread, and may use the consumer but for these two. While
// poll_async() or close_async() is used they run on the I/O thread, and must not wait. The consumer assigns
// and takes away by itself: a hook that does nothing is fine.
struct RebalanceHooks {
  using Partitions = std::vector<TopicPartition>;
  // New ones, with their places to read from: the time to seek.
  std::function<void(const Partitions&)> on_assigned;
  // They go to somebody else when this returns; no record of them comes any more: the time to commit.
  std::function<void(const Partitions&)> on_revoked;
  // Gone already, since the group went on without this consumer: nothing can be committed.
  std::function<void(const Partitions&)> on_lost;
};

// Who commits, for TransactionalProducer (KIP-447).
struct GroupMetadata {
  std::string group_id;
  std::int32_t generation = -1;
  std::string member_id;
  std::optional<std::string> instance_id;
};

class Consumer {
 public:
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();  // close(); does not wait, on any thread, once close_async() has ended

  // --- as a member of group.id; replaces what was subscribed to before. Ends before the group has given any
  // partition: poll() brings them.
  Expected<void> subscribe(std::vector<std::string> topics, RebalanceHooks hooks = {});
  // All topics whose whole name matches, now and later, but for internal ones. RE2's syntax; with
  // group.protocol=consumer it is the broker that matches.
  Expected<void> subscribe_pattern(std::string pattern, RebalanceHooks hooks = {});
  // Leaves the group; hooks are called.
  void unsubscribe();
  // As of the last poll: for TransactionalProducer, with polled().
  GroupMetadata group_metadata();

  // --- without a group, or beside one: group.id is only needed to commit. Not while subscribed.
  Expected<void> assign(const std::string& topic, std::int32_t partition, StartAt start = StartAt::end());
  // All partitions that the topic has now.
  Expected<void> assign(const std::string& topic, StartAt start = StartAt::end());
  void unassign(const std::string& topic, std::int32_t partition);

  std::vector<TopicPartition> assignment();

  // The records that are there, or the first to come; none at the time-out. At most max.poll.records. An
  // error is given once: for a partition that cannot be read any more (ErrorKind::not_found, corrupt …), for
  // a group that this consumer was put out of (fenced), after max.poll.interval.ms (timed_out; the consumer
  // joins again).
  Expected<Records> poll(std::chrono::milliseconds timeout);
  // The same; cancelled, no record is lost by it.
  Future<Records> poll_async(std::chrono::milliseconds timeout);
  // Ends the poll under way, or the next one, with ErrorKind::cancelled.
  void wakeup();

  // Of partitions that are assigned.
  Expected<void> seek(const std::string& topic, std::int32_t partition, StartAt start);
  // Reads again from what the group has committed; where that is nothing, as auto.offset.reset says. As after
  // a transaction that was aborted.
  Expected<void> seek_to_committed();
  void pause(const std::string& topic, std::int32_t partition);
  void resume(const std::string& topic, std::int32_t partition);
  // The next record to be polled; nothing while that is being looked up.
  std::optional<std::int64_t> position(const std::string& topic, std::int32_t partition);
  // What the next commit() commits: everything polled so far.
  Offsets positions();
  // The same as of the last poll, whatever has become of the partitions since.
  Offsets polled();
  // Everything was polled up to the end that the broker last told.
  bool at_end(const std::string& topic, std::int32_t partition);

  // Everything polled so far is done. Retriable: a rebalance is under way, or the coordinator is not there.
  Expected<void> commit();
  Expected<void> commit(Offsets offsets);
  Future<void> commit_async();
  Future<void> commit_async(Offsets offsets);
  // Of the group; partitions for which it has committed nothing are left out.
  Expected<Offsets> committed(std::vector<TopicPartition> partitions);

  // Commits what was polled where enable.auto.commit is on, and leaves the group. Any number of times.
  void close();
  // The same; hooks are called on the I/O thread, and must not wait.
  Future<void> close_async();

  struct State;  // inside
  explicit Consumer(std::shared_ptr<State> state);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace moldau::sdk
