#include "simulation/crash_points.h"

namespace moldau::simulation {
namespace {

constexpr std::uint64_t kNever = 0;

void start_over(World& world) {
  if (world.machine(0).running()) world.power_loss();
  world.restart();
}

// Runs everything with power lost at the n-th operation of the scenario, and at the m-th of the recovery;
// 0: not there. False when the points lie beyond what was done.
bool crash_at(const CrashPoints& points, std::uint64_t seed, std::uint64_t n, std::uint64_t m) {
  World world(seed, points.options);
  if (points.prepare) {
    points.prepare(world);
    world.drive().sync_all();
    start_over(world);
  }
  world.drive().crash_after(n);
  points.scenario(world);
  const bool crashed = !world.machine(0).running();
  start_over(world);
  if (m != kNever) world.drive().crash_after(m);
  points.recover(world);
  if (m == kNever) return crashed;
  if (world.machine(0).running()) return false;
  start_over(world);
  points.recover(world);
  return true;
}

}  // namespace

std::uint64_t enumerate_crash_points(const CrashPoints& points) {
  std::uint64_t tried = 0;
  for (unsigned round = 0; round < points.rounds; ++round) {
    const std::uint64_t seed = points.seed + round;
    for (std::uint64_t n = 1; crash_at(points, seed, n, kNever); ++n) {
      ++tried;
      if (!points.again_in_recovery) continue;
      for (std::uint64_t m = 1; crash_at(points, seed, n, m); ++m) ++tried;
    }
  }
  return tried;
}

}  // namespace moldau::simulation
