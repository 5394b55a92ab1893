#include "wire/codec.h"

#include <algorithm>

namespace moldau::wire {

std::unexpected<Error> decode_failure(std::string_view message, ApiVersion version, Error error) {
  return fail(std::move(error).within(std::string(message) + " v" + std::to_string(version)));
}

std::unexpected<Error> version_failure(std::string_view message, ApiVersion version) {
  return fail(Errc::unsupported, std::string(message) + " has no version " + std::to_string(version));
}

const MessageType* find_message(ApiKey key, MessageType::Kind kind) {
  if (kind == MessageType::Kind::data) return nullptr;
  const auto all = messages();
  const auto at = std::ranges::find_if(
      all, [&](const MessageType* type) { return type->key == key && type->kind == kind; });
  return at != all.end() ? *at : nullptr;
}

}  // namespace moldau::wire
