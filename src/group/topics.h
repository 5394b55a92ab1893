// What the coordinator knows of the cluster's topics, as far as consumer groups need it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"

namespace moldau::group {

struct TopicView {
  TopicId id;
  std::int32_t partitions = 0;
};

class Topics {
 public:
  virtual ~Topics() = default;
  // Another one whenever topics or partitions were added or removed.
  virtual std::uint64_t version() const = 0;
  virtual std::optional<TopicView> find(std::string_view name) const = 0;
  virtual std::optional<std::string> name_of(const TopicId& id) const = 0;
  // In any order.
  virtual void for_each_name(const std::function<void(const std::string& name)>& visit) const = 0;
};

}  // namespace moldau::group
