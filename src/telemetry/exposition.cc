#include "telemetry/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "base/assert.h"

namespace moldau::telemetry {
namespace {

struct BucketRange {
  unsigned first_bit, last_bit, step;
  double scale;  // from recorded to printed unit
};

BucketRange range_of(Unit unit) {
  switch (unit) {
    case Unit::nanoseconds:
      return {14, 36, 1, 1e-9};
    case Unit::bytes:
      return {6, 30, 2, 1};
    case Unit::items:
      return {0, 20, 1, 1};
  }
  MOLDAU_UNREACHABLE();
}

prometheus::ClientMetric::Histogram to_prometheus(const HistogramData& data) {
  const BucketRange range = range_of(data.unit);
  prometheus::ClientMetric::Histogram out;
  out.sample_count = data.count;
  out.sample_sum = static_cast<double>(data.sum) * range.scale;
  for (unsigned bit = range.first_bit; bit <= range.last_bit; bit += range.step) {
    const std::uint64_t power = std::uint64_t{1} << bit;
    const std::uint64_t bound = data.unit == Unit::items ? power - 1 : power;
    out.bucket.push_back({.cumulative_count = data.count_below(power),
                          .upper_bound = static_cast<double>(bound) * range.scale});
  }
  out.bucket.push_back(
      {.cumulative_count = data.count, .upper_bound = std::numeric_limits<double>::infinity()});
  return out;
}

prometheus::ClientMetric to_prometheus(MetricKind kind, const Labels& labels,
                                       const Snapshot::Series& series) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  switch (kind) {
    case MetricKind::counter:
      metric.counter.value = static_cast<double>(series.counter);
      break;
    case MetricKind::gauge:
      metric.gauge.value = series.gauge;
      break;
    case MetricKind::histogram:
      metric.histogram = to_prometheus(series.histogram);
      break;
  }
  return metric;
}

prometheus::MetricType type_of(MetricKind kind) {
  switch (kind) {
    case MetricKind::counter:
      return prometheus::MetricType::Counter;
    case MetricKind::gauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
      return prometheus::MetricType::Histogram;
  }
  MOLDAU_UNREACHABLE();
}

}  // namespace

std::string prometheus_text(const Snapshot& snapshot) {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& [name, family] : snapshot.families()) {
    prometheus::MetricFamily out{name, family.help, type_of(family.kind), {}};
    for (const auto& [labels, series] : family.series)
      out.metric.push_back(to_prometheus(family.kind, labels, series));
    families.push_back(std::move(out));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return std::move(text).str();
}

}  // namespace moldau::telemetry
