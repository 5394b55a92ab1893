// Heartbeats: who is in service, who is not, and who may go.
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

ErrorCode check_epoch(const Image& image, NodeId id, metadata::BrokerEpoch epoch) {
  const Broker* broker = image.broker(id);
  if (!broker) return ErrorCode::broker_id_not_registered;
  return broker->broker_epoch == epoch ? ErrorCode::none : ErrorCode::stale_broker_epoch;
}

BrokerRegistrationChangeRecord change_of(const Broker& broker) {
  return {broker.broker_id, broker.broker_epoch, {}, {}, {}};
}

enum class BrokerState { fenced, unfenced, controlled_shutdown, shut_down_now };

BrokerState state_of(const Broker& broker) {
  if (broker.fenced) return BrokerState::fenced;
  return broker.in_controlled_shutdown ? BrokerState::controlled_shutdown : BrokerState::unfenced;
}

// One heartbeat of a registered broker.
class Heartbeat {
 public:
  Heartbeat(const Controller& controller, const Image& image, const wire::BrokerHeartbeatRequest& request,
            const BrokerSessions& sessions)
      : controller_(controller),
        image_(image),
        request_(request),
        sessions_(sessions),
        broker_(*image.broker(request.broker_id)) {
    for (const DirectoryId& directory : broker_.directories) {
      const bool offline =
          std::ranges::find(request.offline_log_dirs, directory) != request.offline_log_dirs.end();
      (offline ? offline_ : online_).push_back(directory);
    }
  }

  Outcome<wire::BrokerHeartbeatResponse> judge() && {
    const bool loses_some = !offline_.empty() && !online_.empty();
    const BrokerState before = state_of(broker_);
    // One thing at a time, so that no partition changes twice; the next heartbeat does the rest.
    const BrokerState next = loses_some ? before : next_state(before);
    Outcome<wire::BrokerHeartbeatResponse> out;
    out.records = loses_some ? lose_directories() : enter(before, next);
    out.divisible = true;
    out.response.is_caught_up = is_caught_up();
    out.response.is_fenced = next == BrokerState::fenced || next == BrokerState::shut_down_now;
    out.response.should_shut_down = next == BrokerState::shut_down_now;
    return out;
  }

 private:
  // The offset of its registration is its epoch.
  bool is_caught_up() const { return request_.current_metadata_offset >= broker_.broker_epoch; }
  // KIP-1066 has a cordoned directory get no new replicas; here it also gets no records.
  bool is_full() const {
    return request_.cordoned_log_dirs && !online_.empty() &&
           std::ranges::all_of(online_, [&](const DirectoryId& directory) {
             return std::ranges::find(*request_.cordoned_log_dirs, directory) !=
                    request_.cordoned_log_dirs->end();
           });
  }
  bool serves_nothing() const { return online_.empty() && !offline_.empty(); }

  BrokerState next_state(BrokerState before) const {
    switch (before) {
      case BrokerState::fenced:
        if (request_.want_shut_down) return BrokerState::shut_down_now;
        return request_.want_fence || serves_nothing() || !is_caught_up() ? BrokerState::fenced
                                                                          : BrokerState::unfenced;
      case BrokerState::unfenced:
        if (request_.want_fence || serves_nothing())
          return request_.want_shut_down ? BrokerState::shut_down_now : BrokerState::fenced;
        if (!request_.want_shut_down) return BrokerState::unfenced;
        return leads() ? BrokerState::controlled_shutdown : BrokerState::shut_down_now;
      case BrokerState::controlled_shutdown:
        return leads() || !sessions_.has_handed_over(image_, broker_.broker_id)
                   ? BrokerState::controlled_shutdown
                   : BrokerState::shut_down_now;
      case BrokerState::shut_down_now:
        break;
    }
    return before;
  }
  bool leads() const { return leads_any_partition(image_, broker_.broker_id); }

  std::vector<Record> enter(BrokerState before, BrokerState next) const {
    // Whatever of its leaderships was not moved when its shutdown began.
    if (next == before && next == BrokerState::controlled_shutdown)
      return partitions_without(controller_, image_, broker_.broker_id);
    if (next == before && next == BrokerState::unfenced && is_full())
      return partitions_handed_over(controller_, image_, broker_.broker_id, sessions_.full());
    if (next == before) return {};
    switch (next) {
      case BrokerState::fenced:
      case BrokerState::shut_down_now:
        return controller_.fence_broker(image_, broker_.broker_id);
      case BrokerState::unfenced:
        return unfence();
      case BrokerState::controlled_shutdown:
        return begin_shutdown();
    }
    return {};
  }

  std::vector<Record> unfence() const {
    BrokerRegistrationChangeRecord change = change_of(broker_);
    change.fenced = false;
    if (broker_.in_controlled_shutdown) change.in_controlled_shutdown = false;
    return first(std::move(change), partitions_led_again(controller_, image_, broker_.broker_id));
  }
  std::vector<Record> begin_shutdown() const {
    BrokerRegistrationChangeRecord change = change_of(broker_);
    change.in_controlled_shutdown = true;
    return first(std::move(change), partitions_without(controller_, image_, broker_.broker_id));
  }
  std::vector<Record> lose_directories() const {
    std::vector<Record> records = partitions_without(controller_, image_, broker_.broker_id, offline_);
    BrokerRegistrationChangeRecord change = change_of(broker_);
    change.directories = online_;
    records.push_back(std::move(change));
    return records;
  }
  static std::vector<Record> first(Record record, std::vector<Record> rest) {
    rest.insert(rest.begin(), std::move(record));
    return rest;
  }

  const Controller& controller_;
  const Image& image_;
  const wire::BrokerHeartbeatRequest& request_;
  const BrokerSessions& sessions_;
  const Broker& broker_;
  std::vector<DirectoryId> offline_;  // of those that it has registered
  std::vector<DirectoryId> online_;
};

}  // namespace

Outcome<wire::BrokerHeartbeatResponse> Controller::heartbeat(const Image& image,
                                                             const wire::BrokerHeartbeatRequest& request,
                                                             const BrokerSessions& sessions) const {
  if (const ErrorCode code = check_epoch(image, request.broker_id, request.broker_epoch);
      code != ErrorCode::none)
    return {.response = {.error_code = code}};
  return Heartbeat(*this, image, request, sessions).judge();
}

std::vector<Record> Controller::fence_broker(const Image& image, NodeId id) const {
  const Broker* broker = image.broker(id);
  if (!broker || broker->fenced) return {};
  std::vector<Record> records = partitions_without(*this, image, id);
  BrokerRegistrationChangeRecord change = change_of(*broker);
  change.fenced = true;
  records.push_back(std::move(change));
  return records;
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
