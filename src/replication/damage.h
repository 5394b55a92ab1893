// Damage of a replica's log. A leader looks for it before it hands records on: a batch whose bytes have
// changed on disk must not become the same on all replicas. Any replica tells the controller of it, which
// puts it into the lost directory (KIP-858): from then on nobody counts on what it has, and it may be given
// up.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ids.h"
#include "metadata/image.h"

namespace moldau::replication {

// Leaves only the batches before the first whose checksum does not hold; the offset of that one. `batches`:
// whole batches, as Log::read() gives them.
std::optional<Offset> cut_at_damage(SliceList& batches);

// The controller has put the broker's replica into the lost directory.
bool is_lost(const metadata::Partition& state, NodeId broker);
// Nobody else has everything, by the ISR, the ELR, or as the last known leader: damaged or not, it is kept.
bool is_last_hope(const metadata::Partition& state, NodeId broker);

}  // namespace moldau::replication
