// Prometheus' text format 0.0.4 of a snapshot, as `promtool check metrics` wants it.
#pragma once

#include <string>

#include "telemetry/metrics.h"

namespace moldau::telemetry {

inline constexpr std::string_view kPrometheusContentType = "text/plain; version=0.0.4; charset=utf-8";

// Families and series in order of name and labels. Histogram buckets are powers of two of their unit, so that their
// counts are exact: 2^14 to 2^36 ns (16 µs to 69 s), 2^6 to 2^30 bytes, 2^0 to 2^20 items.
std::string prometheus_text(const Snapshot& snapshot);

}  // namespace moldau::telemetry
