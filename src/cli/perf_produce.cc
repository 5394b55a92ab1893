// perf produce and kafka-producer-perf-test. With a rate the load is open: a record counts from the moment at
// which it was due, so that a slow broker cannot hide its latency by slowing the load down.
#include <fmt/format.h>

#include "cli/connection.h"
#include "cli/delivery.h"
#include "cli/handlers.h"
#include "cli/json.h"
#include "cli/perf_stats.h"
#include "cli/report.h"
#include "cli/text_file.h"

namespace moldau::cli {
namespace {

using runtime::Duration;
using runtime::MonotonicTime;
using runtime::Task;

struct Load {
  std::string topic;
  std::int64_t records = INT64_MAX;
  std::optional<Duration> duration;
  std::int64_t record_size = 100;
  double rate = -1;  // records a second; negative: as fast as it goes
  std::int64_t warmup = 0;
  std::int64_t key_range = 0;
  bool random_keys = false;
  bool monotonic = false;
  std::vector<std::string> payloads;
  std::uint64_t seed = 0;
  Duration interval = std::chrono::seconds(5);
};

// They share the load, one record each in turn.
using Producers = std::vector<std::unique_ptr<client::ProducerCore>>;

using Report = std::function<void(const LatencyStats&, std::int64_t bytes, Duration elapsed)>;

class LoadRun {
 public:
  LoadRun(ClusterSession& session, Load load, const Producers& producers, Report on_interval)
      : session_(session),
        load_(std::move(load)),
        producers_(producers),
        on_interval_(std::move(on_interval)),
        random_(load_.seed != 0 ? load_.seed : session.world.entropy()),
        value_(static_cast<std::size_t>(load_.record_size), 'x') {
    for (char& c : value_) c = static_cast<char>('A' + random_.below(26));
  }

  Task<Answer<void>> run() {
    begin(now());
    for (std::int64_t sent = 0; sent < load_.records && !over(); ++sent) {
      if (sent == load_.warmup) begin(now());
      if (load_.rate > 0) co_await wait_until_due(sent);
      if (auto queued = co_await send(sent); !queued) co_return queued;
      tick();
      if (failure_) co_return trouble(trouble_of(*failure_, "cannot deliver records to " + load_.topic));
    }
    co_await flush();
    elapsed_ = std::max(last_acknowledged_, started_) - started_;
    if (failure_) co_return trouble(trouble_of(*failure_, "cannot deliver records to " + load_.topic));
    co_return Answer<void>{};
  }

  const LatencyStats& total() const { return total_; }
  std::int64_t bytes() const { return bytes_; }
  Duration elapsed() const { return elapsed_; }

 private:
  MonotonicTime now() { return session_.executor().now(); }

  void begin(MonotonicTime at) {
    started_ = interval_started_ = at;
    first_of_pace_ = next_of_pace_;
    total_.clear();
    interval_.clear();
    bytes_ = interval_bytes_ = 0;
    ++generation_;
  }

  // The records still in the buffer are reported as they are acknowledged.
  Task<void> flush() {
    for (const auto& producer : producers_) {
      Task<void> flushing = producer->flush();
      while (!flushing.ended()) {
        co_await runtime::sleep_for(session_.executor(), std::chrono::milliseconds(20));
        tick();
      }
      co_await std::move(flushing);
    }
  }

  bool over() {
    return session_.interrupt.raised() || (load_.duration && now() - started_ >= *load_.duration);
  }

  MonotonicTime due(std::int64_t sent) const {
    const double seconds = static_cast<double>(sent - first_of_pace_) / load_.rate;
    return started_ + std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  }

  Task<void> wait_until_due(std::int64_t sent) {
    next_of_pace_ = sent;
    const MonotonicTime at = due(sent);
    if (at > now()) co_await runtime::sleep_until(session_.executor(), at);
  }

  std::string_view payload(std::int64_t sent) {
    if (!load_.payloads.empty()) return load_.payloads[random_.below(load_.payloads.size())];
    if (load_.monotonic) return number_ = std::to_string(sent);
    return value_;
  }

  std::optional<ByteView> key(std::int64_t sent) {
    if (load_.key_range <= 0) return std::nullopt;
    const auto range = static_cast<std::uint64_t>(load_.key_range);
    key_ =
        std::to_string(load_.random_keys ? random_.below(range) : static_cast<std::uint64_t>(sent) % range);
    return as_bytes(key_);
  }

  Task<Answer<void>> send(std::int64_t sent) {
    const std::string_view value = payload(sent);
    const MonotonicTime from = load_.rate > 0 ? due(sent) : now();
    client::DeliveryCallback settled = [this, from, size = value.size(), generation = generation_](
                                           const client::Outcome<client::RecordMetadata>& outcome) {
      if (!outcome)
        failure_ = outcome.error();
      else if (generation == generation_)
        note(now() - from, size);
    };
    const client::NewRecord record{.topic = load_.topic, .key = key(sent), .value = as_bytes(value)};
    client::ProducerCore& producer = *producers_[static_cast<std::size_t>(sent) % producers_.size()];
    auto queued = producer.try_send(record, settled);
    if (queued && *queued == client::ProducerCore::Queued::would_block) {
      auto waited = co_await producer.send(record, std::move(settled));
      if (!waited) co_return trouble(trouble_of(waited.error(), "cannot send to " + load_.topic));
    } else if (!queued) {
      co_return trouble(trouble_of(queued.error(), "cannot send to " + load_.topic));
    }
    // Lets what has arrived be seen to; a loop that never waits would keep the shard.
    constexpr std::int64_t kTurn = 256;
    if (sent % kTurn == 0) co_await runtime::yield(session_.executor());
    co_return Answer<void>{};
  }

  void note(Duration latency, std::size_t size) {
    total_.add(latency);
    interval_.add(latency);
    bytes_ += static_cast<std::int64_t>(size);
    interval_bytes_ += static_cast<std::int64_t>(size);
    last_acknowledged_ = now();
  }

  void tick() {
    if (now() - interval_started_ < load_.interval || interval_.count() == 0) return;
    on_interval_(interval_, interval_bytes_, now() - interval_started_);
    interval_.clear();
    interval_bytes_ = 0;
    interval_started_ = now();
  }

  ClusterSession& session_;
  Load load_;
  const Producers& producers_;
  Report on_interval_;
  Random random_;
  std::string value_, number_, key_;
  MonotonicTime started_{}, interval_started_{}, last_acknowledged_{};
  std::int64_t first_of_pace_ = 0, next_of_pace_ = 0;
  LatencyStats total_, interval_;
  std::int64_t bytes_ = 0, interval_bytes_ = 0;
  std::uint64_t generation_ = 0;
  Duration elapsed_{};
  std::optional<client::Failure> failure_;
};

double seconds_of(Duration duration) {
  return std::max(1e-9, std::chrono::duration<double>(duration).count());
}

constexpr double kMebibyte = 1024.0 * 1024.0;

std::string kafka_line(const LatencyStats& stats, std::int64_t bytes, Duration elapsed) {
  return fmt::format(
      "{} records sent, {:.1f} records/sec ({:.2f} MB/sec), {:.1f} ms avg latency, {:.1f} ms max latency",
      stats.count(), static_cast<double>(stats.count()) / seconds_of(elapsed),
      static_cast<double>(bytes) / seconds_of(elapsed) / kMebibyte, stats.mean_ms(), stats.max_ms());
}

std::string kafka_total_line(const LoadRun& run) {
  const LatencyStats& stats = run.total();
  return kafka_line(stats, run.bytes(), run.elapsed()) +
         fmt::format(", {:.0f} ms 50th, {:.0f} ms 95th, {:.0f} ms 99th, {:.0f} ms 99.9th.",
                     stats.percentile_ms(0.5), stats.percentile_ms(0.95), stats.percentile_ms(0.99),
                     stats.percentile_ms(0.999));
}

Table result_table(const LoadRun& run) {
  const auto rounded = [](double value) {
    return Json(static_cast<double>(static_cast<std::int64_t>(value * 100)) / 100);
  };
  const LatencyStats& stats = run.total();
  const double seconds = seconds_of(run.elapsed());
  Table table({{"records", true},
               {"seconds", true},
               {"records_per_s", true},
               {"mib_per_s", true},
               {"mean_ms", true},
               {"p50_ms", true},
               {"p95_ms", true},
               {"p99_ms", true},
               {"p999_ms", true},
               {"max_ms", true}});
  table.add({stats.count(), rounded(seconds), rounded(static_cast<double>(stats.count()) / seconds),
             rounded(static_cast<double>(run.bytes()) / seconds / kMebibyte), rounded(stats.mean_ms()),
             rounded(stats.percentile_ms(0.5)), rounded(stats.percentile_ms(0.95)),
             rounded(stats.percentile_ms(0.99)), rounded(stats.percentile_ms(0.999)),
             rounded(stats.max_ms())});
  return table;
}

Answer<std::vector<std::string>> payloads_of(const Session& session, const std::string& delimiter) {
  const auto path = session.arguments.find("payload-file");
  if (!path) return std::vector<std::string>{};
  const auto text = read_text_file(session.invocation, *path);
  if (!text) return std::unexpected(text.error());
  std::vector<std::string> payloads;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(delimiter), rest.size());
    if (end > 0) payloads.emplace_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + delimiter.size(), rest.size()));
  }
  if (payloads.empty()) return trouble(Exit::bad_file, *path + " is empty");
  return payloads;
}

Answer<Load> load_of_kafka_flags(const Session& session) {
  const Arguments& arguments = session.arguments;
  for (const std::string_view required : {"topic", "num-records", "throughput"}) {
    if (!arguments.has(required))
      return usage_trouble("argument --" + std::string(required) + " is required");
  }
  if (arguments.has("record-size") + arguments.has("payload-file") + arguments.has("payload-monotonic") != 1)
    return usage_trouble("one of the arguments --record-size --payload-file --payload-monotonic is required");
  if (arguments.has("transactional-id") || arguments.has("transaction-id") ||
      arguments.has("transaction-duration-ms"))
    return trouble(Exit::failed, "transactions are not available in this version");
  Load load{.topic = arguments.text("topic")};
  Trouble why;
  std::int64_t interval_ms = 0, seed = 0;
  std::string delimiter = arguments.text("payload-delimiter", "\n");
  if (delimiter == "\\n") delimiter = "\n";
  if (!take(arguments.number_or("num-records", 0, 1), load.records, why) ||
      !take(arguments.number_or("record-size", 100, 1, 1 << 30), load.record_size, why) ||
      !take(arguments.number_or("warmup-records", 0, 0), load.warmup, why) ||
      !take(arguments.number_or("record-key-range", 0, 0), load.key_range, why) ||
      !take(arguments.number_or("reporting-interval", 5000, 1), interval_ms, why) ||
      !take(arguments.number_or("random-seed", 0, 0), seed, why) ||
      !take(payloads_of(session, delimiter), load.payloads, why))
    return trouble(std::move(why));
  char* end = nullptr;
  const std::string throughput = arguments.text("throughput");
  load.rate = std::strtod(throughput.c_str(), &end);
  if (end != throughput.c_str() + throughput.size())
    return usage_trouble("--throughput: " + throughput + " is no number");
  load.random_keys = arguments.text("key-distribution") == "random";
  load.monotonic = arguments.has("payload-monotonic");
  load.interval = runtime::milliseconds(interval_ms);
  load.seed = static_cast<std::uint64_t>(seed);
  return load;
}

Answer<Load> load_of_flags(const Session& session) {
  const Arguments& arguments = session.arguments;
  if (arguments.words().size() != 1) return usage_trouble("which topic?", "moldau perf produce TOPIC");
  Load load{.topic = arguments.words().front(), .interval = std::chrono::seconds(1)};
  if (const auto duration = arguments.find("duration")) {
    load.duration = parse_duration(*duration);
    if (!load.duration)
      return usage_trouble("--duration: \"" + *duration + "\" is no duration", "for example 30s");
  }
  Trouble why;
  std::int64_t rate = -1;
  if (!take(arguments.number_or("num-records", load.duration ? INT64_MAX : 100'000, 1), load.records, why) ||
      !take(arguments.number_or("record-size", 100, 1, 1 << 30), load.record_size, why) ||
      !take(arguments.number_or("warmup", 0, 0), load.warmup, why) ||
      !take(arguments.number_or("key-range", 0, 0), load.key_range, why) ||
      !take(arguments.number_or("rate", -1, 1), rate, why) ||
      !take(payloads_of(session, "\n"), load.payloads, why))
    return trouble(std::move(why));
  load.rate = static_cast<double>(rate);
  return load;
}

Answer<Producers> producers_for(ClusterSession& session, const client::ProducerOptions& options,
                                std::int64_t count) {
  Producers producers;
  for (std::int64_t i = 0; i < count; ++i) {
    auto producer = client::ProducerCore::create(session.cluster, options);
    if (!producer) return usage_trouble(producer.error().cause, producer.error().hint);
    producers.push_back(std::move(*producer));
  }
  return producers;
}

Task<Answer<void>> write_hgrm(ClusterSession& session, const LatencyStats& stats) {
  const auto name = session.arguments().find("hdr");
  if (!name) co_return Answer<void>{};
  const std::string path = absolute_path(session.session.invocation, *name);
  const std::string text = stats.hgrm();
  const Status written = co_await session.world.pool().run(
      runtime::Lane::background, session.executor(),
      [&] { return runtime::write_file_atomically(session.world.disk(), path, as_bytes(text)); });
  if (!written) co_return trouble(trouble_of(written.error(), "cannot write " + path));
  co_return Answer<void>{};
}

Task<Answer<Exit>> ended(ClusterSession& session, const Producers& producers, Answer<void> ran) {
  for (const auto& producer : producers)
    co_await producer->close(session.executor().now() + std::chrono::seconds(5));
  if (!ran) co_return trouble(std::move(ran).error());
  if (session.interrupt.raised()) co_return Exit::interrupted;
  co_return Exit::done;
}

}  // namespace

ClusterAnswer perf_produce(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto load = load_of_flags(session.session);
  if (!load) co_return trouble(std::move(load).error());
  Properties properties = session.session.properties;
  if (const auto acks = session.arguments().find("acks")) properties["acks"] = *acks;
  if (const auto codec = session.arguments().find("compression")) properties["compression.type"] = *codec;
  auto options = producer_options(properties);
  if (!options) co_return trouble(std::move(options).error());
  const auto count = session.arguments().number_or("producers", 1, 1, 1000);
  if (!count) co_return trouble(count.error());
  const auto producers = producers_for(session, *options, *count);
  if (!producers) co_return trouble(producers.error());
  Progress progress(session.session, session.executor());
  LoadRun run(session, std::move(*load), *producers,
              [&](const LatencyStats& stats, std::int64_t bytes, Duration elapsed) {
                progress.show(kafka_line(stats, bytes, elapsed));
              });
  auto ran = co_await run.run();
  progress.clear();
  const bool done = ran.has_value();
  const auto exit = co_await ended(session, *producers, std::move(ran));
  if (!done) co_return exit;
  if (auto written = co_await write_hgrm(session, run.total()); !written)
    co_return trouble(std::move(written).error());
  if (session.arguments().has("json"))
    session.out().put(result_table(run).render(Format::jsonl));
  else if (auto printed = print_table(session.session, result_table(run)); !printed)
    co_return trouble(printed.error());
  co_return exit;
}

ClusterAnswer kafka_producer_perf_test(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto load = load_of_kafka_flags(session.session);
  if (!load) co_return trouble(std::move(load).error());
  auto options = producer_options(session.session.properties);
  if (!options) co_return trouble(std::move(options).error());
  const auto producers = producers_for(session, *options, 1);
  if (!producers) co_return trouble(producers.error());
  LoadRun run(session, std::move(*load), *producers,
              [&](const LatencyStats& stats, std::int64_t bytes, Duration elapsed) {
                session.out().line(kafka_line(stats, bytes, elapsed) + ".");
                session.out().flush();
              });
  auto ran = co_await run.run();
  const bool done = ran.has_value();
  const auto counters = producers->front()->counters();
  const auto exit = co_await ended(session, *producers, std::move(ran));
  if (!done) co_return exit;
  session.out().line(kafka_total_line(run));
  if (session.arguments().has("print-metrics"))
    session.out().line(
        fmt::format("records-delivered: {}  batches-sent: {}  requests-sent: {}  bytes-sent: {}  retries: {}",
                    counters.records_delivered, counters.batches_sent, counters.requests_sent,
                    counters.bytes_sent, counters.retries));
  co_return exit;
}

}  // namespace moldau::cli
