#include <set>

#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;
namespace sentinel = replication::list_offsets;

namespace {

using PartitionRequest = wire::ListOffsetsRequest::Topic::Partition;
using PartitionAnswer = wire::ListOffsetsResponse::Topic::Partition;

// Sentinels came one by one; a lower version that uses a later one gets UNSUPPORTED_VERSION for the
// partition.
wire::ApiVersion first_version_of(TimestampMs timestamp) {
  switch (timestamp) {
    case sentinel::kMaxTimestamp:
      return 7;
    case sentinel::kEarliestLocal:
      return 8;
    case sentinel::kLatestTiered:
      return 9;
    case sentinel::kEarliestPendingUpload:
      return 11;
    default:
      return timestamp < sentinel::kEarliestPendingUpload ? wire::kNeverFlexible : wire::ApiVersion{0};
  }
}

constexpr wire::ApiVersion kOffsetNotAvailableFrom = 5;

Task<void> answer_partition(Broker& broker, const metadata::Topic* topic, const PartitionRequest& partition,
                            replication::Isolation isolation, bool replica, PartitionAnswer& answer) {
  answer.error_code = check_leader(broker, topic, false, partition.partition_index);
  if (answer.error_code != ErrorCode::none) co_return;
  const auto found =
      co_await on_partition(broker, {topic->id, partition.partition_index}, [&](replication::Partition& at) {
        return at.list_offset(partition.timestamp, partition.current_leader_epoch, isolation, replica);
      });
  if (!found) {
    answer.error_code = found.error().code;
    co_return;
  }
  answer.timestamp = found->timestamp;
  answer.offset = found->offset;
  answer.leader_epoch = found->leader_epoch;
}

}  // namespace

Task<wire::ListOffsetsResponse> list_offsets(Broker& broker, const Request& request,
                                             wire::ListOffsetsRequest message) {
  wire::ListOffsetsResponse response;
  const auto image = broker.image();
  const bool known_isolation = message.isolation_level == 0 || message.isolation_level == 1;
  const auto isolation = static_cast<replication::Isolation>(message.isolation_level);
  std::set<std::pair<std::string_view, PartitionIndex>> seen, repeated;
  for (const auto& topic : message.topics) {
    for (const auto& partition : topic.partitions) {
      const std::pair<std::string_view, PartitionIndex> key(topic.name, partition.partition_index);
      if (!seen.insert(key).second) repeated.insert(key);
    }
  }
  Turn turn;
  for (const auto& topic : message.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.name = topic.name;
    for (const PartitionRequest& partition : topic.partitions) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      PartitionAnswer answer;
      answer.partition_index = partition.partition_index;
      if (!known_isolation || repeated.contains({topic.name, partition.partition_index})) {
        answer.error_code = ErrorCode::invalid_request;
      } else if (request.header.api_version < first_version_of(partition.timestamp)) {
        answer.error_code = ErrorCode::unsupported_version;
      } else {
        co_await answer_partition(broker, image->topic(topic.name), partition, isolation,
                                  message.replica_id >= 0, answer);
      }
      if (answer.error_code == ErrorCode::offset_not_available &&
          request.header.api_version < kOffsetNotAvailableFrom) {
        answer.error_code = ErrorCode::leader_not_available;
      }
      broker.metrics.error(wire::ApiKey::list_offsets, answer.error_code);
      topic_answer.partitions.push_back(answer);
    }
  }
  co_return response;
}

}  // namespace moldau::server::handlers
