// What a leader looks at before it hands records on to replicas: a batch whose bytes have changed on disk
// must not become the same on all of them.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/ids.h"

namespace moldau::replication {

// Leaves only the batches before the first whose checksum does not hold; the offset of that one. `batches`:
// whole batches, as Log::read() gives them.
std::optional<Offset> cut_at_damage(SliceList& batches);

}  // namespace moldau::replication
