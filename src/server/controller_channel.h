// ControllerChannel: the way of requests to the active controller. What a broker's own clients ask for is
// passed on to wherever the active controller is; what comes in by a controller listener is answered by the
// controller of this very node, or with NOT_CONTROLLER. An answer comes after its records are committed, and,
// where this node asked its own controller, applied on this node.
#pragma once

#include <utility>

#include "base/result.h"
#include "runtime/task.h"
#include "wire/error_code.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/allocate_producer_ids.h"
#include "wire/messages/alter_configs.h"
#include "wire/messages/alter_partition.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/assign_replicas_to_dirs.h"
#include "wire/messages/broker_heartbeat.h"
#include "wire/messages/broker_registration.h"
#include "wire/messages/controller_registration.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_quorum.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_partition_reassignments.h"
#include "wire/messages/remove_raft_voter.h"
#include "wire/messages/unregister_broker.h"
#include "wire/messages/update_features.h"

namespace moldau::server {

template <class RequestType, class ResponseType>
struct Api {
  using Request = RequestType;
  using Response = ResponseType;
};
template <class... Apis>
struct ApiList {};

// All that the active controller answers.
using ControllerApis =
    ApiList<Api<wire::CreateTopicsRequest, wire::CreateTopicsResponse>,
            Api<wire::DeleteTopicsRequest, wire::DeleteTopicsResponse>,
            Api<wire::CreatePartitionsRequest, wire::CreatePartitionsResponse>,
            Api<wire::AlterConfigsRequest, wire::AlterConfigsResponse>,
            Api<wire::IncrementalAlterConfigsRequest, wire::IncrementalAlterConfigsResponse>,
            Api<wire::UpdateFeaturesRequest, wire::UpdateFeaturesResponse>,
            Api<wire::DescribeQuorumRequest, wire::DescribeQuorumResponse>,
            Api<wire::AlterPartitionReassignmentsRequest, wire::AlterPartitionReassignmentsResponse>,
            Api<wire::ListPartitionReassignmentsRequest, wire::ListPartitionReassignmentsResponse>,
            Api<wire::ElectLeadersRequest, wire::ElectLeadersResponse>,
            Api<wire::UnregisterBrokerRequest, wire::UnregisterBrokerResponse>,
            Api<wire::AddRaftVoterRequest, wire::AddRaftVoterResponse>,
            Api<wire::RemoveRaftVoterRequest, wire::RemoveRaftVoterResponse>,
            // Of brokers and controllers alone.
            Api<wire::ControllerRegistrationRequest, wire::ControllerRegistrationResponse>,
            Api<wire::BrokerRegistrationRequest, wire::BrokerRegistrationResponse>,
            Api<wire::BrokerHeartbeatRequest, wire::BrokerHeartbeatResponse>,
            Api<wire::AlterPartitionRequest, wire::AlterPartitionResponse>,
            Api<wire::AllocateProducerIdsRequest, wire::AllocateProducerIdsResponse>,
            Api<wire::AssignReplicasToDirsRequest, wire::AssignReplicasToDirsResponse>>;

// One overload of ask() for each API of a list.
template <class A>
class AskOne {
 public:
  virtual runtime::Task<typename A::Response> ask(typename A::Request request) = 0;

 protected:
  ~AskOne() = default;
};
template <class List>
class AskEach;
template <class... Apis>
class AskEach<ApiList<Apis...>> : public AskOne<Apis>... {
 public:
  using AskOne<Apis>::ask...;
};

class ControllerChannel : public AskEach<ControllerApis> {
 public:
  virtual ~ControllerChannel() = default;
  // Callable from the shard that it was made for; goes on there. Failures are error codes of the response.
  using AskEach<ControllerApis>::ask;
  // The connection has ended that a broker's heartbeats came by.
  virtual void note_connection_lost(NodeId) {}
  // A producer id that nobody has had.
  virtual runtime::Task<Result<ProducerId>> next_producer_id() = 0;
};

template <class Request>
using AnswerTo =
    typename decltype(std::declval<ControllerChannel&>().ask(std::declval<Request>()))::value_type;

// A channel each of whose overloads is Derived::pass(request).
template <class Derived, class List = ControllerApis>
class PassEach;
template <class Derived>
class PassEach<Derived, ApiList<>> : public ControllerChannel {};
template <class Derived, class First, class... Rest>
class PassEach<Derived, ApiList<First, Rest...>> : public PassEach<Derived, ApiList<Rest...>> {
 public:
  using PassEach<Derived, ApiList<Rest...>>::ask;
  runtime::Task<typename First::Response> ask(typename First::Request request) final {
    return static_cast<Derived&>(*this).pass(std::move(request));
  }
};

}  // namespace moldau::server
