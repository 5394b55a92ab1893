// kafka-verifiable-producer: 0, 1, 2 … Where Kafka's own does not repeat a batch that failed, this producer
// is idempotent with acks=-1, and repeats until delivery.timeout.ms.
#include <algorithm>

#include "cli/connection.h"
#include "cli/kafka_exception.h"
#include "cli/verifiable.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Plan {
  std::string topic;
  std::int64_t most = -1;
  std::int64_t throughput = -1;
  std::optional<std::int64_t> prefix;
  std::optional<std::int64_t> keys;
  std::optional<TimestampMs> create_time;
  client::ProducerOptions options;
};

Answer<Plan> plan_of(Session& session) {
  const Arguments& arguments = session.arguments;
  const std::string acks = arguments.text("acks", "-1");
  if (acks != "0" && acks != "1" && acks != "-1")
    return usage_trouble("argument --acks: invalid choice: '" + acks + "' (choose from {0,1,-1})");
  session.properties.try_emplace("acks", acks);  // the file's counts, as with Kafka
  Plan plan{.topic = arguments.text("topic")};
  auto options = producer_options(session.properties);
  if (!options) return std::unexpected(std::move(options).error());
  plan.options = std::move(*options);
  Trouble why;
  std::int64_t create_time = -1;
  if (!take(arguments.number_or("max-messages", -1, INT32_MIN, INT32_MAX), plan.most, why) ||
      !take(arguments.number_or("throughput", -1, INT32_MIN, INT32_MAX), plan.throughput, why) ||
      !take(arguments.number("value-prefix", INT32_MIN, INT32_MAX), plan.prefix, why) ||
      !take(arguments.number("repeating-keys", 1, INT32_MAX), plan.keys, why) ||
      !take(arguments.number_or("message-create-time", -1, INT64_MIN), create_time, why))
    return trouble(std::move(why));
  if (create_time != -1) plan.create_time = create_time;
  return plan;
}

class VerifiableProducer {
 public:
  VerifiableProducer(ClusterSession& session, Plan plan, std::unique_ptr<client::ProducerCore> producer)
      : session_(session), plan_(std::move(plan)), producer_(std::move(producer)), started_(now()) {}

  Task<Answer<Exit>> run() {
    tell_event(session_, "startup_complete");
    for (std::int64_t i = 0; (plan_.most < 0 || i < plan_.most) && !stops(); ++i) {
      co_await send(i);
      co_await keep_pace(i + 1);
    }
    constexpr auto kAfterSignal = std::chrono::seconds(5);
    const bool cut = session_.interrupt.raised();
    co_await producer_->close(cut ? now() + kAfterSignal : runtime::kForever);
    tell_event(session_, "shutdown_complete");
    const double seconds = std::chrono::duration<double>(now() - started_).count();
    tell_event(session_, "tool_data",
               {{"sent", sent_},
                {"acked", acknowledged_},
                {"target_throughput", plan_.throughput},
                {"avg_throughput", seconds > 0 ? static_cast<double>(acknowledged_) / seconds : 0.0}});
    co_return cut ? exit_of(session_.interrupt) : Exit::done;
  }

 private:
  runtime::MonotonicTime now() { return session_.executor().now(); }
  bool stops() { return session_.interrupt.raised() || session_.out().broken(); }

  Task<void> send(std::int64_t number) {
    const std::string value =
        plan_.prefix ? std::to_string(*plan_.prefix) + "." + std::to_string(number) : std::to_string(number);
    std::optional<std::string> key;
    if (plan_.keys) key = std::to_string(number % *plan_.keys);
    client::NewRecord record{.topic = plan_.topic, .value = as_bytes(value)};
    if (key) record.key = as_bytes(*key);
    if (plan_.create_time) {
      record.timestamp = *plan_.create_time;
      // As Kafka's: each later than the one before by as long as the tool has run.
      *plan_.create_time += std::chrono::duration_cast<std::chrono::milliseconds>(now() - started_).count();
    }
    ++sent_;
    const auto queued = co_await producer_->send(
        record, [this, key, value](const client::Outcome<client::RecordMetadata>& outcome) {
          outcome ? acknowledged(key, value, *outcome) : failed(key, value, outcome.error());
        });
    if (!queued) failed(key, value, queued.error());
  }

  void acknowledged(const std::optional<std::string>& key, const std::string& value,
                    const client::RecordMetadata& where) {
    ++acknowledged_;
    tell_event(session_, "producer_send_success",
               {{"key", key ? Json(*key) : Json()},
                {"value", value},
                {"topic", plan_.topic},
                {"partition", where.partition},
                {"offset", where.offset}});
  }
  void failed(const std::optional<std::string>& key, const std::string& value,
              const client::Failure& failure) {
    const wire::ErrorCode code =
        failure.broker == wire::ErrorCode::none ? wire::ErrorCode::request_timed_out : failure.broker;
    tell_event(session_, "producer_send_error",
               {{"key", key ? Json(*key) : Json()},
                {"value", value},
                {"topic", plan_.topic},
                {"exception", "class " + exception_name(code)},
                {"message", words_of(failure)}});
  }

  // Waits until it is time for record `next`.
  Task<void> keep_pace(std::int64_t next) {
    constexpr runtime::Duration kLook = std::chrono::milliseconds(100);
    if (plan_.throughput < 0) co_return;
    while (!stops()) {
      const bool never = plan_.throughput == 0;
      const auto due = never ? runtime::kForever
                             : started_ + std::chrono::nanoseconds(next * 1'000'000'000 / plan_.throughput);
      if (now() >= due) co_return;
      co_await runtime::sleep_for(session_.executor(), never ? kLook : std::min(kLook, due - now()));
    }
  }

  ClusterSession& session_;
  Plan plan_;
  std::unique_ptr<client::ProducerCore> producer_;
  const runtime::MonotonicTime started_;
  std::int64_t sent_ = 0;
  std::int64_t acknowledged_ = 0;
};

Task<Answer<Exit>> produce_numbers(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto plan = plan_of(session.session);
  if (!plan) co_return trouble(std::move(plan).error());
  auto core = client::ProducerCore::create(session.cluster, plan->options);
  if (!core) co_return usage_trouble(core.error().cause);
  VerifiableProducer producer(session, std::move(*plan), std::move(*core));
  co_return co_await producer.run();
}

}  // namespace

Answer<Exit> kafka_verifiable_producer(Session& session) {
  constexpr std::string_view kRequired[] = {"topic", "bootstrap-server"};
  return run_verifiable(session, kRequired, &produce_numbers);
}

}  // namespace moldau::cli
