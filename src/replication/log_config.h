// From a topic's configuration to what its logs act on.
#pragma once

#include "config/topic_config.h"
#include "storage/log_config.h"

namespace moldau::replication {

storage::LogConfig log_config_of(const config::TopicConfig& topic);

}  // namespace moldau::replication
