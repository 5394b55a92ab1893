// ReplicaFetcher: fetches from one leader for all the partitions of a shard that follow it. Lives on the
// shard.
//
// One fetch after the other, in a session, each sent as soon as what the last one brought is durable here:
// the offset of a fetch is what the leader counts on. While one waits at the leader for records, partitions
// that have just come, or come back, are not made to wait with it: a second lane fetches them until the first
// has ended its wait and takes them over.
//
// What comes after its deadline is thrown away and asked for again: when a fetch is not answered in time, the
// next ones ask for less, until the answers come in time; then slowly for more. Else a follower that is far
// behind, at the end of a slow line, would never get anything.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "replication/follower_session.h"
#include "replication/partition.h"
#include "runtime/wait.h"

namespace moldau::replication {

struct FetcherSettings {
  std::int32_t partition_max_bytes = 1048576;                       // replica.fetch.max.bytes
  std::int32_t response_max_bytes = 10485760;                       // replica.fetch.response.max.bytes
  std::int32_t min_bytes = 1;                                       // replica.fetch.min.bytes
  runtime::Duration wait_max = std::chrono::milliseconds(500);      // replica.fetch.wait.max.ms
  runtime::Duration backoff_max = std::chrono::milliseconds(1000);  // replica.fetch.backoff.ms
  runtime::Duration answer_timeout = std::chrono::seconds(15);      // beyond wait_max
};

class ReplicaFetcher {
 public:
  // All of them outlive stop().
  ReplicaFetcher(runtime::Executor& executor, runtime::WallClock& wall_clock, LeaderChannel& channel,
                 const BrokerRegistration& registration, FetcherSettings settings, NodeId leader);
  ~ReplicaFetcher();

  // Fetches for this partition, from its state as of now; answers to what was asked before are forgotten.
  // REQUIRES: it follows this leader.
  void follow(const TopicIdPartition& key, std::shared_ptr<Partition> partition);
  void forget(const TopicIdPartition& key);
  // Ends with the calls that are under way.
  runtime::Task<void> stop();

 private:
  enum class Place : std::uint8_t { ready, delayed, main, side };
  struct Entry {
    std::shared_ptr<Partition> partition;
    LeaderEpoch epoch = kNoEpoch;
    FollowerPosition asked;  // what the fetch is from
    Place place = Place::ready;
    runtime::Duration backoff{};  // after the last failure; zero: it went well
  };
  // A partition whose answer is being taken in.
  struct Work {
    TopicIdPartition key;
    std::shared_ptr<Partition> partition;
    std::shared_ptr<PartitionFollower> follower;
    runtime::Task<Taken> task;
    Taken taken = Taken::superseded;
  };
  struct Call {
    wire::FetchRequest request;
    std::vector<TopicIdPartition> keys;  // of the side lane
  };

  runtime::Task<void> run(Place lane);
  bool has_work(Place lane);
  runtime::MonotonicTime next_due() const;
  void wake_delayed();
  Call main_call();
  Call side_call();
  wire::FetchRequest new_request(runtime::Duration wait) const;
  runtime::Task<bool> make(Place lane, Call call);
  void note_pace(std::int32_t asked_bytes, const wire::FetchResponse* response, bool in_time);
  runtime::Task<void> take_in(Place lane, wire::FetchResponse response);
  runtime::Task<void> await_durable(Work& work);
  void settle(Place lane, const Work& work);
  void ready(const TopicIdPartition& key, Entry& entry);
  void delay(const TopicIdPartition& key, Entry& entry);
  runtime::Duration grown(runtime::Duration backoff) const;

  runtime::Executor& executor_;
  runtime::WallClock& wall_clock_;
  LeaderChannel& channel_;
  const BrokerRegistration& registration_;
  const FetcherSettings settings_;
  const NodeId leader_;
  std::int32_t response_max_bytes_;  // of the next fetch; at most what the settings say
  std::map<TopicIdPartition, Entry> entries_;
  std::vector<TopicIdPartition> ready_;                              // may name some that have moved on
  std::multimap<runtime::MonotonicTime, TopicIdPartition> delayed_;  // as well
  FollowerSession session_;
  bool polling_ = false;  // the main lane waits at the leader
  runtime::MonotonicTime polls_until_{};
  bool stopped_ = false;
  bool started_ = false;
  runtime::Signal work_;
  runtime::Signal stopping_;
  runtime::Gate gate_;
};

}  // namespace moldau::replication
