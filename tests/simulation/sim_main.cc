// moldau_sim: runs simulated clusters over many seeds; `./dev sim` calls it.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

#include "simulation/runner.h"

namespace moldau::simulation {
namespace {

constexpr const char* kUsage =
    "usage: moldau_sim [--scenario NAME] [--seeds N] [--first-seed S] [--jobs N]\n"
    "       moldau_sim --scenario NAME --seed S       replay one seed, in detail\n"
    "       moldau_sim --list\n"
    "  --mutant NAME          the scenario with a deliberate fault in it, which it must find\n"
    "  --failures-max N       stops after so many failures (10)\n"
    "  --trace-files PART     with --seed: every operation on files whose path contains PART\n"
    "  --seeds N              how many seeds to run of each scenario (100)\n"
    "  --first-seed S         the first of them (1)\n"
    "  --jobs N               processes at a time (2)\n"
    "  --timeout-seconds N    real time after which one seed counts as hung (120)\n"
    "  --repeat-one-in N      so many seeds run twice to compare their traces; 0 none (20)\n";

struct Arguments {
  std::string_view scenario;
  std::string_view mutant;
  std::optional<std::uint64_t> seed;
  RunnerOptions runner;
  std::string_view trace_files;
  bool list = false;
};

bool parse(std::string_view text, std::uint64_t& into) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return error == std::errc() && end == text.data() + text.size();
}

std::optional<Arguments> parse_arguments(int count, char** words) {
  Arguments arguments;
  for (int i = 1; i < count; ++i) {
    const std::string_view name = words[i];
    if (name == "--list") {
      arguments.list = true;
      continue;
    }
    if (i + 1 >= count) return std::nullopt;
    const std::string_view value = words[++i];
    if (name == "--scenario") {
      arguments.scenario = value;
      continue;
    }
    if (name == "--mutant") {
      arguments.mutant = value;
      continue;
    }
    if (name == "--trace-files") {
      arguments.trace_files = value;
      continue;
    }
    std::uint64_t number = 0;
    if (!parse(value, number)) return std::nullopt;
    if (name == "--seed") {
      arguments.seed = number;
    } else if (name == "--seeds") {
      arguments.runner.seeds = number;
    } else if (name == "--first-seed") {
      arguments.runner.first_seed = number;
    } else if (name == "--jobs") {
      arguments.runner.jobs = static_cast<unsigned>(number);
    } else if (name == "--failures-max") {
      arguments.runner.failures_max = number;
    } else if (name == "--timeout-seconds") {
      arguments.runner.seconds_per_seed = static_cast<unsigned>(number);
    } else if (name == "--repeat-one-in") {
      arguments.runner.repeat_one_in = number;
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

int replay(const Scenario& scenario, std::uint64_t seed, std::string_view files) {
  const RunResult result = run_seed(scenario, seed, {.verbose = true, .files = files});
  std::printf(
      "%s seed %llu: %s, trace %016llx, %llu steps, %.3f simulated seconds\n%s",
      std::string(scenario.name).c_str(), static_cast<unsigned long long>(seed),
      result.passed ? "passed" : "FAILED", static_cast<unsigned long long>(result.hash),
      static_cast<unsigned long long>(result.steps), static_cast<double>(result.simulated_ns) / 1e9,
      (result.faults.to_string() + (result.marks.total() > 0 ? result.marks.to_string() : "")).c_str());
  if (!result.passed) std::printf("  %s\n", result.problem.data());
  return result.passed ? 0 : 1;
}

bool run_many(const Scenario& scenario, const RunnerOptions& options) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const Summary summary = run_seeds(scenario, options);
  const double real = std::chrono::duration<double>(Clock::now() - start).count();
  std::printf(
      "%s: %llu seeds from %llu, %llu failed, %llu run twice\n", std::string(scenario.name).c_str(),
      static_cast<unsigned long long>(summary.runs), static_cast<unsigned long long>(options.first_seed),
      static_cast<unsigned long long>(summary.failures), static_cast<unsigned long long>(summary.repeated));
  std::printf("  %.2f simulated hours in %.1f s: %.0f times real time, %llu steps\n",
              summary.simulated_seconds / 3600, real, summary.simulated_seconds / real,
              static_cast<unsigned long long>(summary.steps));
  std::printf("  %zu kinds of faults fired, %llu times:\n%s", summary.faults.kinds_fired(),
              static_cast<unsigned long long>(summary.faults.total()), summary.faults.to_string().c_str());
  if (summary.marks.total() > 0) std::printf("  sometimes:\n%s", summary.marks.to_string().c_str());
  return summary.failures == 0 && summary.runs == options.seeds;
}

int list() {
  for (const Scenario& scenario : scenarios()) {
    std::printf("%-16s %s\n", std::string(scenario.name).c_str(), std::string(scenario.description).c_str());
  }
  return 0;
}

std::optional<Scenario> with_mutant(const Scenario* scenario, std::string_view name) {
  for (const MutantName& mutant : mutants()) {
    if (mutant.name != name || scenario == nullptr || scenario->run_mutant == nullptr) continue;
    Scenario mutated = *scenario;
    mutated.mutant = mutant.mutant;
    return mutated;
  }
  std::fprintf(stderr, "--mutant needs a scenario that has mutants, and one of:");
  for (const MutantName& mutant : mutants()) std::fprintf(stderr, " %s", std::string(mutant.name).c_str());
  std::fprintf(stderr, "\n");
  return std::nullopt;
}

int run(int count, char** words) {
  const auto arguments = parse_arguments(count, words);
  if (!arguments) return std::fputs(kUsage, stderr), 2;
  if (arguments->list) return list();
  const Scenario* chosen = find_scenario(arguments->scenario);
  if (chosen == nullptr && (!arguments->scenario.empty() || arguments->seed)) {
    std::fprintf(stderr, "there is no scenario \"%s\"; --list names them\n%s",
                 std::string(arguments->scenario).c_str(), kUsage);
    return 2;
  }
  std::optional<Scenario> mutated;
  if (!arguments->mutant.empty()) {
    mutated = with_mutant(chosen, arguments->mutant);
    if (!mutated) return 2;
    if (!arguments->seed) return run_many(*mutated, arguments->runner) ? 0 : 1;
    chosen = &*mutated;
  }
  if (arguments->seed) return replay(*chosen, *arguments->seed, arguments->trace_files);
  bool passed = true;
  for (const Scenario& scenario : scenarios()) {
    if (chosen == nullptr || chosen == &scenario) passed &= run_many(scenario, arguments->runner);
  }
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace moldau::simulation

int main(int count, char** words) { return moldau::simulation::run(count, words); }
