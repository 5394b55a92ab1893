#include <algorithm>

#include "simulation/broker_workload.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/describe_configs.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/list_offsets.h"

namespace moldau::simulation {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr Duration kCallTimeout = 20s;
// After a request with unknown outcome: until then the broker has it, or it is lost.
constexpr Duration kSettle = 6s;
constexpr std::int8_t kTopicResource = 2;
constexpr TimestampMs kLatest = -1;
constexpr TimestampMs kEarliest = -2;

constexpr wire::ApiVersion kMetadata = 12;
constexpr wire::ApiVersion kCreateTopics = 7;
constexpr wire::ApiVersion kDeleteTopics = 6;
constexpr wire::ApiVersion kCreatePartitions = 3;
constexpr wire::ApiVersion kAlterConfigs = 1;
constexpr wire::ApiVersion kDescribeConfigs = 4;
constexpr wire::ApiVersion kDeleteRecords = 2;
constexpr wire::ApiVersion kFetch = 16;

}  // namespace

SimulatedAdmin::SimulatedAdmin(runtime::World& machine, Workload& workload, bool retention, bool page_cache)
    : SimulatedClient(machine, workload), retention_(retention), page_cache_(page_cache) {}

Task<void> SimulatedAdmin::run() {
  while (!stopping()) {
    const std::size_t live = auditor().live_topics().size();
    if (live == 0) {
      co_await create_topic(true);
      continue;
    }
    switch (random_.below(14)) {
      case 0:
        if (live < 5) co_await create_topic(false);
        break;
      case 1:
        co_await delete_topic();
        break;
      case 2:
        co_await alter_config();
        break;
      case 3:
        co_await add_partitions();
        break;
      case 4:
        co_await delete_records();
        break;
      case 5:
        co_await look_at_topics();
        break;
      default:
        if (const auto key = draw_partition(true)) {
          const TimestampMs now = machine_.wall_clock().now_ms();
          const TimestampMs asked[] = {kLatest, kEarliest, now - random_.between(-10'000, 60'000)};
          co_await list_offset(*key, asked[random_.below(3)]);
        }
    }
    co_await pause(800);
  }
}

// --- topics

// What a name means never changes, so that a creation with unknown outcome is known when it shows up.
Task<void> SimulatedAdmin::create_topic(bool stable) {
  std::string name = "topic-" + std::to_string(next_name_);
  if (!stable && !creations_.empty()) {
    name = creations_.begin()->first;
  } else if (!stable && !free_names_.empty() && random_.one_in(2)) {
    name = free_names_[random_.below(free_names_.size())];
  } else if (!stable || creations_.empty()) {
    ++next_name_;
  } else {
    name = creations_.begin()->first;
  }
  Random of_name(std::hash<std::string>()(name) ^ work_.world.seed());
  TopicModel topic;
  topic.name = name;
  topic.stable = stable || name == "topic-0";
  topic.page_cache = of_name.one_in(3) && page_cache_;
  topic.retention = of_name.one_in(3) && retention_;
  topic.partitions = topic.max_partitions = static_cast<std::int32_t>(of_name.between(1, 3));
  std::map<std::string, std::string> configs{
      {"internal.segment.bytes", std::to_string(of_name.between(4'000, 60'000))},
      {"index.interval.bytes", std::to_string(of_name.between(0, 4'000))},
      {"file.delete.delay.ms", std::to_string(of_name.between(0, 5'000))},
      {"moldau.durability", topic.page_cache ? "page-cache" : "synced"}};
  if (of_name.one_in(4)) configs["flush.messages"] = std::to_string(of_name.between(1, 50));
  if (of_name.one_in(4)) configs["flush.ms"] = std::to_string(of_name.between(1, 5'000));
  if (of_name.one_in(4)) configs["preallocate"] = "true";
  if (of_name.one_in(4)) configs["segment.ms"] = std::to_string(of_name.between(1'000, 20'000));
  if (topic.retention) {
    configs["retention.bytes"] = std::to_string(of_name.between(10'000, 200'000));
    if (of_name.one_in(2)) configs["retention.ms"] = std::to_string(of_name.between(1'000, 600'000));
  }
  for (const auto& [key, value] : configs) topic.configs[key] = {value};

  auto to = co_await connection();
  if (!to) co_return;
  wire::CreateTopicsRequest request;
  auto& create = request.topics.emplace_back();
  create.name = name;
  create.num_partitions = topic.partitions;
  create.replication_factor = 1;
  for (const auto& [key, value] : configs) create.configs.push_back({key, value});
  creations_[name] = topic;
  work_.world.note("create " + name);
  const auto answer =
      co_await to->call<wire::CreateTopicsResponse>(std::move(request), kCreateTopics, kCallTimeout);
  if (answer && answer->topics.size() == 1 && answer->topics[0].error_code == ErrorCode::none) {
    adopt(name, answer->topics[0].topic_id, answer->topics[0].num_partitions);
    co_return;
  }
  if (answer && answer->topics[0].error_code == ErrorCode::invalid_config)
    problem("a topic is refused: " + answer->topics[0].error_message.value_or(""));
  co_await runtime::sleep_for(executor_, kSettle);
  co_await look_at_topics();
}

void SimulatedAdmin::adopt(const std::string& name, const TopicId& id, std::int32_t partitions) {
  auto created = creations_.extract(name);
  std::erase(free_names_, name);
  TopicModel topic = std::move(created.mapped());
  topic.id = id;
  work_.world.note("created " + name + " " + id.to_string());
  if (partitions != topic.partitions) problem(name + " has " + std::to_string(partitions) + " partitions");
  auditor().on_topic_created(std::move(topic));
}

Task<void> SimulatedAdmin::delete_topic() {
  std::vector<TopicModel*> candidates;
  for (auto& [id, topic] : auditor().topics()) {
    if (!topic.stable && topic.state != TopicModel::State::deleted) candidates.push_back(&topic);
  }
  if (candidates.empty()) co_return;
  TopicModel& topic = *candidates[random_.below(candidates.size())];
  auto to = co_await connection();
  if (!to) co_return;
  topic.state = TopicModel::State::deleting;
  work_.world.note("delete " + topic.name + " " + topic.id.to_string());
  wire::DeleteTopicsRequest request;
  request.topics.push_back({std::nullopt, topic.id});
  const auto answer =
      co_await to->call<wire::DeleteTopicsResponse>(std::move(request), kDeleteTopics, kCallTimeout);
  const bool done = answer && answer->responses.size() == 1 &&
                    (answer->responses[0].error_code == ErrorCode::none ||
                     answer->responses[0].error_code == ErrorCode::unknown_topic_id);
  if (!done) co_return co_await runtime::sleep_for(executor_, kSettle);
  topic.state = TopicModel::State::deleted;
  work_.world.note("deleted " + topic.name + " " + topic.id.to_string());
  free_names_.push_back(topic.name);
}

Task<bool> SimulatedAdmin::look_at_topics() {
  auto to = co_await connection();
  if (!to) co_return false;
  struct Expected {
    TopicModel::State state;
    std::int32_t partitions;
  };
  std::map<TopicId, Expected> before;
  for (auto& [id, topic] : auditor().topics()) before[id] = {topic.state, topic.partitions};
  wire::MetadataRequest request;
  const auto answer = co_await to->call<wire::MetadataResponse>(std::move(request), kMetadata, kCallTimeout);
  if (!answer) co_return false;
  std::set<TopicId> seen;
  for (const auto& shown : answer->topics) {
    seen.insert(shown.topic_id);
    const std::string name = shown.name.value_or("");
    const auto partitions = static_cast<std::int32_t>(shown.partitions.size());
    TopicModel* topic = auditor().topic(shown.topic_id);
    if (topic == nullptr) {
      if (!creations_.contains(name))
        problem("nobody created " + name);
      else
        adopt(name, shown.topic_id, partitions);
      continue;
    }
    if (before.at(topic->id).state == TopicModel::State::deleted) problem(name + " came back");
    if (name != topic->name) problem(topic->name + " is called " + name);
    if (partitions < before.at(topic->id).partitions || partitions > topic->max_partitions)
      problem(name + " has " + std::to_string(partitions) + " partitions");
    topic->partitions = std::max(topic->partitions, partitions);
  }
  for (const auto& [id, expected] : before) {
    const TopicModel& topic = *auditor().topic(id);
    if (expected.state == TopicModel::State::live && !seen.contains(id)) problem(topic.name + " is gone");
    if (topic.state == TopicModel::State::deleting && !seen.contains(id)) {
      auditor().topic(id)->state = TopicModel::State::deleted;
      free_names_.push_back(topic.name);
    }
  }
  co_return true;
}

Task<void> SimulatedAdmin::add_partitions() {
  const auto live = auditor().live_topics();
  TopicModel& topic = *live[random_.below(live.size())];
  if (topic.max_partitions >= 6) co_return;
  auto to = co_await connection();
  if (!to) co_return;
  const std::int32_t count = topic.partitions + static_cast<std::int32_t>(random_.between(1, 2));
  topic.max_partitions = std::max(topic.max_partitions, count);
  wire::CreatePartitionsRequest request;
  request.timeout_ms = 15'000;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic.name;
  wanted.count = count;
  const auto answer =
      co_await to->call<wire::CreatePartitionsResponse>(std::move(request), kCreatePartitions, kCallTimeout);
  if (answer && answer->results.size() == 1 && answer->results[0].error_code == ErrorCode::none) {
    topic.partitions = std::max(topic.partitions, count);
  } else {
    co_await runtime::sleep_for(executor_, kSettle);
  }
}

// --- configs

Task<void> SimulatedAdmin::alter_config() {
  const auto live = auditor().live_topics();
  TopicModel& topic = *live[random_.below(live.size())];
  auto to = co_await connection();
  if (!to) co_return;
  const std::string keys[] = {"index.interval.bytes", "flush.ms", "segment.ms", "internal.segment.bytes"};
  const std::string& key = keys[random_.below(std::size(keys))];
  const std::string value = std::to_string(random_.between(4'000, 60'000));
  auto& possible = topic.configs[key];
  if (possible.empty()) possible.insert("");
  possible.insert(value);
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = topic.name;
  resource.configs.push_back({key, 0, value});
  const auto answer = co_await to->call<wire::IncrementalAlterConfigsResponse>(std::move(request),
                                                                               kAlterConfigs, kCallTimeout);
  if (answer && answer->responses.size() == 1 && answer->responses[0].error_code == ErrorCode::none) {
    topic.configs[key] = {value};
    if (random_.one_in(2)) co_await look_at_configs(topic);
  } else {
    co_await runtime::sleep_for(executor_, kSettle);
  }
}

Task<bool> SimulatedAdmin::look_at_configs(TopicModel& topic) {
  auto to = co_await connection();
  if (!to) co_return false;
  wire::DescribeConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = topic.name;
  const auto answer =
      co_await to->call<wire::DescribeConfigsResponse>(std::move(request), kDescribeConfigs, kCallTimeout);
  if (!answer || answer->results.size() != 1 || answer->results[0].error_code != ErrorCode::none)
    co_return false;
  for (const auto& [key, possible] : topic.configs) {
    if (key.starts_with("internal.")) continue;  // not told, as in Kafka
    const auto& configs = answer->results[0].configs;
    const auto found = std::ranges::find(configs, key, [](const auto& config) { return config.name; });
    const std::string value = found == configs.end() ? "" : found->value.value_or("");
    if (!possible.contains(value) && !possible.contains(""))
      problem(topic.name + ": " + key + " is " + value);
  }
  co_return true;
}

// --- offsets

Task<void> SimulatedAdmin::delete_records() {
  const auto key = draw_partition(true);
  if (!key) co_return;
  auto to = co_await connection();
  const Offset end = auditor().known_end(*key);
  if (!to || end == 0) co_return;
  const Offset offset = random_.one_in(5) ? -1 : random_.between(0, end);
  constexpr Offset kMoreThanAnybodySends = 100'000;
  auditor().on_delete_records_sent(*key, offset == -1 ? end + kMoreThanAnybodySends : offset);
  const Snapshot before = auditor().snapshot(*key);
  wire::DeleteRecordsRequest request;
  request.timeout_ms = 15'000;
  request.topics.push_back({auditor().topic(key->topic_id)->name, {{key->partition, offset}}});
  const auto answer =
      co_await to->call<wire::DeleteRecordsResponse>(std::move(request), kDeleteRecords, kCallTimeout);
  if (!answer) co_return co_await runtime::sleep_for(executor_, kSettle);
  const auto& result = answer->topics.at(0).partitions.at(0);
  if (result.error_code != ErrorCode::none) co_return;
  if (result.low_watermark < offset)
    problem("DeleteRecords answers a low watermark below what was asked for");
  auditor().on_delete_records(*key, result.low_watermark, before);
}

Task<bool> SimulatedAdmin::list_offset(TopicIdPartition key, TimestampMs timestamp, Offset* found) {
  auto to = co_await connection();
  if (!to) co_return false;
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<std::int8_t>(random_.below(2));
  auto& topic = request.topics.emplace_back();
  topic.name = auditor().topic(key.topic_id)->name;
  topic.partitions.push_back({key.partition, -1, timestamp});
  const Snapshot before = auditor().snapshot(key);
  const auto answer = co_await to->call<wire::ListOffsetsResponse>(
      std::move(request), static_cast<wire::ApiVersion>(random_.between(2, 9)), kCallTimeout);
  if (!answer) co_return false;
  const auto& result = answer->topics.at(0).partitions.at(0);
  if (result.error_code != ErrorCode::none) co_return false;
  if (timestamp == kLatest) {
    auditor().on_latest(key, result.offset, before);
  } else if (timestamp == kEarliest) {
    auditor().on_earliest(key, result.offset, before);
  } else {
    auditor().on_offset_for_time(key, timestamp, result.offset, result.timestamp, before);
  }
  if (found != nullptr) *found = result.offset;
  co_return true;
}

// --- the end

Task<bool> SimulatedAdmin::check_metadata() {
  if (!co_await look_at_topics()) co_return false;
  for (TopicModel* topic : auditor().live_topics()) {
    if (!co_await look_at_configs(*topic)) co_return false;
  }
  co_return true;
}

Task<bool> SimulatedAdmin::read_back() {
  for (const TopicModel* topic : auditor().live_topics()) {
    for (PartitionIndex i = 0; i < topic->partitions; ++i) {
      if (!co_await read_partition({topic->id, i}) && !topic->damaged) co_return false;
    }
  }
  co_return true;
}

Task<bool> SimulatedAdmin::read_partition(TopicIdPartition key) {
  Offset start = 0, end = 0;
  if (!co_await list_offset(key, kEarliest, &start)) co_return false;
  if (!co_await list_offset(key, kLatest, &end)) co_return false;
  for (Offset position = start; position < end;) {
    auto to = co_await connection();
    if (!to) co_return false;
    wire::FetchRequest request;
    auto& topic = request.topics.emplace_back();
    topic.topic_id = key.topic_id;
    auto& partition = topic.partitions.emplace_back();
    partition.partition = key.partition;
    partition.fetch_offset = position;
    partition.partition_max_bytes = 200'000;
    const Snapshot before = auditor().snapshot(key);
    const auto answer = co_await to->call<wire::FetchResponse>(std::move(request), kFetch, kCallTimeout);
    if (!answer || answer->error_code != ErrorCode::none) co_return false;
    const auto& result = answer->responses.at(0).partitions.at(0);
    if (result.error_code == ErrorCode::offset_out_of_range) {  // retention was faster
      auditor().on_out_of_range(key, position);
      if (!co_await list_offset(key, kEarliest, &position)) co_return false;
      start = position;
      continue;
    }
    if (result.error_code != ErrorCode::none || !result.records) co_return false;
    const Offset next = auditor().on_fetched(key, position, result.high_watermark, result.log_start_offset,
                                             joined(*result.records), before);
    if (next == position) co_return false;
    position = next;
  }
  auditor().on_read_back(key, start, end);
  co_return true;
}

}  // namespace moldau::simulation
