// The cooperative-sticky assignor: members keep what they have as far as the shares stay even (KIP-54,
// KIP-429).
#pragma once

#include "client/assignor.h"

namespace moldau::client {

// `members`: in their order. See assign().
MemberAssignments assign_cooperatively(const std::vector<MemberSubscription>& members,
                                       const PartitionCounts& counts);

}  // namespace moldau::client
