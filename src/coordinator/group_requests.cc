// From a request to its answer.
#include <algorithm>

#include "coordinator/group_coordinator.h"

namespace moldau::coordinator {

using replication::PartitionResult;
using runtime::Task;
using wire::ErrorCode;

namespace {

// How often it is seen whether a partition that waits for space is still led.
constexpr runtime::Duration kSpaceCheck = std::chrono::milliseconds(200);

// What clients of groups understand.
ErrorCode error_code_of(const replication::PartitionError& error) {
  switch (error.code) {
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::not_enough_replicas:
    case ErrorCode::not_enough_replicas_after_append:
    case ErrorCode::request_timed_out:
      return ErrorCode::coordinator_not_available;
    case ErrorCode::not_leader_or_follower:
    case ErrorCode::kafka_storage_error:
      return error.passes ? ErrorCode::coordinator_not_available : ErrorCode::not_coordinator;
    default:
      return ErrorCode::unknown_server_error;
  }
}

}  // namespace

// --- events

Task<GroupResult<GroupCoordinator::HostedPtr>> GroupCoordinator::ready(PartitionIndex at) {
  for (;;) {
    const auto found = hosted_.find(at);
    if (found == hosted_.end()) co_return std::unexpected(ErrorCode::not_coordinator);
    const HostedPtr hosted = found->second;
    if (!hosted->log.is_led()) {
      unload(at);
      co_return std::unexpected(ErrorCode::not_coordinator);
    }
    if (!hosted->loaded) co_return std::unexpected(ErrorCode::coordinator_load_in_progress);
    if (!hosted->stalled) co_return hosted;
    co_await hosted->resumed.wait();
  }
}

Task<GroupCoordinator::Written> GroupCoordinator::write(HostedPtr hosted, group::Records records,
                                                        Batches batches) {
  std::vector<StateLog::Entry> entries;
  for (const group::Record& record : records) {
    group::EncodedRecord encoded = group::encode(record);
    entries.push_back({std::move(encoded.key), std::move(encoded.value)});
  }
  Written written;
  std::span<const StateLog::Entry> rest(entries);
  while (!rest.empty() && written.code == ErrorCode::none) {
    const std::size_t count = batches == Batches::one ? rest.size() : hosted->log.fitting(rest);
    const auto first = co_await append(*hosted, rest.first(count));
    const auto done = records.begin() + static_cast<std::ptrdiff_t>(records.size() - rest.size());
    if (!first) {
      written.code = error_code_of(first.error());
      hosted->groups->refused({done, records.end()}, written.code, now());
      break;
    }
    for (std::size_t i = 0; i < count; ++i)
      hosted->groups->replay(done[static_cast<std::ptrdiff_t>(i)], *first + static_cast<Offset>(i), now());
    written.end = *first + static_cast<Offset>(count);
    rest = rest.subspan(count);
  }
  deliver(*hosted);
  arm(hosted);
  co_return written;
}

// A full commit log is no error of the client's: the event waits, and those behind it.
Task<PartitionResult<Offset>> GroupCoordinator::append(Hosted& hosted,
                                                       std::span<const StateLog::Entry> entries) {
  const auto deadline = parts_.executor.now() + parts_.settings.commit_timeout;
  for (;;) {
    if (hosted.gone) co_return replication::refuse(ErrorCode::not_leader_or_follower);
    auto appended = hosted.log.append(entries, parts_.wall_clock.now_ms(), parts_.settings.offsets_codec);
    const bool waits = !appended && appended.error().passes && parts_.executor.now() < deadline;
    if (!waits) {
      if (std::exchange(hosted.stalled, false)) hosted.resumed.notify_all();
      co_return appended;
    }
    hosted.stalled = true;
    co_await hosted.log.wait_for_space(std::min(deadline, parts_.executor.now() + kSpaceCheck));
  }
}

Task<ErrorCode> GroupCoordinator::committed(HostedPtr hosted, Offset end) {
  if (hosted->log.is_committed(end)) co_return ErrorCode::none;
  const auto done =
      co_await hosted->log.committed(end, parts_.executor.now() + parts_.settings.commit_timeout);
  co_return done ? ErrorCode::none : error_code_of(done.error());
}

void GroupCoordinator::deliver(Hosted& hosted) {
  for (group::Answer& answer : hosted.groups->take_answers()) {
    const auto found = hosted.waiting.find(answer.ticket);
    if (found == hosted.waiting.end()) continue;  // nobody waits any more
    found->second->answer = std::move(answer);
    found->second->shot.fire();
  }
}

template <class Body>
auto GroupCoordinator::run(PartitionIndex at, Batches batches, Body body)
    -> Task<GroupResult<decltype(body(std::declval<group::Groups&>()).response)>> {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return std::unexpected(ErrorCode::not_coordinator);
  const auto hosted = co_await ready(at);
  if (!hosted) co_return std::unexpected(hosted.error());
  auto outcome = body(*(*hosted)->groups);
  const Written written = co_await write(*hosted, std::move(outcome.records), batches);
  if (written.code != ErrorCode::none) co_return std::unexpected(written.code);
  const ErrorCode code = co_await committed(*hosted, std::max(outcome.after, written.end));
  if (code != ErrorCode::none) co_return std::unexpected(code);
  co_return std::move(outcome.response);
}

template <class Response, class Body>
Task<GroupResult<Response>> GroupCoordinator::run_and_wait(PartitionIndex at, std::string group_id,
                                                           group::Ticket ticket, Body body) {
  const runtime::Gate::Pass pass(gate_);
  if (!pass) co_return std::unexpected(ErrorCode::not_coordinator);
  const auto is_ready = co_await ready(at);
  if (!is_ready) co_return std::unexpected(is_ready.error());
  const HostedPtr hosted = *is_ready;
  Waiting waiting(parts_.executor);
  hosted->waiting.emplace(ticket, &waiting);
  static_cast<void>(co_await write(hosted, body(*hosted->groups), Batches::one));
  co_await waiting.shot.wait();
  hosted->waiting.erase(ticket);
  if (!waiting.answer) {
    if (!hosted->gone) {
      hosted->groups->abandon(group_id, ticket, now());
      arm(hosted);
    }
    co_return std::unexpected(ErrorCode::not_coordinator);
  }
  const ErrorCode code = co_await committed(hosted, waiting.answer->after);
  if (code != ErrorCode::none) co_return std::unexpected(code);
  co_return std::get<Response>(std::move(waiting.answer->response));
}

// --- requests

// What they were sent in is not held while they wait.
Task<GroupResult<wire::JoinGroupResponse>> GroupCoordinator::join(PartitionIndex at,
                                                                  wire::JoinGroupRequest request,
                                                                  group::Client client,
                                                                  group::Ticket ticket) {
  const auto judge = [&](group::Groups& groups) {
    const wire::JoinGroupRequest sent = std::exchange(request, {});
    return groups.join(sent, client, ticket, now());
  };
  co_return co_await run_and_wait<wire::JoinGroupResponse>(at, request.group_id, ticket, judge);
}

Task<GroupResult<wire::SyncGroupResponse>> GroupCoordinator::sync(PartitionIndex at,
                                                                  wire::SyncGroupRequest request,
                                                                  group::Client client,
                                                                  group::Ticket ticket) {
  const auto judge = [&](group::Groups& groups) {
    const wire::SyncGroupRequest sent = std::exchange(request, {});
    return groups.sync(sent, client, ticket, now());
  };
  co_return co_await run_and_wait<wire::SyncGroupResponse>(at, request.group_id, ticket, judge);
}

void GroupCoordinator::abandon(PartitionIndex at, group::Ticket ticket) {
  const auto hosted = hosted_.find(at);
  if (hosted == hosted_.end()) return;
  const auto waiting = hosted->second->waiting.find(ticket);
  if (waiting != hosted->second->waiting.end()) waiting->second->shot.fire();
}

// While the groups are loaded nobody's session runs, and a member need not look for another coordinator.
Task<GroupResult<wire::HeartbeatResponse>> GroupCoordinator::heartbeat(PartitionIndex at,
                                                                       wire::HeartbeatRequest request) {
  auto response =
      co_await run(at, Batches::one, [&](group::Groups& groups) { return groups.heartbeat(request, now()); });
  if (!response && response.error() == ErrorCode::coordinator_load_in_progress)
    co_return wire::HeartbeatResponse();
  co_return response;
}

Task<GroupResult<wire::ConsumerGroupHeartbeatResponse>> GroupCoordinator::heartbeat(
    PartitionIndex at, wire::ConsumerGroupHeartbeatRequest request, group::Client client) {
  co_return co_await run(at, Batches::one,
                         [&](group::Groups& groups) { return groups.heartbeat(request, client, now()); });
}

Task<GroupResult<wire::LeaveGroupResponse>> GroupCoordinator::leave(PartitionIndex at,
                                                                    wire::LeaveGroupRequest request,
                                                                    group::Client client) {
  co_return co_await run(at, Batches::one,
                         [&](group::Groups& groups) { return groups.leave(request, client, now()); });
}

Task<GroupResult<wire::OffsetCommitResponse>> GroupCoordinator::commit_offsets(
    PartitionIndex at, wire::OffsetCommitRequest request, group::Client client) {
  co_return co_await run(
      at, Batches::one, [&](group::Groups& groups) { return groups.commit_offsets(request, client, now()); });
}

// Clients before 3.9 do not know that this may fail for a while, and look for the coordinator again (as
// Kafka).
Task<GroupResult<wire::OffsetFetchResponse::Group>> GroupCoordinator::fetch_offsets(
    PartitionIndex at, wire::OffsetFetchRequest::Group request) {
  auto response =
      co_await run(at, Batches::one, [&](group::Groups& groups) { return groups.fetch_offsets(request); });
  if (!response && response.error() == ErrorCode::coordinator_not_available)
    co_return std::unexpected(ErrorCode::not_coordinator);
  co_return response;
}

Task<GroupResult<wire::OffsetDeleteResponse>> GroupCoordinator::delete_offsets(
    PartitionIndex at, wire::OffsetDeleteRequest request) {
  co_return co_await run(at, Batches::several,
                         [&](group::Groups& groups) { return groups.delete_offsets(request); });
}

Task<GroupResult<wire::DescribeGroupsResponse::Group>> GroupCoordinator::describe(PartitionIndex at,
                                                                                  std::string group_id,
                                                                                  wire::ApiVersion version) {
  co_return co_await run(at, Batches::one,
                         [&](group::Groups& groups) { return groups.describe(group_id, version); });
}

Task<GroupResult<wire::ConsumerGroupDescribeResponse::Group>> GroupCoordinator::describe_consumers(
    PartitionIndex at, std::string group_id) {
  co_return co_await run(at, Batches::one,
                         [&](group::Groups& groups) { return groups.describe_consumers(group_id); });
}

Task<GroupResult<ErrorCode>> GroupCoordinator::delete_group(PartitionIndex at, std::string group_id) {
  co_return co_await run(at, Batches::several,
                         [&](group::Groups& groups) { return groups.delete_group(group_id); });
}

Task<GroupResult<std::vector<wire::ListGroupsResponse::Group>>> GroupCoordinator::list(
    wire::ListGroupsRequest filters) {
  std::vector<wire::ListGroupsResponse::Group> all;
  std::vector<PartitionIndex> partitions;
  for (const auto& [at, hosted] : hosted_) partitions.push_back(at);
  for (const PartitionIndex at : partitions) {
    auto some = co_await run(at, Batches::one, [&](group::Groups& groups) { return groups.list(filters); });
    if (!some && some.error() == ErrorCode::not_coordinator) continue;  // it is another broker's now
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(*some, std::back_inserter(all));
  }
  co_return all;
}

std::vector<group::Glance> GroupCoordinator::glances() const {
  std::vector<group::Glance> all;
  for (const auto& [at, hosted] : hosted_)
    if (hosted->loaded) std::ranges::move(hosted->groups->glances(), std::back_inserter(all));
  return all;
}

}  // namespace moldau::coordinator
