// IsrUpdater: takes to the controller what this shard's leaders ask of it: AlterPartition, one at a time,
// each with everything that is asked for by then, again until it is answered (KIP-497). Lives on its shard.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "replication/partition_leader.h"

namespace moldau::replication {

// Whose questions they are.
class IsrSource {
 public:
  // What is to be asked now; empty when nothing is, any more.
  virtual std::optional<IsrQuestion> isr_question(const TopicIdPartition& key) = 0;
  // The answer. True: ask again later.
  virtual bool isr_answered(const TopicIdPartition& key, const IsrQuestion& asked,
                            const IsrAnswer& answer) = 0;
  // Nobody has answered; it may have been heard.
  virtual void isr_unanswered(const TopicIdPartition& key) = 0;

 protected:
  ~IsrSource() = default;
};

class IsrUpdater {
 public:
  // All of them outlive stop().
  IsrUpdater(runtime::Executor& executor, IsrChannel& channel, const BrokerRegistration& registration,
             IsrSource& source);

  void ask(const TopicIdPartition& key);
  // Ends with the call that is under way; nothing is asked after it.
  runtime::Task<void> stop();

 private:
  using Questions = std::map<TopicIdPartition, IsrQuestion>;
  runtime::Task<void> run();
  Questions take_questions();
  runtime::Task<bool> ask_all(const Questions& questions);
  wire::AlterPartitionRequest request_of(const Questions& questions) const;

  runtime::Executor& executor_;
  IsrChannel& channel_;
  const BrokerRegistration& registration_;
  IsrSource& source_;
  std::set<TopicIdPartition> due_;
  bool running_ = false;
  runtime::Gate gate_;
  runtime::OneShot stopping_;
};

}  // namespace moldau::replication
