#include "process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <fstream>
#include <iterator>
#include <numeric>
#include <utility>

#include "program.h"

namespace moldau::load {

namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  if (!in) die("cannot read " + path + ": the process is gone");
  return {std::istreambuf_iterator<char>(in), {}};
}

void die_with(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
}

double cpu_seconds_of(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0)
    die(fmt::format("process {} is gone", pid));
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

double resident_mib_of(pid_t pid) {
  const std::string status = read_all(fmt::format("/proc/{}/status", pid));
  const std::size_t at = status.find("VmRSS:");
  if (at == std::string::npos) die("the process has no VmRSS");
  return std::stod(status.substr(at + 6)) / 1024;
}

double sum_of(const std::vector<pid_t>& pids, double (*figure)(pid_t)) {
  return std::transform_reduce(pids.begin(), pids.end(), 0.0, std::plus<>(), figure);
}

}  // namespace

double cpu_seconds_of(const std::vector<pid_t>& pids) { return sum_of(pids, cpu_seconds_of); }
double resident_mib_of(const std::vector<pid_t>& pids) { return sum_of(pids, resident_mib_of); }

Child Child::run(const std::function<void()>& body) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) die("fork failed");
  if (pid == 0) {
    die_with(parent);
    body();
    ::_exit(0);
  }
  return Child(pid);
}

Child Child::execute(const std::vector<std::string>& command, const std::string& output_path) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  return run([&] {
    const int output = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  });
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool Child::running() {
  if (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
  return pid_ > 0;
}

bool Child::terminate(double seconds) {
  if (!running()) return true;
  ::kill(pid_, SIGTERM);
  for (const std::int64_t deadline = now_ns() + ns_of(seconds); now_ns() < deadline; ::usleep(500)) {
    if (!running()) return true;
  }
  return false;
}

}  // namespace moldau::load
