#include "replication/partition_error.h"

#include "base/assert.h"

namespace moldau::replication {

wire::ErrorCode error_code_of(storage::LogErrorCode code) {
  using storage::LogErrorCode;
  using wire::ErrorCode;
  switch (code) {
    case LogErrorCode::offset_out_of_range:
      return ErrorCode::offset_out_of_range;
    case LogErrorCode::corrupt_message:
      return ErrorCode::corrupt_message;
    case LogErrorCode::message_too_large:
      return ErrorCode::message_too_large;
    case LogErrorCode::record_list_too_large:
      return ErrorCode::record_list_too_large;
    case LogErrorCode::invalid_timestamp:
      return ErrorCode::invalid_timestamp;
    case LogErrorCode::unsupported_for_message_format:
      return ErrorCode::unsupported_for_message_format;
    case LogErrorCode::out_of_order_sequence_number:
      return ErrorCode::out_of_order_sequence_number;
    case LogErrorCode::invalid_producer_epoch:
      return ErrorCode::invalid_producer_epoch;
    case LogErrorCode::invalid_txn_state:
      return ErrorCode::invalid_txn_state;
    case LogErrorCode::transaction_coordinator_fenced:
      return ErrorCode::transaction_coordinator_fenced;
    case LogErrorCode::kafka_storage_error:
      return ErrorCode::kafka_storage_error;
    case LogErrorCode::unsupported_compression_type:
      return ErrorCode::unsupported_compression_type;
    case LogErrorCode::invalid_record:
      return ErrorCode::invalid_record;
  }
  MOLDAU_UNREACHABLE("LogErrorCode");
}

std::unexpected<PartitionError> refuse(wire::ErrorCode code, std::string message) {
  PartitionError error;
  error.code = code;
  error.message = std::move(message);
  return std::unexpected(std::move(error));
}

std::unexpected<PartitionError> refuse(storage::LogError error) {
  PartitionError refused;
  refused.code = error_code_of(error.code);
  refused.message = std::move(error.message);
  refused.record_errors = std::move(error.record_errors);
  refused.passes =
      error.code == storage::LogErrorCode::kafka_storage_error && error.cause == Errc::unavailable;
  return std::unexpected(std::move(refused));
}

}  // namespace moldau::replication
