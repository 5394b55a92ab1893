#include "replication/isr_updater.h"

namespace moldau::replication {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kTimeout = std::chrono::seconds(5);
constexpr runtime::Duration kRetry = std::chrono::milliseconds(50);
constexpr std::size_t kQuestionsAtOnce = 1000;  // a request for more partitions is sent in several

}  // namespace

IsrUpdater::IsrUpdater(runtime::Executor& executor, IsrChannel& channel,
                       const BrokerRegistration& registration, IsrSource& source)
    : executor_(executor),
      channel_(channel),
      registration_(registration),
      source_(source),
      gate_(executor),
      stopping_(executor) {}

void IsrUpdater::ask(const TopicIdPartition& key) {
  due_.insert(key);
  if (running_ || gate_.closing()) return;
  running_ = true;
  run().detach();
}

Task<void> IsrUpdater::stop() {
  stopping_.fire();
  if (!gate_.closing()) co_await gate_.close();
}

Task<void> IsrUpdater::run() {
  const runtime::Gate::Pass pass(gate_);
  co_await runtime::yield(executor_);  // what is asked in the same turn goes together
  while (!due_.empty() && !stopping_.fired()) {
    const bool went_well = co_await ask_all(take_questions());
    if (!went_well) co_await stopping_.wait(executor_.now() + kRetry);
  }
  running_ = false;
}

IsrUpdater::Questions IsrUpdater::take_questions() {
  Questions questions;
  while (!due_.empty() && questions.size() < kQuestionsAtOnce) {
    const TopicIdPartition key = due_.extract(due_.begin()).value();
    if (auto question = source_.isr_question(key)) questions.emplace(key, std::move(*question));
  }
  return questions;
}

wire::AlterPartitionRequest IsrUpdater::request_of(const Questions& questions) const {
  wire::AlterPartitionRequest request;
  request.broker_id = registration_.node_id();
  request.broker_epoch = registration_.epoch();
  for (const auto& [key, question] : questions) {
    if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
      request.topics.emplace_back().topic_id = key.topic_id;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition_index = key.partition;
    partition.leader_epoch = question.leader_epoch;
    partition.partition_epoch = question.partition_epoch;
    for (const IsrMember& member : question.isr) {
      partition.new_isr.push_back(member.id);
      partition.new_isr_with_epochs.push_back({member.id, member.broker_epoch});
    }
  }
  return request;
}

// False when something has to be asked again.
Task<bool> IsrUpdater::ask_all(const Questions& questions) {
  if (questions.empty()) co_return true;
  auto response = co_await channel_.alter_partition(request_of(questions), executor_.now() + kTimeout);
  bool went_well = true;
  Questions open = questions;
  if (response && response->error_code == ErrorCode::none) {
    for (const auto& topic : response->topics) {
      for (const IsrAnswer& answer : topic.partitions) {
        const TopicIdPartition key{topic.topic_id, answer.partition_index};
        const auto asked = open.extract(key);
        if (!asked || !source_.isr_answered(key, asked.mapped(), answer)) continue;
        due_.insert(key);
        went_well = false;
      }
    }
  }
  // Refused as a whole, or left out of the answer: again.
  for (const auto& [key, question] : open) {
    if (!response) source_.isr_unanswered(key);
    due_.insert(key);
    went_well = false;
  }
  co_return went_well;
}

}  // namespace moldau::replication
