// What must hold after each event (reliability.md 3.1).
#include <algorithm>

#include "unit/raft/cluster.h"

namespace moldau::raft::testing {

namespace {

// The mutant that never persists a vote is to be found by what follows from it, not by looking at the disk.
bool same_but_for(Mutant mutant, const QuorumState& state, const QuorumState& stored) {
  if (mutant == Mutant::vote_not_persisted)
    return state.epoch == stored.epoch && state.leader_id == stored.leader_id;
  return state == stored;
}

}  // namespace

bool Cluster::violated(NodeId id, const std::string& what) {
  if (violation_.empty()) violation_ = "node " + std::to_string(id) + " " + what;
  return false;
}

// I-R2: one vote per epoch and voter, over all its lives.
void Cluster::check_vote(const ReplicaKey& voter, LeaderEpoch epoch, const ReplicaKey& candidate) {
  const auto [vote, fresh] = votes_.emplace(std::pair(voter, epoch), candidate);
  if (vote->second != candidate) violated(voter.id, "votes twice in epoch " + std::to_string(epoch));
}

// I-R3: with offset and epoch the entry is given, and by induction all before it.
void Cluster::check_entry(NodeId id, Offset offset) {
  const MemoryLog& log = nodes_.at(id).log;
  const Entry& entry = log.at(offset);
  const LeaderEpoch before = log.epoch_before(offset);
  if (entry.epoch < before) violated(id, "has an epoch that falls at offset " + std::to_string(offset));
  const auto [known, fresh] = written_.emplace(std::pair(offset, entry.epoch), std::pair(entry, before));
  if (known->second != std::pair(entry, before))
    violated(id, "has another entry at offset " + std::to_string(offset) + " of epoch " +
                     std::to_string(entry.epoch));
}

// On its disk or, when that was lost since, on the lost one: the leader could count it in good faith.
bool Cluster::has_been_durable(const ReplicaKey& key, Offset offset, const Entry& entry) const {
  const Node& node = nodes_.at(key.id);
  const auto lost = lost_logs_.find(key);
  if (node.key != key && lost == lost_logs_.end()) return false;
  const MemoryLog& log = node.key == key ? node.log : lost->second;
  return log.flushed() > offset && (offset < log.start().offset || log.at(offset) == entry);
}

void Cluster::commit(NodeId id, Offset offset) {
  Node& node = nodes_.at(id);
  if (offset <= node.high_watermark) violated(id, "has a high watermark that falls");  // I-R6
  if (offset > node.log.end().offset) violated(id, "commits what it does not have");
  if (failed()) return;
  const VoterSet& voters = node.raft->voters();
  for (Offset at = std::max(node.high_watermark, node.log.start().offset); at < offset; ++at) {
    const Entry& entry = node.log.at(at);
    const auto [known, fresh] = committed_.emplace(at, entry);
    if (known->second != entry)
      violated(id, "commits another entry at offset " + std::to_string(at));  // I-R5
    if (!fresh) continue;
    const auto durable = static_cast<std::size_t>(std::ranges::count_if(  // I-R7
        voters, [&](const Voter& voter) { return has_been_durable(voter.key, at, entry); }));
    if (durable < voters.majority())
      violated(id, "commits offset " + std::to_string(at) + ", which is durable at " +
                       std::to_string(durable) + " of " + std::to_string(voters.size()) + " voters");
    if (entry.kind == EntryKind::voters) {  // I-R12
      if (!voter_sets_.at(entry.value).follows_safely(committed_voters_))
        violated(id, "commits voters that share no majority with those before");
      committed_voters_ = voter_sets_.at(entry.value);
    }
  }
  if (node.raft->role() == Role::leader && node.log.at(offset - 1).epoch != node.raft->epoch())
    violated(id, "commits an entry of an epoch before without one of its own");  // Raft 5.4.2
  node.high_watermark = offset;
  note(id, "has committed all below " + std::to_string(offset));
}

void Cluster::check(NodeId id) {
  Node& node = nodes_.at(id);
  const Raft& raft = *node.raft;
  if (raft.high_watermark() != node.high_watermark) violated(id, "did not tell its high watermark");
  if (!same_but_for(mutant_, raft.state(), node.stored)) violated(id, "goes by what is not durable");
  const Role role = raft.role();
  const NodeId leader = raft.leader_id();
  const ReplicaKey& voted = raft.state().voted;
  const bool valid =  // I-R11
      role == Role::leader        ? leader == id && leaders_.at(raft.epoch()) == id
      : role == Role::follower    ? leader != kNoNode && leader != id
      : role == Role::candidate   ? leader == kNoNode && voted == node.key
      : role == Role::prospective ? leader != id
                                  : leader == kNoNode;
  if (!valid) violated(id, "is " + std::string(raft::name_of(role)) + " of leader " + std::to_string(leader));
  if (role == Role::leader && node.last_role != Role::leader && node.last_role != Role::candidate &&
      raft.voters().size() > 1)
    violated(id, "leads without having stood for it");
  if (role != node.last_role)
    note(id, "is " + std::string(raft::name_of(role)) + " in epoch " + std::to_string(raft.epoch()) +
                 (role == Role::follower ? " of " + std::to_string(leader) : ""));
  node.last_role = role;
  if (node.high_watermark > node.log.end().offset) violated(id, "has less than it knows to be committed");
  if (const auto snapshot = node.log.latest_snapshot()) {  // I-R9
    if (snapshot->offset > node.high_watermark) violated(id, "has a snapshot of what is not committed");
    if (snapshot->offset < node.log.start().offset) violated(id, "has lost what is before its log");
  }
  if (role == Role::leader) check_quorum(id);
}

// RA-05: who leads without a majority does not do so for long.
void Cluster::check_quorum(NodeId id) {
  // One of them may have fetched at the begin of 1.5 fetch timeouts and the next at their end; then 1.5 more,
  // and as many after a change of the voters; and a fetch may have been held.
  constexpr Duration kPatience = std::chrono::seconds(10);
  const Node& node = nodes_.at(id);
  std::size_t near = 0;
  for (const Voter& voter : node.raft->voters()) {
    const auto fetched = node.fetched.find(voter.key.id);
    near += voter.key.id == id || (fetched != node.fetched.end() && now_ - fetched->second < kPatience);
  }
  const bool all_alone = node.raft->voters().size() == 1 && node.raft->voters().contains(node.key);
  if (!all_alone && near < node.raft->voters().majority() && now_ - node.led_since > kPatience)
    violated(id, "leads although no majority fetches from it");
}

}  // namespace moldau::raft::testing
