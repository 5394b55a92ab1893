// What every part of the load program leans on: its clock, giving up with one line, JSON lines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "telemetry/metrics.h"

namespace moldau::load {

// Prints the line to stderr and ends the program with exit code 1.
[[noreturn]] void die(std::string_view message);

template <class T>
T or_die(Result<T> result, std::string_view doing) {
  if (!result) die(std::string(doing) + ": " + result.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

// CLOCK_MONOTONIC in nanoseconds.
std::int64_t now_ns();
inline constexpr std::int64_t kSecondNs = 1'000'000'000;
inline std::int64_t ns_of(double seconds) {
  return static_cast<std::int64_t>(seconds * static_cast<double>(kSecondNs));
}

// One row's figures as a line of JSON. Names carry the unit.
class JsonLine {
 public:
  explicit JsonLine(std::string_view row);
  JsonLine& number(std::string_view name, double value);
  JsonLine& text(std::string_view name, std::string_view value);
  // <prefix>p50_us, p99_us, p999_us, max_us and mean_us of a histogram of nanoseconds.
  JsonLine& latency(const telemetry::HistogramData& ns, std::string_view prefix = "");
  void print() const;

 private:
  std::string line_;
};

}  // namespace moldau::load
