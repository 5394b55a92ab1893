// What every generated message has, and what its code leans on.
//
//   static Result<M> decode(const Slice& body, ApiVersion)  the whole body, without the header; byte and
//   record
//                                                           fields share the body's owner
//   void encode(Writer&, ApiVersion) const                  the body; a field that the version does not have
//   is
//                                                           left out, whatever its value
//   std::string to_json(ApiVersion) const                   for logs and people; secrets are left out
//   static M random(Random&, ApiVersion)                    any value that survives a round trip
//   kMinVersion, kMaxVersion, kFlexibleFrom, and kKey for requests and responses
//
// decode refuses with Errc::unsupported for a version that is not the message's, Errc::truncated when the
// bytes end early, Errc::corrupt for all else, bytes left over included, except after a request. REQUIRES
// elsewhere: a version of the message.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "wire/api.h"
#include "wire/error_code.h"

namespace moldau {
class Random;
}

namespace moldau::wire {

class JsonPrinter;
class Reader;
class Writer;

// One message's functions behind pointers: for tools, fuzzers and tests that treat all messages alike.
struct MessageType {
  enum class Kind : std::uint8_t { request, response, data };

  std::string_view name;  // "ProduceRequest"
  Kind kind;
  ApiKey key;  // of requests and responses
  ApiVersion min_version;
  ApiVersion max_version;
  ApiVersion flexible_from;
  Result<std::string> (*to_json)(const Slice& body, ApiVersion);
  // Decodes, then encodes again: the same bytes, except for unknown tags and superfluous default values.
  Result<SliceList> (*reencode)(const Slice& body, ApiVersion);
  SliceList (*random)(Random&, ApiVersion);
  // Whether a random message equals itself after encoding and decoding.
  bool (*round_trips)(Random&, ApiVersion);
};

// Every message, in the order of the schema files' names.
std::span<const MessageType* const> messages();
const MessageType* find_message(ApiKey key, MessageType::Kind kind);

}  // namespace moldau::wire
