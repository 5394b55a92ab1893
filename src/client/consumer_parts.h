// The inside of ConsumerCore: partitions, brokers and fetched bytes as the consumer sees them.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/consumer.h"
#include "client/fetch_session.h"

namespace moldau::client {

struct ConsumerCore::Partition {
  TopicPartition name;
  StartAt start;
  std::uint64_t generation = 0;    // another one after each assignment
  std::optional<Offset> position;  // of the next record to be polled
  bool looking_up = false;
  bool buffered = false;  // records of it wait to be polled
  bool paused = false;
  bool failed = false;
  bool stale = false;    // its leader is to be asked for anew
  bool fetched = false;  // the bounds are known
  PartitionBounds bounds;
  NodeId read_replica = kNoNode;  // a follower to read from instead of the leader (KIP-392)
  unsigned failures = 0;
  MonotonicTime not_before{};
};

struct ConsumerCore::Fetched {
  PartitionPtr partition;
  std::uint64_t generation;
  Slice records;  // batches, from `at` not decoded yet
  std::size_t at = 0;
  Offset from;  // records below lie in the first batch and were not asked for
  std::vector<wire::FetchResponse::TopicResponse::PartitionResponse::AbortedTransaction>
      aborted;  // by first offset
  std::size_t aborted_at = 0;
  std::set<ProducerId> aborting;  // whose transactional batches are skipped now
  Offset next_offset;             // after the batches decoded so far
  // Decoded, but more than one poll wanted.
  std::vector<record::RecordView> left;
  std::size_t left_at = 0;
  std::vector<FetchedBatch> left_batches;  // of the records from left_at on
  SliceList left_memory;

  bool done() const { return at == records.size() && left_at == left.size(); }
};

struct ConsumerCore::Node {
  Node(NodeId of, bool sessions) : id(of), session(sessions) {}
  NodeId id;
  bool fetching = false;
  bool nothing_more =
      false;  // than what waits to be polled: the last fetch did not wait, and brought nothing
  FetchSession session;
  Cancellation cancellation;
};

}  // namespace moldau::client
