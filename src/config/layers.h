// Where a value comes from: the walk through the layers that topic and broker configs share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/topic_config.h"

namespace moldau::config {

// The key, as set in one layer under one of its names.
struct Occurrence {
  const Key* set_by;  // the key under whose name it was set
  std::string value;  // as it was set there
  Source source;
};

// All of them from the highest precedence to the lowest, defaults included.
std::vector<Occurrence> occurrences_of_topic_key(const Key& key, const ConfigLayers& layers);
std::vector<Occurrence> occurrences_of_broker_key(const Key& key, const ConfigLayers& layers);

// The occurrence's value in the unit of `key`: 168 of log.retention.hours is 604800000 of retention.ms.
std::string converted(const Occurrence& occurrence, const Key& key);

// The first of them that parses as a value of `key`, or null.
const Occurrence* in_force(const std::vector<Occurrence>& occurrences, const Key& key);

}  // namespace moldau::config
