#include "simulation/broker_workload.h"

#include <algorithm>

#include "record/builder.h"
#include "wire/messages/init_producer_id.h"

namespace moldau::simulation {

using runtime::Task;
using wire::ErrorCode;

namespace {

constexpr Duration kCallTimeout = 20s;
constexpr wire::ApiVersion kInitProducerIdVersion = 4;
constexpr wire::ApiVersion kFirstProduceWithIds = 13;
constexpr wire::ApiVersion kFirstFetchWithIds = 13;

}  // namespace

// --- every client

SimulatedClient::SimulatedClient(runtime::World& machine, Workload& workload)
    : machine_(machine),
      work_(workload),
      executor_(machine.shard(0)),
      random_(machine.entropy()),
      connecting_(executor_, 1) {}

Task<std::shared_ptr<BrokerConnection>> SimulatedClient::connection() {
  co_await connecting_.acquire(1);
  if (connection_ && connection_->broken()) connection_ = nullptr;
  if (!connection_) {
    connection_ = co_await BrokerConnection::open(machine_, work_.broker,
                                                  [this](std::string what) { problem(std::move(what)); });
    if (!connection_) co_await pause(500);
  }
  connecting_.release(1);
  co_return connection_;
}

Task<void> SimulatedClient::pause(std::int64_t most_ms) {
  if (work_.calm) most_ms = std::min<std::int64_t>(most_ms, 200);
  co_await runtime::sleep_for(executor_, runtime::milliseconds(random_.between(1, most_ms)));
}

std::optional<TopicIdPartition> SimulatedClient::draw_partition(bool any) {
  std::vector<TopicModel*> topics = auditor().live_topics();
  std::erase_if(topics, [any](const TopicModel* topic) { return !any && !topic->stable; });
  if (topics.empty()) return std::nullopt;
  const TopicModel& topic = *topics[random_.below(topics.size())];
  return TopicIdPartition{
      topic.id, static_cast<PartitionIndex>(random_.below(static_cast<std::uint64_t>(topic.partitions)))};
}

// --- the producer

SimulatedProducer::SimulatedProducer(runtime::World& machine, Workload& workload)
    : SimulatedClient(machine, workload),
      version_(random_.one_in(3) ? static_cast<wire::ApiVersion>(random_.between(3, 12))
                                 : kFirstProduceWithIds),
      window_(static_cast<std::size_t>(random_.between(1, 5))) {}

Task<void> SimulatedProducer::run() {
  std::vector<Task<void>> lanes;
  const std::int64_t count = random_.between(1, 3);
  for (std::int64_t i = 0; i < count; ++i) lanes.push_back(lane());
  for (auto& one : lanes) co_await std::move(one);
}

Task<void> SimulatedProducer::lane() {
  while (!stopping()) {
    co_await pause(300);
    if (random_.one_in(4)) co_await produce_wide();
    auto session = co_await start_session();
    if (!session) continue;
    busy_.insert(session->key);
    co_await produce(*session);
    busy_.erase(session->key);
  }
}

Task<std::optional<SimulatedProducer::Session>> SimulatedProducer::start_session() {
  const auto key = draw_partition(version_ >= kFirstProduceWithIds);
  if (!key || busy_.contains(*key)) co_return std::nullopt;
  auto to = co_await connection();
  if (!to) co_return std::nullopt;
  const auto answer = co_await to->call<wire::InitProducerIdResponse>(wire::InitProducerIdRequest{},
                                                                      kInitProducerIdVersion, kCallTimeout);
  if (!answer || answer->error_code != ErrorCode::none || busy_.contains(*key)) co_return std::nullopt;
  auditor().on_producer_id(answer->producer_id);
  Session session{*key, answer->producer_id, answer->producer_epoch, 0, {}, 0, false};
  session.cuts = auditor().snapshot(*key).cuts;
  co_return session;
}

SimulatedProducer::Batch SimulatedProducer::make_batch(Session& session) {
  Batch batch{0,
              static_cast<std::int32_t>(random_.one_in(3) ? random_.between(1, 30) : random_.between(1, 4)),
              session.next_sequence,
              {},
              {},
              0};
  for (std::int32_t i = 0; i < batch.count; ++i) {
    const std::size_t size = sizeof(RecordId) + random_.below(random_.one_in(8) ? 1500 : 60);
    const TimestampMs at = machine_.wall_clock().now_ms() + random_.between(-5'000, 5'000);
    const SentRecord record{
        session.key,
        session.producer_id,
        session.producer_epoch,
        session.producer_id < 0 ? kNoSequence : record::sequence_after(session.next_sequence, i),
        at,
        size};
    const RecordId id = auditor().add_sent(record);
    if (i == 0) batch.first = id;
    batch.records.push_back(record);
  }
  batch.bytes = encode(session, batch);
  if (session.producer_id >= 0)
    session.next_sequence = record::sequence_after(session.next_sequence, batch.count);
  return batch;
}

Slice SimulatedProducer::encode(const Session& session, const Batch& batch) {
  record::BatchFields fields;
  fields.producer_id = session.producer_id;
  fields.producer_epoch = session.producer_epoch;
  fields.base_sequence = batch.sequence;
  if (random_.one_in(5))
    fields.compression.codec = static_cast<record::Codec>(random_.between(1, version_ < 7 ? 3 : 4));
  record::BatchBuilder builder(fields);
  for (std::size_t i = 0; i < batch.records.size(); ++i) {
    const SentRecord& record = batch.records[i];
    builder.append(record.timestamp, std::nullopt, ByteView(value_of(batch.first + i, record.value_size)));
  }
  auto built = std::move(builder).build(codecs_);
  MOLDAU_ASSERT(built.has_value());
  return std::move(*built);
}

Task<Result<wire::ProduceResponse>> SimulatedProducer::send(std::shared_ptr<BrokerConnection> to,
                                                            const Session& session, Batch& batch) {
  if (++batch.tries > 1) auditor().on_resent(batch.first, batch.count);
  work_.world.note("produce to " + std::to_string(session.key.partition) + " pid " +
                   std::to_string(session.producer_id) + " sequence " + std::to_string(batch.sequence) + "+" +
                   std::to_string(batch.count) + " try " + std::to_string(batch.tries));
  wire::ProduceRequest request;
  request.acks = random_.one_in(3) ? 1 : -1;
  request.timeout_ms = static_cast<std::int32_t>(random_.one_in(10) ? random_.between(0, 50) : 15'000);
  auto& topic = request.topic_data.emplace_back();
  topic.topic_id = session.key.topic_id;
  topic.name = auditor().topic(session.key.topic_id)->name;
  topic.partition_data.push_back({session.key.partition, SliceList{batch.bytes}});
  return to->call<wire::ProduceResponse>(std::move(request), version_, kCallTimeout);
}

Task<void> SimulatedProducer::produce_wide() {
  auto to = co_await connection();
  if (!to) co_return;
  std::map<TopicIdPartition, Batch> batches;
  std::map<TopicIdPartition, Snapshot> before;
  for (std::int64_t i = random_.between(2, 6); i > 0; --i) {
    const auto key = draw_partition(version_ >= kFirstProduceWithIds);
    if (!key || batches.contains(*key)) continue;
    Session anonymous{*key, kNoProducerId, kNoProducerEpoch, kNoSequence, {}, 0, false};
    batches.emplace(*key, make_batch(anonymous));
    before[*key] = auditor().snapshot(*key);
  }
  if (batches.empty()) co_return;
  wire::ProduceRequest request;
  request.acks = static_cast<std::int16_t>(random_.between(-1, 1));
  request.timeout_ms = 15'000;
  for (const auto& [key, batch] : batches) {
    if (request.topic_data.empty() || request.topic_data.back().topic_id != key.topic_id) {
      auto& topic = request.topic_data.emplace_back();
      topic.topic_id = key.topic_id;
      topic.name = auditor().topic(key.topic_id)->name;
    }
    request.topic_data.back().partition_data.push_back({key.partition, SliceList{batch.bytes}});
  }
  if (batches.size() > 1) work_.world.faults().fire(Fault::wide_produce);
  work_.world.note("produce to " + std::to_string(batches.size()) + " partitions, acks " +
                   std::to_string(request.acks));
  if (request.acks == 0) {
    work_.world.faults().fire(Fault::acks_zero);
    co_await to->tell(std::move(request), version_, kCallTimeout);
    co_return;
  }
  const auto answer = co_await to->call<wire::ProduceResponse>(std::move(request), version_, kCallTimeout);
  if (answer) take_wide(*answer, batches, before);
}

void SimulatedProducer::take_wide(const wire::ProduceResponse& response,
                                  const std::map<TopicIdPartition, Batch>& batches,
                                  const std::map<TopicIdPartition, Snapshot>& before) {
  std::size_t answered = 0;
  for (const auto& topic : response.responses) {
    for (const auto& result : topic.partition_responses) {
      const auto at = std::ranges::find_if(batches, [&](const auto& entry) {
        return entry.first.partition == result.index &&
               (version_ >= kFirstProduceWithIds ? entry.first.topic_id == topic.topic_id
                                                 : auditor().topic(entry.first.topic_id)->name == topic.name);
      });
      if (at == batches.end()) return problem("Produce answers for a partition that it was not asked for");
      ++answered;
      if (result.error_code != ErrorCode::none) continue;
      auditor().on_acked(at->first, result.base_offset, at->second.first, at->second.count, true,
                         before.at(at->first));
    }
  }
  if (answered != batches.size()) problem("Produce does not answer for every partition");
}

Task<void> SimulatedProducer::produce(Session& session) {
  for (std::int64_t rounds = random_.between(1, 12); rounds > 0 && !session.over;) {
    auto to = co_await connection();
    if (stopping()) co_return;
    if (!to) continue;
    // While an older batch is to be sent again no new one is: the broker remembers only the last five.
    if (session.unacknowledged.empty()) {
      for (std::size_t fill = 1 + random_.below(window_); fill > 0; --fill)
        session.unacknowledged.push_back(make_batch(session));
    }
    const Snapshot before = auditor().snapshot(session.key);
    std::vector<Task<Result<wire::ProduceResponse>>> calls;
    for (Batch& batch : session.unacknowledged) {
      if (batch.tries > 0 && work_.retries_as_new) {
        for (auto& record : batch.records) record.sequence = session.next_sequence;
        batch.sequence = session.next_sequence;
        session.next_sequence = record::sequence_after(session.next_sequence, batch.count);
        batch.bytes = encode(session, batch);
      }
      calls.push_back(send(to, session, batch));
    }
    std::deque<Batch> left;
    for (auto& call : calls) {
      const auto answer = co_await std::move(call);
      const Fate fate =
          judge(session, session.unacknowledged.front(), answer, before, left.empty() && !session.over);
      session.over |= fate == Fate::lost;
      if (fate == Fate::again) left.push_back(std::move(session.unacknowledged.front()));
      session.unacknowledged.pop_front();
    }
    session.unacknowledged = std::move(left);
    if (session.unacknowledged.empty()) --rounds;
    co_await pause(session.unacknowledged.empty() && random_.one_in(10) ? 3'000 : 150);
  }
}

SimulatedProducer::Fate SimulatedProducer::judge(Session& session, const Batch& batch,
                                                 const Result<wire::ProduceResponse>& answer,
                                                 const Snapshot& before, bool at_head) {
  if (!answer) return Fate::again;
  if (answer->responses.size() != 1 || answer->responses[0].partition_responses.size() != 1) {
    problem("Produce answers for other partitions than it was asked for");
    return Fate::lost;
  }
  const auto& result = answer->responses[0].partition_responses[0];
  const TopicModel& topic = *auditor().topic(session.key.topic_id);
  work_.world.note(
      "  sequence " + std::to_string(batch.sequence) + " of pid " + std::to_string(session.producer_id) +
      ": " + std::string(wire::name_of(result.error_code)) + " at " + std::to_string(result.base_offset));
  switch (result.error_code) {
    case ErrorCode::none:
      auditor().on_acked(session.key, result.base_offset, batch.first, batch.count, batch.tries == 1, before);
      return Fate::acknowledged;
    case ErrorCode::duplicate_sequence_number:
      return Fate::acknowledged;
    case ErrorCode::out_of_order_sequence_number:
    case ErrorCode::unknown_producer_id:
      if (!at_head) return Fate::again;
      // Every batch before this one was acknowledged. Without any the broker knows nothing of the producer,
      // and may have taken a later batch for its first one.
      if (batch.sequence > 0 && !topic.damaged && auditor().snapshot(session.key).cuts == session.cuts)
        problem(topic.name + (topic.page_cache ? "(page-cache)-" : "(synced)-") +
                std::to_string(session.key.partition) + ": producer " + std::to_string(session.producer_id) +
                " was forgotten: sequence " + std::to_string(batch.sequence) + " is refused");
      return Fate::lost;
    case ErrorCode::unknown_topic_or_partition:
    case ErrorCode::unknown_topic_id:
      if (topic.state == TopicModel::State::live) return Fate::again;
      return Fate::lost;
    default:
      return wire::is_retriable(result.error_code) ? Fate::again : Fate::lost;
  }
}

// --- the consumer

SimulatedConsumer::SimulatedConsumer(runtime::World& machine, Workload& workload)
    : SimulatedClient(machine, workload),
      version_(static_cast<wire::ApiVersion>(random_.one_in(3) ? random_.between(4, 12)
                                                               : random_.between(13, 17))),
      uses_ids_(version_ >= kFirstFetchWithIds),
      uses_sessions_(version_ >= 7 && !random_.one_in(3)),
      isolation_(random_.one_in(2) ? 1 : 0) {}

Task<void> SimulatedConsumer::run() {
  while (!stopping()) {
    refresh_partitions();
    if (positions_.empty()) {
      co_await pause(500);
      continue;
    }
    co_await poll();
    co_await pause(random_.one_in(10) ? 2'000 : 100);
    if (!positions_.empty() && random_.one_in(40)) {  // seek
      auto chosen =
          std::next(positions_.begin(), static_cast<std::ptrdiff_t>(random_.below(positions_.size())));
      chosen->second.offset = 0;
    }
  }
}

void SimulatedConsumer::forget_session() {
  session_id_ = 0;
  session_epoch_ = 0;
  dropped_.clear();
  for (auto& [key, position] : positions_) position.in_session = false;
}

void SimulatedConsumer::refresh_partitions() {
  for (const TopicModel* topic : auditor().live_topics()) {
    if (!uses_ids_ && !topic->stable) continue;
    for (PartitionIndex i = 0; i < topic->partitions; ++i) positions_.try_emplace({topic->id, i});
  }
  std::erase_if(positions_, [this](const auto& at) {
    const bool gone = auditor().topic(at.first.topic_id)->state != TopicModel::State::live;
    if (gone && at.second.in_session) dropped_.insert(at.first);
    return gone;
  });
}

wire::FetchRequest SimulatedConsumer::make_request(std::map<TopicIdPartition, Snapshot>& before) {
  wire::FetchRequest request;
  request.max_wait_ms = static_cast<std::int32_t>(random_.one_in(4) ? random_.between(0, 5'000) : 500);
  request.min_bytes = static_cast<std::int32_t>(random_.one_in(4) ? random_.between(0, 2'000) : 1);
  request.max_bytes = static_cast<std::int32_t>(random_.one_in(3) ? random_.between(1, 20'000) : 1 << 20);
  request.isolation_level = isolation_;
  request.session_id = uses_sessions_ ? session_id_ : 0;
  request.session_epoch = uses_sessions_ ? session_epoch_ : -1;
  const auto partition_max =
      static_cast<std::int32_t>(random_.one_in(3) ? random_.between(1, 10'000) : 1 << 20);
  for (auto& [key, position] : positions_) {
    before[key] = auditor().snapshot(key);
    const bool known = uses_sessions_ && session_epoch_ > 0 && position.in_session;
    if (known && position.asked == position.offset) continue;
    if (request.topics.empty() || request.topics.back().topic_id != key.topic_id) {
      auto& topic = request.topics.emplace_back();
      topic.topic_id = key.topic_id;
      topic.topic = auditor().topic(key.topic_id)->name;
    }
    auto& partition = request.topics.back().partitions.emplace_back();
    partition.partition = key.partition;
    partition.fetch_offset = position.offset;
    partition.partition_max_bytes = partition_max;
    position.asked = position.offset;
    position.in_session = uses_sessions_;
  }
  for (const TopicIdPartition& key : dropped_) {
    request.forgotten_topics_data.push_back(
        {auditor().topic(key.topic_id)->name, key.topic_id, {key.partition}});
  }
  if (session_epoch_ == 0) request.forgotten_topics_data.clear();
  dropped_.clear();
  return request;
}

Task<void> SimulatedConsumer::poll() {
  auto to = co_await connection();
  if (!to) {
    forget_session();
    co_return;
  }
  std::map<TopicIdPartition, Snapshot> before;
  auto answer = co_await to->call<wire::FetchResponse>(make_request(before), version_, kCallTimeout);
  if (!answer || answer->error_code != ErrorCode::none) {
    forget_session();
    co_return;
  }
  if (uses_sessions_) {
    session_id_ = answer->session_id;
    session_epoch_ = session_id_ == 0 ? 0 : session_epoch_ + 1;
    if (session_id_ == 0) forget_session();
  }
  take(*answer, before);
}

void SimulatedConsumer::take(const wire::FetchResponse& response,
                             const std::map<TopicIdPartition, Snapshot>& before) {
  for (const auto& topic : response.responses) {
    for (const auto& answer : topic.partitions) {
      auto at = positions_.end();
      if (uses_ids_) {
        at = positions_.find({topic.topic_id, answer.partition_index});
      } else {
        at = std::find_if(positions_.begin(), positions_.end(), [&](const auto& entry) {
          return entry.first.partition == answer.partition_index &&
                 auditor().topic(entry.first.topic_id)->name == topic.topic;
        });
      }
      const auto known = at == positions_.end() ? before.end() : before.find(at->first);
      if (known == before.end()) {
        problem("Fetch answers for a partition that was not asked for");
        continue;
      }
      take_partition(at->first, answer, known->second);
    }
  }
}

void SimulatedConsumer::take_partition(const TopicIdPartition& key,
                                       const wire::FetchResponse::TopicResponse::PartitionResponse& answer,
                                       const Snapshot& before) {
  Position& position = positions_.at(key);
  if (answer.error_code == ErrorCode::offset_out_of_range) {
    auditor().on_out_of_range(key, position.offset);
    // As auto.offset.reset=earliest: the log start is in the answer of an earlier fetch, or is searched for.
    position.offset = std::max<Offset>(answer.log_start_offset, auditor().snapshot(key).log_start);
    return;
  }
  if (answer.error_code != ErrorCode::none) return;
  const Slice batches = answer.records && !answer.records->empty() ? joined(*answer.records) : Slice();
  position.offset =
      auditor().on_fetched(key, position.offset, answer.high_watermark,
                           version_ >= 5 ? answer.log_start_offset : kNoOffset, batches, before);
}

}  // namespace moldau::simulation
