#include "unit/raft/cluster.h"

#include <algorithm>
#include <cstring>

namespace moldau::raft {

// The one look inside: for mutants, and for clocks that a transcript moves.
struct RaftTestAccess {
  static void commit_old_entries(Raft& raft) { raft.epoch_start_ = -1; }
  static void never_resign(Raft& raft) { raft.quorum_deadline_ = Time::max(); }
  static void append_voters(Raft& raft, VoterSet voters) { raft.append_voters(std::move(voters)); }
  static void time_out(Raft& raft, Time now) { raft.fetch_deadline_ = raft.election_deadline_ = now; }
};

}  // namespace moldau::raft

namespace moldau::raft::testing {

namespace {

constexpr Duration kMaxWait = std::chrono::milliseconds(500);
constexpr Duration kChangeTimeout = std::chrono::seconds(5);

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

std::string_view name_of(Mutant mutant) {
  switch (mutant) {
    case Mutant::none:
      return "none";
    case Mutant::vote_not_persisted:
      return "vote not persisted";
    case Mutant::vote_for_shorter_log:
      return "vote granted to a shorter log";
    case Mutant::old_entry_committed:
      return "commit of an entry of an old epoch";
    case Mutant::leader_never_resigns:
      return "leader never resigns";
    case Mutant::ack_before_fsync:
      return "acknowledged before it is synced";
    case Mutant::wiped_voter_counted:
      return "wiped voter counted";
    case Mutant::two_changes_at_once:
      return "two changes of the voters at once";
    case Mutant::truncation_below_commit:
      return "truncation below the commit";
  }
  MOLDAU_UNREACHABLE();
}

// --- the world

Cluster::Cluster(Shape shape, std::uint64_t seed, Faults faults, Mutant mutant)
    : random_(seed), faults_(faults), shape_(shape), mutant_(mutant) {
  std::vector<Voter> voters;
  for (NodeId id = 1; id <= shape.voters + shape.observers; ++id) {
    nodes_[id].key = {id, random_.uuid()};
    if (id <= shape.voters) voters.push_back(voter(id));
  }
  committed_voters_ = VoterSet(voters);
  for (auto& [id, node] : nodes_) {
    const bool knows = !shape.dynamic || id <= shape.voters;
    node.initial = {static_cast<std::int16_t>(shape.dynamic ? 1 : 0), knows ? VoterSet(voters) : VoterSet()};
    restart(id);
  }
}

Voter Cluster::voter(NodeId id) const {
  Voter out{.key = nodes_.at(id).key, .endpoints = {}, .kraft_versions = {}};
  if (shape_.dynamic) out.endpoints = {{"CONTROLLER", "node" + std::to_string(id), 9093}};
  return out;
}

void Cluster::restart(NodeId id) {
  Node& node = nodes_.at(id);
  if (node.raft) return;
  Settings settings{.self = node.key};
  settings.self_endpoints = voter(id).endpoints;
  settings.bootstrap_servers = shape_.dynamic ? nodes_.size() : 0;
  node.high_watermark = node.snapshot_committed;
  node.raft = std::make_unique<Raft>(settings, node.log, node.log.history(node.initial, voter_sets_),
                                     node.stored, node.snapshot_committed, Random(random_.next()), now_);
  node.last_role = Role::unattached;
  carry_out(id);
}

void Cluster::crash(NodeId id) {
  Node& node = nodes_.at(id);
  if (!node.raft) return;
  note(id, "crashes");
  node.raft.reset();
  node.flush_at.reset();
  node.incoming_snapshot.reset();
  for (Held& held : std::exchange(node.held, {}))
    if (random_.chance(faults_.refusal))
      post({id, held.fetch.from, held.fetch.asked, std::move(held.fetch.request), {}, true});
  node.log.crash(random_);
}

void Cluster::wipe(NodeId id) {
  crash(id);
  Node& node = nodes_.at(id);
  note(id, "loses its disk");
  const ReplicaKey key = mutant_ == Mutant::wiped_voter_counted ? node.key : ReplicaKey{id, random_.uuid()};
  Configuration initial = std::move(node.initial);
  lost_logs_.insert_or_assign(node.key, node.log);
  node = Node{};
  node.key = key;
  if (shape_.dynamic && mutant_ != Mutant::wiped_voter_counted) initial.voters = {};
  node.initial = std::move(initial);
}

void Cluster::preset(NodeId id, const std::vector<LeaderEpoch>& epochs, QuorumState state) {
  Node& node = nodes_.at(id);
  MOLDAU_ASSERT(!node.raft && node.log.end().offset == 0);
  for (const LeaderEpoch epoch : epochs) {
    const Offset offset = node.log.end().offset;
    node.log.append({epoch, EntryKind::data, static_cast<std::uint64_t>(epoch * 1000 + offset)});
    check_entry(id, offset);
  }
  node.log.flush();
  node.stored = state;
}

void Cluster::take_snapshot(NodeId id, bool cut) {
  Node& node = nodes_.at(id);
  if (!node.raft || node.high_watermark <= node.log.start().offset) return;
  const Offset offset = node.high_watermark;
  const Configuration configuration = node.raft->configuration_before(offset);
  node.log.take_snapshot(offset, configuration, cut);
  snapshots_[{offset, node.log.latest_snapshot()->epoch}] = configuration;
  node.snapshot_committed = std::max(node.snapshot_committed, node.log.latest_snapshot()->offset);
  if (cut) node.raft->on_log_start_moved();
}

void Cluster::time_out(NodeId id) {
  Raft& raft = *nodes_.at(id).raft;
  RaftTestAccess::time_out(raft, now_);
  raft.poll(now_);
  carry_out(id);
}

void Cluster::note(NodeId id, const std::string& what) {
  if (trace) trace(std::to_string(id) + " " + what);
}

// --- effects

void Cluster::run_effects(NodeId id) {
  while (!failed()) {
    std::vector<Effect> effects = nodes_.at(id).raft->take_effects();
    if (effects.empty()) return;
    for (Effect& effect : effects)
      if (!failed()) carry_out_one(id, effect);
  }
}

void Cluster::carry_out(NodeId id) {
  Node& node = nodes_.at(id);
  run_effects(id);
  if (mutant_ == Mutant::old_entry_committed && node.raft->role() == Role::leader)
    RaftTestAccess::commit_old_entries(*node.raft);
  if (mutant_ == Mutant::leader_never_resigns) RaftTestAccess::never_resign(*node.raft);
  check(id);
  if (!failed()) answer_held(id);
}

void Cluster::carry_out_one(NodeId id, Effect& effect) {
  Node& node = nodes_.at(id);
  Raft& raft = *node.raft;
  if (auto* state = std::get_if<PersistQuorumState>(&effect)) return persist(id, state->state);
  if (auto* sent = std::get_if<Send>(&effect)) {
    const NodeId to = sent->to < kNoNode ? -1 - sent->to : sent->to;  // bootstrap_node(0) is node 1
    if (shape_.dynamic && sent->to >= 0 && !raft.endpoint_of(sent->to))
      violated(id, "sends to node " + std::to_string(sent->to) + " and does not know where it is");
    if (to != id) post({id, to, sent->to, std::move(sent->request), {}});
  } else if (auto* opening = std::get_if<AppendLeaderChange>(&effect)) {
    open_epoch(id, *opening);
  } else if (auto* version = std::get_if<AppendKraftVersion>(&effect)) {
    append(id, {version->epoch, EntryKind::kraft_version, static_cast<std::uint64_t>(version->version)});
  } else if (auto* voters = std::get_if<AppendVoters>(&effect)) {
    append_voters(id, voters->voters);
  } else if (auto* batches = std::get_if<AppendBatches>(&effect)) {
    for (const Entry& entry : unpacked(batches->batches)) append(id, entry);
  } else if (auto* truncation = std::get_if<Truncate>(&effect)) {
    truncate(id, truncation->offset);
  } else if (auto* chunk = std::get_if<WriteSnapshotChunk>(&effect)) {
    if (chunk->position == 0) node.incoming_snapshot = chunk->snapshot;
    if (node.incoming_snapshot != chunk->snapshot) violated(id, "mixes two snapshots");
  } else if (auto* snapshot = std::get_if<InstallSnapshot>(&effect)) {
    install(id, snapshot->snapshot);
  } else if (auto* advanced = std::get_if<HighWatermarkAdvanced>(&effect)) {
    commit(id, advanced->offset);
  } else if (auto* leading = std::get_if<BecameLeader>(&effect)) {
    const auto own = [&](const auto& entry) { return entry.second.epoch == leading->epoch; };
    if (leaders_.at(leading->epoch) != id || std::ranges::none_of(committed_, own))
      violated(id, "is ready before an entry of its epoch is committed");
    note(id, "is ready to lead epoch " + std::to_string(leading->epoch));
  } else if (auto* ended = std::get_if<VoterChangeEnded>(&effect)) {
    node.outcomes[ended->id] = ended->response;
    note(id, "answers the change of the voters: " + std::string(raft::name_of(ended->response.error)));
  }
}

void Cluster::persist(NodeId id, const QuorumState& state) {
  Node& node = nodes_.at(id);
  if (state.epoch < node.stored.epoch) violated(id, "persists an earlier epoch");  // I-R2
  if (state.voted.id != kNoNode && state.epoch == node.stored.epoch && node.stored.voted.id != kNoNode &&
      state.voted != node.stored.voted)
    violated(id, "changes its vote in epoch " + std::to_string(state.epoch));
  if (state.voted.id != kNoNode) check_vote(node.key, state.epoch, state.voted);
  node.stored = state;
  if (mutant_ == Mutant::vote_not_persisted) node.stored.voted = {};
}

void Cluster::open_epoch(NodeId id, const AppendLeaderChange& opening) {
  Node& node = nodes_.at(id);
  const auto [leader, fresh] = leaders_.emplace(opening.epoch, id);
  if (!fresh)  // I-R1
    violated(id, "leads epoch " + std::to_string(opening.epoch) + " like " + std::to_string(leader->second));
  check_vote(node.key, opening.epoch, node.key);
  for (const auto& [offset, entry] : committed_) {  // I-R4
    if (offset < node.log.start().offset) continue;
    if (offset >= node.log.end().offset || node.log.at(offset) != entry)
      violated(id, "leads without the committed entry " + std::to_string(offset));
  }
  node.led_since = now_;
  node.fetched.clear();
  append(id, {opening.epoch, EntryKind::leader_change, static_cast<std::uint64_t>(id)});
}

void Cluster::append(NodeId id, Entry entry) {
  Node& node = nodes_.at(id);
  const Offset offset = node.log.end().offset;
  node.log.append(entry);
  check_entry(id, offset);
  if (entry.kind == EntryKind::kraft_version)
    node.raft->on_kraft_version_appended(offset, static_cast<std::int16_t>(entry.value));
  if (entry.kind == EntryKind::voters)
    node.raft->on_voters_appended(offset, voter_sets_.at(entry.value), now_);
  if (!node.flush_at) node.flush_at = now_ + delay();
  if (mutant_ == Mutant::ack_before_fsync) node.raft->on_flushed(node.log.end().offset, now_);
}

void Cluster::append_voters(NodeId id, const VoterSet& voters) {
  Node& node = nodes_.at(id);
  // I-R12: at most one change is not committed, and any two majorities of neighbours meet.
  for (Offset at = std::max(node.high_watermark, node.log.start().offset); at < node.log.end().offset; ++at)
    if (node.log.at(at).kind == EntryKind::voters)
      violated(id, "begins a change before the last is committed");
  if (!voters.follows_safely(node.raft->voters())) violated(id, "changes more than one voter at once");
  note(
      id, "appends the voters " + [&] {
        std::string out;
        for (const Voter& voter : voters) {
          out += (out.empty() ? "" : ", ") + std::to_string(voter.key.id);
          if (voter.key != nodes_.at(voter.key.id).key) out += " (its lost disk)";
        }
        return out;
      }());
  node.led_since = now_;  // another quorum: it has as long as a new leader
  voter_sets_.push_back(voters);
  append(id, {node.raft->epoch(), EntryKind::voters, voter_sets_.size() - 1});
}

void Cluster::truncate(NodeId id, Offset offset) {
  Node& node = nodes_.at(id);
  if (mutant_ == Mutant::truncation_below_commit)
    offset = std::max<Offset>(offset - 2, node.log.start().offset);
  note(id, "cuts its log to " + std::to_string(offset));
  if (offset < node.high_watermark) violated(id, "cuts what it knows to be committed");  // I-R10
  for (Offset at = offset; at < node.log.end().offset; ++at) {                           // I-R8
    const auto committed = committed_.find(at);
    if (committed != committed_.end() && committed->second == node.log.at(at))
      violated(id, "cuts the committed entry " + std::to_string(at));
  }
  node.log.truncate(offset);
}

void Cluster::install(NodeId id, OffsetAndEpoch snapshot) {
  Node& node = nodes_.at(id);
  if (node.raft->role() == Role::leader) violated(id, "loads a snapshot as the leader");  // I-R9
  if (node.incoming_snapshot != snapshot) violated(id, "installs what it has not fetched");
  if (snapshot.offset < node.high_watermark) violated(id, "installs a snapshot of before");
  note(id, "installs the snapshot of all below " + std::to_string(snapshot.offset));
  const Configuration& configuration = snapshots_.at({snapshot.offset, snapshot.epoch});
  node.log.install_snapshot(snapshot, configuration);
  node.snapshot_committed = snapshot.offset;
  node.raft->on_snapshot_installed(configuration, now_);
}

// --- messages

void Cluster::post(Message message) {
  if (random_.chance(faults_.drop)) return;
  if (random_.chance(faults_.duplicate)) network_.emplace(now_ + delay(), message);
  const Time at = now_ + delay();
  network_.emplace(at, std::move(message));
}

void Cluster::deliver(Message message) {
  const NodeId to = message.to;
  if (isolated_.contains(message.from) != isolated_.contains(to)) return;
  if (!nodes_.at(to).raft) {
    if (!message.response && !message.refused && random_.chance(faults_.refusal))
      post({to, message.from, message.asked, std::move(message.request), {}, true});
    return;
  }
  if (message.refused) {
    nodes_.at(to).raft->on_request_failed(message.asked, message.request, true, now_);
  } else if (!message.response) {
    return answer(to, std::move(message));
  } else {
    receive_response(to, message);
  }
  carry_out(to);
}

void Cluster::receive_response(NodeId id, const Message& message) {
  Raft& raft = *nodes_.at(id).raft;
  std::visit(
      [&](const auto& request) {
        using Expected = typename ResponseOf<std::decay_t<decltype(request)>>::type;
        const auto& response = std::get<Expected>(*message.response);
        if constexpr (std::is_same_v<Expected, VoterChangeResponse>)
          raft.on_response(message.asked, response, now_);
        else
          raft.on_response(message.asked, request, response, now_);
      },
      message.request);
}

void Cluster::answer(NodeId id, Message message) {
  Node& node = nodes_.at(id);
  Raft& raft = *node.raft;
  const auto reply = [&](Response response) {
    carry_out(id);
    if (!failed()) post({id, message.from, message.asked, std::move(message.request), std::move(response)});
  };
  if (auto* vote = std::get_if<VoteRequest>(&message.request)) {
    VoteRequest asked = *vote;
    if (mutant_ == Mutant::vote_for_shorter_log) asked.last = {INT64_MAX, INT32_MAX};
    const VoteResponse response = raft.on_vote(asked, now_);
    if (response.granted && !vote->pre_vote) check_vote(node.key, vote->epoch, vote->candidate);
    if (trace_messages)
      note(id, std::string(response.granted ? "grants " : "refuses ") + std::to_string(message.from) +
                   (vote->pre_vote ? " its pre-vote" : " its vote") + " in epoch " +
                   std::to_string(vote->epoch));
    return reply(response);
  }
  if (auto* begin = std::get_if<BeginQuorumEpochRequest>(&message.request))
    return reply(raft.on_begin_quorum_epoch(*begin, now_));
  if (auto* end = std::get_if<EndQuorumEpochRequest>(&message.request))
    return reply(raft.on_end_quorum_epoch(*end, now_));
  if (auto* snapshot = std::get_if<FetchSnapshotRequest>(&message.request)) {
    node.fetched[message.from] = now_;
    return reply(snapshot_answer(id, *snapshot));
  }
  if (auto* add = std::get_if<AddVoterRequest>(&message.request)) {
    (void)raft.on_add_voter(*add, now_ + kChangeTimeout, now_);
    return carry_out(id);
  }
  if (auto* remove = std::get_if<RemoveVoterRequest>(&message.request)) {
    (void)raft.on_remove_voter(*remove, now_ + kChangeTimeout, now_);
    return carry_out(id);
  }
  if (auto* update = std::get_if<UpdateVoterRequest>(&message.request)) {
    (void)raft.on_update_voter(*update, now_ + kChangeTimeout, now_);
    return carry_out(id);
  }
  node.fetched[message.from] = now_;
  node.held.push_back({std::move(message), now_ + kMaxWait});
  carry_out(id);
}

// As MetadataQuorum does it: fetches without news wait for some.
void Cluster::answer_held(NodeId id) {
  Node& node = nodes_.at(id);
  for (std::size_t i = 0; i < node.held.size();) {
    const FetchRequest request = std::get<FetchRequest>(node.held[i].fetch.request);
    FetchResponse response = node.raft->on_fetch(request, now_);
    run_effects(id);
    if (failed()) return;
    if (!has_news(id, request, response) && now_ < node.held[i].until) {
      ++i;
      continue;
    }
    Message fetch = std::move(node.held[i].fetch);
    node.held.erase(node.held.begin() + static_cast<std::ptrdiff_t>(i));
    fill(id, request, response);
    post({id, fetch.from, fetch.asked, std::move(fetch.request), std::move(response)});
    carry_out(id);  // what the fetch has changed may be news for the others
    return;
  }
}

bool Cluster::has_news(NodeId id, const FetchRequest& request, const FetchResponse& response) const {
  return response.error != RaftError::none || response.diverging || response.snapshot ||
         nodes_.at(id).log.end().offset > request.fetch_offset ||
         response.high_watermark > request.high_watermark;
}

FetchSnapshotResponse Cluster::snapshot_answer(NodeId id, const FetchSnapshotRequest& request) {
  FetchSnapshotResponse response = nodes_.at(id).raft->on_fetch_snapshot(request, now_);
  if (response.error != RaftError::none) return response;
  if (nodes_.at(id).log.latest_snapshot() != request.snapshot) {
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
  const Offset count =
      faults_.fetch_entries ? faults_.fetch_entries : 1 + static_cast<Offset>(random_.below(4));
  const Offset end = std::min(log.end().offset, request.fetch_offset + count);
  for (Offset at = request.fetch_offset; at < end; ++at) entries.push_back(log.at(at));
  response.records = packed(entries);
}

// --- what is done to it

bool Cluster::write(NodeId id) {
  Node& node = nodes_.at(id);
  if (!node.raft || !node.raft->is_ready_leader()) return false;
  append(id, {node.raft->epoch(), EntryKind::data, next_value_++});
  carry_out(id);
  return true;
}

VoterChangeId Cluster::add_voter(NodeId at, NodeId joining) {
  const VoterChangeId change =
      nodes_.at(at).raft->on_add_voter({voter(joining), kChangeTimeout, true}, now_ + kChangeTimeout, now_);
  carry_out(at);
  return change;
}

VoterChangeId Cluster::remove_voter(NodeId at, ReplicaKey key) {
  const VoterChangeId change = nodes_.at(at).raft->on_remove_voter({key}, now_ + kChangeTimeout, now_);
  carry_out(at);
  return change;
}

// An administrator: removes voters whose disk is gone first, else adds or removes somebody.
void Cluster::change_voters() {
  const NodeId at = leader();
  if (at == kNoNode) return;
  const VoterSet voters = nodes_.at(at).raft->voters();
  const auto target = static_cast<NodeId>(1 + random_.below(nodes_.size()));
  for (const Voter& voter : voters)
    if (voter.key != nodes_.at(voter.key.id).key) return (void)remove_voter(at, voter.key);
  const ReplicaKey& key = nodes_.at(target).key;
  if (mutant_ == Mutant::two_changes_at_once) {
    const auto changed = voters.contains(key) ? voters.without(key) : voters.with(voter(target));
    if (changed->empty()) return;
    RaftTestAccess::append_voters(*nodes_.at(at).raft, *changed);
    return carry_out(at);
  }
  if (!voters.contains(key)) return (void)add_voter(at, target);
  if (voters.size() > 1 && random_.chance(voters.size() > 2 ? 0.7 : 0.1)) return (void)remove_voter(at, key);
}

// No more than one of the voters' disks is lost at a time, of three or more.
bool Cluster::may_wipe(NodeId id) {
  const NodeId at = leader();
  if (at == kNoNode) return false;
  const Raft& raft = *nodes_.at(at).raft;
  const VoterSet& voters = raft.voters();
  if (raft.configuration_before(nodes_.at(at).high_watermark).voters != voters) return false;
  for (const Voter& voter : voters)
    if (voter.key != nodes_.at(voter.key.id).key) return false;
  return !voters.contains(id) || voters.size() >= 3;
}

// Moves the clock to whatever comes first; false when that is after `until`.
bool Cluster::next_event(bool bounded, Time until) {
  enum class What : std::uint8_t { nothing, poll, flush, held, message };
  Time at = Time::max();
  NodeId who = kNoNode;
  What what = What::nothing;
  const auto consider = [&](Time time, NodeId id, What which) {
    if (time < at) at = time, who = id, what = which;
  };
  for (const auto& [id, node] : nodes_) {
    if (!node.raft) continue;
    if (node.flush_at) consider(*node.flush_at, id, What::flush);
    consider(node.raft->deadline(), id, What::poll);
    for (const Held& held : node.held) consider(held.until, id, What::held);
  }
  if (!network_.empty() && network_.begin()->first <= at) at = network_.begin()->first, what = What::message;
  if (at == Time::max() || (bounded && at > until)) {
    if (bounded) now_ = until;
    return false;
  }
  now_ = std::max(now_, at);
  if (what == What::message) {
    Message message = std::move(network_.begin()->second);
    network_.erase(network_.begin());
    deliver(std::move(message));
    return true;
  }
  Node& node = nodes_.at(who);
  if (what == What::flush) {
    node.flush_at.reset();
    node.log.flush();
    node.raft->on_flushed(node.log.end().offset, now_);
  } else if (what == What::poll) {
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
  if (random_.chance(faults_.change)) change_voters();
  if (random_.chance(faults_.wipe)) {
    const NodeId victim = any();
    if (may_wipe(victim)) wipe(victim);
  }
  if (random_.one_in(20)) write(any());
  if (random_.one_in(200)) take_snapshot(any(), random_.one_in(2));
  if (!failed()) next_event(false, {});
}

void Cluster::run_for(Duration duration) {
  const Time until = now_ + duration;
  while (!failed() && next_event(true, until)) {
  }
}

bool Cluster::converge() {
  stop_faults();
  heal();
  for (auto& [id, node] : nodes_) restart(id);
  for (int round = 0; round < 60; ++round) {
    run_for(std::chrono::seconds(1));
    if (failed()) return false;
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

std::vector<NodeId> Cluster::ids() const {
  std::vector<NodeId> out;
  for (const auto& [id, node] : nodes_) out.push_back(id);
  return out;
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
  std::string out = violation_.empty() ? "" : violation_ + "\n";
  for (const auto& [id, node] : nodes_) {
    out += "node " + node.key.to_string() + ": ";
    out += node.raft ? std::string(raft::name_of(node.raft->role())) : "down";
    out += ", epoch " + std::to_string(node.stored.epoch) + ", leader " +
           std::to_string(node.stored.leader_id) + ", log " + std::to_string(node.log.start().offset) + ".." +
           std::to_string(node.log.end().offset) + ", last epoch " + std::to_string(node.log.end().epoch) +
           ", flushed " + std::to_string(node.log.flushed()) + ", high watermark " +
           std::to_string(node.high_watermark);
    if (node.raft && shape_.dynamic) out += ", voters " + node.raft->voters().to_string();
    out += "\n";
  }
  return out;
}

}  // namespace moldau::raft::testing
