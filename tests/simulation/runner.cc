#include "simulation/runner.h"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdio>
#include <type_traits>
#include <vector>

namespace moldau::simulation {
namespace {

using Clock = std::chrono::steady_clock;

// What a child tells its parent: that it starts a seed, then how it went.
struct Report {
  bool starts;
  RunResult result;
};
static_assert(std::is_trivially_copyable_v<Report> && sizeof(Report) < PIPE_BUF);

RunResult run_and_maybe_repeat(const Scenario& scenario, std::uint64_t seed, std::uint64_t repeat_one_in) {
  RunResult result = run_seed(scenario, seed);
  if (!result.passed || repeat_one_in == 0 || seed % repeat_one_in != 0) return result;
  result.repeated = true;
  const RunResult again = run_seed(scenario, seed);
  if (again.hash != result.hash) {
    char why[100];
    std::snprintf(why, sizeof why, "not deterministic: trace %016llx, then %016llx",
                  static_cast<unsigned long long>(result.hash), static_cast<unsigned long long>(again.hash));
    result.fail(why);
  }
  return result;
}

// A child runs every `stride`-th seed from `next` on.
struct Child {
  pid_t pid = -1;
  int pipe = -1;
  std::uint64_t next = 0;
  bool in_run = false;
  Clock::time_point heard = Clock::now();
  bool killed = false;
};

class Parent {
 public:
  Parent(const Scenario& scenario, const RunnerOptions& options)
      : scenario_(scenario), options_(options), end_(options.first_seed + options.seeds) {}

  Summary run() {
    const auto jobs = static_cast<unsigned>(std::clamp<std::uint64_t>(options_.jobs, 1, options_.seeds));
    children_.resize(jobs);
    for (unsigned i = 0; i < jobs; ++i) {
      children_[i].next = options_.first_seed + i;
      start(children_[i]);
    }
    while (serve()) {
    }
    for (Child& child : children_) stop(child);
    return summary_;
  }

 private:
  std::uint64_t stride() const { return children_.size(); }

  void start(Child& child) {
    if (child.next >= end_) return;
    int ends[2];
    if (pipe(ends) != 0) return std::perror("pipe");
    std::fflush(nullptr);
    child.pid = fork();
    if (child.pid < 0) return std::perror("fork");
    if (child.pid == 0) {
      close(ends[0]);
      work(child.next, ends[1]);
    }
    close(ends[1]);
    child.pipe = ends[0];
    child.in_run = false;
    child.heard = Clock::now();
    child.killed = false;
  }

  [[noreturn]] void work(std::uint64_t first, int pipe) {
    const auto tell = [&](const Report& report) {
      if (write(pipe, &report, sizeof report) != sizeof report) _exit(1);
    };
    for (std::uint64_t seed = first; seed < end_; seed += stride()) {
      tell({true, {.seed = seed}});
      tell({false, run_and_maybe_repeat(scenario_, seed, options_.repeat_one_in)});
    }
    _exit(0);
  }

  // False when all is done.
  bool serve() {
    std::vector<pollfd> waiting;
    std::vector<Child*> owners;
    for (Child& child : children_) {
      if (child.pipe < 0) continue;
      waiting.push_back({child.pipe, POLLIN, 0});
      owners.push_back(&child);
    }
    if (waiting.empty() || summary_.failures >= options_.failures_max) return false;
    constexpr int kTickMs = 200;
    poll(waiting.data(), waiting.size(), kTickMs);
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      waiting[i].revents != 0 ? hear(*owners[i]) : look_whether_it_hangs(*owners[i]);
    }
    return true;
  }

  void hear(Child& child) {
    Report report;
    child.heard = Clock::now();
    if (read(child.pipe, &report, sizeof report) != sizeof report) return ended(child);
    child.next = report.result.seed;
    child.in_run = report.starts;
    if (report.starts) return;
    child.next += stride();
    count(report.result);
  }

  void look_whether_it_hangs(Child& child) {
    if (child.killed || Clock::now() - child.heard < std::chrono::seconds(options_.seconds_per_seed)) return;
    kill(child.pid, SIGKILL);
    child.killed = true;
  }

  // The child is done, or its run has aborted: then another one goes on behind that seed.
  void ended(Child& child) {
    close(child.pipe);
    child.pipe = -1;
    waitpid(child.pid, nullptr, 0);
    if (!child.in_run) return;
    RunResult broken{.seed = child.next};
    broken.fail(child.killed ? "no end after " + std::to_string(options_.seconds_per_seed) + " s of real time"
                             : "the run has aborted");
    count(broken);
    child.next += stride();
    start(child);
  }

  void stop(Child& child) {
    if (child.pipe < 0) return;
    kill(child.pid, SIGKILL);
    close(child.pipe);
    waitpid(child.pid, nullptr, 0);
  }

  void count(const RunResult& result) {
    ++summary_.runs;
    summary_.repeated += result.repeated;
    summary_.steps += result.steps;
    summary_.simulated_seconds += static_cast<double>(result.simulated_ns) / 1e9;
    summary_.faults.add(result.faults);
    summary_.marks.add(result.marks);
    if (result.passed) return;
    ++summary_.failures;
    std::printf("FAILED seed %llu; replay: %s\n  %s\n", static_cast<unsigned long long>(result.seed),
                replay_command(scenario_, result.seed).c_str(), result.problem.data());
    std::fflush(stdout);
  }

  const Scenario& scenario_;
  const RunnerOptions& options_;
  std::uint64_t end_;
  std::vector<Child> children_;
  Summary summary_;
};

}  // namespace

void RunResult::fail(std::string_view why) {
  passed = false;
  problem = {};
  why.copy(problem.data(), problem.size() - 1);
}

std::string replay_command(const Scenario& scenario, std::uint64_t seed) {
  std::string command = "./dev sim --scenario " + std::string(scenario.name);
  for (const MutantName& mutant : mutants()) {
    if (mutant.mutant == scenario.mutant) command += " --mutant " + std::string(mutant.name);
  }
  return command + " --seed " + std::to_string(seed);
}

RunResult run_seed(const Scenario& scenario, std::uint64_t seed, Watching watching) {
  Random random(seed);
  Options options = scenario.options(random);
  options.verbose = watching.verbose;
  options.trace_files = watching.files;
  World world(seed, options);
  const Outcome outcome = scenario.mutant == Mutant::none ? scenario.run(seed, world)
                                                          : scenario.run_mutant(scenario.mutant, world);
  RunResult result{.seed = seed,
                   .hash = world.trace_hash(),
                   .simulated_ns = world.elapsed().count(),
                   .steps = world.scheduler().steps(),
                   .faults = world.faults(),
                   .marks = world.marks(),
                   .passed = true};
  if (!outcome.passed) result.fail(outcome.problem);
  return result;
}

Summary run_seeds(const Scenario& scenario, const RunnerOptions& options) {
  if (options.seeds == 0) return {};
  return Parent(scenario, options).run();
}

}  // namespace moldau::simulation
