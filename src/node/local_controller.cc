#include "node/local_controller.h"

#include "metadata/topic_name.h"

namespace moldau::node {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kCommitTimeout = std::chrono::seconds(30);
constexpr runtime::Duration kApplyTimeout = std::chrono::seconds(30);
constexpr runtime::Duration kStopCheck = std::chrono::seconds(2);

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

ErrorCode error_code_of(const Error& error) {
  switch (error.code) {
    case Errc::timed_out:
      return ErrorCode::request_timed_out;
    case Errc::no_space:
    case Errc::io:
      return ErrorCode::kafka_storage_error;
    case Errc::too_large:
      return ErrorCode::policy_violation;
    default:
      return ErrorCode::not_controller;  // this node leads no more, or stops: the client asks again
  }
}

std::vector<wire::DescribeQuorumResponse::ReplicaState> states_of(
    const std::vector<quorum::ReplicaDescription>& replicas) {
  std::vector<wire::DescribeQuorumResponse::ReplicaState> states;
  for (const quorum::ReplicaDescription& replica : replicas) {
    states.push_back({replica.key.id, replica.key.directory, replica.log_end_offset, replica.last_fetch_ms,
                      replica.last_caught_up_ms});
  }
  return states;
}

void describe_to(const quorum::QuorumDescription& quorum,
                 wire::DescribeQuorumResponse::Topic::Partition& answer) {
  answer.leader_id = quorum.leader_id;
  answer.leader_epoch = quorum.leader_epoch;
  answer.high_watermark = quorum.high_watermark;
  answer.current_voters = states_of(quorum.voters);
  answer.observers = states_of(quorum.observers);
}

// The one partition that there is, and nothing beside it, as in Kafka.
bool asks_for_the_quorum(const wire::DescribeQuorumRequest& request) {
  return request.topics.size() == 1 && request.topics[0].topic_name == metadata::kClusterMetadataTopic &&
         request.topics[0].partitions.size() == 1 && request.topics[0].partitions[0].partition_index == 0;
}

// What was decided did not come to pass: every item that was to succeed fails.
template <class Items>
void fail_items(Items& items, const Error& error) {
  for (auto& item : items) {
    if (item.error_code != ErrorCode::none) continue;
    item.error_code = error_code_of(error);
    item.error_message = error.message;
  }
}

}  // namespace

LocalController::LocalController(runtime::World& world, quorum::MetadataQuorum& quorum,
                                 controller::Controller controller, NodeId node_id)
    : executor_(world.shard(0)),
      quorum_(quorum),
      controller_(std::move(controller)),
      random_(world.entropy()),
      node_id_(node_id),
      allocation_(executor_, 1) {}

Task<Status> LocalController::commit(std::vector<metadata::Record> records) {
  if (!quorum_.is_active()) co_return fail(Errc::unavailable, "this node is not the active controller");
  const auto submission = std::make_shared<Submission>(executor_);
  submit(quorum_, std::move(records), submission).detach();
  const auto deadline = executor_.now() + kCommitTimeout;
  while (!co_await submission->done.wait(std::min(deadline, executor_.now() + kStopCheck))) {
    if (stopping_ || executor_.now() >= deadline)
      co_return fail(Errc::timed_out, "the change is not committed yet; it may be later");
  }
  if (!submission->end) co_return fail(submission->end.error());
  MOLDAU_ASSERT(applied_ != nullptr);
  if (!co_await applied_->reaches(*submission->end, executor_.now() + kApplyTimeout)) {
    co_return fail(Errc::timed_out, "the change is committed but this broker has not applied it in time");
  }
  co_return Status();
}

// What is judged on a node that is not the active controller is refused by commit().
const metadata::Image& LocalController::judged() const {
  return quorum_.is_active() ? quorum_.leader_image() : *quorum_.image();
}

Task<Status> LocalController::register_broker(wire::BrokerRegistrationRequest request) {
  if (!quorum_.is_active()) co_return fail(Errc::unavailable, "this node is not the active controller");
  const auto epoch = quorum_.next_offset();
  auto outcome = controller_.register_broker(judged(), request, epoch, false);
  if (outcome.response.error_code != ErrorCode::none) {
    co_return fail(Errc::mismatch, "the controller refuses this broker: " +
                                       std::string(wire::describe(outcome.response.error_code)));
  }
  broker_epoch_ = outcome.response.broker_epoch;
  co_return co_await commit(std::move(outcome.records));
}

Task<Status> LocalController::unfence() {
  wire::BrokerHeartbeatRequest heartbeat;
  heartbeat.broker_id = node_id_;
  heartbeat.broker_epoch = broker_epoch_;
  heartbeat.current_metadata_offset = quorum_.image()->end_offset();
  auto outcome = controller_.heartbeat(judged(), heartbeat, controller::BrokerSessions());
  if (outcome.response.error_code != ErrorCode::none || outcome.response.is_fenced) {
    co_return fail(Errc::unavailable, "the controller keeps this broker fenced: " +
                                          std::string(wire::describe(outcome.response.error_code)));
  }
  co_return co_await commit(std::move(outcome.records));
}

template <class Outcome, class Response, class Items>
Task<Response> LocalController::carry_out(Outcome outcome, Items Response::* items) {
  const Status done = co_await commit(std::move(outcome.records));
  if (!done) fail_items(outcome.response.*items, done.error());
  co_return std::move(outcome.response);
}

Task<wire::CreateTopicsResponse> LocalController::ask(wire::CreateTopicsRequest request) {
  return carry_out(controller_.create_topics(judged(), request, random_),
                   &wire::CreateTopicsResponse::topics);
}

Task<wire::DeleteTopicsResponse> LocalController::ask(wire::DeleteTopicsRequest request) {
  return carry_out(controller_.delete_topics(judged(), request), &wire::DeleteTopicsResponse::responses);
}

Task<wire::CreatePartitionsResponse> LocalController::ask(wire::CreatePartitionsRequest request) {
  return carry_out(controller_.create_partitions(judged(), request, random_),
                   &wire::CreatePartitionsResponse::results);
}

Task<wire::AlterConfigsResponse> LocalController::ask(wire::AlterConfigsRequest request) {
  return carry_out(controller_.alter_configs(judged(), request), &wire::AlterConfigsResponse::responses);
}

Task<wire::IncrementalAlterConfigsResponse> LocalController::ask(
    wire::IncrementalAlterConfigsRequest request) {
  return carry_out(controller_.incremental_alter_configs(judged(), request),
                   &wire::IncrementalAlterConfigsResponse::responses);
}

Task<wire::UpdateFeaturesResponse> LocalController::ask(wire::UpdateFeaturesRequest request) {
  auto outcome = controller_.update_features(judged(), request);
  const Status done = co_await commit(std::move(outcome.records));
  if (!done) {
    outcome.response.error_code = error_code_of(done.error());
    outcome.response.error_message = done.error().message;
    fail_items(outcome.response.results, done.error());
  }
  co_return std::move(outcome.response);
}

Task<wire::DescribeQuorumResponse> LocalController::ask(wire::DescribeQuorumRequest request) {
  wire::DescribeQuorumResponse response;
  const bool known = asks_for_the_quorum(request);
  for (const auto& topic : request.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.topic_name = topic.topic_name;
    for (const auto& partition : topic.partitions) {
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      if (!known) {
        answer.error_code = ErrorCode::unknown_topic_or_partition;
      } else if (quorum_.role() != raft::Role::leader) {
        answer.error_code = ErrorCode::not_leader_or_follower;
      } else {
        describe_to(quorum_.describe(), answer);
      }
    }
  }
  for (const auto& [id, broker] : quorum_.image()->brokers()) {
    auto& node = response.nodes.emplace_back();
    node.node_id = id;
    for (const auto& endpoint : broker->endpoints) {
      node.listeners.push_back({endpoint.listener, endpoint.host, endpoint.port});
    }
  }
  co_return response;
}

Task<Status> LocalController::allocate_producer_ids() {
  wire::AllocateProducerIdsRequest request;
  request.broker_id = node_id_;
  request.broker_epoch = broker_epoch_;
  auto outcome = controller_.allocate_producer_ids(judged(), request);
  if (outcome.response.error_code != ErrorCode::none) {
    co_return fail(Errc::unavailable, std::string(wire::describe(outcome.response.error_code)));
  }
  CO_TRY(co_await commit(std::move(outcome.records)));
  next_producer_id_ = outcome.response.producer_id_start;
  block_end_ = next_producer_id_ + outcome.response.producer_id_len;
  co_return Status();
}

Task<Result<ProducerId>> LocalController::next_producer_id() {
  co_await allocation_.acquire(1);
  Status allocated;
  if (next_producer_id_ == block_end_) allocated = co_await allocate_producer_ids();
  allocation_.release(1);
  if (!allocated) co_return fail(std::move(allocated).error());
  // Another waiter may have used up the block meanwhile only if it was the last id: then ask for the next
  // one.
  if (next_producer_id_ == block_end_) co_return co_await next_producer_id();
  co_return next_producer_id_++;
}

Task<Result<ProducerId>> LocalChannel::next_producer_id() {
  co_return co_await runtime::on_shard(here_, controller_.executor(),
                                       [&] { return controller_.next_producer_id(); });
}

}  // namespace moldau::node
