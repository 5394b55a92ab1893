// DeleteRecords and OffsetForLeaderEpoch.
#include <algorithm>

#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

constexpr std::int64_t kMaxWaitMs = 3'600'000;

}  // namespace

Task<wire::DeleteRecordsResponse> delete_records(Broker& broker, const Request& request,
                                                 wire::DeleteRecordsRequest message) {
  wire::DeleteRecordsResponse response;
  const auto deadline =
      request.arrived + runtime::milliseconds(std::clamp<std::int64_t>(message.timeout_ms, 0, kMaxWaitMs));
  const auto image = broker.image();
  Turn turn;
  for (const auto& topic : message.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.name = topic.name;
    const metadata::Topic* known = image->topic(topic.name);
    for (const auto& partition : topic.partitions) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.low_watermark = kNoOffset;
      answer.error_code = check_leader(broker, known, false, partition.partition_index);
      if (answer.error_code == ErrorCode::none) {
        const auto deleted = co_await on_partition(
            broker, {known->id, partition.partition_index},
            [&](replication::Partition& at) { return at.delete_records(partition.offset, deadline); });
        answer.error_code = deleted ? ErrorCode::none : deleted.error().code;
        answer.low_watermark = deleted.value_or(kNoOffset);
      }
      broker.metrics.error(wire::ApiKey::delete_records, answer.error_code);
    }
  }
  co_return response;
}

Task<wire::OffsetForLeaderEpochResponse> offset_for_leader_epoch(Broker& broker, const Request&,
                                                                 wire::OffsetForLeaderEpochRequest message) {
  wire::OffsetForLeaderEpochResponse response;
  const auto image = broker.image();
  Turn turn;
  for (const auto& topic : message.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.topic = topic.topic;
    const metadata::Topic* known = image->topic(topic.topic);
    for (const auto& partition : topic.partitions) {
      if (turn.over()) co_await runtime::yield(broker.executor);
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition = partition.partition;
      answer.error_code = check_leader(broker, known, false, partition.partition);
      if (answer.error_code == ErrorCode::none) {
        const auto end =
            co_await on_partition(broker, {known->id, partition.partition}, [&](replication::Partition& at) {
              return at.offset_for_leader_epoch(partition.current_leader_epoch, partition.leader_epoch);
            });
        answer.error_code = end ? ErrorCode::none : end.error().code;
        if (end) answer.leader_epoch = end->epoch;
        if (end) answer.end_offset = end->end_offset;
      }
      broker.metrics.error(wire::ApiKey::offset_for_leader_epoch, answer.error_code);
    }
  }
  co_return response;
}

}  // namespace moldau::server::handlers
