// From a request to its answer.
#include <algorithm>

#include "coordinator/group_coordinator.h"

namespace moldau::coordinator {

using runtime::Task;
using wire::ErrorCode;

// --- events

void GroupCoordinator::replay(Hosted& hosted, const group::Record& record, Offset offset,
                              const Producer& producer) const {
  if (producer) {
    hosted.groups->replay_pending(record, offset, producer->id);
  } else {
    hosted.groups->replay(record, offset, now());
  }
}

Task<GroupCoordinator::Written> GroupCoordinator::write(HostedPtr hosted, group::Records records,
                                                        Batches batches, Producer producer) {
  std::vector<StateLog::Entry> entries;
  for (const group::Record& record : records) {
    group::EncodedRecord encoded = group::encode(record);
    entries.push_back({std::move(encoded.key), std::move(encoded.value)});
  }
  Written written;
  std::span<const StateLog::Entry> rest(entries);
  while (!rest.empty() && written.code == ErrorCode::none) {
    const std::size_t count = batches == Batches::one ? rest.size() : hosted->log.fitting(rest);
    const auto attempt = [&] {
      return hosted->log.append(rest.first(count), parts_.wall_clock.now_ms(), parts_.settings.offsets_codec,
                                producer);
    };
    const auto first = co_await hosted->append(attempt, parts_.settings.commit_timeout);
    const auto done = records.begin() + static_cast<std::ptrdiff_t>(records.size() - rest.size());
    if (!first) {
      written.code = error_code_of(first.error());
      hosted->groups->refused({done, records.end()}, written.code, now());
      break;
    }
    for (std::size_t i = 0; i < count; ++i)
      replay(*hosted, done[static_cast<std::ptrdiff_t>(i)], *first + static_cast<Offset>(i), producer);
    written.end = *first + static_cast<Offset>(count);
    rest = rest.subspan(count);
  }
  deliver(*hosted);
  arm(hosted);
  co_return written;
}

Task<ErrorCode> GroupCoordinator::committed(HostedPtr hosted, Offset end) {
  return hosted->committed(end, parts_.settings.commit_timeout);
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
auto GroupCoordinator::run(PartitionIndex at, Batches batches, Body body, Producer producer)
    -> Task<GroupResult<decltype(body(std::declval<group::Groups&>()).response)>> {
  const runtime::Gate::Pass pass(hosted_.gate());
  if (!pass) co_return std::unexpected(ErrorCode::not_coordinator);
  const auto hosted = co_await hosted_.ready(at);
  if (!hosted) co_return std::unexpected(hosted.error());
  auto outcome = body(*(*hosted)->groups);
  const Written written = co_await write(*hosted, std::move(outcome.records), batches, producer);
  if (written.code != ErrorCode::none) co_return std::unexpected(written.code);
  const ErrorCode code = co_await committed(*hosted, std::max(outcome.after, written.end));
  if (code != ErrorCode::none) co_return std::unexpected(code);
  co_return std::move(outcome.response);
}

template <class Response, class Body>
Task<GroupResult<Response>> GroupCoordinator::run_and_wait(PartitionIndex at, std::string group_id,
                                                           group::Ticket ticket, Body body) {
  const runtime::Gate::Pass pass(hosted_.gate());
  if (!pass) co_return std::unexpected(ErrorCode::not_coordinator);
  const auto is_ready = co_await hosted_.ready(at);
  if (!is_ready) co_return std::unexpected(is_ready.error());
  const HostedPtr hosted = *is_ready;
  Waiting waiting(parts_.executor);
  hosted->waiting.emplace(ticket, &waiting);
  static_cast<void>(co_await write(hosted, body(*hosted->groups), Batches::one));
  co_await waiting.shot.wait();
  hosted->waiting.erase(ticket);
  if (!waiting.answer) {
    if (!hosted->gone()) {
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
  const auto hosted = hosted_.all().find(at);
  if (hosted == hosted_.all().end()) return;
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

Task<GroupResult<replication::TransactionGuard>> GroupCoordinator::guard_transaction(PartitionIndex at,
                                                                                     ProducerId producer_id,
                                                                                     ProducerEpoch epoch) {
  const auto hosted = co_await hosted_.ready(at);
  if (!hosted) co_return std::unexpected(hosted.error());
  const auto guard = (*hosted)->log.guard_for(producer_id, epoch);
  if (!guard) co_return std::unexpected(error_code_of(guard.error()));
  co_return *guard;
}

Task<GroupResult<wire::TxnOffsetCommitResponse>> GroupCoordinator::commit_offsets(
    PartitionIndex at, wire::TxnOffsetCommitRequest request, StateLog::Producer producer) {
  co_return co_await run(
      at, Batches::one, [&](group::Groups& groups) { return groups.commit_offsets(request, now()); },
      producer);
}

// The transaction's coordinator understands what the leader of a partition says, and comes again.
Task<ErrorCode> GroupCoordinator::end_transaction(PartitionIndex at, record::EndTransaction marker,
                                                  std::int16_t transaction_version) {
  const runtime::Gate::Pass pass(hosted_.gate());
  if (!pass) co_return ErrorCode::not_leader_or_follower;
  const auto is_ready = co_await hosted_.ready(at);
  if (!is_ready) co_return ErrorCode::not_leader_or_follower;
  const HostedPtr hosted = *is_ready;
  const auto attempt = [&] {
    return hosted->log.append_marker(marker, transaction_version, parts_.wall_clock.now_ms());
  };
  const auto appended = co_await hosted->append(attempt, parts_.settings.commit_timeout);
  if (!appended) co_return appended.error().code;
  hosted->groups->replay_end(marker.producer_id, marker.committed, *appended);
  const ErrorCode code = co_await committed(hosted, *appended + 1);
  co_return code == ErrorCode::none ? code : ErrorCode::not_leader_or_follower;
}

// Clients before 3.9 do not know that this may fail for a while, and look for the coordinator again (as
// Kafka).
Task<GroupResult<wire::OffsetFetchResponse::Group>> GroupCoordinator::fetch_offsets(
    PartitionIndex at, wire::OffsetFetchRequest::Group request, bool require_stable) {
  auto response = co_await run(
      at, Batches::one, [&](group::Groups& groups) { return groups.fetch_offsets(request, require_stable); });
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
  for (const PartitionIndex at : hosted_.indexes()) {
    auto some = co_await run(at, Batches::one, [&](group::Groups& groups) { return groups.list(filters); });
    if (!some && some.error() == ErrorCode::not_coordinator) continue;  // it is another broker's now
    if (!some) co_return std::unexpected(some.error());
    std::ranges::move(*some, std::back_inserter(all));
  }
  co_return all;
}

std::vector<group::Glance> GroupCoordinator::glances() const {
  std::vector<group::Glance> all;
  for (const auto& [at, hosted] : hosted_.all())
    if (hosted->loaded()) std::ranges::move(hosted->groups->glances(), std::back_inserter(all));
  return all;
}

}  // namespace moldau::coordinator
