#include "cli/open_transactions.h"

#include <algorithm>
#include <map>
#include <ranges>
#include <set>

namespace moldau::cli {

using runtime::Task;

namespace {

// A broker need not describe all of its partitions in one answer.
constexpr std::size_t kBatch = 500;

std::string count(std::size_t number, std::string_view what) {
  return std::to_string(number) + " " + std::string(what);
}

Task<Answer<std::vector<std::string>>> topics_to_search(ClusterSession& session,
                                                        const HangingSearch& search) {
  if (search.topic) co_return std::vector{*search.topic};
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "Failed to list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) names.push_back(topic.name);
  co_return names;
}

Task<Answer<std::vector<TopicPartition>>> partitions_to_search(ClusterSession& session,
                                                               const HangingSearch& search) {
  if (search.topic && search.partition)
    co_return std::vector<TopicPartition>{{*search.topic, *search.partition}};
  auto topics = co_await topics_to_search(session, search);
  if (!topics) co_return trouble(std::move(topics).error());
  const std::string what = "Failed to describe " + count(topics->size(), "topics");
  const auto described = co_await session.admin.describe_topics(std::move(*topics));
  if (!described) co_return trouble(trouble_of(described.error(), what));
  std::vector<TopicPartition> partitions;
  for (const auto& [name, topic] : *described) {
    if (!topic) co_return trouble(trouble_of(topic.error(), what));
    for (const client::PartitionInfo& one : topic->partitions)
      if (!search.broker || std::ranges::find(one.replicas, *search.broker) != one.replicas.end())
        partitions.push_back({name, one.index});
  }
  co_return partitions;
}

// Adds those that have been open for longer than asked.
Task<Answer<void>> note_open(ClusterSession& session, const HangingSearch& search,
                             std::vector<TopicPartition> partitions, std::vector<OpenTransaction>& open) {
  const std::string what =
      "Failed to describe producers for " + count(partitions.size(), "partitions") +
      (search.broker ? " on broker " + std::to_string(*search.broker) : std::string(" on their leaders"));
  auto described = search.broker ? co_await client::TransactionAdmin(session.cluster)
                                       .producers_on(*search.broker, std::move(partitions))
                                 : co_await session.admin.describe_producers(std::move(partitions));
  if (!described) co_return trouble(trouble_of(described.error(), what));
  const TimestampMs now = session.world.wall_clock().now_ms();
  const auto longest = std::chrono::duration_cast<std::chrono::milliseconds>(search.longer_than).count();
  for (const auto& [partition, producers] : *described) {
    if (!producers) co_return trouble(trouble_of(producers.error(), what));
    for (const client::ActiveProducer& producer : *producers)
      if (producer.transaction_start >= 0 && now - producer.last_timestamp > longest)
        open.push_back({partition, producer});
  }
  co_return Answer<void>();
}

// By producer: the transactional id that it has today.
Task<Answer<std::map<ProducerId, std::string>>> transactional_ids(ClusterSession& session,
                                                                  const std::vector<OpenTransaction>& open) {
  std::set<ProducerId> producers;
  for (const OpenTransaction& one : open) producers.insert(one.producer.id);
  const auto listed = co_await client::TransactionAdmin(session.cluster)
                          .list({.producers = {producers.begin(), producers.end()}});
  if (!listed)
    co_return trouble(trouble_of(listed.error(),
                                 "Failed to list transactions for " + count(producers.size(), "producers")));
  std::map<ProducerId, std::string> ids;
  for (const client::TransactionListing& one : *listed) ids.emplace(one.producer, one.id);
  co_return ids;
}

// Partitions to which the coordinators of these ids will still send a marker.
using Expected = std::map<std::string, std::vector<TopicPartition>>;
Task<Answer<Expected>> expected_markers(ClusterSession& session,
                                        const std::map<ProducerId, std::string>& ids) {
  Expected expected;
  for (const auto& [producer, id] : ids) {
    auto described = co_await client::TransactionAdmin(session.cluster).describe(id);
    if (described) {
      expected[id] = std::move(described->partitions);
    } else if (described.error().broker != wire::ErrorCode::transactional_id_not_found) {
      co_return trouble(
          trouble_of(described.error(), "Failed to describe " + count(ids.size(), "transactions")));
    }
  }
  co_return expected;
}

}  // namespace

Task<Answer<std::vector<OpenTransaction>>> find_hanging(ClusterSession& session, HangingSearch search) {
  auto partitions = co_await partitions_to_search(session, search);
  if (!partitions) co_return trouble(std::move(partitions).error());
  std::vector<OpenTransaction> open;
  for (std::size_t at = 0; at < partitions->size(); at += kBatch) {
    const auto batch = *partitions | std::views::drop(at) | std::views::take(kBatch);
    auto noted = co_await note_open(session, search, {batch.begin(), batch.end()}, open);
    if (!noted) co_return trouble(std::move(noted).error());
  }
  if (open.empty()) co_return open;
  const auto ids = co_await transactional_ids(session, open);
  if (!ids) co_return trouble(ids.error());
  const auto expected = co_await expected_markers(session, *ids);
  if (!expected) co_return trouble(expected.error());
  std::erase_if(open, [&](const OpenTransaction& one) {
    const auto id = ids->find(one.producer.id);
    if (id == ids->end()) return false;
    const auto known = expected->find(id->second);
    return known != expected->end() && std::ranges::binary_search(known->second, one.partition);
  });
  std::ranges::sort(open, {},
                    [](const OpenTransaction& one) { return std::pair(one.producer.id, one.partition); });
  co_return open;
}

Task<Answer<OpenTransaction>> open_transaction_at(ClusterSession& session, TopicPartition partition,
                                                  Offset start) {
  const std::string where = partition.to_string();
  const auto described = co_await session.admin.describe_producers({partition});
  if (!described)
    co_return trouble(
        trouble_of(described.error(), "Failed to validate producer state for partition " + where));
  const auto& producers = described->front().second;
  if (!producers)
    co_return trouble(
        trouble_of(producers.error(), "Failed to validate producer state for partition " + where));
  const auto found = std::ranges::find(*producers, start, &client::ActiveProducer::transaction_start);
  if (found == producers->end())
    co_return trouble(Exit::not_found, "Could not find any open transactions starting at offset " +
                                           std::to_string(start) + " on partition " + where);
  co_return OpenTransaction{std::move(partition), *found};
}

client::AbortMarker abort_of(const OpenTransaction& transaction) {
  return {transaction.partition, transaction.producer.id,
          static_cast<ProducerEpoch>(transaction.producer.epoch),
          std::max(transaction.producer.coordinator_epoch, 0)};
}

}  // namespace moldau::cli
