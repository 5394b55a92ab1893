#include "cli/kafka_exception.h"

#include <cctype>

#include "cli/session.h"

namespace moldau::cli {

namespace {

// Whose classes are not named after their codes.
constexpr std::pair<wire::ErrorCode, std::string_view> kOther[] = {
    {wire::ErrorCode::non_empty_group, "GroupNotEmptyException"},
    {wire::ErrorCode::message_too_large, "RecordTooLargeException"},
    {wire::ErrorCode::record_list_too_large, "RecordBatchTooLargeException"},
    {wire::ErrorCode::request_timed_out, "TimeoutException"},
    {wire::ErrorCode::corrupt_message, "CorruptRecordException"},
    {wire::ErrorCode::topic_already_exists, "TopicExistsException"},
    {wire::ErrorCode::kafka_storage_error, "KafkaStorageException"},
    {wire::ErrorCode::network_exception, "NetworkException"},
};

}  // namespace

std::string exception_name(wire::ErrorCode code) {
  const std::string package = "org.apache.kafka.common.errors.";
  for (const auto& [known, name_of_class] : kOther)
    if (known == code) return package + std::string(name_of_class);
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
