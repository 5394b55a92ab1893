#include <algorithm>
#include <map>

#include "controller/assignment.h"
#include "controller/controller.h"
#include "metadata/topic_name.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Record;
using metadata::ResourceType;
using metadata::Topic;
using wire::ErrorCode;
using NewTopic = wire::CreateTopicsRequest::Topic;
using CreatedTopic = wire::CreateTopicsResponse::Topic;

Judged<std::vector<Replicas>> manual_placement(const Image& image, const NewTopic& topic) {
  if (topic.replication_factor != -1)
    return refuse(ErrorCode::invalid_request,
                  "A manual partition assignment was specified, but replication factor was not set to -1.");
  if (topic.num_partitions != -1)
    return refuse(ErrorCode::invalid_request,
                  "A manual partition assignment was specified, but numPartitions was not set to -1.");
  std::map<PartitionIndex, const Replicas*> by_index;
  for (const auto& assignment : topic.assignments) {
    if (!by_index.emplace(assignment.partition_index, &assignment.broker_ids).second)
      return refuse(ErrorCode::invalid_replica_assignment,
                    "Found multiple manual partition assignments for partition " +
                        std::to_string(assignment.partition_index));
  }
  std::vector<Replicas> out;
  for (const auto& [index, replicas] : by_index) {
    if (index != static_cast<PartitionIndex>(out.size()))
      return refuse(ErrorCode::invalid_replica_assignment,
                    "partitions should be a consecutive 0-based integer sequence");
    if (auto good = check_assignment(image, *replicas, by_index.begin()->second->size()); !good)
      return std::unexpected(good.error());
    out.push_back(*replicas);
  }
  return out;
}

CreatedTopic refused(std::string name, ErrorCode code, std::string message) {
  CreatedTopic out{.name = std::move(name), .error_code = code, .error_message = std::move(message)};
  out.configs.emplace();
  return out;
}

// Judges the topics of one request one after the other; `names` of topics before count as taken.
class Creation {
 public:
  Creation(const Controller& controller, const Image& image, const config::BrokerConfig& defaults,
           Random& random)
      : controller_(controller),
        image_(image),
        default_partitions_(defaults.int_of("num.partitions", 1)),
        default_replication_(defaults.int_of("default.replication.factor", 1)),
        random_(random) {}

  std::int64_t partitions_wanted(const NewTopic& topic) const {
    if (!topic.assignments.empty()) return static_cast<std::int64_t>(topic.assignments.size());
    return topic.num_partitions == -1 ? default_partitions_ : std::max(topic.num_partitions, 0);
  }

  CreatedTopic create(const NewTopic& topic, std::vector<Record>& records) {
    auto created = judge(topic);
    if (!created) return refused(topic.name, created.error().code, std::move(created.error().message));
    CreatedTopic out{.name = topic.name};
    out.topic_id = created->id;
    out.num_partitions = static_cast<std::int32_t>(created->partitions.size());
    out.replication_factor = static_cast<std::int16_t>(created->partitions.front().replicas.size());
    describe(created->configs, out);
    add_records(topic.name, std::move(*created), records);
    return out;
  }

 private:
  struct Created {
    TopicId id;
    std::vector<metadata::PartitionRecord> partitions;
    config::ConfigMap configs;
  };

  Judged<Created> judge(const NewTopic& topic) {
    if (auto named = judge_name(topic.name); !named) return std::unexpected(named.error());
    Created out;
    if (auto configs = judge_configs(topic)) {
      out.configs = std::move(*configs);
    } else {
      return std::unexpected(configs.error());
    }
    const bool manual = !topic.assignments.empty();
    auto placed =
        manual
            ? manual_placement(image_, topic)
            : automatic_placement(
                  image_, topic.num_partitions == -1 ? default_partitions_ : topic.num_partitions,
                  topic.replication_factor == -1 ? default_replication_ : topic.replication_factor, random_);
    if (!placed) return std::unexpected(placed.error());
    out.id = new_id();
    for (Replicas& replicas : *placed) {
      auto partition = new_partition(image_, out.id, static_cast<PartitionIndex>(out.partitions.size()),
                                     std::move(replicas));
      if (!partition) return std::unexpected(partition.error());
      out.partitions.push_back(std::move(*partition));
    }
    taken_.emplace(metadata::collision_key(topic.name), topic.name);
    return out;
  }

  Judged<void> judge_name(const std::string& name) const {
    if (const Status valid = metadata::validate_topic_name(name); !valid)
      return refuse(ErrorCode::invalid_topic_exception, valid.error().message);
    if (name == metadata::kClusterMetadataTopic)
      return refuse(ErrorCode::invalid_request, "Creation of internal topic " + name + " is prohibited.");
    if (image_.topic(name))
      return refuse(ErrorCode::topic_already_exists, "Topic '" + name + "' already exists.");
    if (const std::string other = colliding(name); !other.empty())
      return refuse(ErrorCode::invalid_topic_exception,
                    "Topic '" + name + "' collides with existing topic: " + other);
    return {};
  }
  std::string colliding(const std::string& name) const {
    if (const Topic* other = image_.colliding_topic(name)) return other->name;
    const auto found = taken_.find(metadata::collision_key(name));
    return found == taken_.end() ? std::string() : found->second;
  }

  static Judged<config::ConfigMap> judge_configs(const NewTopic& topic) {
    config::ConfigMap out;
    for (const auto& config : topic.configs) {
      if (!config.value)
        return refuse(ErrorCode::invalid_config,
                      "Null value not supported for topic configs: " + config.name);
      out.insert_or_assign(config.name, *config.value);  // the last of several counts, as in Kafka
    }
    if (const Status valid = config::validate_topic_configs(out); !valid)
      return refuse(ErrorCode::invalid_config, valid.error().message);
    return out;
  }

  TopicId new_id() {
    for (;;)
      if (const TopicId id = random_.uuid(); !image_.topic(id)) return id;
  }

  void describe(const config::ConfigMap& configs, CreatedTopic& out) const {
    config::ConfigLayers layers = controller_.layers(image_, "", kNoNode);
    layers.topic = &configs;
    auto& described = out.configs.emplace();
    for (config::DescribedConfig& config : config::describe_topic_config(layers))
      described.push_back({.name = std::move(config.name),
                           .value = std::move(config.value),
                           .read_only = config.read_only,
                           .config_source = static_cast<std::int8_t>(config.source),
                           .is_sensitive = config.sensitive});
  }

  static void add_records(const std::string& name, Created created, std::vector<Record>& records) {
    records.push_back(metadata::TopicRecord{name, created.id});
    for (auto& [key, value] : created.configs)
      records.push_back(metadata::ConfigRecord{{ResourceType::topic, name}, key, value});
    for (auto& partition : created.partitions) records.push_back(std::move(partition));
  }

  const Controller& controller_;
  const Image& image_;
  const std::int64_t default_partitions_;
  const std::int64_t default_replication_;
  Random& random_;
  std::map<std::string, std::string> taken_;  // by collision key
};

}  // namespace

Outcome<wire::CreateTopicsResponse> Controller::create_topics(const Image& image,
                                                              const wire::CreateTopicsRequest& request,
                                                              Random& random) const {
  Outcome<wire::CreateTopicsResponse> out;
  Creation creation(*this, image, config::BrokerConfig(layers(image, "", kNoNode)), random);
  const std::set<std::string> twice = duplicates(request.topics);
  std::int64_t partitions = 0;
  for (const NewTopic& topic : request.topics)
    if (!twice.contains(topic.name)) partitions += creation.partitions_wanted(topic);
  const bool excessive = partitions > kMaxPartitionsPerRequest;
  for (const NewTopic& topic : request.topics) {
    if (twice.contains(topic.name)) continue;
    if (excessive) {
      out.response.topics.push_back(refused(topic.name, ErrorCode::policy_violation, too_many(partitions)));
    } else {
      out.response.topics.push_back(creation.create(topic, out.records));
    }
  }
  if (out.records.size() > kMaxRecordsPerOperation) {
    out.records.clear();
    for (auto& topic : out.response.topics)
      topic = refused(topic.name, ErrorCode::policy_violation, std::string(kTooManyRecords));
  }
  for (const std::string& name : twice)
    out.response.topics.push_back(refused(name, ErrorCode::invalid_request, "Duplicate topic name."));
  if (request.validate_only) out.records.clear();
  return out;
}

}  // namespace moldau::controller
