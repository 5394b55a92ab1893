// What members of a classic group tell each other, and the assignment that their leader makes of it: as even
// as can be, with as few moves as can be, and in two steps: what is to go to another member is assigned to
// nobody until its owner has given it up (KIP-429).
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"

namespace moldau::load {

using PartitionList = std::vector<PartitionIndex>;

inline constexpr std::string_view kCooperativeSticky = "cooperative-sticky";

// ConsumerProtocolSubscription and ConsumerProtocolAssignment of one topic, and back; what is malformed ends
// the program.
Slice subscription_of(const std::string& topic, const PartitionList& owned, std::int32_t generation);
PartitionList owned_in(const Slice& subscription);
Slice assignment_of(const std::string& topic, const PartitionList& partitions);
PartitionList assigned_in(const Slice& assignment);

// Gives the members' parts, in the order of `owned`, which are those that they have.
std::vector<PartitionList> assign_cooperatively(const std::vector<PartitionList>& owned,
                                                std::size_t partitions);

}  // namespace moldau::load
