#include "raft/voter_set.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::raft {

std::string ReplicaKey::to_string() const {
  return std::to_string(id) + (directory.is_zero() ? "" : "-" + directory.to_string());
}

VoterSet::VoterSet(std::vector<Voter> voters) : voters_(std::move(voters)) {
  const auto id = [](const Voter& voter) { return voter.key.id; };
  std::ranges::sort(voters_, {}, id);
  MOLDAU_ASSERT(std::ranges::adjacent_find(voters_, {}, id) == voters_.end(), "a voter's id is its own");
}

VoterSet VoterSet::of(const std::vector<ReplicaKey>& keys) {
  std::vector<Voter> voters;
  for (const ReplicaKey& key : keys) voters.push_back({.key = key, .endpoints = {}, .kraft_versions = {}});
  return VoterSet(std::move(voters));
}

const Voter* VoterSet::find(NodeId id) const {
  const auto found = std::ranges::find(voters_, id, [](const Voter& voter) { return voter.key.id; });
  return found == voters_.end() ? nullptr : &*found;
}

bool VoterSet::contains(const ReplicaKey& key) const {
  const Voter* voter = find(key.id);
  return voter && voter->key.matches(key);
}

std::vector<ReplicaKey> VoterSet::keys() const {
  std::vector<ReplicaKey> out;
  for (const Voter& voter : voters_) out.push_back(voter.key);
  return out;
}

std::string VoterSet::to_string() const {
  std::string out;
  for (const Voter& voter : voters_) out += (out.empty() ? "" : ", ") + voter.key.to_string();
  return "[" + out + "]";
}

std::optional<VoterSet> VoterSet::with(Voter voter) const {
  if (contains(voter.key.id)) return std::nullopt;
  std::vector<Voter> voters = voters_;
  voters.push_back(std::move(voter));
  return VoterSet(std::move(voters));
}

std::optional<VoterSet> VoterSet::without(const ReplicaKey& key) const {
  if (!contains(key)) return std::nullopt;
  std::vector<Voter> voters = voters_;
  std::erase_if(voters, [&](const Voter& voter) { return voter.key.id == key.id; });
  return VoterSet(std::move(voters));
}

std::optional<VoterSet> VoterSet::with_updated(const Voter& voter) const {
  if (!contains(voter.key)) return std::nullopt;
  std::vector<Voter> voters = voters_;
  *std::ranges::find(voters, voter.key.id, [](const Voter& old) { return old.key.id; }) = voter;
  return VoterSet(std::move(voters));
}

bool VoterSet::follows_safely(const VoterSet& before) const {
  const auto missing_in = [](const VoterSet& one, const VoterSet& other) {
    return std::ranges::count_if(one.voters_, [&](const Voter& voter) { return !other.contains(voter.key); });
  };
  return missing_in(*this, before) + missing_in(before, *this) <= 1;
}

}  // namespace moldau::raft
