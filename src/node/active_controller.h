// ActiveController: the controller of this node, which answers while its quorum's leader is this node: judges
// each request by the newest image, submits the records, and answers once they are committed. Between
// requests it fences brokers that are not heard of any more and moves leadership back to preferred replicas.
// While another node leads it answers NOT_CONTROLLER.
//
// Lives on shard 0.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/random.h"
#include "controller/broker_sessions.h"
#include "controller/controller.h"
#include "node/controller_answers.h"
#include "node/local_quorum.h"
#include "quorum/metadata_quorum.h"
#include "replication/partition_set.h"
#include "runtime/wait.h"

namespace moldau::node {

struct ActiveControllerOptions {
  runtime::Duration session_timeout = std::chrono::seconds(9);  // broker.session.timeout.ms
  runtime::Duration lost_connection_grace = std::chrono::milliseconds(400);
  runtime::Duration imbalance_interval =
      std::chrono::seconds(300);                                   // leader.imbalance.check.interval.seconds
  bool balances = true;                                            // auto.leader.rebalance.enable
  runtime::Duration unclean_interval = std::chrono::seconds(300);  // unclean.leader.election.interval.ms
  // Of a divisible change; the rest follows in further batches.
  std::size_t max_records_at_once = controller::kMaxRecordsPerOperation;
  // Of this process's broker, when its controller is the only one. The process before had its data folder,
  // which this one has locked: it is gone, and its session need not be waited for.
  Uuid incarnation_id;
};

class ActiveController {
 public:
  // What is referred to outlives this object.
  ActiveController(runtime::World& world, quorum::MetadataQuorum& quorum, LocalQuorum& replica,
                   controller::Controller controller, ActiveControllerOptions options);

  runtime::Executor& executor() { return executor_; }
  // This object, for who may come late; expires with it. On shard 0.
  std::weak_ptr<ActiveController*> alive() const { return alive_; }
  // Where applied images appear last: shard 0's holder. Set once, before the first request.
  void set_applied(replication::ImageHolder& applied) { applied_ = &applied; }

  // Whether the host of a broker refuses connections to it: then its process is gone. Set before start();
  // empty: nobody looks.
  using IsRefused = std::function<runtime::Task<bool>(NodeId)>;
  void set_probe(IsRefused is_refused) { is_refused_ = std::move(is_refused); }

  // Watches sessions and leaders from here on.
  void start();
  // Who waits for a change that does not come to pass is answered soon; returns when nothing runs any more.
  runtime::Task<void> stop();

  // Another node leads the quorum. Should this one lead next, it is likely that the other has died, and what
  // heartbeats it sent as a broker were heard by itself alone.
  void note_leader(NodeId other) { last_leader_ = other; }

  // The connection that this broker's heartbeats came by has ended. A process that is gone says nothing more:
  // unless it is heard of again within the grace, it is fenced without waiting for its session to expire; at
  // once, when its host refuses connections to it.
  void note_connection_lost(NodeId broker);

  runtime::Task<wire::CreateTopicsResponse> ask(wire::CreateTopicsRequest request);
  runtime::Task<wire::DeleteTopicsResponse> ask(wire::DeleteTopicsRequest request);
  runtime::Task<wire::CreatePartitionsResponse> ask(wire::CreatePartitionsRequest request);
  runtime::Task<wire::AlterConfigsResponse> ask(wire::AlterConfigsRequest request);
  runtime::Task<wire::IncrementalAlterConfigsResponse> ask(wire::IncrementalAlterConfigsRequest request);
  runtime::Task<wire::UpdateFeaturesResponse> ask(wire::UpdateFeaturesRequest request);
  runtime::Task<wire::DescribeQuorumResponse> ask(wire::DescribeQuorumRequest request);
  runtime::Task<wire::AlterPartitionReassignmentsResponse> ask(
      wire::AlterPartitionReassignmentsRequest request);
  runtime::Task<wire::ListPartitionReassignmentsResponse> ask(
      wire::ListPartitionReassignmentsRequest request);
  runtime::Task<wire::ElectLeadersResponse> ask(wire::ElectLeadersRequest request);
  runtime::Task<wire::UnregisterBrokerResponse> ask(wire::UnregisterBrokerRequest request);
  runtime::Task<wire::AddRaftVoterResponse> ask(wire::AddRaftVoterRequest request);
  runtime::Task<wire::RemoveRaftVoterResponse> ask(wire::RemoveRaftVoterRequest request);
  runtime::Task<wire::BrokerRegistrationResponse> ask(wire::BrokerRegistrationRequest request);
  runtime::Task<wire::BrokerHeartbeatResponse> ask(wire::BrokerHeartbeatRequest request);
  runtime::Task<wire::ControllerRegistrationResponse> ask(wire::ControllerRegistrationRequest request);
  runtime::Task<wire::AlterPartitionResponse> ask(wire::AlterPartitionRequest request);
  runtime::Task<wire::AllocateProducerIdsResponse> ask(wire::AllocateProducerIdsRequest request);
  runtime::Task<wire::AssignReplicasToDirsResponse> ask(wire::AssignReplicasToDirsRequest request);

 private:
  // What a client's answer waits for: that this broker serves by the change, too.
  enum class Until { committed, applied };

  const metadata::Image& judged() const;
  // `divisible`: pieces of the records may be committed one after the other. They are submitted before this
  // waits for anything.
  runtime::Task<Status> commit(std::vector<metadata::Record> records, Until until = Until::applied,
                               bool divisible = false);
  // The response of an outcome once its records are committed and applied here; else its `items` fail.
  template <class Outcome, class Response, class Items>
  runtime::Task<Response> carry_out(Outcome outcome, Items Response::* items);
  // Only while this node is the active controller.
  template <class Request, class Judge>
  runtime::Task<server::AnswerTo<Request>> decide(Request request, Until until, Judge judge);

  // Sessions of the brokers begin anew with each leadership: what was heard before was heard by another.
  void begin_term();
  // It is fenced at the end of `grace`, unless it is heard of.
  void suspect(NodeId broker, runtime::Duration grace);
  runtime::Task<void> look_after(NodeId broker);
  runtime::Task<void> watch();
  runtime::Task<void> tend();
  runtime::Task<void> fence_silent();
  runtime::Task<bool> elect_some(std::vector<metadata::Record> records, std::string_view what);
  void elect_unclean_soon();
  std::optional<NodeId> next_silent();
  runtime::MonotonicTime next_turn() const;
  runtime::Task<bool> commit_quietly(std::vector<metadata::Record> records, std::string_view what);
  controller::Time time() const { return executor_.now().time_since_epoch(); }

  runtime::Executor& executor_;
  quorum::MetadataQuorum& quorum_;
  LocalQuorum& replica_;
  controller::Controller controller_;
  const ActiveControllerOptions options_;
  Random random_;
  replication::ImageHolder* applied_ = nullptr;
  IsRefused is_refused_;
  controller::BrokerSessions sessions_;
  NodeId last_leader_ = kNoNode;
  LeaderEpoch term_ = kNoEpoch;  // that sessions_ are of
  bool activated_ = false;       // activation_records() of this term are committed
  std::map<NodeId, runtime::MonotonicTime>
      lost_;  // whose connections have ended, and until when they may come back
  runtime::MonotonicTime next_balance_{};
  runtime::MonotonicTime next_unclean_{};
  bool stopping_ = false;
  runtime::Signal wake_;
  runtime::Gate gate_;
  const std::shared_ptr<ActiveController*> alive_ = std::make_shared<ActiveController*>(this);
};

}  // namespace moldau::node
