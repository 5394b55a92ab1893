#include "storage/log_error.h"

#include "base/assert.h"

namespace moldau::storage {

std::string_view name_of(LogErrorCode code) {
  switch (code) {
    case LogErrorCode::offset_out_of_range:
      return "OFFSET_OUT_OF_RANGE";
    case LogErrorCode::corrupt_message:
      return "CORRUPT_MESSAGE";
    case LogErrorCode::message_too_large:
      return "MESSAGE_TOO_LARGE";
    case LogErrorCode::record_list_too_large:
      return "RECORD_LIST_TOO_LARGE";
    case LogErrorCode::invalid_timestamp:
      return "INVALID_TIMESTAMP";
    case LogErrorCode::unsupported_for_message_format:
      return "UNSUPPORTED_FOR_MESSAGE_FORMAT";
    case LogErrorCode::out_of_order_sequence_number:
      return "OUT_OF_ORDER_SEQUENCE_NUMBER";
    case LogErrorCode::invalid_producer_epoch:
      return "INVALID_PRODUCER_EPOCH";
    case LogErrorCode::invalid_txn_state:
      return "INVALID_TXN_STATE";
    case LogErrorCode::transaction_coordinator_fenced:
      return "TRANSACTION_COORDINATOR_FENCED";
    case LogErrorCode::kafka_storage_error:
      return "KAFKA_STORAGE_ERROR";
    case LogErrorCode::unsupported_compression_type:
      return "UNSUPPORTED_COMPRESSION_TYPE";
    case LogErrorCode::invalid_record:
      return "INVALID_RECORD";
  }
  MOLDAU_UNREACHABLE("log error code");
}

std::unexpected<LogError> refuse(LogErrorCode code, std::string message) {
  return std::unexpected(LogError{.code = code, .message = std::move(message)});
}

std::unexpected<LogError> refuse(Error error) {
  const LogErrorCode code =
      error.code == Errc::corrupt ? LogErrorCode::corrupt_message : LogErrorCode::kafka_storage_error;
  return std::unexpected(LogError{.code = code, .message = std::move(error.message), .cause = error.code});
}

}  // namespace moldau::storage
