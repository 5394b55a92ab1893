// The process: hands the command line to cli, and cli what only a process can do.
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "cli/cli.h"
#include "cli/process_streams.h"
#include "platform/world.h"
#include "start_node.h"

namespace {

using moldau::Errc;
using moldau::Status;
namespace cli = moldau::cli;

class ProcessEnvironment final : public cli::Environment {
 public:
  int run_task(cli::TaskFunction task) override {
    moldau::platform::RealWorld world;
    cli::Interrupt interrupt(world.shard(0));
    // The first signal asks the command to end; a second one ends the process where it stands.
    const Status watching = world.on_signals({SIGINT, SIGTERM}, [&interrupt](int signal) {
      if (interrupt.raised()) _exit(128 + signal);
      interrupt.raise(signal);
    });
    static_cast<void>(watching);  // without it the signals end the process, as they would anyway
    return world.run_until([&] { return task(cli::Context{world, interrupt}); });
  }

  int start_node(const cli::StartRequest& request) override { return moldau::start_node(request); }

  Status send_signal(std::int64_t pid, int signal) override {
    if (kill(static_cast<pid_t>(pid), signal) == 0) return {};
    const std::string what = "process " + std::to_string(pid);
    if (errno == ESRCH) return moldau::fail(Errc::not_found, what + ": there is no such process");
    return moldau::fail(moldau::error_from_errno(errno, what));
  }

  std::vector<Process> processes() override {
    std::vector<Process> all;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      const std::string name = entry.path().filename();
      if (name.find_first_not_of("0123456789") != std::string::npos) continue;
      all.push_back({std::stoll(name), words_of(entry.path() / "cmdline")});
    }
    return all;
  }

  std::string executable_path() override {
    std::error_code error;
    return std::filesystem::read_symlink("/proc/self/exe", error).string();
  }

  Status make_link(const std::string& target, const std::string& link) override {
    std::error_code error;
    std::filesystem::remove(link, error);
    std::filesystem::create_symlink(target, link, error);
    if (error) return moldau::fail(moldau::error_from_errno(error.value(), link));
    return {};
  }

  moldau::Result<int> run_program(const std::vector<std::string>& words) override {
    pid_t child = 0;
    const int failed =
        posix_spawnp(&child, words.front().c_str(), nullptr, nullptr, pointers_to(words).data(), environ);
    if (failed != 0) return moldau::fail(moldau::error_from_errno(failed, words.front()));
    int status = 0;
    while (waitpid(child, &status, 0) < 0) {
      if (errno != EINTR) return moldau::fail(moldau::error_from_errno(errno, words.front()));
    }
    return exit_code_of(status);
  }

  moldau::Result<std::int64_t> spawn(const Spawn& what) override {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable != nullptr; ++variable) {
      const std::string_view text = *variable;
      const auto begins = [&](const std::string& prefix) { return text.starts_with(prefix); };
      if (std::ranges::none_of(what.without, begins)) variables.emplace_back(text);
    }
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, what.log_file.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0644);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // This process may have blocked and ignored signals; the program begins as one from a shell.
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    pid_t child = 0;
    const int failed = posix_spawnp(&child, what.words.front().c_str(), &files, &attributes,
                                    pointers_to(what.words).data(), pointers_to(variables).data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (failed != 0) return moldau::fail(moldau::error_from_errno(failed, what.words.front()));
    return child;
  }

  std::optional<int> ended(std::int64_t pid) override {
    int status = 0;
    const pid_t child = waitpid(static_cast<pid_t>(pid), &status, WNOHANG);
    if (child == 0) return std::nullopt;
    return child < 0 ? 0 : exit_code_of(status);
  }

  void sleep(moldau::runtime::Duration duration) override { std::this_thread::sleep_for(duration); }

 private:
  static int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  // As execve takes them; valid while `texts` is.
  static std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
    pointers.push_back(nullptr);
    return pointers;
  }

  static std::vector<std::string> words_of(const std::filesystem::path& cmdline) {
    std::ifstream file(cmdline, std::ios::binary);
    std::vector<std::string> words;
    for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
    return words;
  }
};

int terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  cli::DescriptorInput in(STDIN_FILENO);
  cli::DescriptorOutput out(STDOUT_FILENO), err(STDERR_FILENO);
  cli::Invocation invocation{std::vector<std::string>(argv, argv + argc), in, out, err};
  invocation.in_is_terminal = isatty(STDIN_FILENO) != 0;
  invocation.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  invocation.err_is_terminal = isatty(STDERR_FILENO) != 0;
  invocation.columns = terminal_columns();
  invocation.process = moldau::config::sources_of_process();
  ProcessEnvironment environment;
  return cli::run(invocation, environment);
}
