#include <algorithm>

#include "controller/assignment.h"
#include "controller/controller.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Record;
using metadata::Topic;
using wire::ErrorCode;
using Growth = wire::CreatePartitionsRequest::Topic;

std::int64_t partitions_added(const Image& image, const Growth& growth) {
  const Topic* topic = image.topic(growth.name);
  return topic ? std::max<std::int64_t>(0, std::int64_t{growth.count} - topic->partition_count()) : 0;
}

Judged<std::vector<Replicas>> place_growth(const Image& image, const Topic& topic, const Growth& growth,
                                           Random& random) {
  const std::int32_t added = growth.count - topic.partition_count();
  const std::size_t replication_factor = topic.partition(0)->replicas.size();
  if (!growth.assignments) {
    return automatic_placement(image, added, static_cast<std::int64_t>(replication_factor), random);
  }
  if (growth.assignments->size() != static_cast<std::size_t>(added))
    return refuse(ErrorCode::invalid_replica_assignment,
                  "Attempted to add " + std::to_string(added) + " additional partition(s), but only " +
                      std::to_string(growth.assignments->size()) + " assignment(s) were specified.");
  std::vector<Replicas> out;
  for (const auto& assignment : *growth.assignments) {
    if (auto good = check_assignment(image, assignment.broker_ids, replication_factor); !good)
      return std::unexpected(good.error());
    out.push_back(assignment.broker_ids);
  }
  return out;
}

Judged<std::vector<Record>> grow(const Image& image, const Growth& growth, Random& random) {
  const Topic* topic = image.topic(growth.name);
  if (!topic)
    return refuse(ErrorCode::unknown_topic_or_partition, "This server does not host this topic-partition.");
  const std::int32_t count = topic->partition_count();
  if (growth.count == count)
    return refuse(ErrorCode::invalid_partitions,
                  "Topic already has " + std::to_string(count) + " partition(s).");
  if (growth.count < count)
    return refuse(ErrorCode::invalid_partitions,
                  "The topic " + growth.name + " currently has " + std::to_string(count) + " partition(s); " +
                      std::to_string(growth.count) + " would not be an increase.");
  auto placed = place_growth(image, *topic, growth, random);
  if (!placed) return std::unexpected(placed.error());
  std::vector<Record> records;
  for (std::size_t i = 0; i < placed->size(); ++i) {
    auto partition =
        new_partition(image, topic->id, count + static_cast<PartitionIndex>(i), std::move((*placed)[i]));
    if (!partition) return std::unexpected(partition.error());
    records.push_back(std::move(*partition));
  }
  return records;
}

}  // namespace

Outcome<wire::CreatePartitionsResponse> Controller::create_partitions(
    const Image& image, const wire::CreatePartitionsRequest& request, Random& random) const {
  Outcome<wire::CreatePartitionsResponse> out;
  const std::set<std::string> twice = duplicates(request.topics);
  std::int64_t partitions = 0;
  for (const Growth& growth : request.topics)
    if (!twice.contains(growth.name)) partitions += partitions_added(image, growth);
  const auto judge = [&](const Growth& growth) -> Judged<std::vector<Record>> {
    if (partitions > kMaxPartitionsPerRequest)
      return refuse(ErrorCode::policy_violation, too_many(partitions));
    return grow(image, growth, random);
  };
  for (const Growth& growth : request.topics) {
    if (twice.contains(growth.name)) continue;
    auto& result = out.response.results.emplace_back();
    result.name = growth.name;
    if (auto grown = judge(growth)) {
      out.records.insert(out.records.end(), grown->begin(), grown->end());
    } else {
      result.error_code = grown.error().code;
      result.error_message = std::move(grown.error().message);
    }
  }
  for (const std::string& name : twice)
    out.response.results.push_back(
        {.name = name, .error_code = ErrorCode::invalid_request, .error_message = "Duplicate topic name."});
  if (request.validate_only) out.records.clear();
  return out;
}

}  // namespace moldau::controller
