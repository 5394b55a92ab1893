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
  auto response = co_await handle(broker, request, std::move(*message));
  std::move(slot).complete(wire::encode_response(request.header.correlation_id, version, response));
  broker.metrics.request_done(request.header.api_key,
                              static_cast<std::uint64_t>((broker.executor.now() - request.arrived).count()));
}

struct Served {
  wire::ApiKey key;
  Handler handler;
};

constexpr Served kServed[] = {
    {wire::ApiKey::produce, handlers::produce},
    {wire::ApiKey::fetch, serve<handlers::fetch>},
    {wire::ApiKey::list_offsets, serve<handlers::list_offsets>},
    {wire::ApiKey::metadata, serve<handlers::metadata>},
    {wire::ApiKey::find_coordinator, serve<handlers::find_coordinator>},
    {wire::ApiKey::api_versions, handlers::api_versions},
    {wire::ApiKey::create_topics, serve<handlers::ask_controller<wire::CreateTopicsRequest>>},
    {wire::ApiKey::delete_topics, serve<handlers::ask_controller<wire::DeleteTopicsRequest>>},
    {wire::ApiKey::delete_records, serve<handlers::delete_records>},
    {wire::ApiKey::init_producer_id, serve<handlers::init_producer_id>},
    {wire::ApiKey::offset_for_leader_epoch, serve<handlers::offset_for_leader_epoch>},
    {wire::ApiKey::describe_configs, serve<handlers::describe_configs>},
    {wire::ApiKey::alter_configs, serve<handlers::ask_controller<wire::AlterConfigsRequest>>},
    {wire::ApiKey::describe_log_dirs, serve<handlers::describe_log_dirs>},
    {wire::ApiKey::create_partitions, serve<handlers::ask_controller<wire::CreatePartitionsRequest>>},
    {wire::ApiKey::incremental_alter_configs,
     serve<handlers::ask_controller<wire::IncrementalAlterConfigsRequest>>},
    {wire::ApiKey::describe_quorum, serve<handlers::ask_controller<wire::DescribeQuorumRequest>>},
    {wire::ApiKey::update_features, serve<handlers::ask_controller<wire::UpdateFeaturesRequest>>},
    {wire::ApiKey::describe_cluster, serve<handlers::describe_cluster>},
    {wire::ApiKey::describe_producers, serve<handlers::describe_producers>},
    {wire::ApiKey::list_config_resources, serve<handlers::list_config_resources>},
    {wire::ApiKey::describe_topic_partitions, serve<handlers::describe_topic_partitions>},
};

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

Handler find_handler(wire::ApiKey key) {
  const auto* found = std::ranges::find(kServed, key, &Served::key);
  return found == std::end(kServed) ? nullptr : found->handler;
}

std::span<const wire::ApiInfo* const> served_apis() {
  static const std::vector<const wire::ApiInfo*> apis = [] {
    std::vector<const wire::ApiInfo*> list;
    for (const Served& served : kServed) list.push_back(&wire::api(served.key));
    return list;
  }();
  return apis;
}

bool serves(const wire::ApiInfo& api, wire::ApiVersion version) {
  return api.supports(version) && version <= api.advertised_max;
}

}  // namespace moldau::server
