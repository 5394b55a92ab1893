#include <algorithm>

#include "simulation/cluster_clients.h"
#include "simulation/cluster_settings.h"
#include "wire/messages/add_raft_voter.h"
#include "wire/messages/alter_partition_reassignments.h"
#include "wire/messages/create_partitions.h"
#include "wire/messages/create_topics.h"
#include "wire/messages/delete_records.h"
#include "wire/messages/delete_topics.h"
#include "wire/messages/elect_leaders.h"
#include "wire/messages/incremental_alter_configs.h"
#include "wire/messages/remove_raft_voter.h"

namespace moldau::simulation {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr Duration kCallTimeout = 10s;
constexpr std::int8_t kTopicResource = 2;
constexpr std::size_t kMaxTopics = 5;
constexpr std::string_view kStableTopic = "topic-0";  // never deleted, its elections are clean
constexpr std::int32_t kMaxPartitions = 5;

constexpr wire::ApiVersion kCreateTopics = 7;
constexpr wire::ApiVersion kDeleteTopics = 6;
constexpr wire::ApiVersion kCreatePartitions = 3;
constexpr wire::ApiVersion kAlterConfigs = 1;
constexpr wire::ApiVersion kDeleteRecords = 2;
constexpr wire::ApiVersion kReassign = 0;
constexpr wire::ApiVersion kElectLeaders = 2;
constexpr wire::ApiVersion kFetch = 16;
constexpr wire::ApiVersion kAddVoter = 0;
constexpr wire::ApiVersion kRemoveVoter = 0;
constexpr std::size_t kMinVoters = 2;
constexpr std::size_t kMaxVoters = 5;
// A change that was asked for has happened by then, or never will.
constexpr Duration kVotersSettle = 40s;

}  // namespace

ClusterAdmin::ClusterAdmin(runtime::World& machine, ClusterWork& work) : ClusterClient(machine, work) {}

Task<void> ClusterAdmin::run() {
  while (!stopping()) {
    look_at_topics();
    const std::size_t live = ledger().live_topics().size();
    if (live == 0) {
      co_await create_topic();
      co_await pause(1'000);
      continue;
    }
    switch (random_.below(17)) {
      case 0:
      case 1:
        if (live < kMaxTopics && work_.gone.empty()) co_await create_topic();
        break;
      case 2:
        co_await delete_topic();
        break;
      case 3:
        co_await alter_config();
        break;
      case 4:
        co_await add_partitions();
        break;
      case 5:
        co_await delete_records();
        break;
      case 6:
      case 7:
        co_await reassign(false);
        break;
      case 8:
        co_await reassign(true);
        break;
      case 9:
        co_await elect_leaders();
        break;
      case 10:
        co_await change_voters();
        break;
      default:
        if (const auto key = draw_partition())
          co_await list_offset(*key, random_.one_in(3) ? kEarliest : kLatest);
    }
    co_await pause(3'000);
  }
}

// --- topics

void ClusterAdmin::look_at_topics() {
  const metadata::Image& image = work_.metadata.image();
  for (auto& [id, topic] : ledger().topics()) {
    const metadata::Topic* there = image.topic(id);
    if (there == nullptr && topic.state == TopicModel::State::live) {
      problem(topic.name + " is gone");
    } else if (there == nullptr && topic.state == TopicModel::State::deleting) {
      topic.state = TopicModel::State::deleted;
      free_names_.push_back(topic.name);
    } else if (there != nullptr && topic.state == TopicModel::State::deleted) {
      problem(topic.name + " came back");
    } else if (there != nullptr) {
      if (there->partition_count() < topic.partitions || there->partition_count() > topic.max_partitions)
        problem(topic.name + " has " + std::to_string(there->partition_count()) + " partitions");
      topic.partitions = std::max(topic.partitions, there->partition_count());
    }
  }
  for (const auto& [name, topic] : image.topics()) {
    if (ledger().topic(topic->id) != nullptr) continue;
    const auto design = designs_.find(name);
    if (design == designs_.end()) {
      problem("nobody created " + name);
      continue;
    }
    std::erase(free_names_, name);
    TopicModel model = design->second;
    model.id = topic->id;
    model.partitions = topic->partition_count();
    work_.world.note("created " + name + " " + topic->id.to_string());
    ledger().on_topic_created(std::move(model));
  }
}

// What a topic is like is said by its name alone: whichever of several creations it was that happened.
TopicModel ClusterAdmin::design(const std::string& name, std::int16_t& replication_factor) {
  Random of_name(std::hash<std::string>()(name) ^ work_.world.seed());
  const auto most = static_cast<std::int64_t>(std::min(work_.nodes, 3U));
  replication_factor = static_cast<std::int16_t>(of_name.one_in(6) ? of_name.between(1, most) : most);
  TopicModel topic;
  topic.name = name;
  topic.stable = name == kStableTopic;
  topic.retention = of_name.one_in(4);
  topic.unclean = !topic.stable && of_name.one_in(6);
  topic.partitions = topic.max_partitions = static_cast<std::int32_t>(of_name.between(1, 3));
  std::map<std::string, std::string> configs{
      {"internal.segment.bytes", std::to_string(of_name.between(4'000, 60'000))},
      {"index.interval.bytes", std::to_string(of_name.between(0, 4'000))},
      {"file.delete.delay.ms", std::to_string(of_name.between(0, 5'000))},
      {"message.timestamp.after.max.ms", "9223372036854775807"},  // clients' clocks are stepped by hours
      {"min.insync.replicas",
       std::to_string(of_name.between(1, std::max<std::int64_t>(1, replication_factor - 1)))}};
  if (of_name.one_in(4)) configs["flush.messages"] = std::to_string(of_name.between(1, 50));
  if (of_name.one_in(4)) configs["segment.ms"] = std::to_string(of_name.between(1'000, 20'000));
  if (topic.unclean) configs["unclean.leader.election.enable"] = "true";
  if (topic.retention) configs["retention.bytes"] = std::to_string(of_name.between(10'000, 200'000));
  for (const auto& [key, value] : configs) topic.configs[key] = {value};
  return topic;
}

std::string ClusterAdmin::draw_name() {
  if (next_name_ > 0 && ledger().live_topics().empty()) return std::string(kStableTopic);
  for (const auto& [name, design] : designs_) {  // as after a time-out
    if (work_.metadata.image().topic(name) == nullptr && random_.one_in(4)) return name;
  }
  if (!free_names_.empty() && random_.one_in(2)) {
    marks().hit(Mark::topic_recreated);
    return free_names_[random_.below(free_names_.size())];
  }
  return "topic-" + std::to_string(next_name_++);
}

Task<void> ClusterAdmin::create_topic() {
  const std::string name = draw_name();
  std::int16_t replication_factor = 1;
  const TopicModel topic = design(name, replication_factor);
  auto to = co_await connect(any_node());
  if (!to) co_return;
  wire::CreateTopicsRequest request;
  auto& create = request.topics.emplace_back();
  create.name = name;
  create.num_partitions = topic.partitions;
  create.replication_factor = replication_factor;
  for (const auto& [key, values] : topic.configs) create.configs.push_back({key, *values.begin()});
  designs_.try_emplace(name, topic);
  work_.world.note("create " + name);
  const auto answer =
      co_await to->call<wire::CreateTopicsResponse>(std::move(request), kCreateTopics, kCallTimeout);
  if (!answer || answer->topics.size() != 1) co_return;
  const auto& result = answer->topics[0];
  work_.world.note("create " + name + ": " + std::string(wire::name_of(result.error_code)) + " " +
                   result.error_message.value_or(""));
  if (result.error_code == ErrorCode::invalid_config)
    problem("a topic is refused: " + result.error_message.value_or(""));
  if (result.error_code != ErrorCode::none) co_return;
  // It may be gone again only when somebody has deleted it, and that is who creates them.
  const metadata::Topic* there = work_.metadata.image().topic(result.topic_id);
  if (there == nullptr) co_return problem(name + " is said to be created, but that is not committed");
  look_at_topics();
}

Task<void> ClusterAdmin::delete_topic() {
  std::vector<TopicModel*> candidates;
  for (auto& [id, topic] : ledger().topics()) {
    if (!topic.stable && topic.state != TopicModel::State::deleted) candidates.push_back(&topic);
  }
  if (candidates.empty()) co_return;
  TopicModel& topic = *candidates[random_.below(candidates.size())];
  auto to = co_await connect(any_node());
  if (!to) co_return;
  topic.state = TopicModel::State::deleting;
  work_.world.note("delete " + topic.name + " " + topic.id.to_string());
  wire::DeleteTopicsRequest request;
  request.topics.push_back({std::nullopt, topic.id});
  const auto answer =
      co_await to->call<wire::DeleteTopicsResponse>(std::move(request), kDeleteTopics, kCallTimeout);
  if (answer && answer->responses.size() == 1 && answer->responses[0].error_code == ErrorCode::none &&
      work_.metadata.image().topic(topic.id) != nullptr)
    problem(topic.name + " is said to be deleted, but that is not committed");
  look_at_topics();
}

Task<void> ClusterAdmin::add_partitions() {
  const auto live = ledger().live_topics();
  TopicModel& topic = *live[random_.below(live.size())];
  if (topic.max_partitions >= kMaxPartitions) co_return;
  auto to = co_await connect(any_node());
  if (!to) co_return;
  const std::int32_t count = topic.partitions + static_cast<std::int32_t>(random_.between(1, 2));
  TopicModel& design = designs_.at(topic.name);
  topic.max_partitions = design.max_partitions = std::max(design.max_partitions, count);
  wire::CreatePartitionsRequest request;
  request.timeout_ms = 8'000;
  auto& wanted = request.topics.emplace_back();
  wanted.name = topic.name;
  wanted.count = count;
  const TopicId id = topic.id;
  const auto answer =
      co_await to->call<wire::CreatePartitionsResponse>(std::move(request), kCreatePartitions, kCallTimeout);
  if (!answer || answer->results.size() != 1 || answer->results[0].error_code != ErrorCode::none) co_return;
  const metadata::Topic* there = work_.metadata.image().topic(id);
  if (there == nullptr || there->partition_count() < count)
    problem(topic.name + " is said to have more partitions, but that is not committed");
}

Task<void> ClusterAdmin::alter_config() {
  const auto live = ledger().live_topics();
  TopicModel& topic = *live[random_.below(live.size())];
  auto to = co_await connect(any_node());
  if (!to) co_return;
  const std::string keys[] = {"index.interval.bytes", "segment.ms", "internal.segment.bytes"};
  std::string key = keys[random_.below(std::size(keys))];
  std::string value = std::to_string(random_.between(4'000, 60'000));
  if (random_.one_in(3) && work_.gone.empty()) {
    key = "min.insync.replicas";
    value = std::to_string(random_.between(1, 2));
    topic.configs[key].insert(value);
    designs_.at(topic.name).configs[key].insert(value);
  }
  wire::IncrementalAlterConfigsRequest request;
  auto& resource = request.resources.emplace_back();
  resource.resource_type = kTopicResource;
  resource.resource_name = topic.name;
  resource.configs.push_back({key, 0, value});
  const auto answer = co_await to->call<wire::IncrementalAlterConfigsResponse>(std::move(request),
                                                                               kAlterConfigs, kCallTimeout);
  if (!answer || answer->responses.size() != 1 || answer->responses[0].error_code != ErrorCode::none)
    co_return;
  const auto& configs =
      work_.metadata.image().configs({metadata::ResourceType::topic, std::string(topic.name)});
  const auto found = configs.find(key);
  if (found == configs.end()) problem(topic.name + ": " + key + " is said to be set, but is not committed");
}

// --- replicas

Task<void> ClusterAdmin::reassign(bool cancel) {
  const auto key = draw_partition();
  if (!key) co_return;
  const metadata::Partition* state = work_.metadata.image().partition(*key);
  if (state == nullptr) co_return;
  std::vector<NodeId> nodes;
  for (unsigned i = 1; i <= work_.nodes; ++i) nodes.push_back(static_cast<NodeId>(i));
  for (std::size_t i = nodes.size(); i > 1; --i) std::swap(nodes[i - 1], nodes[random_.below(i)]);
  nodes.resize(std::min<std::size_t>(nodes.size(), state->replicas.size() > 1 ? 3 : state->replicas.size()));
  auto to = co_await connect(any_node());
  if (!to) co_return;
  wire::AlterPartitionReassignmentsRequest request;
  request.timeout_ms = 8'000;
  auto& topic = request.topics.emplace_back();
  topic.name = ledger().topic(key->topic_id)->name;
  auto& partition = topic.partitions.emplace_back();
  partition.partition_index = key->partition;
  if (!cancel) partition.replicas = nodes;
  work_.world.note((cancel ? "cancel the reassignment of " : "reassign ") + ledger().name(*key));
  co_await to->call<wire::AlterPartitionReassignmentsResponse>(std::move(request), kReassign, kCallTimeout);
}

Task<void> ClusterAdmin::elect_leaders() {
  auto to = co_await connect(any_node());
  if (!to) co_return;
  wire::ElectLeadersRequest request;
  request.timeout_ms = 8'000;
  co_await to->call<wire::ElectLeadersResponse>(std::move(request), kElectLeaders, kCallTimeout);
}

// --- voters

Task<void> ClusterAdmin::change_voters() {
  const raft::VoterSet& voters = work_.metadata.voter_set();
  if (voters.empty() || !work_.gone.empty()) co_return;  // they are static
  for (const raft::Voter& voter : voters) {
    const metadata::Broker* broker = work_.metadata.image().broker(voter.key.id);
    const bool other_disk = broker != nullptr && !broker->directories.empty() &&
                            broker->directories.front() != voter.key.directory;
    if (other_disk) co_return co_await remove_voter(voter.key);
  }
  const NodeId node = any_node();
  if (!voters.contains(node) && voters.size() < kMaxVoters) co_return co_await add_voter(node);
  if (voters.contains(node) && voters.size() > kMinVoters && random_.one_in(2))
    co_await remove_voter(voters.find(node)->key);
}

Task<void> ClusterAdmin::add_voter(NodeId node) {
  const metadata::Broker* broker = work_.metadata.image().broker(node);
  if (broker == nullptr || broker->directories.empty()) co_return;
  wire::AddRaftVoterRequest request;
  request.timeout_ms = 8'000;
  request.voter_id = node;
  request.voter_directory_id = broker->directories.front();
  const raft::Endpoint at = controller_endpoint(node);
  request.listeners.push_back({at.name, at.host, at.port});
  auto to = co_await connect(any_node());
  if (!to) co_return;
  work_.expect_voters_change(work_.world.now() + kVotersSettle);
  work_.world.note("add voter " + std::to_string(node));
  const auto answer =
      co_await to->call<wire::AddRaftVoterResponse>(std::move(request), kAddVoter, kCallTimeout);
  if (answer)
    work_.world.note("add voter " + std::to_string(node) + ": " +
                     std::string(wire::name_of(answer->error_code)) + " " +
                     answer->error_message.value_or(""));
  if (answer && answer->error_code == ErrorCode::none && !work_.metadata.voters().contains(node))
    problem("voter " + std::to_string(node) + " is said to be added, but that is not committed");
}

// What is left has to be able to go on without those whose disks are gone.
Task<void> ClusterAdmin::remove_voter(raft::ReplicaKey voter) {
  std::set<NodeId> left = work_.metadata.voters();
  left.erase(voter.id);
  const std::size_t majority = left.size() / 2 + 1;
  for (const NodeId id : work_.metadata.lost_voters()) left.erase(id);
  if (left.size() < majority) co_return;
  wire::RemoveRaftVoterRequest request;
  request.voter_id = voter.id;
  request.voter_directory_id = voter.directory;
  auto to = co_await connect(any_node());
  if (!to) co_return;
  work_.expect_voters_change(work_.world.now() + kVotersSettle);
  work_.world.note("remove voter " + voter.to_string());
  const std::uint64_t before = work_.metadata.removals(voter);
  const auto answer =
      co_await to->call<wire::RemoveRaftVoterResponse>(std::move(request), kRemoveVoter, kCallTimeout);
  if (answer)
    work_.world.note("remove voter " + std::to_string(voter.id) + ": " +
                     std::string(wire::name_of(answer->error_code)) + " " +
                     answer->error_message.value_or(""));
  // It may have joined again by itself.
  if (answer && answer->error_code == ErrorCode::none && work_.metadata.voter_set().contains(voter) &&
      work_.metadata.removals(voter) == before)
    problem("voter " + voter.to_string() + " is said to be removed, but that is not committed");
}

// --- offsets

Task<void> ClusterAdmin::delete_records() {
  const auto key = draw_partition();
  if (!key) co_return;
  const Leader leader = co_await leader_of(*key);
  if (leader.node == kNoNode) co_return;
  auto to = co_await connect(leader.node);
  const Offset end = ledger().known_end(*key);
  if (!to || end == 0) co_return;
  const Offset offset = random_.between(0, end);
  ledger().on_delete_records_sent(*key, offset);
  wire::DeleteRecordsRequest request;
  request.timeout_ms = 8'000;
  request.topics.push_back({ledger().topic(key->topic_id)->name, {{key->partition, offset}}});
  const auto answer =
      co_await to->call<wire::DeleteRecordsResponse>(std::move(request), kDeleteRecords, kCallTimeout);
  if (!answer) co_return;
  const auto& result = answer->topics.at(0).partitions.at(0);
  if (result.error_code != ErrorCode::none) co_return forget_leader(*key);
  if (result.low_watermark < offset)
    problem("DeleteRecords answers a low watermark below what was asked for");
}

// --- the end

Task<bool> ClusterAdmin::read_back() {
  look_at_topics();
  for (const TopicModel* topic : ledger().live_topics()) {
    for (PartitionIndex i = 0; i < topic->partitions; ++i) {
      const metadata::Partition* state = work_.metadata.image().partition({topic->id, i});
      if (state != nullptr && is_out_of_reach(*state, work_.gone)) continue;
      if (!co_await read_partition({topic->id, i})) {
        unread_ = ledger().name({topic->id, i}) + unread_;
        co_return false;
      }
    }
  }
  co_return true;
}

Task<bool> ClusterAdmin::read_partition(TopicIdPartition key) {
  Offset start = 0, end = 0;
  unread_ = ", whose ends are not told";
  if (!co_await list_offset(key, kEarliest, &start)) co_return false;
  if (!co_await list_offset(key, kLatest, &end)) co_return false;
  if (end < ledger().committed_end(key) && !ledger().is_unclean(key)) {
    problem(ledger().name(key) + " ends at " + std::to_string(end) + " for its readers, but " +
            std::to_string(ledger().committed_end(key)) + " is committed");
    co_return false;
  }
  for (Offset position = start; position < end;) {
    unread_ = " from offset " + std::to_string(position) + " on";
    const Leader leader = co_await leader_of(key);
    auto to = leader.node == kNoNode ? nullptr : co_await connect(leader.node);
    if (!to) co_return false;
    wire::FetchRequest request;
    request.max_wait_ms = 100;
    request.min_bytes = 1;
    request.max_bytes = 1 << 20;
    request.session_epoch = -1;
    auto& topic = request.topics.emplace_back();
    topic.topic_id = key.topic_id;
    auto& partition = topic.partitions.emplace_back();
    partition.partition = key.partition;
    partition.fetch_offset = position;
    partition.current_leader_epoch = leader.epoch;
    partition.partition_max_bytes = 200'000;
    const auto answer = co_await to->call<wire::FetchResponse>(std::move(request), kFetch, kCallTimeout);
    if (!answer || answer->error_code != ErrorCode::none) co_return false;
    const auto& result = answer->responses.at(0).partitions.at(0);
    if (result.error_code == ErrorCode::offset_out_of_range) {  // retention was faster
      ledger().on_out_of_range(key, position);
      if (!co_await list_offset(key, kEarliest, &position)) co_return false;
      continue;
    }
    if (note_error(result.error_code)) forget_leader(key);
    if (result.error_code != ErrorCode::none || !result.records) co_return false;
    const Offset next = ledger().on_fetched(key, position, result.high_watermark, result.log_start_offset,
                                            joined(*result.records));
    if (next == position) co_return false;
    position = next;
  }
  co_return true;
}

}  // namespace moldau::simulation
