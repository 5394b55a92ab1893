#include "server/broker.h"

namespace moldau::server {

config::ConfigLayers Broker::config_layers(const metadata::Image& image, const std::string* topic) const {
  using metadata::ConfigResource;
  using metadata::ResourceType;
  config::ConfigLayers layers;
  if (topic != nullptr) layers.topic = &image.configs(ConfigResource{ResourceType::topic, *topic});
  layers.broker = &image.configs(ConfigResource{ResourceType::broker, std::to_string(node_id)});
  layers.cluster = &image.configs(ConfigResource{ResourceType::broker, ""});
  layers.static_broker = &settings.broker;
  return layers;
}

}  // namespace moldau::server
