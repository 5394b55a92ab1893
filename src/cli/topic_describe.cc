#include <algorithm>

#include "cli/handlers.h"
#include "cli/replica_text.h"
#include "cli/replication_throttle.h"
#include "cli/sections.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Described {
  client::TopicInfo topic;
  std::vector<client::ConfigEntry> configs;
  std::map<PartitionIndex, Offset> start;
  std::map<PartitionIndex, Offset> end;
  Reassignments moving;  // of this topic

  const client::Reassignment* reassignment(PartitionIndex partition) const {
    const auto at = moving.find({topic.name, partition});
    return at == moving.end() ? nullptr : &at->second;
  }
  // While replicas are added, as many as there are without those.
  std::size_t replication_factor(const client::PartitionInfo& partition) const {
    const client::Reassignment* moves = reassignment(partition.index);
    return moves ? moves->replicas.size() - moves->adding.size() : partition.replicas.size();
  }
  std::size_t min_isr() const {
    const auto at = std::ranges::find(configs, "min.insync.replicas", &client::ConfigEntry::name);
    const auto value = at == configs.end() ? std::nullopt : whole_number(at->value.value_or(""));
    return static_cast<std::size_t>(value.value_or(1));
  }
};

Json nodes_or_null(const std::optional<std::vector<NodeId>>& nodes) {
  return nodes ? nodes_json(*nodes) : Json();
}

bool asks_for_min_isr(const Arguments& arguments) {
  return arguments.has("under-min-isr") || arguments.has("at-min-isr");
}

bool filters_partitions(const Arguments& arguments) {
  return asks_for_min_isr(arguments) || arguments.has("under-replicated") || arguments.has("unavailable");
}

bool wanted(const Arguments& arguments, const Described& described, const client::PartitionInfo& partition) {
  const std::size_t min_isr = described.min_isr();
  if (arguments.has("under-min-isr") && partition.isr.size() >= min_isr) return false;
  if (arguments.has("at-min-isr") && partition.isr.size() != min_isr) return false;
  if (arguments.has("under-replicated") && partition.isr.size() >= described.replication_factor(partition))
    return false;
  return !arguments.has("unavailable") || partition.leader < 0;
}

// Of topics that nobody named those are left out whose partitions are all as they should be.
bool is_sought(const Arguments& arguments, const Described& described) {
  return !arguments.words().empty() ||
         std::ranges::any_of(described.topic.partitions, [&](const client::PartitionInfo& partition) {
           return wanted(arguments, described, partition);
         });
}

Json offset_json(const std::map<PartitionIndex, Offset>& offsets, PartitionIndex index) {
  const auto at = offsets.find(index);
  return at == offsets.end() ? Json() : Json(at->second);
}

Table partition_table(const Arguments& arguments, const Described& described) {
  Table table({{.name = "topic", .wide_only = true},
               {"partition", true},
               {"leader", true},
               {"epoch", true},
               {"replicas"},
               {"isr"},
               {"elr", false, true},
               {"last_known_elr", false, true},
               {"adding", false, true},
               {"removing", false, true},
               {"log_start_offset", true},
               {"high_watermark", true},
               {"error", false, true}});
  for (const client::PartitionInfo& partition : described.topic.partitions) {
    if (!wanted(arguments, described, partition)) continue;
    const client::Reassignment* moves = described.reassignment(partition.index);
    table.add({described.topic.name, partition.index, partition.leader < 0 ? Json() : Json(partition.leader),
               partition.leader_epoch, nodes_json(partition.replicas), nodes_json(partition.isr),
               nodes_or_null(partition.eligible_leader_replicas), nodes_or_null(partition.last_known_elr),
               moves ? nodes_json(moves->adding) : Json(), moves ? nodes_json(moves->removing) : Json(),
               offset_json(described.start, partition.index), offset_json(described.end, partition.index),
               partition.error == wire::ErrorCode::none ? Json() : Json(wire::name_of(partition.error))});
  }
  return table;
}

Table config_table(const Described& described) {
  Table table({{"key"}, {"value"}, {"source"}, {"documentation", false, true}});
  for (const client::ConfigEntry& entry : described.configs)
    table.add({entry.name, entry.value ? Json(*entry.value) : Json(), client::name_of(entry.source),
               entry.documentation ? Json(*entry.documentation) : Json()});
  return table;
}

Table summary_table(const Described& described) {
  const client::TopicInfo& topic = described.topic;
  Table table({{"name"}, {"topic_id"}, {"partitions", true}, {"replicas", true}, {"internal"}});
  table.add({topic.name, topic.id.to_string(), topic.partitions.size(),
             topic.partitions.empty() ? 0 : topic.partitions.front().replicas.size(), topic.internal});
  return table;
}

struct Wanted {
  bool summary, configs, partitions;
  bool min_isr = false;  // the config is needed, though not shown
};

Wanted wanted_sections(const Arguments& arguments) {
  const bool all = arguments.has("all");
  const bool none = !arguments.has("summary") && !arguments.has("configs") && !arguments.has("partitions");
  return {all || none || arguments.has("summary"), all || arguments.has("configs"),
          all || none || arguments.has("partitions"), asks_for_min_isr(arguments)};
}

Task<void> add_offsets(ClusterSession& session, Described& described, client::OffsetSpec spec,
                       std::map<PartitionIndex, Offset>& into) {
  std::vector<client::OffsetQuery> queries;
  for (const client::PartitionInfo& partition : described.topic.partitions) {
    if (partition.leader >= 0)
      queries.push_back({{described.topic.name, partition.index}, static_cast<std::int64_t>(spec)});
  }
  if (queries.empty()) co_return;
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return;
  for (const auto& [partition, listed] : *results) {
    if (listed) into[partition.partition] = listed->offset;
  }
}

std::vector<TopicPartition> partitions_of(const client::TopicInfo& topic) {
  std::vector<TopicPartition> partitions;
  for (const client::PartitionInfo& partition : topic.partitions)
    partitions.push_back({topic.name, partition.index});
  return partitions;
}

Task<Answer<Described>> look_up(ClusterSession& session, client::TopicInfo topic, Wanted wanted) {
  Described described{std::move(topic), {}, {}, {}, {}};
  if (wanted.configs || wanted.min_isr) {
    const auto configs = co_await session.admin.describe_configs(
        {.resources = {{client::ConfigResourceType::topic, described.topic.name}}, .documentation = true});
    if (!configs) co_return trouble(trouble_of(configs.error(), "cannot describe configs"));
    const auto& entries = configs->front().second;
    if (!entries)
      co_return trouble(trouble_of(entries.error(), "cannot describe configs of " + described.topic.name));
    described.configs = *entries;
  }
  if (wanted.partitions) {
    auto moving = co_await session.admin.list_partition_reassignments(partitions_of(described.topic));
    if (moving) described.moving = std::move(*moving);  // else the brokers do not tell
    co_await add_offsets(session, described, client::OffsetSpec::earliest, described.start);
    co_await add_offsets(session, described, client::OffsetSpec::latest, described.end);
  }
  co_return described;
}

// csv and tsv are of one table: the partitions', unless another section was asked for.
Sections sections_of(const Arguments& arguments, const Described& described, Wanted wanted, Format format) {
  const bool one = (format == Format::csv || format == Format::tsv) && wanted.partitions;
  Sections sections;
  if (wanted.summary && !one)
    sections.add({"SUMMARY", "summary", summary_table(described), Section::Shape::fields});
  const auto add_partitions = [&] {
    if (wanted.partitions)
      sections.add({"PARTITIONS", "partition_list", partition_table(arguments, described)});
  };
  if (is_machine(format)) add_partitions();
  if (wanted.configs && !one) sections.add({"CONFIGS", "configs", config_table(described)});
  if (!is_machine(format)) add_partitions();
  return sections;
}

class Describing {
 public:
  Describing(ClusterSession& session, Format format)
      : session_(session), format_(format), wanted_(wanted_sections(session.arguments())) {}

  Task<Answer<void>> show(client::TopicInfo topic) {
    auto described = co_await look_up(session_, std::move(topic), wanted_);
    if (!described) co_return trouble(std::move(described).error());
    if (!is_sought(session_.arguments(), *described)) co_return Answer<void>{};
    Sections sections = sections_of(session_.arguments(), *described, wanted_, format_);
    const auto some_left = sections.choose(session_.arguments());
    if (!some_left) co_return trouble(some_left.error());
    if (!*some_left) co_return Answer<void>{};
    if (is_machine(format_)) {
      items_.push_back(sections.to_json());
    } else if (format_ == Format::name) {
      session_.out().line(described->topic.name);
    } else {
      co_return sections.print(session_.session, format_);
    }
    co_return Answer<void>{};
  }

  void finish() {
    if (is_machine(format_)) print_items(session_.out(), items_, format_);
  }

 private:
  ClusterSession& session_;
  Format format_;
  Wanted wanted_;
  Json::Array items_;
};

// What is sought by its state may be in any topic.
Task<Answer<std::vector<std::string>>> all_topics(ClusterSession& session) {
  const auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) names.push_back(topic.name);
  co_return names;
}

}  // namespace

ClusterAnswer topic_describe(ClusterSession& session) {
  const auto format = format_of(session.session);
  if (!format) co_return trouble(format.error());
  const bool of_all = session.arguments().words().empty() && filters_partitions(session.arguments());
  const auto names = of_all ? co_await all_topics(session) : co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  auto topics = co_await session.admin.describe_topics(*names);
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot describe topics"));
  Describing describing(session, *format);
  std::optional<Trouble> failure;
  for (auto& [name, topic] : *topics) {
    if (!topic) {
      failure = co_await topic_trouble(session, name, topic.error());
    } else if (auto shown = co_await describing.show(std::move(*topic)); !shown) {
      co_return trouble(std::move(shown).error());
    }
  }
  describing.finish();
  if (failure) co_return trouble(std::move(*failure));
  co_return Exit::done;
}

}  // namespace moldau::cli
