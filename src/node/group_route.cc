#include "node/group_route.h"

#include <algorithm>

#include "metadata/topic_name.h"
#include "telemetry/log.h"
#include "wire/murmur2.h"

namespace moldau::node {

using coordinator::GroupCoordinator;
using runtime::Task;
using server::GroupResult;
using wire::ErrorCode;

namespace {

constexpr std::int32_t kCreateTimeoutMs = 30'000;
constexpr std::int16_t kDefaultReplication = 3;

template <class Response>
Task<GroupResult<Response>> call_join(GroupCoordinator& coordinator, PartitionIndex at,
                                      wire::JoinGroupRequest request, group::Client client,
                                      group::Ticket ticket) {
  return coordinator.join(at, std::move(request), std::move(client), ticket);
}
template <class Response>
Task<GroupResult<Response>> call_join(GroupCoordinator& coordinator, PartitionIndex at,
                                      wire::SyncGroupRequest request, group::Client client,
                                      group::Ticket ticket) {
  return coordinator.sync(at, std::move(request), std::move(client), ticket);
}

// A request that waits for its group, and a connection that may end meanwhile.
template <class Response>
struct Race {
  explicit Race(runtime::Executor& executor) : first(executor), answered(executor) {}
  runtime::OneShot first;  // the answer, or the connection's end
  runtime::OneShot answered;
  std::optional<GroupResult<Response>> answer;
};

template <class Response>
Task<void> run(std::shared_ptr<Race<Response>> race, Task<GroupResult<Response>> work) {
  race->answer = co_await std::move(work);
  race->first.fire();
  race->answered.fire();
}

}  // namespace

std::optional<GroupRoute::Place> GroupRoute::place_of(std::string_view group_id) const {
  const auto image = images_->current();
  const metadata::Topic* topic = image->topic(metadata::kOffsetsTopic);
  if (topic == nullptr) return std::nullopt;
  const PartitionIndex at = wire::coordinator_partition(group_id, topic->partition_count());
  return Place{&parts_.homes[replication::shard_of({topic->id, at}, parts_.homes.size())], at};
}

template <class Response, class Call>
Task<GroupResult<Response>> GroupRoute::go(std::string_view group_id, Call call) {
  const auto place = place_of(group_id);
  if (!place) co_return std::unexpected(ErrorCode::not_coordinator);
  co_return co_await runtime::on_shard(parts_.executor, place->home->executor,
                                       [&coordinator = place->home->coordinator, at = place->at,
                                        call = std::move(call)]() mutable { return call(coordinator, at); });
}

template <class Response, class Request>
Task<GroupResult<Response>> GroupRoute::wait(Request request, group::Client client,
                                             runtime::Watermark& closing) {
  const auto place = place_of(request.group_id);
  if (!place) co_return std::unexpected(ErrorCode::not_coordinator);
  const group::Ticket ticket = ++parts_.tickets;
  GroupCoordinator& coordinator = place->home->coordinator;
  const PartitionIndex at = place->at;
  auto race = std::make_shared<Race<Response>>(parts_.executor);
  run<Response>(race, runtime::on_shard(parts_.executor, place->home->executor,
                                        [&coordinator, at, ticket, request = std::move(request),
                                         client = std::move(client)]() mutable {
                                          return call_join<Response>(coordinator, at, std::move(request),
                                                                     std::move(client), ticket);
                                        }))
      .detach();
  {
    const runtime::Watermark::Watcher closed(closing, 1, race->first);
    co_await race->first.wait();
  }
  if (!race->answer) {
    co_await runtime::on_shard(parts_.executor, place->home->executor,
                               [&coordinator, at, ticket] { coordinator.abandon(at, ticket); });
    co_await race->answered.wait();
  }
  co_return std::move(*race->answer);
}

// --- requests

Task<GroupResult<wire::JoinGroupResponse>> GroupRoute::ask(wire::JoinGroupRequest request,
                                                           group::Client client,
                                                           runtime::Watermark& closing) {
  return wait<wire::JoinGroupResponse>(std::move(request), std::move(client), closing);
}

Task<GroupResult<wire::SyncGroupResponse>> GroupRoute::ask(wire::SyncGroupRequest request,
                                                           group::Client client,
                                                           runtime::Watermark& closing) {
  return wait<wire::SyncGroupResponse>(std::move(request), std::move(client), closing);
}

Task<GroupResult<wire::HeartbeatResponse>> GroupRoute::ask(wire::HeartbeatRequest request) {
  const std::string id = request.group_id;
  co_return co_await go<wire::HeartbeatResponse>(
      id, [request = std::move(request)](GroupCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.heartbeat(at, std::move(request));
      });
}

Task<GroupResult<wire::ConsumerGroupHeartbeatResponse>> GroupRoute::ask(
    wire::ConsumerGroupHeartbeatRequest request, group::Client client) {
  const std::string id = request.group_id;
  co_return co_await go<wire::ConsumerGroupHeartbeatResponse>(
      id, [request = std::move(request), client = std::move(client)](GroupCoordinator& coordinator,
                                                                     PartitionIndex at) mutable {
        return coordinator.heartbeat(at, std::move(request), std::move(client));
      });
}

Task<GroupResult<wire::LeaveGroupResponse>> GroupRoute::ask(wire::LeaveGroupRequest request,
                                                            group::Client client) {
  const std::string id = request.group_id;
  co_return co_await go<wire::LeaveGroupResponse>(
      id, [request = std::move(request), client = std::move(client)](GroupCoordinator& coordinator,
                                                                     PartitionIndex at) mutable {
        return coordinator.leave(at, std::move(request), std::move(client));
      });
}

Task<GroupResult<wire::OffsetCommitResponse>> GroupRoute::ask(wire::OffsetCommitRequest request,
                                                              group::Client client) {
  const std::string id = request.group_id;
  co_return co_await go<wire::OffsetCommitResponse>(
      id, [request = std::move(request), client = std::move(client)](GroupCoordinator& coordinator,
                                                                     PartitionIndex at) mutable {
        return coordinator.commit_offsets(at, std::move(request), std::move(client));
      });
}

Task<GroupResult<replication::TransactionGuard>> GroupRoute::guard_transaction(std::string group_id,
                                                                               ProducerId producer_id,
                                                                               ProducerEpoch epoch) {
  co_return co_await go<replication::TransactionGuard>(
      group_id, [producer_id, epoch](GroupCoordinator& coordinator, PartitionIndex at) {
        return coordinator.guard_transaction(at, producer_id, epoch);
      });
}

Task<GroupResult<wire::TxnOffsetCommitResponse>> GroupRoute::ask(
    wire::TxnOffsetCommitRequest request, std::optional<replication::TransactionGuard> guard) {
  const std::string id = request.group_id;
  const coordinator::StateLog::Producer producer{request.producer_id, request.producer_epoch,
                                                 guard.has_value(), guard.value_or(replication::kNoGuard)};
  co_return co_await go<wire::TxnOffsetCommitResponse>(
      id, [request = std::move(request), producer](GroupCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.commit_offsets(at, std::move(request), producer);
      });
}

Task<ErrorCode> GroupRoute::end_transaction(PartitionIndex at, record::EndTransaction marker,
                                            std::int16_t transaction_version) {
  const auto image = images_->current();
  const metadata::Topic* topic = image->topic(metadata::kOffsetsTopic);
  if (topic == nullptr || topic->partition(at) == nullptr) co_return ErrorCode::unknown_topic_or_partition;
  const GroupHome& home = parts_.homes[replication::shard_of({topic->id, at}, parts_.homes.size())];
  co_return co_await runtime::on_shard(parts_.executor, home.executor,
                                       [&coordinator = home.coordinator, at, marker, transaction_version] {
                                         return coordinator.end_transaction(at, marker, transaction_version);
                                       });
}

Task<GroupResult<wire::OffsetFetchResponse::Group>> GroupRoute::ask(wire::OffsetFetchRequest::Group request,
                                                                    bool require_stable) {
  const std::string id = request.group_id;
  co_return co_await go<wire::OffsetFetchResponse::Group>(
      id, [request = std::move(request), require_stable](GroupCoordinator& coordinator,
                                                         PartitionIndex at) mutable {
        return coordinator.fetch_offsets(at, std::move(request), require_stable);
      });
}

Task<GroupResult<wire::OffsetDeleteResponse>> GroupRoute::ask(wire::OffsetDeleteRequest request) {
  const std::string id = request.group_id;
  co_return co_await go<wire::OffsetDeleteResponse>(
      id, [request = std::move(request)](GroupCoordinator& coordinator, PartitionIndex at) mutable {
        return coordinator.delete_offsets(at, std::move(request));
      });
}

Task<GroupResult<wire::DescribeGroupsResponse::Group>> GroupRoute::describe(std::string group_id,
                                                                            wire::ApiVersion version) {
  co_return co_await go<wire::DescribeGroupsResponse::Group>(
      group_id, [group_id, version](GroupCoordinator& coordinator, PartitionIndex at) {
        return coordinator.describe(at, group_id, version);
      });
}

Task<GroupResult<wire::ConsumerGroupDescribeResponse::Group>> GroupRoute::describe_consumers(
    std::string group_id) {
  co_return co_await go<wire::ConsumerGroupDescribeResponse::Group>(
      group_id, [group_id](GroupCoordinator& coordinator, PartitionIndex at) {
        return coordinator.describe_consumers(at, group_id);
      });
}

Task<GroupResult<ErrorCode>> GroupRoute::delete_group(std::string group_id) {
  co_return co_await go<ErrorCode>(group_id, [group_id](GroupCoordinator& coordinator, PartitionIndex at) {
    return coordinator.delete_group(at, group_id);
  });
}

Task<GroupResult<std::vector<wire::ListGroupsResponse::Group>>> GroupRoute::list(
    wire::ListGroupsRequest filters) {
  std::vector<wire::ListGroupsResponse::Group> all;
  for (const GroupHome& home : parts_.homes) {
    auto some = co_await runtime::on_shard(
        parts_.executor, home.executor,
        [&coordinator = home.coordinator, filters] { return coordinator.list(filters); });
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(*some, std::back_inserter(all));
  }
  co_return all;
}

// --- the topic

// What the operator says; else as many replicas as Kafka's default, if the cluster has so many brokers. One
// that is yet to have them must not begin with a single replica for ever.
std::int16_t GroupRoute::replication_factor(const metadata::Image& image) const {
  if (parts_.settings.offsets_replication) return *parts_.settings.offsets_replication;
  const std::size_t brokers = std::max(image.brokers().size(), parts_.expected_brokers);
  return static_cast<std::int16_t>(std::clamp<std::size_t>(brokers, 1, kDefaultReplication));
}

Task<void> GroupRoute::create_offsets_topic() {
  wire::CreateTopicsRequest request;
  request.timeout_ms = kCreateTimeoutMs;
  auto& topic = request.topics.emplace_back();
  topic.name = metadata::kOffsetsTopic;
  topic.num_partitions = parts_.settings.offsets_partitions;
  topic.replication_factor = replication_factor(*images_->current());
  topic.configs = {{"cleanup.policy", "compact"},
                   {"compression.type", "producer"},
                   {"segment.bytes", std::to_string(parts_.settings.offsets_segment_bytes)}};
  const auto created = co_await parts_.controller.ask(std::move(request));
  for (const auto& each : created.topics) {
    if (each.error_code == ErrorCode::none || each.error_code == ErrorCode::topic_already_exists) continue;
    telemetry::log_warn(
        "node", "the topic of consumer groups cannot be created",
        {{"code", wire::name_of(each.error_code)}, {"error", each.error_message.value_or("")}});
  }
}

}  // namespace moldau::node
