// Load: records that producers send, as fast as they go or at a rate, and how long each took until it was
// acknowledged. With a rate the load is open: a record counts from the moment at which it was due, so that a
// slow broker cannot hide its latency by slowing the load down.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/perf_stats.h"
#include "cli/session.h"
#include "client/producer.h"

namespace moldau::cli {

struct Load {
  std::string topic;
  std::int64_t records = INT64_MAX;
  std::optional<runtime::Duration> duration;
  std::int64_t record_size = 100;  // bytes of each value
  double rate = -1;                // records a second; negative: as fast as it goes
  std::int64_t warmup = 0;         // so many of the records are not counted
  std::int64_t key_range = 0;
  bool random_keys = false;
  bool monotonic = false;             // numbers as values
  std::vector<std::string> payloads;  // to choose from, instead of letters
  std::uint64_t seed = 0;             // 0: the World's
  runtime::Duration interval = std::chrono::seconds(5);
  // Every value begins with a Stamp of this run. REQUIRES: record_size >= Stamp::kSize.
  std::optional<std::uint64_t> stamped_as;
  std::function<bool()> enough;  // asked before each record: true ends the load
};

// The load of --num-records, --duration, --record-size, --rate, --warmup, --key-range and --payload-file, for
// the topic that is the only word. What the flags leave open is as in `defaults`; either of --num-records and
// --duration takes the place of both.
Answer<Load> load_of_flags(const Session& session, Load defaults);
// The parts of a file between delimiters, which are not empty; nothing without --payload-file.
Answer<std::vector<std::string>> payloads_of(const Session& session, const std::string& delimiter);

// What the beginning of a value tells whoever reads it: which run it is of, and when it was due.
struct Stamp {
  static constexpr std::size_t kSize = 16;
  std::uint64_t run = 0;
  runtime::MonotonicTime due{};

  void write(MutableBytes value) const;  // REQUIRES: value.size() >= kSize.
  static std::optional<Stamp> read(const std::optional<ByteView>& value);
};

// They share the load, one record each in turn.
using Producers = std::vector<std::unique_ptr<client::ProducerCore>>;
Answer<Producers> producers_for(ClusterSession& session, const client::ProducerOptions& options,
                                std::int64_t count);
runtime::Task<void> close_producers(ClusterSession& session, const Producers& producers);

class LoadRun {
 public:
  using OnInterval = std::function<void(const LatencyStats&, std::int64_t bytes, runtime::Duration elapsed)>;

  LoadRun(ClusterSession& session, Load load, const Producers& producers, OnInterval on_interval = {});

  // Ends when every record was acknowledged, or with the first failure.
  runtime::Task<Answer<void>> run();

  // Of the records that count, until now acknowledged.
  const LatencyStats& total() const { return total_; }
  // Those of the warm-up, too.
  std::int64_t acknowledged() const { return acknowledged_; }
  std::int64_t bytes() const { return bytes_; }
  // From the start to the last acknowledgement.
  runtime::Duration elapsed() const { return std::max(last_acknowledged_, started_) - started_; }
  // Where counting began: records that were due before were warming up.
  runtime::MonotonicTime started() const { return started_; }

 private:
  runtime::MonotonicTime now() { return session_.executor().now(); }
  void begin(runtime::MonotonicTime at);
  runtime::Task<void> flush();
  bool over();
  runtime::MonotonicTime due(std::int64_t sent) const;
  runtime::Task<void> wait_until_due(std::int64_t sent);
  std::string_view payload(std::int64_t sent, runtime::MonotonicTime from);
  std::optional<ByteView> key(std::int64_t sent);
  runtime::Task<Answer<void>> send(std::int64_t sent);
  std::unexpected<Trouble> undelivered() const;
  void note(runtime::Duration latency, std::size_t size);
  void tick();

  ClusterSession& session_;
  Load load_;
  const Producers& producers_;
  OnInterval on_interval_;
  Random random_;
  std::string value_, number_, key_;
  runtime::MonotonicTime started_{}, interval_started_{}, last_acknowledged_{};
  std::int64_t first_of_pace_ = 0, next_of_pace_ = 0;
  LatencyStats total_, interval_;
  std::int64_t acknowledged_ = 0;
  std::int64_t bytes_ = 0, interval_bytes_ = 0;
  std::uint64_t generation_ = 0;
  std::optional<client::Failure> failure_;
};

}  // namespace moldau::cli
