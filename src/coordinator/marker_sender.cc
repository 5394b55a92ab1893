#include "coordinator/marker_sender.h"

#include <algorithm>

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

namespace {

// Of one request, which its receiver writes as a whole before it answers.
constexpr std::size_t kMarkersAtOnce = 500;

wire::WriteTxnMarkersRequest::Marker message_of(const Marker& marker) {
  wire::WriteTxnMarkersRequest::Marker message;
  message.producer_id = marker.producer_id;
  message.producer_epoch = marker.producer_epoch;
  message.transaction_result = marker.committed;
  message.coordinator_epoch = marker.coordinator_epoch;
  message.transaction_version = static_cast<std::int8_t>(marker.transaction_version);
  for (const TopicPartition& partition : marker.partitions) {
    if (message.topics.empty() || message.topics.back().name != partition.topic)
      message.topics.emplace_back().name = partition.topic;
    message.topics.back().partition_indexes.push_back(partition.partition);
  }
  return message;
}

using ByProducer = std::map<ProducerId, MarkerSender::Answers>;

ByProducer answers_of(const Result<wire::WriteTxnMarkersResponse>& response) {
  ByProducer all;
  if (!response) return all;
  for (const auto& marker : response->markers)
    for (const auto& topic : marker.topics)
      for (const auto& partition : topic.partitions)
        all[marker.producer_id].insert_or_assign({topic.name, partition.partition_index},
                                                 partition.error_code);
  return all;
}

}  // namespace

MarkerSender::~MarkerSender() { MOLDAU_ASSERT(gate_.entered() == 0); }

Task<void> MarkerSender::close() { co_await gate_.close(); }

Task<MarkerSender::Answers> MarkerSender::write(NodeId leader, Marker marker) {
  Waiting waiting(executor_, std::move(marker));
  Line& line = lines_[leader];
  line.waiting.push_back(&waiting);
  if (!std::exchange(line.sending, true)) drain(leader).detach();
  co_await waiting.done.wait();
  co_return std::move(waiting.answers);
}

Task<void> MarkerSender::drain(NodeId leader) {
  const runtime::Gate::Pass pass(gate_);
  Line& line = lines_[leader];
  while (!line.waiting.empty()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(line.waiting.size(), kMarkersAtOnce));
    const std::vector<Waiting*> batch(line.waiting.begin(), line.waiting.begin() + count);
    line.waiting.erase(line.waiting.begin(), line.waiting.begin() + count);
    wire::WriteTxnMarkersRequest request;
    for (const Waiting* each : batch) request.markers.push_back(message_of(each->marker));
    const auto response = co_await send_(leader, std::move(request));
    const ByProducer answers = answers_of(response);
    for (Waiting* each : batch) {
      const auto of_producer = answers.find(each->marker.producer_id);
      for (const TopicPartition& partition : each->marker.partitions) {
        ErrorCode code = ErrorCode::network_exception;
        if (of_producer != answers.end()) {
          const auto found = of_producer->second.find(partition);
          if (found != of_producer->second.end()) code = found->second;
        }
        each->answers.emplace(partition, code);
      }
      each->done.fire();
    }
  }
  line.sending = false;
}

}  // namespace moldau::coordinator
