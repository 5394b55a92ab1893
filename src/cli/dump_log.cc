#include "cli/dump_log.h"

#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/node_settings.h"
#include "metadata/record.h"

namespace moldau::cli {
namespace {

using runtime::Task;

Task<Answer<Exit>> dump_all(Session& session, Context context, std::vector<std::string> paths,
                            DumpOptions options) {
  Exit exit = Exit::done;
  for (const std::string& path : paths) {
    session.out.line("Dumping " + path);
    const auto sound = co_await context.world.pool().run(
        runtime::Lane::background, context.world.shard(0),
        [&disk = context.world.disk(), &out = session.out, &options,
         path = absolute_path(session.invocation, path)] { return dump_file(disk, path, options, out); });
    if (!sound) co_return trouble(trouble_of(sound.error(), "cannot dump " + path));
    if (!*sound) exit = Exit::bad_file;
  }
  co_return exit;
}

Answer<Exit> dump(Session& session, const std::vector<std::string>& paths, DumpOptions options) {
  return run_on_world(session, [&](Context context) { return dump_all(session, context, paths, options); });
}

DumpOptions common_options(const Arguments& arguments) {
  DumpOptions options;
  options.contents = arguments.has("print-data-log");
  options.records = options.contents || arguments.has("deep-iteration");
  options.sanity_check_only = arguments.has("index-sanity-check");
  options.verify_only = arguments.has("verify-index-only");
  return options;
}

Answer<void> read_deserializer(const Arguments& arguments, std::string_view flag, Deserialize& into) {
  const auto name = arguments.find(flag);
  // StringDecoder is what this tool's default was called.
  if (!name || name->ends_with("StringDecoder")) return {};
  const auto found = find_deserializer(*name);
  if (!found) return std::unexpected(found.error());
  into = *found;
  return {};
}

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

Json nodes_json(const std::vector<NodeId>& nodes) {
  Json::Array out;
  for (const NodeId node : nodes) out.emplace_back(node);
  return out;
}

Json data_of(const metadata::Record& record) {
  using Object = Json::Object;
  return std::visit(
      Overloaded{
          [](const metadata::ClusterIdRecord& r) { return Json(Object{{"clusterId", r.cluster_id}}); },
          [](const metadata::FeatureLevelRecord& r) {
            return Json(Object{{"name", r.name}, {"featureLevel", r.level}});
          },
          [](const metadata::RegisterBrokerRecord& r) {
            return Json(
                Object{{"brokerId", r.broker_id}, {"brokerEpoch", r.broker_epoch}, {"fenced", r.fenced}});
          },
          [](const metadata::UnregisterBrokerRecord& r) { return Json(Object{{"brokerId", r.broker_id}}); },
          [](const metadata::BrokerRegistrationChangeRecord& r) {
            return Json(Object{{"brokerId", r.broker_id}, {"fenced", r.fenced ? Json(*r.fenced) : Json()}});
          },
          [](const metadata::TopicRecord& r) {
            return Json(Object{{"name", r.name}, {"topicId", r.topic_id.to_string()}});
          },
          [](const metadata::PartitionRecord& r) {
            return Json(Object{{"partitionId", r.partition},
                               {"topicId", r.topic_id.to_string()},
                               {"replicas", nodes_json(r.replicas)},
                               {"isr", nodes_json(r.isr)},
                               {"leader", r.leader},
                               {"leaderEpoch", r.leader_epoch},
                               {"partitionEpoch", r.partition_epoch}});
          },
          [](const metadata::PartitionChangeRecord& r) {
            return Json(Object{{"partitionId", r.partition},
                               {"topicId", r.topic_id.to_string()},
                               {"isr", r.isr ? nodes_json(*r.isr) : Json()},
                               {"leader", r.leader ? Json(*r.leader) : Json()}});
          },
          [](const metadata::RemoveTopicRecord& r) {
            return Json(Object{{"topicId", r.topic_id.to_string()}});
          },
          [](const metadata::ConfigRecord& r) {
            return Json(Object{{"resourceType", static_cast<std::int32_t>(r.resource.type)},
                               {"resourceName", r.resource.name},
                               {"name", r.key},
                               {"value", r.value ? Json(*r.value) : Json()}});
          },
          [](const metadata::ProducerIdsRecord& r) {
            return Json(Object{{"brokerId", r.broker_id}, {"nextProducerId", r.next_producer_id}});
          },
          [](const metadata::RegisterControllerRecord& r) {
            return Json(Object{{"controllerId", r.controller_id}});
          },
          [](const metadata::NoOpRecord&) { return Json(Object{}); },
      },
      record);
}

}  // namespace

std::string metadata_record_text(ByteView value) {
  const auto record = metadata::parse(value);
  if (!record) return "(" + record.error().message + ")";
  return Json(Json::Object{{"type", metadata::name_of(*record)}, {"data", data_of(*record)}}).to_line();
}

Result<Offset> base_offset_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::size_t end = std::min(name.find_first_not_of("0123456789"), name.size());
  const auto base = whole_number(std::string_view(name).substr(0, end));
  if (!base || end == 0) return fail(Errc::invalid_argument, name + " is not named after an offset");
  return *base;
}

Result<bool> dump_file(runtime::Disk& disk, const std::string& path, const DumpOptions& options,
                       Printer& out) {
  if (path.ends_with(".index")) return dump_offset_index(disk, path, options, out);
  if (path.ends_with(".timeindex")) return dump_time_index(disk, path, options, out);
  if (path.ends_with(".txnindex")) return dump_transaction_index(disk, path, out);
  if (path.ends_with(".snapshot")) return dump_producer_snapshot(disk, path, out);
  if (!path.ends_with(".log") && !path.ends_with(".checkpoint"))
    return fail(Errc::invalid_argument,
                "not a .log, .index, .timeindex, .txnindex, .snapshot or .checkpoint file");
  ASSIGN_OR_RETURN(const auto file, disk.open(path, runtime::OpenMode::read));
  return dump_segment(*file, options, out);
}

Answer<Exit> dump_log(Session& session) {
  if (session.arguments.words().empty()) return usage_trouble("which file?", "moldau debug dump-log FILE");
  return dump(session, session.arguments.words(), common_options(session.arguments));
}

Answer<Exit> kafka_dump_log(Session& session) {
  const Arguments& arguments = session.arguments;
  if (!arguments.has("files")) return usage_trouble("Missing required option(s) [files]");
  for (const std::string_view flag : {"offsets-decoder", "transaction-log-decoder",
                                      "remote-log-metadata-decoder", "share-group-state-decoder"}) {
    if (arguments.has(flag))
      return trouble(Exit::failed,
                     "kafka-dump-log --" + std::string(flag) + ": not available in this version");
  }
  DumpOptions options = common_options(arguments);
  options.cluster_metadata = arguments.has("cluster-metadata-decoder");
  options.contents |= options.cluster_metadata;
  options.records |= options.cluster_metadata || arguments.has("skip-record-metadata");
  options.metadata = !arguments.has("skip-record-metadata");
  const auto most = arguments.number_or("max-bytes", INT64_MAX, 0);
  if (!most) return std::unexpected(most.error());
  options.max_bytes = *most;
  if (auto read = read_deserializer(arguments, "key-decoder-class", options.key); !read)
    return std::unexpected(read.error());
  if (auto read = read_deserializer(arguments, "value-decoder-class", options.value); !read)
    return std::unexpected(read.error());
  std::vector<std::string> files = split(arguments.text("files"), ',');
  // What a shell makes of --files DIR/*.log.
  files.insert(files.end(), arguments.words().begin(), arguments.words().end());
  return dump(session, files, options);
}

}  // namespace moldau::cli
