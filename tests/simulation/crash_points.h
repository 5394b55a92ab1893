// Crash-point enumeration: runs a scenario once for every operation that changes the disk, with power lost
// just there, and checks what a restart finds. With depth 2, power is lost once more at each operation of the
// check.
#pragma once

#include <cstdint>
#include <functional>

#include "simulation/world.h"

namespace moldau::simulation {

struct CrashPoints {
  std::uint64_t seed = 1;
  Options options;
  // Before the first crash point is armed; its effects are made durable. May be empty.
  std::function<void(World&)> prepare;
  // What is interrupted. After the power loss its disk answers errors: it must return, having closed what it
  // built, and not assert.
  std::function<void(World&)> scenario;
  // After the restart. Recovers and checks with gtest's EXPECT or ASSERT. With `again_in_recovery` it is
  // itself interrupted at each of its operations (it must then return quietly: world.machine(0).running() is
  // false), and runs once more on what is left.
  std::function<void(World&)> recover;
  bool again_in_recovery = false;
  // The same points again with other losses of what was unsynced.
  unsigned rounds = 1;
};

// Returns how many crash points were tried.
std::uint64_t enumerate_crash_points(const CrashPoints& points);

}  // namespace moldau::simulation
