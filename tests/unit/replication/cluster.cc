#include "cluster.h"

#include "record/builder.h"
#include "record/record.h"
#include "server/handlers/handlers.h"

namespace moldau::replication::testing {

using metadata::Record;

namespace {

const std::string kFolder = "/data";

// A fetch asks nothing of the controller, so there is none behind this.
alignas(16) std::array<std::byte, 64> nobody{};
server::ControllerChannel& no_controller() {
  return *reinterpret_cast<server::ControllerChannel*>(nobody.data());
}

Slice batch_of(const std::string& value, TimestampMs timestamp) {
  record::BatchBuilder builder({});
  builder.append(timestamp, std::nullopt, as_bytes(value));
  record::Codecs codecs;
  return *std::move(builder).build(codecs);
}

config::Settings settings_of(const Cluster::Setup& setup, NodeId id) {
  config::Settings settings;
  settings.data_dir = kFolder;
  settings.node_id = id;
  settings.commit_log_size_bytes = 1 << 20;
  settings.broker.insert({"log.retention.check.interval.ms", "1000000000"});
  for (const auto& [key, value] : setup.broker) settings.broker.insert_or_assign(key, value);
  return settings;
}

}  // namespace

// --- a broker

BrokerNode::BrokerNode(Cluster& in, NodeId node_id, Uuid incarnation_id)
    : cluster(in),
      id(node_id),
      process(in.world.machine(static_cast<unsigned>(node_id - 1)).process()),
      settings(settings_of(in.setup, node_id)),
      registration(node_id, incarnation_id),
      images_(executor()),
      sessions_(0, 1, {}, Random(process.entropy())),
      memory_(executor(), 64 << 20),
      serving_(executor()) {}

BrokerNode::~BrokerNode() = default;

void BrokerNode::open() {
  runtime::Disk& disk = process.disk();
  if (!storage::DataDirectory::inspect(disk, kFolder)) {
    ASSERT_TRUE(
        storage::DataDirectory::format(disk, kFolder, "cluster", id, {5, static_cast<std::uint64_t>(id)}));
  }
  auto opened =
      storage::DataDirectory::open(disk, kFolder, {"cluster", id}, {5, static_cast<std::uint64_t>(id)});
  ASSERT_TRUE(opened) << opened.error().message;
  directory = std::move(*opened);
  node::ReplicationLinks links;
  links.registration = &registration;
  links.channels = [this](unsigned) { return ReplicationChannels{*this, *this}; };
  host = std::make_unique<node::PartitionHost>(process, settings, *directory, std::move(links));
  const Status status = cluster.world.run(host->open());
  ASSERT_TRUE(status) << status.error().message;
  data_ = host->shard_data();
  broker_ = std::make_unique<server::Broker>(server::Broker{process, executor(), settings, id, "cluster",
                                                            data_, no_controller(), images_, sessions_,
                                                            memory_, metrics_, lines_});
}

void BrokerNode::close() {
  down = true;
  closing_.advance(1);
  for (const auto& call : std::set(calls_)) call->shot.fire();
  cluster.world.run_until([&] { return !hearing; }, 60s);
  cluster.world.run(host->close_partitions());
  cluster.world.run(serving_.close());
  const Status closed = cluster.world.run(host->close());
  if (closed) static_cast<void>(directory->mark_clean(-1));
  broker_.reset();
  host.reset();
  directory.reset();
}

Task<void> BrokerNode::hear(std::shared_ptr<const metadata::Image> image) {
  hearing = true;
  while (!down && heard != image) {
    const metadata::Delta delta = metadata::difference(*heard, *image);
    heard = image;
    co_await host->apply(image, delta);
    images_.publish(image);
    co_await host->remove(delta);
    if (!cluster.deaf_.contains(id)) image = cluster.image_;
  }
  hearing = false;
}

Task<wire::FetchResponse> BrokerNode::serve(wire::FetchRequest message) {
  const runtime::Gate::Pass pass(serving_);
  wire::FetchResponse refused;
  refused.error_code = ErrorCode::broker_not_available;
  if (!pass) co_return refused;
  server::Request request{.header = {},
                          .body = {},
                          .peer = peer_,
                          .gate = serving_,
                          .closing = closing_,
                          .arrived = executor().now(),
                          .hold = {}};
  request.header.api_version = wire::FetchRequest::kMaxVersion;
  co_return co_await server::handlers::fetch(*broker_, request, std::move(message));
}

Task<Result<wire::FetchResponse>> BrokerNode::fetch(NodeId leader, wire::FetchRequest request,
                                                    runtime::MonotonicTime deadline) {
  auto call = std::make_shared<Call>(executor());
  calls_.insert(call);
  const NodeId from = id;
  Cluster& in = cluster;
  if (down || !in.runs(leader)) {
    co_await runtime::sleep_for(executor(), 1ms);
    calls_.erase(call);
    co_return fail(Errc::connection_refused, "nobody is there");
  }
  if (!in.is_cut(from, leader)) {
    BrokerNode& to = in.node(leader);
    // By value into the frames: either end may be gone when the other goes on.
    const auto carry = [](Cluster& in, BrokerNode& to, NodeId from, NodeId leader, wire::FetchRequest request,
                          std::shared_ptr<Call> call) -> Task<void> {
      wire::FetchResponse response = co_await to.serve(std::move(request));
      for (auto& topic : response.responses) {
        for (auto& partition : topic.partitions) {
          if (partition.records) partition.records = SliceList{joined(*partition.records)};
        }
      }
      if (in.is_cut(leader, from) || !in.runs(leader)) co_return;
      co_await runtime::sleep_for(to.executor(), in.time_for(response));
      in.deliver(leader, from, [&in, from, call, response = std::move(response)] {
        if (!in.runs(from) || call->shot.fired()) return;
        call->fetched = response;
        call->shot.fire();
      });
    };
    to.executor().post_remote([&in, &to, from, leader, request = std::move(request), call, carry]() mutable {
      if (in.runs(leader) && &in.node(leader) == &to)
        carry(in, to, from, leader, std::move(request), call).detach();
    });
  }
  co_await call->shot.wait(deadline);
  calls_.erase(call);
  if (!call->fetched) co_return fail(Errc::timed_out, "no answer");
  co_return std::move(*call->fetched);
}

Task<Result<wire::AlterPartitionResponse>> BrokerNode::alter_partition(wire::AlterPartitionRequest request,
                                                                       runtime::MonotonicTime deadline) {
  co_await runtime::sleep_for(executor(), 1ms);
  if (down || cluster.is_cut(id, kController)) {
    auto call = std::make_shared<Call>(executor());
    calls_.insert(call);
    co_await call->shot.wait(deadline);
    calls_.erase(call);
    co_return fail(Errc::timed_out, "no controller");
  }
  auto response = cluster.alter_partition(request);
  if (!cluster.cuts_.contains({kController, id})) co_return response;
  auto call = std::make_shared<Call>(executor());
  calls_.insert(call);
  co_await call->shot.wait(deadline);
  calls_.erase(call);
  co_return fail(Errc::timed_out, "the answer was lost");
}

Task<Result<wire::AssignReplicasToDirsResponse>> BrokerNode::assign_replicas_to_dirs(
    wire::AssignReplicasToDirsRequest request, runtime::MonotonicTime) {
  co_await runtime::sleep_for(executor(), 1ms);
  if (down || cluster.is_cut(id, kController)) co_return fail(Errc::timed_out, "no controller");
  co_return cluster.assign_directories(request);
}

// --- the cluster

Cluster::Cluster(Setup with, std::uint64_t seed)
    : world(seed,
            [&] {
              simulation::Options options = with.world;
              options.machines = static_cast<unsigned>(with.brokers);
              return options;
            }()),
      setup(std::move(with)) {
  for (NodeId id = 1; id <= setup.brokers; ++id) start(id);
}

Cluster::~Cluster() {
  held_.clear();
  while (!nodes_.empty()) stop(nodes_.begin()->first);
}

void Cluster::start(NodeId id) {
  start_unregistered(id);
  enter(id);
}

void Cluster::start_unregistered(NodeId id, std::shared_ptr<const metadata::Image> remembers) {
  ASSERT_FALSE(runs(id));
  if (remembers) last_heard_[id] = std::move(remembers);
  deaf_.erase(id);
  if (!world.machine(static_cast<unsigned>(id - 1)).running())
    world.machine(static_cast<unsigned>(id - 1)).restart();
  ++lives_;
  auto node = std::make_unique<BrokerNode>(*this, id, Uuid{9, lives_});
  node->open();
  node->registration.set_epoch(static_cast<metadata::BrokerEpoch>(1000 + lives_));
  nodes_.emplace(id, std::move(node));
  // It knows what its predecessor knew, until it has registered.
  if (const auto before = last_heard_.find(id); before != last_heard_.end()) {
    deaf_.insert(id);
    world.run(nodes_.at(id)->hear(before->second));
    world.run_for(std::chrono::milliseconds(world.random().below(100)));
    deaf_.erase(id);
  }
}

void Cluster::enter(NodeId id) {
  const BrokerRegistration& registration = nodes_.at(id)->registration;
  metadata::RegisterBrokerRecord broker;
  broker.broker_id = id;
  broker.broker_epoch = registration.epoch();
  broker.incarnation_id = registration.incarnation_id();
  broker.fenced = true;
  if (!setup.racks.empty()) broker.rack = setup.racks.at(static_cast<std::size_t>(id - 1));
  // What an earlier process of this broker led it leads no longer.
  if (image_->topic(kTopicId) != nullptr && image_->is_unfenced(id)) fence(id);
  commit({broker});
  unfence(id);
  if (image_->topic(kTopicId) == nullptr) return;
  const auto replicas = state().replicas;
  if (std::ranges::find(replicas, id) == replicas.end()) return;
  EXPECT_TRUE(eventually([&] { return node(id).partition() != nullptr; }));
}

void Cluster::end_process(NodeId id) {
  auto node = std::move(nodes_.at(id));
  nodes_.erase(id);
  last_heard_[id] = node->heard;
  node->close();
}

void Cluster::stop(NodeId id) { end_process(id); }

void Cluster::kill(NodeId id) {
  world.machine(static_cast<unsigned>(id - 1)).kill();
  end_process(id);
}

void Cluster::lose_power(NodeId id) {
  world.machine(static_cast<unsigned>(id - 1)).power_loss();
  end_process(id);
}

void Cluster::commit(std::vector<Record> records) {
  auto applied = metadata::apply_records(*image_, records);
  ASSERT_TRUE(applied) << applied.error().message;
  image_ = std::make_shared<metadata::Image>(
      applied->image.at(image_->end_offset() + static_cast<Offset>(records.size()), 1));
  tell_all();
}

void Cluster::tell(BrokerNode& node) {
  if (node.down || deaf_.contains(node.id)) return;
  // On its own shard, whoever tells it.
  node.executor().post_remote([this, &node, id = node.id] {
    const bool same = runs(id) && &this->node(id) == &node;
    if (same && !node.hearing && !node.down && !deaf_.contains(id)) node.hear(image_).detach();
  });
}

void Cluster::tell_all() {
  for (auto& [id, node] : nodes_) tell(*node);
}

void Cluster::hear_again(NodeId id) {
  deaf_.erase(id);
  tell(node(id));
}

void Cluster::isolate(NodeId id) {
  for (NodeId other = 1; other <= setup.brokers; ++other) cut(id, other), cut(other, id);
  cut(id, kController);
  cut(kController, id);
  deafen(id);
}

void Cluster::mend_all() {
  cuts_.clear();
  for (auto& [id, node] : nodes_) hear_again(id);
}

void Cluster::deliver(NodeId, NodeId to, std::function<void()> answer) {
  if (to == held_to_) {
    held_.push_back(std::move(answer));
    return;
  }
  if (runs(to)) node(to).executor().post_remote([answer = std::move(answer)] { answer(); });
}

runtime::Duration Cluster::time_for(const wire::FetchResponse& response) const {
  if (bytes_per_second_ == 0) return {};
  std::size_t bytes = 0;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions)
      bytes += partition.records ? size_of(*partition.records) : 0;
  }
  return std::chrono::microseconds(1'000'000 * bytes / bytes_per_second_);
}

void Cluster::release() {
  held_to_ = kNoNode;
  for (auto& answer : std::exchange(held_, {})) answer();
}

void Cluster::create_topic(std::vector<NodeId> replicas) {
  if (replicas.empty()) {
    for (NodeId id = 1; id <= setup.brokers; ++id) replicas.push_back(id);
  }
  metadata::PartitionRecord partition;
  partition.topic_id = kTopicId;
  partition.replicas = partition.isr = replicas;
  partition.leader = replicas.front();
  std::vector<Record> records{metadata::TopicRecord{kTopic, kTopicId}};
  for (const auto& [key, value] : setup.topic) {
    records.push_back(metadata::ConfigRecord{{metadata::ResourceType::topic, kTopic}, key, value});
  }
  records.push_back(partition);
  commit(std::move(records));
  ASSERT_TRUE(eventually([&] {
    return std::ranges::all_of(replicas,
                               [&](NodeId id) { return !runs(id) || node(id).partition() != nullptr; });
  }));
}

void Cluster::change(metadata::PartitionChangeRecord change) {
  change.topic_id = kTopicId;
  commit({change});
}

void Cluster::elect(NodeId leader, std::vector<NodeId> isr) {
  metadata::PartitionChangeRecord record;
  record.leader = leader;
  if (!isr.empty()) record.isr = std::move(isr);
  change(std::move(record));
  if (!deaf_.contains(leader) && runs(leader)) {
    EXPECT_TRUE(eventually([&] { return leads(leader); }));
  }
}

void Cluster::fence(NodeId id) {
  std::vector<Record> records{
      metadata::BrokerRegistrationChangeRecord{id, image_->broker(id)->broker_epoch, true, {}, {}}};
  if (image_->topic(kTopicId) != nullptr) {
    const metadata::Partition now = state();
    metadata::PartitionChangeRecord change;
    change.topic_id = kTopicId;
    std::vector<NodeId> isr = now.isr;
    if (isr.size() > 1 && std::erase(isr, id) > 0) change.isr = isr;
    if (now.leader == id) change.leader = isr.front() == id ? kNoNode : isr.front();
    if (change.isr || change.leader) records.push_back(std::move(change));
  }
  commit(std::move(records));
}

void Cluster::unfence(NodeId id) {
  std::vector<Record> records{
      metadata::BrokerRegistrationChangeRecord{id, image_->broker(id)->broker_epoch, false, {}, {}}};
  if (image_->topic(kTopicId) != nullptr) {
    const metadata::Partition now = state();
    if (now.leader == kNoNode && std::ranges::find(now.isr, id) != now.isr.end()) {
      metadata::PartitionChangeRecord change;
      change.topic_id = kTopicId;
      change.leader = id;
      records.push_back(std::move(change));
    }
  }
  commit(std::move(records));
}

wire::AlterPartitionResponse Cluster::alter_partition(const wire::AlterPartitionRequest& request) {
  wire::AlterPartitionResponse response;
  const metadata::Broker* broker = image_->broker(request.broker_id);
  if (broker == nullptr || broker->broker_epoch != request.broker_epoch) {
    response.error_code = ErrorCode::stale_broker_epoch;
    return response;
  }
  std::vector<Record> records;
  for (const auto& topic : request.topics) {
    auto& topic_answer = response.topics.emplace_back();
    topic_answer.topic_id = topic.topic_id;
    for (const auto& asked : topic.partitions) {
      auto& answer = topic_answer.partitions.emplace_back();
      answer.partition_index = asked.partition_index;
      const metadata::Partition* now = image_->partition({topic.topic_id, asked.partition_index});
      const auto judge = [&] {
        if (now == nullptr) return ErrorCode::unknown_topic_id;
        if (asked.leader_epoch < now->leader_epoch) return ErrorCode::fenced_leader_epoch;
        if (asked.leader_epoch > now->leader_epoch) return ErrorCode::not_controller;
        if (asked.partition_epoch < now->partition_epoch) return ErrorCode::invalid_update_version;
        if (now->leader != request.broker_id) return ErrorCode::invalid_request;
        for (const auto& member : asked.new_isr_with_epochs) {
          const metadata::Broker* at = image_->broker(member.broker_id);
          const bool fits = at && !at->fenced && !at->in_controlled_shutdown &&
                            (member.broker_epoch == -1 || member.broker_epoch == at->broker_epoch);
          if (!fits) return ErrorCode::ineligible_replica;
        }
        return ErrorCode::none;
      };
      answer.error_code = judge();
      alter_errors.push_back(answer.error_code);
      if (answer.error_code != ErrorCode::none) continue;
      metadata::PartitionChangeRecord change;
      change.topic_id = topic.topic_id;
      change.partition = asked.partition_index;
      change.isr.emplace();
      for (const auto& member : asked.new_isr_with_epochs) change.isr->push_back(member.broker_id);
      const bool stays = std::ranges::find(*change.isr, now->leader) != change.isr->end();
      if (!stays) change.leader = change.isr->front();
      answer.isr = *change.isr;
      answer.leader_id = change.leader.value_or(now->leader);
      answer.leader_epoch = now->leader_epoch + (stays ? 0 : 1);
      answer.partition_epoch = now->partition_epoch + 1;
      records.push_back(std::move(change));
    }
  }
  if (!records.empty()) commit(std::move(records));
  return response;
}

// A replica in a lost directory is in sync no longer; one that has moved out of it is a new, empty one.
wire::AssignReplicasToDirsResponse Cluster::assign_directories(
    const wire::AssignReplicasToDirsRequest& request) {
  wire::AssignReplicasToDirsResponse response;
  for (const auto& directory : request.directories) {
    auto& answer = response.directories.emplace_back();
    answer.id = directory.id;
    for (const auto& topic : directory.topics) {
      answer.topics.emplace_back().topic_id = topic.topic_id;
      for (const auto& partition : topic.partitions) {
        answer.topics.back().partitions.push_back({partition.partition_index, ErrorCode::none});
        const metadata::Partition now = *image_->partition({topic.topic_id, partition.partition_index});
        metadata::PartitionChangeRecord change;
        change.directories = now.directories;
        change.directories->resize(now.replicas.size(), DirectoryId{5, 5});
        const auto at = std::ranges::find(now.replicas, request.broker_id) - now.replicas.begin();
        change.directories->at(static_cast<std::size_t>(at)) = directory.id;
        change.isr = now.isr;
        std::erase(*change.isr, request.broker_id);
        if (now.leader == request.broker_id) change.leader = change.isr->front();
        this->change(std::move(change));
      }
    }
  }
  return response;
}

// --- clients

Task<Produced> Cluster::produce(NodeId id, std::string value, std::int16_t acks, runtime::Duration timeout) {
  const std::shared_ptr<Partition> partition = node(id).partition();
  runtime::Executor& executor = node(id).executor();
  if (!partition) co_return Produced{ErrorCode::not_leader_or_follower, kNoOffset, kNoNode};
  const auto deadline = executor.now() + timeout;
  const auto appended = partition->append(batch_of(value, 1000), {acks, 13}, 1000);
  if (!appended) co_return Produced{appended.error().code, kNoOffset, appended.error().leader};
  const Offset offset = appended->info.first_offset;
  if (acks == 0) co_return Produced{ErrorCode::none, offset, kNoNode};
  const auto acknowledged =
      co_await partition->acknowledged(appended->info.last_offset + 1, acks, appended->leadership, deadline);
  if (!acknowledged) co_return Produced{acknowledged.error().code, kNoOffset, acknowledged.error().leader};
  co_return Produced{ErrorCode::none, offset, kNoNode};
}

wire::FetchResponse::TopicResponse::PartitionResponse Cluster::fetched(NodeId id, Offset from,
                                                                       std::string rack,
                                                                       LeaderEpoch current) {
  wire::FetchRequest request;
  request.max_bytes = 1 << 20;
  request.rack_id = std::move(rack);
  request.topics.emplace_back().topic_id = kTopicId;
  auto& partition = request.topics.back().partitions.emplace_back();
  partition.fetch_offset = from;
  partition.current_leader_epoch = current;
  partition.partition_max_bytes = 1 << 20;
  return world.run(node(id).serve(std::move(request))).responses.at(0).partitions.at(0);
}

std::vector<std::string> Cluster::values(NodeId id) {
  std::vector<std::string> all;
  storage::Log& log = *at(id).log();
  record::Codecs codecs;
  for (Offset from = log.log_start_offset(); from < log.end_offset().value();) {
    auto piece = world.run(log.read(from, 1 << 20, log.end_offset().value(), true));
    EXPECT_TRUE(piece) << (piece ? "" : piece.error().message);
    if (!piece || piece->batches.empty()) return all;
    for (const Slice& slice : piece->batches) {
      record::BatchReader reader(slice);
      for (record::BatchView batch; *reader.next(batch);) {
        record::RecordReader records(batch, *record::uncompressed_records(batch, codecs, 1 << 26));
        for (record::RecordView record; *records.next(record);) {
          if (record.offset >= from) all.emplace_back(as_text(*record.value));
        }
      }
    }
    from = piece->next_offset;
  }
  return all;
}

bool Cluster::isr_becomes(std::set<NodeId> isr, runtime::Duration within) {
  return eventually(
      [&] {
        const metadata::Partition now = state();
        return std::set<NodeId>(now.isr.begin(), now.isr.end()) == isr;
      },
      within);
}

bool Cluster::logs_agree(runtime::Duration within) {
  return eventually(
      [&] {
        const BrokerNode& first = *nodes_.begin()->second;
        return std::ranges::all_of(nodes_, [&](const auto& each) {
          return each.second->partition() != nullptr && end(each.first) == end(first.id) &&
                 high_watermark(each.first) == end(first.id);
        });
      },
      within);
}

}  // namespace moldau::replication::testing
