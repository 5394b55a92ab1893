// kafka-e2e-latency: one record at a time, from before it is sent until a consumer has it. perf e2e measures
// the same under load.
#include <fmt/format.h>

#include <algorithm>

#include "cli/connection.h"
#include "cli/handlers.h"
#include "cli/other_cluster.h"
#include "cli/reading.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Trips {
  std::string topic;
  std::int64_t count = 0;
  std::int64_t size = 0;
  std::optional<std::string> key;
  std::vector<std::pair<std::string, std::string>> headers;
  client::ProducerOptions producing;
  client::ConsumerOptions consuming;
};

// brokers topic num_messages producer_acks message_size_bytes [properties_file]: the form before KIP-1172.
Answer<void> take_positional(Arguments& arguments) {
  constexpr std::string_view kKeys[] = {"bootstrap-server", "topic",       "num-records",
                                        "producer-acks",    "record-size", "command-config"};
  const std::vector<std::string> words = arguments.words();
  if (words.empty()) return {};
  if (words.size() != 5 && words.size() != 6)
    return usage_trouble(
        "expected: broker_list topic num_messages producer_acks message_size_bytes "
        "[properties_file]");
  for (std::size_t i = 0; i < words.size(); ++i) {
    arguments.note(kKeys[i]);
    arguments.add(kKeys[i], words[i]);
  }
  return {};
}

Answer<Trips> trips_of(Session& session) {
  const Arguments& arguments = session.arguments;
  for (const std::string_view required : {"topic", "num-records", "producer-acks", "record-size"}) {
    if (!arguments.has(required))
      return usage_trouble("Missing required option(s) [" + std::string(required) + "]");
  }
  const std::string acks = arguments.text("producer-acks");
  if (acks != "1" && acks != "all")
    return usage_trouble("Latency testing requires synchronous acknowledgement. Please use 1 or all");
  session.properties["acks"] = acks;
  session.properties["linger.ms"] = "0";
  Trips trips{.topic = arguments.text("topic")};
  constexpr std::int64_t kMostBytes = 1 << 30, kMostSmall = 1 << 20;
  std::int64_t key_size = 0, headers = 0, header_key_size = 0, header_size = 0;
  Trouble why;
  if (!take(arguments.number_or("num-records", 0, 1), trips.count, why) ||
      !take(arguments.number_or("record-size", 0, 1, kMostBytes), trips.size, why) ||
      !take(arguments.number_or("record-key-size", 0, 0, kMostSmall), key_size, why) ||
      !take(arguments.number_or("num-headers", 0, 0, 10'000), headers, why) ||
      !take(arguments.number_or("record-header-key-size", 1, 1, kMostSmall), header_key_size, why) ||
      !take(arguments.number_or("record-header-size", 0, 0, kMostSmall), header_size, why) ||
      !take(producer_options(session.properties), trips.producing, why) ||
      !take(consumer_options(session.properties), trips.consuming, why))
    return trouble(std::move(why));
  if (key_size > 0) trips.key = std::string(static_cast<std::size_t>(key_size), 'k');
  for (std::int64_t i = 0; i < headers; ++i)
    trips.headers.emplace_back(std::string(static_cast<std::size_t>(header_key_size), 'h'),
                               std::string(static_cast<std::size_t>(header_size), 'v'));
  return trips;
}

Task<Answer<void>> ensure_topic(ClusterSession& session, const std::string& topic) {
  const auto found = co_await session.cluster.topics({.names = std::vector{topic}});
  if (!found) co_return trouble(trouble_of(found.error(), "cannot look up topic " + topic));
  if (!found->empty() && found->front().error == wire::ErrorCode::none) co_return Answer<void>{};
  session.out().line("Topic \"" + topic +
                     "\" does not exist. Will create topic with 1 partition(s) and replication factor = 1");
  const auto created = co_await session.admin.create_topics(
      {client::NewTopic{.name = topic, .partitions = 1, .replication_factor = 1}});
  if (!created) co_return trouble(trouble_of(created.error(), "cannot create topic " + topic));
  const auto& result = created->front().second;
  if (!result) co_return trouble(trouble_of(result.error(), "cannot create topic " + topic));
  co_return Answer<void>{};
}

class Travelling {
 public:
  Travelling(ClusterSession& session, ClusterSession& reading, const Trips& trips,
             client::ProducerCore& producer)
      : session_(session),
        trips_(trips),
        producer_(producer),
        consumer_(reading.cluster, trips.consuming),
        random_(session.world.entropy()) {
    for (const auto& [key, value] : trips.headers) headers_.push_back({key, as_bytes(value)});
  }

  Task<Answer<void>> run() {
    auto partitions = co_await partitions_of(session_, {trips_.topic}, {});
    if (!partitions) co_return trouble(std::move(partitions).error());
    const auto ends = co_await spans_of(session_, std::move(*partitions), {{OffsetBound::Kind::end, 0}, {}});
    if (!ends) co_return trouble(ends.error());
    for (const ReadSpan& end : *ends)
      consumer_.assign(end.partition.topic, end.partition.partition, client::StartAt::offset(end.from));
    Answer<void> answer;
    for (std::int64_t i = 0; i < trips_.count && answer && !session_.interrupt.raised(); ++i)
      answer = co_await trip(i);
    co_await consumer_.close();
    co_return answer;
  }

  void print() {
    if (latencies_ms_.empty()) return;
    std::ranges::sort(latencies_ms_);
    const auto at = [&](double fraction) {
      return latencies_ms_[static_cast<std::size_t>(static_cast<double>(latencies_ms_.size()) * fraction)];
    };
    session_.out().line(
        fmt::format("Avg latency: {:.4f} ms", total_ms_ / static_cast<double>(latencies_ms_.size())));
    session_.out().line(
        fmt::format("Percentiles: 50th = {}, 99th = {}, 99.9th = {}", at(0.5), at(0.99), at(0.999)));
  }

 private:
  Task<Answer<void>> trip(std::int64_t number) {
    const std::string value(static_cast<std::size_t>(trips_.size),
                            static_cast<char>('A' + random_.below(26)));
    const auto begin = session_.executor().now();
    const auto sent =
        co_await producer_.deliver({.topic = trips_.topic,
                                    .key = trips_.key ? std::optional(as_bytes(*trips_.key)) : std::nullopt,
                                    .value = as_bytes(value),
                                    .headers = headers_});
    if (!sent) co_return trouble(trouble_of(sent.error(), "cannot deliver a record to " + trips_.topic));
    const auto lots = co_await consumer_.poll(session_.executor().now() + std::chrono::seconds(60));
    if (!lots) co_return trouble(trouble_of(lots.error(), "cannot read"));
    const runtime::Duration elapsed = session_.executor().now() - begin;
    if (lots->empty())
      co_return trouble(Exit::failed, "poll() timed out before finding a result (timeout:[60000])");
    const auto& records = lots->front().records;
    if (lots->size() != 1 || records.size() != 1 || !records.front().value ||
        as_text(*records.front().value) != value)
      co_return trouble(Exit::failed, "the record read is not the one that was sent",
                        "somebody else writes to " + trips_.topic, "use a topic of its own");
    const double ms = std::chrono::duration<double, std::milli>(elapsed).count();
    if (number % 1000 == 0) session_.out().line(fmt::format("{}\t{}", number, ms));
    session_.out().flush();
    total_ms_ += ms;
    latencies_ms_.push_back(static_cast<std::int64_t>(ms));
    co_return Answer<void>{};
  }

  ClusterSession& session_;
  const Trips& trips_;
  client::ProducerCore& producer_;
  client::ConsumerCore consumer_;
  Random random_;
  std::vector<record::HeaderEntry> headers_;
  double total_ms_ = 0;
  std::vector<std::int64_t> latencies_ms_;
};

Task<Answer<Exit>> travel(ClusterSession& session, ClusterSession& reading, const Trips& trips) {
  auto producer = client::ProducerCore::create(session.cluster, trips.producing);
  if (!producer) co_return usage_trouble(producer.error().cause, producer.error().hint);
  Travelling travelling(session, reading, trips, **producer);
  auto ran = co_await travelling.run();
  co_await (*producer)->close(session.executor().now() + std::chrono::seconds(5));
  if (!ran) co_return trouble(std::move(ran).error());
  travelling.print();
  co_return session.interrupt.raised() ? exit_of(session.interrupt) : Exit::done;
}

ClusterAnswer measure(ClusterSession& session) {
  session.session.handles_interrupt = true;
  const auto trips = trips_of(session.session);
  if (!trips) co_return trouble(trips.error());
  if (auto there = co_await ensure_topic(session, trips->topic); !there)
    co_return trouble(std::move(there).error());
  co_return co_await with_own_connections(
      session, [&](ClusterSession& reading) { return travel(session, reading, *trips); });
}

}  // namespace

Answer<Exit> kafka_e2e_latency(Session& session) {
  if (auto taken = take_positional(session.arguments); !taken) return std::unexpected(taken.error());
  if (auto resolved = resolve_kafka_properties(session); !resolved) return std::unexpected(resolved.error());
  return run_on_cluster(session, &measure);
}

}  // namespace moldau::cli
