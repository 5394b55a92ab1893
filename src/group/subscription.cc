#include "group/subscription.h"

#include "wire/messages/consumer_protocol.h"
#include "wire/reader.h"

namespace moldau::group {

std::optional<std::vector<std::string>> subscribed_topics(const Slice& subscription) {
  constexpr wire::ApiVersion kFirstVersion = 0;
  wire::Reader in(subscription);
  const auto version = in.number<std::int16_t>();
  wire::ConsumerProtocolSubscription parsed;
  parsed.read(in, kFirstVersion);
  if (version < kFirstVersion || !in.finish(false)) return std::nullopt;
  return std::move(parsed.topics);
}

}  // namespace moldau::group
