#include "simulation/cluster_clients.h"

#include <algorithm>
#include <utility>

#include "record/builder.h"
#include "simulation/node_settings.h"
#include "wire/messages/init_producer_id.h"
#include "wire/messages/list_offsets.h"

namespace moldau::simulation {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr Duration kCallTimeout = 8s;
constexpr wire::ApiVersion kInitProducerId = 4;
constexpr wire::ApiVersion kListOffsets = 9;
constexpr wire::ApiVersion kMetadata = 12;
constexpr wire::ApiVersion kProduce = 13;
constexpr wire::ApiVersion kFetch = 16;

}  // namespace

bool is_out_of_reach(const metadata::Partition& state, const std::set<NodeId>& gone) {
  return std::ranges::all_of(state.replicas, [&](NodeId id) { return gone.contains(id); });
}

// --- every client

ClusterClient::ClusterClient(runtime::World& machine, ClusterWork& work)
    : machine_(machine), work_(work), executor_(machine.shard(0)), random_(machine.entropy()) {
  for (unsigned i = 1; i <= work.nodes; ++i) links_.try_emplace(static_cast<NodeId>(i), executor_);
}

NodeId ClusterClient::any_node() { return static_cast<NodeId>(1 + random_.below(work_.nodes)); }

Task<std::shared_ptr<BrokerConnection>> ClusterClient::connect(NodeId node) {
  const auto found = links_.find(node);
  if (found == links_.end()) {
    problem("node " + std::to_string(node) + " is named, but is not of the cluster");
    co_return nullptr;
  }
  Link& link = found->second;
  co_await link.connecting.acquire(1);
  if (link.connection && link.connection->broken()) link.connection = nullptr;
  if (!link.connection) {
    link.epochs.clear();
    link.connection = co_await BrokerConnection::open(
        machine_, {Fabric::address_of(static_cast<unsigned>(node - 1)), kNodePort},
        [this](std::string what) { problem(std::move(what)); });
    if (!link.connection) co_await pause(300);
  }
  link.connecting.release(1);
  co_return link.connection;
}

Task<bool> ClusterClient::refresh() {
  const NodeId node = any_node();
  auto to = co_await connect(node);
  if (!to) co_return false;
  // Two that are asked at once are answered in order, but not taken in order.
  const Epochs before = links_.at(node).epochs;
  const auto answer =
      co_await to->call<wire::MetadataResponse>(wire::MetadataRequest{}, kMetadata, kCallTimeout);
  if (!answer) co_return false;
  take_metadata(*answer, node, before);
  if (links_.at(node).connection == to) note_epochs(*answer, links_.at(node).epochs);
  co_return true;
}

void ClusterClient::note_epochs(const wire::MetadataResponse& answer, Epochs& told) {
  for (const auto& topic : answer.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicIdPartition key{topic.topic_id, partition.partition_index};
      LeaderEpoch& epoch = told.try_emplace(key, partition.leader_epoch).first->second;
      epoch = std::max(epoch, partition.leader_epoch);
    }
  }
}

void ClusterClient::take_metadata(const wire::MetadataResponse& answer, NodeId from, const Epochs& before) {
  for (const auto& topic : answer.topics) {
    for (const auto& partition : topic.partitions) {
      const TopicIdPartition key{topic.topic_id, partition.partition_index};
      const auto known = before.find(key);
      if (known != before.end() && partition.leader_epoch < known->second)
        problem(ledger().name(key) + ": node " + std::to_string(from) + " answers leader epoch " +
                std::to_string(partition.leader_epoch) + " after " + std::to_string(known->second) +
                " (I-R15)");
      if (partition.leader_id != kNoNode &&
          !work_.metadata.was_leader(key, partition.leader_epoch, partition.leader_id))
        problem(ledger().name(key) + ": node " + std::to_string(from) + " answers that " +
                std::to_string(partition.leader_id) + " leads epoch " +
                std::to_string(partition.leader_epoch) + ", which was never committed (I-R14)");
      auto& leader = leaders_[key];
      if (partition.leader_epoch >= leader.epoch)
        leader = {partition.leader_id, partition.leader_epoch, partition.replica_nodes};
    }
  }
}

Task<ClusterClient::Leader> ClusterClient::leader_of(TopicIdPartition key) {
  if (const auto known = leaders_.find(key); known != leaders_.end() && known->second.node != kNoNode)
    co_return known->second;
  const bool asked = co_await refresh();
  const auto known = leaders_.find(key);
  if (asked && known != leaders_.end() && known->second.node != kNoNode) co_return known->second;
  co_await pause(300);
  co_return Leader();
}

Task<void> ClusterClient::pause(std::int64_t most_ms) {
  if (work_.calm) most_ms = std::min<std::int64_t>(most_ms, std::max<std::int64_t>(200, most_ms / 3));
  co_await runtime::sleep_for(executor_, runtime::milliseconds(random_.between(1, most_ms)));
}

std::optional<TopicIdPartition> ClusterClient::draw_partition() {
  const std::vector<TopicModel*> topics = ledger().live_topics();
  if (topics.empty()) return std::nullopt;
  const TopicModel& topic = *topics[random_.below(topics.size())];
  return TopicIdPartition{
      topic.id, static_cast<PartitionIndex>(random_.below(static_cast<std::uint64_t>(topic.partitions)))};
}

Task<bool> ClusterClient::list_offset(TopicIdPartition key, TimestampMs timestamp, Offset* found) {
  const Leader leader = co_await leader_of(key);
  if (leader.node == kNoNode) co_return false;
  auto to = co_await connect(leader.node);
  if (!to) {
    forget_leader(key);
    co_return false;
  }
  wire::ListOffsetsRequest request;
  request.replica_id = -1;
  request.isolation_level = static_cast<std::int8_t>(random_.below(2));
  auto& topic = request.topics.emplace_back();
  topic.name = ledger().topic(key.topic_id)->name;
  topic.partitions.push_back({key.partition, random_.one_in(2) ? leader.epoch : kNoEpoch, timestamp});
  const Offset before = ledger().told_end(key);
  const auto answer =
      co_await to->call<wire::ListOffsetsResponse>(std::move(request), kListOffsets, kCallTimeout);
  if (!answer) {
    forget_leader(key);
    co_return false;
  }
  const auto& result = answer->topics.at(0).partitions.at(0);
  if (note_error(result.error_code)) forget_leader(key);
  if (result.error_code != ErrorCode::none) co_return false;
  if (ledger().is_only_of_its_name(key.topic_id) &&
      ledger().topic(key.topic_id)->state == TopicModel::State::live) {
    timestamp == kLatest ? ledger().on_latest(key, result.offset, before)
                         : ledger().on_earliest(key, result.offset);
  }
  if (found != nullptr) *found = result.offset;
  co_return true;
}

bool ClusterClient::note_error(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_leader_or_follower:
      marks().hit(Mark::fetched_from_old_leader);
      return true;
    case ErrorCode::fenced_leader_epoch:
      marks().hit(Mark::fenced_leader_epoch);
      return true;
    case ErrorCode::unknown_leader_epoch:
      marks().hit(Mark::unknown_leader_epoch);
      return true;
    case ErrorCode::offset_not_available:
      marks().hit(Mark::offset_not_available);
      return false;
    case ErrorCode::not_enough_replicas:
      marks().hit(Mark::not_enough_replicas);
      return false;
    case ErrorCode::not_enough_replicas_after_append:
      marks().hit(Mark::not_enough_replicas_after_append);
      return false;
    case ErrorCode::request_timed_out:
      marks().hit(Mark::produce_timed_out);
      return false;
    case ErrorCode::none:
      return false;
    default:
      return true;
  }
}

// --- the producer

ClusterProducer::ClusterProducer(runtime::World& machine, ClusterWork& work)
    : ClusterClient(machine, work), window_(static_cast<std::size_t>(random_.between(1, 5))) {}

Task<void> ClusterProducer::run() {
  std::vector<Task<void>> lanes;
  const std::int64_t count = random_.between(1, 3);
  for (std::int64_t i = 0; i < count; ++i) lanes.push_back(lane());
  for (auto& one : lanes) co_await std::move(one);
}

Task<void> ClusterProducer::lane() {
  while (!stopping()) {
    co_await pause(500);
    auto session = co_await start_session();
    if (!session) continue;
    busy_.insert(session->key);
    co_await produce(*session);
    busy_.erase(session->key);
  }
}

Task<std::optional<ClusterProducer::Session>> ClusterProducer::start_session() {
  const auto key = draw_partition();
  if (!key || busy_.contains(*key)) co_return std::nullopt;
  if (random_.one_in(4)) {
    Session nobodys{.key = *key};
    nobodys.acks = static_cast<std::int16_t>(random_.between(-1, 1));
    co_return nobodys;
  }
  auto to = co_await connect(any_node());
  if (!to) co_return std::nullopt;
  const auto answer = co_await to->call<wire::InitProducerIdResponse>(wire::InitProducerIdRequest{},
                                                                      kInitProducerId, kCallTimeout);
  if (!answer || answer->error_code != ErrorCode::none || busy_.contains(*key)) co_return std::nullopt;
  ledger().on_producer_id(answer->producer_id);
  co_return Session{
      .key = *key, .producer_id = answer->producer_id, .producer_epoch = answer->producer_epoch};
}

ClusterProducer::Batch ClusterProducer::make_batch(Session& session) {
  Batch batch{
      .count = static_cast<std::int32_t>(random_.one_in(3) ? random_.between(1, 20) : random_.between(1, 4))};
  if (session.idempotent()) batch.sequence = session.next_sequence;
  for (std::int32_t i = 0; i < batch.count; ++i) {
    const std::size_t size = sizeof(RecordId) + random_.below(random_.one_in(8) ? 1500 : 60);
    const TimestampMs at = machine_.wall_clock().now_ms();
    const SentRecord record{
        session.key,
        session.producer_id,
        session.producer_epoch,
        session.idempotent() ? record::sequence_after(session.next_sequence, i) : kNoSequence,
        at,
        size};
    const RecordId id = ledger().add_sent(record);
    if (i == 0) batch.first = id;
    batch.records.push_back(record);
  }
  batch.bytes = encode(session, batch);
  if (session.idempotent())
    session.next_sequence = record::sequence_after(session.next_sequence, batch.count);
  return batch;
}

Slice ClusterProducer::encode(const Session& session, const Batch& batch) {
  record::BatchFields fields;
  fields.producer_id = session.producer_id;
  fields.producer_epoch = session.producer_epoch;
  fields.base_sequence = batch.sequence;
  if (random_.one_in(8)) fields.compression.codec = static_cast<record::Codec>(random_.between(1, 4));
  record::BatchBuilder builder(fields);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const SentRecord& record = batch.records[i];
    builder.append(record.timestamp, std::nullopt, ByteView(value_of(batch.first + i, record.value_size)));
  }
  auto built = std::move(builder).build(codecs_);
  MOLDAU_ASSERT(built.has_value());
  return std::move(*built);
}

// The mutant: the same records under new sequences.
void ClusterProducer::renew(Session& session, Batch& batch) {
  batch.sequence = session.next_sequence;
  session.next_sequence = record::sequence_after(session.next_sequence, batch.count);
  batch.bytes = encode(session, batch);
}

wire::ProduceRequest ClusterProducer::request_for(const Session& session, const Batch& batch) {
  wire::ProduceRequest request;
  request.acks = session.acks;
  request.timeout_ms = static_cast<std::int32_t>(random_.one_in(10) ? random_.between(0, 50) : 5'000);
  auto& topic = request.topic_data.emplace_back();
  topic.topic_id = session.key.topic_id;
  topic.partition_data.push_back({session.key.partition, SliceList{batch.bytes}});
  return request;
}

Task<Result<wire::ProduceResponse>> ClusterProducer::send(std::shared_ptr<BrokerConnection> to, NodeId leader,
                                                          const Session& session, Batch& batch) {
  if (++batch.tries > 1) ledger().on_resent(batch.first, batch.count);
  if (batch.first_sent_to == kNoNode) batch.first_sent_to = leader;
  work_.world.note("produce to " + ledger().name(session.key) + " on node " + std::to_string(leader) +
                   " pid " + std::to_string(session.producer_id) + " sequence " +
                   std::to_string(batch.sequence) + "+" + std::to_string(batch.count) + " acks " +
                   std::to_string(session.acks) + " try " + std::to_string(batch.tries));
  return to->call<wire::ProduceResponse>(request_for(session, batch), kProduce, kCallTimeout);
}

Task<void> ClusterProducer::send_unanswered(std::shared_ptr<BrokerConnection> to, Session& session) {
  const Batch batch = make_batch(session);
  work_.world.faults().fire(Fault::acks_zero);
  co_await to->tell(request_for(session, batch), kProduce, kCallTimeout);
}

Task<void> ClusterProducer::produce(Session& session) {
  for (std::int64_t rounds = random_.between(1, 10); rounds > 0 && !session.over;) {
    const Leader leader = co_await leader_of(session.key);
    if (stopping()) co_return;
    const TopicModel* topic = ledger().topic(session.key.topic_id);
    if (leader.node == kNoNode && topic->state != TopicModel::State::live) co_return;
    if (leader.node == kNoNode) continue;
    auto to = co_await connect(leader.node);
    if (!to) {
      forget_leader(session.key);
      continue;
    }
    if (session.acks == 0) {
      co_await send_unanswered(to, session);
      --rounds;
      co_await pause(500);
      continue;
    }
    // While an older batch is to be sent again no new one is: the broker remembers only the last five.
    if (session.unacknowledged.empty()) {
      for (std::size_t fill = 1 + random_.below(window_); fill > 0; --fill)
        session.unacknowledged.push_back(make_batch(session));
    }
    const Offset before = ledger().committed_end(session.key);
    std::vector<Task<Result<wire::ProduceResponse>>> calls;
    for (Batch& batch : session.unacknowledged) {
      if (batch.tries > 0 && work_.retries_as_new) renew(session, batch);
      calls.push_back(send(to, leader.node, session, batch));
    }
    std::deque<Batch> left;
    for (auto& call : calls) {
      const auto answer = co_await std::move(call);
      const Fate fate = judge(session, session.unacknowledged.front(), leader.node, answer, before,
                              left.empty() && !session.over);
      session.over |= fate == Fate::lost;
      if (fate == Fate::again && session.idempotent())
        left.push_back(std::move(session.unacknowledged.front()));
      session.unacknowledged.pop_front();
    }
    session.unacknowledged = std::move(left);
    if (session.unacknowledged.empty()) --rounds;
    co_await pause(session.unacknowledged.empty() && random_.one_in(10) ? 5'000 : 300);
  }
}

ClusterProducer::Fate ClusterProducer::judge(Session& session, const Batch& batch, NodeId leader,
                                             const Result<wire::ProduceResponse>& answer, Offset before,
                                             bool at_head) {
  if (!answer) {
    forget_leader(session.key);
    return Fate::again;
  }
  if (answer->responses.size() != 1 || answer->responses[0].partition_responses.size() != 1) {
    problem("Produce answers for other partitions than it was asked for");
    return Fate::lost;
  }
  const auto& result = answer->responses[0].partition_responses[0];
  work_.world.note(
      "  sequence " + std::to_string(batch.sequence) + " of pid " + std::to_string(session.producer_id) +
      ": " + std::string(wire::name_of(result.error_code)) + " at " + std::to_string(result.base_offset));
  if (note_error(result.error_code)) forget_leader(session.key);
  switch (result.error_code) {
    case ErrorCode::none:
      if (batch.first_sent_to != leader) marks().hit(Mark::acknowledged_by_another_leader);
      if (batch.tries > 1 && result.base_offset < before) marks().hit(Mark::duplicate_acknowledged);
      if (session.acks == -1)
        ledger().on_acked(session.key, result.base_offset, batch.first, batch.count, batch.tries == 1,
                          before);
      return Fate::acknowledged;
    case ErrorCode::duplicate_sequence_number:
      return Fate::acknowledged;
    case ErrorCode::out_of_order_sequence_number:
    case ErrorCode::unknown_producer_id:
      return judge_sequence(session, batch, at_head);
    case ErrorCode::not_enough_replicas:
      if (!session.idempotent()) ledger().on_refused(batch.first, batch.count);
      return Fate::again;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
      return ledger().topic(session.key.topic_id)->state == TopicModel::State::live ? Fate::again
                                                                                    : Fate::lost;
    default:
      return wire::is_retriable(result.error_code) ? Fate::again : Fate::lost;
  }
}

ClusterProducer::Fate ClusterProducer::judge_sequence(Session& session, const Batch& batch, bool at_head) {
  if (!at_head) return Fate::again;
  // Every batch before this one was acknowledged by all. Without any the broker knows nothing of the
  // producer, and may have taken a later batch for its first one.
  if (batch.sequence > 0 && !ledger().is_unclean(session.key))
    problem(ledger().name(session.key) + ": producer " + std::to_string(session.producer_id) +
            " was forgotten: sequence " + std::to_string(batch.sequence) + " is refused");
  return Fate::lost;
}

// --- the consumer

ClusterConsumer::ClusterConsumer(runtime::World& machine, ClusterWork& work)
    : ClusterClient(machine, work), from_followers_(random_.one_in(2)) {}

Task<void> ClusterConsumer::run() {
  while (!stopping()) {
    for (const TopicModel* topic : ledger().live_topics()) {
      for (PartitionIndex i = 0; i < topic->partitions; ++i) positions_.try_emplace({topic->id, i});
    }
    std::erase_if(positions_, [this](const auto& at) {
      return ledger().topic(at.first.topic_id)->state != TopicModel::State::live;
    });
    if (!positions_.empty()) co_await poll();
    co_await reset();
    co_await pause(random_.one_in(10) ? 3'000 : 300);
    if (!positions_.empty() && random_.one_in(40)) {  // seek
      std::next(positions_.begin(), static_cast<std::ptrdiff_t>(random_.below(positions_.size())))->second =
          0;
    }
  }
}

Task<void> ClusterConsumer::poll() {
  // The leader of one partition, or one of its followers; and all other partitions that this node leads.
  const auto chosen =
      std::next(positions_.begin(), static_cast<std::ptrdiff_t>(random_.below(positions_.size())))->first;
  const Leader leader = co_await leader_of(chosen);
  if (leader.node == kNoNode) co_return;
  const bool from_follower = from_followers_ && random_.one_in(3);
  const NodeId node = from_follower ? leader.replicas[random_.below(leader.replicas.size())] : leader.node;
  Questions asked;
  wire::FetchRequest request;
  request.max_wait_ms = static_cast<std::int32_t>(random_.one_in(4) ? random_.between(0, 3'000) : 500);
  request.min_bytes = 1;
  request.max_bytes = static_cast<std::int32_t>(random_.one_in(3) ? random_.between(1, 20'000) : 1 << 20);
  request.isolation_level = static_cast<std::int8_t>(random_.below(2));
  request.session_epoch = -1;
  for (const auto& [key, position] : positions_) {
    const Leader other = key == chosen ? leader : co_await leader_of(key);
    if (key != chosen && (from_follower || other.node != node)) continue;
    if (request.topics.empty() || request.topics.back().topic_id != key.topic_id)
      request.topics.emplace_back().topic_id = key.topic_id;
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition = key.partition;
    partition.fetch_offset = position;
    partition.partition_max_bytes = 1 << 20;
    if (random_.one_in(2)) partition.current_leader_epoch = other.epoch;
    asked[key] = {position, node == other.node ? partition.current_leader_epoch : kNoEpoch};
  }
  auto to = co_await connect(node);
  if (!to) {
    for (const auto& [key, question] : asked) forget_leader(key);
    co_return;
  }
  const auto answer = co_await to->call<wire::FetchResponse>(std::move(request), kFetch, kCallTimeout);
  if (!answer || answer->error_code != ErrorCode::none) {
    for (const auto& [key, question] : asked) forget_leader(key);
    co_return;
  }
  take(*answer, asked);
}

void ClusterConsumer::take(const wire::FetchResponse& response, const Questions& asked) {
  for (const auto& topic : response.responses) {
    for (const auto& answer : topic.partitions) {
      const auto known = asked.find({topic.topic_id, answer.partition_index});
      if (known == asked.end()) {
        problem("Fetch answers for a partition that was not asked for");
      } else {
        take_partition(known->first, known->second, answer);
      }
    }
  }
}

void ClusterConsumer::take_partition(const TopicIdPartition& key, const Asked& asked,
                                     const wire::FetchResponse::TopicResponse::PartitionResponse& answer) {
  const auto at = positions_.find(key);
  if (at == positions_.end()) return;
  if (answer.error_code == ErrorCode::offset_out_of_range) return out_of_range(key, asked);
  if (note_error(answer.error_code)) forget_leader(key);
  if (answer.error_code != ErrorCode::none) return;
  const Slice batches = answer.records && !answer.records->empty() ? joined(*answer.records) : Slice();
  at->second = ledger().on_fetched(key, asked.position, answer.high_watermark, answer.log_start_offset,
                                   ByteView(batches));
}

// A follower may lag behind (KIP-392), and who was asked without an epoch may have been the leader of long
// ago (KIP-320): neither can tell that a record is not there. The newest leader can.
void ClusterConsumer::out_of_range(const TopicIdPartition& key, const Asked& asked) {
  forget_leader(key);
  const metadata::Partition* state = work_.metadata.image().partition(key);
  if (state == nullptr || asked.leader_epoch != state->leader_epoch) return;
  ledger().on_out_of_range(key, asked.position);
  lost_.insert(key);
}

Task<void> ClusterConsumer::reset() {
  for (const TopicIdPartition& key : std::exchange(lost_, {})) {
    Offset start = 0;
    if (!co_await list_offset(key, kEarliest, &start)) {
      lost_.insert(key);
    } else if (const auto at = positions_.find(key); at != positions_.end()) {
      at->second = start;
    }
  }
}

}  // namespace moldau::simulation
