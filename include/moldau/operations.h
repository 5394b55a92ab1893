// What the operators of a cluster see and change by Admin: open transactions and those who have them, log
// folders, the metadata quorum, features. Values; they own what they hold.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "moldau/error.h"
#include "moldau/record.h"

namespace moldau::sdk {

// --- transactions (KIP-664)

// States are "Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort" and
// "PrepareEpochFence".
struct TransactionFilter {
  std::vector<std::string> states;      // empty: all
  std::vector<std::int64_t> producers;  // ids; empty: all
  // Only what has been open for longer (KIP-994).
  std::optional<std::chrono::milliseconds> longer_than;
  // A regular expression of the broker's kind that the whole id has to match (KIP-1152).
  std::optional<std::string> id_pattern;
};
struct TransactionListing {
  std::string id;  // the transactional id
  std::int64_t producer_id = -1;
  std::string state;
  std::int32_t coordinator = -1;  // of the broker
};
struct TransactionDescription {
  std::string id;
  std::int32_t coordinator = -1;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  std::string state;
  std::chrono::milliseconds timeout{0};    // the broker aborts what is open for longer
  std::optional<std::int64_t> started_ms;  // of the one that is open, since 1970
  std::vector<TopicPartition> partitions;  // ascending; those that have no marker yet
};
// Who has written to a partition with idempotence, as the partition's leader knows.
struct ActiveProducer {
  std::int64_t producer_id = -1;
  std::int32_t producer_epoch = -1;
  std::int32_t last_sequence = -1;
  std::int64_t last_timestamp_ms = -1;
  std::int32_t coordinator_epoch = -1;            // of its last marker; -1: there was none
  std::optional<std::int64_t> transaction_start;  // the first offset of what it has open
};
struct FencedProducer {
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;  // whoever produced below it is fenced
};

// --- log folders (KIP-113, KIP-827)

struct ReplicaSize {
  TopicPartition partition;
  std::int64_t size_bytes = 0;
  std::int64_t offset_lag = 0;  // records behind the high watermark, or behind what it is to replace
  bool is_future = false;       // a copy on its way to another folder
};
struct LogDirDescription {
  std::string path;
  std::optional<Error> error;  // the folder is out of service
  std::vector<ReplicaSize> replicas;
  std::optional<std::int64_t> total_bytes;  // of its volume; none: the broker is too old to say
  std::optional<std::int64_t> usable_bytes;
};

// --- the metadata quorum (KIP-595, KIP-853)

struct QuorumReplica {
  std::int32_t id = -1;
  std::string directory_id;  // in Kafka's base64
  std::int64_t log_end_offset = -1;
  std::optional<std::int64_t> last_fetch_ms;      // none: the leader has not heard of it
  std::optional<std::int64_t> last_caught_up_ms;  // likewise
};
struct QuorumDescription {
  std::int32_t leader = -1;
  std::int32_t leader_epoch = -1;
  std::int64_t high_watermark = -1;
  std::vector<QuorumReplica> voters;
  std::vector<QuorumReplica> observers;  // brokers, mostly
};

// --- features (KIP-584)

struct FeatureDescription {
  std::string name;
  std::int16_t supported_min = 0;
  std::int16_t supported_max = 0;
  std::int16_t finalized = 0;  // 0: off
};
struct FeatureUpdate {
  std::string name;
  std::int16_t level = 0;  // 0: off
  // A downgrade may lose metadata; one that would is refused unless it is said to be meant.
  enum class Kind : std::uint8_t { upgrade, safe_downgrade, unsafe_downgrade } kind = Kind::upgrade;
};

}  // namespace moldau::sdk
