#include "cli/kafka_exception.h"

#include <cctype>

#include "cli/session.h"

namespace moldau::cli {

std::string exception_name(wire::ErrorCode code) {
  const std::string package = "org.apache.kafka.common.errors.";
  if (code == wire::ErrorCode::non_empty_group) return package + "GroupNotEmptyException";
  std::string name;
  bool upper = true;
  for (const char c : wire::name_of(code)) {
    if (c == '_') {
      upper = true;
      continue;
    }
    name += upper ? c : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    upper = false;
  }
  return package + name + "Exception";
}

std::string exception_text(const client::Failure& failure) {
  if (failure.broker == wire::ErrorCode::none) return failure.to_string();
  return exception_name(failure.broker) + ": " + words_of(failure);
}

}  // namespace moldau::cli
