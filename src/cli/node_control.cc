// start, stop, status, and Kafka's kafka-server-start and kafka-server-stop.
#include <algorithm>
#include <csignal>
#include <set>

#include "cli/handlers.h"
#include "cli/http_get.h"
#include "cli/json.h"
#include "cli/node_settings.h"
#include "cli/report.h"

namespace moldau::cli {
namespace {

// Until the process is gone; false at the end of `patience`.
bool gone_within(Environment& environment, std::int64_t pid, runtime::Duration patience) {
  constexpr runtime::Duration kStep = std::chrono::milliseconds(50);
  for (runtime::Duration waited{};; waited += kStep) {
    if (!is_running_node(environment, pid)) return true;
    if (waited >= patience) return false;
    environment.sleep(kStep);
  }
}

Answer<std::string> data_dir_of_flags(Session& session) {
  auto settings = usable_settings(session, load_settings_of_flags(session));
  if (!settings) return std::unexpected(std::move(settings).error());
  return settings->data_dir;
}

std::optional<std::int64_t> running_pid(Session& session, const std::string& data_dir) {
  const auto pid = read_pid(session.invocation, data_dir);
  if (!pid || !is_running_node(session.environment, *pid)) return std::nullopt;
  return *pid;
}

// "; nodes run on /a, /b": those of this machine whose folder can be told, and is really theirs.
std::string running_elsewhere(Session& session) {
  constexpr std::size_t kMost = 5;
  std::set<std::string> folders;
  for (const Environment::Process& process : session.environment.processes()) {
    const auto settings = settings_of_process(session, process);
    if (!settings || folders.size() == kMost) continue;
    const auto pid = read_pid(session.invocation, settings->data_dir);
    if (pid && *pid == process.pid) folders.insert(settings->data_dir);
  }
  std::string out;
  for (const std::string& folder : folders) out += (out.empty() ? "; nodes run on " : ", ") + folder;
  return out;
}

std::optional<std::string> file_of(const Environment::Process& process) {
  for (const std::string& word : process.words) {
    if (word.ends_with(".properties")) return word;
  }
  return std::nullopt;
}

// --process-role and --node-id look into the properties file that the process was started with.
bool selected(const Session& session, const Environment::Process& process) {
  const Arguments& arguments = session.arguments;
  if (!arguments.has("process-role") && !arguments.has("node-id")) return true;
  const auto file = file_of(process);
  if (!file) return false;
  const auto text = session.invocation.process.read_file(absolute_path(session.invocation, *file));
  const auto properties = text ? config::parse_properties(*text) : fail(Errc::not_found, "");
  if (!properties) return false;
  const auto value = [&](std::string_view key) {
    const auto at = std::ranges::find(*properties, key, &config::Property::key);
    return at == properties->end() ? std::string() : at->value;
  };
  if (arguments.has("node-id")) return value("node.id") == arguments.text("node-id");
  return value("process.roles") == arguments.text("process-role");
}

// The addresses that the process was told; another folder in its words means that they say too little.
void take_settings_of(Session& session, std::int64_t pid, config::Settings& settings) {
  for (const Environment::Process& process : session.environment.processes()) {
    if (process.pid != pid) continue;
    auto told = settings_of_process(session, process);
    if (!told) return;
    told->data_dir = settings.data_dir;
    settings = std::move(*told);
  }
}

}  // namespace

Answer<Exit> start(Session& session) {
  return start_with(session, load_settings_of_flags(session), session.arguments.has("daemon"));
}

Answer<Exit> stop(Session& session) {
  const auto data_dir = data_dir_of_flags(session);
  if (!data_dir) return std::unexpected(data_dir.error());
  const auto pid = running_pid(session, *data_dir);
  if (!pid)
    return trouble(Exit::not_found, "no node runs on " + *data_dir, {},
                   "name its folder with --data-dir" + running_elsewhere(session));
  const auto patience = session.arguments.duration_or("wait", std::chrono::seconds(60));
  if (!patience) return std::unexpected(patience.error());
  if (const Status asked = session.environment.send_signal(*pid, SIGTERM); !asked)
    return trouble(trouble_of(asked.error(), "cannot stop the node"));
  if (!gone_within(session.environment, *pid, *patience))
    return trouble(Exit::unreachable, "the node (process " + std::to_string(*pid) + ") still runs",
                   "it was asked to stop", "wait longer with --wait, or look into its log");
  session.out.line("stopped process " + std::to_string(*pid));
  return Exit::done;
}

Answer<Exit> status(Session& session) {
  auto settings = usable_settings(session, load_settings_of_flags(session));
  if (!settings) return std::unexpected(std::move(settings).error());
  const auto pid = running_pid(session, settings->data_dir);
  if (pid && !session.arguments.has("config") && !session.arguments.has("set"))
    take_settings_of(session, *pid, *settings);
  const std::optional<int> ready =
      pid && settings->admin_enabled ? http_status(session, settings->admin_bind, "/v1/ready") : std::nullopt;
  Table table({{"data_dir"}, {"pid", true}, {.name = "state", .state = true}, {"kafka"}, {"admin"}});
  const std::string state = !pid ? "stopped" : !ready ? "running" : *ready == 200 ? "ready" : "starting";
  std::string addresses;
  for (const config::Listener& listener : settings->listeners)
    addresses += (addresses.empty() ? "" : ",") + listener.name + "://" + listener.bind.to_string();
  table.add({settings->data_dir, pid ? Json(*pid) : Json(), state, addresses,
             settings->admin_enabled ? Json("http://" + settings->admin_bind.to_string()) : Json()});
  if (auto printed = print_table(session, std::move(table)); !printed)
    return std::unexpected(printed.error());
  return pid ? Exit::done : Exit::not_found;
}

Answer<Exit> kafka_server_start(Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.words().empty())
    return usage_trouble(
        "USAGE: kafka-server-start [-daemon] server.properties [--override property=value]*");
  const std::string& file = arguments.words().front();
  return start_with(session, load_settings(session, file, arguments.all("override"), kafka_file_kind(file)),
                    arguments.has("daemon"));
}

Answer<Exit> kafka_server_stop(Session& session) {
  int asked = 0;
  for (const Environment::Process& process : session.environment.processes()) {
    if (!is_node_process(process) || !selected(session, process)) continue;
    if (session.environment.send_signal(process.pid, SIGTERM)) ++asked;
  }
  if (asked > 0) return Exit::done;
  session.out.line("No kafka server to stop");
  return Exit::failed;
}

}  // namespace moldau::cli
