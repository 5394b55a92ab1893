#include <algorithm>

#include "base/random.h"
#include "cli/handlers.h"
#include "cli/initial_voters.h"
#include "cli/node_settings.h"
#include "controller/features.h"
#include "quorum/snapshot_file.h"
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

// What the flags and the settings together make of a folder.
struct Plan {
  std::string path;
  std::string cluster_id;
  NodeId node_id = 1;
  DirectoryId directory_id;
  raft::VoterSet voters;  // with which its quorum begins; none: that of the settings, or one that it joins
};

Answer<raft::VoterSet> initial_voters(const Arguments& arguments, const config::Settings& settings,
                                      const Plan& plan) {
  if (!arguments.has("standalone") && !arguments.has("initial-controllers")) {
    const bool joins = settings.controller_role && settings.voters.empty() && !settings.seeds.empty();
    if (!joins || arguments.has("no-initial-controllers")) return raft::VoterSet();
    return trouble(
        Exit::failed,
        "Because controller.quorum.voters is not set on this controller, you must specify one of the "
        "following: --standalone, --initial-controllers, or --no-initial-controllers.");
  }
  const config::Listener* listener = controller_listener(settings);
  if (!settings.controller_role || listener == nullptr)
    return trouble(Exit::failed, "only a controller with a listener can be one of a quorum's first voters",
                   {}, "process.roles, listeners and controller.listener.names make a node a controller");
  if (!settings.voters.empty())
    return trouble(Exit::failed,
                   "the settings name the quorum's voters already (controller.quorum.voters, or "
                   "cluster.seeds with cluster.initial_size)",
                   {}, "leave out --standalone and --initial-controllers, or the setting");
  if (arguments.has("standalone")) return standalone_voters(settings, plan.node_id, plan.directory_id);
  return parse_initial_controllers(arguments.text("initial-controllers"), listener->name);
}

Answer<Plan> make_plan(const Arguments& arguments, const config::Settings& settings, std::string cluster_id,
                       DirectoryId fresh) {
  Plan plan{settings.data_dir, std::move(cluster_id), settings.node_id.value_or(1), fresh, {}};
  auto voters = initial_voters(arguments, settings, plan);
  if (!voters) return std::unexpected(std::move(voters).error());
  plan.voters = std::move(*voters);
  if (!arguments.has("initial-controllers")) return plan;
  const raft::Voter* self = plan.voters.find(plan.node_id);
  if (self == nullptr)
    return trouble(Exit::failed,
                   "node " + std::to_string(plan.node_id) + " is not among --initial-controllers", {},
                   "a controller that joins later is formatted with --no-initial-controllers");
  plan.directory_id = self->key.directory;
  return plan;
}

Status carry_out(runtime::Disk& disk, const Plan& plan, TimestampMs now_ms) {
  TRY(storage::DataDirectory::format(disk, plan.path, plan.cluster_id, plan.node_id, plan.directory_id));
  if (plan.voters.empty()) return {};
  return quorum::write_initial_voters(disk, plan.path + "/__cluster_metadata-0", plan.voters, now_ms);
}

std::string formatting_line(const Plan& plan, const Release& release) {
  const std::string what = plan.voters.empty() ? "metadata directory " : "dynamic metadata voter directory ";
  return "Formatting " + what + plan.path + " with metadata.version " + release.name + ".";
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
    const auto plan = make_plan(arguments, *settings, *cluster_id, Random(context.world.entropy()).uuid());
    if (!plan) co_return std::unexpected(plan.error());
    const auto formatted = co_await context.world.pool().run(
        runtime::Lane::background, context.world.shard(0),
        [&disk = context.world.disk(), &plan, now = context.world.wall_clock().now_ms()] {
          return carry_out(disk, *plan, now);
        });
    if (formatted) {
      session.out.line(formatting_line(*plan, *release));
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
