#include "start_node.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <optional>
#include <thread>

#include "node/node.h"
#include "platform/world.h"
#include "start_checks.h"
#include "telemetry/log.h"
#include "telemetry/log_sink.h"

namespace moldau {

using cli::StartExit;

namespace {

constexpr std::uint64_t kPercent = 100;

int code(StartExit exit) { return static_cast<int>(exit); }

StartExit exit_of(const Error& error) {
  switch (error.code) {
    case Errc::address_in_use:
      return StartExit::address_in_use;
    case Errc::mismatch:
      return StartExit::identity_mismatch;
    case Errc::locked:
    case Errc::permission:
    case Errc::not_found:
    case Errc::already_exists:
    case Errc::corrupt:
    case Errc::no_space:
    case Errc::io:
      return StartExit::data_unusable;
    case Errc::invalid_argument:
      return StartExit::bad_config;
    default:
      return StartExit::failed;
  }
}

std::uint64_t number_in(const char* path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? value : 0;
}

// Of the machine, or of the container when that has less.
std::uint64_t machine_memory_bytes() {
  const auto pages = static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES));
  const std::uint64_t machine = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t container = number_in("/sys/fs/cgroup/memory.max");  // "max" reads as 0
  return container == 0 ? machine : std::min(machine, container);
}

// One loop serves what two small cores can take; waking another core costs more than it brings
// (bench/results.md).
unsigned default_shards() { return std::max(1U, std::thread::hardware_concurrency() / 2); }

void complete(config::Settings& settings) {
  if (settings.memory_bytes == 0) {
    settings.memory_bytes = machine_memory_bytes() / kPercent * settings.memory_percent;
  }
  if (settings.shards == 0) settings.shards = default_shards();
}

// Each connection takes one, each partition that is written or read one or two.
constexpr rlim_t kEnoughDescriptors = 16'384;

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kEnoughDescriptors) return;
  telemetry::log_warn("node",
                      "the limit of open files is low: connections beyond it wait (ulimit -n, LimitNOFILE)",
                      {{"limit", static_cast<std::uint64_t>(limit.rlim_cur)},
                       {"enough", static_cast<std::uint64_t>(kEnoughDescriptors)}});
}

// Frames come and go in sizes that glibc would map and unmap each time, and every fresh page costs
// microseconds.
void keep_large_blocks() {
  mallopt(M_MMAP_THRESHOLD, 64 << 20);
  mallopt(M_TRIM_THRESHOLD, 64 << 20);
  mallopt(M_ARENA_MAX, 2);
}

void add_process_metrics(telemetry::Snapshot& page) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  page.add_gauge("process_cpu_seconds", "CPU time of this process.", {},
                 seconds(usage.ru_utime) + seconds(usage.ru_stime));
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total = 0, resident = 0;
  if (statm >> total >> resident) {
    const auto page_size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    page.add_gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.", {},
                   static_cast<double>(resident * page_size));
  }
}

// Threads inherit the mask: none of them, the log's writer included, may take the signals that ask the node
// to stop.
void leave_signals_to_the_world() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void say(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void complain(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

std::string banner(const node::Node& node, const config::Settings& settings) {
  const auto is_controller = [&](const node::BoundListener& listener) {
    const config::Listener* setting = settings.find_listener(listener.name);
    return setting != nullptr && setting->controller;
  };
  std::string text =
      "moldau: node " + std::to_string(node.node_id()) + " of cluster " + node.cluster_id() + "\n";
  for (const node::BoundListener& listener : node.listeners()) {
    text += "  " + listener.name + " listens on " + listener.bound.to_string() + ", " +
            (is_controller(listener) ? "controllers" : "clients") + " are told " +
            listener.advertised.to_string() + "\n";
  }
  if (node.admin_address() != nullptr)
    text += "  admin on http://" + node.admin_address()->to_string() + "/\n";
  text += "  data in " + settings.data_dir + ", acknowledged after " +
          (settings.durability == config::Durability::synced ? "the sync to disk"
                                                             : "the write to the page cache") +
          "\n";
  const auto door = std::ranges::find_if_not(node.listeners(), is_controller);
  if (door != node.listeners().end()) {
    text += "  first record: echo hello | moldau produce greetings --create -b " +
            door->advertised.to_string() + "\n";
  }
  // What scripts and containers that wait for Apache Kafka look for.
  text += "[KafkaRaftServer nodeId=" + std::to_string(node.node_id()) + "] Kafka Server started (moldau)\n";
  text += "[BrokerServer id=" + std::to_string(node.node_id()) + "] Transition from STARTING to STARTED\n";
  text += "[BrokerLifecycleManager id=" + std::to_string(node.node_id()) +
          "] Unfenced. Transitioning from RECOVERY to RUNNING.\n";
  return text;
}

void explain_start_failure(const Error& error, const config::Settings& settings) {
  complain("error: cannot start the node\n  cause: " + error.message);
  if (error.code != Errc::address_in_use) return;
  for (const std::string& line : taken_addresses(settings)) complain("  hint: " + line);
}

// Beside the node, which serves meanwhile: name servers may take their time.
runtime::Task<void> warn_of_unknown_hosts(platform::RealWorld& world, config::Settings settings,
                                          runtime::Gate& gate) {
  const runtime::Gate::Pass pass(gate);
  const auto lines = co_await world.pool().run(runtime::Lane::background, world.shard(0),
                                               [&settings] { return unknown_hosts(settings); });
  for (const std::string& line : lines)
    telemetry::log_warn("config", "an advertised address is not known here", {{"what", line}});
}

Status write_pid_file(const std::string& path) {
  std::ofstream file(path, std::ios::trunc);
  file << getpid() << '\n';
  file.flush();
  return file ? Status() : fail(Errc::io, "cannot write " + path);
}

class Stop {
 public:
  explicit Stop(runtime::Executor& executor) : shot_(executor) {}
  // A node that waits for others, perhaps for a minute, has promised nothing to anybody: it ends where it
  // stands, and the next start checks its logs.
  void ask() {
    if (!serving_) {
      complain("stopped before it served");
      _exit(code(StartExit::done));
    }
    shot_.fire();
  }
  // The node cannot go on.
  void must(const Error& why) {
    if (!failure_) failure_ = why;
    shot_.fire();
  }
  void serving() { serving_ = true; }
  runtime::Task<bool> asked() { return shot_.wait(); }
  const std::optional<Error>& failure() const { return failure_; }

 private:
  bool serving_ = false;
  std::optional<Error> failure_;
  runtime::OneShot shot_;
};

// Tells the launcher of a daemon how the start went: nothing once the node serves, else an exit code.
struct Launcher {
  int descriptor = -1;
  void tell(StartExit exit) {
    if (descriptor < 0) return;
    const auto byte = static_cast<unsigned char>(exit);
    static_cast<void>(!write(descriptor, &byte, 1));
    close(std::exchange(descriptor, -1));
  }
};

runtime::Task<StartExit> serve(platform::RealWorld& world, const cli::StartRequest& request,
                               const config::Settings& settings, Stop& stop, Launcher& launcher) {
  node::NodeOptions options;
  options.process_metrics = add_process_metrics;
  options.failed = [&stop](const Error& error) { stop.must(error); };
  auto started = co_await node::Node::start(world, settings, std::move(options));
  if (!started) {
    explain_start_failure(started.error(), settings);
    co_return exit_of(started.error());
  }
  node::Node& node = **started;
  stop.serving();
  StartExit exit = StartExit::done;
  if (const Status written = write_pid_file(request.pid_file); !written)
    complain("warning: " + written.error().message);
  say(banner(node, settings));
  launcher.tell(StartExit::done);
  runtime::Gate checks(world.shard(0));
  warn_of_unknown_hosts(world, settings, checks).detach();
  co_await stop.asked();
  if (const auto& failure = stop.failure()) {
    complain("error: the node ends: its metadata log has failed, and it would know nothing new\n  cause: " +
             failure->message);
    exit = StartExit::failed;
  }
  telemetry::log_info("node", "stopping");
  if (const Status stopped = co_await node.stop(); !stopped && !stop.failure()) {
    complain("error: the node did not stop in order\n  cause: " + stopped.error().message);
    exit = StartExit::failed;
  }
  co_await checks.close();
  unlink(request.pid_file.c_str());
  co_return exit;
}

StartExit run_here(const cli::StartRequest& request, Launcher launcher) {
  config::Settings settings = request.settings;
  complete(settings);
  keep_large_blocks();
  leave_signals_to_the_world();
  std::signal(SIGPIPE, SIG_IGN);
  auto sink = telemetry::open_log_sink(settings.log);
  if (!sink) {
    complain("error: cannot write the log\n  cause: " + sink.error().message);
    return StartExit::bad_config;
  }
  const telemetry::ScopedSink installed(**sink);
  raise_descriptor_limit();
  for (const config::Problem& warning : request.warnings) {
    telemetry::log(
        warning.severity == config::Severity::warning ? telemetry::Level::warn : telemetry::Level::debug,
        "config", "about the configuration", {{"what", warning.to_string()}});
  }
  platform::WorldOptions options;
  options.shards = settings.shards;
  platform::RealWorld world(options);
  Stop stop(world.shard(0));
  const Status watching = world.on_signals({SIGINT, SIGTERM}, [&stop](int) { stop.ask(); });
  if (!watching) complain("warning: " + watching.error().message);
  const StartExit exit = world.run_until([&] { return serve(world, request, settings, stop, launcher); });
  if (exit != StartExit::done) launcher.tell(exit);
  return exit;
}

// Detaches the child from the terminal; its words go to the log file.
bool detach(const std::string& log_file) {
  setsid();
  const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (log < 0 || null < 0) return false;
  return dup2(null, 0) >= 0 && dup2(log, 1) >= 0 && dup2(log, 2) >= 0;
}

int start_daemon(const cli::StartRequest& request) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return code(StartExit::failed);
  const pid_t child = fork();
  if (child < 0) return code(StartExit::failed);
  if (child == 0) {
    close(ends[0]);
    if (!detach(request.log_file)) {
      complain("error: cannot write " + request.log_file);
      return code(StartExit::data_unusable);
    }
    return code(run_here(request, Launcher{ends[1]}));
  }
  close(ends[1]);
  unsigned char told = 0;
  const ssize_t got = read(ends[0], &told, 1);
  close(ends[0]);
  if (got == 1) return told;
  complain("error: the node ended before it served; see " + request.log_file);
  return code(StartExit::failed);
}

}  // namespace

int start_node(const cli::StartRequest& request) {
  return request.daemon ? start_daemon(request) : code(run_here(request, Launcher{}));
}

}  // namespace moldau
