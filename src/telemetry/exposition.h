// Prometheus' text format 0.0.4 of a snapshot, as `promtool check metrics` wants it.
#pragma once

#include <string>
#include <string_view>

#include "telemetry/metrics.h"

namespace moldau::telemetry {

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// Families and series in order of name and labels. Histogram buckets end at powers of two, where the counts
// are exact: 2^14 to 2^36 ns (16 µs to 69 s), 2^6 to 2^30 bytes (a value that equals the bound counts above
// it), and for items at 2^k - 1 up to 2^20 - 1.
std::string prometheus_text(const Snapshot& snapshot);

}  // namespace moldau::telemetry
