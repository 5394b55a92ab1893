// Who votes (KIP-853): replica keys, where voters are reached, and the set of them. A value; it never
// changes.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"

namespace moldau::raft {

// A voter is a node with its disk: the same node with another disk is another voter (RA-12). A zero directory
// is not known yet (kraft.version 0) and matches any.
struct ReplicaKey {
  NodeId id = kNoNode;
  DirectoryId directory;
  bool matches(const ReplicaKey& other) const {
    return id == other.id &&
           (directory.is_zero() || other.directory.is_zero() || directory == other.directory);
  }
  std::string to_string() const;
  friend auto operator<=>(const ReplicaKey&, const ReplicaKey&) = default;
};

// A controller listener of a node.
struct Endpoint {
  std::string name;  // "CONTROLLER"; empty where only an address is known
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Of the feature kraft.version, as a node supports it.
struct VersionRange {
  std::int16_t min = 0;
  std::int16_t max = 1;
  bool contains(std::int16_t version) const { return min <= version && version <= max; }
  friend bool operator==(const VersionRange&, const VersionRange&) = default;
};

struct Voter {
  ReplicaKey key;
  std::vector<Endpoint> endpoints;  // none: the transport knows where it is
  VersionRange kraft_versions;
  friend bool operator==(const Voter&, const Voter&) = default;
};

// At most one voter per node id. Sorted by id.
class VoterSet {
 public:
  VoterSet() = default;
  // REQUIRES: no node id twice.
  explicit VoterSet(std::vector<Voter> voters);
  static VoterSet of(const std::vector<ReplicaKey>& keys);

  bool empty() const { return voters_.empty(); }
  std::size_t size() const { return voters_.size(); }
  std::size_t majority() const { return voters_.size() / 2 + 1; }
  auto begin() const { return voters_.begin(); }
  auto end() const { return voters_.end(); }
  const Voter* find(NodeId id) const;
  bool contains(NodeId id) const { return find(id) != nullptr; }
  bool contains(const ReplicaKey& key) const;
  std::vector<ReplicaKey> keys() const;
  std::string to_string() const;

  // Nothing when the id is a voter already.
  std::optional<VoterSet> with(Voter voter) const;
  // Nothing when there is no such voter.
  std::optional<VoterSet> without(const ReplicaKey& key) const;
  std::optional<VoterSet> with_updated(const Voter& voter) const;
  // Whether any majority of one shares a voter with any majority of the other: at most one voter came or
  // went.
  bool follows_safely(const VoterSet& before) const;

  friend bool operator==(const VoterSet&, const VoterSet&) = default;

 private:
  std::vector<Voter> voters_;
};

}  // namespace moldau::raft
