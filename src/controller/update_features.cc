#include <algorithm>
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"
#include "controller/features.h"
#include "controller/refusal.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using wire::ErrorCode;

// Levels below this one know the same record formats; going below it would leave records that nobody can
// read.
constexpr std::int16_t kLowestMetadataVersionWithoutLoss = 30;

// The first node, if any, that has not registered support for the level.
template <class Nodes>
std::optional<NodeId> unable(const Nodes& nodes, const std::string& feature, std::int16_t level) {
  for (const auto& [id, node] : nodes) {
    const auto supported = std::ranges::find(node->features, feature, &metadata::SupportedFeature::name);
    if (supported == node->features.end() || level < supported->min_level || level > supported->max_level)
      return id;
  }
  return std::nullopt;
}

std::optional<Refusal> judge(const Image& image, const wire::UpdateFeaturesRequest::FeatureUpdate& update,
                             std::int16_t current) {
  const auto refuse = [&](ErrorCode code, std::string why) {
    return Refusal{code, "Invalid update version " + std::to_string(update.max_version_level) +
                             " for feature " + update.feature + ". " + std::move(why)};
  };
  constexpr std::int8_t kUpgrade = 1, kUnsafeDowngrade = 3;
  const std::int16_t wanted = update.max_version_level;
  // v0 has AllowDowngrade in place of the upgrade type.
  const bool may_fall = update.allow_downgrade || update.upgrade_type > kUpgrade;
  const Feature* feature = find_feature(update.feature);
  if (update.upgrade_type < kUpgrade || update.upgrade_type > kUnsafeDowngrade)
    return Refusal{ErrorCode::invalid_request, "The controller does not support the given upgrade type."};
  if (!feature)
    return Refusal{ErrorCode::invalid_update_version,
                   "The controller does not support the feature " + update.feature + "."};
  if (wanted < 0) return refuse(ErrorCode::invalid_update_version, "A feature level cannot be negative.");
  if (wanted != 0 && (wanted < feature->min_level || wanted > feature->max_level))
    return refuse(ErrorCode::invalid_update_version, "The controller supports versions " +
                                                         std::to_string(feature->min_level) + "-" +
                                                         std::to_string(feature->max_level) + ".");
  if (wanted == 0 && update.feature == kMetadataVersion)
    return refuse(ErrorCode::invalid_update_version, "It cannot be removed.");
  if (wanted < current && !may_fall)
    return refuse(
        ErrorCode::invalid_update_version,
        "Can't downgrade the version of this feature without setting the upgrade type to either safe or "
        "unsafe downgrade.");
  if (wanted > current && update.upgrade_type > kUpgrade)
    return refuse(ErrorCode::invalid_update_version, "Can't downgrade to a newer version.");
  if (update.feature == kMetadataVersion && wanted < kLowestMetadataVersionWithoutLoss)
    return refuse(
        ErrorCode::invalid_update_version,
        "Downgrades below " + std::to_string(kLowestMetadataVersionWithoutLoss) + " are not supported.");
  if (update.feature == kKraftVersion && wanted != current)
    return refuse(ErrorCode::invalid_update_version,
                  wanted < current ? "Can't downgrade the version of this feature."
                                   : "The voters of this cluster are static (controller.quorum.voters).");
  if (wanted == 0) return std::nullopt;
  if (const auto id = unable(image.brokers(), update.feature, wanted))
    return refuse(ErrorCode::invalid_update_version,
                  "Broker " + std::to_string(*id) + " does not support this version.");
  if (const auto id = unable(image.controllers(), update.feature, wanted))
    return refuse(ErrorCode::invalid_update_version,
                  "Controller " + std::to_string(*id) + " does not support this version.");
  return std::nullopt;
}

// What turning ELR on or off means for configs and partitions.
std::vector<metadata::Record> consequences(const Controller& controller, const Image& before,
                                           const std::vector<metadata::Record>& updates) {
  const Image after = metadata::apply_records(before, updates).value().image;
  if (elr_enabled(after) == elr_enabled(before)) return {};
  std::vector<metadata::Record> out;
  if (elr_enabled(after)) out = elr_safety_records(controller, after);
  const Image with_configs = metadata::apply_records(after, out).value().image;
  for (auto& record : partitions_under_new_rules(controller, with_configs)) out.push_back(std::move(record));
  return out;
}

}  // namespace

// All updates or none (v2 semantics; a v0 or v1 client sees the error on each of its features).
Outcome<wire::UpdateFeaturesResponse> Controller::update_features(const Image& image,
                                                                  const wire::UpdateFeaturesRequest& request,
                                                                  std::int16_t kraft_version) const {
  Outcome<wire::UpdateFeaturesResponse> out;
  std::optional<Refusal> refusal;
  const auto level = [&](const std::string& feature) {
    return feature == kKraftVersion ? kraft_version : image.feature_level(feature);
  };
  if (request.feature_updates.empty())
    refusal = Refusal{ErrorCode::invalid_request, "Can not provide null or empty feature updates."};
  for (const auto& update : request.feature_updates) {
    if (!refusal) refusal = judge(image, update, level(update.feature));
    if (!refusal && level(update.feature) != update.max_version_level)
      out.records.push_back(metadata::FeatureLevelRecord{update.feature, update.max_version_level});
  }
  std::set<std::string> named;
  for (const auto& update : request.feature_updates)
    if (!refusal && !named.insert(update.feature).second)
      refusal = Refusal{ErrorCode::invalid_request, "Feature " + update.feature + " is named twice."};
  if (!refusal && !out.records.empty()) {
    auto more = consequences(*this, image, out.records);
    out.records.insert(out.records.end(), more.begin(), more.end());
    if (out.records.size() > kMaxRecordsPerOperation)
      refusal = Refusal{ErrorCode::policy_violation, std::string(kTooManyRecords)};
  }
  if (refusal) {
    out.response.error_code = refusal->code;
    out.response.error_message = refusal->message;
  }
  for (const auto& update : request.feature_updates)
    out.response.results.push_back({.feature = update.feature,
                                    .error_code = out.response.error_code,
                                    .error_message = out.response.error_message});
  if (refusal || request.validate_only) out.records.clear();
  return out;
}

}  // namespace moldau::controller
