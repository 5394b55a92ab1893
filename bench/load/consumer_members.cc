#include <algorithm>

#include "call.h"
#include "framing.h"
#include "members.h"
#include "wire/messages/consumer_group_describe.h"
#include "wire/messages/consumer_group_heartbeat.h"
#include "wire/messages/metadata.h"

namespace moldau::load {

namespace {

using Request = wire::ConsumerGroupHeartbeatRequest;
using Response = wire::ConsumerGroupHeartbeatResponse;

constexpr wire::ApiVersion kHeartbeatVersion = 1;
constexpr wire::ApiVersion kDescribeVersion = 1;
constexpr std::int32_t kCorrelationId = 68;
constexpr std::int32_t kJoinEpoch = 0;
constexpr std::int32_t kLeaveEpoch = -1;
constexpr std::int32_t kRebalanceTimeoutMs = 300'000;  // max.poll.interval.ms

void check_heartbeat(const Response& response) {
  if (response.error_code != wire::ErrorCode::none)
    die("ConsumerGroupHeartbeat: " + std::string(wire::name_of(response.error_code)) + ": " +
        response.error_message.value_or(""));
}

class ConsumerMembers final : public Members {
 public:
  explicit ConsumerMembers(Shape shape) : Members(std::move(shape)), topic_id_(find_topic_id()) {}

 private:
  void begin_to_join(std::size_t number) override;
  void begin_to_leave(std::size_t number) override;
  void take_answer(std::size_t number, const Connections::Answer& answer) override;
  std::string state_of_group() const override;

  TopicId find_topic_id() const;
  Request request_of(const Member& member, std::int32_t epoch) const;
  std::vector<Request::TopicPartitions> listed(const PartitionList& partitions) const;
  PartitionList assigned_in(const Response::Assignment& assignment) const;

  const TopicId topic_id_;
};

TopicId ConsumerMembers::find_topic_id() const {
  wire::MetadataRequest request;
  request.topics.emplace().emplace_back().name = shape().topic;
  const auto response = call<wire::MetadataResponse>(control(), request, kMetadataVersion);
  if (response.topics.empty()) die("Metadata tells of no topic");
  check(response.topics.front().error_code, "Metadata");
  return response.topics.front().topic_id;
}

// Says no more than that it is alive.
Request ConsumerMembers::request_of(const Member& member, std::int32_t epoch) const {
  Request request;
  request.group_id = group();
  request.member_id = member.id;
  request.member_epoch = epoch;
  return request;
}

std::vector<Request::TopicPartitions> ConsumerMembers::listed(const PartitionList& partitions) const {
  std::vector<Request::TopicPartitions> list;
  if (!partitions.empty()) list.push_back({topic_id_, partitions});
  return list;
}

PartitionList ConsumerMembers::assigned_in(const Response::Assignment& assignment) const {
  PartitionList all;
  for (const auto& topic : assignment.topic_partitions) {
    if (topic.topic_id != topic_id_) die("a member is assigned a topic that it does not subscribe to");
    all.insert(all.end(), topic.partitions.begin(), topic.partitions.end());
  }
  std::ranges::sort(all);
  return all;
}

void ConsumerMembers::begin_to_join(std::size_t number) {
  Member& joiner = member(number);
  joiner.id = random().uuid().to_string();
  Request request = request_of(joiner, kJoinEpoch);
  request.rebalance_timeout_ms = kRebalanceTimeoutMs;
  request.subscribed_topic_names.emplace().push_back(shape().topic);
  request.topic_partitions.emplace();
  ask(number, frame_of(request, kHeartbeatVersion, kCorrelationId));
}

void ConsumerMembers::begin_to_leave(std::size_t number) {
  ask(number, frame_of(request_of(member(number), kLeaveEpoch), kHeartbeatVersion, kCorrelationId));
}

// An assignment that is another one is acknowledged at once: what was given up is free for others then.
void ConsumerMembers::take_answer(std::size_t number, const Connections::Answer& answer) {
  const auto response = decode_answer<Response>(answer.request, answer.bytes, kHeartbeatVersion);
  if (asks_again(number, response.error_code)) return;
  check_heartbeat(response);
  Member& alive = member(number);
  if (alive.step == Step::leaving) return has_left(number);
  const bool joins = alive.step == Step::joining;
  const bool has_new_epoch = std::exchange(alive.epoch, response.member_epoch) != response.member_epoch;
  if (response.assignment) {
    PartitionList assigned = assigned_in(*response.assignment);
    if (assigned != alive.owned) {
      own(number, std::move(assigned), answer.now_ns);
      alive.step = Step::agreeing;
      Request request = request_of(alive, alive.epoch);
      request.topic_partitions = listed(alive.owned);
      return ask(number, frame_of(request, kHeartbeatVersion, kCorrelationId));
    }
  }
  Frame next = has_new_epoch || alive.step != Step::member
                   ? frame_of(request_of(alive, alive.epoch), kHeartbeatVersion, kCorrelationId)
                   : std::move(alive.frame);
  alive.step = Step::member;
  const std::int64_t interval = std::int64_t{response.heartbeat_interval_ms} * 1'000'000;
  const bool spread = joins && is_of_the_first(number);
  ask_at(number, std::move(next), alive.asked_ns + (spread ? part_of(interval, number) : interval));
}

std::string ConsumerMembers::state_of_group() const {
  wire::ConsumerGroupDescribeRequest request;
  request.group_ids = {group()};
  const auto response = call<wire::ConsumerGroupDescribeResponse>(control(), request, kDescribeVersion);
  if (response.groups.empty()) die("ConsumerGroupDescribe tells of nothing");
  check(response.groups.front().error_code, "ConsumerGroupDescribe");
  return response.groups.front().group_state;
}

}  // namespace

std::unique_ptr<Members> consumer_members(Members::Shape shape) {
  return std::make_unique<ConsumerMembers>(std::move(shape));
}

}  // namespace moldau::load
