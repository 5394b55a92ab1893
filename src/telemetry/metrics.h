// Counters, gauges and histograms. One Registry per shard: only its shard registers and records, with plain
// loads and stores (about a nanosecond); any thread may take a Snapshot at any time. Snapshots of all shards
// are merged into one, and a Snapshot prints as Prometheus text (telemetry/exposition.h).
//
// Names follow Prometheus: base units in the name (_seconds, _bytes), counters end in _total, a prefix of
// "moldau_". Labels come from bounded sets (API name, error code, listener, topic up to a cap), never from
// what a client sends: a family that has reached its cap puts every further label set into one series whose
// values are "__overflow__" (reliability RE-12).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace moldau::telemetry {

// In the order in which the family declares them; the names of a family are the same in every series.
using Labels = std::vector<std::pair<std::string, std::string>>;

inline constexpr std::string_view kOverflowLabel = "__overflow__";
inline constexpr std::size_t kDefaultSeriesCap = 2000;

// A count that only rises. One writer (its shard), any readers.
class Counter {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

// A number that goes up and down. One writer, any readers. Merging shards adds them up.
class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_ = 0;
};

// What a histogram's values are; decides the bounds and the scale of its Prometheus buckets.
enum class Unit : std::uint8_t {
  nanoseconds,  // printed in seconds
  bytes,
  items,
};

// Log-linear buckets (as in HdrHistogram): exact below 16, then 16 buckets for each power of two, so that a
// value is known within 1/16 and its bucket's middle is off by at most 1/32. Values from 2^44 up share the
// last bucket.
struct HistogramLayout {
  static constexpr unsigned kSubBits = 4;
  static constexpr unsigned kMaxBits = 44;
  static constexpr std::size_t kBuckets = (kMaxBits - kSubBits + 1) << kSubBits;

  static constexpr std::size_t index_of(std::uint64_t value) {
    if (value < (1u << kSubBits)) return value;
    const unsigned width = static_cast<unsigned>(std::bit_width(value));
    if (width > kMaxBits) return kBuckets - 1;
    const unsigned shift = width - kSubBits - 1;
    return (static_cast<std::size_t>(shift) << kSubBits) + (value >> shift);
  }
  // The smallest value of the bucket; that of kBuckets is the end of the last one.
  static constexpr std::uint64_t lower_bound(std::size_t index) {
    if (index < (2u << kSubBits)) return index;
    const std::size_t shift = (index >> kSubBits) - 1;
    return ((index & ((1u << kSubBits) - 1)) + (1u << kSubBits)) << shift;
  }
};

// A histogram's contents as a value: mergeable, and asked for percentiles.
struct HistogramData {
  Unit unit = Unit::nanoseconds;
  std::vector<std::uint64_t> buckets;  // HistogramLayout; empty when nothing was recorded
  std::uint64_t count = 0;
  std::uint64_t sum = 0;
  std::uint64_t max = 0;

  void record(std::uint64_t value, std::uint64_t times = 1);
  void merge(const HistogramData& other);
  // The value that `fraction` (0 to 1) of all recorded values do not exceed, within 1/32 of it and never
  // above max; 0 when empty.
  std::uint64_t percentile(double fraction) const;
  double mean() const { return count == 0 ? 0 : static_cast<double>(sum) / static_cast<double>(count); }
  // How many recorded values are below `bound`. Exact for a power of two.
  std::uint64_t count_below(std::uint64_t bound) const;
};

// One writer, any readers; 5 KiB.
class Histogram {
 public:
  explicit Histogram(Unit unit = Unit::nanoseconds) : unit_(unit) {}

  void record(std::uint64_t value) {
    raise(buckets_[HistogramLayout::index_of(value)], 1);
    raise(sum_, value);
    if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
  }
  Unit unit() const { return unit_; }
  HistogramData data() const;

 private:
  static void raise(std::atomic<std::uint64_t>& at, std::uint64_t by) {
    at.store(at.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  Unit unit_;
  std::array<std::atomic<std::uint64_t>, HistogramLayout::kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_ = 0;
  std::atomic<std::uint64_t> max_ = 0;
};

enum class MetricKind : std::uint8_t { counter, gauge, histogram };

// Values at one moment, detached from the registry. Also filled by hand with what is computed at scrape time.
class Snapshot {
 public:
  struct Series {
    std::uint64_t counter = 0;
    double gauge = 0;
    HistogramData histogram;
  };
  struct Family {
    MetricKind kind;
    std::string help;
    std::map<Labels, Series> series;
  };

  void add_counter(std::string_view name, std::string_view help, Labels labels, std::uint64_t value);
  void add_gauge(std::string_view name, std::string_view help, Labels labels, double value);
  void add_histogram(std::string_view name, std::string_view help, Labels labels, const HistogramData& data);
  // Adds the other's values, series by series.
  void merge(const Snapshot& other);

  // By name.
  const std::map<std::string, Family, std::less<>>& families() const { return families_; }
  // The series, or nothing.
  const Series* find(std::string_view name, const Labels& labels = {}) const;

 private:
  Series& series(MetricKind kind, std::string_view name, std::string_view help, Labels labels);
  std::map<std::string, Family, std::less<>> families_;
};

// The metrics of one shard. What it hands out lives as long as the registry, or until forget(). Asking again
// for the same name and labels gives the same object; keep the reference, a look-up is not free.
class Registry {
 public:
  explicit Registry(std::size_t series_cap = kDefaultSeriesCap);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  // REQUIRES: a valid Prometheus name that is used with one kind, and label names that are the same for a
  // name.
  Counter& counter(std::string_view name, std::string_view help, const Labels& labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, const Labels& labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, const Labels& labels = {},
                       Unit unit = Unit::nanoseconds);

  // Removes the series that carry this label (a deleted topic). REQUIRES: nobody uses them any more. The
  // overflow series stay.
  void forget(std::string_view label, std::string_view value);
  // How often that was. Who keeps references looks them up anew after it.
  std::uint64_t forgets() const { return forgets_; }

  // From any thread.
  Snapshot snapshot() const;
  std::size_t series_count() const;

 private:
  struct Series;
  struct Family;
  Series& series(MetricKind kind, std::string_view name, std::string_view help, const Labels& labels,
                 Unit unit);

  const std::size_t series_cap_;  // of each family
  std::uint64_t forgets_ = 0;
  // Held for registration and for the walk of a snapshot, never for recording.
  mutable std::mutex mutex_;
  std::map<std::string, Family, std::less<>> families_;
};

}  // namespace moldau::telemetry
