// Assignors of classic consumer groups: what the leader of a group makes of its members' subscriptions. Pure;
// the same input gives the same assignments, and Kafka's own assignors give the same to the same for range
// and roundrobin.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"

namespace moldau::client {

// What a member says of itself in JoinGroup, for this protocol ("ConsumerProtocolSubscription").
struct MemberSubscription {
  std::string member_id;
  std::optional<std::string> instance_id;
  std::vector<std::string> topics;
  std::vector<TopicPartition> owned;  // of `generation`
  std::int32_t generation = -1;       // -1: it does not say
};

using PartitionCounts = std::map<std::string, std::int32_t>;                   // by topic
using MemberAssignments = std::map<std::string, std::vector<TopicPartition>>;  // by member id; every member

enum class Assignor : std::uint8_t { range, round_robin, cooperative_sticky };
std::string_view name_of(Assignor assignor);
std::optional<Assignor> assignor_of(std::string_view name);
// Its members keep what they have while a rebalance is under way (KIP-429).
inline bool is_cooperative(Assignor assignor) { return assignor == Assignor::cooperative_sticky; }

// Partitions of topics that nobody subscribed to, and topics without a count, are left out. The cooperative
// one does not give a partition to another member while its owner has it: that happens in the rebalance that
// follows once the owner has let go.
MemberAssignments assign(Assignor assignor, std::vector<MemberSubscription> members,
                         const PartitionCounts& counts);

Slice encode_subscription(const MemberSubscription& member);
Slice encode_assignment(const std::vector<TopicPartition>& partitions);
// Of every version; what newer ones add is left out. Errc::corrupt, Errc::truncated. An empty assignment is
// one of no partitions.
Result<MemberSubscription> decode_subscription(const Slice& bytes);
Result<std::vector<TopicPartition>> decode_assignment(const Slice& bytes);

}  // namespace moldau::client
