#include "wire/api.h"

#include <algorithm>

#include "base/assert.h"

namespace moldau::wire {

const ApiInfo* find_api(std::int16_t key) {
  const auto all = apis();
  const auto at = std::ranges::lower_bound(
      all, key, {}, [](const ApiInfo& info) { return static_cast<std::int16_t>(info.key); });
  return at != all.end() && static_cast<std::int16_t>(at->key) == key ? &*at : nullptr;
}

const ApiInfo* find_api(std::string_view name) {
  const auto all = apis();
  const auto at = std::ranges::find(all, name, &ApiInfo::name);
  return at != all.end() ? &*at : nullptr;
}

const ApiInfo& api(ApiKey key) {
  const ApiInfo* info = find_api(static_cast<std::int16_t>(key));
  MOLDAU_ASSERT(info != nullptr, "an API key that was not checked with find_api");
  return *info;
}

}  // namespace moldau::wire
