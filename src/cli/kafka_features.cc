// kafka-features, with the lines of Kafka's own; version-mapping and feature-dependencies are
// kafka-storage's.
#include <algorithm>

#include "cli/handlers.h"
#include "cli/kafka_columns.h"
#include "controller/features.h"

namespace moldau::cli {
namespace {

using Updates = std::map<std::string, client::FeatureUpdate, std::less<>>;

std::string level_text(std::string_view feature, std::int16_t level) {
  if (feature != controller::kMetadataVersion) return std::to_string(level);
  const std::string_view name = controller::metadata_version_name(level);
  return name.empty() ? "UNKNOWN " + std::to_string(level) : std::string(name);
}

// upgrade, downgrade, disable.
std::string_view operation_of(const Session& session) {
  const std::string_view name = session.command->name;
  return name.substr(name.find(' ') + 1);
}

client::FeatureUpgrade kind_of(const Session& session) {
  if (operation_of(session) == "upgrade") return client::FeatureUpgrade::upgrade;
  return session.arguments.has("unsafe") ? client::FeatureUpgrade::unsafe_downgrade
                                         : client::FeatureUpgrade::safe_downgrade;
}

std::optional<std::int16_t> metadata_level(const std::string& release) {
  const controller::Feature& feature = *controller::find_feature(controller::kMetadataVersion);
  for (std::int16_t level = feature.max_level; level >= feature.min_level; --level) {
    const std::string_view name = controller::metadata_version_name(level);
    if (name == release || name.starts_with(release + "-")) return level;
  }
  return std::nullopt;
}

std::unexpected<Trouble> unknown_release(const std::string& release) {
  const controller::Feature& feature = *controller::find_feature(controller::kMetadataVersion);
  std::string names;
  for (std::int16_t level = feature.min_level; level <= feature.max_level; ++level) {
    const std::string_view name = controller::metadata_version_name(level);
    if (!name.empty()) names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return trouble(Exit::failed,
                 "Unknown metadata.version " + release + ". Supported metadata.version are " + names);
}

Answer<void> add_release(Updates& updates, const std::string& release, client::FeatureUpgrade kind,
                         bool all_features) {
  const auto level = metadata_level(release);
  if (!level) return unknown_release(release);
  for (const controller::Feature& feature : controller::features()) {
    const bool version = feature.name == controller::kMetadataVersion;
    if (!version && !all_features) continue;
    const std::int16_t wanted = version ? *level : feature.initial_level;
    // An upgrade sets nothing to 0.
    if (kind == client::FeatureUpgrade::upgrade && wanted == 0) continue;
    updates[std::string(feature.name)] = {std::string(feature.name), wanted, kind};
  }
  return {};
}

Answer<void> add_feature(Updates& updates, const std::string& text, client::FeatureUpgrade kind,
                         bool disable) {
  client::FeatureUpdate update{.name = text, .kind = kind};
  if (!disable) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      return trouble(Exit::failed, "Can't parse feature=level string " + text + ": equals sign not found.");
    const auto level = whole_number(text.substr(equals + 1));
    if (!level || *level < INT16_MIN || *level > INT16_MAX)
      return trouble(Exit::failed, "Can't parse feature=level string " + text + ": unable to parse " +
                                       text.substr(equals + 1) + " as a short.");
    update.name = text.substr(0, equals);
    update.level = static_cast<std::int16_t>(*level);
  }
  if (!updates.emplace(update.name, update).second)
    return trouble(Exit::failed, "Feature " + update.name + " was specified more than once.");
  return {};
}

Answer<Updates> updates_of(Session& session) {
  const Arguments& arguments = session.arguments;
  const bool disable = operation_of(session) == "disable";
  const client::FeatureUpgrade kind = kind_of(session);
  Updates updates;
  if (arguments.has("release-version")) {
    if (arguments.has("metadata") || arguments.has("feature"))
      return trouble(Exit::failed, "Can not specify `release-version` with other feature flags.");
    if (auto added = add_release(updates, arguments.text("release-version"), kind, true); !added)
      return std::unexpected(std::move(added).error());
  }
  if (arguments.has("metadata")) {
    session.out.line(" `metadata` flag is deprecated and may be removed in a future release.");
    if (auto added = add_release(updates, arguments.text("metadata"), kind, false); !added)
      return std::unexpected(std::move(added).error());
  }
  for (const std::string& text : arguments.all("feature")) {
    if (auto added = add_feature(updates, text, kind, disable); !added)
      return std::unexpected(std::move(added).error());
  }
  if (updates.empty())
    return trouble(Exit::failed,
                   "You must specify at least one feature to " + std::string(operation_of(session)));
  return updates;
}

// "metadata.version was upgraded to 25."
std::string done_line(const client::FeatureUpdate& update, std::string_view operation, bool dry_run) {
  const std::string verb = dry_run ? " can be " : " was ";
  if (operation == "disable") return update.name + verb + "disabled.";
  return update.name + verb + std::string(operation) + "d to " + std::to_string(update.level) + ".";
}

std::string failed_line(const client::FeatureUpdate& update, std::string_view operation, bool dry_run,
                        const client::Failure& failure) {
  const std::string verb = dry_run ? "Can not " : "Could not ";
  const std::string to = operation == "disable" ? "" : " to " + std::to_string(update.level);
  return verb + std::string(operation) + " " + update.name + to + ". " + words_of(failure);
}

}  // namespace

ClusterAnswer kafka_features_describe(ClusterSession& session) {
  const auto node = session.arguments().number("node-id", 0, INT32_MAX);
  if (!node) co_return trouble(node.error());
  const auto features = co_await session.admin.describe_features(
      *node ? std::optional(static_cast<NodeId>(**node)) : std::nullopt);
  if (!features) co_return trouble(trouble_of(features.error(), "cannot describe features"));
  constexpr std::size_t kName = 40, kLevel = 15;
  for (const client::FeatureInfo& feature : features->features)
    session.out().line(
        "Feature: " + padded(feature.name, kName) +
        "  SupportedMinVersion: " + padded(level_text(feature.name, feature.supported_min), kLevel) +
        "  SupportedMaxVersion: " + padded(level_text(feature.name, feature.supported_max), kLevel) +
        "  FinalizedVersionLevel: " + padded(level_text(feature.name, feature.finalized), kLevel) +
        "  Epoch: " + (features->finalized_epoch < 0 ? "-" : std::to_string(features->finalized_epoch)));
  co_return Exit::done;
}

ClusterAnswer kafka_features_update(ClusterSession& session) {
  const auto updates = updates_of(session.session);
  if (!updates) co_return trouble(updates.error());
  const std::string_view operation = operation_of(session.session);
  const bool dry_run = session.arguments().has("dry-run");
  std::vector<client::FeatureUpdate> wanted;
  for (const auto& [name, update] : *updates) wanted.push_back(update);
  const auto results = co_await session.admin.update_features(std::move(wanted), dry_run);
  if (!results) co_return trouble(trouble_of(results.error(), "cannot update features"));
  std::size_t failures = 0;
  for (const auto& [name, result] : *results) {
    const auto at = updates->find(name);
    if (at == updates->end()) continue;
    session.out().line(result ? done_line(at->second, operation, dry_run)
                              : failed_line(at->second, operation, dry_run, result.error()));
    failures += result ? 0 : 1;
  }
  if (failures == 0) co_return Exit::done;
  co_return trouble(Exit::failed, std::to_string(failures) + " out of " + std::to_string(updates->size()) +
                                      " operation(s) failed.");
}

}  // namespace moldau::cli
