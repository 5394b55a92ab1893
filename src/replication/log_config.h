// From the configuration of a topic and its broker to what the topic's logs act on.
#pragma once

#include "config/topic_config.h"
#include "storage/log_config.h"

namespace moldau::replication {

storage::LogConfig log_config_of(const config::TopicConfig& topic, const config::BrokerConfig& broker);

}  // namespace moldau::replication
