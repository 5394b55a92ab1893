// GroupConsumer: reads the partitions that a group gives it, from where the group has committed, and commits
// what its owner is done with. Lives on the shard of its ClusterClient; close() before destruction.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "client/consumer.h"
#include "client/membership.h"

namespace moldau::client {

struct GroupConsumerOptions {
  GroupOptions group;
  ConsumerOptions consumer;
  bool auto_commit = true;                                  // enable.auto.commit
  Duration auto_commit_interval = std::chrono::seconds(5);  // auto.commit.interval.ms
};

class GroupConsumer : private GroupListener {
 public:
  GroupConsumer(ClusterClient& cluster, GroupConsumerOptions options, Membership::Subscription subscription);
  ~GroupConsumer() override;

  // As ConsumerCore's; fails for good when the membership has.
  Task<Outcome<std::vector<FetchedRecords>>> poll(
      MonotonicTime deadline, std::size_t max_records = std::numeric_limits<std::size_t>::max());
  // The owner is done with all records of the partition below this offset: commits say so from here on.
  void done(const TopicPartition& partition, Offset next);
  // What is done and not committed yet, and where partitions are that had no records so far. A commit that is
  // refused because a rebalance is under way is repeated with the next one.
  Task<Outcome<void>> commit();
  // Commits with auto_commit, leaves the group, stops reading.
  Task<void> close();

  std::vector<TopicPartition> assignment() const { return member_.owned(); }
  ConsumerCore& records() { return consumer_; }
  const Membership& member() const { return member_; }

 private:
  Task<void> revoked(std::vector<TopicPartition> partitions) override;
  void lost(std::vector<TopicPartition> partitions) override;
  Task<void> assigned(std::vector<TopicPartition> partitions) override;
  void drop(const std::vector<TopicPartition>& partitions);
  std::map<TopicPartition, Offset> to_commit() const;
  // Of the record before `offset`, where that is known: when all that was handed out is done (KIP-320).
  LeaderEpoch epoch_before(const TopicPartition& partition, Offset offset) const;
  // Where the group is in these partitions; asked until there is an answer, or the consumer is closed.
  Task<std::map<TopicPartition, Offset>> committed_of(const std::vector<TopicPartition>& partitions);

  ClusterClient& cluster_;
  const GroupConsumerOptions options_;
  ConsumerCore consumer_;
  Membership member_;
  std::map<TopicPartition, Offset> done_;  // and not committed yet
  // Partitions of which records were handed out, with the leader epoch of the last ones.
  std::map<TopicPartition, LeaderEpoch> polled_;
  std::map<TopicPartition, Offset> committed_;  // as far as it is known
  MonotonicTime next_commit_;
  std::optional<Failure> failure_;  // of a partition that has no place to begin at
  bool closing_ = false;
};

}  // namespace moldau::client
