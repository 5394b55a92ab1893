// The voter sets and kraft.versions along one log: a control record holds from where it is appended,
// committed or not, and is undone when the log is cut before it (KIP-853).
#pragma once

#include <cstdint>
#include <map>

#include "raft/voter_set.h"

namespace moldau::raft {

// What holds at a place of the log; also what a snapshot says.
struct Configuration {
  std::int16_t kraft_version = 0;  // 0: static voters, none of this is in the log
  VoterSet voters;
  friend bool operator==(const Configuration&, const Configuration&) = default;
};

class VoterHistory {
 public:
  // `initial` holds before the first record: from the settings, or from how the folder was formatted.
  explicit VoterHistory(Configuration initial) : initial_(std::move(initial)) {}

  // Records at rising offsets.
  void append(Offset offset, VoterSet voters) { voters_[offset] = std::move(voters); }
  void append(Offset offset, std::int16_t kraft_version) { versions_[offset] = kraft_version; }
  // A snapshot that ends at `offset` replaces all before. With kraft.version 0 it says nothing of voters.
  void install(Offset offset, const Configuration& snapshot);
  void truncate(Offset end);
  // Drops what no place from `start` on needs.
  void forget_before(Offset start);

  const VoterSet& voters() const { return voters_.empty() ? initial_.voters : voters_.rbegin()->second; }
  // Where the latest voter set was appended, kNoOffset: it is the initial one and not in the log. Of a
  // snapshot: before its end.
  Offset voters_offset() const { return voters_.empty() ? kNoOffset : voters_.rbegin()->first; }
  std::int16_t kraft_version() const {
    return versions_.empty() ? initial_.kraft_version : versions_.rbegin()->second;
  }
  // What holds after the record before `end`.
  Configuration before(Offset end) const;

 private:
  Configuration initial_;
  std::map<Offset, VoterSet> voters_;
  std::map<Offset, std::int16_t> versions_;
};

}  // namespace moldau::raft
