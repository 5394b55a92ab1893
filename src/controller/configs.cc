#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "controller/controller.h"
#include "controller/elections.h"
#include "controller/refusal.h"
#include "metadata/topic_name.h"

namespace moldau::controller {

namespace {

using config::ConfigMap;
using metadata::ConfigResource;
using metadata::Image;
using metadata::Record;
using metadata::ResourceType;
using wire::ErrorCode;

// The wire has no longer ones; APPEND could make one.
constexpr std::size_t kMaxValueBytes = 32'767;
constexpr std::string_view kMinIsr = "min.insync.replicas";

enum class Operation : std::int8_t { set = 0, erase = 1, append = 2, subtract = 3 };

struct Change {
  std::string key;
  Operation operation;
  std::optional<std::string> value;
};

Judged<ConfigResource> judge_resource(const Image& image, std::int8_t type, const std::string& name) {
  switch (static_cast<ResourceType>(type)) {
    case ResourceType::topic:
      if (name.empty()) return refuse(ErrorCode::invalid_request, "Default topic resources are not allowed.");
      if (const Status valid = metadata::validate_topic_name(name); !valid)
        return refuse(ErrorCode::invalid_topic_exception, valid.error().message);
      if (!image.topic(name))
        return refuse(ErrorCode::unknown_topic_or_partition, "The topic '" + name + "' does not exist.");
      return ConfigResource{ResourceType::topic, name};
    case ResourceType::broker: {
      if (name.empty()) return ConfigResource{ResourceType::broker, name};
      NodeId id = kNoNode;
      const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
      // "01" would be a second name of broker 1.
      if (error != std::errc() || std::to_string(id) != name || id < 0)
        return refuse(ErrorCode::invalid_request,
                      "Unable to parse broker name '" + name + "' as a base 10 number.");
      if (!image.broker(id))
        return refuse(ErrorCode::broker_id_not_registered, "No broker with id " + name + " found.");
      return ConfigResource{ResourceType::broker, name};
    }
    case ResourceType::broker_logger:
    case ResourceType::client_metrics:
    case ResourceType::group:
      return refuse(ErrorCode::invalid_request, "Configs of resource type " + std::to_string(type) +
                                                    " are not supported by this controller.");
  }
  return refuse(ErrorCode::invalid_request, "Unexpected resource type " + std::to_string(type) + ".");
}

const config::Key* find_key(const ConfigResource& resource, std::string_view key) {
  return resource.type == ResourceType::topic ? config::find_topic_key(key) : config::find_broker_key(key);
}

// What the list config is now, wherever that comes from: APPEND and SUBTRACT start from it.
std::string value_in_force(const Controller& controller, const Image& image, const ConfigResource& resource,
                           const config::Key& key, const ConfigMap& own) {
  if (const auto found = own.find(key.name); found != own.end()) return found->second;
  const config::ConfigLayers layers = controller.layers(image, "", kNoNode);
  std::vector<std::string> names = config::split_list(key.synonyms);
  if (resource.type != ResourceType::topic) names.insert(names.begin(), std::string(key.name));
  for (const ConfigMap* layer : {layers.cluster, layers.static_broker})
    for (const std::string& name : names)
      if (const auto found = layer->find(name); found != layer->end()) return found->second;
  return std::string(key.default_value.value_or(""));
}

class ResourceChange {
 public:
  ResourceChange(const Controller& controller, const Image& image, ConfigResource resource)
      : controller_(controller),
        image_(image),
        resource_(std::move(resource)),
        before_(image.configs(resource_)),
        after_(before_) {}

  Judged<void> apply(const Change& change) {
    if (!touched_.insert(change.key).second)
      return refuse(ErrorCode::invalid_request, "Error due to duplicate config keys : " + change.key);
    if (change.operation == Operation::erase) {
      after_.erase(change.key);
      return {};
    }
    if (!change.value)
      return refuse(ErrorCode::invalid_request, "Null value not supported for : " + change.key);
    if (change.operation == Operation::set) {
      after_.insert_or_assign(change.key, *change.value);
      return {};
    }
    return change_list(change);
  }

  // The legacy call names everything that shall be set: all else goes.
  void keep_only_touched() {
    std::erase_if(after_, [&](const auto& entry) { return !touched_.contains(entry.first); });
  }

  Judged<void> validate() const {
    for (const auto& [key, value] : after_)
      if (value.size() > kMaxValueBytes)
        return refuse(
            ErrorCode::invalid_config,
            "The configuration value cannot be added because it exceeds the maximum value size of " +
                std::to_string(kMaxValueBytes) + " bytes.");
    if (auto same = validate_min_isr(); !same) return same;
    if (resource_.type == ResourceType::topic) {
      if (const Status valid = config::validate_topic_configs(after_); !valid)
        return refuse(ErrorCode::invalid_config, valid.error().message);
      return {};
    }
    for (const auto& [key, value] : after_) {
      if (const auto old = before_.find(key); old != before_.end() && old->second == value) continue;
      if (const Status valid = config::validate_broker_config(key, value, resource_.name.empty()); !valid)
        return refuse(ErrorCode::invalid_request, valid.error().message);
    }
    return {};
  }

  void add_records(std::vector<Record>& records) const {
    for (const auto& [key, value] : before_)
      if (!after_.contains(key)) records.push_back(metadata::ConfigRecord{resource_, key, std::nullopt});
    for (const auto& [key, value] : after_)
      if (const auto old = before_.find(key); old == before_.end() || old->second != value)
        records.push_back(metadata::ConfigRecord{resource_, key, value});
  }

 private:
  // With ELR every broker goes by the same number, and it is written down (KIP-966).
  Judged<void> validate_min_isr() const {
    if (!elr_enabled(image_) || resource_.type != ResourceType::broker) return {};
    // Also to what it is already.
    const bool changed = touched_.contains(kMinIsr) || before_.contains(kMinIsr) != after_.contains(kMinIsr);
    if (!changed) return {};
    if (!resource_.name.empty())
      return refuse(ErrorCode::invalid_config,
                    "Broker-level min.insync.replicas cannot be altered while ELR is enabled.");
    if (!after_.contains(kMinIsr))
      return refuse(ErrorCode::invalid_config,
                    "Cluster-level min.insync.replicas cannot be removed while ELR is enabled.");
    return {};
  }

  Judged<void> change_list(const Change& change) {
    const bool append = change.operation == Operation::append;
    const config::Key* key = find_key(resource_, change.key);
    if (!key || key->type != config::Type::list)
      return refuse(ErrorCode::invalid_config, std::string("Can't ") + (append ? "APPEND" : "SUBTRACT") +
                                                   " to key " + change.key +
                                                   " because its type is not LIST.");
    const std::string current = value_in_force(controller_, image_, resource_, *key, before_);
    auto changed = append ? config::append_to_list(*key, current, *change.value)
                          : config::subtract_from_list(*key, current, *change.value);
    if (!changed) return refuse(ErrorCode::invalid_config, changed.error().message);
    after_.insert_or_assign(change.key, std::move(*changed));
    return {};
  }

  const Controller& controller_;
  const Image& image_;
  const ConfigResource resource_;
  const ConfigMap& before_;
  ConfigMap after_;
  std::set<std::string, std::less<>> touched_;
};

Judged<Change> change_of(const wire::AlterConfigsRequest::Resource::Config& config) {
  return Change{config.name, Operation::set, config.value};
}
Judged<Change> change_of(const wire::IncrementalAlterConfigsRequest::Resource::Config& config) {
  if (config.config_operation < 0 || config.config_operation > static_cast<std::int8_t>(Operation::subtract))
    return refuse(ErrorCode::invalid_request,
                  "Unknown operation type " + std::to_string(config.config_operation) + ".");
  return Change{config.name, static_cast<Operation>(config.config_operation), config.value};
}

template <class Resource>
Judged<std::vector<Record>> judge(const Controller& controller, const Image& image, const Resource& request,
                                  bool replaces_all) {
  auto resource = judge_resource(image, request.resource_type, request.resource_name);
  if (!resource) return std::unexpected(resource.error());
  ResourceChange resource_change(controller, image, std::move(*resource));
  for (const auto& config : request.configs) {
    auto change = change_of(config);
    if (!change) return std::unexpected(change.error());
    if (auto applied = resource_change.apply(*change); !applied) return std::unexpected(applied.error());
  }
  if (replaces_all) resource_change.keep_only_touched();
  if (auto valid = resource_change.validate(); !valid) return std::unexpected(valid.error());
  std::vector<Record> records;
  resource_change.add_records(records);
  return records;
}

bool changes_min_isr(const Record& record) {
  const auto* config = std::get_if<metadata::ConfigRecord>(&record);
  return config && config->key == kMinIsr;
}

// Who was eligible to lead under another min.insync.replicas may lack what is committed from now on.
std::vector<Record> consequences(const Controller& controller, const Image& image,
                                 const std::vector<Record>& changes) {
  if (!std::ranges::any_of(changes, changes_min_isr)) return {};
  return partitions_under_new_rules(controller, metadata::apply_records(image, changes).value().image);
}

template <class Response, class Request>
Outcome<Response> alter(const Controller& controller, const Image& image, const Request& request,
                        bool replaces_all) {
  Outcome<Response> out;
  std::map<std::pair<std::int8_t, std::string>, int> times;
  for (const auto& resource : request.resources) ++times[{resource.resource_type, resource.resource_name}];
  for (const auto& resource : request.resources) {
    auto& result = out.response.responses.emplace_back();
    result.resource_type = resource.resource_type;
    result.resource_name = resource.resource_name;
    const bool twice = times[{resource.resource_type, resource.resource_name}] > 1;
    auto records = twice ? Judged<std::vector<Record>>(
                               refuse(ErrorCode::invalid_request, "Each resource must appear at most once."))
                         : judge(controller, image, resource, replaces_all);
    if (records) {
      out.records.insert(out.records.end(), records->begin(), records->end());
    } else {
      result.error_code = records.error().code;
      result.error_message = std::move(records.error().message);
    }
  }
  const std::vector<Record> more = consequences(controller, image, out.records);
  out.records.insert(out.records.end(), more.begin(), more.end());
  if (out.records.size() > kMaxRecordsPerOperation) {
    for (auto& result : out.response.responses) {
      result.error_code = ErrorCode::policy_violation;
      result.error_message = kTooManyRecords;
    }
    out.records.clear();
  }
  if (request.validate_only) out.records.clear();
  return out;
}

}  // namespace

Outcome<wire::AlterConfigsResponse> Controller::alter_configs(
    const Image& image, const wire::AlterConfigsRequest& request) const {
  return alter<wire::AlterConfigsResponse>(*this, image, request, true);
}

Outcome<wire::IncrementalAlterConfigsResponse> Controller::incremental_alter_configs(
    const Image& image, const wire::IncrementalAlterConfigsRequest& request) const {
  return alter<wire::IncrementalAlterConfigsResponse>(*this, image, request, false);
}

config::ConfigLayers Controller::layers(const Image& image, std::string_view topic, NodeId broker) const {
  config::ConfigLayers out;
  if (!topic.empty()) out.topic = &image.configs({ResourceType::topic, std::string(topic)});
  if (broker != kNoNode) out.broker = &image.configs({ResourceType::broker, std::to_string(broker)});
  out.cluster = &image.configs({ResourceType::broker, ""});
  out.static_broker = &settings_.static_broker;
  return out;
}

}  // namespace moldau::controller
