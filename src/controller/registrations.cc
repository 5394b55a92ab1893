// Who is in the cluster: brokers and controllers register, and brokers are unregistered.
#include <algorithm>
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"
#include "controller/refusal.h"

namespace moldau::controller {

namespace {

using metadata::Broker;
using metadata::Image;
using metadata::Record;
using wire::ErrorCode;

// What a node may tell about itself. Every node keeps it for good.
constexpr std::size_t kMaxListeners = 100;
constexpr std::size_t kMaxFeatures = 1000;
constexpr std::size_t kMaxDirectories = 1000;
constexpr std::size_t kMaxTextBytes = 1024;

bool is_text(const std::string& text) { return !text.empty() && text.size() <= kMaxTextBytes; }

template <class Request>
Judged<void> judge_self_description(const Request& request) {
  const auto refused = [](std::string why) {
    return refuse(ErrorCode::invalid_registration, std::move(why));
  };
  if (request.listeners.empty() || request.listeners.size() > kMaxListeners)
    return refused("Between 1 and " + std::to_string(kMaxListeners) + " listeners are expected.");
  std::set<std::string> listeners, features;
  for (const auto& listener : request.listeners) {
    if (!is_text(listener.name) || !is_text(listener.host) || listener.port == 0)
      return refused("Listener '" + listener.name.substr(0, kMaxTextBytes) +
                     "' has no name, host or port, or too long ones.");
    if (listener.security_protocol < 0 || listener.security_protocol > 3)
      return refused("Listener '" + listener.name + "' has an unknown security protocol.");
    if (!listeners.insert(listener.name).second)
      return refused("Listener '" + listener.name + "' is named twice.");
  }
  if (request.features.size() > kMaxFeatures) return refused("Too many features.");
  for (const auto& feature : request.features) {
    if (!is_text(feature.name) || !features.insert(feature.name).second ||
        feature.min_supported_version > feature.max_supported_version)
      return refused("Feature '" + feature.name.substr(0, kMaxTextBytes) +
                     "' has no proper name, no versions, or is named twice.");
  }
  return {};
}

bool is_reserved(const DirectoryId& id) { return id.high == 0 && id.low < 100; }

Judged<void> judge_directories(const Image& image, NodeId id, const std::vector<DirectoryId>& directories) {
  const auto refused = [](std::string why) {
    return refuse(ErrorCode::invalid_registration, std::move(why));
  };
  if (directories.empty()) return refused("No directories specified in request");
  if (directories.size() > kMaxDirectories) return refused("Too many directories");
  if (std::ranges::any_of(directories, is_reserved)) return refused("Reserved directory ID in request");
  const std::set<DirectoryId> distinct(directories.begin(), directories.end());
  if (distinct.size() != directories.size()) return refused("Duplicate directory ID in request");
  for (const auto& [other, broker] : image.brokers())
    for (const DirectoryId& taken : broker->directories)
      if (other != id && distinct.contains(taken))
        return refused("Broker " + std::to_string(other) + " is already registered with directory " +
                       taken.to_string());
  return {};
}

Judged<void> judge_features(const Image& image, const wire::BrokerRegistrationRequest& request) {
  for (const auto& [name, level] : image.features()) {
    const auto supported =
        std::ranges::find(request.features, name, &wire::BrokerRegistrationRequest::Feature::name);
    if (supported == request.features.end() || level < supported->min_supported_version ||
        level > supported->max_supported_version)
      return refuse(ErrorCode::unsupported_version,
                    "Unable to register because the broker does not support finalized version " +
                        std::to_string(level) + " of " + name + ".");
  }
  return {};
}

Judged<void> judge(const Image& image, const wire::BrokerRegistrationRequest& request,
                   bool has_live_session) {
  if (request.cluster_id != image.cluster_id())
    return refuse(ErrorCode::inconsistent_cluster_id,
                  "Expected cluster ID " + image.cluster_id() + ", but got another one");
  if (request.broker_id < 0) return refuse(ErrorCode::invalid_request, "A broker id cannot be negative.");
  const Broker* old = image.broker(request.broker_id);
  if (old && old->incarnation_id != request.incarnation_id && has_live_session)
    return refuse(ErrorCode::duplicate_broker_registration,
                  "Another broker is registered with that broker id.");
  if (request.is_migrating_zk_broker)
    return refuse(ErrorCode::broker_id_not_registered, "Controller does not support registering ZK brokers.");
  if (request.incarnation_id.is_zero())
    return refuse(ErrorCode::invalid_registration, "No incarnation id specified in request");
  if (request.rack && request.rack->size() > kMaxTextBytes)
    return refuse(ErrorCode::invalid_registration, "The name of the rack is too long.");
  if (auto fine = judge_directories(image, request.broker_id, request.log_dirs); !fine) return fine;
  if (auto fine = judge_self_description(request); !fine) return fine;
  return judge_features(image, request);
}

// Of a broker or a controller.
template <class Registration, class Request>
void describe(const Request& request, Registration& out) {
  out.incarnation_id = request.incarnation_id;
  for (const auto& listener : request.listeners)
    out.endpoints.push_back({listener.name, listener.host, listener.port, listener.security_protocol});
  for (const auto& feature : request.features)
    out.features.push_back({feature.name, feature.min_supported_version, feature.max_supported_version});
}

metadata::RegisterBrokerRecord registration(const wire::BrokerRegistrationRequest& request,
                                            metadata::BrokerEpoch epoch) {
  metadata::RegisterBrokerRecord out;
  out.broker_id = request.broker_id;
  out.broker_epoch = epoch;
  describe(request, out);
  out.rack = request.rack;
  out.fenced = true;
  out.directories = request.log_dirs;
  return out;
}

}  // namespace

Outcome<wire::BrokerRegistrationResponse> Controller::register_broker(
    const Image& image, const wire::BrokerRegistrationRequest& request, Offset next_offset,
    bool has_live_session) const {
  Outcome<wire::BrokerRegistrationResponse> out;
  if (const auto fine = judge(image, request, has_live_session); !fine) {
    out.response.error_code = fine.error().code;
    return out;
  }
  const Broker* old = image.broker(request.broker_id);
  if (old && old->incarnation_id == request.incarnation_id) {  // the answer to the first request was lost
    out.response.broker_epoch = old->broker_epoch;
    return out;
  }
  const bool clean = old && request.previous_broker_epoch == old->broker_epoch;
  out.records = partitions_restarted(*this, image, request.broker_id, clean, request.log_dirs);
  const metadata::BrokerEpoch epoch = next_offset + static_cast<Offset>(out.records.size());
  out.records.push_back(registration(request, epoch));
  out.divisible = true;
  out.response.broker_epoch = epoch;
  return out;
}

Outcome<wire::UnregisterBrokerResponse> Controller::unregister_broker(
    const Image& image, const wire::UnregisterBrokerRequest& request) const {
  Outcome<wire::UnregisterBrokerResponse> out;
  const Broker* broker = image.broker(request.broker_id);
  if (!broker) {
    out.response.error_code = ErrorCode::broker_id_not_registered;
    out.response.error_message =
        "Broker ID " + std::to_string(request.broker_id) + " is not currently registered";
    return out;
  }
  out.records = partitions_unregistered(*this, image, request.broker_id);
  out.records.push_back(metadata::UnregisterBrokerRecord{request.broker_id, broker->broker_epoch});
  out.divisible = true;
  return out;
}

Outcome<wire::ControllerRegistrationResponse> Controller::register_controller(
    const Image& image, const wire::ControllerRegistrationRequest& request) const {
  Outcome<wire::ControllerRegistrationResponse> out;
  auto fine = request.controller_id < 0
                  ? refuse(ErrorCode::invalid_request, "A controller id cannot be negative.")
                  : judge_self_description(request);
  if (!fine) {
    out.response.error_code = fine.error().code;
    out.response.error_message = std::move(fine.error().message);
    return out;
  }
  metadata::RegisterControllerRecord record;
  record.controller_id = request.controller_id;
  describe(request, record);
  const metadata::ControllerNode* old = image.controller(request.controller_id);
  if (!old || *old != record) out.records.push_back(std::move(record));
  return out;
}

}  // namespace moldau::controller
