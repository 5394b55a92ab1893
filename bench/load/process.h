// Processes as the load program sees them: what the broker used, and children of its own.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace moldau::load {

// User and system time of all threads of these processes, by their CPU clocks: exact where those of
// /proc/PID/stat go in steps of 10 ms.
double cpu_seconds_of(const std::vector<pid_t>& pids);
// VmRSS, from /proc/PID/status, in sum.
double resident_mib_of(const std::vector<pid_t>& pids);

// What processes used from its construction to taken().
class CpuMeter {
 public:
  explicit CpuMeter(std::vector<pid_t> pids) : pids_(std::move(pids)), before_(cpu_seconds_of(pids_)) {}
  double taken() const { return cpu_seconds_of(pids_) - before_; }

 private:
  std::vector<pid_t> pids_;
  double before_;
};

// A child process; it is killed when its owner goes, however that happens.
class Child {
 public:
  // Runs `body` in a fork of this process, which ends when it returns.
  static Child run(const std::function<void()>& body);
  // Runs a program; its output goes to the file.
  static Child execute(const std::vector<std::string>& command, const std::string& output_path);
  Child(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  pid_t pid() const { return pid_; }
  bool running();
  // SIGTERM, then SIGKILL if it is still there at the deadline. False: it had to be killed.
  bool terminate(double seconds);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace moldau::load
