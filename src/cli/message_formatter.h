// Kafka's message formatters: how the console consumer prints a record.
#pragma once

#include "cli/coordinator_records.h"
#include "cli/deserializer.h"
#include "cli/record_writer.h"
#include "cli/session.h"

namespace moldau::cli {

class MessageFormatter {
 public:
  // `class_name`: of the formatter, "" for the default one. Properties: print.timestamp, print.key,
  // print.offset, print.partition, print.delivery, print.headers, print.epoch, print.value, key.separator,
  // line.separator, headers.separator, null.literal, key.deserializer, value.deserializer,
  // headers.deserializer. OffsetsMessageFormatter, GroupMetadataMessageFormatter and
  // TransactionLogMessageFormatter print records of the internal topics as JSON, a line for each.
  static Answer<MessageFormatter> create(std::string_view class_name, const Properties& properties);

  // False: a key or value is not what its deserializer reads.
  bool append(std::string& out, const PrintedRecord& printed) const;

 private:
  enum class Kind { standard, logging, none, coordinator };
  bool append_standard(std::string& out, const PrintedRecord& printed) const;
  bool append_logging(std::string& out, const PrintedRecord& printed) const;
  bool append_coordinator(std::string& out, const PrintedRecord& printed) const;
  bool append_field(std::string& out, const std::optional<ByteView>& bytes, Deserialize deserialize) const;
  bool append_headers(std::string& out, const record::RecordHeaders& headers) const;

  Kind kind_ = Kind::standard;
  CoordinatorRecord records_ = CoordinatorRecord::offset;
  bool print_timestamp_ = false;
  bool print_key_ = false;
  bool print_offset_ = false;
  bool print_partition_ = false;
  bool print_delivery_ = false;
  bool print_headers_ = false;
  bool print_epoch_ = false;
  bool print_value_ = true;
  std::string key_separator_ = "\t";
  std::string line_separator_ = "\n";
  std::string headers_separator_ = ",";
  std::string null_literal_ = "null";
  Deserialize key_ = deserialize_text;
  Deserialize value_ = deserialize_text;
  Deserialize header_ = deserialize_text;
};

}  // namespace moldau::cli
