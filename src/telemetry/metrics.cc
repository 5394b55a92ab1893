#include "telemetry/metrics.h"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/assert.h"

namespace moldau::telemetry {
namespace {

bool is_metric_name(std::string_view name) {
  const auto allowed = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ':';
  };
  return !name.empty() && !std::isdigit(static_cast<unsigned char>(name.front())) &&
         std::ranges::all_of(name, allowed);
}

bool same_label_names(const Labels& a, const Labels& b) {
  return std::ranges::equal(a, b, {}, &Labels::value_type::first, &Labels::value_type::first);
}

Labels overflow_labels(Labels labels) {
  for (auto& [name, value] : labels) value = kOverflowLabel;
  return labels;
}

bool carries(const Labels& labels, std::string_view name, std::string_view value) {
  return std::ranges::any_of(labels,
                             [&](const auto& label) { return label.first == name && label.second == value; });
}

}  // namespace

struct Registry::Series {
  // One of them, by the family's kind.
  Counter counter;
  Gauge gauge;
  std::unique_ptr<Histogram> histogram;
};

struct Registry::Family {
  MetricKind kind;
  std::string help;
  std::map<Labels, Series> series;
};

Registry::Registry(std::size_t series_cap) : series_cap_(series_cap) { MOLDAU_ASSERT(series_cap > 0); }
Registry::~Registry() = default;

Registry::Series& Registry::series(MetricKind kind, std::string_view name, std::string_view help,
                                   const Labels& labels, Unit unit) {
  MOLDAU_ASSERT(is_metric_name(name), name);
  const std::lock_guard lock(mutex_);
  auto found = families_.find(name);
  if (found == families_.end())
    found = families_.emplace(std::string(name), Family{kind, std::string(help), {}}).first;
  Family& family = found->second;
  MOLDAU_ASSERT(family.kind == kind, name);
  MOLDAU_ASSERT(family.series.empty() || same_label_names(family.series.begin()->first, labels), name);

  auto at = family.series.find(labels);
  if (at == family.series.end()) {
    const bool full = family.series.size() >= series_cap_;
    at = family.series.try_emplace(full ? overflow_labels(labels) : labels).first;
    if (kind == MetricKind::histogram && !at->second.histogram)
      at->second.histogram = std::make_unique<Histogram>(unit);
  }
  return at->second;
}

Counter& Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
  return series(MetricKind::counter, name, help, labels, Unit::items).counter;
}
Gauge& Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
  return series(MetricKind::gauge, name, help, labels, Unit::items).gauge;
}
Histogram& Registry::histogram(std::string_view name, std::string_view help, const Labels& labels,
                               Unit unit) {
  return *series(MetricKind::histogram, name, help, labels, unit).histogram;
}

void Registry::forget(std::string_view label, std::string_view value) {
  MOLDAU_ASSERT(value != kOverflowLabel);
  ++forgets_;
  const std::lock_guard lock(mutex_);
  for (auto& [name, family] : families_)
    std::erase_if(family.series, [&](const auto& series) { return carries(series.first, label, value); });
}

Snapshot Registry::snapshot() const {
  Snapshot result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, family] : families_)
    for (const auto& [labels, series] : family.series) switch (family.kind) {
        case MetricKind::counter:
          result.add_counter(name, family.help, labels, series.counter.value());
          break;
        case MetricKind::gauge:
          result.add_gauge(name, family.help, labels, static_cast<double>(series.gauge.value()));
          break;
        case MetricKind::histogram:
          result.add_histogram(name, family.help, labels, series.histogram->data());
          break;
      }
  return result;
}

std::size_t Registry::series_count() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& [name, family] : families_) count += family.series.size();
  return count;
}

Snapshot::Series& Snapshot::series(MetricKind kind, std::string_view name, std::string_view help,
                                   Labels labels) {
  auto found = families_.find(name);
  if (found == families_.end())
    found = families_.emplace(std::string(name), Family{kind, std::string(help), {}}).first;
  MOLDAU_ASSERT(found->second.kind == kind, name);
  return found->second.series[std::move(labels)];
}

void Snapshot::add_counter(std::string_view name, std::string_view help, Labels labels, std::uint64_t value) {
  series(MetricKind::counter, name, help, std::move(labels)).counter += value;
}
void Snapshot::add_gauge(std::string_view name, std::string_view help, Labels labels, double value) {
  series(MetricKind::gauge, name, help, std::move(labels)).gauge += value;
}
void Snapshot::add_histogram(std::string_view name, std::string_view help, Labels labels,
                             const HistogramData& data) {
  series(MetricKind::histogram, name, help, std::move(labels)).histogram.merge(data);
}

void Snapshot::merge(const Snapshot& other) {
  for (const auto& [name, family] : other.families_)
    for (const auto& [labels, theirs] : family.series) {
      Series& ours = series(family.kind, name, family.help, labels);
      ours.counter += theirs.counter;
      ours.gauge += theirs.gauge;
      ours.histogram.merge(theirs.histogram);
    }
}

const Snapshot::Series* Snapshot::find(std::string_view name, const Labels& labels) const {
  const auto family = families_.find(name);
  if (family == families_.end()) return nullptr;
  const auto series = family->second.series.find(labels);
  return series == family->second.series.end() ? nullptr : &series->second;
}

}  // namespace moldau::telemetry
