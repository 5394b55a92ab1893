// What members of a group may do in any order, with what they say made up, while coordinators move and
// records are refused.
#include "group/groups.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "fuzz/input.h"
#include "fuzz/target.h"
#include "wire/messages/consumer_protocol.h"
#include "wire/writer.h"

namespace moldau::fuzz {
namespace {

using group::Ticket;

// Topics t and u, of as many partitions as the input says.
class FewTopics final : public group::Topics {
 public:
  std::uint64_t version() const override { return version_; }
  std::optional<group::TopicView> find(std::string_view name) const override {
    if (name == "t") return group::TopicView{{1, 1}, partitions_};
    if (name == "u") return group::TopicView{{1, 2}, 2};
    return std::nullopt;
  }
  std::optional<std::string> name_of(const TopicId& id) const override {
    if (id.high != 1 || id.low < 1 || id.low > 2) return std::nullopt;
    return id.low == 1 ? "t" : "u";
  }
  void for_each_name(const std::function<void(const std::string&)>& visit) const override {
    visit("t");
    visit("u");
  }
  void set(std::int32_t partitions) {
    partitions_ = partitions;
    ++version_;
  }

 private:
  std::int32_t partitions_ = 3;
  std::uint64_t version_ = 1;
};

// A consumer's, so that groups may change their protocol.
Slice subscription() {
  wire::ConsumerProtocolSubscription message;
  message.topics = {"t"};
  wire::Writer out;
  out.number<std::int16_t>(1);
  message.encode(out, 1);
  return std::move(out).finish_contiguous();
}

constexpr std::size_t kMaxSize = 400;
constexpr std::int32_t kMaxGroupSize = 3;

class Coordinator {
 public:
  explicit Coordinator(Input& in) : in_(in) { fail_over(); }

  void step() {
    switch (in_.below(15)) {
      case 0:
      case 1:
        return join();
      case 2:
        return sync();
      case 3:
        return run(groups_->heartbeat({group(), generation(), member(), instance()}, now_).records);
      case 4:
        return leave();
      case 5:
        return commit();
      case 6:
        return run(groups_->delete_group(group()).records);
      case 7:
        return advance();
      case 8:
        return groups_->abandon(group(), in_.byte(), now_);
      case 9:
        refuses_ = !refuses_;
        return;
      case 10:
        return run(groups_->expire_offsets(now_));
      case 11:
        return check_fail_over();
      case 12:
      case 13:
        return heartbeat();
      case 14:
        return topics_->set(in_.between(1, 4));
    }
  }

  void check_fail_over() {
    const std::uint64_t before = groups_->state_hash();
    fail_over();
    MOLDAU_ASSERT(groups_->state_hash() == before, "a new coordinator knows something else");
    static_cast<void>(groups_->describe("a", 6));
    static_cast<void>(groups_->list({}));
    check_owners();
  }

  // No partition is assigned to two members of a group.
  void check_owners() {
    std::set<std::pair<TopicId, PartitionIndex>> assigned;
    for (const auto& member : groups_->describe_consumers("a").response.members)
      for (const auto& topic : member.assignment.topic_partitions)
        for (const PartitionIndex index : topic.partitions)
          MOLDAU_ASSERT(assigned.emplace(topic.topic_id, index).second, "a partition has two owners");
  }

 private:
  std::string group() { return std::string(1, "ab"[in_.below(2)]); }
  std::int32_t generation() { return in_.between(-1, 6); }
  std::string member() {
    const std::size_t which = in_.below(8);
    if (which == 7 || ids_.empty()) return "";
    return *std::next(ids_.begin(), static_cast<std::ptrdiff_t>(which % ids_.size()));
  }
  std::optional<std::string> instance() {
    if (in_.flag()) return std::nullopt;
    return std::string(1, "xy"[in_.below(2)]);
  }

  void join() {
    wire::JoinGroupRequest request;
    request.group_id = group();
    request.session_timeout_ms = 10'000 + in_.byte();
    request.rebalance_timeout_ms = in_.between(-1, 100) * 1'000;
    request.member_id = member();
    request.group_instance_id = instance();
    request.protocol_type = in_.flag() ? "consumer" : "connect";
    for (std::size_t i = in_.below(3); i > 0; --i)
      request.protocols.push_back({std::string(1, "pqr"[in_.below(3)]),
                                   in_.flag() ? subscription() : Slice::copy_of(in_.bytes(in_.below(9)))});
    const group::Client client{"c", "/h", static_cast<wire::ApiVersion>(in_.between(0, 9))};
    run(groups_->join(request, client, new_ticket(), now_));
  }
  void heartbeat() {
    wire::ConsumerGroupHeartbeatRequest request;
    request.group_id = group();
    request.member_id = in_.flag() ? member() : std::string(1, "mn"[in_.below(2)]);
    request.member_epoch = in_.between(-2, 6);
    request.instance_id = instance();
    request.rebalance_timeout_ms = in_.between(-1, 60) * 1'000;
    request.subscribed_topic_names.reset();
    if (in_.flag())
      request.subscribed_topic_names = std::vector<std::string>{std::string(1, "tuv"[in_.below(3)])};
    if (in_.flag()) request.subscribed_topic_regex = std::string(1, ".t["[in_.below(3)]);
    if (in_.flag()) request.server_assignor = in_.flag() ? "range" : "uniform";
    request.topic_partitions.reset();
    if (in_.flag()) {
      request.topic_partitions.emplace();
      if (in_.flag()) request.topic_partitions->push_back({{1, 1}, {in_.between(0, 3)}});
    }
    auto outcome = groups_->heartbeat(request, {"c", "/h", 1}, now_);
    if (outcome.response.error_code == wire::ErrorCode::none && outcome.response.member_id &&
        ids_.size() < 16)
      ids_.insert(*outcome.response.member_id);
    run(outcome.records);
    check_owners();
  }
  void sync() {
    wire::SyncGroupRequest request{group(), generation(), member(), instance(), {}, {}, {}};
    for (std::size_t i = in_.below(3); i > 0; --i)
      request.assignments.push_back({member(), Slice::copy_of("x")});
    run(groups_->sync(request, {"c", "/h", 3}, new_ticket(), now_));
  }
  void leave() {
    wire::LeaveGroupRequest request;
    request.group_id = group();
    request.member_id = member();
    for (std::size_t i = in_.below(3); i > 0; --i) request.members.push_back({member(), instance(), {}});
    const group::Client client{"c", "/h", static_cast<wire::ApiVersion>(in_.between(2, 5))};
    auto outcome = groups_->leave(request, client, now_);
    run(std::move(outcome.records));
  }
  void commit() {
    wire::OffsetCommitRequest request;
    request.group_id = group();
    request.generation_id_or_member_epoch = generation();
    request.member_id = member();
    request.group_instance_id = instance();
    request.topics.push_back(
        {"t", {}, {{.partition_index = in_.between(0, 2), .committed_offset = in_.byte()}}});
    auto outcome = groups_->commit_offsets(request, {"c", "/h", 8}, now_);
    run(std::move(outcome.records));
  }
  void advance() {
    now_.monotonic += std::chrono::seconds(in_.byte());
    now_.wall_ms += 1'000 * (in_.between(0, 255) - 64);
    for (int i = 0; i < 1'000 && groups_->next_deadline() <= now_.monotonic; ++i) run(groups_->expire(now_));
    MOLDAU_ASSERT(groups_->next_deadline() > now_.monotonic, "time stands still");
  }

  Ticket new_ticket() {
    open_.insert(++last_ticket_);
    return last_ticket_;
  }
  void run(const group::Records& records) {
    if (refuses_ && !records.empty()) {
      groups_->refused(records, wire::ErrorCode::coordinator_not_available, now_);
    } else {
      for (const group::Record& record : records) {
        log_.push_back(group::encode(record));
        groups_->replay(record, static_cast<Offset>(log_.size()) - 1, now_);
      }
    }
    for (const group::Answer& answer : groups_->take_answers()) {
      MOLDAU_ASSERT(answer.after <= static_cast<Offset>(log_.size()),
                    "an answer waits for what is not there");
      MOLDAU_ASSERT(open_.erase(answer.ticket) == 1, "a ticket is answered twice, or was never given");
      const auto* joined = std::get_if<wire::JoinGroupResponse>(&answer.response);
      if (joined == nullptr) continue;
      if (!joined->member_id.empty() && ids_.size() < 16) ids_.insert(joined->member_id);
    }
  }
  void fail_over() {
    group::Settings settings;
    settings.max_size = kMaxGroupSize;
    settings.consumer_max_size = kMaxGroupSize;
    groups_ = std::make_unique<group::Groups>(settings, Random(log_.size()));
    groups_->set_topics(topics_);
    Offset offset = 0;
    for (const group::EncodedRecord& encoded : log_) {
      const auto record = group::decode(encoded.key, encoded.value);
      MOLDAU_ASSERT(record.has_value() && record->has_value(), "our own record");
      groups_->replay(**record, offset++, now_);
    }
    open_.clear();
    MOLDAU_ASSERT(groups_->loaded(now_).empty());
    static_cast<void>(groups_->take_answers());
  }

  Input& in_;
  group::Now now_{std::chrono::seconds(1'000), 1'700'000'000'000};
  std::shared_ptr<FewTopics> topics_ = std::make_shared<FewTopics>();
  std::unique_ptr<group::Groups> groups_;
  std::vector<group::EncodedRecord> log_;
  std::set<std::string> ids_;
  std::set<Ticket> open_;
  Ticket last_ticket_ = 0;
  bool refuses_ = false;
};

void run(ByteView bytes) {
  Input in(bytes);
  Coordinator coordinator(in);
  while (!in.empty()) coordinator.step();
  coordinator.check_fail_over();
}

void seeds(Seeds& seeds) {
  // A member joins, waits out the delay, syncs, commits; the coordinator moves; it leaves.
  seeds.add(
      std::string_view("\0\0\0\12\7\0\1\1\1\0\1\0\3\7\11\0\2\0\2\0\0\1\0\0\5\0\2\0\0\1\5\13\4\0\0\1\2", 38));
  seeds.add(std::string_view(
      "\0\0\0\12\7\1\0\1\1\0\1\0\3\7\11\0\2\0\2\0\0\1\0\0\13\5\0\2\0\0\1\5\13\4\0\0\1\2", 38));
  for (char c = 0; c < 15; ++c) seeds.add(std::string(24, c));
}

MOLDAU_FUZZ_TARGET(groups, kMaxSize, run, seeds);

}  // namespace
}  // namespace moldau::fuzz
