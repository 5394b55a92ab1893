#include "unit/raft/cluster.h"

#include <algorithm>

namespace moldau::raft::testing {

// --- log

OffsetAndEpoch MemoryLog::end() const {
  return {start_.offset + static_cast<Offset>(entries_.size()),
          entries_.empty() ? start_.epoch : entries_.back().epoch};
}

OffsetAndEpoch MemoryLog::end_of_epoch(LeaderEpoch epoch) const {
  OffsetAndEpoch out = start_;
  for (const Entry& entry : entries_) {
    if (entry.epoch > epoch) break;
    out = {out.offset + 1, entry.epoch};
  }
  return out;
}

void MemoryLog::truncate(Offset offset) {
  ASSERT_GE(offset, start_.offset);
  entries_.resize(static_cast<std::size_t>(offset - start_.offset));
  flushed_ = std::min(flushed_, offset);
}

void MemoryLog::crash(Random& random) {
  const Offset survived = random.between(flushed_, end().offset);
  truncate(survived);
  flushed_ = survived;
}

void MemoryLog::take_snapshot(Offset offset, Random& random) {
  if (offset <= start_.offset || (snapshot_ && offset <= snapshot_->offset)) return;
  snapshot_ = {offset, epoch_before(offset)};
  if (!random.one_in(2)) return;
  const Offset new_start = offset;
  const LeaderEpoch epoch = epoch_before(new_start);
  entries_.erase(entries_.begin(), entries_.begin() + (new_start - start_.offset));
  start_ = {new_start, epoch};
}

void MemoryLog::install_snapshot(OffsetAndEpoch id) {
  entries_.clear();
  start_ = id;
  snapshot_ = id;
  flushed_ = id.offset;
}

// --- cluster

namespace {

// Entries travel as text: "epoch value" lines.
SliceList packed(const std::vector<Entry>& entries) {
  if (entries.empty()) return {};
  std::vector<std::byte> bytes(entries.size() * sizeof(Entry));
  std::memcpy(bytes.data(), entries.data(), bytes.size());
  return {Slice::take(std::move(bytes))};
}
std::vector<Entry> unpacked(const SliceList& slices) {
  const Slice all = joined(slices);
  std::vector<Entry> out(all.size() / sizeof(Entry));
  if (!out.empty()) std::memcpy(out.data(), all.data(), all.size());
  return out;
}

}  // namespace

Cluster::Cluster(int voters, int observers, std::uint64_t seed, Faults faults)
    : random_(seed), faults_(faults) {
  for (NodeId id = 1; id <= voters + observers; ++id) {
    nodes_[id].key = {id, random_.uuid()};
    if (id <= voters) voters_.push_back(nodes_[id].key);
  }
  for (auto& [id, node] : nodes_) restart(id);
}

void Cluster::restart(NodeId id) {
  Node& node = nodes_.at(id);
  if (node.raft) return;
  Settings settings{.self = node.key};
  node.high_watermark = node.snapshot_committed;
  node.raft =
      std::make_unique<Raft>(settings, node.log, VoterHistory({0, VoterSet::of(voters_)}), node.stored,
                             node.snapshot_committed, Random(random_.next()), now_);
  carry_out(id);
}

void Cluster::crash(NodeId id) {
  Node& node = nodes_.at(id);
  if (!node.raft) return;
  node.raft.reset();
  node.flush_at.reset();
  node.incoming_snapshot.reset();
  node.log.crash(random_);
}

void Cluster::carry_out(NodeId id) {
  Node& node = nodes_.at(id);
  bool installed = false;
  for (Effect& effect : node.raft->take_effects()) {
    if (auto* persist = std::get_if<PersistQuorumState>(&effect)) {
      // I-R2: epoch and vote never regress, one vote per epoch.
      ASSERT_GE(persist->state.epoch, node.stored.epoch) << describe();
      node.stored = persist->state;
      if (node.stored.voted.id != kNoNode) {
        const auto [vote, fresh] = votes_.emplace(std::pair(id, node.stored.epoch), node.stored.voted);
        ASSERT_EQ(vote->second, node.stored.voted) << "two votes in epoch " << node.stored.epoch;
      }
    } else if (auto* sent = std::get_if<Send>(&effect)) {
      post({id, sent->to, std::move(sent->request), {}});
    } else if (auto* opening = std::get_if<AppendLeaderChange>(&effect)) {
      // I-R1: one leader per epoch, for ever.
      const auto [leader, fresh] = leaders_.emplace(opening->epoch, id);
      ASSERT_TRUE(fresh) << "epoch " << opening->epoch << " has the leaders " << leader->second << " and "
                         << id;
      // I-R4: it has all that was committed in epochs before.
      for (const auto& [offset, entry] : committed_) {
        if (offset < node.log.start().offset) continue;
        ASSERT_LT(offset, node.log.end().offset) << "leader without a committed entry\n" << describe();
        ASSERT_EQ(node.log.at(offset), entry) << describe();
      }
      node.log.append({opening->epoch, 0});
      node.flush_at = now_ + delay();
    } else if (auto* batches = std::get_if<AppendBatches>(&effect)) {
      for (const Entry& entry : unpacked(batches->batches)) node.log.append(entry);
      node.flush_at = now_ + delay();
    } else if (auto* truncation = std::get_if<Truncate>(&effect)) {
      ASSERT_GE(truncation->offset, node.high_watermark) << describe();
      node.log.truncate(truncation->offset);
    } else if (auto* chunk = std::get_if<WriteSnapshotChunk>(&effect)) {
      if (chunk->position == 0) node.incoming_snapshot = chunk->snapshot;
      ASSERT_EQ(node.incoming_snapshot, chunk->snapshot);
    } else if (auto* install = std::get_if<InstallSnapshot>(&effect)) {
      ASSERT_NE(node.raft->role(), Role::leader);
      ASSERT_EQ(node.incoming_snapshot, install->snapshot);
      ASSERT_GE(install->snapshot.offset, node.high_watermark);
      node.log.install_snapshot(install->snapshot);
      node.snapshot_committed = install->snapshot.offset;
      node.raft->on_snapshot_installed({}, now_);
      installed = true;
    } else if (auto* advanced = std::get_if<HighWatermarkAdvanced>(&effect)) {
      commit(id, advanced->offset);
    } else if (auto* leading = std::get_if<BecameLeader>(&effect)) {
      ASSERT_EQ(leaders_.at(leading->epoch), id);
    }
    if (::testing::Test::HasFatalFailure()) return;
  }
  if (installed) return carry_out(id);
  check(id);
  if (node.raft->role() == Role::follower && !node.flush_at && node.log.flushed() < node.log.end().offset)
    node.flush_at = now_ + delay();
}

void Cluster::commit(NodeId id, Offset offset) {
  Node& node = nodes_.at(id);
  ASSERT_GT(offset, node.high_watermark) << "the high watermark fell";  // I-R6
  // A follower may only learn what the leader committed: durable at a majority then (I-R7), and now unless a
  // disk was lost, which this cluster does not do.
  for (Offset at = std::max(node.high_watermark, node.log.start().offset); at < offset; ++at) {
    const Entry& entry = node.log.at(at);
    const auto [known, fresh] = committed_.emplace(at, entry);
    ASSERT_EQ(known->second, entry) << "offset " << at << " committed twice\n" << describe();  // I-R3, I-R5
    if (!fresh) continue;
    std::size_t durable = 0;
    for (const ReplicaKey& voter : voters_) {
      const MemoryLog& log = nodes_.at(voter.id).log;
      durable += log.flushed() > at && (at < log.start().offset || log.at(at) == entry);
    }
    ASSERT_GT(durable, voters_.size() / 2) << "offset " << at << " is not at a majority\n" << describe();
  }
  node.high_watermark = offset;
}

void Cluster::check(NodeId id) {
  const Node& node = nodes_.at(id);
  ASSERT_EQ(node.raft->high_watermark(), node.high_watermark);
  ASSERT_EQ(node.raft->state(), node.stored);  // all that it goes by is durable
  if (node.raft->role() == Role::leader) {
    ASSERT_EQ(leaders_.at(node.raft->epoch()), id);
  }
  ASSERT_LE(node.high_watermark, node.log.end().offset);
  if (node.log.latest_snapshot()) {
    ASSERT_LE(node.log.latest_snapshot()->offset, node.high_watermark);  // I-R9
    ASSERT_LE(node.log.start().offset, node.log.latest_snapshot()->offset);
  }
}

void Cluster::post(Message message) {
  if (random_.chance(faults_.drop)) return;
  if (random_.chance(faults_.duplicate)) network_.emplace(now_ + delay(), message);
  const Time at = now_ + delay();
  network_.emplace(at, std::move(message));
}

void Cluster::deliver(Message message) {
  const NodeId to = message.to;
  if (isolated_.contains(message.from) != isolated_.contains(to) || !nodes_.at(to).raft) return;
  if (message.response) {
    std::visit(
        [&](const auto& request) {
          using Request = std::decay_t<decltype(request)>;
          Raft& raft = *nodes_.at(to).raft;
          if constexpr (std::is_same_v<Request, VoteRequest>)
            raft.on_response(message.from, request, std::get<VoteResponse>(*message.response), now_);
          else if constexpr (std::is_same_v<Request, FetchRequest>)
            raft.on_response(message.from, request, std::get<FetchResponse>(*message.response), now_);
          else if constexpr (std::is_same_v<Request, FetchSnapshotRequest>)
            raft.on_response(message.from, request, std::get<FetchSnapshotResponse>(*message.response), now_);
          else if constexpr (std::is_same_v<typename ResponseOf<Request>::type, EpochResponse>)
            raft.on_response(message.from, request, std::get<EpochResponse>(*message.response), now_);
          else
            raft.on_response(message.from, std::get<VoterChangeResponse>(*message.response), now_);
        },
        message.request);
    return carry_out(to);
  }
  Response response = answer(to, message.request);
  carry_out(to);
  post({to, message.from, std::move(message.request), std::move(response)});
}

Response Cluster::answer(NodeId id, const Request& request) {
  Raft& raft = *nodes_.at(id).raft;
  if (const auto* vote = std::get_if<VoteRequest>(&request)) return raft.on_vote(*vote, now_);
  if (const auto* begin = std::get_if<BeginQuorumEpochRequest>(&request))
    return raft.on_begin_quorum_epoch(*begin, now_);
  if (const auto* end = std::get_if<EndQuorumEpochRequest>(&request))
    return raft.on_end_quorum_epoch(*end, now_);
  if (const auto* fetch = std::get_if<FetchRequest>(&request)) {
    FetchResponse response = raft.on_fetch(*fetch, now_);
    fill(id, *fetch, response);
    return response;
  }
  const auto& fetch = std::get<FetchSnapshotRequest>(request);
  FetchSnapshotResponse response = raft.on_fetch_snapshot(fetch, now_);
  if (response.error != RaftError::none) return response;
  if (nodes_.at(id).log.latest_snapshot() != fetch.snapshot) {
    response.error = RaftError::snapshot_not_found;
  } else {  // three chunks of one byte
    response.size = 3;
    response.bytes = {Slice::copy_of("x")};
  }
  return response;
}

void Cluster::fill(NodeId id, const FetchRequest& request, FetchResponse& response) {
  if (response.error != RaftError::none || response.diverging || response.snapshot) return;
  const MemoryLog& log = nodes_.at(id).log;
  std::vector<Entry> entries;
  const Offset end =
      std::min(log.end().offset, request.fetch_offset + 1 + static_cast<Offset>(random_.below(4)));
  for (Offset at = request.fetch_offset; at < end; ++at) entries.push_back(log.at(at));
  response.records = packed(entries);
}

bool Cluster::write(NodeId id) {
  Node& node = nodes_.at(id);
  if (!node.raft || !node.raft->is_ready_leader()) return false;
  node.log.append({node.raft->epoch(), next_value_++});
  if (!node.flush_at) node.flush_at = now_ + delay();
  return true;
}

// Moves the clock to whatever comes first; false when that is after `until`.
bool Cluster::next_event(bool bounded, Time until) {
  Time at = Time::max();
  NodeId who = kNoNode;
  bool flushes = false;
  for (const auto& [id, node] : nodes_) {
    if (!node.raft) continue;
    if (node.flush_at && *node.flush_at < at) at = *node.flush_at, who = id, flushes = true;
    if (node.raft->deadline() < at) at = node.raft->deadline(), who = id, flushes = false;
  }
  if (!network_.empty() && network_.begin()->first <= at) at = network_.begin()->first, who = kNoNode;
  if (at == Time::max() || (bounded && at > until)) {
    if (bounded) now_ = until;
    return false;
  }
  now_ = std::max(now_, at);
  if (who == kNoNode) {
    Message message = std::move(network_.begin()->second);
    network_.erase(network_.begin());
    deliver(std::move(message));
    return true;
  }
  Node& node = nodes_.at(who);
  if (flushes) {
    node.flush_at.reset();
    node.log.flush();
    node.raft->on_flushed(node.log.end().offset, now_);
  } else {
    node.raft->poll(now_);
  }
  carry_out(who);
  return true;
}

void Cluster::step() {
  const auto any = [&] { return static_cast<NodeId>(1 + random_.below(nodes_.size())); };
  if (random_.chance(faults_.crash)) crash(any());
  if (random_.chance(faults_.crash * 1.5)) restart(any());
  if (random_.chance(faults_.partition)) isolated_.empty() || random_.one_in(2) ? isolate(any()) : heal();
  if (random_.one_in(20)) write(any());
  if (random_.one_in(200)) {
    Node& node = nodes_.at(any());
    if (node.raft && node.high_watermark > node.log.start().offset) {
      node.log.take_snapshot(node.high_watermark, random_);
      node.snapshot_committed = std::max(node.snapshot_committed, node.log.latest_snapshot()->offset);
    }
  }
  next_event(false, {});
}

void Cluster::run_for(Duration duration) {
  const Time until = now_ + duration;
  while (!::testing::Test::HasFailure() && next_event(true, until)) {
  }
}

bool Cluster::converge() {
  stop_faults();
  heal();
  for (auto& [id, node] : nodes_) restart(id);
  for (int round = 0; round < 60; ++round) {
    run_for(std::chrono::seconds(1));
    if (::testing::Test::HasFailure()) return false;
    const NodeId at = leader();
    if (at == kNoNode) continue;
    if (round == 0 || round % 8 == 0) write(at);
    const OffsetAndEpoch end = log(at).end();
    if (std::ranges::all_of(nodes_, [&](const auto& entry) {
          return entry.second.log.end() == end && entry.second.high_watermark == end.offset;
        }))
      return true;
  }
  return false;
}

NodeId Cluster::leader() const {
  NodeId found = kNoNode;
  LeaderEpoch epoch = -1;
  for (const auto& [id, node] : nodes_)
    if (node.raft && node.raft->is_ready_leader() && node.raft->epoch() > epoch)
      found = id, epoch = node.raft->epoch();
  return found;
}

LeaderEpoch Cluster::max_epoch() const {
  LeaderEpoch epoch = 0;
  for (const auto& [id, node] : nodes_) epoch = std::max(epoch, node.stored.epoch);
  return epoch;
}

std::string Cluster::describe() const {
  std::string out;
  for (const auto& [id, node] : nodes_) {
    out += "node " + std::to_string(id) + ": ";
    out += node.raft ? std::string(name_of(node.raft->role())) : "down";
    out += ", epoch " + std::to_string(node.stored.epoch) + ", leader " +
           std::to_string(node.stored.leader_id) + ", log " + std::to_string(node.log.start().offset) + ".." +
           std::to_string(node.log.end().offset) + ", last epoch " + std::to_string(node.log.end().epoch) +
           ", flushed " + std::to_string(node.log.flushed()) + ", high watermark " +
           std::to_string(node.high_watermark) + "\n";
  }
  return out;
}

}  // namespace moldau::raft::testing
