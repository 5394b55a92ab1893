// Fetch sessions (KIP-227): the broker remembers which partitions a client fetches and what it was told of
// each, so that requests and responses carry only what changed. Pure but for the clock that is handed in. One
// cache per shard; a session id carries its shard's number, and a client that comes back on another shard
// starts anew.
#pragma once

#include <cstdint>
#include <expected>
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

class FetchSessionCache {
 public:
  FetchSessionCache(unsigned shard, unsigned shard_count, std::size_t max_sessions, Random random)
      : shard_(shard), shard_count_(shard_count), max_sessions_(max_sessions), random_(random) {}

  // The context of the request; or the error that the whole response carries.
  std::expected<FetchContext, wire::ErrorCode> begin(const wire::FetchRequest& request, std::int16_t version,
                                                     runtime::MonotonicTime now);
  // The response with the outcomes that the client has to be told, in order.
  wire::FetchResponse finish(FetchContext context, std::vector<FetchOutcome> outcomes);
  std::size_t size() const { return sessions_.size(); }

 private:
  std::shared_ptr<FetchSession> create(std::vector<FetchTarget> targets, bool uses_topic_ids,
                                       runtime::MonotonicTime now);
  bool make_room(runtime::MonotonicTime now);
  std::int32_t unused_id();

  unsigned shard_;
  unsigned shard_count_;
  std::size_t max_sessions_;
  Random random_;
  std::unordered_map<std::int32_t, std::shared_ptr<FetchSession>> sessions_;
};

}  // namespace moldau::server
