// ControllerRoute: the way of this node's requests to the active controller, wherever it is: a call when this
// node leads the quorum, else Kafka's own request on a controller listener of the leader, repeated while
// there is no leader or it has changed (KIP-590, KIP-631). One per node, on shard 0.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "node/active_controller.h"
#include "peer/forward.h"
#include "peer/peer_client.h"
#include "runtime/wait.h"

namespace moldau::node {

class ControllerRoute {
 public:
  // Where a controller listens; nothing when that is not known.
  using AddressOf = std::function<std::optional<runtime::Endpoint>(NodeId)>;

  // `own` is null on a node without the controller's role, `peers` when there is no other node. All of them
  // outlive this object, whose calls end soon after stop().
  ControllerRoute(runtime::Executor& executor, quorum::MetadataQuorum& quorum, ActiveController* own,
                  peer::PeerClient* peers, AddressOf address_of)
      : executor_(executor), quorum_(quorum), own_(own), peers_(peers), address_of_(std::move(address_of)) {}

  // Where applied images appear last: shard 0's holder. Before the first request.
  void set_applied(replication::ImageHolder& applied) { applied_ = &applied; }
  void stop() { stopping_ = true; }

  // Answered, or at the deadline refused with the last reason. A change whose answer was lost on the way is
  // asked for again: it may then be told that it has been made already.
  template <class Request>
  runtime::Task<server::AnswerTo<Request>> ask(Request request, runtime::MonotonicTime deadline) {
    using Response = server::AnswerTo<Request>;
    Refused last{wire::ErrorCode::request_timed_out, "the quorum has no leader"};
    for (;;) {
      if (own_ != nullptr && quorum_.is_active()) {
        Response response = co_await own_->ask(request);
        if (!says_not_controller(response)) co_return response;
      } else if (const auto address = leader_address()) {
        Result<Response> response =
            co_await send<Response>(*address, normalised(request), attempt_end(deadline));
        if (response && !says_not_controller(*response)) {
          co_await shows(request, *response);
          co_return std::move(*response);
        }
        if (!response) last.message = std::move(response).error().message;
      }
      if (stopping_ || executor_.now() + kPause >= deadline) co_return refuse(request, last);
      co_await runtime::sleep_for(executor_, kPause);
    }
  }
  static constexpr runtime::Duration kClientTimeout = std::chrono::seconds(30);

 private:
  static constexpr runtime::Duration kPause = std::chrono::milliseconds(50);
  static constexpr runtime::Duration kAttempt = std::chrono::seconds(5);

  // A client that was answered goes on at once, and mostly here: what it asked for should be there already.
  static constexpr runtime::Duration kShownWithin = std::chrono::seconds(2);
  template <class Request, class Response>
  runtime::Task<void> shows(const Request& request, const Response& response) {
    const auto deadline = executor_.now() + kShownWithin;
    while (applied_ != nullptr && !stopping_ && executor_.now() < deadline) {
      const auto image = applied_->current();
      if (is_visible(request, response, *image)) break;
      co_await applied_->reaches(image->end_offset() + 1, deadline);
    }
  }

  std::optional<runtime::Endpoint> leader_address() const {
    const NodeId leader = quorum_.leader_id();
    if (peers_ == nullptr || leader == kNoNode) return std::nullopt;
    return address_of_(leader);
  }
  // A leader that has gone silent must not take all the time.
  runtime::MonotonicTime attempt_end(runtime::MonotonicTime deadline) const {
    return std::min(deadline, executor_.now() + kAttempt);
  }
  // What clients ask for travels in an Envelope (KIP-590), what brokers ask for as it is.
  template <class Response, class Request>
  runtime::Task<Result<Response>> send(runtime::Endpoint to, Request request,
                                       runtime::MonotonicTime deadline) {
    if constexpr (purpose_of<Request>() == peer::Purpose::forward) {
      return peer::forward<Response>(*peers_, std::move(to), std::move(request), peer::ForwardedClient(),
                                     deadline);
    } else {
      return peers_->template call<Response>(std::move(to), std::move(request), deadline,
                                             purpose_of<Request>());
    }
  }
  // A heartbeat must not wait behind a change that waits to be committed.
  template <class Request>
  static constexpr peer::Purpose purpose_of() {
    using peer::Purpose;
    if constexpr (std::is_same_v<Request, wire::BrokerRegistrationRequest> ||
                  std::is_same_v<Request, wire::BrokerHeartbeatRequest> ||
                  std::is_same_v<Request, wire::ControllerRegistrationRequest>) {
      return Purpose::lifecycle;
    } else if constexpr (std::is_same_v<Request, wire::AlterPartitionRequest> ||
                         std::is_same_v<Request, wire::AllocateProducerIdsRequest> ||
                         std::is_same_v<Request, wire::AssignReplicasToDirsRequest>) {
      return Purpose::control;
    } else {
      return Purpose::forward;
    }
  }
  // In the form of the newest version, whatever the client's was.
  template <class Request>
  static Request normalised(Request request) {
    if constexpr (std::is_same_v<Request, wire::DeleteTopicsRequest>) {
      for (std::string& name : request.topic_names) request.topics.push_back({.name = std::move(name)});
      request.topic_names.clear();
    }
    return request;
  }

  runtime::Executor& executor_;
  quorum::MetadataQuorum& quorum_;
  ActiveController* own_;
  peer::PeerClient* peers_;
  AddressOf address_of_;
  replication::ImageHolder* applied_ = nullptr;
  bool stopping_ = false;
};

}  // namespace moldau::node
