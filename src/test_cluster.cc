// The nodes of the public TestCluster: their settings, their processes, and when they are in service.
#include "moldau/test_cluster.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "moldau/client.h"

extern char** environ;

namespace moldau::sdk {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr int kMostNodes = 9;
constexpr int kMostVoters = 3;
constexpr int kPortTries = 5;
constexpr int kAddressInUse = 4;  // an exit code of moldau start
constexpr std::size_t kLastWords = 2000;
constexpr auto kLook = 20ms;

Error wrong(std::string cause, std::string hint = {}) {
  return {.kind = ErrorKind::invalid_argument, .cause = std::move(cause), .hint = std::move(hint)};
}
Error system_error(const std::string& what) {
  return {.kind = ErrorKind::unavailable, .cause = what + ": " + std::generic_category().message(errno)};
}

struct Node {
  int number = 0;
  std::uint16_t kafka = 0;
  std::uint16_t controller = 0;
  std::uint16_t admin = 0;
  pid_t pid = -1;  // -1: it does not run
  bool paused = false;

  std::string address() const { return "127.0.0.1:" + std::to_string(kafka); }
};

// Below the range from which the kernel gives clients theirs: who connects to a node that is down must not be
// given that node's port.
Expected<std::vector<std::uint16_t>> free_ports(std::size_t count) {
  constexpr int kTries = 1000;
  std::random_device entropy;
  std::uniform_int_distribution<int> any(20'000, 31'999);
  std::vector<std::uint16_t> ports;
  std::vector<int> held;
  for (int tries = 0; tries < kTries && ports.size() < count; ++tries) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) break;
    held.push_back(socket);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const auto port = static_cast<std::uint16_t>(any(entropy));
    address.sin_port = htons(port);
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0)
      ports.push_back(port);
  }
  for (const int socket : held) ::close(socket);
  if (ports.size() < count)
    return std::unexpected(
        Error{.kind = ErrorKind::unavailable, .cause = "127.0.0.1 has not enough free ports"});
  return ports;
}

Expected<std::string> find_binary(const std::string& named) {
  const auto runs = [](const std::string& path) { return ::access(path.c_str(), X_OK) == 0; };
  const char* variable = std::getenv("MOLDAU_BINARY");
  const std::string wanted = !named.empty() ? named : variable != nullptr ? variable : "";
  if (!wanted.empty() && runs(wanted)) return wanted;
  if (!wanted.empty())
    return std::unexpected(Error{.kind = ErrorKind::not_found, .cause = wanted + " is no program"});
  const char* path = std::getenv("PATH");
  const std::string folders = path != nullptr ? path : "";
  for (std::size_t at = 0; at < folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    if (const std::string found = folders.substr(at, end - at) + "/moldau"; runs(found)) return found;
    at = end + 1;
  }
  return std::unexpected(Error{.kind = ErrorKind::not_found,
                               .cause = "there is no moldau in PATH",
                               .hint = "Set MOLDAU_BINARY, or TestClusterOptions::binary."});
}

// The program's own environment, but for what is meant for nodes.
std::vector<char*> environment() {
  std::vector<char*> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable(*at);
    if (!variable.starts_with("MOLDAU_") && !variable.starts_with("KAFKA_")) out.push_back(*at);
  }
  out.push_back(nullptr);
  return out;
}

// -1: it could not be started. After fork() the child may only do what a signal handler may.
pid_t launch(std::vector<std::string> words, const std::string& log) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const std::vector<char*> variables = environment();
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  const int in = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const pid_t parent = ::getpid();
  const pid_t child = out < 0 || in < 0 ? -1 : ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);  // it went meanwhile
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::dup2(in, STDIN_FILENO);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    ::close_range(STDERR_FILENO + 1, ~0U, 0);
    ::execve(arguments.front(), arguments.data(), variables.data());
    ::_exit(127);
  }
  if (out >= 0) ::close(out);
  if (in >= 0) ::close(in);
  return child;
}

int exit_code(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status); }

}  // namespace

struct TestCluster::State {
  explicit State(TestClusterOptions with) : options(std::move(with)) {}
  ~State() {
    for (Node& node : all)
      if (node.pid > 0) end(node, SIGKILL);
    std::error_code ignored;
    if (!folder.empty()) std::filesystem::remove_all(folder, ignored);
  }
  State(const State&) = delete;

  Expected<void> prepare();
  Expected<void> write_settings(const Node& node, const std::string& cluster_id) const;
  std::string settings_text(const Node& node, const std::string& cluster_id) const;
  std::string file(const Node& node, const char* ending) const {
    return folder + "/node-" + std::to_string(node.number) + ending;
  }
  // An odd number: another one more would have to agree, too, and could not stand in for any.
  int voters() const { return std::min(options.nodes - (options.nodes % 2 == 0 ? 1 : 0), kMostVoters); }
  std::string bootstrap() const;

  Expected<void> run(Node& node);
  // Until all that run are in service, as each of them says. `ended_with`: the exit code of one that ended.
  Expected<void> settle(std::optional<int>& ended_with);
  bool serves(const Node& node) const;
  // Its exit code, once it has ended.
  static std::optional<int> ended(Node& node);
  // Sends the signal and waits for the end.
  static int end(Node& node, int signal);
  std::string last_words(const Node& node) const;

  // The node, if there is one and it runs, or does not.
  Expected<Node*> node(int number, bool running);

  TestClusterOptions options;
  std::string binary;
  std::string folder;
  std::vector<Node> all;
};

namespace {

std::string text_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string listener_text(const char* name, std::uint16_t port) {
  const std::string address = "127.0.0.1:" + std::to_string(port);
  return "  " + std::string(name) + ":\n    bind: " + address + "\n    advertise: " + address + "\n";
}

}  // namespace

std::string TestCluster::State::bootstrap() const {
  std::string text;
  for (const Node& one : all) text += (text.empty() ? "" : ",") + one.address();
  return text;
}

// Small, so that several have room on a small machine.
std::string TestCluster::State::settings_text(const Node& node, const std::string& cluster_id) const {
  std::string quorum;
  for (const Node& one : all)
    if (one.number <= voters())
      quorum += (quorum.empty() ? "" : ",") + std::to_string(one.number) +
                "@127.0.0.1:" + std::to_string(one.controller);
  const bool alone = all.size() == 1;  // it needs no quorum to be reached by
  std::string text = "node:\n  id: " + std::to_string(node.number) +
                     (node.number > voters() ? "\n  roles: [broker]" : "") + "\n  data_dir: \"" +
                     file(node, "") + "\"\ncluster:\n  name: test\n  id: \"" + cluster_id +
                     "\"\nlisteners:\n" + listener_text("plaintext", node.kafka);
  if (!alone && node.number <= voters()) text += listener_text("controller", node.controller);
  text += "admin:\n  bind: 127.0.0.1:" + std::to_string(node.admin) +
          "\nstorage:\n  shards: 1\n  commit_log_size: 32MiB\n  memory: 256MiB\nkafka:\n";
  if (!alone) text += "  controller.quorum.voters: \"" + quorum + "\"\n";
  return text + "  default.replication.factor: " + std::to_string(std::min(3, options.nodes)) +
         "\n  min.insync.replicas: " + (options.nodes >= 3 ? "2" : "1") +
         "\n  group.initial.rebalance.delay.ms: 0\n";
}

Expected<void> TestCluster::State::write_settings(const Node& node, const std::string& cluster_id) const {
  std::ofstream out(file(node, ".yaml"), std::ios::binary);
  out << settings_text(node, cluster_id);
  out.close();
  if (!out) return std::unexpected(system_error("cannot write " + file(node, ".yaml")));
  return {};
}

// A folder with the settings of all nodes, on ports that are free now.
Expected<void> TestCluster::State::prepare() {
  std::error_code none;
  const auto parent = std::filesystem::temp_directory_path(none);
  std::string name = (none ? "/tmp" : parent.string()) + "/moldau-test-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) return std::unexpected(system_error("cannot make " + name));
  folder = name;
  const auto count = static_cast<std::size_t>(options.nodes);
  const auto ports = free_ports(3 * count);
  if (!ports) return std::unexpected(ports.error());
  for (std::size_t i = 0; i < count; ++i)
    all.push_back({.number = static_cast<int>(i) + 1,
                   .kafka = (*ports)[3 * i],
                   .controller = (*ports)[3 * i + 1],
                   .admin = (*ports)[3 * i + 2]});
  std::random_device entropy;
  const auto random = [&] { return std::uint64_t{entropy()} << 32 | entropy(); };
  const std::string cluster_id = Uuid{random(), random()}.to_string();
  for (const Node& one : all)
    if (auto written = write_settings(one, cluster_id); !written) return written;
  return {};
}

Expected<void> TestCluster::State::run(Node& node) {
  std::vector<std::string> words{binary, "start", "-c", file(node, ".yaml")};
  for (const auto& [name, value] : options.settings) {
    words.emplace_back("--set");
    words.push_back(name + "=" + value);
  }
  node.pid = launch(std::move(words), file(node, ".log"));
  node.paused = false;
  if (node.pid < 0) return std::unexpected(system_error("cannot start node " + std::to_string(node.number)));
  return {};
}

std::optional<int> TestCluster::State::ended(Node& node) {
  int status = 0;
  if (::waitpid(node.pid, &status, WNOHANG) != node.pid) return std::nullopt;
  node.pid = -1;
  return exit_code(status);
}

int TestCluster::State::end(Node& node, int signal) {
  int status = 0;
  ::kill(node.pid, signal);
  while (::waitpid(node.pid, &status, 0) < 0 && errno == EINTR) {
  }
  node.pid = -1;
  node.paused = false;
  return exit_code(status);
}

// Whether the node is reached at its address, and knows of a controller and of all that run.
bool TestCluster::State::serves(const Node& node) const {
  auto client = Client::connect({.bootstrap_servers = node.address(),
                                 .request_timeout = 2s,
                                 .connect_timeout = 1s,
                                 .api_timeout = 500ms,
                                 .retry_backoff = 20ms,
                                 .retry_backoff_max = 100ms});
  if (!client) return false;
  const auto cluster = client->admin().describe_cluster().get();
  if (!cluster || cluster->controller < 0) return false;
  return std::ranges::all_of(all, [&](const Node& one) {
    if (one.pid < 0 || one.paused) return true;
    return std::ranges::find(cluster->brokers, one.number, &BrokerDescription::id) != cluster->brokers.end();
  });
}

Expected<void> TestCluster::State::settle(std::optional<int>& ended_with) {
  const auto deadline = Clock::now() + options.patience;
  for (;;) {
    bool all_serve = true;
    for (Node& one : all) {
      if (one.pid < 0 || one.paused) continue;
      if (ended_with = ended(one); ended_with) {
        return std::unexpected(Error{.kind = ErrorKind::unavailable,
                                     .cause = "node " + std::to_string(one.number) +
                                              " ended with exit code " + std::to_string(*ended_with),
                                     .hint = last_words(one)});
      }
      all_serve = all_serve && serves(one);
    }
    if (all_serve) return {};
    if (Clock::now() > deadline)
      return std::unexpected(
          Error{.kind = ErrorKind::timed_out, .cause = "the nodes are not in service yet"});
    std::this_thread::sleep_for(kLook);
  }
}

std::string TestCluster::State::last_words(const Node& node) const {
  std::string text = text_of(file(node, ".log"));
  if (text.size() > kLastWords) text.erase(0, text.size() - kLastWords);
  return text;
}

Expected<Node*> TestCluster::State::node(int number, bool running) {
  if (number < 1 || number > options.nodes)
    return std::unexpected(wrong("there is no node " + std::to_string(number),
                                 "They are numbered from 1 to " + std::to_string(options.nodes) + "."));
  Node& one = all[static_cast<std::size_t>(number - 1)];
  if ((one.pid > 0) != running)
    return std::unexpected(
        wrong("node " + std::to_string(number) + (running ? " does not run" : " runs already")));
  return &one;
}

TestCluster::TestCluster(std::unique_ptr<State> state) : state_(std::move(state)) {}
TestCluster::TestCluster(TestCluster&&) noexcept = default;
TestCluster& TestCluster::operator=(TestCluster&&) noexcept = default;
TestCluster::~TestCluster() = default;

Expected<TestCluster> TestCluster::start(TestClusterOptions options) {
  if (options.nodes < 1 || options.nodes > kMostNodes)
    return std::unexpected(wrong("a test cluster has 1 to " + std::to_string(kMostNodes) + " nodes"));
  auto binary = find_binary(options.binary);
  if (!binary) return std::unexpected(std::move(binary).error());
  for (int tries = 1;; ++tries) {
    auto state = std::make_unique<State>(options);
    state->binary = *binary;
    if (auto prepared = state->prepare(); !prepared) return std::unexpected(std::move(prepared).error());
    for (Node& one : state->all)
      if (auto runs = state->run(one); !runs) return std::unexpected(std::move(runs).error());
    std::optional<int> ended_with;
    auto settled = state->settle(ended_with);
    if (settled) return TestCluster(std::move(state));
    // Somebody else may have taken a port since it was found free.
    if (ended_with != kAddressInUse || tries == kPortTries)
      return std::unexpected(std::move(settled).error());
  }
}

int TestCluster::nodes() const { return state_->options.nodes; }
std::string TestCluster::bootstrap_servers() const { return state_->bootstrap(); }
std::string TestCluster::address(int node) const {
  return state_->all.at(static_cast<std::size_t>(node - 1)).address();
}
std::string TestCluster::log(int node) const {
  return text_of(state_->file(state_->all.at(static_cast<std::size_t>(node - 1)), ".log"));
}

Expected<void> TestCluster::kill(int number) {
  const auto node = state_->node(number, true);
  if (!node) return std::unexpected(node.error());
  State::end(**node, SIGKILL);
  return {};
}

Expected<void> TestCluster::stop(int number) {
  const auto node = state_->node(number, true);
  if (!node) return std::unexpected(node.error());
  Node& one = **node;
  ::kill(one.pid, SIGTERM);
  if (std::exchange(one.paused, false)) ::kill(one.pid, SIGCONT);
  const auto deadline = Clock::now() + state_->options.patience;
  for (;;) {
    const auto code = State::ended(one);
    if (code == 0) return {};
    if (code)
      return std::unexpected(Error{
          .kind = ErrorKind::unavailable,
          .cause = "node " + std::to_string(number) + " ended with exit code " + std::to_string(*code),
          .hint = state_->last_words(one)});
    if (Clock::now() > deadline) {
      State::end(one, SIGKILL);
      return std::unexpected(
          Error{.kind = ErrorKind::timed_out,
                .cause = "node " + std::to_string(number) + " did not end, and was killed"});
    }
    std::this_thread::sleep_for(kLook);
  }
}

Expected<void> TestCluster::restart(int number) {
  const auto node = state_->node(number, false);
  if (!node) return std::unexpected(node.error());
  if (auto runs = state_->run(**node); !runs) return runs;
  std::optional<int> ended_with;
  return state_->settle(ended_with);
}

Expected<void> TestCluster::pause(int number) {
  const auto node = state_->node(number, true);
  if (!node) return std::unexpected(node.error());
  if (std::exchange((*node)->paused, true))
    return std::unexpected(wrong("node " + std::to_string(number) + " is paused already"));
  ::kill((*node)->pid, SIGSTOP);
  return {};
}

Expected<void> TestCluster::resume(int number) {
  const auto node = state_->node(number, true);
  if (!node) return std::unexpected(node.error());
  if (!std::exchange((*node)->paused, false))
    return std::unexpected(wrong("node " + std::to_string(number) + " is not paused"));
  ::kill((*node)->pid, SIGCONT);
  return {};
}

}  // namespace moldau::sdk
