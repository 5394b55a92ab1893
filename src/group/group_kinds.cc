// What is asked of a group of either protocol.
#include <algorithm>

#include "group/groups.h"
#include "group/subscription.h"

namespace moldau::group {

Offset Groups::Group::stored_end() const {
  return consumer ? std::max(members.stored_end(), consumer->stored_end()) : members.stored_end();
}

bool Groups::Group::is_durable() const { return members.stored() || consumer || !offsets.empty(); }

bool Groups::Group::is_empty() const {
  return consumer ? consumer->is_empty() : members.phase() == ClassicGroup::Phase::empty;
}

bool Groups::Group::is_deserted() const { return consumer ? consumer->is_empty() : members.is_deserted(); }

bool Groups::Group::is_subscribed_to(const std::string& topic) const {
  return consumer ? consumer->is_subscribed_to(topic) : members.is_subscribed_to(topic);
}

std::optional<TimestampMs> Groups::Group::unneeded_since(const CommittedOffset& committed) const {
  if (consumer) return committed.commit_ms;
  return members.unneeded_since(committed);
}

std::string_view Groups::Group::type() const { return consumer ? "consumer" : "classic"; }

std::string_view Groups::Group::state() const {
  return consumer ? ConsumerGroup::name_of(consumer->state()) : ClassicGroup::name_of(members.phase());
}

std::size_t Groups::Group::size() const { return consumer ? consumer->size() : members.size(); }

std::string Groups::Group::protocol_type() const {
  return consumer ? std::string(kConsumerProtocolType) : members.protocol_type().value_or("");
}

}  // namespace moldau::group
