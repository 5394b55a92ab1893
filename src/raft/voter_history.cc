#include "raft/voter_history.h"

#include <iterator>

namespace moldau::raft {

namespace {

template <class Value>
void keep_last_before(std::map<Offset, Value>& values, Offset start) {
  const auto after = values.lower_bound(start);
  if (after != values.begin()) values.erase(values.begin(), std::prev(after));
}

template <class Value>
const Value& last_before(const std::map<Offset, Value>& values, Offset end, const Value& initial) {
  const auto after = values.lower_bound(end);
  return after == values.begin() ? initial : std::prev(after)->second;
}

}  // namespace

void VoterHistory::install(Offset offset, const Configuration& snapshot) {
  voters_.clear();
  versions_.clear();
  if (snapshot.kraft_version == 0) return;
  versions_[offset - 1] = snapshot.kraft_version;
  voters_[offset - 1] = snapshot.voters;
}

void VoterHistory::truncate(Offset end) {
  voters_.erase(voters_.lower_bound(end), voters_.end());
  versions_.erase(versions_.lower_bound(end), versions_.end());
}

void VoterHistory::forget_before(Offset start) {
  keep_last_before(voters_, start);
  keep_last_before(versions_, start);
}

Configuration VoterHistory::before(Offset end) const {
  return {last_before(versions_, end, initial_.kraft_version), last_before(voters_, end, initial_.voters)};
}

}  // namespace moldau::raft
