// A process that is none: its streams are texts, its files a map. Tasks do nothing, or run on a simulated
// world.
#pragma once

#include <gtest/gtest.h>

#include <cstring>

#include "cli/cli.h"
#include "runtime/disk.h"
#include "simulation/world.h"

namespace moldau::cli {

class TextInput final : public Input {
 public:
  Result<std::optional<std::size_t>> read(MutableBytes into, runtime::Duration) override {
    const std::size_t some = std::min(text.size(), into.size());
    std::memcpy(into.data(), text.data(), some);
    text.erase(0, some);
    return some;
  }
  std::string text;
};

class TextOutput final : public Output {
 public:
  Status write(std::string_view written) override {
    text += written;
    return {};
  }
  std::string text;
};

class FakeEnvironment final : public Environment {
 public:
  int run_task(TaskFunction task) override {
    ++tasks;
    if (!world) return 0;
    Interrupt interrupt(world->shard(0));
    return world->run(task(Context{*world, interrupt}));
  }
  int start_node(const StartRequest& request) override {
    started = request;
    return start_exit;
  }
  Status send_signal(std::int64_t pid, int signal) override {
    if (!alive.contains(pid)) return fail(Errc::not_found, "no such process");
    if (signal != 0) alive.erase(pid), signals.emplace_back(pid, signal);
    return {};
  }
  std::vector<Process> processes() override {
    std::vector<Process> out;
    for (const auto& [pid, words] : alive) out.push_back({pid, words});
    return out;
  }
  std::string executable_path() override { return "/opt/moldau/bin/moldau"; }
  Status make_link(const std::string& target, const std::string& link) override {
    links.emplace_back(target, link);
    return {};
  }
  Result<int> run_program(const std::vector<std::string>& words) override {
    programs.push_back(words);
    return program ? program(words) : 0;
  }
  Result<std::int64_t> spawn(const Spawn& what) override {
    const auto pid = static_cast<std::int64_t>(1000 + spawned.size());
    spawned.push_back(what);
    if (!spawn_fails) alive[pid] = what.words;
    return pid;
  }
  std::optional<int> ended(std::int64_t pid) override {
    return alive.contains(pid) ? std::nullopt : std::optional(3);
  }
  void sleep(runtime::Duration) override {}

  simulation::World* world = nullptr;  // tasks run on it; without it they do nothing
  std::function<int(const std::vector<std::string>&)> program;
  std::vector<std::vector<std::string>> programs;
  std::vector<Spawn> spawned;
  bool spawn_fails = false;  // what is spawned has ended at once, with exit code 3
  int tasks = 0;
  int start_exit = 0;
  std::optional<StartRequest> started;
  std::map<std::int64_t, std::vector<std::string>> alive;
  std::vector<std::pair<std::int64_t, int>> signals;
  std::vector<std::pair<std::string, std::string>> links;
};

class FakeProcess : public testing::Test {
 protected:
  Invocation invocation_of(std::vector<std::string> words) {
    Invocation invocation{std::move(words), in, out, err};
    invocation.in_is_terminal = invocation.err_is_terminal = at_terminal;
    invocation.process.working_directory = directory;
    invocation.process.home = "/home/me";
    invocation.process.environment = variables;
    invocation.process.read_file = [this](const std::string& path) -> Result<std::string> {
      if (const auto at = files.find(path); at != files.end()) return at->second;
      return read_from_disk(path);
    };
    return invocation;
  }
  int run(std::vector<std::string> words) {
    out.text.clear();
    err.text.clear();
    return cli::run(invocation_of(std::move(words)), environment);
  }
  Result<std::string> read_from_disk(const std::string& path) {
    if (!environment.world) return fail(Errc::not_found, path + ": no such file");
    const auto bytes = runtime::read_file(environment.world->disk(), path, 1 << 20);
    if (!bytes) return fail(bytes.error());
    return std::string(as_text(*bytes));
  }
  bool told(std::string_view text) const { return err.text.contains(text); }
  bool printed(std::string_view text) const { return out.text.contains(text); }

  TextInput in;
  TextOutput out, err;
  FakeEnvironment environment;
  std::map<std::string, std::string> files, variables;
  std::string directory = "/project";
  bool at_terminal = false;
};

}  // namespace moldau::cli
