#include <algorithm>
#include <limits>

#include "controller/controller.h"
#include "controller/elections.h"

namespace moldau::controller {

namespace {

using metadata::Broker;
using metadata::BrokerRegistrationChangeRecord;
using metadata::Image;
using metadata::Record;
using wire::ErrorCode;

void append(std::vector<Record>& to, std::vector<Record> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

ErrorCode check_epoch(const Image& image, NodeId id, metadata::BrokerEpoch epoch) {
  const Broker* broker = image.broker(id);
  if (!broker) return ErrorCode::broker_id_not_registered;
  return broker->broker_epoch == epoch ? ErrorCode::none : ErrorCode::stale_broker_epoch;
}

bool supports_finalized_features(const Image& image, const wire::BrokerRegistrationRequest& request) {
  return std::ranges::all_of(image.features(), [&](const auto& finalized) {
    return std::ranges::any_of(request.features, [&](const auto& feature) {
      return feature.name == finalized.first && feature.min_supported_version <= finalized.second &&
             finalized.second <= feature.max_supported_version;
    });
  });
}

ErrorCode judge(const Image& image, const wire::BrokerRegistrationRequest& request, bool has_live_session) {
  if (request.broker_id < 0) return ErrorCode::invalid_request;
  if (request.cluster_id != image.cluster_id()) return ErrorCode::inconsistent_cluster_id;
  if (request.listeners.empty()) return ErrorCode::invalid_registration;
  const Broker* old = image.broker(request.broker_id);
  if (old && old->incarnation_id != request.incarnation_id && has_live_session)
    return ErrorCode::duplicate_broker_registration;
  if (!supports_finalized_features(image, request)) return ErrorCode::unsupported_version;
  return ErrorCode::none;
}

metadata::RegisterBrokerRecord registration(const wire::BrokerRegistrationRequest& request,
                                            metadata::BrokerEpoch epoch) {
  metadata::RegisterBrokerRecord out;
  out.broker_id = request.broker_id;
  out.broker_epoch = epoch;
  out.incarnation_id = request.incarnation_id;
  for (const auto& listener : request.listeners)
    out.endpoints.push_back({listener.name, listener.host, listener.port, listener.security_protocol});
  for (const auto& feature : request.features)
    out.features.push_back({feature.name, feature.min_supported_version, feature.max_supported_version});
  out.rack = request.rack;
  out.fenced = true;
  out.directories = request.log_dirs;
  return out;
}

BrokerRegistrationChangeRecord change_of(const Broker& broker) {
  return {broker.broker_id, broker.broker_epoch, {}, {}, {}};
}

std::vector<Record> fence(const Image& image, const Broker& broker) {
  BrokerRegistrationChangeRecord change = change_of(broker);
  change.fenced = true;
  std::vector<Record> records = {std::move(change)};
  append(records, partitions_without(image, broker.broker_id));
  return records;
}

std::vector<Record> unfence(const Image& image, const Broker& broker) {
  BrokerRegistrationChangeRecord change = change_of(broker);
  change.fenced = false;
  if (broker.in_controlled_shutdown) change.in_controlled_shutdown = false;
  std::vector<Record> records = {std::move(change)};
  append(records, partitions_led_again(image, broker.broker_id));
  return records;
}

// Whether some other broker leads now, or could, whatever this one leads.
std::vector<Record> hand_over(const Image& image, const Broker& broker) {
  std::vector<Record> records;
  for (Record& record : partitions_without(image, broker.broker_id)) {
    const auto& change = std::get<metadata::PartitionChangeRecord>(record);
    if (change.leader && *change.leader != kNoNode) records.push_back(std::move(record));
  }
  return records;
}

}  // namespace

Outcome<wire::BrokerRegistrationResponse> Controller::register_broker(
    const Image& image, const wire::BrokerRegistrationRequest& request, metadata::BrokerEpoch epoch,
    bool has_live_session) const {
  Outcome<wire::BrokerRegistrationResponse> out;
  out.response.error_code = judge(image, request, has_live_session);
  if (out.response.error_code != ErrorCode::none) return out;
  const Broker* old = image.broker(request.broker_id);
  if (old && old->incarnation_id == request.incarnation_id) {  // the answer to the first request was lost
    out.response.broker_epoch = old->broker_epoch;
    return out;
  }
  // What the process before led, it leads no more: its log may have lost its end.
  if (old && !old->fenced) append(out.records, partitions_without(image, request.broker_id));
  out.records.push_back(registration(request, epoch));
  out.response.broker_epoch = epoch;
  return out;
}

Outcome<wire::BrokerHeartbeatResponse> Controller::heartbeat(
    const Image& image, const wire::BrokerHeartbeatRequest& request) const {
  Outcome<wire::BrokerHeartbeatResponse> out;
  auto& response = out.response;
  response.error_code = check_epoch(image, request.broker_id, request.broker_epoch);
  if (response.error_code != ErrorCode::none) return out;
  const Broker& broker = *image.broker(request.broker_id);
  response.is_caught_up = request.current_metadata_offset >= broker.broker_epoch;
  response.is_fenced = broker.fenced;
  if (request.want_shut_down) {
    if (!broker.fenced) out.records = hand_over(image, broker);
    response.should_shut_down = out.records.empty();
    if (response.should_shut_down && !broker.fenced) out.records = fence(image, broker);
    if (!response.should_shut_down && !broker.in_controlled_shutdown) {
      BrokerRegistrationChangeRecord change = change_of(broker);
      change.in_controlled_shutdown = true;
      out.records.push_back(std::move(change));
    }
    response.is_fenced = broker.fenced || response.should_shut_down;
  } else if (request.want_fence) {
    if (!broker.fenced) out.records = fence(image, broker);
    response.is_fenced = true;
  } else if (broker.fenced && response.is_caught_up) {
    out.records = unfence(image, broker);
    response.is_fenced = false;
  }
  return out;
}

std::vector<Record> Controller::fence_broker(const Image& image, NodeId id) const {
  const Broker* broker = image.broker(id);
  return broker && !broker->fenced ? fence(image, *broker) : std::vector<Record>();
}

Outcome<wire::AllocateProducerIdsResponse> Controller::allocate_producer_ids(
    const Image& image, const wire::AllocateProducerIdsRequest& request) const {
  Outcome<wire::AllocateProducerIdsResponse> out;
  out.response.error_code = check_epoch(image, request.broker_id, request.broker_epoch);
  if (out.response.error_code != ErrorCode::none) return out;
  const ProducerId first = image.next_producer_id();
  if (first > std::numeric_limits<ProducerId>::max() - kProducerIdBlockSize) {
    out.response.error_code = ErrorCode::unknown_server_error;
    return out;
  }
  out.response.producer_id_start = first;
  out.response.producer_id_len = kProducerIdBlockSize;
  out.records.push_back(
      metadata::ProducerIdsRecord{request.broker_id, request.broker_epoch, first + kProducerIdBlockSize});
  return out;
}

}  // namespace moldau::controller
