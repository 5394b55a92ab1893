#include "client/membership.h"

#include "client/classic_membership.h"
#include "client/consumer_membership.h"

namespace moldau::client {

std::unique_ptr<Membership> Membership::make(ClusterClient& cluster, GroupOptions options,
                                             Subscription subscription, GroupListener& listener) {
  if (options.protocol == GroupProtocol::consumer)
    return std::make_unique<ConsumerMembership>(cluster, std::move(options), std::move(subscription),
                                                listener);
  return std::make_unique<ClassicMembership>(cluster, std::move(options), std::move(subscription), listener);
}

}  // namespace moldau::client
