// The sinks: LogSink writes to a file descriptor through spdlog, MemorySink keeps lines for tests and
// simulations.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "telemetry/log.h"

namespace moldau::telemetry {

enum class LogFormat : std::uint8_t { text, json };

// The levels that are written: `level`, except for the components that `levels` names.
struct LogFilter {
  Level level = Level::info;
  std::map<std::string, Level, std::less<>> levels;
  bool enabled(Level at, std::string_view component) const;
};

// One line without time and line end. Text: `INFO  storage  segment rolled topic=orders base_offset=7`,
// values with anything but plain characters quoted and escaped; JSON:
// {"level":…,"component":…,"event":…,fields}. Control characters and bytes that are not UTF-8 never reach the
// output as they are.
std::string format_text(const Line& line);
std::string format_json(const Line& line);

struct LogOptions {
  LogFilter filter;
  LogFormat format = LogFormat::text;
  std::string path;  // empty: stderr; appended to otherwise
  std::size_t queue_lines = 8192;
};

// Queues lines to one writer thread; when the queue is full the oldest lines are dropped. Its destructor
// writes all that is queued. Errc::io and the like when the file cannot be opened.
Result<std::unique_ptr<Sink>> open_log_sink(LogOptions options);

// Keeps the newest `capacity` lines as text.
class MemorySink final : public Sink {
 public:
  explicit MemorySink(Level level = Level::debug, std::size_t capacity = 10000);
  bool enabled(Level level, std::string_view component) const override;
  void write(const Line& line) override;
  std::vector<std::string> lines() const;
  // Whether any kept line contains the text.
  bool contains(std::string_view text) const;
  void clear();

 private:
  Level level_;
  std::size_t capacity_;
  mutable std::mutex mutex_;  // lines come from any thread
  std::deque<std::string> lines_;
};

}  // namespace moldau::telemetry
