#include "cli/handlers.h"
#include "cli/report.h"
#include "cli/topic_names.h"

namespace moldau::cli {
namespace {

using runtime::Task;

struct Described {
  client::TopicInfo topic;
  std::vector<client::ConfigEntry> configs;
  std::map<PartitionIndex, Offset> start;
  std::map<PartitionIndex, Offset> end;

  std::size_t min_isr() const {
    const auto at = std::ranges::find(configs, "min.insync.replicas", &client::ConfigEntry::name);
    const auto value = at == configs.end() ? std::nullopt : whole_number(at->value.value_or(""));
    return static_cast<std::size_t>(value.value_or(1));
  }
};

Json nodes_json(const std::vector<NodeId>& nodes) {
  Json::Array out;
  for (const NodeId node : nodes) out.emplace_back(node);
  return out;
}

bool asks_for_min_isr(const Arguments& arguments) {
  return arguments.has("under-min-isr") || arguments.has("at-min-isr");
}

bool wanted(const Arguments& arguments, const client::PartitionInfo& partition, std::size_t min_isr) {
  if (arguments.has("under-min-isr") && partition.isr.size() >= min_isr) return false;
  if (arguments.has("at-min-isr") && partition.isr.size() != min_isr) return false;
  if (arguments.has("under-replicated") && partition.isr.size() >= partition.replicas.size()) return false;
  return !arguments.has("unavailable") || partition.leader < 0;
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
               {"log_start_offset", true},
               {"high_watermark", true},
               {"error", false, true}});
  for (const client::PartitionInfo& partition : described.topic.partitions) {
    if (!wanted(arguments, partition, described.min_isr())) continue;
    table.add({described.topic.name, partition.index, partition.leader < 0 ? Json() : Json(partition.leader),
               partition.leader_epoch, nodes_json(partition.replicas), nodes_json(partition.isr),
               partition.eligible_leader_replicas ? nodes_json(*partition.eligible_leader_replicas) : Json(),
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

struct Sections {
  bool summary, configs, partitions;
  bool min_isr = false;  // the config is needed, though not shown
};

Sections sections_of(const Arguments& arguments) {
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

Task<Answer<Described>> look_up(ClusterSession& session, client::TopicInfo topic, Sections sections) {
  Described described{std::move(topic), {}, {}, {}};
  if (sections.configs || sections.min_isr) {
    const auto configs = co_await session.admin.describe_configs(
        {.resources = {{client::ConfigResourceType::topic, described.topic.name}}, .documentation = true});
    if (!configs) co_return trouble(trouble_of(configs.error(), "cannot describe configs"));
    const auto& entries = configs->front().second;
    if (!entries)
      co_return trouble(trouble_of(entries.error(), "cannot describe configs of " + described.topic.name));
    described.configs = *entries;
  }
  if (sections.partitions) {
    co_await add_offsets(session, described, client::OffsetSpec::earliest, described.start);
    co_await add_offsets(session, described, client::OffsetSpec::latest, described.end);
  }
  co_return described;
}

Json json_of(const Arguments& arguments, const Described& described, Sections sections) {
  Json::Object out = *summary_table(described).to_json().as_array()->front().as_object();
  if (sections.partitions)
    out.emplace_back("partition_list", partition_table(arguments, described).to_json());
  if (sections.configs) out.emplace_back("configs", config_table(described).to_json());
  return out;
}

void print_section(Printer& out, std::string_view title, const Table& table, Format format) {
  out.line(title);
  out.line(std::string(title.size(), '='));
  out.put(table.render(format));
  out.line("");
}

void print(ClusterSession& session, const Described& described, Sections sections, Format format) {
  if (format == Format::name) return session.out().line(described.topic.name);
  if (format == Format::csv || format == Format::tsv)
    return session.out().put(partition_table(session.arguments(), described).render(format));
  if (sections.summary) print_section(session.out(), "SUMMARY", summary_table(described), format);
  if (sections.configs) print_section(session.out(), "CONFIGS", config_table(described), format);
  if (sections.partitions)
    print_section(session.out(), "PARTITIONS", partition_table(session.arguments(), described), format);
}

// Without --fields and --sort: a topic is more than one table.
void print_machine(Printer& out, const Json::Array& items, Format format) {
  if (format == Format::jsonl) {
    for (const Json& item : items) out.line(item.to_line());
  } else {
    out.put(format == Format::yaml ? Json(items).to_yaml() : Json(items).to_pretty() + "\n");
  }
}

}  // namespace

ClusterAnswer topic_describe(ClusterSession& session) {
  const auto format = format_of(session.session);
  if (!format) co_return trouble(format.error());
  const auto names = co_await topics_of_words(session);
  if (!names) co_return trouble(names.error());
  auto topics = co_await session.admin.describe_topics(*names);
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot describe topics"));
  const Sections sections = sections_of(session.arguments());
  const bool machine = *format == Format::json || *format == Format::jsonl || *format == Format::yaml;
  Json::Array items;
  std::optional<Trouble> failure;
  for (auto& [name, topic] : *topics) {
    if (!topic) {
      failure = co_await topic_trouble(session, name, topic.error());
      continue;
    }
    auto described = co_await look_up(session, std::move(*topic), sections);
    if (!described) co_return trouble(std::move(described).error());
    if (machine)
      items.push_back(json_of(session.arguments(), *described, sections));
    else
      print(session, *described, sections, *format);
  }
  if (machine) print_machine(session.out(), items, *format);
  if (failure) co_return trouble(std::move(*failure));
  co_return Exit::done;
}

}  // namespace moldau::cli
