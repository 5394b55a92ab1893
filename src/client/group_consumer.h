// GroupConsumer: reads the partitions that a group gives it, from where the group has committed, and commits
// what its owner is done with. Lives on the shard of its ClusterClient; close() before destruction.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "client/consumer.h"
#include "client/coordinator_link.h"
#include "client/groups.h"
#include "client/membership.h"

namespace moldau::client {

struct GroupConsumerOptions {
  GroupOptions group;
  ConsumerOptions consumer;
  bool auto_commit = true;                                  // enable.auto.commit
  Duration auto_commit_interval = std::chrono::seconds(5);  // auto.commit.interval.ms
};

// Who wants to know, beside the consumer itself, of partitions that come and go. The rebalance waits for the
// tasks; records of partitions that are being revoked are not polled any more.
class RebalanceHooks {
 public:
  virtual ~RebalanceHooks() = default;
  // Before the consumer commits and lets go: what is done may still be committed.
  virtual Task<void> revoked(std::vector<TopicPartition> partitions) = 0;
  // Gone already.
  virtual void lost(std::vector<TopicPartition> partitions) = 0;
  // They have their places to read from, and are read once this has ended.
  virtual Task<void> assigned(std::vector<TopicPartition> partitions) = 0;
};

// Who commits: what a transactional producer needs to commit offsets for a group (KIP-447).
struct GroupIdentity {
  std::string group_id;
  std::int32_t generation = -1;  // or member epoch
  std::string member_id;
  std::optional<std::string> instance_id;
};

class GroupConsumer : private GroupListener {
 public:
  using Offsets = std::map<TopicPartition, GroupOffset>;

  // `hooks` may be null, else they outlive the consumer.
  GroupConsumer(ClusterClient& cluster, GroupConsumerOptions options, Membership::Subscription subscription,
                RebalanceHooks* hooks = nullptr);
  ~GroupConsumer() override;

  // As ConsumerCore's; fails for good when the membership has.
  Task<Outcome<std::vector<FetchedRecords>>> poll(
      MonotonicTime deadline, std::size_t max_records = std::numeric_limits<std::size_t>::max());
  // The owner is done with all records of the partition below this offset: commits say so from here on.
  void done(const TopicPartition& partition, Offset next);
  // What is done and not committed yet, and where partitions are that had no records so far. A commit that is
  // refused because a rebalance is under way is repeated with the next one.
  Task<Outcome<void>> commit();
  // These offsets, for partitions that the group gave. Fails when the member is not in the group at the
  // moment.
  Task<Outcome<void>> commit(Offsets offsets);
  // What is done of each partition and not committed yet.
  Offsets to_commit() const;
  // What the group has committed for these; those without an offset are left out.
  Task<Outcome<Offsets>> committed(std::vector<TopicPartition> partitions);
  // Reads a partition that the group gave from another place; commits say so.
  Outcome<void> seek(const TopicPartition& partition, StartAt start);
  // All partitions from what is committed, or by the policy.
  Task<Outcome<void>> seek_to_committed();
  // Of partitions that the group gave; forgotten when it takes them back.
  void pause(const TopicPartition& partition);
  void resume(const TopicPartition& partition);
  // Commits with auto_commit, leaves the group, stops reading.
  Task<void> close();

  std::vector<TopicPartition> assignment() const { return member_->owned(); }
  GroupIdentity identity() const;
  ConsumerCore& records() { return consumer_; }
  const Membership& member() const { return *member_; }
  // The subscription gives something else by now.
  void resubscribe() { member_->wake(); }
  // Told once, after partitions were lost because nobody had polled for max.poll.interval.ms.
  std::optional<Failure> take_notice() { return std::exchange(notice_, {}); }

 private:
  class Polling;
  Task<void> revoked(std::vector<TopicPartition> partitions) override;
  void lost(std::vector<TopicPartition> partitions) override;
  Task<void> assigned(std::vector<TopicPartition> partitions) override;
  bool is_stalled() const override;
  void drop(const std::vector<TopicPartition>& partitions);
  void let_go_on(const std::vector<TopicPartition>& partitions);
  Failure nowhere_to_begin(const TopicPartition& partition) const;
  void begin_at(const TopicPartition& partition, const Offsets& committed);
  // Of the record before `offset`, where that is known: when all that was handed out is done (KIP-320).
  LeaderEpoch epoch_before(const TopicPartition& partition, Offset offset) const;
  Task<Outcome<void>> send_commit(const Offsets& offsets);
  Task<Outcome<Offsets>> fetch_committed(const std::vector<TopicPartition>& partitions);
  // The same, asked until there is an answer, or the consumer is closed.
  Task<Offsets> committed_of(const std::vector<TopicPartition>& partitions);

  ClusterClient& cluster_;
  const GroupConsumerOptions options_;
  RebalanceHooks* const hooks_;
  ConsumerCore consumer_;
  CoordinatorLink coordinator_;  // for offsets: a commit does not wait behind a long poll
  std::unique_ptr<Membership> member_;
  std::map<TopicPartition, Offset> done_;  // and not committed yet
  // Partitions of which records were handed out, with the leader epoch of the last ones.
  std::map<TopicPartition, LeaderEpoch> polled_;
  std::map<TopicPartition, Offset> committed_;  // as far as it is known
  std::set<TopicPartition> paused_;             // by the owner
  std::set<TopicPartition> held_;               // until the hooks have ended
  MonotonicTime next_commit_;
  MonotonicTime last_poll_;
  unsigned polling_ = 0;
  unsigned committing_ = 0;
  runtime::Signal commit_ended_;
  std::optional<Failure> failure_;  // of a partition that has no place to begin at
  std::optional<Failure> notice_;
  bool closing_ = false;
};

}  // namespace moldau::client
