// The scenarios that moldau_sim runs. A new one is a function in a file of its own and a line in
// scenarios.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/random.h"
#include "simulation/mutants.h"
#include "simulation/options.h"
#include "simulation/world.h"

namespace moldau::simulation {

// What a run found. An assertion that fails ends the run too, and is reported with its seed.
struct Outcome {
  bool passed = true;
  std::string problem;  // in words, when it did not pass
  static Outcome failed(std::string problem) { return {false, std::move(problem)}; }
};

struct Scenario {
  std::string_view name;
  std::string_view description;
  // Draws shape and fault rates of the world from the seed.
  Options (*options)(Random& random);
  Outcome (*run)(std::uint64_t seed, World& world);
  // The same with a mutant in it; null: the scenario has none.
  Outcome (*run_mutant)(Mutant mutant, World& world) = nullptr;
  Mutant mutant = Mutant::none;
};

std::span<const Scenario> scenarios();
const Scenario* find_scenario(std::string_view name);

}  // namespace moldau::simulation
