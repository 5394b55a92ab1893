// The records of __consumer_offsets and __transaction_state as Kafka's formatters show them: JSON.
#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "cli/json.h"

namespace moldau::cli {

enum class CoordinatorRecord : std::uint8_t { offset, group, transaction };

// {"key":{"type":1,"data":{…}},"value":{"version":4,"data":{…}}}, a deletion's value is null. Nothing: a
// record of another kind, which that formatter passes over. Errc::corrupt, Errc::truncated: not the form of
// its kind.
Result<std::optional<Json>> coordinator_record_json(CoordinatorRecord kind,
                                                    const std::optional<ByteView>& key,
                                                    const std::optional<ByteView>& value);

}  // namespace moldau::cli
