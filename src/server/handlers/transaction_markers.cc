// WriteTxnMarkers: the end of transactions in partitions that this broker leads, and TxnOffsetCommit: offsets
// that are committed in one.
#include <algorithm>

#include "metadata/topic_name.h"
#include "server/handlers/handlers.h"
#include "server/handlers/joining_transactions.h"
#include "server/handlers/topics.h"
#include "wire/murmur2.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

// The coordinator writes again what is not acknowledged by then.
constexpr runtime::Duration kMarkerTimeout = std::chrono::seconds(5);

using MarkerRequest = wire::WriteTxnMarkersRequest::Marker;
using MarkerAnswer = wire::WriteTxnMarkersResponse::Marker;
using PartitionAnswer = MarkerAnswer::Topic::Partition;

// A marker that is in the log, and waits for its replicas.
struct Waiting {
  TopicIdPartition key;
  Offset until = kNoOffset;
  replication::Leadership leadership = 0;
  std::size_t marker = 0;
  std::size_t topic = 0;
  std::size_t partition = 0;
};

record::EndTransaction end_of(const MarkerRequest& marker, TimestampMs now_ms) {
  return {.committed = marker.transaction_result,
          .producer_id = marker.producer_id,
          .producer_epoch = marker.producer_epoch,
          .coordinator_epoch = marker.coordinator_epoch,
          .timestamp = now_ms};
}

// Appends to a partition; the error, when there is nothing to wait for.
Task<ErrorCode> append_marker(Broker& broker, const metadata::Topic* topic, const MarkerRequest& marker,
                              PartitionIndex index, Waiting& waiting) {
  if (topic == nullptr || topic->partition(index) == nullptr) co_return ErrorCode::unknown_topic_or_partition;
  const TimestampMs now_ms = broker.wall_now_ms();
  const record::EndTransaction end = end_of(marker, now_ms);
  if (topic->name == metadata::kOffsetsTopic)
    co_return co_await broker.groups->end_transaction(index, end, marker.transaction_version);
  waiting.key = {topic->id, index};
  const auto appended = co_await on_partition(broker, waiting.key, [&](replication::Partition& at) {
    return at.append_marker(end, marker.transaction_version, now_ms);
  });
  if (!appended) co_return appended.error().code;
  waiting.until = appended->info.last_offset + 1;
  waiting.leadership = appended->leadership;
  co_return ErrorCode::none;
}

MarkerAnswer& answer_for(wire::WriteTxnMarkersResponse& response, ProducerId producer) {
  const auto same = std::ranges::find(response.markers, producer, &MarkerAnswer::producer_id);
  if (same != response.markers.end()) return *same;
  response.markers.emplace_back().producer_id = producer;
  return response.markers.back();
}

// --- TxnOffsetCommit

// Of the request, what names partitions that exist; the answer has the errors of the others, and places to
// fill for these.
wire::TxnOffsetCommitRequest keep_known(const metadata::Image& image, wire::TxnOffsetCommitRequest message,
                                        wire::TxnOffsetCommitResponse& response) {
  const auto asked = std::exchange(message.topics, {});
  for (const auto& topic : asked) {
    const metadata::Topic* known = image.topic(topic.name);
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    auto& kept = message.topics.emplace_back();
    kept.name = topic.name;
    for (const auto& partition : topic.partitions) {
      const ErrorCode code = check_exists(known, false, partition.partition_index);
      answer.partitions.push_back({partition.partition_index, code});
      if (code == ErrorCode::none) kept.partitions.push_back(partition);
    }
    if (kept.partitions.empty()) message.topics.pop_back();
  }
  return message;
}

void fill_in(wire::TxnOffsetCommitResponse& response,
             const GroupResult<wire::TxnOffsetCommitResponse>& result) {
  std::vector<ErrorCode> codes;
  if (result) {
    for (const auto& topic : result->topics)
      for (const auto& partition : topic.partitions) codes.push_back(partition.error_code);
  }
  auto next = codes.begin();
  for (auto& topic : response.topics) {
    for (auto& partition : topic.partitions)
      if (partition.error_code == ErrorCode::none) partition.error_code = result ? *next++ : result.error();
  }
}

// Clients do not look for the transaction's coordinator when they commit offsets: this has them come again.
ErrorCode as_known(ErrorCode code, ClientAbilities client) {
  switch (code) {
    case ErrorCode::network_exception:
    case ErrorCode::coordinator_load_in_progress:
    case ErrorCode::coordinator_not_available:
    case ErrorCode::not_coordinator:
      return ErrorCode::coordinator_load_in_progress;
    case ErrorCode::concurrent_transactions:
      return client.adds ? code : ErrorCode::coordinator_load_in_progress;
    default:
      return code;
  }
}

Task<GroupResult<wire::TxnOffsetCommitResponse>> commit(Broker& broker, wire::TxnOffsetCommitRequest message,
                                                        ClientAbilities client) {
  const auto image = broker.image();
  const metadata::Topic* offsets = image->topic(metadata::kOffsetsTopic);
  const bool asks = broker.broker_config(*image).bool_of("transaction.partition.verification.enable");
  if (message.group_id.empty() || offsets == nullptr || !asks)
    co_return co_await broker.groups->ask(std::move(message), std::nullopt);
  const auto guard = co_await broker.groups->guard_transaction(message.group_id, message.producer_id,
                                                               message.producer_epoch);
  if (!guard) co_return std::unexpected(guard.error());
  if (*guard != replication::kNoGuard) {
    const TopicPartition at{offsets->name,
                            wire::coordinator_partition(message.group_id, offsets->partition_count())};
    const auto codes = co_await join_transaction(broker, message.transactional_id,
                                                 {message.producer_id, message.producer_epoch}, {at}, client);
    const ErrorCode code = codes.at(at);
    if (code != ErrorCode::none) co_return std::unexpected(as_known(code, client));
  }
  co_return co_await broker.groups->ask(std::move(message), *guard);
}

}  // namespace

Task<wire::WriteTxnMarkersResponse> write_txn_markers(Broker& broker, const Request&,
                                                      wire::WriteTxnMarkersRequest message) {
  wire::WriteTxnMarkersResponse response;
  std::vector<Waiting> all;
  const auto image = broker.image();
  Turn turn;
  for (const MarkerRequest& marker : message.markers) {
    MarkerAnswer& answer = answer_for(response, marker.producer_id);
    for (const auto& topic : marker.topics) {
      auto& topic_answer = answer.topics.emplace_back();
      topic_answer.name = topic.name;
      const metadata::Topic* known = image->topic(topic.name);
      for (const PartitionIndex index : topic.partition_indexes) {
        if (turn.over()) co_await runtime::yield(broker.executor);
        Waiting waiting;
        const ErrorCode code = co_await append_marker(broker, known, marker, index, waiting);
        topic_answer.partitions.push_back({index, code});
        if (code != ErrorCode::none || waiting.until == kNoOffset) continue;
        waiting.marker = static_cast<std::size_t>(&answer - response.markers.data());
        waiting.topic = answer.topics.size() - 1;
        waiting.partition = topic_answer.partitions.size() - 1;
        all.push_back(waiting);
      }
    }
  }
  const auto deadline = broker.executor.now() + kMarkerTimeout;
  for (const Waiting& waiting : all) {
    const auto done = co_await on_partition(broker, waiting.key, [&](replication::Partition& at) {
      return at.acknowledged(waiting.until, -1, waiting.leadership, deadline);
    });
    if (!done) {
      PartitionAnswer& at =
          response.markers[waiting.marker].topics[waiting.topic].partitions[waiting.partition];
      at.error_code = done.error().code;
    }
  }
  for (const MarkerAnswer& marker : response.markers)
    for (const auto& topic : marker.topics)
      for (const PartitionAnswer& partition : topic.partitions)
        broker.metrics.error(wire::ApiKey::write_txn_markers, partition.error_code);
  co_return response;
}

Task<wire::TxnOffsetCommitResponse> txn_offset_commit(Broker& broker, const Request& request,
                                                      wire::TxnOffsetCommitRequest message) {
  constexpr wire::ApiVersion kLoadingKnownFrom = 2;
  wire::TxnOffsetCommitResponse response;
  const auto image = broker.image();
  message = keep_known(*image, std::move(message), response);
  if (!message.topics.empty()) {
    auto result =
        co_await commit(broker, std::move(message), abilities_of_offset_commit(request.header.api_version));
    fill_in(response, result);
  }
  for (auto& topic : response.topics) {
    for (auto& partition : topic.partitions) {
      if (partition.error_code == ErrorCode::coordinator_load_in_progress &&
          request.header.api_version < kLoadingKnownFrom)
        partition.error_code = ErrorCode::coordinator_not_available;
      broker.metrics.error(wire::ApiKey::txn_offset_commit, partition.error_code);
    }
  }
  co_return response;
}

}  // namespace moldau::server::handlers
