// topic storage: what topics take up, by partition, broker and folder.
#include "cli/handlers.h"
#include "cli/perf_report.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Replica {
  NodeId broker;
  std::string dir;
  client::ReplicaSize size;
};

struct Stored {
  std::vector<client::TopicInfo> topics;
  std::vector<PartitionIndex> only;  // empty: all
  std::multimap<TopicPartition, Replica> replicas;
  std::int64_t total_bytes = 0;  // of everything on the brokers that answered
  std::map<TopicPartition, Offset> start, end;
  Exit exit = Exit::done;  // not all brokers answered

  bool wants(PartitionIndex index) const {
    return only.empty() || std::ranges::find(only, index) != only.end();
  }
  Json share_percent(std::int64_t bytes) const {
    return total_bytes == 0 ? Json()
                            : rounded(100.0 * static_cast<double>(bytes) / static_cast<double>(total_bytes));
  }
  std::optional<std::int64_t> records(const TopicPartition& partition) const {
    const auto from = start.find(partition), to = end.find(partition);
    if (from == start.end() || to == end.end()) return std::nullopt;
    return to->second - from->second;
  }
};

Task<Answer<std::vector<client::TopicInfo>>> topics_asked_for(ClusterSession& session) {
  client::ClusterClient::TopicQuery query;
  if (!session.arguments().words().empty()) {
    auto names = co_await topics_of_words(session);
    if (!names) co_return trouble(std::move(names).error());
    query.names = std::move(*names);
  }
  auto topics = co_await session.cluster.topics(std::move(query));
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot look up topics"));
  for (const client::TopicInfo& topic : *topics) {
    if (topic.error != wire::ErrorCode::none)
      co_return trouble(co_await topic_trouble(session, topic.name, client::broker_failure(topic.error)));
  }
  co_return std::move(*topics);
}

Task<Answer<std::map<TopicPartition, Offset>>> offsets_of(ClusterSession& session, const Stored& stored,
                                                          client::OffsetSpec which) {
  std::vector<client::OffsetQuery> queries;
  for (const client::TopicInfo& topic : stored.topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (partition.leader >= 0 && stored.wants(partition.index))
        queries.push_back({{topic.name, partition.index}, static_cast<std::int64_t>(which)});
    }
  }
  std::map<TopicPartition, Offset> found;
  if (queries.empty()) co_return found;
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look offsets up"));
  for (const auto& [partition, listed] : *results) {
    if (listed) found.emplace(partition, listed->offset);
  }
  co_return found;
}

// Of all topics: a share is one of the whole.
Task<Answer<void>> add_sizes(ClusterSession& session, Stored& stored) {
  const auto brokers = co_await session.admin.describe_log_dirs();
  if (!brokers) co_return trouble(trouble_of(brokers.error(), "cannot describe log folders"));
  for (const auto& [node, dirs] : *brokers) {
    if (!dirs) {
      session.session.tell(trouble_of(dirs.error(), "cannot ask broker " + std::to_string(node)));
      stored.exit = Exit::failed;
      continue;
    }
    for (const client::LogDir& dir : *dirs) {
      for (const client::ReplicaSize& replica : dir.replicas) {
        stored.total_bytes += replica.size_bytes;
        stored.replicas.emplace(replica.partition, Replica{node, dir.path, replica});
      }
    }
  }
  co_return Answer<void>{};
}

Task<Answer<Stored>> look_up(ClusterSession& session) {
  Stored stored;
  auto only = parse_partitions(session.arguments().text("partitions"));
  if (!only) co_return trouble(std::move(only).error());
  stored.only = std::move(*only);
  auto topics = co_await topics_asked_for(session);
  if (!topics) co_return trouble(std::move(topics).error());
  stored.topics = std::move(*topics);
  for (const client::TopicInfo& topic : stored.topics) {
    for (const PartitionIndex index : stored.only) {
      if (!topic.find(index))
        co_return trouble(Exit::not_found,
                          "topic " + topic.name + " has no partition " + std::to_string(index),
                          "it has " + std::to_string(topic.partitions.size()) + " partitions");
    }
  }
  if (auto sizes = co_await add_sizes(session, stored); !sizes) co_return trouble(std::move(sizes).error());
  auto start = co_await offsets_of(session, stored, client::OffsetSpec::earliest);
  if (!start) co_return trouble(std::move(start).error());
  auto end = co_await offsets_of(session, stored, client::OffsetSpec::latest);
  if (!end) co_return trouble(std::move(end).error());
  stored.start = std::move(*start);
  stored.end = std::move(*end);
  co_return stored;
}

Json offset_or_null(const std::map<TopicPartition, Offset>& offsets, const TopicPartition& partition) {
  const auto at = offsets.find(partition);
  return at == offsets.end() ? Json() : Json(at->second);
}

Json per_record(std::int64_t bytes, std::optional<std::int64_t> records) {
  return records && *records > 0 ? rounded(static_cast<double>(bytes) / static_cast<double>(*records))
                                 : Json();
}

std::int64_t leader_bytes(const Stored& stored, const TopicPartition& name, NodeId leader) {
  std::int64_t bytes = 0;
  const auto [from, to] = stored.replicas.equal_range(name);
  for (auto at = from; at != to; ++at) {
    if (at->second.broker == leader && !at->second.size.is_future) bytes = at->second.size.size_bytes;
  }
  return bytes;
}

Table replica_table(const Stored& stored) {
  Table table({{"topic"},
               {"partition", true},
               {"broker", true},
               {"role"},
               {"size_bytes", true},
               {"share_percent", true},
               {"start", true},
               {"end", true},
               {"records", true},
               {"offset_lag", true},
               {"dir"},
               {"size_lag_bytes", true, true},
               {"bytes_per_record", true, true}});
  for (const client::TopicInfo& topic : stored.topics) {
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (!stored.wants(partition.index)) continue;
      const TopicPartition name{topic.name, partition.index};
      const auto records = stored.records(name);
      const std::int64_t led = leader_bytes(stored, name, partition.leader);
      const auto [from, to] = stored.replicas.equal_range(name);
      for (auto at = from; at != to; ++at) {
        const Replica& replica = at->second;
        const std::int64_t bytes = replica.size.size_bytes;
        table.add({topic.name, partition.index, replica.broker,
                   replica.size.is_future               ? "future"
                   : replica.broker == partition.leader ? "leader"
                                                        : "follower",
                   bytes, stored.share_percent(bytes), offset_or_null(stored.start, name),
                   offset_or_null(stored.end, name), records ? Json(*records) : Json(),
                   replica.size.offset_lag, replica.dir, std::max<std::int64_t>(0, led - bytes),
                   per_record(bytes, records)});
      }
    }
  }
  return table;
}

Table topic_table(const Stored& stored) {
  Table table({{"topic"},
               {"partitions", true},
               {"replicas", true},
               {"size_bytes", true},
               {"share_percent", true},
               {"records", true},
               {"bytes_per_record", true},
               {"largest_partition", true, true},
               {"largest_bytes", true, true}});
  for (const client::TopicInfo& topic : stored.topics) {
    std::int64_t bytes = 0, led = 0, records = 0, largest = -1;
    std::int64_t partitions = 0, replicas = 0;
    Json largest_partition;
    for (const client::PartitionInfo& partition : topic.partitions) {
      if (!stored.wants(partition.index)) continue;
      const TopicPartition name{topic.name, partition.index};
      const std::int64_t own = leader_bytes(stored, name, partition.leader);
      const auto [from, to] = stored.replicas.equal_range(name);
      for (auto at = from; at != to; ++at, ++replicas) bytes += at->second.size.size_bytes;
      records += stored.records(name).value_or(0);
      led += own;
      ++partitions;
      if (own > largest) largest = own, largest_partition = Json(partition.index);
    }
    table.add({topic.name, partitions, replicas, bytes, stored.share_percent(bytes), records,
               per_record(led, records), largest_partition, largest < 0 ? Json() : Json(largest)});
  }
  return table;
}

}  // namespace

ClusterAnswer topic_storage(ClusterSession& session) {
  const auto stored = co_await look_up(session);
  if (!stored) co_return trouble(stored.error());
  auto table = session.arguments().has("by-topic") ? topic_table(*stored) : replica_table(*stored);
  if (auto printed = print_table(session.session, std::move(table)); !printed)
    co_return trouble(printed.error());
  co_return stored->exit;
}

}  // namespace moldau::cli
