// The cluster features that this version knows, and what a new cluster starts with (KIP-584,
// kafka-protocol.md part 1). A feature whose parts are not all there is not offered: a client that sees a
// level counts on all of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metadata/record.h"

namespace moldau::controller {

struct Feature {
  std::string_view name;
  std::int16_t min_level;
  std::int16_t max_level;
  std::int16_t initial_level;  // of a new cluster; 0: not finalized
};

inline constexpr std::string_view kMetadataVersion = "metadata.version";
inline constexpr std::string_view kKraftVersion = "kraft.version";                   // of the quorum, KIP-853
inline constexpr std::string_view kElrVersion = "eligible.leader.replicas.version";  // KIP-966
inline constexpr std::string_view kTransactionVersion = "transaction.version";       // KIP-890

// By name.
std::span<const Feature> features();
const Feature* find_feature(std::string_view name);
// The release name of a metadata version: 30 is "4.3-IV0"; "" for none.
std::string_view metadata_version_name(std::int16_t level);
// What a broker of this version registers with and what ApiVersions tells as supported.
std::vector<metadata::SupportedFeature> supported_features();

// The first records of a new cluster's log. Its first controller adds Controller::activation_records().
std::vector<metadata::Record> bootstrap_records(std::string_view cluster_id);

}  // namespace moldau::controller
