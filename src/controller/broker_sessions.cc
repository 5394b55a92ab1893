#include "controller/broker_sessions.h"

namespace moldau::controller {

using metadata::Broker;
using metadata::Image;

void BrokerSessions::activate(const Image& image, Time now) {
  sessions_.clear();
  for (const auto& [id, broker] : image.brokers())
    if (!broker->fenced) registered(id, broker->broker_epoch, now);
}

void BrokerSessions::registered(NodeId broker, metadata::BrokerEpoch epoch, Time now) {
  Session& session = sessions_[broker];
  if (session.epoch != epoch) session = Session{.epoch = epoch};
  session.last_contact = now;
}

void BrokerSessions::heartbeat(const wire::BrokerHeartbeatRequest& request,
                               const wire::BrokerHeartbeatResponse& response, Offset next_offset, Time now) {
  if (response.error_code != wire::ErrorCode::none) return;
  if (response.should_shut_down) return forget(request.broker_id);
  registered(request.broker_id, request.broker_epoch, now);
  Session& session = sessions_[request.broker_id];
  session.metadata_offset = request.current_metadata_offset;
  session.full = request.cordoned_log_dirs && !request.cordoned_log_dirs->empty();
  if (!request.want_shut_down || response.is_fenced) {
    session.shutdown_offset.reset();
  } else if (!session.shutdown_offset) {
    session.shutdown_offset = next_offset;
  }
}

const BrokerSessions::Session* BrokerSessions::session_of(const Broker& broker) const {
  const auto found = sessions_.find(broker.broker_id);
  return found != sessions_.end() && found->second.epoch == broker.broker_epoch ? &found->second : nullptr;
}

bool BrokerSessions::is_live(const Image& image, NodeId broker, Time now) const {
  const Broker* registration = image.broker(broker);
  const Session* session = registration ? session_of(*registration) : nullptr;
  return session && now - session->last_contact < session_timeout_;
}

std::optional<NodeId> BrokerSessions::next_expired(const Image& image, Time now) {
  const Session* oldest = nullptr;
  NodeId expired = kNoNode;
  for (const auto& [id, broker] : image.brokers()) {
    if (broker->fenced) continue;
    if (!session_of(*broker)) registered(id, broker->broker_epoch, now);
    const Session* session = session_of(*broker);
    if (now - session->last_contact < session_timeout_) continue;
    if (oldest && oldest->last_contact <= session->last_contact) continue;
    oldest = session;
    expired = id;
  }
  return oldest ? std::optional(expired) : std::nullopt;
}

Time BrokerSessions::next_expiry(const Image& image) const {
  Time next = kNever;
  for (const auto& [id, broker] : image.brokers())
    if (const Session* session = broker->fenced ? nullptr : session_of(*broker))
      next = std::min(next, session->last_contact + session_timeout_);
  return next;
}

std::vector<NodeId> BrokerSessions::full() const {
  std::vector<NodeId> out;
  for (const auto& [id, session] : sessions_)
    if (session.full) out.push_back(id);
  return out;
}

bool BrokerSessions::has_handed_over(const Image& image, NodeId broker) const {
  const Broker* registration = image.broker(broker);
  const Session* leaving = registration ? session_of(*registration) : nullptr;
  if (!leaving || !leaving->shutdown_offset) return true;
  for (const auto& [id, other] : image.brokers()) {
    if (!image.is_active(id)) continue;
    // Offsets of records that are applied lie below the offset after them.
    const Session* session = session_of(*other);
    if (session && session->metadata_offset + 1 < *leaving->shutdown_offset) return false;
  }
  return true;
}

}  // namespace moldau::controller
