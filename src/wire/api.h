// The APIs that this broker speaks: keys, names, version ranges and where each is served. The ranges are
// those of Apache Kafka 4.3 and are declared once, in schema/*.schema; ApiKey and the table are generated
// from there.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

#include "wire/api_key.h"

namespace moldau::wire {

using ApiVersion = std::int16_t;

// kFlexibleFrom of an API none of whose versions has tagged fields.
inline constexpr ApiVersion kNeverFlexible = std::numeric_limits<ApiVersion>::max();

struct ApiInfo {
  ApiKey key;
  std::string_view name;     // Kafka's: "Produce"
  std::string_view purpose;  // one line for a person
  // The versions that can be decoded and encoded.
  ApiVersion min_version;
  ApiVersion max_version;
  // The versions that ApiVersions tells. Produce is told from 0 though only 3 and later is served: without it
  // librdkafka stops compressing (KAFKA-18659). Unstable versions are not told.
  ApiVersion advertised_min;
  ApiVersion advertised_max;
  ApiVersion flexible_from;  // kNeverFlexible if none is
  bool on_broker;            // served by broker listeners
  bool on_controller;        // served by controller listeners
  bool forwarded;            // a broker hands it to the active controller in an Envelope

  bool supports(ApiVersion version) const { return min_version <= version && version <= max_version; }
  bool flexible(ApiVersion version) const { return version >= flexible_from; }
};

// Every API, ascending by key.
std::span<const ApiInfo> apis();

// Null for a key that is not ours: it may come straight from a peer.
const ApiInfo* find_api(std::int16_t key);
const ApiInfo* find_api(std::string_view name);

// REQUIRES: a key of ours.
const ApiInfo& api(ApiKey key);
inline std::string_view name_of(ApiKey key) { return api(key).name; }

}  // namespace moldau::wire
