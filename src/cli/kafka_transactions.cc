// kafka-transactions, with the lines of Kafka's own.
#include <algorithm>

#include "cli/kafka_table.h"
#include "cli/open_transactions.h"
#include "cli/transaction_commands.h"

namespace moldau::cli {
namespace {

using runtime::Task;

constexpr std::string_view kNone = "None";

// argparse4j's words for an option that must be there.
Answer<std::string> required(const Arguments& arguments, std::string_view name) {
  if (auto value = arguments.find(name)) return std::move(*value);
  return usage_trouble("argument --" + std::string(name) + " is required");
}

Answer<std::int64_t> required_number(const Arguments& arguments, std::string_view name, std::int64_t least,
                                     std::int64_t most) {
  const auto number = arguments.number(name, least, most);
  if (!number) return std::unexpected(number.error());
  if (*number) return **number;
  return usage_trouble("argument --" + std::string(name) + " is required");
}

Answer<TopicPartition> required_partition(const Arguments& arguments) {
  auto topic = required(arguments, "topic");
  if (!topic) return std::unexpected(std::move(topic).error());
  const auto partition = required_number(arguments, "partition", 0, INT32_MAX);
  if (!partition) return std::unexpected(partition.error());
  return TopicPartition{std::move(*topic), static_cast<PartitionIndex>(*partition)};
}

std::string list_of(const std::vector<TopicPartition>& partitions) {
  std::string text;
  for (const TopicPartition& one : partitions) text += (text.empty() ? "" : ",") + one.to_string();
  return text;
}

// What --producer-id and its companions name: for brokers that do not describe producers.
Answer<client::AbortMarker> marker_of(const Arguments& arguments, TopicPartition partition) {
  const auto producer = required_number(arguments, "producer-id", 0, INT64_MAX);
  if (!producer) return std::unexpected(producer.error());
  const auto epoch = arguments.number("producer-epoch", 0, INT16_MAX);
  if (!epoch) return std::unexpected(epoch.error());
  if (!*epoch) return trouble(Exit::failed, "Missing required argument --producer-epoch");
  const auto coordinator = arguments.number("coordinator-epoch", INT32_MIN, INT32_MAX);
  if (!coordinator) return std::unexpected(coordinator.error());
  if (!*coordinator) return trouble(Exit::failed, "Missing required argument --coordinator-epoch");
  // Whoever has never seen a marker has the epoch -1; 0 is below any.
  return client::AbortMarker{std::move(partition), *producer, static_cast<ProducerEpoch>(**epoch),
                             static_cast<std::int32_t>(std::max<std::int64_t>(**coordinator, 0))};
}

Task<Answer<client::AbortMarker>> marker_to_write(ClusterSession& session, TopicPartition partition) {
  const Arguments& arguments = session.arguments();
  const auto start = arguments.number("start-offset", 0, INT64_MAX);
  if (!start) co_return trouble(start.error());
  if (!*start) {
    if (!arguments.has("producer-id"))
      co_return trouble(Exit::failed,
                        "The transaction to abort must be identified either with --start-offset (for brokers "
                        "on 3.0 or above) or with --producer-id, --producer-epoch, and --coordinator-epoch "
                        "(for older brokers)");
    co_return marker_of(arguments, std::move(partition));
  }
  const auto open = co_await open_transaction_at(session, std::move(partition), **start);
  if (!open) co_return trouble(open.error());
  co_return abort_of(*open);
}

Answer<HangingSearch> search_of(const Arguments& arguments) {
  HangingSearch search{.topic = arguments.find("topic")};
  const auto broker = arguments.number("broker-id", 0, INT32_MAX);
  const auto partition = arguments.number("partition", 0, INT32_MAX);
  const auto minutes = arguments.number_or("max-transaction-timeout", 15, INT32_MIN, INT32_MAX);
  for (const auto* number : {&broker, &partition})
    if (!*number) return std::unexpected(number->error());
  if (!minutes) return std::unexpected(minutes.error());
  if (!search.topic && !*broker)
    return trouble(Exit::failed,
                   "The `find-hanging` command requires either --topic or --broker-id to limit the scope of "
                   "the search");
  if (*partition && !search.topic)
    return trouble(Exit::failed, "The --partition argument requires --topic to be provided");
  if (*broker) search.broker = static_cast<NodeId>(**broker);
  if (*partition) search.partition = static_cast<PartitionIndex>(**partition);
  search.longer_than = std::chrono::minutes(*minutes);
  return search;
}

}  // namespace

Task<Answer<Exit>> kafka_transactions_list(ClusterSession& session) {
  client::TransactionFilter filter{.id_pattern = session.arguments().find("transactional-id-pattern")};
  const auto longer =
      session.arguments().number("duration-filter", INT64_MIN / 2'000'000, INT64_MAX / 2'000'000);
  if (!longer) co_return trouble(longer.error());
  if (*longer && **longer >= 0) filter.longer_than = std::chrono::milliseconds(**longer);
  auto listed = co_await client::TransactionAdmin(session.cluster).list(std::move(filter));
  if (!listed) co_return trouble(trouble_of(listed.error(), "Failed to list transactions"));
  std::ranges::sort(*listed, {}, [](const client::TransactionListing& one) {
    return std::pair(one.coordinator, std::string_view(one.id));
  });
  std::vector<KafkaRow> rows{{"TransactionalId", "Coordinator", "ProducerId", "TransactionState"}};
  for (const client::TransactionListing& one : *listed)
    rows.push_back({one.id, std::to_string(one.coordinator), std::to_string(one.producer), one.state});
  print_kafka_table(session.out(), rows);
  co_return Exit::done;
}

Task<Answer<Exit>> kafka_transactions_describe(ClusterSession& session) {
  const auto id = required(session.arguments(), "transactional-id");
  if (!id) co_return trouble(id.error());
  const auto described = co_await client::TransactionAdmin(session.cluster).describe(*id);
  if (!described)
    co_return trouble(trouble_of(described.error(),
                                 "Failed to describe transaction state of transactional-id `" + *id + "`"));
  const TimestampMs now = session.world.wall_clock().now_ms();
  const auto& started = described->started;
  print_kafka_table(
      session.out(),
      {{"CoordinatorId", "TransactionalId", "ProducerId", "ProducerEpoch", "TransactionState",
        "TransactionTimeoutMs", "CurrentTransactionStartTimeMs", "TransactionDurationMs", "TopicPartitions"},
       {std::to_string(described->coordinator), *id, std::to_string(described->producer),
        std::to_string(described->epoch), described->state, std::to_string(described->timeout_ms),
        started ? std::to_string(*started) : std::string(kNone),
        started ? std::to_string(now - *started) : std::string(kNone), list_of(described->partitions)}});
  co_return Exit::done;
}

Task<Answer<Exit>> kafka_transactions_producers(ClusterSession& session) {
  const auto partition = required_partition(session.arguments());
  if (!partition) co_return trouble(partition.error());
  const auto broker = session.arguments().number("broker-id", 0, INT32_MAX);
  if (!broker) co_return trouble(broker.error());
  const std::string what = "Failed to describe producers for partition " + partition->to_string() + " on " +
                           (*broker ? "broker " + std::to_string(**broker) : std::string("leader"));
  const auto described = *broker ? co_await client::TransactionAdmin(session.cluster)
                                       .producers_on(static_cast<NodeId>(**broker), {*partition})
                                 : co_await session.admin.describe_producers({*partition});
  if (!described) co_return trouble(trouble_of(described.error(), what));
  if (described->empty()) co_return trouble(Exit::failed, what, "the broker left the partition out");
  const auto& producers = described->front().second;
  if (!producers) co_return trouble(trouble_of(producers.error(), what));
  std::vector<KafkaRow> rows{{"ProducerId", "ProducerEpoch", "LatestCoordinatorEpoch", "LastSequence",
                              "LastTimestamp", "CurrentTransactionStartOffset"}};
  for (const client::ActiveProducer& one : *producers)
    rows.push_back({std::to_string(one.id), std::to_string(one.epoch),
                    std::to_string(std::max(one.coordinator_epoch, -1)), std::to_string(one.last_sequence),
                    std::to_string(one.last_timestamp),
                    one.transaction_start < 0 ? std::string(kNone) : std::to_string(one.transaction_start)});
  print_kafka_table(session.out(), rows);
  co_return Exit::done;
}

Task<Answer<Exit>> kafka_transactions_abort(ClusterSession& session) {
  auto partition = required_partition(session.arguments());
  if (!partition) co_return trouble(std::move(partition).error());
  const auto marker = co_await marker_to_write(session, std::move(*partition));
  if (!marker) co_return trouble(marker.error());
  const auto written = co_await client::TransactionAdmin(session.cluster).write(*marker);
  if (written) co_return Exit::done;
  co_return trouble(trouble_of(
      written.error(),
      "Failed to abort transaction AbortTransactionSpec(topicPartition=" + marker->partition.to_string() +
          ", producerId=" + std::to_string(marker->producer) +
          ", producerEpoch=" + std::to_string(marker->epoch) +
          ", coordinatorEpoch=" + std::to_string(marker->coordinator_epoch) + ")"));
}

Task<Answer<Exit>> kafka_transactions_find_hanging(ClusterSession& session) {
  auto search = search_of(session.arguments());
  if (!search) co_return trouble(std::move(search).error());
  const auto hanging = co_await find_hanging(session, std::move(*search));
  if (!hanging) co_return trouble(hanging.error());
  const TimestampMs now = session.world.wall_clock().now_ms();
  constexpr TimestampMs kMinute = 60'000;
  std::vector<KafkaRow> rows{{"Topic", "Partition", "ProducerId", "ProducerEpoch", "CoordinatorEpoch",
                              "StartOffset", "LastTimestamp", "Duration(min)"}};
  for (const auto& [partition, producer] : *hanging)
    rows.push_back({partition.topic, std::to_string(partition.partition), std::to_string(producer.id),
                    std::to_string(producer.epoch), std::to_string(std::max(producer.coordinator_epoch, -1)),
                    std::to_string(producer.transaction_start), std::to_string(producer.last_timestamp),
                    std::to_string((now - producer.last_timestamp) / kMinute)});
  print_kafka_table(session.out(), rows);
  co_return Exit::done;
}

Task<Answer<Exit>> kafka_transactions_force_terminate(ClusterSession& session) {
  const auto id = required(session.arguments(), "transactionalId");
  if (!id) co_return trouble(id.error());
  const auto fenced = co_await client::TransactionAdmin(session.cluster).fence(*id);
  if (!fenced)
    co_return trouble(trouble_of(fenced.error(), "Failed to force terminate transactionalId `" + *id + "`"));
  co_return Exit::done;
}

}  // namespace moldau::cli
