// Where processes run while one message goes to and fro. Left to the scheduler, a pair lands now on one core,
// now on two, and on two it mostly measures how long a core takes to wake: the same program gives 14 µs or
// 100 µs.
#pragma once

#include <vector>

#include "process.h"

namespace moldau::load {

// The cores this process may run on.
std::vector<int> usable_cores();

// Moves all threads of a process to one core; those that it starts later follow the thread that starts them.
void confine(pid_t pid, int core);

// Keeps cores from sleeping: a child on each spins at the lowest class (SCHED_IDLE), which yields to
// everything else.
class AwakeCores {
 public:
  explicit AwakeCores(const std::vector<int>& cores);

 private:
  std::vector<Child> spinners_;
};

}  // namespace moldau::load
