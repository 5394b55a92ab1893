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

MarkerSender::MarkerSender(runtime::Executor& executor, Send send)
    : executor_(executor), state_(std::make_shared<State>(State{std::move(send), {}, false})) {}

MarkerSender::~MarkerSender() { MOLDAU_ASSERT(state_->given_up); }

void MarkerSender::Waiting::answer(const Answers* found) {
  for (const TopicPartition& partition : marker.partitions) {
    const auto at = found ? found->find(partition) : Answers::const_iterator();
    answers.emplace(partition, found && at != found->end() ? at->second : ErrorCode::network_exception);
  }
  done.fire();
}

void MarkerSender::give_up() {
  state_->given_up = true;
  for (auto& [node, leader] : state_->leaders) {
    for (Line* line : {&leader.waiting, &leader.asked})
      for (Waiting* each : std::exchange(*line, {})) each->answer(nullptr);
  }
}

Task<MarkerSender::Answers> MarkerSender::write(NodeId leader, Marker marker) {
  Waiting waiting(executor_, std::move(marker));
  if (state_->given_up) {
    waiting.answer(nullptr);
    co_return std::move(waiting.answers);
  }
  Leader& line = state_->leaders[leader];
  line.waiting.push_back(&waiting);
  if (!std::exchange(line.sending, true)) drain(state_, leader).detach();
  co_await waiting.done.wait();
  co_return std::move(waiting.answers);
}

Task<void> MarkerSender::drain(std::shared_ptr<State> state, NodeId leader) {
  Leader& line = state->leaders[leader];
  while (!line.waiting.empty()) {
    const auto count = static_cast<std::ptrdiff_t>(std::min(line.waiting.size(), kMarkersAtOnce));
    line.asked.assign(line.waiting.begin(), line.waiting.begin() + count);
    line.waiting.erase(line.waiting.begin(), line.waiting.begin() + count);
    wire::WriteTxnMarkersRequest request;
    for (const Waiting* each : line.asked) request.markers.push_back(message_of(each->marker));
    const auto response = co_await state->send(leader, std::move(request));
    const ByProducer answers = answers_of(response);
    for (Waiting* each : std::exchange(line.asked, {})) {
      const auto of_producer = answers.find(each->marker.producer_id);
      each->answer(of_producer == answers.end() ? nullptr : &of_producer->second);
    }
  }
  line.sending = false;
}

}  // namespace moldau::coordinator
