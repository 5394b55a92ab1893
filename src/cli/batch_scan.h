// Batches of a partition as they lie in its leader's log, headers and compressed bytes: what a consumer does
// not see.
#pragma once

#include <functional>

#include "cli/reading.h"
#include "record/batch.h"

namespace moldau::cli {

// False ends the scan. The batch is whole, and its checksum matches.
using VisitBatch = std::function<Answer<bool>(const record::BatchView&)>;

// The batches that have offsets of the span, in order; without an end up to the high watermark. Ends early,
// without an error, when a signal comes. Waits for a leader, and asks again while leadership moves, within
// the client's api_timeout.
runtime::Task<Answer<void>> scan_batches(ClusterSession& session, ReadSpan span, VisitBatch visit);

}  // namespace moldau::cli
