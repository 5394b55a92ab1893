// What is decided is carried out: markers to all partitions of a transaction, again and again until each has
// one; then the record that says so.
#include <algorithm>

#include "coordinator/transaction_coordinator.h"
#include "telemetry/log.h"

namespace moldau::coordinator {

using runtime::Task;
using transaction::Ending;
using wire::ErrorCode;

namespace {

constexpr runtime::Duration kFirstPause = std::chrono::milliseconds(20);
constexpr runtime::Duration kLongestPause = std::chrono::seconds(1);

// Several calls that are under way together.
struct Together {
  explicit Together(runtime::Executor& executor) : done(executor) {}
  std::size_t left = 1;
  runtime::OneShot done;
  MarkerSender::Answers answers;

  void end_one() {
    if (--left == 0) done.fire();
  }
};

Task<void> write_to(MarkerSender& markers, NodeId leader, Marker marker, Together& together) {
  auto answers = co_await markers.write(leader, std::move(marker));
  together.answers.merge(answers);
  together.end_one();
}

Marker marker_of(const Ending& ending, std::int32_t coordinator_epoch) {
  return {.producer_id = ending.producer.id,
          .producer_epoch = ending.producer.epoch,
          .committed = ending.committed,
          .coordinator_epoch = coordinator_epoch,
          .transaction_version = ending.version,
          .partitions = {}};
}

}  // namespace

Task<void> TransactionCoordinator::complete_prepared(HostedPtr hosted) {
  for (std::string& id : hosted->state->prepared()) complete(hosted, std::move(id)).detach();
  co_return;
}

Task<void> TransactionCoordinator::complete(HostedPtr hosted, std::string id) {
  const runtime::Gate::Pass pass(hosted_.gate());
  if (!pass || !hosted->completing.insert(id).second) co_return;
  while (const auto ending = hosted->state->ending_of(id)) {
    const bool through = co_await committed(hosted, ending->after) &&
                         co_await write_markers(hosted, *ending) && co_await write_down(hosted, *ending);
    if (!through) break;
  }
  hosted->completing.erase(id);
}

// All partitions know. False: this is the coordinator no longer.
Task<bool> TransactionCoordinator::write_down(HostedPtr hosted, const Ending& ending) {
  for (;;) {
    const auto is_ready = co_await hosted_.ready(hosted->key().partition);
    if (!is_ready || *is_ready != hosted) co_return false;
    const Written written =
        co_await write(hosted, hosted->state->complete(ending, parts_.wall_clock.now_ms()));
    if (written.code == ErrorCode::none) co_return true;
    co_await hosted->wait_until_gone(parts_.executor.now() + kLongestPause);
  }
}

// Nobody may hear of a decision that could be gone with this coordinator. False: it is one no longer.
Task<bool> TransactionCoordinator::committed(HostedPtr hosted, Offset end) {
  for (;;) {
    if (hosted->gone() || !hosted->log.is_led()) co_return false;
    const ErrorCode code = co_await hosted->committed(end, parts_.settings.commit_timeout);
    if (code == ErrorCode::none) co_return !hosted->gone();
    co_await hosted->wait_until_gone(parts_.executor.now() + kFirstPause);
  }
}

// False: this is the coordinator no longer.
Task<bool> TransactionCoordinator::write_markers(HostedPtr hosted, const Ending& ending) {
  std::set<TopicPartition> left = ending.partitions;
  runtime::Duration pause = kFirstPause;
  for (;;) {
    if (hosted->gone() || !hosted->log.is_led()) co_return false;
    co_await write_some(hosted, ending, left);
    if (left.empty()) co_return !hosted->gone();
    if (pause == kLongestPause) {
      telemetry::log_warn("coordinator", "partitions have no marker yet of a transaction that has ended",
                          {{"transactional_id", ending.transactional_id},
                           {"partitions", left.size()},
                           {"first", left.begin()->to_string()}});
    }
    co_await hosted->wait_until_gone(parts_.executor.now() + pause);
    pause = std::min(pause * 2, kLongestPause);
  }
}

// One round: who has its marker, or is gone with its topic, is taken from `left`.
Task<void> TransactionCoordinator::write_some(HostedPtr hosted, const Ending& ending,
                                              std::set<TopicPartition>& left) {
  std::map<NodeId, Marker> by_leader;
  const auto image = image_;
  std::erase_if(left, [&](const TopicPartition& each) {
    const metadata::Topic* topic = image->topic(each.topic);
    const metadata::Partition* partition = topic ? topic->partition(each.partition) : nullptr;
    if (partition == nullptr) return true;
    if (partition->leader == kNoNode) return false;
    const auto [at, added] = by_leader.try_emplace(partition->leader);
    if (added) at->second = marker_of(ending, hosted->log.leader_epoch());
    at->second.partitions.push_back(each);
    return false;
  });
  Together together(parts_.executor);
  for (auto& [leader, marker] : by_leader) {
    ++together.left;
    write_to(markers_, leader, std::move(marker), together).detach();
  }
  together.end_one();
  co_await together.done.wait();
  std::erase_if(left, [&](const TopicPartition& each) {
    const auto answer = together.answers.find(each);
    return answer != together.answers.end() && answer->second == ErrorCode::none;
  });
}

}  // namespace moldau::coordinator
