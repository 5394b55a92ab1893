// Ids that the coordinator gives to members of the classic protocol.
#pragma once

#include <string>

#include "base/random.h"

namespace moldau::group {

// "NAME-uuid", as Kafka's: of the client's id, or of a static member's instance id.
std::string new_member_id(const std::string& name, Random& random);

}  // namespace moldau::group
