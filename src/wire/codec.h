// The parts of generated .cc files that are the same for every message.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/random.h"
#include "wire/json.h"
#include "wire/message.h"
#include "wire/reader.h"
#include "wire/sample.h"
#include "wire/writer.h"

namespace moldau::wire {

// The error of a body that could not be decoded, with the message's name and version before it.
std::unexpected<Error> decode_failure(std::string_view message, ApiVersion version, Error error);
std::unexpected<Error> version_failure(std::string_view message, ApiVersion version);

// Bytes after a request are ignored, as Kafka ignores them: librdkafka 2.15 sends three after a
// MetadataRequest v13 for all topics. Nobody has a reason to send them after anything else.
template <class M>
inline constexpr bool kEndsWithItsBytes = !M::kName.ends_with("Request");

template <class M>
Result<M> decode_message(const Slice& body, ApiVersion version) {
  if (version < M::kMinVersion || version > M::kMaxVersion) return version_failure(M::kName, version);
  Reader in(body);
  M message;
  message.read(in, version);
  if (auto status = in.finish(kEndsWithItsBytes<M>); !status)
    return decode_failure(M::kName, version, std::move(status).error());
  return message;
}

template <class M>
std::string message_to_json(const M& message, ApiVersion version) {
  JsonPrinter out;
  message.print(out, version);
  return std::move(out).text();
}

template <class M>
SliceList encode_message(const M& message, ApiVersion version) {
  Writer out;
  message.encode(out, version);
  return std::move(out).finish();
}

template <class M>
constexpr MessageType message_type(MessageType::Kind kind, ApiKey key) {
  return {.name = M::kName,
          .kind = kind,
          .key = key,
          .min_version = M::kMinVersion,
          .max_version = M::kMaxVersion,
          .flexible_from = M::kFlexibleFrom,
          .to_json = [](const Slice& body, ApiVersion version) -> Result<std::string> {
            ASSIGN_OR_RETURN(const M message, M::decode(body, version));
            return message.to_json(version);
          },
          .reencode = [](const Slice& body, ApiVersion version) -> Result<SliceList> {
            ASSIGN_OR_RETURN(const M message, M::decode(body, version));
            return encode_message(message, version);
          },
          .random = [](Random& random,
                       ApiVersion version) { return encode_message(M::random(random, version), version); },
          .round_trips =
              [](Random& random, ApiVersion version) {
                const M message = M::random(random, version);
                const auto decoded = M::decode(joined(encode_message(message, version)), version);
                return decoded.has_value() && *decoded == message;
              }};
}

}  // namespace moldau::wire
