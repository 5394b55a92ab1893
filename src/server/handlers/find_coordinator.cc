// FindCoordinator: the broker that leads the partition to which the id of a group or of transactions belongs.
// The first who asks has the topic created.
#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"
#include "wire/murmur2.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

enum class KeyType : std::int8_t { group = 0, transaction = 1, share = 2 };

constexpr wire::ApiVersion kManyKeysFrom = 4;
constexpr wire::ApiVersion kShareGroupsFrom = 6;

using Coordinator = wire::FindCoordinatorResponse::Coordinator;

Coordinator refuse(const std::string& key, ErrorCode code) {
  return {key, kNoNode, "", -1, code, std::string(wire::describe(code))};
}

std::string_view topic_of(KeyType kind) {
  return kind == KeyType::transaction ? metadata::kTransactionStateTopic : metadata::kOffsetsTopic;
}

Coordinator find(const metadata::Image& image, const Request& request, KeyType kind, const std::string& key) {
  const metadata::Topic* topic = image.topic(topic_of(kind));
  if (topic == nullptr) return refuse(key, ErrorCode::coordinator_not_available);
  const PartitionIndex index = wire::coordinator_partition(key, topic->partition_count());
  const metadata::Broker* leader = image.broker(topic->partition(index)->leader);
  const auto* endpoint = leader && !leader->fenced ? endpoint_of(*leader, request.peer.listener) : nullptr;
  if (endpoint == nullptr) return refuse(key, ErrorCode::coordinator_not_available);
  return {key, leader->broker_id, endpoint->host, endpoint->port, ErrorCode::none, ""};
}

// What the kind of the keys alone decides.
ErrorCode check_kind(const wire::FindCoordinatorRequest& message, wire::ApiVersion version) {
  switch (static_cast<KeyType>(message.key_type)) {
    case KeyType::group:
    case KeyType::transaction:
      return ErrorCode::none;
    case KeyType::share:
      return version < kShareGroupsFrom ? ErrorCode::invalid_request : ErrorCode::coordinator_not_available;
  }
  return ErrorCode::invalid_request;
}

}  // namespace

Task<wire::FindCoordinatorResponse> find_coordinator(Broker& broker, const Request& request,
                                                     wire::FindCoordinatorRequest message) {
  const wire::ApiVersion version = request.header.api_version;
  const ErrorCode refusal = check_kind(message, version);
  const auto kind = static_cast<KeyType>(message.key_type);
  const bool creates = refusal == ErrorCode::none && broker.image()->topic(topic_of(kind)) == nullptr &&
                       (version < kManyKeysFrom || !message.coordinator_keys.empty());
  if (creates) {
    co_await (kind == KeyType::transaction ? broker.transactions->create_topic()
                                           : broker.groups->create_offsets_topic());
  }
  const auto image = broker.image();
  const auto answer = [&](const std::string& key) {
    Coordinator found = refusal == ErrorCode::none ? find(*image, request, kind, key) : refuse(key, refusal);
    broker.metrics.error(wire::ApiKey::find_coordinator, found.error_code);
    return found;
  };
  wire::FindCoordinatorResponse response;
  if (version < kManyKeysFrom) {
    Coordinator found = answer(message.key);
    response.error_code = found.error_code;
    response.error_message = found.error_code == ErrorCode::none ? "NONE" : found.error_message;
    response.node_id = found.node_id;
    response.host = std::move(found.host);
    response.port = found.port;
    co_return response;
  }
  Turn turn;
  for (const std::string& key : message.coordinator_keys) {
    if (turn.over()) co_await runtime::yield(broker.executor);
    response.coordinators.push_back(answer(key));
  }
  co_return response;
}

}  // namespace moldau::server::handlers
