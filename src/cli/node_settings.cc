#include "cli/node_settings.h"

#include <algorithm>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/kafka_parser.h"
#include "cli/moldau_parser.h"

namespace moldau::cli {
namespace {

// "[name://]host:port,…": the name in the key, the address as its value.
std::vector<std::string> listener_settings(const std::string& text, std::string_view key) {
  std::vector<std::string> out;
  for (const std::string& one : split(text, ',')) {
    const std::size_t scheme = one.find("://");
    const std::string name = scheme == std::string::npos ? "plaintext" : one.substr(0, scheme);
    const std::string address = scheme == std::string::npos ? one : one.substr(scheme + 3);
    out.push_back("listeners." + name + "." + std::string(key) + "=" + address);
  }
  return out;
}

std::vector<std::string> settings_of_flags(const Arguments& arguments) {
  std::vector<std::string> set = arguments.all("set");
  constexpr std::pair<std::string_view, std::string_view> kFlags[] = {
      {"node-id", "node.id"}, {"data-dir", "node.data_dir"}, {"admin-addr", "admin.bind"}};
  for (const auto& [flag, key] : kFlags) {
    if (const auto value = arguments.find(flag)) set.push_back(std::string(key) + "=" + *value);
  }
  for (const auto& [flag, key] :
       {std::pair{"kafka-addr", "bind"}, std::pair{"advertise-kafka-addr", "advertise"}}) {
    for (std::string& setting : listener_settings(arguments.text(flag), key))
      set.push_back(std::move(setting));
  }
  return set;
}

// Of the command line of a node: "start" or "kafka-server-start" and what follows; empty of another program.
std::vector<std::string> start_words(const Environment::Process& process) {
  const auto base = [](const std::string& word) { return word.substr(word.rfind('/') + 1); };
  for (std::size_t i = 0; i < std::min<std::size_t>(process.words.size(), 2); ++i) {
    const std::string name = base(process.words[i]);
    const bool kafka = name.starts_with("kafka-server-start");
    if (!kafka && !(i == 1 && name == "start" && base(process.words[0]) == "moldau")) continue;
    std::vector<std::string> words(process.words.begin() + static_cast<std::ptrdiff_t>(i),
                                   process.words.end());
    words.front() = kafka ? "kafka-server-start" : "start";
    return words;
  }
  return {};
}

Status make_folder_of(Session& session, const std::string& path) {
  Status made;
  session.environment.run_task([&](Context context) -> runtime::Task<int> {
    made = co_await context.world.pool().run(
        runtime::Lane::background, context.world.shard(0),
        [&disk = context.world.disk(), folder = runtime::directory_of(path)] {
          return disk.create_directories(folder);
        });
    co_return 0;
  });
  return made;
}

}  // namespace

config::Loaded load_settings(const Session& session, std::optional<std::string> file,
                             std::vector<std::string> set, std::optional<config::FileKind> file_kind) {
  config::Sources sources = session.invocation.process;
  if (file) sources.file = absolute_path(session.invocation, *file);
  sources.file_kind = file_kind;
  sources.set = std::move(set);
  return config::load(sources);
}

config::Loaded load_settings_of_flags(const Session& session) {
  return load_settings_of_flags(session, session.arguments);
}

config::Loaded load_settings_of_flags(const Session& session, const Arguments& flags) {
  return load_settings(session, flags.find("config"), settings_of_flags(flags));
}

bool is_node_process(const Environment::Process& process) { return !start_words(process).empty(); }

std::optional<config::Settings> settings_of_process(const Session& session,
                                                    const Environment::Process& process) {
  const auto words = start_words(process);
  if (words.empty()) return std::nullopt;
  const std::vector<std::string> rest(words.begin() + 1, words.end());
  std::optional<config::Loaded> loaded;
  if (words.front() == "start") {
    const auto at = std::ranges::find(moldau_commands(), "start", &Command::name);
    if (const auto flags = parse_moldau_words(*at, rest)) loaded = load_settings_of_flags(session, *flags);
  } else if (const auto flags = parse_kafka_words(find_kafka_command("kafka-server-start")->flags, rest);
             flags && !flags->words().empty()) {
    const std::string& file = flags->words().front();
    loaded = load_settings(session, file, flags->all("override"), kafka_file_kind(file));
  }
  if (!loaded || !loaded->usable()) return std::nullopt;
  return std::move(loaded->settings);
}

Answer<config::Settings> usable_settings(Session& session, config::Loaded loaded) {
  if (loaded.usable()) return std::move(loaded.settings);
  const auto errors = loaded.errors();
  for (std::size_t i = 1; i < errors.size(); ++i) session.note("error: " + errors[i].to_string());
  return trouble(static_cast<Exit>(StartExit::bad_config), "the configuration cannot be used",
                 errors.front().to_string(), "moldau config explain KEY tells what a key takes");
}

Result<std::int64_t> read_pid(const Invocation& invocation, const std::string& data_dir) {
  const std::string path = data_dir + "/" + std::string(kPidFile);
  ASSIGN_OR_RETURN(const std::string text, invocation.process.read_file(path));
  const auto pid = whole_number(std::string_view(text).substr(0, text.find('\n')));
  if (!pid || *pid <= 0) return fail(Errc::corrupt, path + " holds no process id");
  return *pid;
}

bool is_running_node(Environment& environment, std::int64_t pid) {
  if (const Status there = environment.send_signal(pid, 0); !there && there.error().code == Errc::not_found)
    return false;
  const auto processes = environment.processes();
  if (processes.empty()) return true;
  return std::ranges::any_of(processes, [&](const Environment::Process& process) {
    return process.pid == pid && std::ranges::any_of(process.words, [](const std::string& word) {
             return word == "start" || word.contains("kafka-server-start");
           });
  });
}

std::optional<config::FileKind> kafka_file_kind(const std::string& path) {
  if (path.ends_with(".yaml") || path.ends_with(".yml")) return config::FileKind::yaml;
  return config::FileKind::properties;
}

Answer<Exit> start_with(Session& session, config::Loaded loaded, bool daemon) {
  StartRequest request;
  request.warnings = loaded.problems;
  auto settings = usable_settings(session, std::move(loaded));
  if (!settings) return std::unexpected(std::move(settings).error());
  request.settings = std::move(*settings);
  request.daemon = daemon;
  request.pid_file = request.settings.data_dir + "/" + std::string(kPidFile);
  // Beside the data folder, not in it: a folder with anything in it that is not ours would not be formatted.
  request.log_file = request.settings.data_dir + ".out";
  session.out.flush();
  if (daemon) {
    if (auto made = make_folder_of(session, request.log_file); !made)
      return trouble(trouble_of(made.error(), "cannot write " + request.log_file));
  }
  return static_cast<Exit>(session.environment.start_node(request));
}

}  // namespace moldau::cli
