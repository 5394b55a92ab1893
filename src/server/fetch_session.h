// Fetch sessions (KIP-227): the broker remembers which partitions a client fetches and what it was told of
// each, so that requests and responses carry only what changed. Pure but for the clock that is handed in. One
// cache per shard; a session id carries its shard's number, and a client that comes back on another shard
// starts anew.
#pragma once

#include <cstdint>
#include <expected>
#include <limits>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/random.h"
#include "runtime/time.h"
#include "wire/error_code.h"
#include "wire/messages/fetch.h"

namespace moldau::server {

// One partition of a fetch, as the client asks for it.
struct FetchTarget {
  TopicId topic_id;   // zero below version 13
  std::string topic;  // empty from version 13 on
  PartitionIndex partition = 0;
  LeaderEpoch current_leader_epoch = kNoEpoch;
  Offset fetch_offset = 0;
  LeaderEpoch last_fetched_epoch = kNoEpoch;
  std::int32_t max_bytes = 0;
  Offset log_start_offset = kNoOffset;  // of a follower's log
  // What a follower knows of the high watermark: what it was told in the session, or says itself (v18+).
  Offset known_high_watermark = std::numeric_limits<Offset>::max();
  // In a session: the log start that it was told, and whether it was told of an error that may be over.
  Offset told_log_start = kNoOffset;
  bool told_error = false;
};

// One partition of the answer, whatever the way it was asked for.
using FetchedPartition = wire::FetchResponse::TopicResponse::PartitionResponse;
struct FetchOutcome {
  TopicId topic_id;
  std::string topic;
  FetchedPartition partition;
};

class FetchSession {
 public:
  FetchSession(std::int32_t id, bool uses_topic_ids) : id_(id), uses_topic_ids_(uses_topic_ids) {}

  std::int32_t id() const { return id_; }
  std::size_t size() const { return entries_.size(); }
  // What it takes in memory, about.
  std::size_t memory_bytes() const { return memory_bytes_; }
  bool uses_topic_ids() const { return uses_topic_ids_; }
  std::int32_t next_epoch() const { return next_epoch_; }
  // In the order in which they are to be served.
  std::vector<FetchTarget> targets() const;

  void upsert(FetchTarget target);
  void forget(const TopicId& topic_id, const std::string& topic, PartitionIndex partition);
  void advance_epoch();
  // Notes what is being sent; false when the client knows all of it already. With records the partition moves
  // to the end, so that every partition gets its turn. `always`: the response is a full one.
  bool note(const FetchOutcome& outcome, bool always);

 private:
  friend class FetchSessionCache;
  struct Entry {
    FetchTarget target;
    Offset high_watermark = kNoOffset;
    Offset log_start_offset = kNoOffset;
    bool had_error = false;
  };
  using Entries = std::list<Entry>;
  struct Key {
    TopicId topic_id;
    std::string topic;
    PartitionIndex partition;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const {
      return std::hash<TopicIdPartition>()({key.topic_id, key.partition}) ^
             std::hash<std::string>()(key.topic);
    }
  };

  std::int32_t id_;
  bool uses_topic_ids_;
  std::int32_t next_epoch_ = 1;
  std::size_t memory_bytes_ = 0;
  Entries entries_;
  std::unordered_map<Key, Entries::iterator, KeyHash> by_key_;
  runtime::MonotonicTime last_used_{};
};

// What one request fetches, and in which session.
struct FetchContext {
  std::shared_ptr<FetchSession> session;  // null: sessionless
  bool full = true;                       // the response names every partition
  std::vector<FetchTarget> targets;
};

// Bounded by the number of sessions, as in Kafka, and by what they take in memory. Who gets none fetches
// without: that takes more bytes and is as good.
class FetchSessionCache {
 public:
  struct Limits {
    std::size_t sessions = 1000;
    std::size_t memory_bytes = std::size_t{32} << 20;
  };
  FetchSessionCache(unsigned shard, unsigned shard_count, Limits limits, Random random)
      : shard_(shard), shard_count_(shard_count), limits_(limits), random_(random) {}

  // The context of the request; or the error that the whole response carries.
  std::expected<FetchContext, wire::ErrorCode> begin(const wire::FetchRequest& request, std::int16_t version,
                                                     runtime::MonotonicTime now);
  // The response with the outcomes that the client has to be told, in order.
  wire::FetchResponse finish(FetchContext context, std::vector<FetchOutcome> outcomes);
  std::size_t size() const { return sessions_.size(); }
  std::size_t memory_bytes() const { return memory_bytes_; }

 private:
  using Sessions = std::unordered_map<std::int32_t, std::shared_ptr<FetchSession>>;

  std::shared_ptr<FetchSession> create(std::vector<FetchTarget> targets, bool uses_topic_ids,
                                       runtime::MonotonicTime now);
  bool make_room(std::size_t memory_bytes, runtime::MonotonicTime now);
  void update(FetchSession& session, const wire::FetchRequest& request);
  void erase(Sessions::iterator session);
  std::int32_t unused_id();

  unsigned shard_;
  unsigned shard_count_;
  Limits limits_;
  Random random_;
  Sessions sessions_;
  std::size_t memory_bytes_ = 0;  // of all sessions
};

}  // namespace moldau::server
