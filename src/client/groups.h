// Consumer groups as administrators see them: who is in them, what they have committed. Values; AdminCore
// asks for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/metadata.h"

namespace moldau::client {

struct GroupListing {
  std::string id;
  std::string protocol_type;  // "consumer", "connect" …; empty: nobody ever joined it
  std::string state;          // "Stable" …; empty: the broker is too old to say
  std::string type;           // "Classic", "Consumer" …; empty likewise
  NodeId coordinator = kNoNode;
};

struct GroupMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::string client_id;
  std::string host;                        // as the coordinator shows it: "/127.0.0.1"
  std::vector<TopicPartition> assignment;  // ascending; of consumers alone
  // Of groups of type Consumer (KIP-848).
  std::optional<std::int32_t> epoch;
  std::vector<TopicPartition> target_assignment;
  std::optional<bool> upgraded;  // it speaks the new protocol; nothing: the broker does not say
};

struct GroupDescription {
  std::string id;
  std::string type;   // "Classic" or "Consumer"
  std::string state;  // "Dead": there is no such group
  std::string protocol_type;
  std::string assignor;  // empty: none yet
  BrokerInfo coordinator;
  std::vector<GroupMember> members;
  std::optional<std::int32_t> epoch;  // these two of type Consumer alone
  std::optional<std::int32_t> assignment_epoch;
};

struct GroupOffset {
  Offset offset = kNoOffset;
  LeaderEpoch leader_epoch = kNoEpoch;
  std::string metadata;
};

// A member to put out of its group: a static one by its instance id alone.
struct LeavingMember {
  std::string id;
  std::optional<std::string> instance_id;
  std::optional<std::string> reason;
};

}  // namespace moldau::client
