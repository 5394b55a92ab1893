// txn list, txn describe, txn producers and txn find-hanging.
#include <algorithm>
#include <cctype>
#include <map>

#include "cli/moldau_parser.h"
#include "cli/open_transactions.h"
#include "cli/sections.h"
#include "cli/timestamp_text.h"
#include "cli/topic_names.h"
#include "cli/transaction_commands.h"

namespace moldau::cli {
namespace {

using runtime::Task;

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}
Json time_or_null(TimestampMs at) { return at < 0 ? Json() : Json(rfc3339(at)); }
Json if_not_negative(std::int64_t value) { return value < 0 ? Json() : Json(value); }

// "prepare-abort", "PrepareAbort" and "prepare_abort" are one.
std::string letters_of(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '-' && c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

Answer<std::vector<std::string>> states_of(const std::string& text) {
  std::vector<std::string> states;
  for (const std::string& word : split(text, ',')) {
    const auto known = std::ranges::find(client::kTransactionStates, letters_of(word), letters_of);
    if (known == std::end(client::kTransactionStates)) {
      std::string names;
      for (const std::string_view name : client::kTransactionStates)
        names += (names.empty() ? "" : ", ") + std::string(name);
      return usage_trouble("--state: \"" + word + "\" is no state of a transaction", "one of: " + names);
    }
    states.emplace_back(*known);
  }
  return states;
}

Answer<client::TransactionFilter> filter_of(const Arguments& arguments) {
  client::TransactionFilter filter{.id_pattern = arguments.find("regex")};
  Trouble why;
  if (!take(states_of(arguments.text("state")), filter.states, why) ||
      !take(arguments.duration("longer-than"), filter.longer_than, why))
    return trouble(std::move(why));
  for (const std::string& word : split(arguments.text("producer"), ',')) {
    const auto id = whole_number(word);
    if (!id || *id < 0) return usage_trouble("--producer: \"" + word + "\" is no producer id");
    filter.producers.push_back(*id);
  }
  return filter;
}

// By partition: what this producer has open there.
using OpenAt = std::map<TopicPartition, client::ActiveProducer>;

Task<Answer<OpenAt>> open_of(ClusterSession& session, const client::TransactionDescription& transaction) {
  OpenAt open;
  if (transaction.partitions.empty()) co_return open;
  const auto described = co_await session.admin.describe_producers(transaction.partitions);
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe producers"));
  for (const auto& [partition, producers] : *described) {
    if (!producers) continue;  // what cannot be asked is shown without it
    for (const client::ActiveProducer& one : *producers)
      if (one.id == transaction.producer && one.transaction_start >= 0) open.emplace(partition, one);
  }
  co_return open;
}

Table summary_of(const client::TransactionDescription& transaction, TimestampMs now) {
  Table table({{"transactional_id"},
               {"state", false, false, true},
               {"producer_id", true},
               {"epoch", true},
               {"coordinator", true},
               {"timeout_ms", true},
               {"started"},
               {"open_ms", true},
               {"partitions", true}});
  const auto& started = transaction.started;
  table.add({transaction.id, transaction.state, transaction.producer, transaction.epoch,
             transaction.coordinator, transaction.timeout_ms, time_or_null(started.value_or(-1)),
             started ? Json(now - *started) : Json(), transaction.partitions.size()});
  return table;
}

Table partitions_of(const client::TransactionDescription& transaction, const OpenAt& open) {
  Table table(
      {{"topic"}, {"partition", true}, {"start_offset", true}, {"last_sequence", true}, {"last_write"}});
  for (const TopicPartition& one : transaction.partitions) {
    const auto at = open.find(one);
    const bool known = at != open.end();
    table.add({one.topic, one.partition, known ? Json(at->second.transaction_start) : Json(),
               known ? if_not_negative(at->second.last_sequence) : Json(),
               known ? time_or_null(at->second.last_timestamp) : Json()});
  }
  return table;
}

Answer<void> print(Session& session, Table summary, Table partitions) {
  Sections sections;
  sections.add({"TRANSACTION", "summary", std::move(summary), Section::Shape::fields});
  sections.add({"PARTITIONS", "partition_list", std::move(partitions)});
  const auto format = format_of(session);
  if (!format) return std::unexpected(format.error());
  const auto some = sections.choose(session.arguments);
  if (!some) return std::unexpected(some.error());
  if (!*some) return {};
  if (!is_machine(*format)) return sections.print(session, *format);
  print_items(session.out, {sections.to_json()}, *format);
  return {};
}

Task<Trouble> transaction_trouble(ClusterSession& session, const std::string& id, client::Failure failure) {
  Trouble why = trouble_of(failure, "cannot describe the transactions of " + id);
  if (failure.broker != wire::ErrorCode::transactional_id_not_found) co_return why;
  why.what = "there is no transactional id " + id;
  why.hint = "moldau txn list shows those that there are";
  const auto listed = co_await client::TransactionAdmin(session.cluster).list();
  if (!listed) co_return why;
  std::vector<std::string> names;
  for (const client::TransactionListing& one : *listed) names.push_back(one.id);
  if (const std::string near = nearest_of(id, names); !near.empty()) why.hint = "did you mean " + near + "?";
  co_return why;
}

Answer<std::optional<NodeId>> broker_of(const Arguments& arguments) {
  const auto broker = arguments.number("broker", 0, INT32_MAX);
  if (!broker) return std::unexpected(broker.error());
  return *broker ? std::optional(static_cast<NodeId>(**broker)) : std::nullopt;
}

// Of the topics of the command line: all, or those that --partitions names.
Task<Answer<std::vector<TopicPartition>>> partitions_of_words(ClusterSession& session) {
  const auto wanted = parse_partitions(session.arguments().text("partitions"));
  if (!wanted) co_return trouble(wanted.error());
  if (session.arguments().words().empty()) co_return usage_trouble("which topic?", "name at least one");
  const auto described = co_await session.admin.describe_topics(session.arguments().words());
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe topics"));
  std::vector<TopicPartition> partitions;
  for (const auto& [name, topic] : *described) {
    if (!topic) co_return trouble(co_await topic_trouble(session, name, topic.error()));
    for (const PartitionIndex index : *wanted)
      if (topic->find(index) == nullptr)
        co_return trouble(Exit::not_found, "topic " + name + " has no partition " + std::to_string(index));
    for (const client::PartitionInfo& one : topic->partitions)
      if (wanted->empty() || std::ranges::find(*wanted, one.index) != wanted->end())
        partitions.push_back({name, one.index});
  }
  co_return partitions;
}

Answer<HangingSearch> search_of(const Arguments& arguments) {
  HangingSearch search{.topic = arguments.find("topic")};
  Trouble why;
  if (!take(broker_of(arguments), search.broker, why) ||
      !take(arguments.duration_or("longer-than", search.longer_than), search.longer_than, why))
    return trouble(std::move(why));
  const auto partition = arguments.number("partition", 0, INT32_MAX);
  if (!partition) return std::unexpected(partition.error());
  if (*partition && !search.topic) return usage_trouble("--partition needs --topic");
  if (*partition) search.partition = static_cast<PartitionIndex>(**partition);
  return search;
}

}  // namespace

Task<Answer<Exit>> txn_list(ClusterSession& session) {
  auto filter = filter_of(session.arguments());
  if (!filter) co_return trouble(std::move(filter).error());
  const auto listed = co_await client::TransactionAdmin(session.cluster).list(std::move(*filter));
  if (!listed) co_return trouble(trouble_of(listed.error(), "cannot list transactions"));
  Table table(
      {{"transactional_id"}, {"state", false, false, true}, {"producer_id", true}, {"coordinator", true}});
  for (const client::TransactionListing& one : *listed)
    table.add({one.id, one.state, one.producer, one.coordinator});
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(std::move(printed).error());
  co_return Exit::done;
}

Task<Answer<Exit>> txn_describe(ClusterSession& session) {
  const auto& ids = session.arguments().words();
  if (ids.empty())
    co_return usage_trouble("which transactional id?", "moldau txn list shows those that there are");
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto described = co_await client::TransactionAdmin(session.cluster).describe(ids[i]);
    if (!described) co_return trouble(co_await transaction_trouble(session, ids[i], described.error()));
    const auto open = co_await open_of(session, *described);
    if (!open) co_return trouble(open.error());
    const auto format = format_of(session.session);
    if (i > 0 && format && !is_machine(*format)) session.out().line("");
    auto printed = print(session.session, summary_of(*described, session.world.wall_clock().now_ms()),
                         partitions_of(*described, *open));
    if (!printed) co_return trouble(std::move(printed).error());
  }
  co_return Exit::done;
}

Task<Answer<Exit>> txn_producers(ClusterSession& session) {
  const auto broker = broker_of(session.arguments());
  if (!broker) co_return trouble(broker.error());
  const auto partitions = co_await partitions_of_words(session);
  if (!partitions) co_return trouble(partitions.error());
  const auto described =
      *broker ? co_await client::TransactionAdmin(session.cluster).producers_on(**broker, *partitions)
              : co_await session.admin.describe_producers(*partitions);
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe producers"));
  Table table({{"topic"},
               {"partition", true},
               {"producer_id", true},
               {"epoch", true},
               {"last_sequence", true},
               {"last_write"},
               {"open_from", true},
               {"coordinator_epoch", true, true}});
  for (const auto& [partition, producers] : *described) {
    if (!producers)
      co_return trouble(
          trouble_of(producers.error(), "cannot describe the producers of " + partition.to_string()));
    for (const client::ActiveProducer& one : *producers) {
      if (session.arguments().has("open") && one.transaction_start < 0) continue;
      table.add({partition.topic, partition.partition, one.id, one.epoch, if_not_negative(one.last_sequence),
                 time_or_null(one.last_timestamp), if_not_negative(one.transaction_start),
                 if_not_negative(one.coordinator_epoch)});
    }
  }
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(std::move(printed).error());
  co_return Exit::done;
}

Task<Answer<Exit>> txn_find_hanging(ClusterSession& session) {
  auto search = search_of(session.arguments());
  if (!search) co_return trouble(std::move(search).error());
  const auto hanging = co_await find_hanging(session, std::move(*search));
  if (!hanging) co_return trouble(hanging.error());
  const TimestampMs now = session.world.wall_clock().now_ms();
  Table table({{"topic"},
               {"partition", true},
               {"start_offset", true},
               {"producer_id", true},
               {"epoch", true},
               {"last_write"},
               {"silent_ms", true},
               {"coordinator_epoch", true, true}});
  for (const auto& [partition, producer] : *hanging)
    table.add({partition.topic, partition.partition, producer.transaction_start, producer.id, producer.epoch,
               time_or_null(producer.last_timestamp), now - producer.last_timestamp,
               if_not_negative(producer.coordinator_epoch)});
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(std::move(printed).error());
  session.out().flush();
  if (!hanging->empty() && !session.session.quiet())
    session.session.note("to end one: moldau txn abort --topic TOPIC --partition N --start-offset N");
  co_return Exit::done;
}

}  // namespace moldau::cli
