#include "replication/damage.h"

#include <algorithm>

#include "record/batch.h"

namespace moldau::replication {

std::optional<Offset> cut_at_damage(SliceList& batches) {
  Offset next = 0;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    std::size_t sound_bytes = 0;
    record::BatchReader reader(batches[i]);
    for (record::BatchView batch;;) {
      const auto more = reader.next(batch);
      if (more && !*more) break;
      if (more && batch.crc_matches()) {
        sound_bytes += batch.size();
        next = batch.next_offset();
        continue;
      }
      const Offset damaged = more ? batch.base_offset() : next;
      batches[i] = batches[i].part(batches[i].view().first(sound_bytes));
      batches.resize(sound_bytes > 0 ? i + 1 : i);
      return damaged;
    }
  }
  return std::nullopt;
}

bool is_lost(const metadata::Partition& state, NodeId broker) {
  const auto at =
      static_cast<std::size_t>(std::ranges::find(state.replicas, broker) - state.replicas.begin());
  return at < state.directories.size() && state.directories[at] == metadata::kLostDirectory;
}

bool is_last_hope(const metadata::Partition& state, NodeId broker) {
  const auto names = [&](const std::vector<NodeId>& nodes) {
    return std::ranges::find(nodes, broker) != nodes.end();
  };
  const auto others = [&](const std::vector<NodeId>& nodes) {
    return std::ranges::any_of(nodes, [&](NodeId id) { return id != broker; });
  };
  if (state.replicas.size() < 2) return true;
  if (others(state.isr) || others(state.eligible_leader_replicas)) return false;
  return names(state.isr) || names(state.eligible_leader_replicas) || names(state.last_known_elr);
}

}  // namespace moldau::replication
