#include "placement.h"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "program.h"

namespace moldau::load {

namespace {

cpu_set_t only(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(core), &set);
  return set;
}

void spin_on(int core) {
  confine(::getpid(), core);
  const sched_param lowest{};
  if (::sched_setscheduler(0, SCHED_IDLE, &lowest) != 0) die("SCHED_IDLE was refused");
  for (volatile bool for_ever = true; for_ever;) __builtin_ia32_pause();
}

}  // namespace

std::vector<int> usable_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) die("the usable cores are unknown");
  std::vector<int> cores;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(static_cast<std::size_t>(core), &set)) cores.push_back(core);
  return cores;
}

void confine(pid_t pid, int core) {
  const cpu_set_t set = only(core);
  std::error_code failed;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), failed)) {
    const pid_t id = std::atoi(thread.path().filename().c_str());
    if (::sched_setaffinity(id, sizeof set, &set) != 0) die(fmt::format("thread {} cannot be moved", id));
  }
  if (failed) die(fmt::format("the threads of process {} are unknown", pid));
}

AwakeCores::AwakeCores(const std::vector<int>& cores) {
  for (const int core : cores) spinners_.push_back(Child::run([core] { spin_on(core); }));
}

}  // namespace moldau::load
