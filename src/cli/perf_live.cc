#include "cli/perf_live.h"

#include "cli/other_cluster.h"

namespace moldau::cli {
namespace {

using runtime::MonotonicTime;
using runtime::Task;

constexpr auto kPatience = std::chrono::seconds(10);

// What the load tells the consumers.
struct Shared {
  std::uint64_t run = 0;
  std::optional<std::int64_t> expected;  // so many of the load's records are there; set when it has ended
  MonotonicTime ended{};
  bool failed = false;
  std::int64_t ready = 0;  // consumers that are connected
};

// A fetch of every consumer is on its way when the load begins, so that the first records find it waiting.
Task<void> until_ready(ClusterSession& session, const Shared& shared, std::int64_t consumers) {
  while (shared.ready < consumers && !shared.failed && !session.interrupt.raised())
    co_await runtime::sleep_for(session.executor(), std::chrono::milliseconds(5));
  co_await runtime::sleep_for(session.executor(), std::chrono::milliseconds(50));
}

class LiveConsumer {
 public:
  LiveConsumer(ClusterSession& session, const LivePlan& plan, const LoadRun& load, Shared& shared)
      : session_(session), plan_(plan), load_(load), shared_(shared) {}

  // On connections of its own, as a process of its own would have them.
  Task<Answer<Exit>> run(client::ConsumerOptions options, std::vector<ReadSpan> spans) {
    auto answer = co_await with_own_connections(
        session_, [&](ClusterSession& own) { return read(own, std::move(options), std::move(spans)); });
    if (!answer) shared_.failed = true;
    co_return answer;
  }

  void add_to(LiveSide& side) const {
    side.throughput.records += read_.records;
    side.throughput.bytes += read_.bytes;
    side.throughput.elapsed = std::max(side.throughput.elapsed, last_ - first_);
    side.latencies.add(latencies_);
  }
  std::int64_t own() const { return own_; }

 private:
  MonotonicTime now() const { return session_.executor().now(); }

  Task<Answer<Exit>> read(ClusterSession& own, client::ConsumerOptions options, std::vector<ReadSpan> spans) {
    first_ = last_ = last_own_ = now();
    ++shared_.ready;
    ReadLimits limits{.enough = [this] { return enough(); },
                      .until_ready = [this] { return runtime::sleep_until(session_.executor(), due()); }};
    const auto end = co_await read_records(
        own, std::move(options), std::move(spans), std::move(limits),
        [this](const PrintedRecord& record) { return visit(record); }, [] {});
    if (!end) co_return trouble(end.error());
    co_return Exit::done;
  }

  Visit visit(const PrintedRecord& printed) {
    const record::RecordView& record = printed.record;
    if (std::exchange(counted_from_, load_.started()) != load_.started()) begin();
    last_ = now();
    if (const auto stamp = Stamp::read(record.value); stamp && stamp->run == shared_.run) {
      ++own_;
      last_own_ = last_;
      if (stamp->due < load_.started()) return Visit::go_on;  // late from the warm-up
      latencies_.add(last_ - stamp->due);
    }
    ++read_.records;
    read_.bytes += static_cast<std::int64_t>((record.key ? record.key->size() : 0) +
                                             (record.value ? record.value->size() : 0));
    return plan_.rate && due() > last_ ? Visit::wait : Visit::go_on;
  }

  // Counting begins when the load's does: after its warm-up.
  void begin() {
    first_ = now();
    read_ = {};
    latencies_.clear();
  }

  // Of the next record, when there is a rate.
  MonotonicTime due() const {
    return first_ + std::chrono::nanoseconds(
                        static_cast<std::int64_t>(static_cast<double>(read_.records) * 1e9 / *plan_.rate));
  }

  bool enough() const {
    if (shared_.failed) return true;
    if (!shared_.expected) return false;
    if (plan_.from_start || plan_.rate || own_ >= *shared_.expected) return true;
    return now() - std::max(last_own_, shared_.ended) >= kPatience;
  }

  ClusterSession& session_;
  const LivePlan& plan_;
  const LoadRun& load_;
  Shared& shared_;
  MonotonicTime counted_from_{};
  MonotonicTime first_{}, last_{}, last_own_{};
  Throughput read_;
  LatencyStats latencies_;
  std::int64_t own_ = 0;
};

}  // namespace

Answer<LivePlan> live_plan_of_flags(const Arguments& arguments) {
  LivePlan plan{.from_start = arguments.has("from-start")};
  Trouble why;
  std::optional<std::int64_t> rate;
  if (!take(arguments.number_or("consumers", 1, 1, 1000), plan.consumers, why) ||
      !take(arguments.number("consume-rate", 1, INT64_MAX), rate, why))
    return trouble(std::move(why));
  if (rate) plan.rate = static_cast<double>(*rate);
  return plan;
}

Task<Answer<LiveResult>> run_live(ClusterSession& session, Load load, LivePlan plan,
                                  const Producers& producers, client::ConsumerOptions options,
                                  OnLive on_interval) {
  auto partitions = co_await partitions_of(session, {load.topic}, {});
  if (!partitions) co_return trouble(std::move(partitions).error());
  const OffsetRange range{{plan.from_start ? OffsetBound::Kind::start : OffsetBound::Kind::end, 0}, {}};
  const auto spans = co_await spans_of(session, std::move(*partitions), range);
  if (!spans) co_return trouble(spans.error());

  Shared shared{.run = session.world.entropy()};
  load.stamped_as = shared.run;
  load.enough = [&] { return shared.failed; };
  LoadRun run(session, std::move(load), producers, std::move(on_interval));
  std::vector<std::unique_ptr<LiveConsumer>> consumers;
  std::vector<Task<Answer<Exit>>> reading;
  for (std::int64_t i = 0; i < plan.consumers; ++i) {
    consumers.push_back(std::make_unique<LiveConsumer>(session, plan, run, shared));
    reading.push_back(consumers.back()->run(options, *spans));
  }
  co_await until_ready(session, shared, plan.consumers);
  Answer<void> answer = co_await run.run();
  if (!answer) shared.failed = true;
  shared.ended = session.executor().now();
  shared.expected = run.acknowledged();
  for (Task<Answer<Exit>>& task : reading) {
    auto read = co_await std::move(task);
    if (!read && answer) answer = trouble(std::move(read).error());
  }
  if (!answer) co_return trouble(std::move(answer).error());

  LiveResult result;
  result.written.throughput = {run.total().count(), run.bytes(), run.elapsed()};
  result.written.latencies = run.total();
  for (const auto& consumer : consumers) {
    consumer->add_to(result.read);
    result.missing += std::max<std::int64_t>(0, *shared.expected - consumer->own());
  }
  co_return result;
}

}  // namespace moldau::cli
