#include "cli/reassignment_file.h"

#include <algorithm>
#include <set>

namespace moldau::cli {
namespace {

constexpr std::string_view kAnyDir = "any";

std::unexpected<Trouble> bad(std::string what) { return trouble(Exit::failed, std::move(what)); }

// The array `name` of a document of version 1; empty when it is not there.
Answer<Json::Array> items_of(std::string_view text, std::string_view name) {
  const auto document = Json::parse(text);
  if (!document || !document->as_object())
    return bad("The input string is not a valid JSON" + (document ? "" : ": " + document.error().message));
  if (const Json* version = document->find("version");
      version && (!version->as_integer() || *version->as_integer() != 1))
    return bad("Not supported version field value " + version->to_line());
  const Json* items = document->find(name);
  if (!items) return Json::Array{};
  if (!items->as_array()) return bad("\"" + std::string(name) + "\" is no list");
  return *items->as_array();
}

Answer<std::string> text_in(const Json& item, std::string_view name) {
  const Json* value = item.find(name);
  if (value && value->as_string()) return *value->as_string();
  return bad("No such field exists: `" + std::string(name) + "` in " + item.to_line());
}

Answer<std::int32_t> number_in(const Json& item, std::string_view name) {
  const Json* value = item.find(name);
  const std::int64_t* number = value ? value->as_integer() : nullptr;
  if (number && *number >= 0 && *number <= INT32_MAX) return static_cast<std::int32_t>(*number);
  return bad("No such field exists: `" + std::string(name) + "` in " + item.to_line());
}

Answer<TopicPartition> partition_in(const Json& item) {
  auto topic = text_in(item, "topic");
  if (!topic) return std::unexpected(std::move(topic).error());
  const auto index = number_in(item, "partition");
  if (!index) return std::unexpected(index.error());
  return TopicPartition{std::move(*topic), *index};
}

Answer<std::vector<NodeId>> replicas_in(const Json& item, const TopicPartition& partition) {
  const Json* list = item.find("replicas");
  if (!list || !list->as_array()) return bad("No such field exists: `replicas` in " + item.to_line());
  std::vector<NodeId> replicas;
  for (const Json& one : *list->as_array()) {
    if (!one.as_integer() || *one.as_integer() < 0 || *one.as_integer() > INT32_MAX)
      return bad(one.to_line() + " is no broker id, for partition " + partition.to_string());
    replicas.push_back(static_cast<NodeId>(*one.as_integer()));
  }
  return replicas;
}

Answer<void> check_log_dirs(const Json& item, const TopicPartition& partition, std::size_t replicas) {
  const Json* dirs = item.find("log_dirs");
  if (!dirs) return {};
  if (!dirs->as_array()) return bad("\"log_dirs\" is no list, for partition " + partition.to_string());
  if (dirs->as_array()->size() != replicas)
    return bad("Size of replicas list " + item.find("replicas")->to_line() +
               " is different from size of log dirs list " + dirs->to_line() + " for partition " +
               partition.to_string());
  for (const Json& dir : *dirs->as_array()) {
    if (!dir.as_string() || *dir.as_string() != kAnyDir)
      return bad("log_dirs: a replica's folder cannot be chosen, only \"any\", not " + dir.to_line() +
                 " for partition " + partition.to_string());
  }
  return {};
}

template <class T>
std::set<T> twice(const std::vector<T>& items) {
  std::set<T> seen, found;
  for (const T& item : items) {
    if (!seen.insert(item).second) found.insert(item);
  }
  return found;
}

std::string joined(const std::set<NodeId>& nodes) {
  std::string out;
  for (const NodeId node : nodes) out += (out.empty() ? "" : ",") + std::to_string(node);
  return out;
}

std::string joined(const std::set<TopicPartition>& partitions) {
  std::string out;
  for (const TopicPartition& one : partitions) out += (out.empty() ? "" : ",") + one.to_string();
  return out;
}

}  // namespace

Answer<std::vector<std::pair<TopicPartition, std::vector<NodeId>>>> parse_reassignment(
    std::string_view text) {
  const auto items = items_of(text, "partitions");
  if (!items) return std::unexpected(items.error());
  std::vector<std::pair<TopicPartition, std::vector<NodeId>>> found;
  for (const Json& item : *items) {
    auto partition = partition_in(item);
    if (!partition) return std::unexpected(std::move(partition).error());
    auto replicas = replicas_in(item, *partition);
    if (!replicas) return std::unexpected(std::move(replicas).error());
    if (auto checked = check_log_dirs(item, *partition, replicas->size()); !checked)
      return std::unexpected(std::move(checked).error());
    found.emplace_back(std::move(*partition), std::move(*replicas));
  }
  return found;
}

Answer<Assignment> parse_usable_reassignment(std::string_view text) {
  auto found = parse_reassignment(text);
  if (!found) return std::unexpected(std::move(found).error());
  if (found->empty()) return bad("Partition reassignment list cannot be empty");
  std::vector<TopicPartition> partitions;
  std::string repeated;
  for (const auto& [partition, replicas] : *found) {
    if (replicas.empty()) return bad("Partition replica list cannot be empty");
    partitions.push_back(partition);
    if (const auto nodes = twice(replicas); !nodes.empty())
      repeated += (repeated.empty() ? "" : ". ") + partition.to_string() + " contains multiple entries for " +
                  joined(nodes);
  }
  if (const auto repeats = twice(partitions); !repeats.empty())
    return bad("Partition reassignment contains duplicate topic partitions: " + joined(repeats));
  if (!repeated.empty()) return bad("Partition replica lists may not contain duplicate entries: " + repeated);
  return Assignment(found->begin(), found->end());
}

Answer<std::vector<std::string>> parse_topics_to_move(std::string_view text) {
  const auto items = items_of(text, "topics");
  if (!items) return std::unexpected(items.error());
  std::vector<std::string> topics;
  for (const Json& item : *items) {
    auto topic = text_in(item, "topic");
    if (!topic) return std::unexpected(std::move(topic).error());
    topics.push_back(std::move(*topic));
  }
  if (const auto repeats = twice(topics); !repeats.empty()) {
    std::string names;
    for (const std::string& name : repeats) names += (names.empty() ? "" : ", ") + name;
    return bad("List of topics to reassign contains duplicate entries: [" + names + "]");
  }
  return topics;
}

Answer<std::vector<TopicPartition>> parse_partition_list(std::string_view text) {
  const auto document = Json::parse(text);
  if (!document || !document->as_object()) return bad("Replica election data is empty");
  const Json* items = document->find("partitions");
  if (!items || !items->as_array()) return bad("Replica election data is missing \"partitions\" field");
  std::vector<TopicPartition> partitions;
  for (const Json& item : *items->as_array()) {
    auto partition = partition_in(item);
    if (!partition) return std::unexpected(std::move(partition).error());
    partitions.push_back(std::move(*partition));
  }
  if (const auto repeats = twice(partitions); !repeats.empty())
    return bad("Replica election data contains duplicate partitions: [" + joined(repeats) + "]");
  return partitions;
}

std::string reassignment_json(const Assignment& assignment) {
  Json::Array partitions;
  for (const auto& [partition, nodes] : assignment) {
    Json::Array replicas;
    for (const NodeId node : nodes) replicas.emplace_back(node);
    partitions.emplace_back(Json::Object{{"topic", partition.topic},
                                         {"partition", partition.partition},
                                         {"replicas", std::move(replicas)},
                                         {"log_dirs", Json::Array(nodes.size(), Json(kAnyDir))}});
  }
  return Json(Json::Object{{"version", 1}, {"partitions", std::move(partitions)}}).to_line();
}

}  // namespace moldau::cli
