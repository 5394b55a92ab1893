// Who forms the quorum, out of controller.quorum.voters, or of cluster.seeds and cluster.initial_size.
#pragma once

#include <optional>

#include "config/resolve.h"

namespace moldau::config {

// Both lists as they were written.
struct QuorumLists {
  std::vector<Voter> voters;            // controller.quorum.voters
  std::vector<Voter> seeds;             // id kNoNode: only the address was said
  std::int32_t initial_size = 1;        // cluster.initial_size
  const Entry* voters_entry = nullptr;  // null: not set
  const Entry* seeds_entry = nullptr;
  bool initial_size_is_set = false;

  bool names_nobody() const { return voters.empty() && seeds.empty(); }
  // The address of the voter with this id, or that of the seed whose place or id says so.
  std::optional<runtime::Endpoint> address_of(NodeId id) const;
};

QuorumLists read_quorum_lists(Resolved& resolved);

// Sets settings.voters and settings.seeds, and settings.node_id where the addresses tell it, and reports what
// does not fit together. REQUIRES: settings has its roles, node id and listeners.
void settle_quorum(const QuorumLists& lists, const Sources& sources, Settings& settings, Resolved& resolved);

}  // namespace moldau::config
