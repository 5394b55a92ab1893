// The command line: `moldau <noun> <verb>`, and Kafka's tools under their own names. run() is all of it: it
// reads the words of the command line, does the command through the client library, prints, and returns the
// exit code. It never exits, reads no global state and reaches the process only through what is handed in, so
// that tests and the simulator can run it.
//
// main.cc makes an Invocation and an Environment on the real World; src/cli/process_streams.h has the streams
// for it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "config/settings.h"
#include "runtime/wait.h"
#include "runtime/world.h"

namespace moldau::cli {

// Exit codes of `moldau …`; Kafka's names use only done and failed.
enum class Exit : int {
  done = 0,
  failed = 1,       // the operation, or at least one item of it
  usage = 2,        // bad flag, missing argument, refused prompt
  unreachable = 3,  // cannot connect, or timed out
  denied = 4,       // authentication or authorization
  not_found = 5,    // all items
  conflict = 6,     // already exists, precondition
  bad_file = 7,     // configuration or data file
  unhealthy = 10,
  interrupted = 130,  // SIGINT
  terminated = 143,   // SIGTERM
};

// Exit codes of `moldau start` and kafka-server-start, returned by Environment::start_node.
enum class StartExit : int {
  done = 0,
  failed = 1,
  usage = 2,
  bad_config = 3,
  address_in_use = 4,
  data_unusable = 5,      // folder missing, locked, not writable, somebody else's
  identity_mismatch = 6,  // another cluster or node id
};

// Where data comes from. Called on the pool, never on a shard.
class Input {
 public:
  virtual ~Input() = default;
  // At least one byte; 0 at the end; nothing when none came within `wait`.
  virtual Result<std::optional<std::size_t>> read(MutableBytes into, runtime::Duration wait) = 0;
};

// Where text goes. Unbuffered here: the commands gather before they write. Errc::connection_closed when the
// reader has gone (`moldau consume … | head`).
class Output {
 public:
  virtual ~Output() = default;
  virtual Status write(std::string_view text) = 0;
};

// SIGINT and SIGTERM while a task runs. raise() and everything else on shard 0.
class Interrupt {
 public:
  explicit Interrupt(runtime::Executor& executor) : changed_(executor) {}
  void raise(int signal) {
    if (signal_ == 0) signal_ = signal;
    changed_.notify_all();
  }
  bool raised() const { return signal_ != 0; }
  int signal() const { return signal_; }  // 0: none yet
  runtime::Signal& changed() { return changed_; }

 private:
  runtime::Signal changed_;
  int signal_ = 0;
};

struct Context {
  runtime::World& world;
  Interrupt& interrupt;
};
// Runs on shard 0 and returns the exit code.
using TaskFunction = std::function<runtime::Task<int>(Context)>;

struct StartRequest {
  config::Settings settings;
  std::vector<config::Problem> warnings;  // to be logged once logging runs; no errors are among them
  bool daemon = false;                    // go to the background; the exit code is then the launcher's
  std::string log_file;                   // of a daemon's stdout and stderr: <data_dir>.out
  std::string pid_file;                   // <data_dir>/moldau.pid, see below
};

// <data_dir>/moldau.pid: the process id in decimal and a line end. `start` writes it once it holds the lock
// of the data folder and removes it at the end of an orderly shutdown; `stop`, `status` and kafka-server-stop
// read it.
inline constexpr std::string_view kPidFile = "moldau.pid";

// What only the process itself can do.
class Environment {
 public:
  virtual ~Environment() = default;

  // Builds the World, runs the task on shard 0 until it has ended, and returns its value. SIGINT and SIGTERM
  // raise Context::interrupt; a second one may end the process. May be called more than once.
  virtual int run_task(TaskFunction task) = 0;

  // Runs a node until it is told to stop. Returns a StartExit; what went wrong is already on stderr.
  virtual int start_node(const StartRequest& request) = 0;

  // kill(2). Errc::not_found when there is no such process, Errc::permission when it is not ours.
  // Signal 0 only asks.
  virtual Status send_signal(std::int64_t pid, int signal) = 0;
  // Of processes of this machine whose command line (/proc/<pid>/cmdline, split at its zeros) runs a node:
  // pids of all that may be seen, with their words. Empty where that cannot be known.
  struct Process {
    std::int64_t pid;
    std::vector<std::string> words;
  };
  virtual std::vector<Process> processes() = 0;

  // Absolute path of this binary.
  virtual std::string executable_path() = 0;
  // Creates (or replaces) a symbolic link. For `moldau install-links`.
  virtual Status make_link(const std::string& target, const std::string& link) = 0;
  // Runs a program on this process's terminal and waits for its end: its exit code, or 128 and the number of
  // the signal that ended it.
  virtual Result<int> run_program(const std::vector<std::string>& words) = 0;
  // Starts a program in a session of its own, so that the terminal's signals do not reach it: without input,
  // what it prints appended to `log_file`, without the environment variables whose names begin with one of
  // `without`. Its process id.
  struct Spawn {
    std::vector<std::string> words;
    std::string log_file;
    std::vector<std::string> without;
  };
  virtual Result<std::int64_t> spawn(const Spawn& what) = 0;
  // Of a program that spawn() started: nothing while it runs, then its exit code as run_program() has it.
  virtual std::optional<int> ended(std::int64_t pid) = 0;
  // Blocks the calling thread; only outside of run_task().
  virtual void sleep(runtime::Duration duration) = 0;
};

// What the process was given.
struct Invocation {
  std::vector<std::string> words;  // argv: words[0] decides which tool this is (its basename minus ".sh")
  Input& in;
  Output& out;
  Output& err;
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  int columns = 80;  // of the terminal on stderr
  // Environment variables, user, working directory, host name and the reader of files: all that
  // config::load() needs, too. Sources::file and Sources::set are left empty.
  config::Sources process;
};

// The whole program. Returns the exit code.
int run(const Invocation& invocation, Environment& environment);

}  // namespace moldau::cli
