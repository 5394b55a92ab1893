#include "call.h"
#include "framing.h"
#include "members.h"
#include "wire/messages/describe_groups.h"
#include "wire/messages/heartbeat.h"
#include "wire/messages/join_group.h"
#include "wire/messages/leave_group.h"
#include "wire/messages/sync_group.h"

namespace moldau::load {

namespace {

using wire::ErrorCode;

constexpr wire::ApiVersion kJoinGroupVersion = 9;
constexpr wire::ApiVersion kSyncGroupVersion = 5;
constexpr wire::ApiVersion kHeartbeatVersion = 4;
constexpr wire::ApiVersion kLeaveGroupVersion = 5;
constexpr wire::ApiVersion kDescribeGroupsVersion = 5;
constexpr std::int32_t kCorrelationId = 11;

const std::string kProtocolType = "consumer";
constexpr std::int32_t kSessionTimeoutMs = 45'000;     // session.timeout.ms
constexpr std::int32_t kRebalanceTimeoutMs = 300'000;  // max.poll.interval.ms

class ClassicMembers final : public Members {
 public:
  explicit ClassicMembers(Shape shape) : Members(std::move(shape)) {}

 private:
  void begin_to_join(std::size_t number) override { rejoin(number); }
  void begin_to_leave(std::size_t number) override;
  void take_answer(std::size_t number, const Connections::Answer& answer) override;
  std::string state_of_group() const override;

  void rejoin(std::size_t number);
  void take_join(std::size_t number, const wire::JoinGroupResponse& response);
  void take_sync(std::size_t number, const wire::SyncGroupResponse& response, std::int64_t now_ns);
  void take_heartbeat(std::size_t number, ErrorCode error);
  void take_leave(std::size_t number, const wire::LeaveGroupResponse& response);
  std::vector<wire::SyncGroupRequest::Assignment> assignments(const wire::JoinGroupResponse& response) const;
  Frame heartbeat(const Member& member) const;
};

void ClassicMembers::rejoin(std::size_t number) {
  Member& joiner = member(number);
  joiner.step = Step::joining;
  wire::JoinGroupRequest request;
  request.group_id = group();
  request.session_timeout_ms = kSessionTimeoutMs;
  request.rebalance_timeout_ms = kRebalanceTimeoutMs;
  request.member_id = joiner.id;
  request.protocol_type = kProtocolType;
  request.protocols.push_back(
      {std::string(kCooperativeSticky), subscription_of(shape().topic, joiner.owned, joiner.epoch)});
  ask(number, frame_of(request, kJoinGroupVersion, kCorrelationId));
}

void ClassicMembers::begin_to_leave(std::size_t number) {
  wire::LeaveGroupRequest request;
  request.group_id = group();
  request.members.emplace_back().member_id = member(number).id;
  ask(number, frame_of(request, kLeaveGroupVersion, kCorrelationId));
}

Frame ClassicMembers::heartbeat(const Member& member) const {
  wire::HeartbeatRequest request;
  request.group_id = group();
  request.generation_id = member.epoch;
  request.member_id = member.id;
  return frame_of(request, kHeartbeatVersion, kCorrelationId);
}

void ClassicMembers::take_answer(std::size_t number, const Connections::Answer& answer) {
  switch (member(number).step) {
    case Step::joining:
      return take_join(
          number, decode_answer<wire::JoinGroupResponse>(answer.request, answer.bytes, kJoinGroupVersion));
    case Step::agreeing:
      return take_sync(
          number, decode_answer<wire::SyncGroupResponse>(answer.request, answer.bytes, kSyncGroupVersion),
          answer.now_ns);
    case Step::member:
      return take_heartbeat(
          number,
          decode_answer<wire::HeartbeatResponse>(answer.request, answer.bytes, kHeartbeatVersion).error_code);
    case Step::leaving:
      return take_leave(
          number, decode_answer<wire::LeaveGroupResponse>(answer.request, answer.bytes, kLeaveGroupVersion));
    case Step::gone:
      die("an answer to a member that has left");
  }
}

void ClassicMembers::take_join(std::size_t number, const wire::JoinGroupResponse& response) {
  if (asks_again(number, response.error_code)) return;
  Member& joined = member(number);
  if (response.error_code == ErrorCode::member_id_required) {
    joined.id = response.member_id;
    return rejoin(number);
  }
  check(response.error_code, "JoinGroup");
  joined.epoch = response.generation_id;
  joined.step = Step::agreeing;
  wire::SyncGroupRequest request;
  request.group_id = group();
  request.generation_id = joined.epoch;
  request.member_id = joined.id;
  request.protocol_type = kProtocolType;
  request.protocol_name = std::string(kCooperativeSticky);
  if (response.leader == joined.id) request.assignments = assignments(response);
  ask(number, frame_of(request, kSyncGroupVersion, kCorrelationId));
}

std::vector<wire::SyncGroupRequest::Assignment> ClassicMembers::assignments(
    const wire::JoinGroupResponse& response) const {
  std::vector<PartitionList> owned;
  for (const auto& each : response.members) owned.push_back(owned_in(each.metadata));
  if (owned.empty()) die("a leader is not told who the members are");
  const auto parts = assign_cooperatively(owned, shape().partitions);
  std::vector<wire::SyncGroupRequest::Assignment> all;
  for (std::size_t i = 0; i < parts.size(); ++i)
    all.push_back({response.members[i].member_id, assignment_of(shape().topic, parts[i])});
  return all;
}

// Who has had to give something up joins once more, so that others get it.
void ClassicMembers::take_sync(std::size_t number, const wire::SyncGroupResponse& response,
                               std::int64_t now_ns) {
  if (response.error_code == ErrorCode::rebalance_in_progress) return rejoin(number);
  check(response.error_code, "SyncGroup");
  if (own(number, assigned_in(response.assignment), now_ns)) return rejoin(number);
  Member& synced = member(number);
  synced.step = Step::member;
  ask_at(number, heartbeat(synced), now_ns + part_of(shape().heartbeat_ns, number));
}

void ClassicMembers::take_heartbeat(std::size_t number, ErrorCode error) {
  if (error == ErrorCode::rebalance_in_progress) return rejoin(number);
  if (asks_again(number, error)) return;
  check(error, "Heartbeat");
  Member& alive = member(number);
  ask_at(number, std::move(alive.frame), alive.asked_ns + shape().heartbeat_ns);
}

void ClassicMembers::take_leave(std::size_t number, const wire::LeaveGroupResponse& response) {
  if (asks_again(number, response.error_code)) return;
  check(response.error_code, "LeaveGroup");
  for (const auto& each : response.members) check(each.error_code, "LeaveGroup");
  has_left(number);
}

std::string ClassicMembers::state_of_group() const {
  wire::DescribeGroupsRequest request;
  request.groups = {group()};
  const auto response = call<wire::DescribeGroupsResponse>(control(), request, kDescribeGroupsVersion);
  if (response.groups.empty()) die("DescribeGroups tells of nothing");
  check(response.groups.front().error_code, "DescribeGroups");
  return response.groups.front().group_state;
}

}  // namespace

std::unique_ptr<Members> classic_members(Members::Shape shape) {
  return std::make_unique<ClassicMembers>(std::move(shape));
}

}  // namespace moldau::load
