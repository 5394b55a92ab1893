// Assignors of the consumer protocol (KIP-848), which run in the coordinator: uniform and range. Pure; the
// same input gives the same assignments.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "group/partitions.h"

namespace moldau::group {

enum class ServerAssignor : std::uint8_t { uniform, range };
inline constexpr ServerAssignor kDefaultAssignor = ServerAssignor::uniform;
std::string_view name_of(ServerAssignor assignor);
std::optional<ServerAssignor> server_assignor_of(std::string_view name);

struct AssignedMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::set<TopicId> topics;  // that it subscribes to and that exist
  Partitions target;         // of the assignment before
};

// By member id, of every member. Uniform evens the numbers of partitions out over all topics, and leaves
// where they are as many as it can; range gives each subscriber a contiguous part of each topic, the first
// ones one more, so that members that subscribe to several topics have the same partitions of each.
std::map<std::string, Partitions> assign(ServerAssignor assignor, std::vector<AssignedMember> members,
                                         const std::map<TopicId, std::int32_t>& partition_counts);

}  // namespace moldau::group
