// A coordinator in miniature: Groups, the log of their records in Kafka's form, two clocks, and clients that
// keep the answers. Records take effect at once; answers that must wait for the log do until commit_log()
// lets them go. fail_over() begins anew from the log.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "group/groups.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/writer.h"

namespace moldau::group {

using namespace std::chrono_literals;
using wire::ErrorCode;
using wire::JoinGroupResponse;
using wire::SyncGroupResponse;

// A subscription as Java's consumers write it, of version 1.
inline Slice subscription(const std::vector<std::string>& topics) {
  wire::ConsumerProtocolSubscription message;
  message.topics = topics;
  wire::Writer out;
  out.number<std::int16_t>(1);
  message.encode(out, 1);
  return std::move(out).finish_contiguous();
}

// Topics by name; an id is made of the name.
class FakeTopics final : public Topics {
 public:
  static TopicId id_of(const std::string& name) {
    TopicId id{1, 0};
    for (const char c : name) id.low = id.low * 131 + static_cast<unsigned char>(c);
    return id;
  }
  void set(const std::string& name, std::int32_t partitions) {
    topics_[name] = {id_of(name), partitions};
    ++version_;
  }
  void remove(const std::string& name) {
    topics_.erase(name);
    ++version_;
  }
  std::uint64_t version() const override { return version_; }
  std::optional<TopicView> find(std::string_view name) const override {
    const auto found = topics_.find(name);
    if (found == topics_.end()) return std::nullopt;
    return found->second;
  }
  std::optional<std::string> name_of(const TopicId& id) const override {
    for (const auto& [name, topic] : topics_)
      if (topic.id == id) return name;
    return std::nullopt;
  }
  void for_each_name(const std::function<void(const std::string&)>& visit) const override {
    for (const auto& [name, topic] : topics_) visit(name);
  }

 private:
  std::map<std::string, TopicView, std::less<>> topics_;
  std::uint64_t version_ = 1;
};

class Coordinator {
 public:
  explicit Coordinator(Settings settings = {}) : settings_(settings) {
    topics_->set("t", 1);
    fail_over();
  }

  struct Stored {
    EncodedRecord record;
    Offset offset;
  };

  // --- the log
  // A new coordinator takes over, from what the log holds.
  void fail_over() {
    groups_ = std::make_unique<Groups>(settings_, Random(++seed_));
    groups_->set_topics(topics_);
    for (const Stored& stored : log_) {
      const auto record = decode(stored.record.key, stored.record.value);
      ASSERT_TRUE(record.has_value()) << record.error().message;
      if (*record) groups_->replay(**record, stored.offset, now_);
      next_offset_ = std::max(next_offset_, stored.offset + 1);
    }
    apply(groups_->loaded(now_));
  }
  // The log as compaction leaves it: the last record of each key, and of those that are gone perhaps nothing.
  void compact(bool drop_tombstones) {
    std::map<std::string, Stored> last;
    for (const Stored& stored : log_) last.insert_or_assign(std::string(stored.record.key.text()), stored);
    log_.clear();
    for (auto& [key, stored] : last)
      if (stored.record.value || !drop_tombstones) log_.push_back(stored);
    std::ranges::sort(log_, {}, &Stored::offset);
  }
  // Records of events are refused with this, until it is reset.
  std::optional<ErrorCode> refuse_;

  void apply(const Records& records) {
    if (refuse_ && !records.empty()) {
      groups_->refused(records, *refuse_, now_);
    } else {
      for (const Record& record : records) {
        log_.push_back({encode(record), next_offset_});
        groups_->replay(record, next_offset_++, now_);
      }
    }
    collect();
  }

  // --- time
  void advance(Duration by) {
    const Time until = now_.monotonic + by;
    while (groups_->next_deadline() <= until) {
      now_.monotonic = std::max(now_.monotonic, groups_->next_deadline());
      apply(groups_->expire(now_));
    }
    now_.monotonic = until;
    now_.wall_ms += std::chrono::duration_cast<std::chrono::milliseconds>(by).count();
  }

  // --- requests
  Ticket join(const wire::JoinGroupRequest& request, const Client& client) {
    const Ticket ticket = ++last_ticket_;
    apply(groups_->join(request, client, ticket, now_));
    return ticket;
  }
  Ticket sync(const wire::SyncGroupRequest& request, wire::ApiVersion version = 5) {
    const Ticket ticket = ++last_ticket_;
    apply(groups_->sync(request, Client{"client", "/127.0.0.1", version}, ticket, now_));
    return ticket;
  }
  const JoinGroupResponse* joined(Ticket ticket) const { return answer<JoinGroupResponse>(ticket); }
  const SyncGroupResponse* synced(Ticket ticket) const { return answer<SyncGroupResponse>(ticket); }

  wire::LeaveGroupResponse leave(const std::string& group,
                                 std::vector<wire::LeaveGroupRequest::Member> members,
                                 wire::ApiVersion version = 5) {
    wire::LeaveGroupRequest request;
    request.group_id = group;
    if (version < 3) request.member_id = members.front().member_id;
    if (version >= 3) request.members = std::move(members);
    return take(groups_->leave(request, Client{"client", "/127.0.0.1", version}, now_));
  }
  ErrorCode heartbeat(const std::string& group, std::int32_t generation, const std::string& member,
                      std::optional<std::string> instance = std::nullopt) {
    wire::HeartbeatRequest request{group, generation, member, std::move(instance)};
    return take(groups_->heartbeat(request, now_)).error_code;
  }

  struct Commit {
    std::string group = "g";
    std::int32_t generation = -1;
    std::string member = "";
    std::optional<std::string> instance = std::nullopt;
    std::string topic = "t";
    TopicId topic_id = kZeroUuid;
    PartitionIndex partition = 0;
    Offset offset = 0;
    std::string metadata = "";
    std::int64_t retention_ms = -1;
    wire::ApiVersion version = 8;
  };
  wire::ConsumerGroupHeartbeatResponse heartbeat(const wire::ConsumerGroupHeartbeatRequest& request,
                                                 wire::ApiVersion version = 1) {
    return take(groups_->heartbeat(request, Client{"client", "/127.0.0.1", version}, now_));
  }
  wire::ConsumerGroupDescribeResponse::Group describe_consumers(const std::string& group) const {
    return groups_->describe_consumers(group).response;
  }
  ErrorCode commit(const Commit& commit) {
    wire::OffsetCommitRequest request;
    request.group_id = commit.group;
    request.generation_id_or_member_epoch = commit.generation;
    request.member_id = commit.member;
    request.group_instance_id = commit.instance;
    request.retention_time_ms = commit.retention_ms;
    auto& topic = request.topics.emplace_back();
    topic.name = commit.topic;
    topic.topic_id = commit.topic_id;
    auto& partition = topic.partitions.emplace_back();
    partition.partition_index = commit.partition;
    partition.committed_offset = commit.offset;
    partition.committed_leader_epoch = 7;
    partition.committed_metadata = commit.metadata;
    const auto response =
        take(groups_->commit_offsets(request, Client{"client", "/127.0.0.1", commit.version}, now_));
    return response.topics.front().partitions.front().error_code;
  }
  wire::OffsetFetchResponse::Group::Topic::Partition committed(const std::string& group,
                                                               const std::string& topic = "t",
                                                               PartitionIndex partition = 0,
                                                               TopicId topic_id = kZeroUuid) {
    wire::OffsetFetchRequest::Group request;
    request.group_id = group;
    request.topics.emplace().push_back({topic, topic_id, {partition}});
    return groups_->fetch_offsets(request).response.topics.front().partitions.front();
  }
  ErrorCode delete_group(const std::string& group) { return take(groups_->delete_group(group)); }
  ErrorCode delete_offset(const std::string& group, const std::string& topic, PartitionIndex partition = 0) {
    wire::OffsetDeleteRequest request;
    request.group_id = group;
    request.topics.push_back({topic, {{partition}}});
    const auto response = take(groups_->delete_offsets(request));
    return response.error_code != ErrorCode::none ? response.error_code
                                                  : response.topics.front().partitions.front().error_code;
  }
  wire::DescribeGroupsResponse::Group describe(const std::string& group, wire::ApiVersion version = 6) const {
    return groups_->describe(group, version).response;
  }
  std::string state(const std::string& group) const { return describe(group).group_state; }
  std::vector<std::string> list(std::vector<std::string> states = {},
                                std::vector<std::string> types = {}) const {
    std::vector<std::string> names;
    for (const auto& group : groups_->list({std::move(states), std::move(types)}).response)
      names.push_back(group.group_id);
    return names;
  }

  template <class Response>
  Response take(Outcome<Response> outcome) {
    apply(outcome.records);
    return std::move(outcome.response);
  }

  Groups& groups() { return *groups_; }
  std::size_t log_size() const { return log_.size(); }
  Offset end() const { return next_offset_; }
  std::vector<Stored>& log() { return log_; }
  // Up to where the log must be committed before this answer may leave.
  Offset waits_for(Ticket ticket) const { return answers_.at(ticket).after; }

  Now now_{1000s, 1'700'000'000'000};
  std::shared_ptr<FakeTopics> topics_ = std::make_shared<FakeTopics>();

 private:
  void collect() {
    for (Answer& answer : groups_->take_answers()) {
      ASSERT_LE(answer.after, next_offset_);
      ASSERT_TRUE(answers_.emplace(answer.ticket, answer).second) << "ticket answered twice";
    }
  }
  template <class Response>
  const Response* answer(Ticket ticket) const {
    const auto found = answers_.find(ticket);
    return found == answers_.end() ? nullptr : std::get_if<Response>(&found->second.response);
  }

  Settings settings_;
  std::uint64_t seed_ = 0;
  std::unique_ptr<Groups> groups_;
  std::vector<Stored> log_;
  Offset next_offset_ = 0;
  std::map<Ticket, Answer> answers_;
  Ticket last_ticket_ = 0;
};

// A consumer of one group, step by step.
class Consumer {
 public:
  struct Options {
    std::string group = "g";
    std::string client_id = "client";
    std::optional<std::string> instance = std::nullopt;
    std::vector<std::string> topics = {"t"};
    std::vector<std::string> protocols = {"range"};
    std::string protocol_type = "consumer";
    std::int32_t session_ms = 10'000;
    std::int32_t rebalance_ms = 60'000;
    wire::ApiVersion version = 9;
  };
  Consumer(Coordinator& coordinator, Options options)
      : coordinator_(coordinator), options_(std::move(options)) {}
  explicit Consumer(Coordinator& coordinator) : Consumer(coordinator, Options()) {}

  // Sends JoinGroup, once more when it is given an id to join with.
  void join() {
    ticket_ = coordinator_.join(request(), client());
    const JoinGroupResponse* response = join_answer();
    if (response != nullptr && response->error_code == ErrorCode::member_id_required) {
      id_ = response->member_id;
      ticket_ = coordinator_.join(request(), client());
    }
  }
  // Null while it waits.
  const JoinGroupResponse* join_answer() const { return coordinator_.joined(ticket_); }
  // Takes what the answer says; false when it says no.
  bool take_join() {
    const JoinGroupResponse* response = join_answer();
    if (response == nullptr || response->error_code != ErrorCode::none) return false;
    id_ = response->member_id;
    generation_ = response->generation_id;
    protocol_ = response->protocol_name;
    leads_ = response->leader == id_;
    members_ = response->members;
    return true;
  }
  // Every member is assigned "to <id>" by the leader.
  void sync() {
    wire::SyncGroupRequest request{options_.group,         generation_, id_, options_.instance,
                                   options_.protocol_type, protocol_,   {}};
    if (leads_)
      for (const auto& member : members_)
        request.assignments.push_back({member.member_id, Slice::copy_of("to " + member.member_id)});
    sync_ticket_ = coordinator_.sync(request);
  }
  const SyncGroupResponse* sync_answer() const { return coordinator_.synced(sync_ticket_); }
  std::string assignment() const {
    const SyncGroupResponse* response = sync_answer();
    return response != nullptr && response->error_code == ErrorCode::none
               ? std::string(response->assignment.text())
               : "nothing";
  }
  ErrorCode heartbeat() const {
    return coordinator_.heartbeat(options_.group, generation_, id_, options_.instance);
  }
  ErrorCode leave() {
    return coordinator_.leave(options_.group, {{id_, options_.instance, std::nullopt}})
        .members.front()
        .error_code;
  }
  ErrorCode commit(Offset offset) {
    return coordinator_.commit({.group = options_.group,
                                .generation = generation_,
                                .member = id_,
                                .instance = options_.instance,
                                .offset = offset});
  }

  wire::JoinGroupRequest request() const {
    wire::JoinGroupRequest request;
    request.group_id = options_.group;
    request.session_timeout_ms = options_.session_ms;
    request.rebalance_timeout_ms = options_.rebalance_ms;
    request.member_id = id_;
    request.group_instance_id = options_.instance;
    request.protocol_type = options_.protocol_type;
    for (const std::string& name : options_.protocols)
      request.protocols.push_back({name, subscription(options_.topics)});
    return request;
  }
  Client client() const { return {options_.client_id, "/127.0.0.1", options_.version}; }

  Coordinator& coordinator_;
  Options options_;
  std::string id_;
  std::int32_t generation_ = -1;
  std::optional<std::string> protocol_;
  bool leads_ = false;
  std::vector<JoinGroupResponse::Member> members_;
  Ticket ticket_ = 0;
  Ticket sync_ticket_ = 0;
};

// All of them join an empty group, wait out the initial delay, and sync.
inline void stabilize(Coordinator& coordinator, const std::vector<Consumer*>& consumers) {
  for (Consumer* consumer : consumers) consumer->join();
  coordinator.advance(10s);
  for (Consumer* consumer : consumers) ASSERT_TRUE(consumer->take_join());
  for (Consumer* consumer : consumers) consumer->sync();
  for (Consumer* consumer : consumers) ASSERT_EQ(consumer->assignment(), "to " + consumer->id_);
}

}  // namespace moldau::group
