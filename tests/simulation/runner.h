// Runs scenarios over many seeds, in child processes, so that a run that aborts or hangs is reported with its
// seed and the others go on.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "simulation/faults.h"
#include "simulation/marks.h"
#include "simulation/scenarios.h"

namespace moldau::simulation {

struct RunnerOptions {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 100;
  unsigned jobs = 2;                 // children at a time
  unsigned seconds_per_seed = 120;   // real time after which a run counts as hung
  std::uint64_t repeat_one_in = 20;  // so many seeds run twice, and the trace hashes are compared; 0: none
  std::uint64_t failures_max = 10;   // stops after so many
};

struct RunResult {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;
  std::int64_t simulated_ns = 0;
  std::uint64_t steps = 0;
  FaultCounters faults;
  Marks marks;
  bool passed = false;
  bool repeated = false;
  std::array<char, 256> problem{};  // in words, cut off where it is longer
  void fail(std::string_view why);
};

struct Summary {
  std::uint64_t runs = 0;
  std::uint64_t failures = 0;
  std::uint64_t repeated = 0;
  std::uint64_t steps = 0;
  double simulated_seconds = 0;
  FaultCounters faults;
  Marks marks;
};

// One run in this process.
struct Watching {
  bool verbose = false;
  std::string_view files = {};  // Options::trace_files
};
RunResult run_seed(const Scenario& scenario, std::uint64_t seed, Watching watching = {});
// Prints each failure with the command that replays it, and what was found.
Summary run_seeds(const Scenario& scenario, const RunnerOptions& options);
std::string replay_command(const Scenario& scenario, std::uint64_t seed);

}  // namespace moldau::simulation
