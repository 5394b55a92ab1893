#include "controller/features.h"

#include <algorithm>
#include <array>

namespace moldau::controller {

namespace {

// streams.version and share.version come with their coordinators.
constexpr std::array kFeatures = {
    Feature{kElrVersion, 0, 1, 1},         Feature{"group.version", 0, 1, 1},  // KIP-848
    Feature{kKraftVersion, 0, 1, 0},       Feature{kMetadataVersion, 7, 30, 30},
    Feature{kTransactionVersion, 0, 2, 2},
};

struct MetadataVersionName {
  std::int16_t level;
  std::string_view name;
};
constexpr std::array kMetadataVersions = {
    MetadataVersionName{7, "3.3-IV3"},  MetadataVersionName{8, "3.4-IV0"},
    MetadataVersionName{9, "3.5-IV0"},  MetadataVersionName{10, "3.5-IV1"},
    MetadataVersionName{11, "3.5-IV2"}, MetadataVersionName{12, "3.6-IV0"},
    MetadataVersionName{13, "3.6-IV1"}, MetadataVersionName{14, "3.6-IV2"},
    MetadataVersionName{15, "3.7-IV0"}, MetadataVersionName{16, "3.7-IV1"},
    MetadataVersionName{17, "3.7-IV2"}, MetadataVersionName{18, "3.7-IV3"},
    MetadataVersionName{19, "3.7-IV4"}, MetadataVersionName{20, "3.8-IV0"},
    MetadataVersionName{21, "3.9-IV0"}, MetadataVersionName{22, "4.0-IV0"},
    MetadataVersionName{23, "4.0-IV1"}, MetadataVersionName{24, "4.0-IV2"},
    MetadataVersionName{25, "4.0-IV3"}, MetadataVersionName{26, "4.1-IV0"},
    MetadataVersionName{27, "4.1-IV1"}, MetadataVersionName{28, "4.2-IV0"},
    MetadataVersionName{29, "4.2-IV1"}, MetadataVersionName{30, "4.3-IV0"},
};

}  // namespace

std::span<const Feature> features() { return kFeatures; }

const Feature* find_feature(std::string_view name) {
  const auto found = std::ranges::find(kFeatures, name, &Feature::name);
  return found == kFeatures.end() ? nullptr : &*found;
}

std::string_view metadata_version_name(std::int16_t level) {
  const auto found = std::ranges::find(kMetadataVersions, level, &MetadataVersionName::level);
  return found == kMetadataVersions.end() ? std::string_view() : found->name;
}

std::vector<metadata::SupportedFeature> supported_features() {
  std::vector<metadata::SupportedFeature> out;
  for (const Feature& feature : kFeatures)
    out.push_back({std::string(feature.name), feature.min_level, feature.max_level});
  return out;
}

std::vector<metadata::Record> bootstrap_records(std::string_view cluster_id) {
  std::vector<metadata::Record> out = {metadata::ClusterIdRecord{std::string(cluster_id)}};
  for (const Feature& feature : kFeatures)
    if (feature.initial_level > 0)
      out.push_back(metadata::FeatureLevelRecord{std::string(feature.name), feature.initial_level});
  return out;
}

}  // namespace moldau::controller
