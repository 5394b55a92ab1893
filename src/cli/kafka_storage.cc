#include <algorithm>

#include "base/random.h"
#include "cli/handlers.h"
#include "cli/node_settings.h"
#include "controller/features.h"
#include "storage/data_directory.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Answer<config::Settings> settings_of(Session& session) {
  const auto file = session.arguments.find("config");
  if (!file) return usage_trouble("argument --config/-c is required");
  return usable_settings(session, load_settings(session, file, {}, kafka_file_kind(*file)));
}

struct Release {
  std::int16_t level;
  std::string name;
};

Release newest() {
  const std::int16_t level = controller::find_feature(controller::kMetadataVersion)->max_level;
  return {level, std::string(controller::metadata_version_name(level))};
}

// "4.3-IV0", or "4.3" for its newest.
Answer<Release> find_release(const std::string& text) {
  const controller::Feature& feature = *controller::find_feature(controller::kMetadataVersion);
  for (std::int16_t level = feature.max_level; level >= feature.min_level; --level) {
    const std::string name(controller::metadata_version_name(level));
    if (name == text || name.starts_with(text + "-")) return Release{level, name};
    if (text.starts_with(name.substr(0, name.find('-')) + ".")) return Release{level, name};  // 4.3.0
  }
  return trouble(Exit::failed, "Unknown metadata.version '" + text + "'", {},
                 "supported: " + std::string(controller::metadata_version_name(feature.min_level)) + " to " +
                     newest().name);
}

Answer<std::string> cluster_id_of(const Arguments& arguments) {
  const auto id = arguments.find("cluster-id");
  if (!id) return usage_trouble("argument --cluster-id/-t is required");
  if (Uuid::parse(*id)) return *id;
  return trouble(Exit::failed, "Cluster ID string " + *id + " does not appear to be a valid UUID", {},
                 "make one with: kafka-storage random-uuid");
}

Answer<void> check_format_flags(const Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.has("add-scram"))
    return trouble(Exit::failed, "--add-scram: users are not available in this version");
  const int quorum = arguments.has("standalone") + arguments.has("initial-controllers") +
                     arguments.has("no-initial-controllers");
  if (quorum > 1)
    return usage_trouble(
        "--standalone, --initial-controllers and --no-initial-controllers exclude one another");
  return {};
}

Task<Result<storage::MetaProperties>> format_folder(runtime::World& world, std::string path,
                                                    std::string cluster_id, NodeId node_id) {
  const Uuid directory_id = Random(world.entropy()).uuid();
  co_return co_await world.pool().run(runtime::Lane::background, world.shard(0),
                                      [&disk = world.disk(), path = std::move(path),
                                       cluster_id = std::move(cluster_id), node_id, directory_id] {
                                        return storage::DataDirectory::format(disk, path, cluster_id, node_id,
                                                                              directory_id);
                                      });
}

std::string formatting_line(const Arguments& arguments, const std::string& path, const Release& release) {
  const std::string what =
      arguments.has("standalone") ? "dynamic metadata voter directory " : "metadata directory ";
  return "Formatting " + what + path + " with metadata.version " + release.name + ".";
}

}  // namespace

Answer<Exit> kafka_storage_random_uuid(Session& session) {
  return run_on_world(session, [&session](Context context) -> Task<Answer<Exit>> {
    session.out.line(Random(context.world.entropy()).uuid().to_string());
    co_return Exit::done;
  });
}

Answer<Exit> kafka_storage_format(Session& session) {
  const Arguments& arguments = session.arguments;
  const auto cluster_id = cluster_id_of(arguments);
  if (!cluster_id) return std::unexpected(cluster_id.error());
  const auto release = arguments.has("release-version") ? find_release(arguments.text("release-version"))
                                                        : Answer<Release>(newest());
  if (!release) return std::unexpected(release.error());
  if (auto checked = check_format_flags(session); !checked) return std::unexpected(checked.error());
  const auto settings = settings_of(session);
  if (!settings) return std::unexpected(settings.error());
  return run_on_world(session, [&](Context context) -> Task<Answer<Exit>> {
    const auto formatted =
        co_await format_folder(context.world, settings->data_dir, *cluster_id, settings->node_id.value_or(1));
    if (formatted) {
      session.out.line(formatting_line(arguments, settings->data_dir, *release));
      co_return Exit::done;
    }
    if (formatted.error().code != Errc::already_exists)
      co_return trouble(trouble_of(formatted.error(), "cannot format " + settings->data_dir));
    if (arguments.has("ignore-formatted")) {
      session.out.line("All of the log directories are already formatted.");
      co_return Exit::done;
    }
    co_return trouble(
        Exit::failed,
        "Log directory " + settings->data_dir +
            " is already formatted. Use --ignore-formatted to ignore this directory and format the others.");
  });
}

Answer<Exit> kafka_storage_info(Session& session) {
  const auto settings = settings_of(session);
  if (!settings) return std::unexpected(settings.error());
  return run_on_world(session, [&](Context context) -> Task<Answer<Exit>> {
    const auto found =
        co_await context.world.pool().run(runtime::Lane::background, context.world.shard(0),
                                          [&disk = context.world.disk(), path = settings->data_dir] {
                                            return storage::DataDirectory::inspect(disk, path);
                                          });
    Printer& out = session.out;
    const std::string path = "  " + settings->data_dir + "\n\n";
    if (!found && found.error().code != Errc::not_found)
      co_return trouble(trouble_of(found.error(), "cannot read the metadata of " + settings->data_dir));
    out.put("Found log directory:\n" + path);
    if (!found) {
      out.put("Found problem:\n  " + settings->data_dir + " is not formatted.\n\n");
      co_return Exit::failed;
    }
    out.put("Found metadata: {cluster.id=" + found->cluster_id +
            ", directory.id=" + found->directory_id.to_string() +
            ", node.id=" + std::to_string(found->node_id) + ", version=1}\n\n");
    co_return Exit::done;
  });
}

Answer<Exit> kafka_storage_version_mapping(Session& session) {
  const auto release = session.arguments.has("release-version")
                           ? find_release(session.arguments.text("release-version"))
                           : Answer<Release>(newest());
  if (!release) return std::unexpected(release.error());
  session.out.line("metadata.version=" + std::to_string(release->level) + " (" + release->name + ")");
  for (const controller::Feature& feature : controller::features()) {
    if (feature.name != controller::kMetadataVersion)
      session.out.line(std::string(feature.name) + "=" + std::to_string(feature.initial_level));
  }
  return Exit::done;
}

Answer<Exit> kafka_storage_feature_dependencies(Session& session) {
  const auto& asked = session.arguments.all("feature");
  if (asked.empty()) return usage_trouble("argument --feature/-f is required");
  for (const std::string& text : asked) {
    auto pair = key_value(text, "--feature");
    if (!pair) return std::unexpected(std::move(pair).error());
    const controller::Feature* feature = controller::find_feature(pair->first);
    const auto level = whole_number(pair->second);
    if (!feature) return trouble(Exit::failed, "Unknown feature: " + pair->first);
    if (!level || *level < feature->min_level || *level > feature->max_level)
      return trouble(Exit::failed, "Feature " + pair->first + " has no level " + pair->second);
    session.out.line(pair->first + "=" + pair->second + " has no dependencies");
  }
  return Exit::done;
}

}  // namespace moldau::cli
