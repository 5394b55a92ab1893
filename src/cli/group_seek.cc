// group seek.
#include <algorithm>
#include <set>

#include "cli/group_names.h"
#include "cli/group_view.h"
#include "cli/handlers.h"
#include "cli/new_offsets.h"
#include "cli/report.h"
#include "cli/text_file.h"
#include "cli/timestamp_text.h"

namespace moldau::cli {
namespace {

using runtime::Task;
using Committed = std::map<TopicPartition, client::Outcome<client::GroupOffset>>;

Answer<OffsetTarget> target_of(std::string_view text, TimestampMs now) {
  using Kind = OffsetTarget::Kind;
  if (text == "start" || text == "earliest") return OffsetTarget{Kind::earliest};
  if (text == "end" || text == "latest") return OffsetTarget{Kind::latest};
  if (text.starts_with("@-")) {
    if (const auto ago = parse_duration(text.substr(2)))
      return OffsetTarget{Kind::timestamp,
                          now - std::chrono::duration_cast<std::chrono::milliseconds>(*ago).count()};
  } else if (text.starts_with('@')) {
    if (const auto at = parse_time(text.substr(1), now)) return OffsetTarget{Kind::timestamp, *at};
  } else if (const auto number = whole_number(text)) {
    return OffsetTarget{text.starts_with('+') || text.starts_with('-') ? Kind::shift : Kind::offset, *number};
  }
  return usage_trouble("--to: \"" + std::string(text) + "\" is no place",
                       "start, end, an offset, +N, -N, @2024-02-29T12:00:00Z or @-1h");
}

// Lines "TOPIC PARTITION OFFSET", or a CSV.
Answer<NewOffsets> offsets_of_file(const Session& session, const std::string& group) {
  const std::string path = session.arguments.text("to-file");
  auto text = read_text_file(session.invocation, path);
  if (!text) return std::unexpected(std::move(text).error());
  if (text->find(',') == std::string::npos) std::ranges::replace(*text, ' ', ',');
  const auto plan = parse_offset_plan(*text, path);
  if (!plan) return std::unexpected(plan.error());
  NewOffsets offsets;
  for (const PlannedOffset& one : *plan)
    if (one.group.empty() || one.group == group) offsets[one.partition] = one.offset;
  return offsets;
}

std::set<std::string> topics_of(const Committed& committed) {
  std::set<std::string> topics;
  for (const auto& [partition, offset] : committed) topics.insert(partition.topic);
  return topics;
}

// The partitions that are meant: those of --topics, else all that it has committed for.
Task<Answer<std::vector<TopicPartition>>> chosen(ClusterSession& session, const Committed& committed) {
  std::vector<TopicPartition> partitions;
  if (session.arguments().has("topics")) {
    auto named = co_await partitions_of_topics(session, session.arguments().all("topics"));
    if (!named) co_return named;
    partitions = std::move(*named);
  } else {
    for (const auto& [partition, offset] : committed) partitions.push_back(partition);
  }
  co_return partitions;
}

Task<Answer<NewOffsets>> offsets_of_group(ClusterSession& session, const std::string& other) {
  const auto offsets = co_await session.admin.list_group_offsets(other);
  if (!offsets) co_return trouble(co_await group_trouble(session, other, offsets.error()));
  if (offsets->empty()) co_return trouble(Exit::not_found, "group " + other + " has committed nothing");
  NewOffsets found;
  for (const auto& [partition, offset] : *offsets)
    if (offset) found[partition] = offset->offset;
  co_return found;
}

// Of offsets that are known, those of the partitions that are meant.
Task<Answer<NewOffsets>> plan_of(ClusterSession& session, const std::string& group,
                                 const Committed& committed) {
  const Arguments& arguments = session.arguments();
  if (arguments.has("to") + arguments.has("to-group") + arguments.has("to-file") != 1)
    co_return usage_trouble("where to?", "one of --to, --to-group and --to-file");
  if (const auto to = arguments.find("to")) {
    const auto target = target_of(*to, session.world.wall_clock().now_ms());
    if (!target) co_return trouble(target.error());
    auto partitions = co_await chosen(session, committed);
    if (!partitions) co_return trouble(std::move(partitions).error());
    if (partitions->empty())
      co_return usage_trouble("group " + group + " has committed nothing", "name topics: --topics T");
    auto plan = co_await plan_offsets(session, group, std::move(*partitions), *target);
    if (!plan) co_return trouble(std::move(plan).error());
    co_return std::move(plan->offsets);
  }
  Answer<NewOffsets> known = NewOffsets();
  if (const auto other = arguments.find("to-group"))
    known = co_await offsets_of_group(session, *other);
  else
    known = offsets_of_file(session.session, group);
  if (!known) co_return known;
  if (arguments.has("topics")) {
    const auto meant = co_await chosen(session, committed);
    if (!meant) co_return trouble(meant.error());
    std::erase_if(*known, [&](const auto& one) { return !std::ranges::binary_search(*meant, one.first); });
  }
  co_return co_await within_logs(session, std::move(*known));
}

Task<Answer<void>> write_file(ClusterSession& session, const std::string& path, const Committed& committed) {
  std::string text;
  for (const auto& [partition, offset] : committed)
    if (offset)
      text += partition.topic + " " + std::to_string(partition.partition) + " " +
              std::to_string(offset->offset) + "\n";
  const std::string at = absolute_path(session.session.invocation, path);
  const Status written = co_await session.world.pool().run(
      runtime::Lane::background, session.executor(),
      [&] { return runtime::write_file_atomically(session.world.disk(), at, as_bytes(text)); });
  if (!written) co_return trouble(Exit::bad_file, "cannot write " + path, written.error().message);
  co_return Answer<void>();
}

std::string members_text(const client::GroupDescription& group) {
  constexpr std::size_t kShown = 10;
  std::string out;
  for (std::size_t i = 0; i < group.members.size() && i < kShown; ++i)
    out += (i == 0 ? "" : ", ") + group.members[i].client_id + " at " + group.members[i].host;
  if (group.members.size() > kShown) out += " and " + std::to_string(group.members.size() - kShown) + " more";
  return out;
}

// A group that is not there yet may be given offsets, too.
Task<Answer<void>> check_unused(ClusterSession& session, const std::string& group) {
  const auto described = co_await session.admin.describe_groups({group});
  if (!described) co_return trouble(trouble_of(described.error(), "cannot describe group " + group));
  const auto& found = described->front().second;
  if (!found && found.error().broker == wire::ErrorCode::group_id_not_found) co_return Answer<void>();
  if (!found) co_return trouble(co_await group_trouble(session, group, found.error()));
  if (is_inactive(*found)) co_return Answer<void>();
  co_return trouble(Exit::conflict, "group " + group + " is in use: " + found->state,
                    "its members: " + members_text(*found),
                    "stop them, or put them out: moldau group remove-member " + group + " --all");
}

Answer<void> show(Session& session, const NewOffsets& plan, const Committed& committed) {
  Table table(
      {{"topic"}, {"partition", true}, {"current_offset", true}, {"new_offset", true}, {"change", true}});
  for (const auto& [partition, offset] : plan) {
    const auto at = committed.find(partition);
    const bool known = at != committed.end() && at->second;
    table.add({partition.topic, partition.partition, known ? Json(at->second->offset) : Json(), offset,
               known ? Json(offset - at->second->offset) : Json()});
  }
  return print_table(session, std::move(table));
}

Task<Answer<Exit>> apply(ClusterSession& session, const std::string& group, const NewOffsets& plan) {
  std::vector<std::pair<TopicPartition, client::GroupOffset>> offsets;
  for (const auto& [partition, offset] : plan) offsets.push_back({partition, {.offset = offset}});
  const auto results = co_await session.admin.alter_group_offsets(group, std::move(offsets));
  if (!results) co_return trouble(co_await group_trouble(session, group, results.error()));
  for (const auto& [partition, result] : *results)
    if (!result)
      co_return trouble(trouble_of(result.error(), "cannot set the offset of " + partition.to_string()));
  co_return Exit::done;
}

}  // namespace

ClusterAnswer group_seek(ClusterSession& session) {
  const Arguments& arguments = session.arguments();
  const auto group = group_of_words(session.session);
  if (!group) co_return trouble(group.error());
  if (auto unused = co_await check_unused(session, *group); !unused) co_return trouble(unused.error());
  const auto committed = co_await session.admin.list_group_offsets(*group);
  if (!committed) co_return trouble(co_await group_trouble(session, *group, committed.error()));
  auto plan = co_await plan_of(session, *group, *committed);
  if (!plan) co_return trouble(std::move(plan).error());
  const std::set<std::string> topics = topics_of(*committed);
  for (const auto& [partition, offset] : *plan) {
    if (arguments.has("allow-new-topics") || topics.empty() || topics.contains(partition.topic)) continue;
    co_return usage_trouble("group " + *group + " has never committed for topic " + partition.topic,
                            "with --allow-new-topics that is no error");
  }
  if (const auto path = arguments.find("export")) {
    if (auto written = co_await write_file(session, *path, *committed); !written)
      co_return trouble(written.error());
  }
  if (auto shown = show(session.session, *plan, *committed); !shown) co_return trouble(shown.error());
  if (arguments.has("dry-run") || plan->empty()) co_return Exit::done;
  session.out().flush();
  const auto sure =
      confirmed(session.session, "set " + std::to_string(plan->size()) + " offsets of group " + *group);
  if (!sure) co_return trouble(sure.error());
  if (!*sure) co_return usage_trouble("nothing was changed");
  co_return co_await apply(session, *group, *plan);
}

}  // namespace moldau::cli
