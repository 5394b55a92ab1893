#include "server/dispatcher.h"

#include <algorithm>
#include <vector>

#include "server/handlers/handlers.h"

namespace moldau::server {

using runtime::Task;

namespace {

template <class T>
struct HandlerTraits;
template <class Response_, class Request_>
struct HandlerTraits<Task<Response_> (*)(Broker&, const Request&, Request_)> {
  using Message = Request_;
  using Response = Response_;
};

// Of the whole, or of an item.
template <class Response>
bool says_not_controller(const Response& response) {
  [[maybe_unused]] const auto any = [](const auto& items) {
    return std::ranges::any_of(items, [](const auto& item) {
      if constexpr (requires { item.error_code == wire::ErrorCode::none; }) {
        return item.error_code == wire::ErrorCode::not_controller;
      }
      return false;
    });
  };
  if constexpr (requires { response.error_code == wire::ErrorCode::none; }) {
    if (response.error_code == wire::ErrorCode::not_controller) return true;
  }
  if constexpr (requires { response.topics.begin(); }) return any(response.topics);
  if constexpr (requires { response.responses.begin(); }) return any(response.responses);
  if constexpr (requires { response.results.begin(); }) return any(response.results);
  return false;
}

// Of requests that may wait for minutes for what other clients do: the frame's memory is not held meanwhile.
template <class Message>
constexpr bool kWaitsForOthers =
    std::is_same_v<Message, wire::JoinGroupRequest> || std::is_same_v<Message, wire::SyncGroupRequest>;

// Decodes the body, lets `handle` answer, encodes the answer.
template <auto handle>
Task<void> serve(Broker& broker, Request request, ResponseQueue::Slot slot) {
  using Message = typename HandlerTraits<decltype(handle)>::Message;
  const wire::ApiVersion version = request.header.api_version;
  auto message = Message::decode(request.body, version);
  if (!message) {
    handlers::report_undecodable(broker, request, message.error());
    co_return;
  }
  if constexpr (kWaitsForOthers<Message>) {
    request.body = Slice();
    const MemoryBudget::Hold released = std::move(request.hold);
  }
  auto response = co_await handle(broker, request, std::move(*message));
  if (request.envelope_error && says_not_controller(response))
    *request.envelope_error = wire::ErrorCode::not_controller;
  std::move(slot).complete(wire::encode_response(request.header.correlation_id, version, response));
  broker.metrics.request_done(request.header.api_key,
                              static_cast<std::uint64_t>((broker.executor.now() - request.arrived).count()));
}

struct Served {
  wire::ApiKey key;
  Handler on_broker;      // null: not served on broker listeners
  Handler on_controller;  // null: not served on controller listeners
};

constexpr Served brokers(wire::ApiKey key, Handler handler) { return {key, handler, nullptr}; }
constexpr Served controllers(wire::ApiKey key, Handler handler) { return {key, nullptr, handler}; }
constexpr Served everywhere(wire::ApiKey key, Handler handler) { return {key, handler, handler}; }

constexpr Served kServed[] = {
    brokers(wire::ApiKey::produce, handlers::produce),
    {wire::ApiKey::fetch, serve<handlers::fetch>, serve<handlers::ask_quorum<wire::FetchRequest>>},
    brokers(wire::ApiKey::list_offsets, serve<handlers::list_offsets>),
    brokers(wire::ApiKey::metadata, serve<handlers::metadata>),
    brokers(wire::ApiKey::find_coordinator, serve<handlers::find_coordinator>),
    everywhere(wire::ApiKey::api_versions, handlers::api_versions),
    everywhere(wire::ApiKey::create_topics, serve<handlers::ask_controller<wire::CreateTopicsRequest>>),
    everywhere(wire::ApiKey::delete_topics, serve<handlers::ask_controller<wire::DeleteTopicsRequest>>),
    brokers(wire::ApiKey::delete_records, serve<handlers::delete_records>),
    brokers(wire::ApiKey::offset_commit, serve<handlers::offset_commit>),
    brokers(wire::ApiKey::offset_fetch, serve<handlers::offset_fetch>),
    brokers(wire::ApiKey::join_group, serve<handlers::join_group>),
    brokers(wire::ApiKey::heartbeat, serve<handlers::heartbeat>),
    brokers(wire::ApiKey::leave_group, serve<handlers::leave_group>),
    brokers(wire::ApiKey::sync_group, serve<handlers::sync_group>),
    brokers(wire::ApiKey::describe_groups, serve<handlers::describe_groups>),
    brokers(wire::ApiKey::list_groups, serve<handlers::list_groups>),
    brokers(wire::ApiKey::delete_groups, serve<handlers::delete_groups>),
    brokers(wire::ApiKey::consumer_group_heartbeat, serve<handlers::consumer_group_heartbeat>),
    brokers(wire::ApiKey::consumer_group_describe, serve<handlers::consumer_group_describe>),
    brokers(wire::ApiKey::offset_delete, serve<handlers::offset_delete>),
    brokers(wire::ApiKey::init_producer_id, serve<handlers::init_producer_id>),
    brokers(wire::ApiKey::add_partitions_to_txn, serve<handlers::add_partitions_to_txn>),
    brokers(wire::ApiKey::add_offsets_to_txn, serve<handlers::add_offsets_to_txn>),
    brokers(wire::ApiKey::end_txn, serve<handlers::end_txn>),
    brokers(wire::ApiKey::write_txn_markers, serve<handlers::write_txn_markers>),
    brokers(wire::ApiKey::txn_offset_commit, serve<handlers::txn_offset_commit>),
    brokers(wire::ApiKey::describe_transactions, serve<handlers::describe_transactions>),
    brokers(wire::ApiKey::list_transactions, serve<handlers::list_transactions>),
    brokers(wire::ApiKey::offset_for_leader_epoch, serve<handlers::offset_for_leader_epoch>),
    everywhere(wire::ApiKey::describe_configs, serve<handlers::describe_configs>),
    everywhere(wire::ApiKey::alter_configs, serve<handlers::ask_controller<wire::AlterConfigsRequest>>),
    brokers(wire::ApiKey::describe_log_dirs, serve<handlers::describe_log_dirs>),
    everywhere(wire::ApiKey::create_partitions,
               serve<handlers::ask_controller<wire::CreatePartitionsRequest>>),
    everywhere(wire::ApiKey::incremental_alter_configs,
               serve<handlers::ask_controller<wire::IncrementalAlterConfigsRequest>>),
    everywhere(wire::ApiKey::elect_leaders, serve<handlers::ask_controller<wire::ElectLeadersRequest>>),
    everywhere(wire::ApiKey::alter_partition_reassignments,
               serve<handlers::ask_controller<wire::AlterPartitionReassignmentsRequest>>),
    everywhere(wire::ApiKey::list_partition_reassignments,
               serve<handlers::ask_controller<wire::ListPartitionReassignmentsRequest>>),
    controllers(wire::ApiKey::vote, serve<handlers::ask_quorum<wire::VoteRequest>>),
    controllers(wire::ApiKey::begin_quorum_epoch, serve<handlers::ask_quorum<wire::BeginQuorumEpochRequest>>),
    controllers(wire::ApiKey::end_quorum_epoch, serve<handlers::ask_quorum<wire::EndQuorumEpochRequest>>),
    {wire::ApiKey::describe_quorum, serve<handlers::ask_controller<wire::DescribeQuorumRequest>>,
     serve<handlers::ask_quorum<wire::DescribeQuorumRequest>>},
    everywhere(wire::ApiKey::update_features, serve<handlers::ask_controller<wire::UpdateFeaturesRequest>>),
    controllers(wire::ApiKey::envelope, serve<handlers::envelope>),
    controllers(wire::ApiKey::fetch_snapshot, serve<handlers::ask_quorum<wire::FetchSnapshotRequest>>),
    {wire::ApiKey::describe_cluster, serve<handlers::describe_cluster>,
     serve<handlers::describe_controllers>},
    brokers(wire::ApiKey::describe_producers, serve<handlers::describe_producers>),
    brokers(wire::ApiKey::list_config_resources, serve<handlers::list_config_resources>),
    brokers(wire::ApiKey::describe_topic_partitions, serve<handlers::describe_topic_partitions>),
    controllers(wire::ApiKey::alter_partition, serve<handlers::ask_controller<wire::AlterPartitionRequest>>),
    controllers(wire::ApiKey::broker_registration,
                serve<handlers::ask_controller<wire::BrokerRegistrationRequest>>),
    controllers(wire::ApiKey::broker_heartbeat, serve<handlers::broker_heartbeat>),
    everywhere(wire::ApiKey::unregister_broker,
               serve<handlers::ask_controller<wire::UnregisterBrokerRequest>>),
    controllers(wire::ApiKey::allocate_producer_ids,
                serve<handlers::ask_controller<wire::AllocateProducerIdsRequest>>),
    controllers(wire::ApiKey::controller_registration,
                serve<handlers::ask_controller<wire::ControllerRegistrationRequest>>),
    controllers(wire::ApiKey::assign_replicas_to_dirs,
                serve<handlers::ask_controller<wire::AssignReplicasToDirsRequest>>),
    {wire::ApiKey::add_raft_voter, serve<handlers::ask_controller<wire::AddRaftVoterRequest>>,
     serve<handlers::ask_quorum<wire::AddRaftVoterRequest>>},
    {wire::ApiKey::remove_raft_voter, serve<handlers::ask_controller<wire::RemoveRaftVoterRequest>>,
     serve<handlers::ask_quorum<wire::RemoveRaftVoterRequest>>},
    controllers(wire::ApiKey::update_raft_voter, serve<handlers::ask_quorum<wire::UpdateRaftVoterRequest>>),
};

Handler handler_of(const Served& served, bool controller_listener) {
  return controller_listener ? served.on_controller : served.on_broker;
}

std::vector<const wire::ApiInfo*> apis_of(bool controller_listener) {
  std::vector<const wire::ApiInfo*> list;
  for (const Served& served : kServed)
    if (handler_of(served, controller_listener)) list.push_back(&wire::api(served.key));
  std::ranges::sort(list, {}, &wire::ApiInfo::key);
  return list;
}

}  // namespace

void handlers::report_undecodable(Broker& broker, const Request& request, const Error& error) {
  broker.metrics.bad_frames.add();
  telemetry::log_limited(broker.peer_lines, broker.executor.now().time_since_epoch(), telemetry::Level::warn,
                         "server", "request cannot be decoded, closing the connection",
                         {{"peer", request.peer.address.to_string()},
                          {"api", wire::name_of(request.header.api_key)},
                          {"version", request.header.api_version},
                          {"error", error}});
}

Handler find_handler(wire::ApiKey key, bool controller_listener) {
  const auto* found = std::ranges::find(kServed, key, &Served::key);
  return found == std::end(kServed) ? nullptr : handler_of(*found, controller_listener);
}

std::span<const wire::ApiInfo* const> served_apis(bool controller_listener) {
  static const std::vector<const wire::ApiInfo*> of_brokers = apis_of(false);
  static const std::vector<const wire::ApiInfo*> of_controllers = apis_of(true);
  return controller_listener ? of_controllers : of_brokers;
}

bool serves(const wire::ApiInfo& api, wire::ApiVersion version) {
  return api.supports(version) && version <= api.advertised_max;
}

}  // namespace moldau::server
