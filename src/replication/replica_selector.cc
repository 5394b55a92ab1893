#include "replication/replica_selector.h"

#include <algorithm>

namespace moldau::replication {
namespace {

bool is_in(const metadata::Image& image, NodeId broker, std::string_view rack) {
  const metadata::Broker* known = image.broker(broker);
  return known != nullptr && !known->fenced && known->rack == rack;
}

}  // namespace

std::optional<NodeId> select_replica(const IsrTracker& tracker, const metadata::Image& image, NodeId leader,
                                     std::string_view rack, Offset from) {
  if (is_in(image, leader, rack)) return std::nullopt;
  const IsrTracker::Follower* best = nullptr;
  for (const NodeId id : tracker.isr()) {
    const IsrTracker::Follower* follower = tracker.follower(id);
    if (follower == nullptr || !is_in(image, id, rack)) continue;
    if (follower->report.offset < from || follower->report.log_start > from) continue;
    const auto rank = [](const IsrTracker::Follower& of) {
      return std::pair(of.report.offset, of.caught_up_at);
    };
    if (best == nullptr || rank(*best) < rank(*follower)) best = follower;
  }
  return best == nullptr ? std::nullopt : std::optional(best->id);
}

}  // namespace moldau::replication
