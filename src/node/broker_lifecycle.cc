#include "node/broker_lifecycle.h"

#include "telemetry/log.h"

namespace moldau::node {

using runtime::MonotonicTime;
using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kRetry = std::chrono::milliseconds(200);
// Until unfenced, and while leaving, there is somebody who waits for the answer.
constexpr runtime::Duration kImpatientInterval = std::chrono::milliseconds(50);
// Who leaves last has no controller to ask.
constexpr runtime::Duration kLeaveUnanswered = std::chrono::seconds(3);

Error refusal(ErrorCode code, NodeId id, const std::string& cluster_id) {
  switch (code) {
    case ErrorCode::duplicate_broker_registration:
      return {Errc::already_exists,
              "another live broker is registered with node id " + std::to_string(id) +
                  ": each node of a cluster needs an id of its own (node.id), and a node that was killed is "
                  "let in again once its session has expired (broker.session.timeout.ms)"};
    case ErrorCode::inconsistent_cluster_id:
      return {Errc::mismatch, "the controller belongs to another cluster than " + cluster_id};
    default:
      return {Errc::mismatch, "the controller refuses this broker: " + std::string(wire::name_of(code)) +
                                  ": " + std::string(wire::describe(code))};
  }
}

bool is_final(ErrorCode code) {
  return code == ErrorCode::inconsistent_cluster_id || code == ErrorCode::invalid_registration ||
         code == ErrorCode::unsupported_version || code == ErrorCode::invalid_request;
}

}  // namespace

BrokerLifecycle::BrokerLifecycle(runtime::Executor& executor, ControllerRoute& route,
                                 replication::ImageHolder& images,
                                 replication::BrokerRegistration& registration,
                                 BrokerLifecycleOptions options)
    : executor_(executor),
      route_(route),
      images_(images),
      registration_(registration),
      options_(options),
      wake_(executor),
      answered_(executor),
      gate_(executor) {}

Task<Status> BrokerLifecycle::join(wire::BrokerRegistrationRequest request) {
  const runtime::Gate::Pass pass(gate_);
  const MonotonicTime deadline = executor_.now() + options_.registration_timeout;
  bool told = false;
  while (pass && !stopping_) {
    const auto response = co_await route_.ask(request, deadline);
    if (response.error_code == ErrorCode::none) {
      registration_.set_epoch(response.broker_epoch);
      co_return Status();
    }
    if (is_final(response.error_code) || executor_.now() + kRetry >= deadline) {
      if (response.error_code == ErrorCode::request_timed_out)
        co_return fail(Errc::timed_out,
                       "no active controller answered in time: is a majority of the voters up?");
      co_return fail(refusal(response.error_code, request.broker_id, request.cluster_id));
    }
    if (!std::exchange(told, true))
      telemetry::log_info(
          "node", "the controller does not let this broker in yet",
          {{"error", wire::name_of(response.error_code)},
           {"what", refusal(response.error_code, request.broker_id, request.cluster_id).message}});
    co_await runtime::sleep_for(executor_, kRetry);
  }
  co_return fail(Errc::cancelled, "the node stops");
}

Task<wire::BrokerHeartbeatResponse> BrokerLifecycle::heartbeat() {
  wire::BrokerHeartbeatRequest request;
  request.broker_id = registration_.node_id();
  request.broker_epoch = registration_.epoch();
  request.current_metadata_offset = images_.current()->end_offset() - 1;
  request.want_shut_down = leaving_;
  if (options_.offline_directories) request.offline_log_dirs = options_.offline_directories();
  if (options_.cordoned_directories) {
    auto cordoned = options_.cordoned_directories();
    if (!cordoned.empty()) request.cordoned_log_dirs = std::move(cordoned);
  }
  // One that comes after the session is over is of no use: a new one says more.
  return route_.ask(request, executor_.now() + options_.session_timeout / 2);
}

void BrokerLifecycle::note(const wire::BrokerHeartbeatResponse& response, MonotonicTime sent_at) {
  may_leave_ = response.error_code == ErrorCode::none && response.should_shut_down;
  if (response.error_code != last_error_ && response.error_code != ErrorCode::none)
    telemetry::log_warn("node", "the controller does not take this broker's heartbeats",
                        {{"error", wire::name_of(response.error_code)}});
  last_error_ = response.error_code;
  if (last_error_ == ErrorCode::none) last_answer_ = executor_.now();
  if (last_error_ == ErrorCode::none && !response.is_fenced) registration_.confirm(sent_at);
  answered_.notify_all();
}

Task<void> BrokerLifecycle::beat() {
  const runtime::Gate::Pass pass(gate_);
  while (pass && !stopping_) {
    const MonotonicTime sent_at = executor_.now();
    note(co_await heartbeat(), sent_at);
    if (stopping_) break;
    const bool impatient = leaving_ || !images_.current()->is_unfenced(registration_.node_id());
    const auto pause =
        impatient ? std::min(kImpatientInterval, options_.heartbeat_interval) : options_.heartbeat_interval;
    co_await wake_.wait(executor_.now() + pause);
  }
}

Task<Status> BrokerLifecycle::unfence(MonotonicTime deadline) {
  const runtime::Gate::Pass pass(gate_);
  if (!std::exchange(beating_, true)) beat().detach();
  const auto unfenced = [&] {
    const metadata::Broker* broker = images_.current()->broker(registration_.node_id());
    return broker != nullptr && broker->broker_epoch == registration_.epoch() && !broker->fenced;
  };
  while (pass && !stopping_ && !unfenced()) {
    if (executor_.now() >= deadline)
      co_return fail(Errc::timed_out,
                     "the controller keeps this broker fenced: " + std::string(wire::name_of(last_error_)));
    co_await images_.reaches(images_.current()->end_offset() + 1,
                             std::min(deadline, executor_.now() + kRetry));
  }
  if (stopping_) co_return fail(Errc::cancelled, "the node stops");
  co_return Status();
}

Task<void> BrokerLifecycle::leave() {
  const runtime::Gate::Pass pass(gate_);
  if (!pass || !beating_ || stopping_) co_return;
  const MonotonicTime deadline = executor_.now() + options_.shutdown_timeout;
  leaving_ = true;
  may_leave_ = false;
  last_answer_ = executor_.now();
  wake_.notify_all();
  while (!may_leave_ && !stopping_) {
    const MonotonicTime patience = std::min(deadline, last_answer_ + kLeaveUnanswered);
    if (executor_.now() >= patience) break;
    co_await answered_.wait(patience);
  }
  if (!may_leave_)
    telemetry::log_warn("node", "the controller did not take all leaderships from this broker in time");
}

void BrokerLifecycle::give_up() {
  stopping_ = true;
  wake_.notify_all();
  answered_.notify_all();
}

Task<void> BrokerLifecycle::stop() {
  give_up();
  co_await gate_.close();
}

}  // namespace moldau::node
