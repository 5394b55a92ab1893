// FetchSession: the client's side of an incremental fetch session with one broker (KIP-227): which partitions
// the broker remembers, so that a request names only what has changed. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "base/ids.h"
#include "wire/messages/fetch.h"

namespace moldau::client {

struct FetchTarget {
  TopicPartition partition;
  TopicId topic_id;
  Offset offset = 0;
  LeaderEpoch leader_epoch = kNoEpoch;
  std::int32_t max_bytes = 0;
  friend bool operator==(const FetchTarget&, const FetchTarget&) = default;
};

class FetchSession {
 public:
  explicit FetchSession(bool enabled) : enabled_(enabled) {}

  // Fills session id, epoch, topics and forgotten topics so that the broker reads exactly `targets`.
  void build(std::vector<FetchTarget> targets, wire::FetchRequest& request);
  // False: the broker does not go on with this session; the next request begins a new one.
  bool accept(const wire::FetchResponse& response);
  // It is not known whether the broker got the last request.
  void fail();

  // What the last request asked for.
  const FetchTarget* find(const TopicPartition& partition) const;
  const FetchTarget* find(const TopicId& id, PartitionIndex index) const;
  std::int32_t id() const { return id_; }
  std::int32_t epoch() const { return epoch_; }

 private:
  bool enabled_;
  std::int32_t id_ = 0;
  std::int32_t epoch_ = 0;
  std::map<TopicPartition, FetchTarget> targets_;
};

}  // namespace moldau::client
