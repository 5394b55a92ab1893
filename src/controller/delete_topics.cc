#include <map>
#include <set>

#include "controller/controller.h"
#include "controller/refusal.h"

namespace moldau::controller {

namespace {

using metadata::Image;
using metadata::Record;
using metadata::Topic;
using wire::ErrorCode;
using DeletedTopic = wire::DeleteTopicsResponse::TopicResponse;

// Judges the topics of one DeleteTopics request. A topic that is named twice, by name or id or both, is left
// alone and answered once, as in Kafka.
class Deletion {
 public:
  explicit Deletion(const Image& image) : image_(image) {}

  void count(const std::optional<std::string>& name, const TopicId& id) {
    if (name && !id.is_zero()) return;
    if (name) ++names_[*name];
    if (!id.is_zero()) ++ids_[id];
    if (const Topic* topic = name ? image_.topic(*name) : nullptr) named_.insert(topic->id);
  }

  // Nothing where another item of the request answers for this one.
  std::optional<DeletedTopic> judge(const std::optional<std::string>& name, const TopicId& id,
                                    std::vector<Record>& records) {
    if (!answered_.emplace(name, id).second || (!name && named_.contains(id))) return std::nullopt;
    DeletedTopic out{.name = name, .topic_id = id};
    const Judged<const Topic*> topic = find(name, id);
    if (!topic) {
      out.error_code = topic.error().code;
      out.error_message = topic.error().message;
      return out;
    }
    out.name = (*topic)->name;
    out.topic_id = (*topic)->id;
    if (ids_.contains((*topic)->id) && name) {
      out.error_code = ErrorCode::invalid_request;
      out.error_message = "The provided topic name maps to an ID that was already supplied.";
      return out;
    }
    records.push_back(metadata::RemoveTopicRecord{(*topic)->id});
    return out;
  }

 private:
  Judged<const Topic*> find(const std::optional<std::string>& name, const TopicId& id) const {
    if (name && !id.is_zero())
      return refuse(ErrorCode::invalid_request, "You may not specify both topic name and topic id.");
    if (!name && id.is_zero())
      return refuse(ErrorCode::invalid_request, "Neither topic name nor id were specified.");
    if (name && names_.at(*name) > 1) return refuse(ErrorCode::invalid_request, "Duplicate topic name.");
    if (!name && ids_.at(id) > 1) return refuse(ErrorCode::invalid_request, "Duplicate topic id.");
    const Topic* topic = name ? image_.topic(*name) : image_.topic(id);
    if (!topic)
      return name ? refuse(ErrorCode::unknown_topic_or_partition,
                           "This server does not host this topic-partition.")
                  : refuse(ErrorCode::unknown_topic_id, "This server does not host this topic ID.");
    return topic;
  }

  const Image& image_;
  std::map<std::string, int> names_;
  std::map<TopicId, int> ids_;
  std::set<TopicId> named_;  // ids of the topics that are given by name
  std::set<std::pair<std::optional<std::string>, TopicId>> answered_;
};

}  // namespace

Outcome<wire::DeleteTopicsResponse> Controller::delete_topics(
    const Image& image, const wire::DeleteTopicsRequest& request) const {
  Outcome<wire::DeleteTopicsResponse> out;
  std::vector<std::pair<std::optional<std::string>, TopicId>> wanted;
  for (const auto& topic : request.topics) wanted.emplace_back(topic.name, topic.topic_id);
  for (const std::string& name : request.topic_names) wanted.emplace_back(name, kZeroUuid);
  if (!config::BrokerConfig(layers(image, "", kNoNode)).bool_of("delete.topic.enable")) {
    for (const auto& [name, id] : wanted)
      out.response.responses.push_back({.name = name,
                                        .topic_id = id,
                                        .error_code = ErrorCode::topic_deletion_disabled,
                                        .error_message = "Topic deletion is disabled."});
    return out;
  }
  Deletion deletion(image);
  for (const auto& [name, id] : wanted) deletion.count(name, id);
  for (const auto& [name, id] : wanted)
    if (auto judged = deletion.judge(name, id, out.records))
      out.response.responses.push_back(std::move(*judged));
  if (out.records.size() > kMaxRecordsPerOperation) {
    out.records.clear();
    for (auto& response : out.response.responses) {
      response.error_code = ErrorCode::policy_violation;
      response.error_message = kTooManyRecords;
    }
  }
  return out;
}

}  // namespace moldau::controller
