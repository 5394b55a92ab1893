#include "cli/topic_names.h"

#include <re2/re2.h>

#include <algorithm>

#include "cli/moldau_parser.h"

namespace moldau::cli {

Answer<std::vector<std::string>> matching(const std::string& pattern, const std::vector<std::string>& names) {
  const RE2 expression(pattern, RE2::Quiet);
  if (!expression.ok()) return usage_trouble("bad pattern \"" + pattern + "\": " + expression.error());
  std::vector<std::string> found;
  std::ranges::copy_if(names, std::back_inserter(found),
                       [&](const std::string& name) { return RE2::FullMatch(name, expression); });
  return found;
}

runtime::Task<Answer<std::vector<std::string>>> topics_of_words(ClusterSession& session) {
  const std::vector<std::string>& words = session.arguments().words();
  if (words.empty()) co_return usage_trouble("which topic?", "name at least one");
  if (!session.arguments().has("regex")) co_return words;
  auto topics = co_await session.admin.list_topics();
  if (!topics) co_return trouble(trouble_of(topics.error(), "cannot list topics"));
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) names.push_back(topic.name);
  std::vector<std::string> found;
  for (const std::string& pattern : words) {
    auto matched = matching(pattern, names);
    if (!matched) co_return trouble(std::move(matched).error());
    found.insert(found.end(), matched->begin(), matched->end());
  }
  std::ranges::sort(found);
  found.erase(std::unique(found.begin(), found.end()), found.end());
  if (found.empty()) co_return trouble(Exit::not_found, "no topic matches");
  co_return found;
}

runtime::Task<Trouble> topic_trouble(ClusterSession& session, std::string name, client::Failure failure) {
  Trouble out = trouble_of(failure, "cannot use topic " + name);
  if (failure.broker != wire::ErrorCode::unknown_topic_or_partition) co_return out;
  out.what = "there is no topic " + name;
  const auto topics = co_await session.cluster.topics({});
  if (!topics) co_return out;
  std::vector<std::string> names;
  for (const client::TopicInfo& topic : *topics) names.push_back(topic.name);
  if (const std::string near = nearest_of(name, names); !near.empty())
    out.hint = "did you mean " + near + "?";
  co_return out;
}

Answer<client::NewTopic> new_topic(const Arguments& arguments, std::string name, std::string_view replicas,
                                   std::string_view assign) {
  client::NewTopic topic{.name = std::move(name)};
  const auto partitions = arguments.number_or("partitions", -1, 1, INT32_MAX);
  if (!partitions) return std::unexpected(partitions.error());
  const auto factor = arguments.number_or(replicas, -1, 1, INT16_MAX);
  if (!factor) return std::unexpected(factor.error());
  topic.partitions = static_cast<std::int32_t>(*partitions);
  topic.replication_factor = static_cast<std::int16_t>(*factor);
  if (const auto assignment = arguments.find(assign)) {
    auto parsed = parse_assignment(*assignment);
    if (!parsed) return std::unexpected(parsed.error());
    topic.assignment = std::move(*parsed);
  }
  for (const std::string& config : arguments.all("config")) {
    auto pair = key_value(config, "--config");
    if (!pair) return std::unexpected(std::move(pair).error());
    topic.configs.emplace_back(std::move(pair->first), std::move(pair->second));
  }
  return topic;
}

Answer<std::vector<PartitionIndex>> parse_partitions(std::string_view text) {
  std::vector<PartitionIndex> found;
  for (const std::string& part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = whole_number(part.substr(0, dash));
    const auto last = dash == std::string::npos ? first : whole_number(part.substr(dash + 1));
    if (!first || !last || *first < 0 || *last < *first || *last > INT32_MAX || *last - *first > 100'000)
      return usage_trouble("\"" + part + "\" is no partition or range of partitions", "for example 0,1,4-6");
    for (std::int64_t index = *first; index <= *last; ++index)
      found.push_back(static_cast<PartitionIndex>(index));
  }
  return found;
}

Answer<std::vector<std::vector<NodeId>>> parse_assignment(std::string_view text) {
  std::vector<std::vector<NodeId>> found;
  for (const std::string& replicas : split(text, ',')) {
    found.emplace_back();
    for (const std::string& node : split(replicas, ':')) {
      const auto id = whole_number(node);
      if (!id || *id < 0 || *id > INT32_MAX)
        return usage_trouble("\"" + std::string(text) + "\" is no replica assignment", "for example 0:1,1:2");
      found.back().push_back(static_cast<NodeId>(*id));
    }
    if (found.back().empty())
      return usage_trouble("\"" + std::string(text) + "\" names no replica of a partition",
                           "for example 0:1,1:2");
  }
  return found;
}

}  // namespace moldau::cli
