#include "ownership.h"

#include <algorithm>

#include "program.h"

namespace moldau::load {

void Ownership::take(Member member, PartitionIndex number, std::int64_t now_ns) {
  Partition& partition = partitions_.at(static_cast<std::size_t>(number));
  if (partition.owners.empty()) {
    ++owned_once_;
    if (partition.unowned_since_ns != 0) {
      const std::int64_t pause = now_ns - partition.unowned_since_ns;
      partition.unowned_ns += pause;
      so_far_.without_owner_ns.record(static_cast<std::uint64_t>(pause));
    }
  } else if (partition.owners.size() == 1) {
    --owned_once_;
    ++so_far_.twice;
  }
  partition.owners.push_back(member);
  Holder& holder = members_.at(member);
  if (holder.partitions++ == 0 && holder.empty_since_ns != 0)
    so_far_.member_ns = std::max(so_far_.member_ns, now_ns - holder.empty_since_ns);
}

void Ownership::give_up(Member member, PartitionIndex number, std::int64_t now_ns) {
  Partition& partition = partitions_.at(static_cast<std::size_t>(number));
  if (std::erase(partition.owners, member) != 1) die("a member gives up what it does not have");
  if (partition.owners.size() == 1) ++owned_once_;
  if (partition.owners.empty()) {
    --owned_once_;
    partition.unowned_since_ns = now_ns;
  }
  Holder& holder = members_.at(member);
  if (--holder.partitions == 0) holder.empty_since_ns = now_ns;
}

void Ownership::begin(std::int64_t now_ns) {
  so_far_ = {};
  for (Holder& holder : members_) holder.empty_since_ns = 0;
  for (Partition& partition : partitions_) {
    partition.first = partition.owners.empty() ? kNobody : partition.owners.front();
    partition.unowned_since_ns = now_ns;
    partition.unowned_ns = 0;
  }
}

Ownership::Moves Ownership::moves(const Is& is_new, const Is& is_gone) const {
  Moves moves = so_far_;
  for (const Partition& partition : partitions_) {
    if (partition.first == kNobody) continue;
    const Member last = partition.owners.front();
    if (last == partition.first) {
      moves.same_owner_ns = std::max(moves.same_owner_ns, partition.unowned_ns);
      continue;
    }
    ++moves.moved;
    if (!is_gone(partition.first) && !is_new(last)) ++moves.needless;
  }
  return moves;
}

}  // namespace moldau::load
