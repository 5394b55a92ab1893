// Offsets: committed, fetched, deleted, expired.
#include <algorithm>
#include <limits>
#include <set>

#include "group/groups.h"

namespace moldau::group {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kGroupNotFoundFrom = 9;  // of OffsetCommit
constexpr wire::ApiVersion kMemberEpochFrom = 9;    // of OffsetCommit: its generation may be one
constexpr std::int64_t kDefaultRetention = -1;

// In UTF-16 code units, which Kafka counts.
std::size_t utf16_length(std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xc0) != 0x80) ++length;
    if (byte >= 0xf0) ++length;
  }
  return length;
}

// Whether what was committed for a topic of this id is about a topic of that one; who does not know the id
// goes by the name.
bool is_same_topic(const TopicId& committed, const TopicId& asked) {
  return committed.is_zero() || asked.is_zero() || committed == asked;
}

// What a partition of OffsetCommit or TxnOffsetCommit says.
template <class Partition>
CommittedOffset committed_by(const Partition& partition, std::int64_t wall_ms) {
  CommittedOffset committed;
  committed.offset = partition.committed_offset;
  committed.leader_epoch = partition.committed_leader_epoch;
  committed.metadata = partition.committed_metadata.value_or("");
  committed.commit_ms = wall_ms;
  return committed;
}

using FetchedTopic = wire::OffsetFetchResponse::Group::Topic;

FetchedTopic::Partition fetched(PartitionIndex index, const CommittedOffset* committed) {
  FetchedTopic::Partition partition;
  partition.partition_index = index;
  partition.committed_offset = committed ? committed->offset : kNoOffset;
  partition.committed_leader_epoch = committed ? committed->leader_epoch : kNoEpoch;
  partition.metadata = committed ? committed->metadata : "";
  return partition;
}

FetchedTopic::Partition unstable(PartitionIndex index) {
  FetchedTopic::Partition partition = fetched(index, nullptr);
  partition.error_code = ErrorCode::unstable_offset_commit;
  return partition;
}

// The topic last added, or another one when that has another name or id.
FetchedTopic& topic_of(std::vector<FetchedTopic>& topics, const std::string& name, const TopicId& id) {
  if (topics.empty() || topics.back().name != name || topics.back().topic_id != id) {
    topics.emplace_back().name = name;
    topics.back().topic_id = id;
  }
  return topics.back();
}

// A time to expire at is of a version that keeps nothing but the offset and its metadata.
void set_retention(CommittedOffset& committed, std::int64_t retention_ms, TimestampMs now_ms) {
  constexpr auto kLatest = std::numeric_limits<TimestampMs>::max();
  committed.expire_ms = retention_ms > kLatest - now_ms ? kLatest : now_ms + retention_ms;
  committed.leader_epoch = kNoEpoch;
  committed.topic_id = kZeroUuid;
}

}  // namespace

bool Groups::Group::has_offset(const TopicPartition& partition) const {
  const auto found = offsets.find(partition.topic);
  return found != offsets.end() && found->second.contains(partition.partition);
}

void Groups::replay_one(const OffsetRecord& record, Offset end, Now) {
  const auto& [topic, partition] = record.partition;
  if (record.value) {
    Group& group = find_or_add(record.group);
    CommittedOffset& committed = group.offsets[topic][partition];
    committed = *record.value;
    committed.stored_at = end - 1;
    group.offsets_end = end;
    return;
  }
  pending_.forget(record.group, record.partition);
  Group* group = find(record.group);
  if (group == nullptr) return;
  const auto offsets = group->offsets.find(topic);
  if (offsets == group->offsets.end()) return;
  offsets->second.erase(partition);
  if (offsets->second.empty()) group->offsets.erase(offsets);
  group->offsets_end = end;
}

// --- transactions

void Groups::replay_pending(const Record& record, Offset offset, ProducerId producer) {
  end_ = offset + 1;
  const auto* committed = std::get_if<OffsetRecord>(&record);
  if (committed == nullptr || !committed->value) return;
  find_or_add(committed->group);
  pending_.add(producer, *committed, offset);
}

// What was committed outside of the transaction since its own record came later, and stays.
void Groups::replay_end(ProducerId producer, bool committed, Offset offset) {
  end_ = offset + 1;
  for (OffsetRecord& record : pending_.take(producer)) {
    Group* group = committed ? &find_or_add(record.group) : find(record.group);
    if (group == nullptr) continue;
    // Whoever fetches is not to see the end before it is committed, whichever it was.
    group->offsets_end = end_;
    if (!committed) continue;
    CommittedOffset& stored = group->offsets[record.partition.topic][record.partition.partition];
    if (stored.stored_at < record.value->stored_at) stored = std::move(*record.value);
  }
}

ErrorCode Groups::check_commit(const wire::TxnOffsetCommitRequest& request) const {
  if (request.group_id.empty()) return ErrorCode::invalid_group_id;
  const Group* group = find(request.group_id);
  if (group != nullptr && group->consumer) {
    // Who is fenced by its producer alone may be no member; clients of transactions know generations only.
    const ErrorCode code = group->consumer->check_offsets(request.member_id, request.generation_id, true);
    return code == ErrorCode::stale_member_epoch ? ErrorCode::illegal_generation : code;
  }
  if (group != nullptr) {
    return group->members.check_transactional_commit(
        {request.member_id, request.group_instance_id, request.generation_id});
  }
  return request.generation_id < 0 ? ErrorCode::none : ErrorCode::illegal_generation;
}

Outcome<wire::TxnOffsetCommitResponse> Groups::commit_offsets(const wire::TxnOffsetCommitRequest& request,
                                                              Now now) const {
  Outcome<wire::TxnOffsetCommitResponse> outcome;
  const ErrorCode refusal = check_commit(request);
  for (const auto& topic : request.topics) {
    auto& topic_answer = outcome.response.topics.emplace_back();
    topic_answer.name = topic.name;
    for (const auto& partition : topic.partitions) {
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = refusal;
      if (refusal != ErrorCode::none) continue;
      if (!fits(partition.committed_metadata)) {
        answer.error_code = ErrorCode::offset_metadata_too_large;
        continue;
      }
      outcome.records.push_back(OffsetRecord{
          request.group_id, {topic.name, partition.partition_index}, committed_by(partition, now.wall_ms)});
    }
  }
  if (const Group* group = find(request.group_id)) outcome.after = group->stored_end();
  return outcome;
}

// --- commits

bool Groups::fits(const std::optional<std::string>& metadata) const {
  return utf16_length(metadata.value_or("")) <= static_cast<std::size_t>(settings_.offset_metadata_max_size);
}

ErrorCode Groups::check_commit(const wire::OffsetCommitRequest& request, const Client& client, Now now) {
  Group* group = find(request.group_id);
  if (group != nullptr && group->consumer) {
    const ErrorCode code =
        group->consumer->check_offsets(request.member_id, request.generation_id_or_member_epoch, false);
    // A member of the consumer protocol says its epoch, which older versions do not have.
    const bool by_member = !request.member_id.empty() && !group->consumer->speaks_classic(request.member_id);
    const bool too_old =
        by_member && client.version < kMemberEpochFrom && code != ErrorCode::unknown_member_id;
    return too_old ? ErrorCode::unsupported_version : code;
  }
  if (group != nullptr) {
    return group->members.check_commit(
        {request.member_id, request.group_instance_id, request.generation_id_or_member_epoch}, now);
  }
  // Offsets of a group that is for nothing else need no group beforehand.
  if (request.generation_id_or_member_epoch < 0) return ErrorCode::none;
  return client.version >= kGroupNotFoundFrom ? ErrorCode::group_id_not_found : ErrorCode::illegal_generation;
}

Outcome<wire::OffsetCommitResponse> Groups::commit_offsets(const wire::OffsetCommitRequest& request,
                                                           const Client& client, Now now) {
  Outcome<wire::OffsetCommitResponse> outcome;
  const ErrorCode refusal = check_commit(request, client, now);
  for (const auto& topic : request.topics) {
    auto& topic_answer = outcome.response.topics.emplace_back();
    topic_answer.name = topic.name;
    topic_answer.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = partition.partition_index;
      answer.error_code = refusal;
      if (refusal != ErrorCode::none) continue;
      if (!fits(partition.committed_metadata)) {
        answer.error_code = ErrorCode::offset_metadata_too_large;
        continue;
      }
      CommittedOffset committed = committed_by(partition, now.wall_ms);
      committed.topic_id = topic.topic_id;
      if (request.retention_time_ms != kDefaultRetention)
        set_retention(committed, request.retention_time_ms, now.wall_ms);
      outcome.records.push_back(
          OffsetRecord{request.group_id, {topic.name, partition.partition_index}, std::move(committed)});
    }
  }
  const Group* group = find(request.group_id);
  if (group != nullptr) outcome.after = group->stored_end();
  return outcome;
}

// --- what is committed

Outcome<wire::OffsetFetchResponse::Group> Groups::fetch_offsets(
    const wire::OffsetFetchRequest::Group& request, bool require_stable) const {
  const auto is_unstable = [&](const std::string& topic, PartitionIndex index) {
    return require_stable && pending_.contains(request.group_id, {topic, index});
  };
  Outcome<wire::OffsetFetchResponse::Group> outcome;
  outcome.response.group_id = request.group_id;
  const Group* group = find(request.group_id);
  outcome.after = group ? group->offsets_end : end_;
  if (group != nullptr && group->consumer) {
    outcome.response.error_code =
        group->consumer->check_offsets(request.member_id.value_or(""), request.member_epoch, true);
    if (outcome.response.error_code != ErrorCode::none) return outcome;
  }
  if (!request.topics) {
    if (group == nullptr) return outcome;
    for (const auto& [topic, offsets] : group->offsets)
      for (const auto& [index, committed] : offsets)
        topic_of(outcome.response.topics, topic, committed.topic_id)
            .partitions.push_back(is_unstable(topic, index) ? unstable(index) : fetched(index, &committed));
    return outcome;
  }
  for (const auto& topic : *request.topics) {
    auto& answer = outcome.response.topics.emplace_back();
    answer.name = topic.name;
    answer.topic_id = topic.topic_id;
    const TopicOffsets* offsets = nullptr;
    if (group != nullptr) {
      const auto found = group->offsets.find(topic.name);
      if (found != group->offsets.end()) offsets = &found->second;
    }
    for (const PartitionIndex index : topic.partition_indexes) {
      if (is_unstable(topic.name, index)) {
        answer.partitions.push_back(unstable(index));
        continue;
      }
      const CommittedOffset* committed = nullptr;
      if (offsets != nullptr) {
        const auto found = offsets->find(index);
        if (found != offsets->end() && is_same_topic(found->second.topic_id, topic.topic_id))
          committed = &found->second;
      }
      answer.partitions.push_back(fetched(index, committed));
    }
  }
  return outcome;
}

// --- what goes

Outcome<wire::OffsetDeleteResponse> Groups::delete_offsets(const wire::OffsetDeleteRequest& request) const {
  Outcome<wire::OffsetDeleteResponse> outcome;
  // Although offsets may be committed for a group without a name.
  if (request.group_id.empty()) {
    outcome.response.error_code = ErrorCode::invalid_group_id;
    return outcome;
  }
  const Group* group = find(request.group_id);
  if (group == nullptr) {
    outcome.response.error_code = ErrorCode::group_id_not_found;
    return outcome;
  }
  outcome.after = std::max(group->stored_end(), group->offsets_end);
  // Of the consumer protocol each topic is judged by itself.
  if (!group->consumer) outcome.response.error_code = group->members.check_offset_delete();
  if (outcome.response.error_code != ErrorCode::none) return outcome;
  for (const auto& topic : request.topics) {
    auto& topic_answer = outcome.response.topics.emplace_back();
    topic_answer.name = topic.name;
    const bool subscribed = group->is_subscribed_to(topic.name);
    for (const auto& partition : topic.partitions) {
      const ErrorCode code = subscribed ? ErrorCode::group_subscribed_to_topic : ErrorCode::none;
      topic_answer.partitions.push_back({partition.partition_index, code});
      const TopicPartition key{topic.name, partition.partition_index};
      const bool there = group->has_offset(key) || pending_.contains(request.group_id, key);
      if (there && !subscribed) outcome.records.push_back(OffsetRecord{request.group_id, key, {}});
    }
  }
  return outcome;
}

Records Groups::tombstones(const std::string& id, const Group& group) const {
  Records records;
  for (const auto& [topic, offsets] : group.offsets)
    for (const auto& [index, committed] : offsets) records.push_back(OffsetRecord{id, {topic, index}, {}});
  std::set<TopicPartition> pending;
  pending_.for_each_of(id, [&](const TopicPartition& partition, const CommittedOffset&) {
    if (!group.has_offset(partition)) pending.insert(partition);
  });
  for (const TopicPartition& partition : pending) records.push_back(OffsetRecord{id, partition, {}});
  if (group.consumer)
    std::ranges::move(group.consumer->tombstones(), std::back_inserter(records));
  else
    records.push_back(GenerationRecord{id, std::nullopt});
  return records;
}

Outcome<ErrorCode> Groups::delete_group(const std::string& group_id) const {
  const Group* group = find(group_id);
  if (group == nullptr) return {ErrorCode::group_id_not_found, {}, end_};
  if (!group->is_empty()) return {ErrorCode::non_empty_group, {}, group->stored_end()};
  return {ErrorCode::none, tombstones(group_id, *group)};
}

// Whether none is left.
bool Groups::expire_offsets_of(const std::string& id, const Group& group, Now now, Records& records) const {
  bool all = true;
  for (const auto& [topic, offsets] : group.offsets) {
    const bool subscribed = group.is_subscribed_to(topic);
    for (const auto& [index, committed] : offsets) {
      const auto since = group.unneeded_since(committed);
      const bool expired =
          !subscribed && since && !pending_.contains(id, {topic, index}) &&
          (committed.expire_ms != kNoTimestamp ? now.wall_ms >= committed.expire_ms
                                               : now.wall_ms - *since >= settings_.offsets_retention_ms);
      if (expired) {
        records.push_back(OffsetRecord{id, {topic, index}, {}});
      } else {
        all = false;
      }
    }
  }
  return all;
}

Records Groups::expire_offsets(Now now) {
  Records records;
  for (auto at = groups_.begin(); at != groups_.end();) {
    const auto& [id, group] = *at;
    const bool empty =
        expire_offsets_of(id, *group, now, records) && group->is_deserted() && !pending_.contains(id);
    const bool durable = group->is_durable();
    if (empty && group->consumer)
      std::ranges::move(group->consumer->tombstones(), std::back_inserter(records));
    else if (empty && durable)
      records.push_back(GenerationRecord{id, std::nullopt});
    // What nothing in the log tells of may go without a record.
    at = empty && !durable ? groups_.erase(at) : std::next(at);
  }
  return records;
}

Records Groups::forget_topics(const std::map<std::string, TopicId>& topics) const {
  std::set<std::pair<std::string, TopicPartition>> gone;
  for (const auto& [id, group] : groups_) {
    for (const auto& [topic, topic_id] : topics) {
      const auto offsets = group->offsets.find(topic);
      if (offsets == group->offsets.end()) continue;
      for (const auto& [index, committed] : offsets->second)
        if (is_same_topic(committed.topic_id, topic_id)) gone.insert({id, {topic, index}});
    }
  }
  pending_.for_each([&](ProducerId, const OffsetRecord& record) {
    const auto topic = topics.find(record.partition.topic);
    if (topic != topics.end() && is_same_topic(record.value->topic_id, topic->second))
      gone.insert({record.group, record.partition});
  });
  Records records;
  for (const auto& [group, partition] : gone) records.push_back(OffsetRecord{group, partition, {}});
  return records;
}

}  // namespace moldau::group
