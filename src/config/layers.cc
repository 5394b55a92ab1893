#include "config/layers.h"

#include "base/assert.h"
#include "config/text.h"

namespace moldau::config {
namespace {

std::int64_t milliseconds_of(Unit unit) {
  switch (unit) {
    case Unit::seconds:
      return 1000;
    case Unit::minutes:
      return 60'000;
    case Unit::hours:
      return 3'600'000;
    default:
      return 1;
  }
}

// The property and its fallbacks.
std::vector<const Key*> family_of(const Key& broker_key) {
  std::vector<const Key*> family{&broker_key};
  for (const std::string& name : split_list(broker_key.synonyms)) {
    const Key* fallback = find_broker_key(name);
    MOLDAU_ASSERT(fallback, name);
    family.push_back(fallback);
  }
  return family;
}

std::vector<const Key*> broker_synonyms_of(const Key& topic_key) {
  std::vector<const Key*> all;
  for (const std::string& name : split_list(topic_key.synonyms)) {
    const Key* synonym = find_broker_key(name);
    MOLDAU_ASSERT(synonym, name);
    for (const Key* key : family_of(*synonym)) all.push_back(key);
  }
  return all;
}

void collect(const ConfigMap* layer, const std::vector<const Key*>& keys, Source source,
             std::vector<Occurrence>& into) {
  if (layer == nullptr) return;
  for (const Key* key : keys)
    if (const auto set = layer->find(key->name); set != layer->end())
      into.push_back({key, set->second, source});
}

void collect_broker_layers(const ConfigLayers& layers, const std::vector<const Key*>& keys,
                           std::vector<Occurrence>& into) {
  collect(layers.broker, keys, Source::dynamic_broker, into);
  collect(layers.cluster, keys, Source::dynamic_cluster, into);
  collect(layers.static_broker, keys, Source::static_broker, into);
  for (const Key* key : keys)
    if (key->default_value) into.push_back({key, std::string(*key->default_value), Source::built_in});
}

}  // namespace

std::vector<Occurrence> occurrences_of_topic_key(const Key& key, const ConfigLayers& layers) {
  std::vector<Occurrence> found;
  collect(layers.topic, {&key}, Source::topic, found);
  collect_broker_layers(layers, broker_synonyms_of(key), found);
  return found;
}

std::vector<Occurrence> occurrences_of_broker_key(const Key& key, const ConfigLayers& layers) {
  std::vector<Occurrence> found;
  collect_broker_layers(layers, family_of(key), found);
  return found;
}

std::string converted(const Occurrence& occurrence, const Key& key) {
  const std::int64_t factor = milliseconds_of(occurrence.set_by->unit) / milliseconds_of(key.unit);
  const auto number = parse_integer(trimmed(occurrence.value));
  if (factor <= 1 || !number) return occurrence.value;
  if (*number < 0) return "-1";  // unlimited in every unit
  std::int64_t product = 0;
  if (__builtin_mul_overflow(*number, factor, &product)) product = kMax;
  return std::to_string(product);
}

const Occurrence* in_force(const std::vector<Occurrence>& occurrences, const Key& key) {
  for (const Occurrence& occurrence : occurrences)
    if (parse_value(key, converted(occurrence, key))) return &occurrence;
  return nullptr;
}

}  // namespace moldau::config
