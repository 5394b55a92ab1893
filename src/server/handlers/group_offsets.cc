// OffsetCommit, OffsetFetch, OffsetDelete. Topics are named by name or, from version 10 on, by id;
// coordinators know both.
#include <algorithm>
#include <set>

#include "server/handlers/handlers.h"
#include "server/handlers/topics.h"

namespace moldau::server::handlers {

using wire::ErrorCode;

namespace {

constexpr wire::ApiVersion kTopicIdsFrom = 10;  // of OffsetCommit and OffsetFetch
constexpr wire::ApiVersion kManyGroupsFrom = 8;
constexpr wire::ApiVersion kGroupErrorFrom = 2;

// --- OffsetCommit

// Of the request, what names partitions that exist; the answer has the errors of the others, and places to
// fill for these.
wire::OffsetCommitRequest keep_known(const metadata::Image& image, bool by_id,
                                     wire::OffsetCommitRequest message,
                                     wire::OffsetCommitResponse& response) {
  const auto asked = std::exchange(message.topics, {});
  for (const auto& topic : asked) {
    const metadata::Topic* known = by_id ? image.topic(topic.topic_id) : image.topic(topic.name);
    auto& answer = response.topics.emplace_back();
    answer.name = topic.name;
    answer.topic_id = topic.topic_id;
    auto& kept = message.topics.emplace_back();
    if (known != nullptr) {
      kept.name = known->name;
      kept.topic_id = known->id;
    }
    for (const auto& partition : topic.partitions) {
      const ErrorCode code = check_exists(known, by_id, partition.partition_index);
      answer.partitions.push_back({partition.partition_index, code});
      if (code == ErrorCode::none) kept.partitions.push_back(partition);
    }
    if (kept.partitions.empty()) message.topics.pop_back();
  }
  return message;
}

// Their answers come in the order in which they were asked for.
void fill_in(wire::OffsetCommitResponse& response, const GroupResult<wire::OffsetCommitResponse>& result) {
  std::vector<ErrorCode> codes;
  if (result) {
    for (const auto& topic : result->topics)
      for (const auto& partition : topic.partitions) codes.push_back(partition.error_code);
  }
  auto next = codes.begin();
  for (auto& topic : response.topics) {
    for (auto& partition : topic.partitions)
      if (partition.error_code == ErrorCode::none) partition.error_code = result ? *next++ : result.error();
  }
}

// --- OffsetFetch

using GroupAnswer = wire::OffsetFetchResponse::Group;

GroupAnswer::Topic::Partition refuse(PartitionIndex index, ErrorCode code) {
  GroupAnswer::Topic::Partition partition;
  partition.partition_index = index;
  partition.committed_offset = kNoOffset;
  partition.metadata = "";
  partition.error_code = code;
  return partition;
}

// Gives topics the names and ids that they have. What is named again is answered once; topics of unknown ids
// are answered here.
void resolve(const metadata::Image& image, bool by_id, wire::OffsetFetchRequest::Group& group,
             GroupAnswer& answer) {
  if (!group.topics) return;
  std::set<std::pair<std::string, PartitionIndex>> seen;
  std::set<TopicId> unknown;
  for (auto& topic : *group.topics) {
    const metadata::Topic* known = by_id ? image.topic(topic.topic_id) : image.topic(topic.name);
    if (known != nullptr) {
      topic.name = known->name;
      topic.topic_id = known->id;
    } else if (by_id) {
      if (!unknown.insert(topic.topic_id).second) continue;
      auto& refused = answer.topics.emplace_back();
      refused.topic_id = topic.topic_id;
      for (const PartitionIndex index : topic.partition_indexes)
        refused.partitions.push_back(refuse(index, ErrorCode::unknown_topic_id));
    }
    std::erase_if(topic.partition_indexes,
                  [&](PartitionIndex index) { return !seen.emplace(topic.name, index).second; });
  }
  std::erase_if(*group.topics, [&](const auto& topic) {
    return topic.partition_indexes.empty() || (by_id && topic.name.empty());
  });
}

// Of all that was committed, what this client can be told of and is about topics as they are now.
void drop_foreign(const metadata::Image& image, bool by_id, std::vector<GroupAnswer::Topic>& topics) {
  std::erase_if(topics, [&](GroupAnswer::Topic& topic) {
    const metadata::Topic* known = image.topic(topic.name);
    const bool of_another = known != nullptr && !topic.topic_id.is_zero() && topic.topic_id != known->id;
    if (known != nullptr && topic.topic_id.is_zero()) topic.topic_id = known->id;
    return of_another || (by_id && topic.topic_id.is_zero());
  });
}

Task<GroupAnswer> fetch_group(Broker& broker, wire::OffsetFetchRequest::Group group, bool by_id,
                              bool require_stable) {
  GroupAnswer answer;
  answer.group_id = group.group_id;
  const auto image = broker.image();
  resolve(*image, by_id, group, answer);
  const bool all = !group.topics;
  auto fetched = co_await broker.groups->ask(std::move(group), require_stable);
  if (!fetched) {
    answer.topics.clear();
    answer.error_code = fetched.error();
  } else {
    if (all) drop_foreign(*broker.image(), by_id, fetched->topics);
    std::ranges::move(fetched->topics, std::back_inserter(answer.topics));
  }
  broker.metrics.error(wire::ApiKey::offset_fetch, answer.error_code);
  co_return answer;
}

// Versions of one group.
wire::OffsetFetchResponse answer_of_one(GroupAnswer group, const wire::OffsetFetchRequest& message,
                                        wire::ApiVersion version) {
  wire::OffsetFetchResponse response;
  response.error_code = group.error_code;
  for (auto& topic : group.topics) {
    auto& out = response.topics.emplace_back();
    out.name = std::move(topic.name);
    for (auto& partition : topic.partitions) {
      out.partitions.push_back({partition.partition_index, partition.committed_offset,
                                partition.committed_leader_epoch, std::move(partition.metadata),
                                partition.error_code});
    }
  }
  if (group.error_code == ErrorCode::none || version >= kGroupErrorFrom) return response;
  for (const auto& topic : message.topics.value_or(std::vector<wire::OffsetFetchRequest::Topic>())) {
    auto& out = response.topics.emplace_back();
    out.name = topic.name;
    for (const PartitionIndex index : topic.partition_indexes)
      out.partitions.push_back({index, kNoOffset, kNoEpoch, "", group.error_code});
  }
  return response;
}

wire::OffsetFetchRequest::Group only_group(const wire::OffsetFetchRequest& message) {
  wire::OffsetFetchRequest::Group group;
  group.group_id = message.group_id;
  if (!message.topics) return group;
  group.topics.emplace();
  for (const auto& topic : *message.topics)
    group.topics->push_back({topic.name, {}, topic.partition_indexes});
  return group;
}

}  // namespace

Task<wire::OffsetCommitResponse> offset_commit(Broker& broker, const Request& request,
                                               wire::OffsetCommitRequest message) {
  const bool by_id = request.header.api_version >= kTopicIdsFrom;
  wire::OffsetCommitResponse response;
  const auto image = broker.image();
  message = keep_known(*image, by_id, std::move(message), response);
  if (!message.topics.empty())
    fill_in(response, co_await broker.groups->ask(std::move(message), client_of(request)));
  for (const auto& topic : response.topics)
    for (const auto& partition : topic.partitions)
      broker.metrics.error(wire::ApiKey::offset_commit, partition.error_code);
  co_return response;
}

Task<wire::OffsetFetchResponse> offset_fetch(Broker& broker, const Request& request,
                                             wire::OffsetFetchRequest message) {
  const wire::ApiVersion version = request.header.api_version;
  if (version < kManyGroupsFrom) {
    GroupAnswer answer = co_await fetch_group(broker, only_group(message), false, message.require_stable);
    co_return answer_of_one(std::move(answer), message, version);
  }
  wire::OffsetFetchResponse response;
  std::set<std::string> seen;
  Turn turn;
  for (auto& group : message.groups) {
    if (!seen.insert(group.group_id).second) continue;
    if (turn.over()) co_await runtime::yield(broker.executor);
    response.groups.push_back(
        co_await fetch_group(broker, std::move(group), version >= kTopicIdsFrom, message.require_stable));
  }
  co_return response;
}

Task<wire::OffsetDeleteResponse> offset_delete(Broker& broker, const Request&,
                                               wire::OffsetDeleteRequest message) {
  const auto image = broker.image();
  wire::OffsetDeleteResponse unknown;
  for (auto& topic : message.topics) {
    const metadata::Topic* known = image->topic(topic.name);
    wire::OffsetDeleteResponse::Topic refused{topic.name, {}};
    std::erase_if(topic.partitions, [&](const auto& partition) {
      const ErrorCode code = check_exists(known, false, partition.partition_index);
      if (code != ErrorCode::none) refused.partitions.push_back({partition.partition_index, code});
      return code != ErrorCode::none;
    });
    if (!refused.partitions.empty()) unknown.topics.push_back(std::move(refused));
  }
  std::erase_if(message.topics, [](const auto& topic) { return topic.partitions.empty(); });
  auto deleted = co_await broker.groups->ask(std::move(message));
  wire::OffsetDeleteResponse response;
  response.error_code = deleted ? deleted->error_code : deleted.error();
  broker.metrics.error(wire::ApiKey::offset_delete, response.error_code);
  if (response.error_code != ErrorCode::none) co_return response;
  response.topics = std::move(unknown.topics);
  for (auto& topic : deleted->topics) {
    const auto same =
        std::ranges::find(response.topics, topic.name, &wire::OffsetDeleteResponse::Topic::name);
    if (same == response.topics.end()) {
      response.topics.push_back(std::move(topic));
    } else {
      std::ranges::move(topic.partitions, std::back_inserter(same->partitions));
    }
  }
  co_return response;
}

}  // namespace moldau::server::handlers
