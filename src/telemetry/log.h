// Structured log lines: a level, the component (the room) that speaks, an event in plain words, and fields.
//
//   log_info("storage", "segment rolled", {{"topic", name}, {"base_offset", offset}});
//
// The words never contain values: they are what people search for. Keys are snake_case with units last. Lines
// go to the sink that main, a test or the simulator installed (ScopedSink); without one, warnings and errors
// go to stderr. This process-wide sink is the one exception to "nothing global": a line must be possible
// everywhere.
//
// Callable on every thread. Never blocks on the device: the broker's sink (telemetry/log_sink.h) queues
// lines. A value may come from a peer: sinks escape it and cut it at kMaxValueBytes. A line that a peer can
// cause at will goes through a LineLimiter.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/result.h"

namespace moldau::telemetry {

enum class Level : std::uint8_t { debug, info, warn, error, off };

std::string_view name_of(Level level);  // "debug", "info", "warn", "error", "off"
std::optional<Level> parse_level(
    std::string_view);  // any case; also "warning", "trace" (= debug), "fatal" (= error)

inline constexpr std::size_t kMaxValueBytes = 1024;

// Borrows its key and text value: they live until the end of the call that logs.
struct Field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool> value;

  Field(std::string_view key, std::string_view text) : key(key), value(text) {}
  Field(std::string_view key, const char* text) : key(key), value(std::string_view(text)) {}
  Field(std::string_view key, const std::string& text) : key(key), value(std::string_view(text)) {}
  Field(std::string_view key, const Error& error) : key(key), value(std::string_view(error.message)) {}
  Field(std::string_view key, bool flag) : key(key), value(flag) {}
  Field(std::string_view key, std::floating_point auto number)
      : key(key), value(static_cast<double>(number)) {}
  template <std::integral T>
    requires(!std::same_as<T, bool> && !std::same_as<T, char>)
  Field(std::string_view key, T number) : key(key) {
    if constexpr (std::unsigned_integral<T>)
      value = static_cast<std::uint64_t>(number);
    else
      value = static_cast<std::int64_t>(number);
  }
};
using Fields = std::initializer_list<Field>;

// One line on its way to the sink; borrows everything.
struct Line {
  Level level;
  std::string_view component;
  std::string_view event;
  std::span<const Field> fields;
};

// Where lines go. Both calls may come from any thread at once.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual bool enabled(Level level, std::string_view component) const = 0;
  virtual void write(const Line& line) = 0;
};

// Makes `sink` the process's sink while this object lives; the one before it comes back afterwards. Install
// before threads that log start, and remove after they ended.
class ScopedSink {
 public:
  explicit ScopedSink(Sink& sink);
  ScopedSink(const ScopedSink&) = delete;
  ScopedSink& operator=(const ScopedSink&) = delete;
  ~ScopedSink();

 private:
  Sink* previous_;
};

// Whether such a line would be written: ask before computing an expensive field.
bool enabled(Level level, std::string_view component);

void log(Level level, std::string_view component, std::string_view event, std::span<const Field> fields);
inline void log(Level level, std::string_view component, std::string_view event, Fields fields = {}) {
  log(level, component, event, std::span(fields.begin(), fields.size()));
}

inline void log_debug(std::string_view component, std::string_view event, Fields fields = {}) {
  log(Level::debug, component, event, fields);
}
inline void log_info(std::string_view component, std::string_view event, Fields fields = {}) {
  log(Level::info, component, event, fields);
}
inline void log_warn(std::string_view component, std::string_view event, Fields fields = {}) {
  log(Level::warn, component, event, fields);
}
inline void log_error(std::string_view component, std::string_view event, Fields fields = {}) {
  log(Level::error, component, event, fields);
}

// A token bucket for lines that peers cause: `burst` lines at once, then one per `interval`; what was left
// out is counted and named on the next line that passes (field "suppressed"). One per kind of line; lives on
// one shard.
class LineLimiter {
 public:
  explicit LineLimiter(std::uint32_t burst = 10, std::chrono::nanoseconds interval = std::chrono::seconds(1))
      : burst_(burst), interval_(interval), tokens_(burst) {}

  // Takes a token: the number of lines left out since the last one that passed, or nothing when this one must
  // be left out. `now`: monotonic, since any fixed start (executor.now().time_since_epoch()).
  std::optional<std::uint64_t> admit(std::chrono::nanoseconds now);

 private:
  std::uint32_t burst_;
  std::chrono::nanoseconds interval_;
  std::uint32_t tokens_;
  std::optional<std::chrono::nanoseconds> refilled_;
  std::uint64_t suppressed_ = 0;
};

// log() for a line that a peer can cause at will (reliability RE-12).
void log_limited(LineLimiter& limiter, std::chrono::nanoseconds now, Level level, std::string_view component,
                 std::string_view event, Fields fields = {});

}  // namespace moldau::telemetry
