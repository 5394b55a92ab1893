#include "program.h"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace moldau::load {

void die(std::string_view message) {
  fmt::print(stderr, "moldau_load: {}\n", message);
  std::exit(1);
}

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecondNs + now.tv_nsec;
}

JsonLine::JsonLine(std::string_view row) : line_(fmt::format("{{\"row\": \"{}\"", row)) {}

JsonLine& JsonLine::number(std::string_view name, double value) {
  line_ += fmt::format(", \"{}\": {:.6g}", name, value);
  return *this;
}

JsonLine& JsonLine::text(std::string_view name, std::string_view value) {
  line_ += fmt::format(", \"{}\": \"{}\"", name, value);
  return *this;
}

JsonLine& JsonLine::latency(const telemetry::HistogramData& ns, std::string_view prefix) {
  const auto put = [&](std::string_view name, double value) {
    number(fmt::format("{}{}_us", prefix, name), value / 1e3);
  };
  put("p50", static_cast<double>(ns.percentile(0.5)));
  put("p99", static_cast<double>(ns.percentile(0.99)));
  put("p999", static_cast<double>(ns.percentile(0.999)));
  put("max", static_cast<double>(ns.max));
  put("mean", ns.mean());
  return *this;
}

void JsonLine::print() const {
  fmt::print("{}}}\n", line_);
  std::fflush(stdout);
}

}  // namespace moldau::load
