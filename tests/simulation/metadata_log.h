// The metadata log of a node, read from its disk without the node's code: what crash, restart and other nodes
// would find there.
#pragma once

#include <functional>

#include "record/batch.h"
#include "simulation/disk.h"

namespace moldau::simulation {

enum class Surviving : std::uint8_t { written, durable };  // durable: what is left after a power loss

// Gives every whole batch that ends above `from`, in order, as far as their offsets follow one another.
// Returns where the last one ends; `from` when there is none.
Offset read_metadata_log(const Drive& drive, const std::string& data_folder, Surviving surviving, Offset from,
                         const std::function<void(const record::BatchView&)>& visit);
// The end of the newest snapshot that is there; 0 when there is none.
Offset newest_snapshot(const Drive& drive, const std::string& data_folder);

}  // namespace moldau::simulation
