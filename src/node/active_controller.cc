#include "node/active_controller.h"

#include <algorithm>

#include "telemetry/log.h"

namespace moldau::node {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kCommitTimeout = std::chrono::seconds(30);
constexpr runtime::Duration kApplyTimeout = std::chrono::seconds(30);
constexpr runtime::Duration kStopCheck = std::chrono::seconds(2);
// So many refusals of connections, and no answer between them, tell that nobody is there.
constexpr int kRefusals = 2;
constexpr runtime::Duration kProbePause = std::chrono::milliseconds(20);
constexpr std::size_t kElectionsAtOnce = 1000;

// A change on its way through the quorum, which goes on when nobody waits for it any more.
struct Submission {
  explicit Submission(runtime::Executor& executor) : done(executor) {}
  runtime::OneShot done;
  Result<Offset> end = Offset{0};
};

Task<void> submit(quorum::MetadataQuorum& quorum, std::vector<metadata::Record> records,
                  std::shared_ptr<Submission> submission) {
  submission->end = co_await quorum.submit(std::move(records));
  submission->done.fire();
}

// Whether a partition without a leader may have another chance of one.
bool allows_unclean(const metadata::Record& record) {
  const auto* config = std::get_if<metadata::ConfigRecord>(&record);
  return config != nullptr && config->key == "unclean.leader.election.enable";
}

// What was decided did not come to pass: every item that was to succeed fails.
template <class Items>
void fail_items(Items& items, const Refused& refused) {
  for (auto& item : items) {
    if (item.error_code != ErrorCode::none) continue;
    item.error_code = refused.code;
    item.error_message = refused.message;
  }
}

}  // namespace

ActiveController::ActiveController(runtime::World& world, quorum::MetadataQuorum& quorum,
                                   LocalQuorum& replica, controller::Controller controller,
                                   ActiveControllerOptions options)
    : executor_(world.shard(0)),
      quorum_(quorum),
      replica_(replica),
      controller_(std::move(controller)),
      options_(options),
      random_(world.entropy()),
      sessions_(options.session_timeout),
      wake_(executor_),
      gate_(executor_) {}

void ActiveController::start() { watch().detach(); }

Task<void> ActiveController::stop() {
  stopping_ = true;
  wake_.notify_all();
  co_await gate_.close();
}

// What is submitted here at once, nobody's change can come between.
Task<Status> ActiveController::commit(std::vector<metadata::Record> records, Until until, bool divisible) {
  if (!quorum_.is_active()) co_return fail(Errc::unavailable, "this node is not the active controller");
  const bool elects = std::ranges::any_of(records, allows_unclean);
  std::vector<std::shared_ptr<Submission>> submissions;
  const auto submit_piece = [&](std::vector<metadata::Record> piece) {
    submissions.push_back(std::make_shared<Submission>(executor_));
    submit(quorum_, std::move(piece), submissions.back()).detach();
  };
  if (divisible && records.size() > options_.max_records_at_once) {
    for (auto& piece : controller::in_pieces(std::move(records), options_.max_records_at_once))
      submit_piece(std::move(piece));
  } else {
    submit_piece(std::move(records));
  }
  const auto deadline = executor_.now() + kCommitTimeout;
  for (const auto& submission : submissions) {
    while (!co_await submission->done.wait(std::min(deadline, executor_.now() + kStopCheck))) {
      if (stopping_ || executor_.now() >= deadline)
        co_return fail(Errc::timed_out, "the change is not committed yet; it may be later");
    }
    if (!submission->end) co_return fail(submission->end.error());
  }
  if (elects) elect_unclean_soon();
  if (until == Until::committed) co_return Status();
  MOLDAU_ASSERT(applied_ != nullptr);
  if (!co_await applied_->reaches(*submissions.back()->end, executor_.now() + kApplyTimeout)) {
    co_return fail(Errc::timed_out, "the change is committed but this broker has not applied it in time");
  }
  co_return Status();
}

// What is judged on a node that is not the active controller is refused by commit().
const metadata::Image& ActiveController::judged() const {
  return quorum_.is_active() ? quorum_.leader_image() : *quorum_.image();
}

// --- requests of clients

template <class Outcome, class Response, class Items>
Task<Response> ActiveController::carry_out(Outcome outcome, Items Response::* items) {
  const Status done = co_await commit(std::move(outcome.records), Until::applied, outcome.divisible);
  if (!done) fail_items(outcome.response.*items, refusal_of(done.error()));
  co_return std::move(outcome.response);
}

Task<wire::CreateTopicsResponse> ActiveController::ask(wire::CreateTopicsRequest request) {
  return carry_out(controller_.create_topics(judged(), request, random_),
                   &wire::CreateTopicsResponse::topics);
}

Task<wire::DeleteTopicsResponse> ActiveController::ask(wire::DeleteTopicsRequest request) {
  return carry_out(controller_.delete_topics(judged(), request), &wire::DeleteTopicsResponse::responses);
}

Task<wire::CreatePartitionsResponse> ActiveController::ask(wire::CreatePartitionsRequest request) {
  return carry_out(controller_.create_partitions(judged(), request, random_),
                   &wire::CreatePartitionsResponse::results);
}

Task<wire::AlterConfigsResponse> ActiveController::ask(wire::AlterConfigsRequest request) {
  return carry_out(controller_.alter_configs(judged(), request), &wire::AlterConfigsResponse::responses);
}

Task<wire::IncrementalAlterConfigsResponse> ActiveController::ask(
    wire::IncrementalAlterConfigsRequest request) {
  return carry_out(controller_.incremental_alter_configs(judged(), request),
                   &wire::IncrementalAlterConfigsResponse::responses);
}

Task<wire::UpdateFeaturesResponse> ActiveController::ask(wire::UpdateFeaturesRequest request) {
  auto outcome = controller_.update_features(judged(), request, quorum_.kraft_version());
  const Status done = co_await commit(std::move(outcome.records));
  if (!done) {
    const Refused refused = refusal_of(done.error());
    outcome.response.error_code = refused.code;
    outcome.response.error_message = refused.message;
    fail_items(outcome.response.results, refused);
  }
  co_return std::move(outcome.response);
}

// What belongs to the quorum, this node's replica of its log answers.
Task<wire::DescribeQuorumResponse> ActiveController::ask(wire::DescribeQuorumRequest request) {
  return replica_.ask(std::move(request));
}

Task<wire::AddRaftVoterResponse> ActiveController::ask(wire::AddRaftVoterRequest request) {
  return replica_.ask(std::move(request));
}

Task<wire::RemoveRaftVoterResponse> ActiveController::ask(wire::RemoveRaftVoterRequest request) {
  return replica_.ask(std::move(request));
}

// --- answers with one code for all

template <class Request, class Judge>
Task<server::AnswerTo<Request>> ActiveController::decide(Request request, Until until, Judge judge) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass || !quorum_.is_active())
    co_return refuse(request, {ErrorCode::not_controller, "this node is not the active controller"});
  begin_term();
  auto outcome = judge(quorum_.leader_image());
  if constexpr (std::is_same_v<Request, wire::BrokerHeartbeatRequest>) {
    // Who is alive must not depend on whether the log can be written just now.
    if (outcome.records.empty()) co_return std::move(outcome.response);
  }
  const Status done = co_await commit(std::move(outcome.records), until, outcome.divisible);
  if (!done) co_return refuse(request, refusal_of(done.error()));
  co_return std::move(outcome.response);
}

Task<wire::AlterPartitionReassignmentsResponse> ActiveController::ask(
    wire::AlterPartitionReassignmentsRequest request) {
  return decide(request, Until::applied, [this, request](const metadata::Image& image) {
    return controller_.alter_partition_reassignments(image, request);
  });
}

Task<wire::ListPartitionReassignmentsResponse> ActiveController::ask(
    wire::ListPartitionReassignmentsRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    return controller_.list_partition_reassignments(image, request);
  });
}

Task<wire::ElectLeadersResponse> ActiveController::ask(wire::ElectLeadersRequest request) {
  return decide(request, Until::applied, [this, request](const metadata::Image& image) {
    return controller_.elect_leaders(image, request);
  });
}

Task<wire::UnregisterBrokerResponse> ActiveController::ask(wire::UnregisterBrokerRequest request) {
  return decide(request, Until::applied, [this, request](const metadata::Image& image) {
    auto outcome = controller_.unregister_broker(image, request);
    if (outcome.response.error_code == ErrorCode::none) sessions_.forget(request.broker_id);
    return outcome;
  });
}

// --- requests of brokers

Task<wire::BrokerRegistrationResponse> ActiveController::ask(wire::BrokerRegistrationRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    const bool live = request.incarnation_id != options_.incarnation_id &&
                      sessions_.is_live(image, request.broker_id, time());
    auto outcome = controller_.register_broker(image, request, quorum_.next_offset(), live);
    if (outcome.response.error_code == ErrorCode::none) {
      sessions_.registered(request.broker_id, outcome.response.broker_epoch, time());
      lost_.erase(request.broker_id);
    }
    return outcome;
  });
}

Task<wire::BrokerHeartbeatResponse> ActiveController::ask(wire::BrokerHeartbeatRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    auto outcome = controller_.heartbeat(image, request, sessions_);
    const auto next_offset = quorum_.next_offset() + static_cast<Offset>(outcome.records.size());
    sessions_.heartbeat(request, outcome.response, next_offset, time());
    if (outcome.response.error_code == ErrorCode::none) lost_.erase(request.broker_id);
    return outcome;
  });
}

Task<wire::ControllerRegistrationResponse> ActiveController::ask(
    wire::ControllerRegistrationRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    return controller_.register_controller(image, request);
  });
}

Task<wire::AlterPartitionResponse> ActiveController::ask(wire::AlterPartitionRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    return controller_.alter_partition(image, request);
  });
}

Task<wire::AllocateProducerIdsResponse> ActiveController::ask(wire::AllocateProducerIdsRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    return controller_.allocate_producer_ids(image, request);
  });
}

Task<wire::AssignReplicasToDirsResponse> ActiveController::ask(wire::AssignReplicasToDirsRequest request) {
  return decide(request, Until::committed, [this, request](const metadata::Image& image) {
    return controller_.assign_replicas_to_dirs(image, request);
  });
}

// --- what nobody asks for

void ActiveController::begin_term() {
  if (term_ == quorum_.leader_epoch()) return;
  term_ = quorum_.leader_epoch();
  activated_ = false;
  lost_.clear();
  sessions_.activate(quorum_.leader_image(), time());
  // Twice the grace: a broker that lives has to find its new controller first.
  if (last_leader_ != kNoNode) suspect(last_leader_, 2 * options_.lost_connection_grace);
  last_leader_ = kNoNode;
  next_balance_ = executor_.now() + options_.imbalance_interval;
  next_unclean_ = executor_.now() + options_.unclean_interval;
}

void ActiveController::note_connection_lost(NodeId broker) {
  if (!quorum_.is_active()) return;
  begin_term();
  suspect(broker, options_.lost_connection_grace);
}

void ActiveController::suspect(NodeId broker, runtime::Duration grace) {
  if (!lost_.emplace(broker, executor_.now() + grace).second) return;
  wake_.notify_all();
  if (is_refused_) look_after(broker).detach();
}

Task<void> ActiveController::look_after(NodeId broker) {
  const runtime::Gate::Pass pass(gate_);
  const LeaderEpoch term = term_;
  const auto is_suspect = [&] {
    return pass && !stopping_ && quorum_.is_active() && term_ == term && lost_.contains(broker);
  };
  for (int refusals = 0; is_suspect(); co_await runtime::sleep_for(executor_, kProbePause)) {
    if (!co_await is_refused_(broker)) co_return;
    if (++refusals < kRefusals || !is_suspect()) continue;
    lost_[broker] = executor_.now();
    co_return wake_.notify_all();
  }
}

Task<void> ActiveController::watch() {
  const runtime::Gate::Pass pass(gate_);
  while (pass && !stopping_ && quorum_.failure() == nullptr) {
    if (quorum_.is_active()) {
      co_await tend();
      if (!stopping_) co_await wake_.wait(next_turn());
    } else {
      co_await quorum_.becomes_active(executor_.now() + options_.session_timeout);
    }
  }
}

runtime::MonotonicTime ActiveController::next_turn() const {
  // A leadership that ends meanwhile is noticed after a session's time at the latest.
  auto turn = executor_.now() + options_.session_timeout;
  if (!quorum_.is_active()) return turn;
  turn = std::min(turn, runtime::MonotonicTime(sessions_.next_expiry(quorum_.leader_image())));
  for (const auto& [broker, until] : lost_) turn = std::min(turn, until);
  if (options_.balances) turn = std::min(turn, next_balance_);
  return std::min(turn, next_unclean_);
}

// What is due now.
Task<void> ActiveController::tend() {
  begin_term();
  if (!activated_)
    activated_ =
        co_await commit_quietly(controller_.activation_records(quorum_.leader_image()), "activation");
  if (quorum_.is_active()) co_await fence_silent();
  if (options_.balances && executor_.now() >= next_balance_ && quorum_.is_active()) {
    next_balance_ = executor_.now() + options_.imbalance_interval;
    auto records = controller_.balance_leaders(quorum_.leader_image(), kElectionsAtOnce);
    if (co_await elect_some(std::move(records), "preferred leaders")) next_balance_ = executor_.now();
  }
  if (executor_.now() >= next_unclean_ && quorum_.is_active()) {
    next_unclean_ = executor_.now() + options_.unclean_interval;
    auto records = controller_.elect_unclean_where_allowed(quorum_.leader_image(), kElectionsAtOnce);
    if (co_await elect_some(std::move(records), "unclean elections")) next_unclean_ = executor_.now();
  }
}

// True: they were as many as were asked for, and there may be more.
Task<bool> ActiveController::elect_some(std::vector<metadata::Record> records, std::string_view what) {
  const bool all = records.size() < kElectionsAtOnce;
  co_return co_await commit_quietly(std::move(records), what) && !all;
}

void ActiveController::elect_unclean_soon() {
  next_unclean_ = executor_.now();
  wake_.notify_all();
}

std::optional<NodeId> ActiveController::next_silent() {
  const auto due =
      std::ranges::find_if(lost_, [&](const auto& lost) { return lost.second <= executor_.now(); });
  if (due != lost_.end()) {
    const NodeId broker = due->first;
    lost_.erase(due);
    sessions_.forget(broker);  // the process that comes after it need not wait
    return broker;
  }
  return sessions_.next_expired(quorum_.leader_image(), time());
}

Task<void> ActiveController::fence_silent() {
  while (quorum_.is_active() && !stopping_) {
    const auto broker = next_silent();
    if (!broker) co_return;
    auto records = controller_.fence_broker(quorum_.leader_image(), *broker);
    if (records.empty()) continue;
    telemetry::log_warn("node", "a broker is not heard of any more and is fenced", {{"broker_id", *broker}});
    if (!co_await commit_quietly(std::move(records), "fencing")) co_return;
  }
}

Task<bool> ActiveController::commit_quietly(std::vector<metadata::Record> records, std::string_view what) {
  if (records.empty()) co_return true;
  const Status done = co_await commit(std::move(records), Until::committed, true);
  if (!done)
    telemetry::log_warn("node", "a change of the controller's own was not committed",
                        {{"change", what}, {"error", done.error()}});
  co_return done.has_value();
}

}  // namespace moldau::node
