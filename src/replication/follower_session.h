// FollowerSession: a follower's side of a fetch session (KIP-227): which partitions of one leader it wants,
// and what of that the leader has not heard yet. Pure.
#pragma once

#include <map>
#include <set>

#include "replication/partition_follower.h"
#include "wire/messages/fetch.h"

namespace moldau::replication {

class FollowerSession {
 public:
  // From the next request on.
  void want(const TopicIdPartition& key, const FollowerPosition& position);
  void forget(const TopicIdPartition& key);
  bool empty() const { return wanted_.empty(); }

  // The session's part of the next request: what the leader has to hear.
  void fill(wire::FetchRequest& request, std::int32_t partition_max_bytes);
  // The leader has answered that request. False: it does not know the session; the next request starts over.
  bool accept(const wire::FetchResponse& response);
  // It has not answered: the next request starts over.
  void lose();

 private:
  struct Entry {
    FollowerPosition position;
    bool told = false;
  };

  std::map<TopicIdPartition, Entry> wanted_;
  std::set<TopicIdPartition> news_;       // wanted, and not told as they are
  std::set<TopicIdPartition> forgotten_;  // told, and no longer wanted
  std::int32_t id_ = 0;
  std::int32_t epoch_ = 0;  // of the next request; 0: a full one
};

// One partition of a request outside of a session.
void add_to(wire::FetchRequest& request, const TopicIdPartition& key, const FollowerPosition& position,
            std::int32_t partition_max_bytes);

}  // namespace moldau::replication
