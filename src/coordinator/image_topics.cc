#include "coordinator/image_topics.h"

namespace moldau::coordinator {

std::optional<group::TopicView> ImageTopics::find(std::string_view name) const {
  const metadata::Topic* topic = image_->topic(name);
  if (topic == nullptr) return std::nullopt;
  return group::TopicView{topic->id, topic->partition_count()};
}

std::optional<std::string> ImageTopics::name_of(const TopicId& id) const {
  const metadata::Topic* topic = image_->topic(id);
  if (topic == nullptr) return std::nullopt;
  return topic->name;
}

void ImageTopics::for_each_name(const std::function<void(const std::string& name)>& visit) const {
  for (const auto& [name, topic] : image_->topics()) visit(name);
}

}  // namespace moldau::coordinator
