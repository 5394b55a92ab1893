// What a Log refuses, in the words of Kafka's error codes (kafka-protocol.md 2.6): each value has exactly one
// code on the wire. Failures of files and of the device are kafka_storage_error.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace moldau::storage {

enum class LogErrorCode {
  offset_out_of_range,             // OFFSET_OUT_OF_RANGE (1)
  corrupt_message,                 // CORRUPT_MESSAGE (2)
  message_too_large,               // MESSAGE_TOO_LARGE (10)
  record_list_too_large,           // RECORD_LIST_TOO_LARGE (18)
  invalid_timestamp,               // INVALID_TIMESTAMP (32)
  unsupported_for_message_format,  // UNSUPPORTED_FOR_MESSAGE_FORMAT (43)
  out_of_order_sequence_number,    // OUT_OF_ORDER_SEQUENCE_NUMBER (45)
  invalid_producer_epoch,          // INVALID_PRODUCER_EPOCH (47)
  invalid_txn_state,               // INVALID_TXN_STATE (48)
  transaction_coordinator_fenced,  // TRANSACTION_COORDINATOR_FENCED (52)
  kafka_storage_error,             // KAFKA_STORAGE_ERROR (56); retriable
  unsupported_compression_type,    // UNSUPPORTED_COMPRESSION_TYPE (76)
  invalid_record,                  // INVALID_RECORD (87)
};

std::string_view name_of(LogErrorCode code);

// One record of the batch that the whole batch was refused for (Produce v8+).
struct RecordError {
  std::int32_t batch_index = 0;  // of the record in the batch
  std::optional<std::string> message;
  friend bool operator==(const RecordError&, const RecordError&) = default;
};

struct LogError {
  LogErrorCode code = LogErrorCode::kafka_storage_error;
  std::string message;  // for a person
  std::vector<RecordError> record_errors;
  // Of a kafka_storage_error: what happened below. Errc::unavailable and Errc::no_space pass (CommitLog::
  // wait_for_space()); any other stays until the log is opened again.
  Errc cause = Errc::io;
};

template <class T>
using LogResult = std::expected<T, LogError>;

std::unexpected<LogError> refuse(LogErrorCode code, std::string message);
// The error of a file or of the commit log: corrupt_message for damaged bytes, else kafka_storage_error.
std::unexpected<LogError> refuse(Error error);

}  // namespace moldau::storage
