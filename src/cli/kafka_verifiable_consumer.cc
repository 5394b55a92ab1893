// kafka-verifiable-consumer: a member of a group that commits after each lot of records.
#include <algorithm>

#include "cli/connection.h"
#include "cli/verifiable.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Plan {
  std::string topic;
  std::int64_t most = -1;
  std::size_t lot = 500;
  bool verbose = false;
  client::GroupConsumerOptions options;
};

// Flags count, not the file, as with Kafka.
Answer<Plan> plan_of(Session& session) {
  const Arguments& arguments = session.arguments;
  Properties properties = session.properties;
  properties["group.id"] = arguments.text("group-id");
  properties["enable.auto.commit"] = arguments.has("enable-autocommit") ? "true" : "false";
  properties["auto.offset.reset"] = arguments.text("reset-policy", "earliest");
  std::string protocol = arguments.text("group-protocol", "classic");
  std::ranges::transform(protocol, protocol.begin(), [](unsigned char c) { return std::tolower(c); });
  properties["group.protocol"] = protocol;
  if (protocol == "consumer") {
    if (const auto assignor = arguments.find("group-remote-assignor"))
      properties["group.remote.assignor"] = *assignor;
  } else {
    properties["session.timeout.ms"] = arguments.text("session-timeout", "30000");
    properties["partition.assignment.strategy"] =
        arguments.text("assignment-strategy", "org.apache.kafka.clients.consumer.RangeAssignor");
  }
  if (const auto instance = arguments.find("group-instance-id")) properties["group.instance.id"] = *instance;
  auto options = group_consumer_options(properties);
  if (!options) return std::unexpected(std::move(options).error());
  Plan plan{
      .topic = arguments.text("topic"), .verbose = arguments.has("verbose"), .options = std::move(*options)};
  const auto most = arguments.number_or("max-messages", -1, INT32_MIN, INT32_MAX);
  if (!most) return std::unexpected(most.error());
  plan.most = *most;
  if (const auto lot = properties.find("max.poll.records"); lot != properties.end()) {
    const auto number = whole_number(lot->second);
    if (!number || *number < 1) return usage_trouble("max.poll.records=" + lot->second + " cannot be used");
    plan.lot = static_cast<std::size_t>(*number);
  }
  return plan;
}

Json list_of(const std::vector<TopicPartition>& partitions) {
  Json::Array list;
  for (const TopicPartition& one : partitions)
    list.emplace_back(Json::Object{{"topic", one.topic}, {"partition", one.partition}});
  return list;
}

// What came of one partition in one lot.
struct Summary {
  std::int64_t count = 0;
  Offset first = kNoOffset;
  Offset last = kNoOffset;
};
using Summaries = std::map<TopicPartition, Summary>;

class VerifiableConsumer : private client::RebalanceHooks {
 public:
  VerifiableConsumer(ClusterSession& session, Plan plan)
      : session_(session),
        plan_(std::move(plan)),
        consumer_(session.cluster, plan_.options, subscription(), this) {}

  Task<Answer<Exit>> run() {
    const auto end = co_await read();
    // Kafka's tells it once a signal came, or else as the last thing of all.
    const bool asked = session_.interrupt.raised();
    if (asked) tell_event(session_, "shutdown_requested");
    co_await consumer_.close();
    tell_event(session_, "shutdown_complete");
    if (!asked) tell_event(session_, "shutdown_requested");
    if (!end) co_return trouble(end.error());
    co_return session_.interrupt.raised() ? exit_of(session_.interrupt) : Exit::done;
  }

 private:
  static constexpr runtime::Duration kLook = std::chrono::milliseconds(100);  // for signals

  Task<void> revoked(std::vector<TopicPartition> partitions) override {
    lost(std::move(partitions));
    co_return;
  }
  void lost(std::vector<TopicPartition> partitions) override {
    tell_event(session_, "partitions_revoked", {{"partitions", list_of(partitions)}});
  }
  Task<void> assigned(std::vector<TopicPartition> partitions) override {
    tell_event(session_, "partitions_assigned", {{"partitions", list_of(partitions)}});
    co_return;
  }
  client::Membership::Subscription subscription() {
    return [this]() -> Task<client::Outcome<std::vector<std::string>>> {
      co_return std::vector<std::string>{plan_.topic};
    };
  }
  bool is_finished() const { return plan_.most >= 0 && consumed_ >= plan_.most; }

  Task<Answer<void>> read() {
    while (!is_finished() && !session_.interrupt.raised() && !session_.out().broken()) {
      const auto lots = co_await consumer_.poll(session_.executor().now() + kLook, plan_.lot);
      if (!lots) co_return trouble(trouble_of(lots.error(), "cannot read as a member of the group"));
      if (lots->empty()) continue;
      const Summaries taken = take_in(*lots);
      if (plan_.options.auto_commit) continue;
      tell_commit(taken, co_await consumer_.commit());
    }
    co_return Answer<void>();
  }

  // As far as the limit goes.
  Summaries take_in(const std::vector<client::FetchedRecords>& lots) {
    Summaries taken;
    std::int64_t polled = 0;
    for (const client::FetchedRecords& lot : lots) {
      polled += static_cast<std::int64_t>(lot.records.size());
      const TopicPartition partition{lot.topic, lot.partition};
      for (const record::RecordView& record : lot.records) {
        if (is_finished()) break;
        if (plan_.verbose) tell_record(partition, record);
        Summary& summary = taken[partition];
        if (summary.count++ == 0) summary.first = record.offset;
        summary.last = record.offset;
        ++consumed_;
        consumer_.done(partition, record.offset + 1);
      }
    }
    Json::Array partitions;
    for (const auto& [partition, summary] : taken)
      partitions.emplace_back(Json::Object{{"topic", partition.topic},
                                           {"partition", partition.partition},
                                           {"count", summary.count},
                                           {"minOffset", summary.first},
                                           {"maxOffset", summary.last}});
    tell_event(session_, "records_consumed", {{"count", polled}, {"partitions", std::move(partitions)}});
    return taken;
  }

  void tell_record(const TopicPartition& partition, const record::RecordView& record) {
    tell_event(session_, "record_data",
               {{"key", text_json(record.key)},
                {"value", text_json(record.value)},
                {"topic", partition.topic},
                {"partition", partition.partition},
                {"offset", record.offset}});
  }

  void tell_commit(const Summaries& taken, const client::Outcome<void>& committed) {
    Json::Array offsets;
    for (const auto& [partition, summary] : taken)
      offsets.emplace_back(Json::Object{
          {"topic", partition.topic}, {"partition", partition.partition}, {"offset", summary.last + 1}});
    Json::Object fields{{"offsets", std::move(offsets)}};
    if (!committed) fields.emplace_back("error", words_of(committed.error()));
    fields.emplace_back("success", committed.has_value());
    tell_event(session_, "offsets_committed", std::move(fields));
  }

  ClusterSession& session_;
  Plan plan_;
  client::GroupConsumer consumer_;
  std::int64_t consumed_ = 0;
};

Task<Answer<Exit>> consume_as_member(ClusterSession& session) {
  session.session.handles_interrupt = true;
  auto plan = plan_of(session.session);
  if (!plan) co_return trouble(std::move(plan).error());
  tell_event(session, "startup_complete");
  VerifiableConsumer consumer(session, std::move(*plan));
  co_return co_await consumer.run();
}

}  // namespace

Answer<Exit> kafka_verifiable_consumer(Session& session) {
  constexpr std::string_view kRequired[] = {"topic", "bootstrap-server", "group-id"};
  return run_verifiable(session, kRequired, &consume_as_member);
}

}  // namespace moldau::cli
