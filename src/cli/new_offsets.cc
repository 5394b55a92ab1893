#include "cli/new_offsets.h"

#include <algorithm>
#include <charconv>

namespace moldau::cli {

using runtime::Task;

namespace {

using Listed = std::map<TopicPartition, Offset>;

Task<Answer<Listed>> list(ClusterSession& session, const std::vector<TopicPartition>& partitions,
                          std::int64_t at) {
  std::vector<client::OffsetQuery> queries;
  for (const TopicPartition& partition : partitions) queries.push_back({partition, at});
  const auto results = co_await session.admin.list_offsets(std::move(queries));
  if (!results) co_return trouble(trouble_of(results.error(), "cannot look offsets up"));
  Listed offsets;
  for (const auto& [partition, found] : *results) {
    if (!found)
      co_return trouble(trouble_of(found.error(), "cannot look offsets of " + partition.to_string() + " up"));
    offsets[partition] = found->offset;
  }
  co_return offsets;
}

Task<Answer<Listed>> list(ClusterSession& session, const std::vector<TopicPartition>& partitions,
                          client::OffsetSpec at) {
  return list(session, partitions, static_cast<std::int64_t>(at));
}

std::string joined(const std::vector<TopicPartition>& partitions) {
  std::string out;
  for (const TopicPartition& one : partitions) out += (out.empty() ? "" : ",") + one.to_string();
  return out;
}

Task<Answer<void>> check_partitions(ClusterSession& session, const std::vector<TopicPartition>& partitions) {
  std::vector<std::string> names;
  for (const TopicPartition& one : partitions) names.push_back(one.topic);
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.empty()) co_return Answer<void>();
  const auto topics = co_await session.admin.describe_topics(std::move(names));
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot describe topics"));
  std::vector<TopicPartition> absent, leaderless;
  for (const TopicPartition& one : partitions) {
    const auto topic = std::ranges::find(*topics, one.topic, [](const auto& each) { return each.first; });
    const client::PartitionInfo* info =
        topic == topics->end() || !topic->second ? nullptr : topic->second->find(one.partition);
    if (info == nullptr)
      absent.push_back(one);
    else if (info->leader < 0)
      leaderless.push_back(one);
  }
  if (!absent.empty())
    co_return trouble(Exit::not_found, "The partitions \"" + joined(absent) + "\" do not exist");
  if (!leaderless.empty())
    co_return trouble(Exit::failed, "The partitions \"" + joined(leaderless) + "\" have no leader");
  co_return Answer<void>();
}

Task<Answer<Listed>> committed_of(ClusterSession& session, const std::string& group) {
  const auto offsets = co_await session.admin.list_group_offsets(group);
  if (!offsets) co_return trouble(trouble_of(offsets.error(), "cannot read the offsets of group " + group));
  Listed committed;
  for (const auto& [partition, offset] : *offsets)
    if (offset) committed[partition] = offset->offset;
  co_return committed;
}

Task<Answer<OffsetPlan>> shifted(ClusterSession& session, const std::string& group,
                                 const std::vector<TopicPartition>& partitions, std::int64_t by) {
  const auto committed = co_await committed_of(session, group);
  if (!committed) co_return trouble(committed.error());
  NewOffsets wanted;
  for (const TopicPartition& one : partitions) {
    const auto at = committed->find(one);
    if (at == committed->end())
      co_return trouble(Exit::failed, "Cannot shift offset for partition " + one.to_string() +
                                          " since there is no current committed offset");
    const bool overflows = by > 0 ? at->second > INT64_MAX - by : by < -INT64_MAX;
    wanted[one] = overflows ? (by > 0 ? INT64_MAX : 0) : at->second + by;
  }
  auto within = co_await within_logs(session, std::move(wanted));
  if (!within) co_return trouble(std::move(within).error());
  co_return OffsetPlan{std::move(*within), {}};
}

Task<Answer<OffsetPlan>> unchanged(ClusterSession& session, const std::string& group,
                                   const std::vector<TopicPartition>& partitions) {
  const auto committed = co_await committed_of(session, group);
  if (!committed) co_return trouble(committed.error());
  OffsetPlan plan;
  std::vector<TopicPartition> others;
  for (const TopicPartition& one : partitions) {
    const auto at = committed->find(one);
    if (at == committed->end())
      others.push_back(one);
    else
      plan.offsets[one] = at->second;
  }
  const auto ends = co_await list(session, others, client::OffsetSpec::latest);
  if (!ends) co_return trouble(ends.error());
  plan.offsets.insert(ends->begin(), ends->end());
  co_return plan;
}

Task<Answer<OffsetPlan>> at_time(ClusterSession& session, const std::vector<TopicPartition>& partitions,
                                 TimestampMs when) {
  auto found = co_await list(session, partitions, when);
  if (!found) co_return trouble(std::move(found).error());
  OffsetPlan plan;
  for (const auto& [partition, offset] : *found) {
    if (offset == kNoOffset)
      plan.without_record.push_back(partition);
    else
      plan.offsets[partition] = offset;
  }
  const auto ends = co_await list(session, plan.without_record, client::OffsetSpec::latest);
  if (!ends) co_return trouble(ends.error());
  plan.offsets.insert(ends->begin(), ends->end());
  co_return plan;
}

// A number before `unit`, taken from the front; nothing when it is not there.
std::optional<double> take_number(std::string_view& text, char unit) {
  double value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const auto [end, error] =
      std::from_chars(begin, text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc{} || end == text.data() + text.size() ||
      std::toupper(static_cast<unsigned char>(*end)) != unit)
    return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return value;
}

// A field of a CSV line, taken from the front with its comma.
std::string take_field(std::string_view& line) {
  std::string field;
  if (!line.starts_with('"')) {
    const std::size_t comma = line.find(',');
    field = line.substr(0, comma);
    line.remove_prefix(comma == std::string_view::npos ? line.size() : comma + 1);
    return field;
  }
  line.remove_prefix(1);
  while (!line.empty()) {
    if (line.starts_with("\"\"")) {
      field += '"';
      line.remove_prefix(2);
    } else if (line.front() == '"') {
      line.remove_prefix(line.starts_with("\",") ? 2 : 1);
      break;
    } else {
      field += line.front();
      line.remove_prefix(1);
    }
  }
  return field;
}

}  // namespace

Task<Answer<NewOffsets>> within_logs(ClusterSession& session, NewOffsets wanted) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, offset] : wanted) partitions.push_back(partition);
  const auto starts = co_await list(session, partitions, client::OffsetSpec::earliest);
  if (!starts) co_return trouble(starts.error());
  const auto ends = co_await list(session, partitions, client::OffsetSpec::latest);
  if (!ends) co_return trouble(ends.error());
  for (auto& [partition, offset] : wanted) {
    const Offset start = starts->at(partition), end = ends->at(partition);
    if (offset >= start && offset <= end) continue;
    const bool above = offset > end;
    session.session.note("New offset (" + std::to_string(offset) + ") is " +
                         (above ? "higher than latest" : "lower than earliest") +
                         " offset for topic partition " + partition.to_string() + ". Value will be set to " +
                         std::to_string(above ? end : start) + ".");
    offset = above ? end : start;
  }
  co_return wanted;
}

Task<Answer<OffsetPlan>> plan_offsets(ClusterSession& session, const std::string& group,
                                      std::vector<TopicPartition> partitions, OffsetTarget target) {
  if (auto checked = co_await check_partitions(session, partitions); !checked)
    co_return trouble(std::move(checked).error());
  if (partitions.empty()) co_return OffsetPlan();
  using enum OffsetTarget::Kind;
  if (target.kind == shift) co_return co_await shifted(session, group, partitions, target.value);
  if (target.kind == current) co_return co_await unchanged(session, group, partitions);
  if (target.kind == timestamp) co_return co_await at_time(session, partitions, target.value);
  if (target.kind == offset) {
    NewOffsets wanted;
    for (const TopicPartition& one : partitions) wanted[one] = target.value;
    auto within = co_await within_logs(session, std::move(wanted));
    if (!within) co_return trouble(std::move(within).error());
    co_return OffsetPlan{std::move(*within), {}};
  }
  auto listed =
      co_await list(session, partitions,
                    target.kind == earliest ? client::OffsetSpec::earliest : client::OffsetSpec::latest);
  if (!listed) co_return trouble(std::move(listed).error());
  co_return OffsetPlan{std::move(*listed), {}};
}

Task<Answer<std::vector<TopicPartition>>> partitions_of_topics(ClusterSession& session,
                                                               const std::vector<std::string>& topics) {
  std::vector<TopicPartition> partitions;
  std::vector<std::string> whole;
  for (const std::string& text : topics) {
    const std::size_t colon = text.find(':');
    if (colon == std::string::npos) {
      whole.push_back(text);
      continue;
    }
    for (const std::string& number : split(text.substr(colon + 1), ',')) {
      const auto index = whole_number(number);
      if (!index || *index < 0 || *index > INT32_MAX)
        co_return usage_trouble("Invalid partition '" + number + "' specified in topic arg '" + text + "''");
      partitions.push_back({text.substr(0, colon), static_cast<PartitionIndex>(*index)});
    }
  }
  if (!whole.empty()) {
    const auto described = co_await session.admin.describe_topics(std::move(whole));
    if (!described) co_return trouble(trouble_of(described.error(), "cannot describe topics"));
    for (const auto& [name, topic] : *described) {
      if (!topic) co_return trouble(trouble_of(topic.error(), words_of(topic.error())));
      for (const client::PartitionInfo& partition : topic->partitions)
        partitions.push_back({name, partition.index});
    }
  }
  std::ranges::sort(partitions);
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  co_return partitions;
}

std::optional<std::int64_t> parse_iso_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty() || std::toupper(static_cast<unsigned char>(text.front())) != 'P') return std::nullopt;
  text.remove_prefix(1);
  double seconds = 0;
  bool any = false;
  const auto take = [&](char unit, double worth) {
    if (const auto number = take_number(text, unit)) {
      seconds += *number * worth;
      any = true;
    }
  };
  take('D', 86'400);
  if (!text.empty() && std::toupper(static_cast<unsigned char>(text.front())) == 'T') {
    text.remove_prefix(1);
    any = false;  // at least one of those must follow
    take('H', 3'600);
    take('M', 60);
    take('S', 1);
  }
  constexpr double kMost = 1e12;
  if (!any || !text.empty() || seconds > kMost || seconds < -kMost) return std::nullopt;
  const auto ms = static_cast<std::int64_t>(seconds * 1'000);
  return negative ? -ms : ms;
}

Answer<std::vector<PlannedOffset>> parse_offset_plan(const std::string& text, const std::string& path) {
  std::vector<PlannedOffset> plan;
  for (std::string line : split(text, '\n')) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty()) continue;
    std::vector<std::string> fields;
    for (std::string_view rest = line; !rest.empty();) fields.push_back(take_field(rest));
    const bool grouped = fields.size() == 4;
    const auto partition = fields.size() < 3 ? std::nullopt : whole_number(fields[grouped ? 2 : 1]);
    const auto offset = fields.size() < 3 ? std::nullopt : whole_number(fields.back());
    if ((fields.size() != 3 && !grouped) || !partition || *partition < 0 || *partition > INT32_MAX || !offset)
      return trouble(Exit::bad_file, path + ": \"" + line + "\" is not [GROUP,]TOPIC,PARTITION,OFFSET");
    plan.push_back({grouped ? fields[0] : "",
                    {fields[grouped ? 1 : 0], static_cast<PartitionIndex>(*partition)},
                    *offset});
  }
  return plan;
}

std::string csv_text(const std::string& text) {
  constexpr std::size_t kLongestChecked = 24;
  const bool safe =
      text.size() <= kLongestChecked && std::ranges::all_of(text, [](char c) { return c > ','; });
  if (safe) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace moldau::cli
