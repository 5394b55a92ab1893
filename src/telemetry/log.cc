#include "telemetry/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cctype>
#include <vector>

#include "telemetry/log_sink.h"

namespace moldau::telemetry {
namespace {

struct LevelName {
  std::string_view name;
  Level level;
};
constexpr std::array<LevelName, 8> kLevelNames{{{"debug", Level::debug},
                                                {"info", Level::info},
                                                {"warn", Level::warn},
                                                {"error", Level::error},
                                                {"off", Level::off},
                                                {"warning", Level::warn},
                                                {"trace", Level::debug},
                                                {"fatal", Level::error}}};

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

// What speaks before main has installed a sink.
class StderrSink final : public Sink {
 public:
  bool enabled(Level level, std::string_view) const override { return level >= Level::warn; }
  void write(const Line& line) override {
    const std::string text = format_text(line) + "\n";
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
  }
};

std::atomic<Sink*>& current() {
  static StderrSink fallback;
  static std::atomic<Sink*> sink{&fallback};
  return sink;
}

}  // namespace

std::string_view name_of(Level level) { return kLevelNames[static_cast<std::size_t>(level)].name; }

std::optional<Level> parse_level(std::string_view text) {
  for (const LevelName& known : kLevelNames)
    if (equal_ignoring_case(known.name, text)) return known.level;
  return std::nullopt;
}

ScopedSink::ScopedSink(Sink& sink) : previous_(current().exchange(&sink)) {}
ScopedSink::~ScopedSink() { current().store(previous_); }

bool enabled(Level level, std::string_view component) {
  return current().load(std::memory_order_acquire)->enabled(level, component);
}

void log(Level level, std::string_view component, std::string_view event, std::span<const Field> fields) {
  Sink& sink = *current().load(std::memory_order_acquire);
  if (sink.enabled(level, component)) sink.write({level, component, event, fields});
}

std::optional<std::uint64_t> LineLimiter::admit(std::chrono::nanoseconds now) {
  if (!refilled_) refilled_ = now;
  if (now > *refilled_) {
    const auto due = (now - *refilled_) / interval_;
    tokens_ = due >= burst_ - tokens_ ? burst_ : tokens_ + static_cast<std::uint32_t>(due);
    *refilled_ += due * interval_;
  }
  if (tokens_ == 0) {
    ++suppressed_;
    return std::nullopt;
  }
  --tokens_;
  return std::exchange(suppressed_, 0);
}

void log_limited(LineLimiter& limiter, std::chrono::nanoseconds now, Level level, std::string_view component,
                 std::string_view event, Fields fields) {
  if (!enabled(level, component)) return;
  const auto suppressed = limiter.admit(now);
  if (!suppressed) return;
  if (*suppressed == 0) return log(level, component, event, fields);
  std::vector<Field> all(fields);
  all.emplace_back("suppressed", *suppressed);
  log(level, component, event, std::span<const Field>(all));
}

}  // namespace moldau::telemetry
